"""Draws the picture of the page on following a run: python docs/follow.py."""

import re
import tempfile
from pathlib import Path

import matplotlib

matplotlib.use("agg")

PAGE = Path(__file__).with_suffix(".md")
code = "\n".join(
    re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
)
names: dict[str, object] = {}
with tempfile.TemporaryDirectory() as folder:
    exec(code.replace("hero.json", f"{folder}/hero.json"), names)
ax = names["found"].plot()
ax.figure.savefig(PAGE.with_suffix(".png"), dpi=110)
