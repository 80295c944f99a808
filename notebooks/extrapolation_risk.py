# %% [markdown]
# # How much to trust an extrapolation
#
# The question: **what loss will a model of 100B parameters reach on 2T tokens**, and how wrong may the answer be?
# All runs in the table are smaller and saw less data. So this is about four layers of uncertainty, from the one that
# the posterior knows well to the one that it cannot know.

# %%
# In a hosted notebook the package is not there yet.
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("bayes_scaling") is None:
    subprocess.check_call([sys.executable, "-m", "pip", "install", "--quiet", "bayes-scaling"])

# %%
import os

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import bayes_scaling as bs
from bayes_scaling.reporting.plot.style import COLOURS, GREY, INK, MARKERS, STYLE

draws = int(os.environ.get("BAYES_SCALING_DRAWS", 1000))  # kept per chain, four chains
plt.rcParams.update(STYLE)

runs = bs.datasets.load("pile")
# Each suite keeps its own floor E and noise sigma; `first_posterior` says why the rest is shared.
shared = {"A": "complete", "B": "complete", "alpha": "complete", "beta": "complete"}
SUITE = "pythia"
whole = bs.fit(runs, law="chinchilla", pooling=shared, draws=draws, seed=1)
_ = bs.plot.extrapolation(whole, to="1e25", group=SUITE)

# %% [markdown]
# The answer, with all that the package knows of the risk: dark, what is not known of the law; dotted, with its discrepancy;
# light, one more run. Shaded is what lies beyond the data. Layer by layer, it begins with the law alone
# (`noise="constant"`); what the default adds to it is the fourth layer.

# %%
fit = bs.fit(runs, law="chinchilla", noise="constant", pooling=shared, draws=draws, seed=1)
print(fit.diagnose())

# %% [markdown]
# ## Layers 1 and 2: the law, and one more run
# `mean` is the law's loss: it is uncertain because 23 runs do not fix its parameters, and more runs would shrink
# it. `new_run` is what one training run would print: the same, with the scatter of a run around the law on top.
# More runs do not shrink that part. **Judge a finished run by `new_run`; choose between designs by `mean`.**

# %%
forecast = fit.predict(params="100B", tokens="2T")
forecast.table(0.9).drop(columns=["params", "tokens", "flops"]).round(3)

# %%
one = fit.predict("100B", "2T", group=SUITE)
bins = np.linspace(*np.quantile(one.new_run, [0.002, 0.998]), 50)
figure, ax = plt.subplots(figsize=(7.2, 3.6), layout="constrained")
for kind, color, label in (
    ("new_run", COLOURS[1], "new run: law and noise"),
    ("mean", COLOURS[0], "mean: the law alone"),
):
    ax.hist(
        one.draws(kind).to_numpy().ravel(), bins, density=True, histtype="stepfilled", alpha=0.35, color=color
    )
    ax.hist(
        one.draws(kind).to_numpy().ravel(), bins, density=True, histtype="step", color=color, lw=1.6, label=label
    )
ax.set(
    xlabel="loss at 100B parameters, 2T tokens (nats per token)", ylabel="posterior density (1/nat)", yticks=[],
    title=f"Two answers to one question ({SUITE})",
)  # fmt: skip
_ = ax.legend()

# %% [markdown]
# ## The probability of a target
# A plan usually has a loss that it must reach. `prob_below` answers for one more run, or for the law.

# %%
targets = (1.38, 1.40, 1.42, 1.44, 1.46, 1.50)
pd.DataFrame(
    {
        kind: {f"loss <= {target:.2f}": float(one.prob_below(target, kind)[0]) for target in targets}
        for kind in ("new_run", "mean")
    }
).rename_axis(f"probability ({SUITE})").round(2)

# %% [markdown]
# ## How far out is it?
# Every forecast says how many powers of ten each input lies beyond the data.

# %%
far = {name: float(values[0]) for name, values in one.decades_beyond.data_vars.items()}
for name, decades in far.items():
    print(f"{name}: {decades:.2f} decades beyond the data, a factor of {10**decades:.0f}")

# %%
_ = bs.plot.extrapolation(fit, to="1e25", group=SUITE)

# %% [markdown]
# Where does the width come from? Within the table, a higher floor with a steeper curve looks much like a lower floor
# with a shallower one; beyond it they part. So the forecast moves with the floor `E` and the exponents together. Grey is
# the prior; a posterior as flat as its prior learnt nothing.

# %%
_ = bs.plot.posterior(fit)
draw = fit.draws(SUITE)
width = {
    name: float(np.corrcoef(draw[name].to_numpy().ravel(), one.mean.to_numpy().ravel())[0, 1])
    for name in fit.law.parameters
}
print(
    "correlation with the forecast over the posterior: " + ", ".join(f"{k} {v:+.2f}" for k, v in width.items())
)

# %% [markdown]
# ## What hold-out says
# A forecast can be tested where the answer is known. Leave out the largest models (6.7B and above), fit the rest,
# predict those left out, and compare with what they reached.

# %%
large = runs.params >= 6.7e9
train, held_out = runs.select(~large), runs.select(large)
small_fit = bs.fit(train, law="chinchilla", noise="constant", pooling=shared, draws=draws, seed=1)
print(small_fit.diagnose())

rows = []
for model, suite, n, d, loss in held_out.table[["model", "group", "params", "tokens", "loss"]].itertuples(
    index=False
):
    at = small_fit.predict(n, d, group=suite)
    low, high = map(float, at.interval(0.9))
    median = float(at.median())
    rows.append(
        {
            "model": model,
            "suite": suite,
            "reached": loss,
            "median": median,
            "90% lower": low,
            "90% upper": high,
            "inside": low <= loss <= high,
            "reached / median - 1": loss / median - 1,
            "decades beyond": float(at.decades_beyond["flops"][0]),
        }
    )
tested = pd.DataFrame(rows)
tested.set_index("model").round(3)

# %%
figure, ax = plt.subplots(figsize=(7.2, 3.4), layout="constrained")
y = np.arange(len(tested))[::-1]
error = [tested["median"] - tested["90% lower"], tested["90% upper"] - tested["median"]]
ax.errorbar(tested["median"], y, xerr=error, fmt="|", color=GREY, lw=5, alpha=0.45, ms=12)
for i, suite in enumerate(runs.groups):
    own = (tested["suite"] == suite).to_numpy()
    ax.scatter(tested["reached"][own], y[own], color=COLOURS[i], marker=MARKERS[i], zorder=4)
missed = ~tested["inside"].to_numpy()
ax.scatter(tested["reached"][missed], y[missed], s=150, facecolors="none", edgecolors=INK)
ax.set(
    yticks=y, yticklabels=tested["model"], xlabel="loss (nats per token)",
    title="Held out: 90% forecast (bar), reached (ring: outside)",
)  # fmt: skip

inside, below = int(tested["inside"].sum()), int((tested["reached"] < tested["median"]).sum())
print(f"{inside} of {len(tested)} lie inside their 90% interval.")
for _, miss in tested[~tested["inside"]].iterrows():
    side = "better" if miss["reached"] < miss["median"] else "worse"
    print(
        f"Outside: {miss['model']} reached {miss['reached']:.3f}, {side} than "
        f"[{miss['90% lower']:.3f}, {miss['90% upper']:.3f}]."
    )
print(
    f"{below} of {len(tested)} reached less than the forecast median; on average they lie "
    f"{tested['reached / median - 1'].mean():+.1%} from it."
)

# %% [markdown]
# Read it twice. The count of those inside is one number of six runs that share their errors, so it cannot prove the
# bands right. The side on which they lie says more: where they all fall on one side, the centre of the forecast was wrong in
# a systematic way, and only the width of the bands saved it. One place to look is the floor, which no small run is near,
# so that its prior matters:

# %%
for label, which in (("without the large models", small_fit), ("with them", fit)):
    low, median, high = which.draws(SUITE)["E"].quantile([0.05, 0.5, 0.95]).to_numpy()
    print(f"E of {SUITE} {label}: {median:.2f}, 90% between {low:.2f} and {high:.2f}")
prior = fit.law.priors["E"]
print(f"its prior: median {prior.median:g}, 90% between {prior.median * np.exp(-1.645 * prior.spread):.2f} and "
      f"{prior.median * np.exp(1.645 * prior.spread):.2f}")  # fmt: skip

# %% [markdown]
# ## Layer 3: a suite that nobody has seen
# The three suites were a sample of recipes. For a fourth, `group="new"` draws its floor and noise from the
# population that the three suggest. Three groups say little about a population, so this layer depends on its prior.

# %%
new = fit.predict("100B", "2T", group="new")
for label, answer in ((f"known suite ({SUITE})", one), ("new suite", new)):
    (low, high), median = map(float, answer.interval(0.9)), float(answer.median())
    print(f"{label:22s} {median:.3f}, 90% between {low:.3f} and {high:.3f}: width {high - low:.3f} nats")

# %% [markdown]
# ## Layer 4: the drift of the truth away from the law
# Beyond the data the truth may drift away from any law: the data run out and repeat, the recipe no longer suits the
# size, or the curve simply was not this curve. No number of draws can show that, so every forecast of a law alone holds a
# drift that grows with the distance beyond the data, on either side, though more often below the law than above it. How
# much it should be is a prior, set on other sweeps; the hold-out says what it was here.

# %%
gap = np.log(tested["reached"] / tested["median"])
seen = float((gap * tested["decades beyond"]).sum() / (tested["decades beyond"] ** 2).sum())
print(f"In the hold-out the truth moved by {np.expm1(seen):+.1%} of the loss per decade of compute (roughly);")
print(f"forecasts let it drift by {fit.drift.mean:+.1%}, give or take {fit.drift.sd:.1%} (one standard deviation).")

# %% [markdown]
# How much does the decision depend on it?

# %%
TARGET = 1.42
stress = {}
for spread in (0.0, 0.01, fit.drift.spread, 0.05, 0.1):
    at = fit.predict("100B", "2T", group=SUITE, drift=spread)
    low, high = map(float, at.interval(0.9))
    median = float(at.median())
    stress[f"{spread:.1%} per decade"] = {
        "median": median,
        "90% lower": low,
        "90% upper": high,
        f"P(loss <= {TARGET})": float(at.prob_below(TARGET)[0]),
    }
pd.DataFrame.from_dict(stress, orient="index").rename_axis("spread of the drift").round(3)

# %%
widths = {kind: float(np.ptp(one.interval(0.9, kind))) for kind in ("mean", "drifted", "new_run")}
swing = [row[f"P(loss <= {TARGET})"] for row in stress.values()]
print(
    f"The 90% interval is {widths['mean']:.3f} nats wide for the law, {widths['drifted']:.3f} with its drift and "
    f"{widths['new_run']:.3f} for a new run.\n"
    f"The probability of a loss of at most {TARGET} runs from {min(swing):.2f} to {max(swing):.2f} over these drifts."
)

# %% [markdown]
# ## The default: a discrepancy that the runs inform
# Where no noise is named, the law's misses are part of the model instead: processes of the reducible loss over compute and
# over D/N, whose sizes were learnt on other sweeps and are updated by these runs. They widen the posterior inside the data too,
# and no draw falls below its own floor.

# %%
print(whole.diagnose())
either = {"the law and its drift": one, "the law and its discrepancy": whole.predict("100B", "2T", group=SUITE)}
for label, answer in either.items():
    (low, high), median = map(float, answer.interval(0.9)), float(answer.median())
    print(f"{label:28s} {median:.3f}, 90% between {low:.3f} and {high:.3f}")
for label, which in (("the law alone", fit), ("with its discrepancy", whole)):
    plan = which.allocate("1e24", group=SUITE)
    low, high = (f"{x / 1e9:,.0f}B" for x in plan.interval(0.9, "params"))
    print(f"best size for 1e24 FLOPs, {label}: {plan.median('params') / 1e9:,.0f}B, 90% between {low} and {high}")

# %% [markdown]
# **What was learnt:** a band is honest only about what it is given. Hold the largest runs back and see (`bs.backtest`
# does it for any table), and decide with the margin that is left.
