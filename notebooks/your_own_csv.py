# %% [markdown]
# # From my own CSV to an answer
#
# **My runs are in a CSV with column names of my own, two corpora, two seeds and a run that crashed: what will 7B
# parameters on 140B tokens reach, and how should 1e22 FLOPs be split?** On the web corpus 2.13 (90% of new runs: 1.98 to
# 2.20), on code 1.30 (1.21 to 1.35); and some 10B parameters on 150B tokens, give or take a quarter. The file is made up
# here, from a law that is known: the losses of that law, 2.17 and 1.33, are inside.

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
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

import bayes_scaling as bs
from bayes_scaling.reporting.plot.style import STYLE

draws = int(os.environ.get("BAYES_SCALING_DRAWS", 1000))  # kept per chain, four chains
plt.rcParams.update(STYLE)

# A file of one's own would be there already. This one is drawn from a law that is known, so that answers can be checked.
sizes, ratios = (2e7, 6e7, 2e8, 6e8), (5, 20, 80)
plan = [
    (n, n * m, corpus, seed) for n in sizes for m in ratios for corpus in ("code", "web") for seed in (0, 1)
]
design = pd.DataFrame(plan, columns=["params", "tokens", "group", "seed"])
truth = {
    "E": [1.1, 1.82],
    "A": [300, 480],
    "B": [1400, 2080],
    "alpha": 0.348,
    "beta": 0.366,
}  # of code, of web
table = bs.simulate(
    design, "chinchilla", truth | {"sigma": 0.004}, reference={"params": 1, "tokens": 1}, seed=3
).table
mine = pd.DataFrame(
    {
        "run": [f"exp-{i:02}" for i in range(len(table))],
        "corpus": table["group"],
        "model size (B)": table["params"] / 1e9,
        "tokens (B)": table["tokens"] / 1e9,
        "seed": table["seed"],
        "val/loss": table["loss"].round(4),
        "state": "finished",
    }
)
mine.loc[13, ["val/loss", "state"]] = 6.2, "crashed"
path = Path(tempfile.mkdtemp()) / "our_runs.csv"
mine.to_csv(path, index=False)

finished = pd.read_csv(path).query("state == 'finished'")
runs = bs.load_runs(finished, group="corpus", name="our_runs.csv")
fit = bs.fit(runs, noise="constant", draws=draws, seed=1)
_ = fit.plot()

# %% [markdown]
# The picture: each run beside the law of its corpus, the loss of larger runs with its bands, and the best model size for
# a budget. How it came about:
#
# ## What is in the file
# Names, units and a column of states as people write them.

# %%
print("\n".join(path.read_text().splitlines()[:5]))

# %% [markdown]
# ## Read it, and read what is said
# Nobody named a column, and the messages are asked for here, one by one. `Runs.renamed` says what was taken for what:
# sizes and tokens in billions were multiplied.

# %%
with warnings.catch_warnings():
    warnings.simplefilter("ignore", bs.DoubtfulInputWarning)  # shown below
    first = bs.load_runs(path)
print(first, first.renamed, *first.warnings, sep="\n\n")

# %% [markdown]
# Each message names its remedy. The crashed run is left out of the table, and the column `corpus` is named, because a
# group changes the model: each corpus has a law of its own, and they learn from each other. Now nothing is left to say:

# %%
print(runs, runs.warnings)

# %% [markdown]
# ## Fit, and diagnose before anything else
# `noise="constant"` is the law alone: these runs were drawn from it, so nothing else is there to be found, and it is
# several times as fast. For real runs leave it out.

# %%
print(fit.diagnose())

# %% [markdown]
# ## Forecast
# Of each corpus, the loss of one more run, with how far that is beyond the data. The last line is the law that the
# losses were drawn from.

# %%
forecast = fit.predict(params="7B", tokens="140B")
print(*forecast.sentences(), sep="\n")
for i, corpus in enumerate(fit.groups):
    E, A, B = (truth[name][i] for name in "EAB")
    print(f"the truth, {corpus}: {E + A / 7e9 ** truth['alpha'] + B / 140e9 ** truth['beta']:.2f}")

# %% [markdown]
# ## Allocate a budget

# %%
print(*fit.allocate("1e22").sentences(), sep="\n")
a = truth["beta"] / (truth["alpha"] + truth["beta"])  # N_opt goes as C^a
for corpus, A, B in zip(fit.groups, truth["A"], truth["B"], strict=True):
    share = (truth["alpha"] * A / (truth["beta"] * B)) ** (1 / (truth["alpha"] + truth["beta"]))
    print(f"the truth, {corpus}: {share * (1e22 / 6) ** a / 1e9:.1f}B")

# %% [markdown]
# One of the two intervals just misses, as one 90% interval in ten does. It costs little: a loss near its minimum hardly
# changes with N.

# %% [markdown]
# ## Report
# One page with all answers, pictures and provenance, that needs no network.

# %%
page = bs.report(fit, path.with_name("report.html"), targets=[("7B", "140B")], budgets=["1e22"])
print(page.name, f"{page.stat().st_size / 1e6:.1f} MB")

# %% [markdown]
# ## What this does not say
# Nothing here knows of a change of recipe: a new tokenizer or data mix is another group, with runs of its own. Bands
# beyond the data are as wide as laws have missed real larger runs, which is more than this simulated table needs.
#
# **What was learnt:** a CSV is read under the names it has; what is said on reading it names the column or the rows to
# mend; a corpus is a group; the diagnosis comes before the answers.
