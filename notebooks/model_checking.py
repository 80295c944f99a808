# %% [markdown]
# # Checking a fit with ArviZ
#
# **Does the model fit my runs?** For 23 public models: yes. Left out in turn, they lie among the fit's own draws as
# they should (the line on the right stays inside of the lens), and no run decides the rest (Pareto k at most .67). But
# the exponent of D rests in part on its prior, which would move it by .6 of its posterior sd if it were counted twice.

# %%
# In a hosted notebook the package is not there yet.
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("bayes_scaling") is None:
    subprocess.check_call([sys.executable, "-m", "pip", "install", "--quiet", "bayes-scaling"])

# %%
import os

import arviz_plots
import arviz_stats
import matplotlib.pyplot as plt

import bayes_scaling as bs
from bayes_scaling.reporting.plot.style import STYLE

draws = int(os.environ.get("BAYES_SCALING_DRAWS", 1000))  # kept per chain, four chains
plt.rcParams.update(STYLE)

runs = bs.datasets.load("pile")
shared = dict.fromkeys(("A", "B", "alpha", "beta"), "complete")  # E and the noise are each suite's own
# The law alone, as the law is what is checked: a discrepancy would take up what it misses.
fit = bs.fit(runs, "chinchilla", noise="constant", pooling=shared, draws=draws, seed=1)
_ = bs.plot.predictive_check(fit)

# %% [markdown]
# Left, each run among runs drawn from the fit. Right, the share of drawn runs below each run, from a fit without that
# run (LOO-PIT): where the model is right it is uniform, and the line stays inside of the grey lens.
#
# ## What was fitted
# Three suites that share a law, with a floor E and a noise each. The diagnosis comes before any check: a posterior
# that did not converge has nothing to say about a model.

# %%
print(fit.diagnose())

# %% [markdown]
# ## The chains
# `fit.to_arviz()` has every group that ArviZ's functions read, under its standard name. The package's own picture has
# the ranks of each chain's draws beside their traces: level where chains agree. (ArviZ's `plot_rank` tests ranks as
# those of independent draws. Draws of a chain are not: thin them to their effective number first.)

# %%
tree = fit.to_arviz(free=False)
shared_names = list(shared)
print(arviz_stats.summary(tree, var_names=shared_names, kind="diagnostics"))
_ = bs.plot.trace(fit, ["beta", "E"])

# %% [markdown]
# ## The same check with ArviZ, and a law that does not fit
# ArviZ draws the same LOO-PIT, with a p-value for it:

# %%
_ = arviz_plots.plot_loo_pit(tree, backend="matplotlib")

# %% [markdown]
# To see what failure looks like, a law that cannot be right is fitted too: the loss as a power of parameters alone, where
# suites differ in tokens.

# %%
wrong = bs.fit(runs, "kaplan_n", pooling="complete", draws=draws, seed=1)
print(wrong.diagnose().warnings[0])
_ = bs.plot.predictive_check(wrong)

# %% [markdown]
# **The right panel alone would not have told.** The noise is learnt too, and grows until it holds what the law misses. The
# left panel tells: the bands are wider, and misses have a pattern, by suite and by size. So look at residuals against what the runs
# differ in, and not only at how many are inside.

# %%
_ = bs.plot.residual_trends(wrong)

# %% [markdown]
# ## Which of the two predicts runs better?
# PSIS-LOO estimates how well each run is predicted from all others, in nats of log density: the more, the better. The
# difference is several times its standard error (dse).

# %%
elpd = {
    name: arviz_stats.loo(which.to_arviz(free=False), pointwise=True)
    for name, which in (("chinchilla", fit), ("kaplan_n", wrong))
}
print(arviz_stats.compare(elpd)[["rank", "elpd", "p", "elpd_diff", "dse"]])

# %% [markdown]
# ## Which run decides too much?
# Pareto k says how much the posterior moves when a run is left out; above .7 importance sampling cannot say, and only a
# refit can.

# %%
_ = bs.plot.pareto_k(fit)
k = elpd["chinchilla"].pareto_k.to_numpy()
runs.table.assign(pareto_k=k.round(2)).nlargest(3, "pareto_k")[["model", "params", "tokens", "loss", "pareto_k"]]

# %% [markdown]
# ## What did the runs say, and what the priors?
# Where posterior and prior are alike, the runs said nothing.

# %%
_ = arviz_plots.plot_prior_posterior(tree, var_names=shared_names, backend="matplotlib")

# %%
fit.prior_sensitivity("pythia").round(2)

# %%
_ = bs.plot.prior_sensitivity(fit)

# %% [markdown]
# The exponent of N is the runs' own; that of D is partly the prior's, as each suite kept its tokens, or their ratio to
# parameters, fixed. No check of the fit against its runs could have shown that.
#
# ## What these checks do not say
# All of them ask about runs like those that are there. That a law fits says little about a run a hundredfold larger: hold the
# larger runs back and forecast them (the notebook `back_test`).
#
# **What was learnt:** first the chains, then runs against draws, then single runs, then priors. A calibrated LOO-PIT
# is necessary and not enough, as a learnt noise hides what a law misses; patterns of the residuals and a rival's LOO find it.
