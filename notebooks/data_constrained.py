# %% [markdown]
# # When data run out
#
# **How often may I repeat my data, and what does another pass still save?** A law that knows repetition (Muennighoff et al.
# 2023, arXiv:2305.16264, equations 5 and 6) counts repeated tokens for less and less: `R_D` is the number of repeats at which
# one more is worth 1/e of new data. The table here is simulated from that law with the paper's parameters, so that the
# answer is known: R_D = 15.4.

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
from bayes_scaling.reporting.plot.style import COLOURS, STYLE

draws = int(os.environ.get("BAYES_SCALING_DRAWS", 1000))  # kept per chain, four chains
plt.rcParams.update(STYLE)

law = bs.LAWS["muennighoff"]
N0, D0 = 1e9, 1e10  # where the law's amplitudes are those below
PAPER = {"E": 1.87, "A": 521 / N0**0.353, "B": 1488 / D0**0.353, "alpha": 0.353, "beta": 0.353, "R_D": 15.39, "R_N": 5.31}
rng = np.random.default_rng(1)
sizes, unique, epochs = np.meshgrid([1.5e8, 4e8, 1e9, 2.5e9], [1e9, 4e9, 1.6e10], [1, 4, 16, 48], indexing="ij")
table = pd.DataFrame({"params": sizes.ravel(), "tokens": (unique * epochs).ravel(), "unique_tokens": unique.ravel()})
at = table["params"] / N0, table["tokens"] / D0, table["unique_tokens"] / D0
table["loss"] = law(*(np.asarray(x) for x in at), **PAPER) * np.exp(0.004 * rng.standard_normal(len(table)))

# A grid repeats data on purpose: no question that the package would ask about it is open.
runs = bs.load_runs(table, inputs=law.columns, name="simulated")
fit = bs.fit(runs, law, noise="constant", draws=draws, seed=1)

n, u = 1e9, 1.6e10
passes = np.geomspace(1, 100, 40)
repeated = fit.predict(n, u * passes, unique_tokens=u)
fresh = fit.predict(n, u * passes, unique_tokens=u * passes)
figure, ax = plt.subplots(figsize=(7.2, 4), layout="constrained")
for color, forecast, label in ((COLOURS[1], repeated, "the same tokens again"), (COLOURS[0], fresh, "new tokens")):
    ax.plot(passes, forecast.median("mean"), color=color, label=label)
    ax.fill_between(passes, *forecast.interval(0.9, "mean"), color=color, alpha=0.2, lw=0, label="90% band")
ax.set(xscale="log", xlabel="passes over 16B tokens, or as many new ones", ylabel="loss (nats per token)",
       title="A model of 1B parameters: what repetition costs")  # fmt: skip
ax.set_xticks([1, 4, 10, 40, 100], ["1", "4", "10", "40", "100"])
_ = ax.legend()

# %% [markdown]
# The answer: up to four passes repeated data are nearly as good as new; beyond forty another pass saves next to nothing.
#
# ## Was it found?

# %%
print(fit.diagnose().sentences()[0])
summary = fit.summary().loc[["E", "alpha", "beta", "R_D", "R_N"], ["median", "90% lower", "90% upper"]]
summary.assign(truth=[PAPER[name] for name in summary.index]).round(2)

# %% [markdown]
# ## What a pass is worth
# Loss given up against as many new tokens, draw by draw:

# %%
given_up = repeated.mean - fresh.mean
at_passes = [int(np.abs(passes - k).argmin()) for k in (2, 4, 10, 40, 100)]
low, middle, high = given_up.quantile([0.05, 0.5, 0.95], ("chain", "draw")).isel(point=at_passes).to_numpy()
pd.DataFrame(
    {"passes": passes[at_passes].round(), "loss given up": middle, "90% lower": low, "90% upper": high}
).round(4)

# %% [markdown]
# ## A budget, and tokens that run out
# 1e22 FLOPs with fewer and fewer tokens at hand: the law repeats them, and moves compute into parameters where repeating
# stops paying.

# %%
rows = {}
for have in ("1T", "100B", "30B", "10B"):
    best = fit.plan(flops="1e22", unique_tokens=have)
    rows[have] = best.table().iloc[0].filter(regex="^(params|tokens)( 90%|$)")
pd.DataFrame.from_dict(rows, orient="index").rename_axis("unique tokens").map("{:.3g}".format)

# %% [markdown]
# **What was learnt:** what repetition costs is a parameter with an interval, found only where some runs repeat their data many
# times; without such runs the posterior of `R_D` is its prior, and `fit.diagnose()` says so.
