"""Draws the picture of gate.md from the code of that page: python docs/gate.py."""

import re
from pathlib import Path

import matplotlib

matplotlib.use("agg")

from bayes_scaling.reporting.image_files import save_picture

HERE = Path(__file__)
code = re.findall(r"^```python\n(.*?)^```$", HERE.with_suffix(".md").read_text(), re.MULTILINE | re.DOTALL)
names: dict = {}
exec(code[0], names)
save_picture(names["found"].plot(), HERE.with_suffix(".png"))
