# %% [markdown]
# # From a table of runs to a decision
#
# The question: **what should be trained with 1e14 FLOPs of Python code?**
# The way there: a table of finished runs, a scaling law fitted to it, a check that the fit can be believed, a
# forecast, and a decision that knows what it does not know.
#
# Everything here runs on a sweep that comes with the package: small transformers on three corpora, trained for this
# purpose. Small means that every step can be checked. Every cell was trained with several seeds, the floor of one
# corpus is known exactly, and larger runs were kept aside to see whether the forecasts were any good.

# %%
# In a hosted notebook the package is not there yet.
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("bayes_scaling") is None:
    subprocess.check_call([sys.executable, "-m", "pip", "install", "--quiet", "bayes-scaling"])

# %%
import os
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import bayes_scaling as bs
from bayes_scaling.data.units import format_quantity
from bayes_scaling.reporting.plot.style import COLOURS, MARKERS, STYLE

draws = int(os.environ.get("BAYES_SCALING_DRAWS", 1000))  # kept per chain, four chains
plt.rcParams.update(STYLE)

table = bs.datasets.load("sweep")
runs, larger = table.split(holdout_above="1.2e12")
fit = bs.fit(runs, law="rosenfeld", noise="constant", draws=draws, seed=1)
_ = bs.plot.allocation(fit, to="1e14", group="python")

# %% [markdown]
# The answer: at each budget the best size and the tokens that go with it, as the posterior has them, beside 20 tokens per
# parameter; shaded is what lies beyond the data. How it came about, step by step:
#
# ## The table
# One row per training run: parameters N, tokens D, final loss in **nats per token** (here a token is a byte). The group
# says which corpus a run was trained and evaluated on: `words`, a synthetic language whose entropy is known; `python`,
# the code of a library; `prose`, six novels.

# %%
print(bs.datasets.DATASETS["sweep"].title)
table.describe()

# %% [markdown]
# The largest runs were set aside before the fit, and are looked at when the forecast is made.

# %%
print(runs)
print(larger)

# %% [markdown]
# Your own table goes in the same way, as a CSV or Parquet file or as a DataFrame; say which column is which.
# Cells such as `"70M"` are read as numbers, and a column that looks wrong (a perplexity, counts in billions)
# gives a warning that names it.

# %%
mine = pd.DataFrame(
    {
        "corpus": runs.table["group"],
        "model_size": [format_quantity(n, 6) for n in runs.params],
        "trained_on": [format_quantity(d, 9) for d in runs.tokens],
        "val_loss": runs.loss,
        "replicate": runs.table["seed"],
    }
)
same = bs.load_runs(
    mine, group="corpus", params="model_size", tokens="trained_on", loss="val_loss", seed="replicate", name="my table"
)
print(same)
print("the same runs:", np.allclose(same.params, runs.params) and np.allclose(same.loss, runs.loss))
mine.head(3)

# %% [markdown]
# ## Look before fitting
# Left: where the runs are; each point is a cell of up to five seeds, and each line of points a budget. Right: what they
# reached. Hollow marks are the runs set aside.

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 3.8), layout="constrained")
for i, corpus in enumerate(runs.groups):
    for part, face in ((runs, COLOURS[i]), (larger, "none")):
        own = part.group_index == part.groups.index(corpus)
        look = {"edgecolors": COLOURS[i], "facecolors": face, "marker": MARKERS[i], "s": 16, "linewidths": 0.9}
        label = {"label": corpus} if part is runs else {}
        left.scatter(part.params[own] * 1.07 ** (i - 1), part.tokens[own], **look)
        right.scatter(part.flops[own], part.loss[own], **look, **label)
left.set(
    xscale="log", yscale="log", xlabel="model size N (parameters), corpora side by side", ylabel="training data D (tokens)",
    title="Design",
)  # fmt: skip
right.set(
    xscale="log", xlabel="training compute C = 6ND (FLOPs)", ylabel="loss (nats per token)", title="Result"
)
_ = right.legend()

# %% [markdown]
# The left picture decides how to fit. At every budget N and D were traded against each other, in every corpus, so each
# corpus can tell what parameters are worth and what tokens are worth.
#
# ## The model
# Each loss scatters around a law of N and D (both measured from the table's geometric mean):
#
# $$\log L_i = \log \frac{t_i}{\sqrt{1 + (t_i / G_g)^2}} + \text{lack of fit}_{cell} + \text{seed}_i, \qquad
# t_i = E_g + A_g\,N_i^{-\alpha_g} + B_g\,D_i^{-\beta_g}$$
#
# t is Chinchilla's law. Models this small have not left guessing far behind, and a loss cannot be worse than that of
# guessing, G: so the law is that of Rosenfeld et al. (2020), which bends there. Whether the bend is worth its parameter is
# asked below.
#
# Every corpus g has parameters of its own, drawn towards those of the others as far as the data allow ("partial
# pooling", the default). Seeds of one cell share what the law misses there (`lack_of_fit`) and differ by what seeds
# make (`sigma`), so five seeds of a cell never pass for five cells. `noise="constant"` keeps to the law and this scatter;
# what the default adds, a discrepancy of the law, is the subject of `extrapolation_risk`.

# %%
print(f"{fit.provenance['seconds']:.0f} s with compilation, on {fit.provenance['device']}")

# %% [markdown]
# ## Can it be believed?
# The diagnosis is in sentences: first whether the chains converged, then what the data could not tell. In a
# script, `fit.diagnose().raise_if_bad()` stops here if they did not converge.

# %%
print(fit.diagnose())

# %% [markdown]
# Residuals are the second check: the promised share of runs in the band, and no trend.

# %%
_ = bs.plot.residuals(fit)

# %% [markdown]
# The third is a rival: Chinchilla's law without the bend, judged by leaving out one cell after another (`elpd`, higher is
# better; `dse` is the standard error of the difference) and by what each law misses of a cell beyond the scatter of seeds.
# All of this looks at the fitted runs alone; the larger ones are still set aside. A `worst_k` above 0.7 says that the
# estimate of some configuration is rough; `bs.compare` leaves such a one out in truth unless it is told `refit=False`.

# %%
rival = bs.fit(runs, law="chinchilla", noise="constant", draws=draws, seed=1)
laws = {"rosenfeld": fit, "chinchilla": rival}
comparison = bs.compare(laws, refit=False, ahead=False).table()
comparison["lack of fit"] = [float(laws[law].posterior["lack_of_fit"].median()) for law in comparison.index]
comparison[["elpd", "elpd_diff", "dse", "worst_k", "lack of fit"]].round(3)

# %% [markdown]
# ## What was learnt about the law
# `A` and `B` are the nats lost to finite N and finite D at the middle of the table; `E` is what no scale removes. All
# three are before the bend, which lowers the limit too: where N and D are endless, the loss is E / sqrt(1 + (E / G)²).

# %%
_ = bs.plot.posterior(fit)
fit.summary(prob=0.9).drop(columns=["ess_tail"]).round(3)

# %% [markdown]
# Of `words` the true limit is known: the loss of a reader who knows the source, on the same evaluation windows. The law's
# own limit, where N and D are endless, is a statement about what no run came near to, and it depends on the form of the law.
# Here it can be compared with the truth. An interval that covers it may be luck: with the larger runs added, that of every
# law tried lies below it ([sweep.md](../benchmarks/results/sweep.md)).

# %%
truth = table.table["oracle_loss"].max()
parameters = {name: fit.posterior[name].sel(group="words") for name in fit.law.parameters}
floor = fit.law(np.inf, np.inf, **parameters)
low, middle, high = floor.quantile([0.05, 0.5, 0.95]).to_numpy()
inside = "inside" if low <= truth <= high else "outside"
least = runs.loss[runs.table["group"] == "words"].min()
print(
    f"The limit of words: {middle:.3f}, 90% between {low:.3f} and {high:.3f}; the truth is {truth:.3f}, {inside}.\n"
    f"The best run that was fitted reached {least:.3f}."
)

# %% [markdown]
# ## A forecast, and what came of it
# `mean` is the law itself; `new_run` is one more training run: noise included, and the drift from any law that larger
# runs have shown in other tables. Here are the runs that were set aside, up to thirty times the compute of any that was
# fitted. They are no blind test of this law: it was taken up after Chinchilla's, named beforehand, had missed most of
# them ([sweep.md](../benchmarks/results/sweep.md) has both). That the fitted runs alone prefer it, as above, is what
# would have chosen it.

# %%
rows = []
for corpus in larger.groups:
    own = larger.select(larger.group_index == larger.groups.index(corpus))
    ahead = fit.predict(own.params, own.tokens, group=corpus)
    bands = *ahead.interval(0.9), ahead.median()
    for run, low, high, middle in zip(own.table.to_dict("records"), *np.stack(bands), strict=True):
        rows.append(
            {
                "corpus": corpus,
                "flops": f"{run['budget']:.2g}",
                "params": format_quantity(run["params"]),
                "tokens": format_quantity(run["tokens"]),
                "forecast": middle,
                "90% lower": low,
                "90% upper": high,
                "reached": run["loss"],
                "inside": low <= run["loss"] <= high,
            }
        )
ladder = pd.DataFrame(rows)
error = ladder["forecast"] / ladder["reached"] - 1
print(f"{ladder['inside'].sum()} of {len(ladder)} inside their 90% band; median error of the forecast {error.median():+.1%}")
ladder.round(3)

# %%
figure, axes = plt.subplots(1, 3, figsize=(9.2, 3.3), sharex=True, layout="constrained")
for i, (ax, corpus) in enumerate(zip(axes, runs.groups, strict=True)):
    own = runs.group_index == i
    best = ladder[ladder["corpus"] == corpus]
    flops = best["flops"].astype(float)
    ax.scatter(runs.flops[own], runs.loss[own], s=10, color=COLOURS[i], label="fitted")
    error_bars = np.abs(best[["90% lower", "90% upper"]].T - best["forecast"])
    ax.errorbar(
        flops * 1.12, best["forecast"], yerr=error_bars, fmt="_", color="0.45", capsize=3, label="forecast, 90%"
    )
    ax.scatter(flops, best["reached"], s=26, facecolors="none", edgecolors=COLOURS[i], label="reached")
    if corpus == "words":
        ax.axhline(truth, color="0.3", linestyle=":", label="entropy")
    ax.set(xscale="log", title=corpus, xlabel="compute C = 6ND (FLOPs)")
    ax.legend(fontsize=7)
_ = axes[0].set_ylabel("loss (nats per token)")

# %% [markdown]
# ## The decision: 1e14 FLOPs
# For every posterior draw there is one compute-optimal N and D.

# %%
budget = 1e14
plan = fit.allocate(budget, group="python")
for what in ("params", "tokens", "tokens_per_param"):
    (low, high), middle = (format_quantity(x, 2) for x in plan.interval(0.9, what)), format_quantity(plan.median(what), 2)
    print(f"optimal {what}: {middle}, 90% between {low} and {high}")
print(f"the budget is {float(plan.decades_beyond[0]):.1f} powers of ten beyond the largest run")
for warning in plan.warnings:
    print(warning)

# %% [markdown]
# The loss is flat around the optimum. So the better question is what a choice **costs**. For a few sizes, each trained
# on the tokens that the budget buys: the expected loss, and the regret against the optimum of the same draw.

# %%
sizes = np.array([0.25e6, 0.5e6, 0.75e6, 1e6, 1.5e6, 2e6, 3e6, 4e6, 6e6, 10e6])
tokens = budget / (6 * sizes)
loss = fit.predict(sizes, tokens, group="python").mean
regret = loss - plan.loss.isel(point=0, drop=True)
choices = pd.DataFrame(
    {
        "params": [format_quantity(n) for n in sizes],
        "tokens": [format_quantity(d) for d in tokens],
        "tokens per param": tokens / sizes,
        "expected loss": loss.mean(("chain", "draw")),
        "expected regret": regret.mean(("chain", "draw")),
        "regret, 95% below": regret.quantile(0.95, ("chain", "draw")),
    }
)
choices.round(4)

# %%
figure, ax = plt.subplots(figsize=(7.2, 3.8), layout="constrained")
ax.fill_between(
    sizes, 0, choices["regret, 95% below"], color=COLOURS[0], alpha=0.17, label="95% of the draws lie below"
)
ax.plot(sizes, choices["expected regret"], "o-", color=COLOURS[0], label="expected")
ax.set(
    xscale="log", xlabel="model size N (parameters), at 1e14 FLOPs", ylabel="regret (nats per token)",
    title="What a choice costs against the true optimum",
)  # fmt: skip
ax.set_xticks(sizes[::2], [format_quantity(n) for n in sizes[::2]])
ax.minorticks_off()
_ = ax.legend(loc="upper center")

# %% [markdown]
# The least expected loss is one choice. Smaller models are cheaper to serve, so a sensible rule is: the smallest
# model that gives up at most 0.005 nats to it.

# %%
best = int(choices["expected loss"].argmin())
given_up = choices["expected loss"] - choices["expected loss"][best]
pick = int(np.flatnonzero(given_up <= 0.005)[0])
forecast = fit.predict(sizes[pick], tokens[pick], group="python")
low, high = forecast.interval(0.9)
print(
    f"Least expected loss: {choices['params'][best]} on {choices['tokens'][best]} tokens.\n"
    f"Decision: train {choices['params'][pick]} on {choices['tokens'][pick]} tokens "
    f"({choices['tokens per param'][pick]:.0f} per parameter). It gives up {given_up[pick]:.4f} nats.\n"
    f"It should reach {forecast.median():.3f} nats per token, 90% between {low:.3f} and {high:.3f}."
)

# %% [markdown]
# How far a forecast can be trusted beyond its data is the subject of `extrapolation_risk`; `law_families` shows what
# other laws would say.
#
# ## Keep it
# One netCDF file holds the runs, the law and its priors, every draw and the versions. An existing file is never
# replaced unless you say `force=True`.

# %%
with tempfile.TemporaryDirectory() as folder:
    path = fit.save(Path(folder) / "fit.nc")
    again = bs.open_fit(path)
    print(f"{path.stat().st_size / 1e6:.1f} MB")
print(again)
same_loss = again.predict("1M", "10M").table().equals(fit.predict("1M", "10M").table())
print("the same forecast from the file:", same_loss)
