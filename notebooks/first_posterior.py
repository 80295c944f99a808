# %% [markdown]
# # From a table of runs to a decision
#
# The question: **what should be trained with 1e24 FLOPs?**
# The road: a table of finished runs, a scaling law fitted to it, a check that the fit can be believed, a
# forecast, and a decision that knows what it does not know.
#
# Everything here runs on 23 published models that come with the package.

# %%
import os
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import bayes_scaling as bs
from bayes_scaling.plot.style import COLOURS, MARKERS, STYLE
from bayes_scaling.units import format_quantity

draws = int(os.environ.get("BAYES_SCALING_DRAWS", 1000))  # kept per chain, four chains
plt.rcParams.update(STYLE)

# %% [markdown]
# ## The table
# One row per training run: parameters N, tokens D, final loss in **nats per token**, all on one test set and one
# vocabulary. The group says which suite a run belongs to: same recipe, same data.

# %%
runs = bs.datasets.load("pile")
print(bs.datasets.DATASETS["pile"].citation)
runs.describe()

# %% [markdown]
# Your own table goes in the same way, as a CSV or Parquet file or as a DataFrame; say which column is which.
# Cells such as `"70M"` are read as numbers, and a column that looks wrong (a perplexity, counts in billions)
# gives a warning that names it.

# %%
mine = pd.DataFrame(
    {
        "suite": runs.table["group"],
        "model_size": [format_quantity(n) for n in runs.params],
        "trained_on": [format_quantity(d) for d in runs.tokens],
        "val_loss": runs.loss,
    }
)
same = bs.load_runs(
    mine, group="suite", params="model_size", tokens="trained_on", loss="val_loss", name="my table"
)
print(same)
print("the same runs:", np.allclose(same.params, runs.params) and np.allclose(same.loss, runs.loss))
mine.head(3)

# %% [markdown]
# ## Look before fitting
# Left: where the runs are. Right: what they reached.

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 3.8), layout="constrained")
for i, suite in enumerate(runs.groups):
    own = runs.group_index == i
    size = (36, 90, 30)[i]  # the Pythia suites lie on top of each other
    look = {"color": COLOURS[i], "marker": MARKERS[i], "s": size, "edgecolors": "white", "label": suite}
    left.scatter(runs.params[own], runs.tokens[own], **look)
    right.scatter(runs.flops[own], runs.loss[own], **look)
left.set(
    xscale="log", yscale="log", xlabel="model size N (parameters)", ylabel="training data D (tokens)",
    title="Design", ylim=(1e9, 1e12),
)  # fmt: skip
right.set(
    xscale="log", xlabel="training compute C = 6ND (FLOPs)", ylabel="loss (nats per token)", title="Result"
)
_ = right.legend()

# %% [markdown]
# The left picture decides how to fit. Within the two Pythia suites D never changes, so they cannot say what
# tokens are worth. Within Cerebras-GPT, D is a fixed multiple of N, so it cannot tell one from the other.
# **Only together do the suites separate N from D.**
#
# ## The model
# Each loss scatters around a law of N and D (both measured from the table's geometric mean):
#
# $$\log L_i = \log\left(E_g + A\,N_i^{-\alpha} + B\,D_i^{-\beta}\right) + \text{noise}_i,
# \qquad \text{noise}_i \sim \text{Student-t}(\nu, 0, \sigma_g)$$
#
# `pooling` says what the suites g share. Here the exponents and amplitudes are one for all ("complete"),
# because no suite could tell its own. The floor `E` and the noise `sigma` are "partial": every suite has its
# own, drawn towards the others as far as the data allow. That is an assumption about recipes: these suites
# differ in where the curve ends, and not in how it bends.
#
# Without `pooling` every parameter is partial, which assumes less and gives wider bands; prefer that default
# where each group varies N and D by itself.

# %%
shared = {"A": "complete", "B": "complete", "alpha": "complete", "beta": "complete"}
fit = bs.fit(runs, law="chinchilla", pooling=shared, draws=draws, seed=1)
print(f"{fit.provenance['seconds']:.0f} s with compilation, on {fit.provenance['device']}")

# %% [markdown]
# ## Can it be believed?
# The diagnosis is in sentences: first whether the chains converged, then what the data could not tell. In a
# script, `fit.diagnose().raise_if_bad()` stops here if they did not converge.

# %%
print(fit.diagnose())

# %% [markdown]
# Residuals are the second check: the promised share of runs in the band, and no trend. A ring marks a run outside
# of its own suite's band. Here there **is** a pattern: Cerebras-GPT makes an arc, below the law at both ends and above it
# in the middle. The law is a good summary and not the truth; `sigma` below is larger than what seeds alone make (a
# fraction of a percent), and the arc goes into it.

# %%
_ = bs.plot.residuals(fit)
outlier = "Pythia-1.4B-deduped"
row = int(np.flatnonzero(runs.table["model"] == outlier)[0])
expected = float(
    fit.predict(runs.params[row], runs.tokens[row], group="pythia_dedup").mean.median(("chain", "draw"))[0]
)
print(
    f"{outlier}: printed loss {runs.loss[row]:.3f}, the law says {expected:.3f}. It is kept as printed: "
    "the Student-t noise lets one odd run count for little."
)

# %% [markdown]
# ## What was learnt about the law
# `A` and `B` are the nats lost to finite N and finite D at the middle of the table; `E` is what no scale removes.
# The derived rows (`A_1`, `B_1`, `a`) are the constants that papers print.

# %%
fit.summary(prob=0.9).drop(columns=["ess_tail"]).round(3)

# %% [markdown]
# ## A forecast
# `mean` is the law itself; `new_run` is one more training run, noise included. One row per suite.

# %%
fit.predict(params="30B", tokens="1T").table(0.9).round(3)

# %% [markdown]
# ## The decision: 1e24 FLOPs
# For every posterior draw there is one compute-optimal N and D. Exponents and amplitudes are shared, so the
# optimum is the same for all suites; we ask for one of them.

# %%
budget = 1e24
plan = fit.allocate(budget, group="pythia")
for what in ("params", "tokens", "tokens_per_param"):
    low, middle, high = (format_quantity(x, 2) for x in plan.interval(what, 0.9).to_numpy()[0])
    print(f"optimal {what}: {middle}, 90% between {low} and {high}")
print(f"the budget is {float(plan.decades_beyond[0]):.1f} powers of ten beyond the largest run")
for doubt in plan.doubts:
    print(doubt)

# %%
_ = bs.plot.allocation(fit, to="1e25", group="pythia")

# %% [markdown]
# The optimum itself is poorly known, because the loss is flat around it. The better question is what a choice
# **costs**. For a few sizes, each trained on the tokens that the budget buys: the expected loss, and the
# regret against the optimum of the same draw.

# %%
sizes = np.array([20e9, 30e9, 50e9, 70e9, 100e9, 150e9, 200e9, 300e9, 500e9])
tokens = budget / (6 * sizes)
loss = fit.predict(sizes, tokens, group="pythia").mean
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
    xscale="log", xlabel="model size N (parameters), at 1e24 FLOPs", ylabel="regret (nats per token)",
    title="What a choice costs against the true optimum",
)  # fmt: skip
ax.set_xticks(sizes[::2], [format_quantity(n) for n in sizes[::2]])
ax.minorticks_off()
_ = ax.legend(loc="upper right")

# %% [markdown]
# The least expected loss is one choice. Smaller models are cheaper to serve, so a sensible rule is: the smallest
# model that gives up at most 0.005 nats to it.

# %%
best = int(choices["expected loss"].argmin())
given_up = choices["expected loss"] - choices["expected loss"][best]
pick = int(np.flatnonzero(given_up <= 0.005)[0])
low, middle, high = fit.predict(sizes[pick], tokens[pick], group="pythia").interval(0.9).to_numpy()[0]
print(
    f"Least expected loss: {choices['params'][best]} on {choices['tokens'][best]} tokens.\n"
    f"Decision: train {choices['params'][pick]} on {choices['tokens'][pick]} tokens "
    f"({choices['tokens per param'][pick]:.0f} per parameter). It gives up {given_up[pick]:.4f} nats.\n"
    f"A run with the recipe of Pythia should reach {middle:.3f} nats per token, 90% between {low:.3f} and "
    f"{high:.3f}, if the law holds that far."
)

# %% [markdown]
# That last condition is the subject of `extrapolation_risk`, and `law_families` shows what another law would say.
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
same_loss = again.predict("30B", "1T").table().equals(fit.predict("30B", "1T").table())
print("the same forecast from the file:", same_loss)

# %% [markdown]
# **What was learnt:** three suites together tell N from D where none of them could alone, and although the best
# model size for a large budget stays uncertain, under this law a sensible choice costs little against it.
