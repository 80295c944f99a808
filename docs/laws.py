"""Writes docs/laws.md from the declarations of the catalogue: python docs/laws.py."""

import inspect
import sys
from pathlib import Path
from typing import Any

import bayes_scaling as bs

PAGE = Path(__file__).with_suffix(".md")

HEAD = """# The laws

Made by `python docs/laws.py` from the declarations in `bayes_scaling/laws/`; `bayes-scaling laws` prints the same.

Inputs are columns of the table, and a table needs only those of its law. Inside a law each is a multiple of the
reference point, the geometric mean of its column (unique tokens: of tokens), so that an amplitude is in nats per token
(or in the unit of the loss) there. A law reads other columns where its name says so: `m4:flops`, `kaplan_n:backbone`,
`covariate:params+tokens+gzip`. Priors are median and spread on the logarithmic scale (LogNormal) or of the log odds
(LogitNormal), or mean and standard deviation (Normal). Laws of downstream tasks give a share between 0 and 1, and
laws of scores any number; priors of these are in units of the range of the table's scores. Priors of losses are for
language models in nats per token; where a table's lowest loss is below 1 or above 6, those of floors are in units of it
over 2.6 and vaguer, others in units of the median loss less two thirds of the lowest, over 1.2.
"""


def page() -> str:
    """The whole page."""
    lineages: dict[str, list[bs.Law]] = {}
    for law in bs.LAWS.values():
        module = law.function.__module__
        if module.startswith("bayes_scaling."):
            lineages.setdefault(module, []).append(law)
    parts = [HEAD]
    for module in sorted(lineages):
        about = inspect.getdoc(sys.modules[module]) or ""
        parts += [f"## {about.partition(chr(10) + chr(10))[0].replace(chr(10), ' ').rstrip('.')}", ""]
        for law in lineages[module]:
            parts += [_section(law), ""]
    return "\n".join(parts).rstrip() + "\n"


def _section(law: bs.Law) -> str:
    names = "".join(f", also `{name}`" for name in law.also)
    inputs = (f"{i} = `{c}`" if i != c else f"`{c}`" for i, c in zip(law.inputs, law.columns, strict=True))
    parameters = (f"`{name}` {law.meaning(name)}, {_prior(prior)}" for name, prior in law.priors.items())
    return "\n".join(
        [
            f"### `{law.name}`{names}",
            "",
            f"    {law.formula}",
            "",
            inspect.getdoc(law.function) or "",
            "",
            f"- Source: {law.cite}.",
            f"- Inputs: {', '.join(inputs)}.",
            f"- Parameters: {'; '.join(parameters)}.",
        ]
    )


def _prior(prior: Any) -> str:
    if isinstance(prior, bs.OfRange):
        above = " above the highest" if isinstance(prior.prior, bs.Normal) else ""
        return f"{_prior(prior.prior)} ranges of the scores{above}"
    above = f", above {prior.above:g}" if getattr(prior, "above", 0) else ""
    middle = prior.mean if isinstance(prior, bs.Normal) else prior.median
    return f"{type(prior).__name__}({middle:g}, {prior.spread:g}{above})"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
