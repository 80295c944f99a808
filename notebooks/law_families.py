# %% [markdown]
# # Which law?
#
# Several scaling laws fit the same runs about equally well and disagree where it matters. The question: **which family
# predicts best, how sure is that, and what does the choice do to the forecast at 100B parameters and 2T tokens?**
# And on the way: how to add a law of your own in one function.

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
from bayes_scaling.data.units import format_quantity
from bayes_scaling.reporting.plot.marks import mark_beyond
from bayes_scaling.reporting.plot.style import COLOURS, GREY, INK, MARKERS, STYLE, log_axis

draws = int(os.environ.get("BAYES_SCALING_DRAWS", 1000))  # kept per chain, four chains
plt.rcParams.update(STYLE)


@bs.law(
    formula="E + (A N^-gamma + B D^-gamma)",
    cite="this notebook",
    E=bs.LogNormal(1.7, 0.4, between=0.3),  # nats per token that no scale removes
    A=bs.LogNormal(0.3, 1.0, between=0.3),  # nats lost to finite N at the reference point
    B=bs.LogNormal(0.3, 1.0, between=0.3),  # likewise to finite D
    gamma=bs.LogNormal(0.35, 0.4, between=0.1),
)
def one_exponent(N, D, *, E, A, B, gamma):
    """Additive power law with one exponent for both."""
    return E + A * N**-gamma + B * D**-gamma


runs = bs.datasets.load("pile")
families = ("chinchilla", "kaplan", "skaling", "one_exponent")
fits = {}
for name in families:
    shared = {parameter: "complete" for parameter in bs.LAWS[name].parameters if parameter != "E"}
    fits[name] = bs.fit(runs, law=name, pooling=shared, noise="constant", draws=draws, seed=1)
# Short test runs skip what is fitted anew for this.
comparison = bs.compare(fits, refit=draws >= 500, ahead=draws >= 500)

SUITE = "pythia"
forecasts = {name: fit.predict("100B", "2T", group=SUITE) for name, fit in fits.items()}
forecasts["mixture"] = comparison.predict("100B", "2T", group=SUITE)
figure, ax = plt.subplots(figsize=(7.2, 3.2), layout="constrained")
for y, (name, f) in enumerate(reversed(forecasts.items())):
    color = INK if name == "mixture" else COLOURS[families.index(name)]
    for kind, width, alpha in (("new_run", 9, 0.25), ("mean", 9, 0.6)):
        ax.plot(f.interval(0.9, kind), [y, y], color=color, lw=width, alpha=alpha, solid_capstyle="butt")
    ax.plot(f.median("mean"), y, "o", color="white", ms=5)
ax.set(
    yticks=range(len(forecasts)), yticklabels=[*forecasts][::-1], ylim=(-0.6, len(forecasts) - 0.4),
    xlabel="loss at 100B parameters, 2T tokens (nats per token)",
    title=f"90% intervals: the law (dark), a new run (light) ({SUITE})",
)  # fmt: skip

# %% [markdown]
# The answer: laws that fit alike forecast differently, each with its interval. Which fits best, and how sure that is, step
# by step.
#
# ## Three families of the catalogue
# - `chinchilla`: what finite N costs and what finite D costs add up.
# - `kaplan`: the two couple, so that the larger shortage hides the smaller; here with a floor E.
# - `skaling`: the additive form with an outer exponent k; k = 1 is `chinchilla`.

# %%
for name in ("chinchilla", "kaplan", "skaling"):
    print(f"{name:11s} L = {bs.LAWS[name].formula}")

# %% [markdown]
# ## A law of your own is one function
# Arithmetic on N and D (multiples of the table's geometric mean), parameters by keyword, one prior for each. From
# that come sampling, comparison, allocation and pictures.
#
# The cell at the top has an example: what if N and D had **one exponent**? Then the best N and D grow at the same rate, as
# the rule of a fixed number of tokens per parameter says.
#
# `bs.LAWS` is one catalogue for the whole process: to open a saved fit of your law its definition must have run.

# %%
print(one_exponent)

# %% [markdown]
# ## Fit all four alike
# The suites share everything but the floor `E` and the noise `sigma` (see `first_posterior`), under every law:
# compare laws, and not poolings. And they are fitted alone (`noise="constant"`): the discrepancy of the default takes up
# what a law misses, so that laws part less.

# %%
for name, fit in fits.items():
    diagnosis = fit.diagnose()
    verdict = "converged" if diagnosis.ok else "NOT converged"
    print(f"{name}: {verdict}, R-hat {diagnosis.r_hat:.3f}, {diagnosis.divergences} divergences")
    for sentence in (*diagnosis.failures, *diagnosis.warnings):
        print(f"  - {sentence}")

# %% [markdown]
# Where a line says NOT converged, part of that posterior was not reached: take the law's numbers below as rough, and draw
# again (another seed, more draws) before a decision rests on them.
#
# ## They fit alike
# How far the runs lie from each law, in percent of their loss:

# %%
rows = {}
figure, ax = plt.subplots(figsize=(7.2, 3), layout="constrained")
for y, (name, fit) in enumerate(fits.items()):
    law_at = fit.predict(runs.params, runs.tokens).mean.median(("chain", "draw"))
    own = law_at.to_numpy()[runs.group_index, np.arange(len(runs))]
    for i, suite in enumerate(runs.groups):
        mask = runs.group_index == i
        look = {"color": COLOURS[i], "marker": MARKERS[i], "s": 26, "edgecolors": "white", "linewidths": 0.5}
        ax.scatter(
            100 * (runs.loss / own - 1)[mask], np.full(mask.sum(), -y) + 0.16 * (1 - i), label=suite if y == 0 else None,
            **look,
        )  # fmt: skip
    gap = np.abs(np.log(runs.loss / own))
    rows[name] = {"typical (median)": np.median(gap), "root mean square": np.sqrt(np.mean(gap**2)), "worst": gap.max()}
ax.axvline(0, color=GREY, lw=1)
ax.set(
    yticks=-np.arange(len(fits)), yticklabels=list(fits), xlabel="loss minus law (% of loss)",
    title="Every run under every law",
)  # fmt: skip
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
pd.DataFrame.from_dict(rows, orient="index").map("{:.2%}".format)

# %% [markdown]
# ## Two kinds of evidence
# How well does each law predict a run that it has not seen, among those that it has? `elpd` is the sum of log predictive densities, each run
# left out in turn. This is estimated from one posterior by importance sampling (PSIS-LOO). **Pareto-k** says whether
# that is safe for each run: above 0.7 it is not, and the run is left out in truth and the law refitted. `ahead` answers
# another question: the mean log predictive density of each suite's larger runs, held out together. A forecast of a
# larger run should go by that.

# %%
print(comparison.sentences()[0])
comparison.table().round(3)

# %%
risky = comparison.pareto_k > 0.7
for name in families:
    models = runs.table["model"][risky[name].to_numpy()].tolist()
    print(f"{name}: {len(models)} of {len(runs)} runs above 0.7" + (f" ({', '.join(models)})" if models else ""))

# %%
_ = bs.plot.comparison(comparison)

# %% [markdown]
# `elpd_diff` is the distance to the best law and `dse` its standard error: a difference of less than about two of them
# is no difference. With so few runs the standard error itself is rough, so even a larger one of a few nats is a hint and
# no verdict. The weights of a mixture go by the larger runs where there are enough of them; `weights("loo")` are those of
# stacking, the mixture that interpolates best. There a law may get no weight although it is hardly worse than the
# others, because the mixture has no use for it.

# %%
table = comparison.table()
best = table.index[0]
for name, row in table.iloc[1:].iterrows():
    clear = abs(row["elpd_diff"]) > 2 * row["dse"]
    print(
        f"{name} against {best}: {row['elpd_diff']:+.1f} ± {row['dse']:.1f} nats, "
        + ("behind by more than two standard errors" if clear else "not told apart by these runs")
    )
for by in (None, "loo"):
    weights = ", ".join(f"{name} {weight:.2f}" for name, weight in comparison.weights(by).items())
    print(f"weights by {by or 'default'}: {weights}")

# %% [markdown]
# ## They forecast differently
# The same 23 runs, the same suite, 100B parameters and 2T tokens: the picture at the top in figures. The last forecast mixes
# the laws' draws by their weights.

# %%
answers = pd.DataFrame.from_dict(
    {name: f.table(0.9).iloc[0].filter(regex="^(mean|new_run)") for name, f in forecasts.items()}, orient="index"
)
answers.round(3)

# %%
medians = [float(forecasts[name].mean.median()) for name in families]
bands = [float(np.ptp(forecasts[name].interval(0.9, "mean"))) for name in families]
print(
    f"The laws' medians spread over {np.ptp(medians):.3f} nats; the 90% band of one law is {min(bands):.3f} to "
    f"{max(bands):.3f} wide."
)

# %% [markdown]
# Along the path of 20 tokens per parameter, which ends at that very point, the laws part where the data end:

# %%
n = np.geomspace(1.1e8, 1e11, 40)
path = {name: fit.predict(n, 20 * n, group="cerebras") for name, fit in fits.items()}
own = runs.group_index == runs.groups.index("cerebras")
figure, (ax, gap) = plt.subplots(1, 2, figsize=(9.6, 4), layout="constrained")
medians = {name: along.median("mean").to_numpy() for name, along in path.items()}
base = medians["chinchilla"]
for color, (name, along) in zip(COLOURS, path.items(), strict=False):
    ax.plot(n, medians[name], color=color, label=name)
    gap.plot(n, 100 * (medians[name] / base - 1), color=color)
    gap.fill_between(n, *(100 * (bound / base - 1) for bound in along.interval(0.9, "mean")), color=color, alpha=0.13, lw=0)
ax.scatter(runs.params[own], runs.loss[own], color=GREY, s=30, zorder=4, label="runs of Cerebras-GPT")
gap.scatter(
    runs.params[own], 100 * (runs.loss[own] / np.interp(runs.params[own], n, base) - 1), color=GREY, s=30, zorder=4
)
ax.set(ylabel="loss (nats per token)", title="Loss at 20 tokens per parameter")
gap.set(ylabel="loss against chinchilla's median (%)", title="The same, as differences (90% bands)")
for panel in (ax, gap):
    log_axis(panel, "x", "params", n[0] / 1.3, n[-1] * 1.3)
    mark_beyond(panel, runs.params[own].max())
ax.legend()

at_end = {name: median[-1] for name, median in medians.items()}
within = max(abs(median / base - 1)[n <= 13e9].max() for median in medians.values())
print(
    f"Within the data the medians differ by at most {within:.1%}; at 100B and 2T from {min(at_end.values()):.3f} to "
    f"{max(at_end.values()):.3f}, which is {max(at_end.values()) / min(at_end.values()) - 1:.1%}."
)

# %% [markdown]
# And the plan differs too: the optimal split of 1e24 FLOPs, under each law.

# %%
plans = {name: fit.allocate("1e24", group=SUITE).table(0.9).iloc[0] for name, fit in fits.items()}
pd.DataFrame(
    {
        name: {
            what: "{} ({} to {})".format(
                *(format_quantity(row[what + bound], 2) for bound in ("", " 90% lower", " 90% upper"))
            )
            for what in ("params", "tokens", "tokens_per_param")
        }
        for name, row in plans.items()
    }
).T.rename_axis("median (90% interval)")

# %% [markdown]
# Leave-one-out asks about runs like those in the table. It does not ask which law is right a decade further out, so
# neither a good rank nor a large weight makes an extrapolation safe, and the stacked forecast forgets every family that
# got no weight. **The spread between laws that fit alike is itself a measure of risk: report it beside the band.**
#
# **What was learnt:** these runs cannot choose between the families with certainty, but the choice moves the forecast by a
# good part of its band and the best model size by more, so look for plans that hold up under all of them.
