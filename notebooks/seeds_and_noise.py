# %% [markdown]
# # Seeds and noise
#
# **How much of a difference between runs is only the seed?** In the sweep that ships with the package, on 300,000
# tokens: 90% of two runs that differ in their seed alone have losses within 1.2% of each other; on 20,000 tokens 3.1%, on
# 5 million .4%. So of two recipes, the one that is better by .5% loses a comparison of one run each in a quarter of cases.

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
from scipy.spatial.distance import pdist
from scipy.stats import norm
from scipy.stats import t as student

import bayes_scaling as bs
from bayes_scaling.reporting.plot.style import COLOURS, STYLE

draws = int(os.environ.get("BAYES_SCALING_DRAWS", 1000))  # kept per chain, four chains
plt.rcParams.update(STYLE)

sweep = bs.datasets.load("sweep")
runs = sweep.select((sweep.table["group"] == "words") & (sweep.table["role"] == "grid"))
# Not the default noise, but one that tells the seed's part from what the law misses, and lets it change with D.
fit = bs.fit(runs, "chinchilla", noise="tokens", draws=draws, seed=1)


def seed_sd(tokens):
    """Posterior draws of the sd of log loss between seeds, for runs on so many tokens."""
    draw = fit.draws("words")
    return (draw["sigma"] * (tokens / fit.reference["tokens"]) ** draw["slope"]).to_numpy().ravel()


nu = float(fit.draws("words")["nu"].median())
difference = np.sqrt(2) * student.ppf(0.95, nu)  # of two runs, in units of the sd of one: 90% are smaller
cells = runs.table.assign(log_loss=np.log(runs.loss)).groupby(["params", "tokens"])["log_loss"]
gaps = np.array([(d, gap) for (_, d), c in cells for gap in pdist(c.to_numpy()[:, None])])
bound = np.array([difference * np.median(seed_sd(d)) for d in gaps[:, 0]])

figure, ax = plt.subplots(figsize=(7.2, 3.8), layout="constrained")
order = np.argsort(gaps[:, 0])
ax.fill_between(
    gaps[order, 0], 0, 100 * bound[order], color=COLOURS[0], alpha=0.15, lw=0, label="90% of pairs, by the fit"
)
ax.scatter(*gaps.T * [[1], [100]], s=14, color=COLOURS[1], alpha=0.7, label="two runs of one cell")
ax.set(
    xscale="log", ylim=(0, None), xlabel="training tokens D", ylabel="difference of their losses (%)",
    title="Runs that differ in their seed alone",
)  # fmt: skip
_ = ax.legend()

# %% [markdown]
# ## The table
# Small transformers trained for this package on `words`, a synthetic corpus. A cell is one size and one
# number of tokens; its runs differ in first weights and order of the data. The column `seed` says so, and the fit takes
# the runs of a cell for replicates.

# %%
print(runs)
print(cells.size().value_counts().rename("cells").rename_axis("seeds in a cell").to_string())
print(fit.diagnose())

# %% [markdown]
# ## Two levels of noise
# A run misses the law by two parts: `sigma`, its seed's, new in every run; and `lack_of_fit`, what the law misses of that
# configuration, the same for all of its seeds. **More seeds average away the first and leave the second.**

# %%
short = ["median", "90% lower", "90% upper"]
fit.summary().loc[["sigma", "lack_of_fit", "slope", "nu"], short].round(4)

# %% [markdown]
# sigma is that of a run with the table's geometric mean of tokens. The negative slope says that seeds matter less in longer runs:

# %%
change = 10 ** fit.summary().loc["slope", short].astype(float)
print("tenfold tokens multiply the sd of seeds by {:.2f} (90%: {:.2f} to {:.2f})".format(*change))
for tokens in (20_000, 300_000, 5_000_000):
    sd = np.median(seed_sd(tokens))
    print(f"{tokens:>9,} tokens: sd of seeds {sd:.2%}; 90% of two runs differ by less than {difference * sd:.1%}")

# %% [markdown]
# Is it right about that? Pairs of seeds in the same cell say. (They are not independent: five runs make ten pairs.)

# %%
print(f"of {len(gaps)} pairs {np.mean(gaps[:, 1] < bound):.0%} differ by less than the bound of 90%")
print(f"the largest difference is {gaps[:, 1].max():.1%}, at {gaps[gaps[:, 1].argmax(), 0]:,.0f} tokens")

# %% [markdown]
# ## How often does the worse recipe win?
# One recipe is better by so much. With so many seeds of each, on 300,000 tokens, how often has the worse one the lower
# mean loss? (Simulated from the fit: a configuration has a scatter of its own, so that the noise is Student's t.)

# %%
rng = np.random.default_rng(1)
nus = fit.draws("words")["nu"].to_numpy().ravel()
own = nus / rng.chisquare(nus, (2, len(nus)))  # of either recipe, what multiplies its variance
sd = seed_sd(300_000) * np.sqrt(own.sum(0))
better = [0.002, 0.005, 0.01, 0.02]
wins = {f"{n} seeds of each": [norm.cdf(-b / sd * np.sqrt(n)).mean() for b in better] for n in (1, 2, 5)}
pd.DataFrame(wins, [f"better by {b:.1%}" for b in better]).round(2)

# %% [markdown]
# ## One seed in a cell
# Where every configuration was trained once, as in most tables, the two parts cannot be told apart, and `sigma` is both:

# %%
once = bs.fit(runs.select(runs.table["seed"] == 0), "chinchilla", noise="constant", draws=draws, seed=1)
once.summary().loc[["sigma"], short].round(4)

# %% [markdown]
# A forecast is none the worse for it, as a new run has both parts. But whoever takes this sigma for the seed's
# believes that seeds matter twice as much as they do.
#
# ## What it does not say
# These are tiny models on a synthetic corpus: the percentages are theirs. The error of the evaluation windows is common to
# all runs here, and so is in neither part. A seed is no change of recipe, data or learning rate.
#
# **What was learnt:** a second seed in a few cells, of small runs, tells the noise of a run from what the law misses. It says which
# differences mean something, and when further seeds no longer help.
