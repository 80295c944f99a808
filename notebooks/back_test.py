# %% [markdown]
# # Would the forecast have been right?
#
# **Would my smaller runs have forecast my larger ones?** In the sweep that ships with the package, on
# Python code: with `chinchilla` and its drift no, as 90% bands cover 3 of 11 forecasts, and the median is 7% too high; with a ceiling
# on large losses yes, as they hold all 11, and the median is .3% too low.

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
import pandas as pd

import bayes_scaling as bs
from bayes_scaling.reporting.plot.style import STYLE

draws = int(os.environ.get("BAYES_SCALING_DRAWS", 1000))  # kept per chain, four chains
plt.rcParams.update(STYLE)

sweep = bs.datasets.load("sweep")
runs = sweep.select(sweep.table["group"] == "python")
# The law with its drift: each cut is a fit of its own, and this noise is the quickest. A law with a ceiling beside it.
laws = ("chinchilla", "chinchilla+ceiling")
fits = {law: bs.fit(runs, law, noise="constant", draws=draws, seed=1) for law in laws}
backs = {law: fit.backtest(draws=draws) for law, fit in fits.items()}

figure, axes = plt.subplots(1, 2, figsize=(9.6, 4.2), sharey=True, layout="constrained")
for ax, (law, back) in zip(axes, backs.items(), strict=True):
    bs.plot.misses(back, ax=ax).set_title(law)

# %% [markdown]
# Each point is a run that was held out and forecast from smaller ones: how far its loss lies from the forecast's median,
# against how far it is beyond the runs that were fitted. A cross is outside of its 90% band.
#
# ## What was done
# Small transformers on Python code, trained for this package. The runs within 3x, 10x and 30x of the largest compute are
# held out in turn, and the law is fitted to the rest, as on the day before those runs were made.

# %%
print(runs)
for law, fit in fits.items():
    print(f"{law}: {fit.diagnose().sentences()[0]}")

# %% [markdown]
# ## What it says

# %%
for law, back in backs.items():
    print(law, *back.sentences(), *back.warnings, sep="\n  ")

# %% [markdown]
# The losses of the smallest models bend towards that of guessing. A law without a ceiling takes the bend for slow
# learning, and forecasts all larger runs too high: **its misses are all on one side.** That is the sign of a
# wrong law; a band that is too narrow would miss on both. Where no law is named, `bs.fit` asks itself for the ceiling, and says so.
#
# ## By distance
# Three times the compute is not thirty times: each cut is a table of its own.

# %%
columns = ["runs", "coverage 50%", "coverage 90%", "width", "error"]
pd.concat({law: back.table(by="cut").loc[["3x", "10x", "30x"], columns] for law, back in backs.items()}).round(3)

# %% [markdown]
# ## Do bands cover what they say?
# Below the diagonal bands are too narrow. The lens is what independent runs would scatter by; these are few, and miss together.

# %%
figure, axes = plt.subplots(1, 2, figsize=(9.6, 4.6), layout="constrained")
for ax, (law, back) in zip(axes, backs.items(), strict=True):
    bs.plot.coverage(back, ax=ax).set_title(law)

# %% [markdown]
# ## What to do with it
# Take the law that would have been right. What these cuts say of its drift beyond the data can go into its
# forecasts:

# %%
best = fits["chinchilla+ceiling"]
larger = {"params": "2M", "tokens": "50M"}
for label, which in (("the usual drift", best), ("the drift after these cuts", best.with_drift(backs[best.law.name].drift))):
    print(f"{label}: {which.predict(**larger).sentences()[0]}")

# %% [markdown]
# ## What it does not say
# The cuts share runs, and the law with a ceiling was looked at after the other had failed: a record of one table is
# no guarantee for the next decade of compute. [What a band covers](../docs/bands.md) has the record of many tables.
#
# **What was learnt:** hold back the largest runs before the law is believed. Misses on one side ask for another law, misses
# on both for wider bands, and a record that holds at 3x says nothing yet about 30x.
