"""``python -m bayes_scaling`` is the command line."""

import sys

from bayes_scaling.cli.main import main

sys.exit(main())
