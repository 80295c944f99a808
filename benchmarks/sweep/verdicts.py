"""What the sweep's figures say, in sentences that are made from the figures."""

from typing import Any

import pandas as pd

PROBS = (0.5, 0.8, 0.9)


def side(low: float, high: float) -> str:
    """What an interval of a slope says."""
    return "falls with" if high < 0 else "rises with" if low > 0 else "shows no sure trend in"


def of_seeds(found: dict[str, Any]) -> str:
    """The table of the forms in sentences."""
    aic = {
        name: {"normal": form["aic_normal"], "Student-t": form["aic"]}
        for name, form in found["forms"].items()
    }
    least = {name: min(both.values()) for name, both in aic.items()}
    better = {name: min(both, key=lambda noise: both[noise]) for name, both in aic.items()}
    gap = {name: abs(both["normal"] - both["Student-t"]) for name, both in aic.items()}
    n, d = (found["posterior"][f"slope {x}"] for x in "ND")
    both = "in N and D"
    return (
        f"So the scatter {side(d[0], d[2])} D and {side(n[0], n[2])} N. With one sigma for all cells it looks {better['constant']} "
        f"(AIC lower by {gap['constant']:.1f}); once sigma depends on N and D, {better[both]} (by {gap[both]:.1f}). The package's own form, "
        "log sigma linear in the log of one column, gains "
        f'{least["constant"] - least["in D"]:.1f} of AIC over a constant in D (`Noise(slope_in="tokens")`), {least["constant"] - least["in C"]:.1f} '
        f'in C (`"flops"`) and {least["constant"] - least["in N"]:.1f} in N (`"params"`). Over D alone, N and D together gain '
        f"{least['in D'] - least[both]:.1f}; over these, a quadratic {least[both] - least['in N and D, quadratic']:.1f}, and slopes of each "
        f"corpus's own {least[both] - least['in N and D, by corpus']:.1f}."
    )


def of_the_floor(fits: list[dict[str, Any]], truth: float) -> str:
    """Which laws' intervals hold the truth, in sentences."""
    said = []
    for part, name in (("grid", "From the grid"), ("all", "From grid and ladder")):
        own = [f for f in fits if f["part"] == part]
        if not own:
            continue
        held = [f["law"] for f in own if f["lower"] <= truth <= f["upper"]]
        sides = {"above" if f["lower"] > truth else "below" for f in own}
        if not held and len(sides) == 1:
            said.append(
                f"{name}, none of {len(own)} intervals holds the truth: all lie {sides.pop()} it, so that a limit read off "
                "any of these laws is a statement of the law."
            )
            continue
        missed = [
            f"`{f['law']}` ({'above' if f['lower'] > truth else 'below'} it)"
            for f in own
            if f["law"] not in held
        ]
        said.append(
            f"{name}, {len(held)} of {len(own)} intervals hold the truth"
            + (f"; outside: {', '.join(missed)}." if missed else ".")
        )
    return " ".join(said) + (
        " An interval that does not hold it measures the law's misfit"
        + (
            ": every chain passed its diagnosis."
            if all(f["ok"] for f in fits)
            else ", or chains that did not pass."
        )
    )


def of_the_choice(record: dict[str, Any]) -> list[str]:
    """Which law was named when, and what chose the other, as lines of the page."""
    if "inside" not in record:
        return []
    inside = {law["law"]: law for law in record["inside"]["laws"]}
    best = max(inside.values(), key=lambda law: law["elpd"])["law"]
    gap = inside["chinchilla"]
    said = (
        "`chinchilla` was named before any of the ladder was seen. `rosenfeld`, whose loss cannot exceed that of guessing, was "
        "added after `chinchilla` had missed the ladder, so its figures here are no blind forecast. "
    )
    if best == "rosenfeld":
        said += (
            "What chooses it sees the grid alone: leave-one-out over configurations prefers it to `chinchilla` by "
            f"{-gap['elpd_diff']:.0f} nats (standard error {gap['dse']:.1f}; below)."
        )
    else:
        said += f"The grid alone, by leave-one-out over configurations, prefers `{best}` (below)."
    return [said, ""]


def of_the_ladder(parts: list[dict[str, Any]]) -> list[str]:
    """Held runs and median errors in sentences, as lines of the page."""
    said, density = [], {}
    for part in parts:
        rows = pd.DataFrame(part["rows"])
        own = rows[rows["method"] == "posterior"]
        density[part["law"], part["pooling"]] = own["log_density"].mean()
        if part["pooling"] != "partial":
            continue
        held = ", ".join(
            f"{int(((own['pit'] - 0.5).abs() <= p / 2).sum())} by its {p:.0%} band" for p in PROBS
        )
        errors = ", ".join(f"{g['error'].median():+.1%} on `{name}`" for name, g in own.groupby("group"))
        said.append(
            f"- `{part['law']}` (partial pooling) holds, of {len(own)}, {held}; its median forecast errs by {errors}."
        )
    laws = [law for law, pooling in density if pooling == "none" and (law, "partial") in density]
    gains = ", ".join(f"{density[law, 'partial'] - density[law, 'none']:+.2f} under `{law}`" for law in laws)
    said.append(f"- Partial pooling against none changes the mean log density of a held-out run by {gains}.")
    if ("skaling", "partial") not in density:
        how = " with partial pooling" if ("skaling", "none") in density else ""
        said.append(
            f"- Left out for its time: `skaling`{how}: pooled partially, it takes some 120 leapfrog steps a draw on this "
            "table. The command goes on with it."
        )
    if missed := [f"`{p['law']}` ({p['pooling']})" for p in parts if not p["health"]["ok"]]:
        said.append(
            f"- Fits that did not pass their diagnosis, so that their rows are rough: {', '.join(missed)}."
        )
    said.append(
        "- The runs of a corpus miss together, so that these are nearer to three observations than to "
        f"{len(own)}."
    )
    return said
