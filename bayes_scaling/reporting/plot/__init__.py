"""Pictures of fits and of results: functions of ``(fit or result, ..., ax=None)`` that return the Axes.

Without ``ax`` a new pyplot figure is made; with it pyplot is not touched. A picture of several panels draws them
instead of the Axes; `panels` gives them. The law's band is dark and that of a new run light; beyond the data lines are
dashed and bands hatched. `dark` turns a picture over for a dark page.

To add a picture, write its function in a file of ``fits/`` or ``results/`` and list it in `__init__.pyi`. One of a fit
is then a kind of the command line's ``plot``; one of a result under ``@plot_of`` is what its `Result.plot` draws.
"""

import re
from pathlib import Path

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

KINDS = {
    name: f"reporting.plot.{module}.{name}"
    for module, name in re.findall(
        r"^from \.(overview|fits\.\w+) import (\w+)",
        Path(__file__).with_suffix(".pyi").read_text("utf-8"),
        re.MULTILINE,
    )
}
"""Pictures that need nothing but a fit and options: name -> function, from the package on."""


def register() -> None:
    """Loads every picture, so that each result knows its own."""
    for name in __all__:
        __getattr__(name)
