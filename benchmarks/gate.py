"""Whether `gate` is right about simulated variants: coverage, the winner's curse, and the regret of what it promotes.

    uv run benchmarks/gate.py [--studies 200] [--page]

A study is a baseline and 40 variants at three rungs, one seed each, whose true speedups are log-normal (0, .1). It is fitted
with the settings of `for_variants` and asked by `gate`, as a user does; beside it stand point estimates of the same runs. A
study that is done is a line in benchmarks/results/gate/ and is not made again. benchmarks/results/gate.json and .md are written
at the end; --page makes them from what is there. `--exponents .03` lets variants differ in their exponents too, and `--pooling partial`
lets the fit know.
"""

import argparse
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import bayes_scaling as bs
from bayes_scaling.reporting.tables import markdown

RESULTS = Path(__file__).parent / "results"
COMMAND = "uv run benchmarks/gate.py --studies 200"
RUNGS, AT, NEXT, REFERENCE = (1e19, 1e20, 1e21), 1e23, 1e22, 1e20
VARIANTS, SPREAD, NOISE, OFF = 40, 0.1, 0.003, 0.2
LAW = "gpt4"


class Study:
    """A baseline and variants: their truth, their runs, and what the next rung will show."""

    def __init__(self, seed: int, exponents: float = 0.0):
        rng = np.random.default_rng([seed, 28])
        self.seed = seed
        self.floor, self.amplitude, self.alpha = (
            rng.uniform(*r) for r in ((1.3, 1.9), (0.6, 1.0), (0.12, 0.2))
        )
        self.names = ["base", *(f"variant {i + 1}" for i in range(VARIANTS))]
        speedup = np.concatenate([[0.0], SPREAD * rng.standard_normal(VARIANTS)])
        self.alphas = self.alpha * np.exp(exponents * np.concatenate([[0.0], rng.standard_normal(VARIANTS)]))
        self.level = np.log(self.amplitude) - self.alpha * speedup
        self.losses = self.measured(rng, *RUNGS)
        self.next = self.measured(rng, NEXT)[:, 0]

    def loss(self, *flops: float) -> np.ndarray:
        """True losses, shape (variants + 1, budgets)."""
        scale = np.log(np.array(flops) / REFERENCE)
        found: np.ndarray = self.floor + np.exp(self.level[:, None] - self.alphas[:, None] * scale)
        return found

    def measured(self, rng: np.random.Generator, *flops: float) -> np.ndarray:
        loss = self.loss(*flops)
        noisy: np.ndarray = loss * np.exp(NOISE * rng.standard_normal(loss.shape))
        return noisy

    def speedup(self, flops: float) -> np.ndarray:
        """True speedups of the variants."""
        log_reducible = np.log(self.loss(flops)[1:, 0] - self.floor)
        needed = np.log(REFERENCE) + (self.level[0] - log_reducible) / self.alphas[0]
        found: np.ndarray = np.exp(needed - np.log(flops))
        return found

    @property
    def table(self) -> pd.DataFrame:
        rows = [
            {"variant": name, "flops": c, "loss": loss}
            for name, losses in zip(self.names, self.losses, strict=True)
            for c, loss in zip(RUNGS, losses, strict=True)
        ]
        return pd.DataFrame(rows)

    def points(self) -> dict[str, np.ndarray]:
        """Speedups at the target by the point estimates of the field."""
        pinned = {
            "own curve, floor known": self.floor,
            f"own curve, floor {OFF} too low": self.floor - OFF,
            f"own curve, floor {OFF} too high": self.floor + OFF,
        }
        last = np.log(self.losses[:, -1] - self.floor)
        above = np.log(self.losses - self.floor)
        x = np.log(RUNGS) - np.mean(np.log(RUNGS))
        slope = -(above @ x) / (x @ x)
        level = above.mean(1)
        return {
            "last rung, floor known": np.exp((last[0] - last[1:]) / slope[0]),
            "shared curve, floor known": np.exp((level[0] - level[1:]) / slope.mean()),
            **{name: self.extrapolated(floor) for name, floor in pinned.items()},
        }

    def extrapolated(self, floor: float) -> np.ndarray:
        """Each variant's own amplitude and exponent by least squares, above a pinned floor."""
        x = np.log(RUNGS)
        slope, level = np.polyfit(x, np.log(self.losses - floor).T, 1)
        there = level[1:] + slope[1:] * np.log(AT)
        found: np.ndarray = np.exp((there - level[0]) / slope[0] - np.log(AT))
        return found


def asked(study: Study, pooling: str) -> dict[str, Any]:
    """What the verb says of a study, beside the truth."""
    settings: dict[str, Any] = {**bs.for_variants(LAW)}
    settings["pooling"] = {**settings["pooling"], "alpha": pooling}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = bs.fit(study.table, LAW, group="variant", seed=study.seed, **settings)
    found = bs.gate(fit, "base", at=AT)
    order = [list(found.speedup["group"].to_numpy()).index(name) for name in study.names[1:]]
    low, high = found.interval(0.9)
    middle = found.median().to_numpy()[order]
    places = [len(RUNGS) - 1, -1]  # the last rung, and the target

    def kept(x: np.ndarray) -> list:
        return np.round(x, 4).tolist()

    return {
        "seed": study.seed,
        "ok": fit.diagnose().ok,
        "seconds": fit.provenance["seconds"],
        "true": kept(np.array([study.speedup(c) for c in (RUNGS[-1], AT)]).T),
        "low": kept(low.to_numpy()[order][:, places]),
        "high": kept(high.to_numpy()[order][:, places]),
        "median": kept(middle[:, places]),
        "above": kept(found.prob_above(found.threshold).to_numpy()[order][:, -1]),
        "confirmed": kept(found.confirmed.to_numpy()[order]),
        "better": (study.next[1:] < study.next[0]).tolist(),
        "verdicts": [found.verdicts[name] for name in study.names[1:]],
        "warnings": found.warnings,
    }


def judged(studies: list[dict[str, Any]], exponents: float) -> dict[str, Any]:
    """Coverage of the intervals, regret of what is promoted, and how far the best-looking is overrated."""
    rivals = [Study(s["seed"], exponents).points() for s in studies]
    true, low, high, median = (np.array([s[x] for s in studies]) for x in ("true", "low", "high", "median"))
    inside = (low <= true) & (true <= high)
    at = true[..., -1]
    each = np.arange(len(studies))
    best = median[..., -1].argmax(1)
    promoted = np.array([s["verdicts"][b] == "promote" for s, b in zip(studies, best, strict=True)])
    chosen = {"gate": np.where(promoted, at[each, best], 1.0)}
    claimed = {"gate": np.where(promoted, median[each, best, -1], 1.0)}
    for name in rivals[0]:
        points = np.array([rival[name] for rival in rivals])
        first = points.argmax(1)
        chosen[name], claimed[name] = at[each, first], points[each, first]
    above, confirmed = (np.array([s[x] for s in studies]) for x in ("above", "confirmed"))
    better = np.array([s["better"] for s in studies])
    regret = {name: np.log(at.max(1) / x) for name, x in chosen.items()}
    return {
        "studies": len(studies),
        "converged": int(sum(s["ok"] for s in studies)),
        "seconds": float(np.median([s["seconds"] for s in studies])),
        "coverage": dict(zip([f"{c:g}" for c in (RUNGS[-1], AT)], inside.mean((0, 1)).tolist(), strict=True)),
        "coverage_sd": float(inside[..., -1].mean(1).std(ddof=1) / np.sqrt(len(studies))),
        "coverage_best": float(inside[each, best, -1].mean()),
        "below_best": float((at < low[..., -1])[each, best].mean()),
        "width": float(np.median(np.log(high / low)[..., -1])),
        "promoted": int(promoted.sum()),
        "regret": {
            name: [float(x.mean()), float(x.std(ddof=1) / np.sqrt(len(x)))] for name, x in regret.items()
        },
        "regret_less": {
            name: [float(d.mean()), float(d.std(ddof=1) / np.sqrt(len(d)))]
            for name, x in regret.items()
            if name != "gate" and (d := x - regret["gate"]) is not None
        },
        "overrated": {name: float(np.log(claimed[name] / chosen[name]).mean()) for name in chosen},
        "confirmed": [
            [float(confirmed[own].mean()), float(better[own].mean()), int(own.sum())]
            for own in _parts(confirmed)
        ],
        "above": [
            [float(above[own].mean()), float((at > 1.05)[own].mean()), int(own.sum())]
            for own in _parts(above)
        ],
        "warned": int(sum(any("not parallel" in w for w in s["warnings"]) for s in studies)),
    }


def _parts(chance: np.ndarray) -> list[np.ndarray]:
    """Where chances lie in fifths of the way from 0 to 1."""
    return [own for i in range(5) if (own := np.minimum((chance * 5).astype(int), 4) == i).any()]


ARMS = {
    "0_complete": "exponents alike, shared",
    "0.03_complete": "exponents differ by 3%, taken for shared",
    "0.03_partial": "exponents differ by 3%, pooled partially",
}


def page(found: dict[str, Any]) -> str:
    first = found["0_complete"]
    lines = [
        "# Gate: simulated variants",
        "",
        f"Made by `{COMMAND}`, of which {first['studies']} are done: the command goes on where it stopped. "
        + ("Rows of other exponents: `--exponents .03 [--pooling partial]`. " if len(found) > 1 else "")
        + "A study is a baseline and 40 variants at 1e19, 1e20 and 1e21 FLOPs, one seed each, of E + A C^-alpha with "
        "E from 1.3 to 1.9, A at 1e20 from .6 to 1, alpha from .12 to .2; true speedups are log-normal (0, .1), seeds scatter by "
        ".3%. Each is fitted with `for_variants` and asked for 1e23 FLOPs by `gate`, as a user does. One fit takes about "
        f"{first['seconds']:.0f} s on two busy cores.",
        "",
        _table([_coverage(ARMS[arm], x) for arm, x in found.items()]),
        "",
        "The bar is .87 to .93 for all variants and for the best-looking. A standard error of the first is that between studies, "
        "whose variants share the noise of one baseline.",
        "",
        "## What is promoted",
        "",
        "Regret is the log of the best true speedup over that of the variant that is promoted. A point estimate promotes the "
        "variant that it has the largest speedup for, `gate` that of the largest median where its verdict is to promote it; else the "
        "baseline stays. Overrated is the log of the claimed over the true speedup of that variant: the winner's curse.",
        "",
        _table([_regret(name, first) for name in first["regret"]]),
        "",
        "Where all variants have the same rungs, shrinking them together hardly changes which is best: the point estimate that "
        "shares the curve and knows the floor promotes the same variant as `gate` mostly. It overrates it, and has no interval.",
        "",
        "## Probabilities",
        "",
        "How often it was so, by the probability that was said (means within fifths of the way from 0 to 1).",
        "",
        _table(
            [
                {"what": what, "said": f"{said:.2f}", "was": f"{was:.2f}", "variants": n}
                for what, key in (("speedup above 1.05", "above"), ("next rung confirms", "confirmed"))
                for said, was, n in first[key]
            ]
        ),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _table(rows: list[dict[str, Any]]) -> str:
    return markdown(list(rows[0]), [row.values() for row in rows])


def _coverage(name: str, x: dict[str, Any]) -> dict[str, str]:
    at = list(x["coverage"].values())
    return {
        "truth, and the fit": name,
        "studies": str(x["studies"]),
        "converged": str(x["converged"]),
        "coverage of 90%, at 1e21": f"{at[-2]:.3f}",
        "at 1e23": f"{at[-1]:.3f} ± {x['coverage_sd']:.3f}",
        "best-looking": f"{x['coverage_best']:.3f}",
        "its truth below": f"{x['below_best']:.3f}",
        "width": f"{x['width']:.2f}",
        "warned of slopes": f"{x['warned']}",
    }


def _regret(name: str, x: dict[str, Any]) -> dict[str, str]:
    mean, se = x["regret"][name]
    more = x["regret_less"].get(name)
    return {
        "by": name,
        "regret": f"{mean:.3f} ± {se:.3f}",
        "more than gate": "" if more is None else f"{more[0]:+.3f} ± {more[1]:.3f}",
        "overrated": f"{x['overrated'][name]:+.3f}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=RESULTS / "gate")
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--exponents", type=float, default=0.0)
    parser.add_argument("--pooling", choices=["complete", "partial"], default="complete")
    parser.add_argument("--page", action="store_true")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    file = options.work / f"{options.exponents:g}_{options.pooling}.jsonl"
    done = {json.loads(line)["seed"] for line in file.read_text().splitlines()} if file.exists() else set()
    for seed in range(options.studies) if not options.page else ():
        if seed not in done:
            line = json.dumps(asked(Study(seed, options.exponents), options.pooling))
            with file.open("a") as lines:
                lines.write(line + "\n")
    found = {}
    for arm in ARMS:
        if (file := options.work / f"{arm}.jsonl").exists():
            studies = [json.loads(line) for line in file.read_text().splitlines()]
            found[arm] = judged(studies, float(arm.partition("_")[0]))
    (RESULTS / "gate.json").write_text(json.dumps({"command": COMMAND, "arms": found}, indent=1) + "\n")
    (RESULTS / "gate.md").write_text(page(found))


if __name__ == "__main__":
    main()
