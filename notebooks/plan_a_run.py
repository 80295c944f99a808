# %% [markdown]
# # From a posterior to a plan
#
# 1,000 H100 for six months: **what should be trained, what will it reach, what could go wrong, and which small runs
# are worth paying for first?** Every answer is a distribution, read off one posterior of 23 public models.

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

import bayes_scaling as bs
from bayes_scaling.reporting.plot.style import STYLE

draws = int(os.environ.get("BAYES_SCALING_DRAWS", 1000))  # kept per chain, four chains
plt.rcParams.update(STYLE)

runs = bs.datasets.load("pile")
shared = {name: "complete" for name in bs.LAWS["chinchilla"].parameters if name != "E"}
fit = bs.fit(runs, law="chinchilla", pooling=shared, draws=draws, seed=1)

SUITE = "pythia"
cluster = bs.Hardware(1000, "H100", "6 months", utilisation=(0.3, 0.5))
plan = fit.plan(hardware=cluster, max_tokens="10T", group=SUITE)
risk = fit.risk(float(np.median(plan.flops)), group=SUITE)
_ = bs.plot.valley(risk)

# %% [markdown]
# The picture is the answer to the first question: what each size would cost against the best one, in the loss given up. Whether
# the fit behind it can be believed is asked before anything else.

# %%
print(fit.diagnose())

# %% [markdown]
# ## Hardware and time become a budget
# Nobody knows the utilisation beforehand, so it is an interval too (90%). The model is chosen before the budget is
# known; what the machines leave of it goes into tokens.

# %%
print(plan)

# %% [markdown]
# The interval of N is what these runs leave open about the best split. It is wide: Pythia's suites trained all sizes on
# 300B tokens, and Cerebras-GPT at one ratio, so that few runs say what a token is worth against a parameter. **A wide
# interval of N is not yet a costly one**, as the valley at the top shows.

# %%
for sentence in risk.sentences():
    print(sentence)

# %% [markdown]
# ## Will it reach the target?
# The probability holds everything: the posterior, what any law misses beyond its data, and the scatter of one run.

# %%
_ = bs.plot.chances(fit, [1.6, 1.5, 1.4], to="1e27", group=SUITE)

# %%
print(fit.plan(target=1.5, group=SUITE))

# %% [markdown]
# A target can also be out of reach, and then a sentence says why:

# %%
print(fit.plan(target=0.5, drift=False, group=SUITE))

# %% [markdown]
# ## Who pays for inference?
# The more tokens are served, the smaller the model of the same quality should be, and the longer it is trained.

# %%
serving = fit.serve(np.geomspace(1e11, 1e14, 7), like=("70B", "1.4T"), group=SUITE)
for sentence in serving.sentences()[::3]:
    print(sentence)
_ = bs.plot.serving(serving)

# %% [markdown]
# ## Which suite is better?
# All groups are in one posterior, so differences are paired draw by draw: what they share cancels.

# %%
contrast = fit.contrast(["1e21", "1e22"], groups=["pythia", "cerebras"])
print(contrast)

# %% [markdown]
# ## Which runs next?
# The uncertainty of N_opt is what these suites leave open, because few of their runs lie off the beaten ratios. A batch of small runs, chosen by how much each is expected to
# take away of it, beside one isoFLOP profile of the same cost:

# %%
design = fit.design("1e21", optimum_at="1e24", group=SUITE, max_runs=10)
print(design)
_ = bs.plot.design(design)

# %% [markdown]
# The expected relative loss given up by training the median N_opt, now and once the batch is done:

# %%
now, after = design.regret
print(f"{now:.2%} now, {after:.2%} after a batch of {design.cost:.1e} FLOPs")

# %% [markdown]
# **What was learnt:** a plan is a distribution and one choice; the valley says what the uncertainty of N costs; what the
# law misses, and not N, decides whether a target is reached far beyond the data; and where the uncertainty is worth money, `design` says
# which runs remove it.
