"""Answers to planners in words: what plans, risks and serving plans say, and why a request cannot be met."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_scaling.data.units import format_flops, format_quantity
from bayes_scaling.planning.loss_surface import ABOVE, BELOW, Limits, Outlook, bounds

if TYPE_CHECKING:
    from bayes_scaling.planning.plan import Plan
    from bayes_scaling.planning.risk import Risk
    from bayes_scaling.planning.serving import Serving

WITHIN = 0.001
"""How much more loss than the least still counts as the floor of a valley."""


def of_plan(found: "Plan", prob: float) -> Iterator[str]:
    """One sentence per question and group."""
    percent = f"{100 * prob:g}%"
    table = found.table(prob)
    for _, row in table.iterrows():
        lead = f"{row['question']}" + (
            f", {row['group']}" if "group" in table and len(set(table["group"])) > 1 else ""
        )
        if not np.isfinite(row["params"]) or not np.isfinite(row["tokens"]):
            yield f"{lead}: no answer (see the notes)."
            continue

        def told(what: str, form: Any, row: Any = row) -> str:
            low, high = row[f"{what} {percent} lower"], row[f"{what} {percent} upper"]
            middle = form(row[what])
            if form(low) == form(high):
                return middle
            top = form(high) if np.isfinite(high) else "no bound"
            return f"{middle} ({percent}: {form(low)} to {top})"

        alone = (
            f" (by the law alone {format_flops(row['flops by law'])})"
            if row.get("flops by law", row["flops"]) != row["flops"]
            else ""
        )
        chance = f", P(loss <= {row['target']:g}) = {row['prob target']:.2f}" if "target" in row else ""
        where = f"{row['decades beyond']:.1f} decades beyond the data"
        yield (
            f"{lead}: {told('params', format_quantity)} parameters on {told('tokens', format_quantity)} tokens, "
            f"{told('tokens_per_param', lambda x: f'{x:.3g}')} per parameter, {told('flops', format_flops)} "
            f"FLOPs{alone}; the choice of the medians reaches a loss of {row['drifted']:.3f}, {percent} of new runs "
            f"within [{row[f'new_run {percent} lower']:.3f}, {row[f'new_run {percent} upper']:.3f}]{chance}, "
            f"{where if row['decades beyond'] >= 0.05 else 'within the range of the data'}."
        )


def doubts_of_plan(found: "Plan", look: Outlook, budget: Any, target: Any, limits: Limits) -> Iterator[str]:
    """Why a request cannot be met, or only in part."""
    first, last = look.fit.runs.extent["flops"]
    groups = found.params["group"].to_numpy().tolist() if "group" in found.params.dims else [None]
    for group in groups:
        of = f" in group {group}" if group else ""
        params, flops = (x if group is None else x.sel(group=group) for x in (found.params, found.flops))
        for i, asked in enumerate(found.questions):
            n, c = params.isel(point=i), flops.isel(point=i)
            if none := float(n.isnull().mean()):
                yield (
                    f"{asked}: {none:.1%} of the draws have no interior optimum{of} (the loss falls all the way to "
                    "the smallest or the largest model); they are left out"
                )
            if target is not None and budget is None:
                goal = float(target[i])
                if never := float((c == np.inf).mean()):
                    floor = bounds(look.law(*look.split(last * ABOVE, limits)))
                    floor = floor if group is None or "group" not in floor.dims else floor.sel(group=group)
                    floor = floor.isel(point=i) if "point" in floor.dims else floor
                    low, high = float(floor.sel(bound="lower")), float(floor.sel(bound="upper"))
                    yield (
                        f"a loss of {goal:g} is out of reach{of} in {never:.1%} of the draws: within these limits the "
                        f"law ends between {low:.3f} and {high:.3f} (90%) at {format_flops(last * ABOVE)} FLOPs"
                        + (", and drift may keep it from getting there" if bool(look.slope.any()) else "")
                    )
                elif float((c <= first * BELOW * 1.001).mean()):
                    least = format_flops(float(c.min()))
                    yield f"a loss of {goal:g} is reached{of} by the smallest budget looked at, {least} FLOPs"
    if budget is not None and limits.max_params is not None and limits.max_tokens is not None:
        left = budget - found.flops
        if float((left / budget).max()) > 1e-6:
            most = format_flops(6 * limits.max_params * limits.max_tokens)
            yield (
                f"the caps on parameters and tokens let {most} FLOPs be spent at most, and leave up to "
                f"{format_flops(float(left.max()))} FLOPs of the budget unspent"
            )
    smallest = float(found.choice["flops"].min())
    if smallest < first / 10:
        yield (
            f"{format_flops(smallest)} FLOPs are less than a tenth of the smallest run's ({format_flops(first)}): the "
            "law is read below its data"
        )


def of_risk(found: "Risk", prob: float) -> Iterator[str]:
    """The floor of each valley, then a line for each choice, which begins with spaces."""
    percent = f"{100 * prob:g}%"
    table = found.table(prob)
    ratio = bounds(found.valley.sel(end="upper") / found.valley.sel(end="lower"), prob).sel(bound="median")
    for i, budget in enumerate(found.flops.to_numpy()):
        for group in found.regret["group"].to_numpy() if "group" in found.regret.dims else [None]:
            rows = table[np.isclose(table["flops"], budget)]
            rows = rows if group is None else rows[rows["group"] == group]
            at: dict[str, Any] = {"point": i} if group is None else {"point": i, "group": group}
            pick = {k: (v.isel(point=i) if group is None else v.isel(point=i).sel(group=group))
                    for k, v in found.safe.data_vars.items()}  # fmt: skip
            width = ratio.isel(point=i) if group is None else ratio.isel(point=at["point"]).sel(group=group)
            of = f", {group}" if group else ""
            if not np.isfinite(float(pick["lower"])):
                yield f"{format_flops(budget)} FLOPs{of}: no draw has an optimum (see the notes)."
                continue
            yield (
                f"{format_flops(budget)} FLOPs{of}: every N from {format_quantity(float(pick['lower']))} to "
                f"{format_quantity(float(pick['upper']))} is within {WITHIN:.1%} of the least expected loss; in a "
                f"single draw the largest such N is {float(width):.2g} times the smallest."
            )
            for _, row in rows.iterrows():
                low, high = row[f"regret {percent} lower"], row[f"regret {percent} upper"]
                chance = f", P(loss <= {found.target:g}) = {row['prob target']:.2f}" if found.target else ""
                yield (
                    f"  {row['choice']}: {format_quantity(row['params'])} parameters, "
                    f"{format_quantity(row['tokens'])} tokens give up {row['regret']:.2g} nats "
                    f"({percent}: {low:.2g} to {high:.2g}){chance}."
                )


def of_serving(found: "Serving", prob: float) -> Iterator[str]:
    """One sentence per demand and group."""
    percent = f"{100 * prob:g}%"
    table = found.table(prob)
    for _, row in table.iterrows():
        lead = f"{format_quantity(row['served'])} tokens served"
        lead += f", {row['group']}" if "group" in table else ""
        if not np.isfinite(row["params"]):
            yield f"{lead}: no answer (see the notes)."
            continue
        low, high = (row[f"params {percent} {end}"] for end in ("lower", "upper"))
        ratio = [row[f"tokens_per_param {percent} {end}"] for end in ("lower", "upper")]
        without = (
            f"the compute-optimal model would cost {max(row['saved'], 0):.1%} more"
            if found.quality
            else f"the compute-optimal model would give up {max(row['saved'], 0):.4f} nats"
        )
        yield (
            f"{lead}: {format_quantity(row['params'])} parameters ({percent}: {format_quantity(low)} to "
            f"{format_quantity(high)}) on {format_quantity(row['tokens'])} tokens, {row['tokens_per_param']:.3g} per "
            f"parameter ({ratio[0]:.3g} to {ratio[1]:.3g}), {format_flops(row['total'])} FLOPs in total, law's loss "
            f"{row['loss']:.3f}; {without}."
        )
