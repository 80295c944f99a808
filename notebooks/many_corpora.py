# %% [markdown]
# # Many corpora, one fit
#
# **In what do corpora differ, and what do they say together of one that has hardly been trained on?** Each corpus has
# parameters of its own, drawn towards those of the others as far as the runs allow (partial pooling). The runs are those of
# the package's own sweep, one seed a cell.

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
from bayes_scaling.reporting.plot.style import STYLE

draws = int(os.environ.get("BAYES_SCALING_DRAWS", 1000))  # kept per chain, four chains
plt.rcParams.update(STYLE)

runs, larger = bs.datasets.load("sweep").split(holdout_above="1.2e12")
runs = runs.select((runs.table["seed"] == 0).to_numpy())
law = "rosenfeld"  # models this small are near the loss of guessing, which this law knows
fit = bs.fit(runs, law, noise="constant", draws=draws, seed=1)
_ = bs.plot.forest(fit)

# %% [markdown]
# The answer to the first half: each parameter by corpus, and the population that they come from. Tau is the spread between
# corpora; where its interval begins far above zero, they differ in that parameter.

# %%
print(fit.diagnose().sentences()[0])
runs.describe()

# %% [markdown]
# ## What that means for losses
# Differences are taken draw by draw, so that what corpora share cancels.

# %%
print(fit.contrast("1e12", groups=["python", "prose"]))

# %% [markdown]
# ## A corpus with five small runs
# Of `prose` only its five smallest runs are kept, and its larger ones are forecast three ways: with the other corpora
# (partial), without them (its five runs alone), and as if all corpora were one (complete).

# %%
prose = runs.group_index == runs.groups.index("prose")
few = np.zeros(len(runs), bool)
few[np.flatnonzero(prose)[np.argsort(runs.flops[prose], kind="stable")[:5]]] = True
known, alone, rest = runs.select(~prose | few), runs.select(few), runs.select(prose & ~few)
options = {"noise": "constant", "draws": draws, "seed": 1}
ways = {
    "partial": bs.fit(known, law, **options),
    "alone": bs.fit(alone, law, **options),
    "complete": bs.fit(known, law, pooling="complete", **options),
}
rows = {}
for name, way in ways.items():
    there = way.predict(rest.params, rest.tokens, group="prose" if len(way.groups) > 1 else None)
    low, high = (np.asarray(bound) for bound in there.interval(0.9))
    rows[name] = {
        "larger runs inside of 90%": f"{np.mean((low <= rest.loss) & (rest.loss <= high)):.0%}",
        "width of the interval, median": f"{np.median((high - low) / rest.loss):.0%} of the loss",
    }
pd.DataFrame.from_dict(rows, orient="index")

# %% [markdown]
# With the other corpora the interval is the narrowest, and still has more of the larger runs than the five runs alone: these
# do not say which of their parameters are off. Taken for one, the corpora's differences pass for noise, and the interval is
# more than twice as wide. None is exact: the larger runs of one corpus err together, and so far from its five runs the law
# itself is uncertain, which the default noise knows and `noise="constant"` does not (`extrapolation_risk`).
#
# ## A corpus that nobody has trained on yet
# `group="new"` draws its parameters from the population:

# %%
print(fit.predict("1M", "20M", group="new"))

# %% [markdown]
# **What was learnt:** a group with few runs borrows from the others what they have in common, and keeps what its own runs
# say against them. What each parameter gains by differing, and whether it has to, is asked by `bs.compare_pooling(runs)`.
