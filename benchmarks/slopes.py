"""Exponents of every law of losses against slopes of the law itself: uv run benchmarks/slopes.py.

At 200 draws of each law's prior and of its inputs the reducible loss is evaluated in extended precision a little before
and a little after, with other resources endless as `exponents` has them. Writes benchmarks/results/slopes.md.
"""

from pathlib import Path

import numpy as np

import bayes_scaling as bs
from bayes_scaling.laws.base import Law
from bayes_scaling.laws.derivatives import exponents

PAGE = Path(__file__).parent / "results" / "slopes.md"
DRAWS, STEP, ENDLESS = 200, np.longdouble(1e-5), np.longdouble(1e200)
PRODUCTS = {"depth_width"}
"""Laws whose resources act as one: of endless depth nothing is left to width."""

HEAD = f"""# Exponents against numeric slopes
Made by `uv run benchmarks/slopes.py`. Each law of losses at {DRAWS} draws of its prior, at inputs drawn over four decades: the
exponents that `fit.exponents()` takes from the law by differentiation, beside central differences of the law in extended
precision, with the other resources endless (or as they are, where endless ones leave nothing). Inputs that a run chooses freely
are at their best. Draws at which the law has no limit below, or falls as a power of nothing, have no exponent.

| law | inputs | exponents | largest difference | largest exponent |
|---|---|---|---|---|
"""


def differences(law: Law) -> tuple[list[float], list[float]]:
    """|exponent - slope|, and the slopes, over draws and inputs where the law has an exponent."""
    rng, found, slopes = np.random.default_rng(1), [], []
    for _ in range(DRAWS):
        p = {
            k: np.float64(prior.forward(prior.location + prior.spread * rng.standard_normal()))
            for k, prior in law.priors.items()
        }
        at = {x: np.exp(1.2 * rng.standard_normal()) for x in law.inputs if x not in law.chosen}
        exact = {name: np.longdouble(value) for name, value in p.items()}

        def loss(over: dict[str, np.longdouble], exact=exact, at=at) -> np.longdouble:
            values = {**dict.fromkeys(law.inputs, np.longdouble(1)), **at, **over}
            best = law.at_best(**values, **exact) if law.at_best else {}
            values |= {name: value for name, value in best.items() if name not in at}
            return law.function(*(np.longdouble(values[x]) for x in law.inputs), **exact)

        with np.errstate(all="ignore"):
            ours = exponents(law, at, p)
            floor = loss(dict.fromkeys((r for r in law.resources if r not in law.chosen), ENDLESS))
            for x, column in zip(law.inputs, law.columns, strict=True):
                if x in law.chosen or column not in ours:
                    continue
                u = np.log(np.longdouble(at[x]))
                others = {r: ENDLESS for r in law.resources if r != x and r not in law.chosen}
                for rest in ({},) if law.name in PRODUCTS else (others, {}):
                    low, high = (np.log(loss(rest | {x: np.exp(u + h)}) - floor) for h in (-STEP, STEP))
                    slope = float((low - high) / (2 * STEP))
                    if np.isfinite(slope):
                        break
                found.append(abs(slope - float(ours[column])))
                slopes.append(abs(slope))
    return found, slopes


def main() -> None:
    lines = []
    for name, law in sorted(bs.LAWS.items()):
        if law.response != "loss":
            continue
        found, slopes = differences(law)
        of = ", ".join(c for x, c in zip(law.inputs, law.columns, strict=True) if x in law.resources)
        row = (str(len(found)), f"{max(found):.0e}", f"{max(slopes):.3g}") if found else ("0", "-", "-")
        lines.append(f"| `{name}` | {of} | {' | '.join(row)} |")
        print(lines[-1], flush=True)
    PAGE.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
