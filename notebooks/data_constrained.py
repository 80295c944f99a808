# %% [markdown]
# # Repeated data
#
# **How often may I repeat my data?** If they are like C4 in Muennighoff et al. 2023, whose constants
# the runs below are simulated from: the fourth pass is worth .86 of new tokens, the sixteenth .4, and the thirty-second .15.
# With 20B tokens at hand and 1e22 FLOPs the best plan passes over them 12 times (90%: 11 to 13).

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
from bayes_scaling.reporting.plot.style import COLOURS, GREY, STYLE

draws = int(os.environ.get("BAYES_SCALING_DRAWS", 1000))  # kept per chain, four chains
plt.rcParams.update(STYLE)

# The constants of Muennighoff et al. 2023 (arXiv:2305.16264): the truth that the table is simulated from.
E, A, B, ALPHA = 1.87, 521.0, 1488.0, 0.353
point = {"params": 5e8, "tokens": 1e10, "unique_tokens": 1e10}  # amplitudes belong to a reference point
truth = {
    "E": E, "A": A * point["params"] ** -ALPHA, "B": B * point["tokens"] ** -ALPHA, "alpha": ALPHA, "beta": ALPHA,
    "R_D": 15.4, "R_N": 5.3,
}  # fmt: skip
design = pd.DataFrame(
    [
        {"params": n, "tokens": u * epochs, "unique_tokens": u}
        for n in (5e7, 2e8, 8e8, 3e9)
        for u in (1e9, 4e9, 16e9)
        for epochs in (1, 3, 10, 40)
    ]
)
runs = bs.simulate(design, "muennighoff", truth | {"sigma": 0.005}, reference=point, seed=1)
fit = bs.fit(runs, "muennighoff", draws=draws, seed=1)


half_life = fit.draws(fit.groups[0])["R_D"].to_numpy().ravel()  # repeats until one more is worth 1/e of new data
epoch = np.arange(1, 41)[:, None]
worth = half_life * (np.exp(-(epoch - 2) / half_life) - np.exp(-(epoch - 1) / half_life))
worth[0] = 1  # the first pass is new
low, median, high = np.quantile(worth, (0.05, 0.5, 0.95), axis=1)
figure, ax = plt.subplots(figsize=(7.2, 3.8), layout="constrained")
ax.fill_between(epoch[:, 0], low, high, color=COLOURS[0], alpha=0.2, lw=0, label="90%, by the fit")
ax.plot(epoch[:, 0], median, color=COLOURS[0], label="median")
true = truth["R_D"] * (np.exp(-(epoch - 2) / truth["R_D"]) - np.exp(-(epoch - 1) / truth["R_D"]))
ax.plot(epoch[1:, 0], true[1:, 0], color=GREY, ls="--", label="truth")
ax.set(
    ylim=(0, 1.05), xlabel="epoch", ylabel="worth of its tokens, as a share of new ones",
    title="What the next pass over the same tokens is worth",
)  # fmt: skip
_ = ax.legend()

# %% [markdown]
# ## The table
# 48 runs, simulated from the law and the constants that Muennighoff et al. 2023 published for C4, with a noise of .5%: four
# sizes, three amounts of unique tokens, each seen 1 to 40 times. A real table needs the column `unique_tokens` too;
# `tokens` counts all that were seen.

# %%
print(runs)
print(fit.diagnose())

# %% [markdown]
# ## The law
# `muennighoff` is `chinchilla` in what tokens and parameters are worth. Each repeat is worth less than the last: after R_D repeats,
# 1/e of new data. Parameters beyond those that the unique tokens can use count less alike, by R_N. Here the truth is
# known, so each constant can be held against it (A and B belong to a reference point, and are left out).

# %%
names = ["E", "alpha", "beta", "R_D", "R_N"]
summary = fit.summary().loc[names, ["median", "90% lower", "90% upper"]].astype(float)
summary.assign(truth=[truth[name] for name in names]).round(2)

# %% [markdown]
# ## How many epochs?

# %%
some = np.array([2, 4, 8, 16, 32])
all_passes = np.cumsum(worth, axis=0)[some - 1] / some[:, None]
columns = {"the last pass": worth[some - 1], "all passes together": all_passes}
shares = {
    f"{name}, {label}": np.quantile(values, q, axis=1)
    for name, values in columns.items()
    for label, q in (("median", 0.5), ("90% lower", 0.05), ("90% upper", 0.95))
}
pd.DataFrame(shares, pd.Index(some, name="epochs")).round(2)

# %% [markdown]
# ## A plan with few data
# With 20B tokens at hand and 1e22 FLOPs, how large a model, and how many passes? Beside it the plan where data are endless.

# %%
scarce, fresh = fit.plan("1e22", unique_tokens="20B"), fit.plan("1e22")
print(scarce)
print(fresh)
passes = np.quantile(scarce.tokens / 20e9, (0.05, 0.5, 0.95))
print("epochs of the best plan: {1:.0f} (90%: {0:.0f} to {2:.0f})".format(*passes))

# %% [markdown]
# ## What do more data buy?
# The same budget, and more unique tokens:

# %%
rows = {}
for unique in ("5B", "20B", "80B", "320B"):
    plan = fit.plan("1e22", unique_tokens=unique)
    mean = plan.forecast["mean"]
    rows[unique] = [float(mean.median()), *np.quantile(mean, (0.05, 0.95))]
pd.DataFrame.from_dict(rows, orient="index", columns=["loss", "90% lower", "90% upper"]).rename_axis(
    "unique tokens"
).round(3)

# %% [markdown]
# ## What it does not say
# The table was simulated from the very law that was fitted, so the fit could not fail in the law's form. Real repeated runs can: beyond some
# number of passes losses rise again, which this law cannot do, and fits to the paper's own runs find R_D above the
# published 15 ([catalogue](../benchmarks/results/catalogue.md)). Check it on your own runs, as in `model_checking`.
#
# **What was learnt:** repeat a handful of times without a second thought, and beyond that by the plan; and put the column
# `unique_tokens` into the table, with some runs that repeat often, as no other run can tell R_D.
