# %% [markdown]
# # The minimum of an isoFLOP profile
#
# **Where is the minimum of my isoFLOP profile, and how sure is it?** At 1e21
# FLOPs a parabola says 2.9B parameters (90%: 2.5B to 3.3B) and the law 2.9B (2.7B to 3.2B); the truth of these simulated
# runs is 2.8B. It need not be known better: every size from 2.2B to 3.8B is within .1% of the least loss.

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

# Runs drawn from a law that is known: four budgets, seven sizes each, and sizes that drift off the best ones, from three
# times too small at the first budget to three times too large at the last.
budgets = np.geomspace(1e18, 1e21, 4)
truth = {"E": 1.8, "A": 482, "B": 2085, "alpha": 0.348, "beta": 0.366}
a = truth["beta"] / (truth["alpha"] + truth["beta"])  # N_opt goes as C^a
share = (truth["alpha"] * truth["A"] / (truth["beta"] * truth["B"])) ** (1 / (truth["alpha"] + truth["beta"]))
best = share * (budgets / 6) ** a
params = (best * np.geomspace(1 / 3, 3, 4))[:, None] * np.geomspace(1 / 6, 6, 7)
design = pd.DataFrame({"params": params.ravel(), "tokens": (budgets[:, None] / 6 / params).ravel()})
runs = bs.simulate(
    design, "chinchilla", truth | {"sigma": 0.005}, reference={"params": 1, "tokens": 1}, seed=1
)
fit = bs.fit(runs, "chinchilla", noise="constant", draws=draws, seed=1)
found = fit.approaches(["1e21", "1e23"])
_ = bs.plot.isoflop_profiles(found.fits["isoFLOP parabola"])

# %% [markdown]
# Squares are runs, the curves are parabolas through them, each point a minimum with its 90% interval. `noise="constant"` is
# the law alone: these runs were drawn from it.
#
# ## Was it fitted?
# The law, and the two models of profiles that `approaches` fits beside it.

# %%
print(fit.diagnose())
print(*found.warnings, sep="\n")

# %% [markdown]
# ## Where the minima are
# By a parabola of each profile, by a curve with a side that may be steeper than the other, and by the law, which
# reads all profiles at once. Last the truth.

# %%
points = found.points.query("approach != 'envelope'")
print(points.to_string(index=False, float_format=lambda x: f"{x:.3g}"))
law = fit.allocate(budgets).table()
print(
    law[["flops", "params", "params 90% lower", "params 90% upper"]].to_string(
        index=False, float_format=lambda x: f"{x:.3g}"
    )
)
print("the truth:", *(f"{n:.3g}" for n in best))

# %% [markdown]
# ## Beyond the profiles
# At a hundred times the largest budget, where a plan is made. The law's interval is the narrowest, as it reads how all
# profiles are bent; the envelope, over seven runs a budget, says next to nothing. All of them hold the truth.

# %%
print(*found.sentences(), sep="\n")
n = share * (1e23 / 6) ** a
print(f"the truth: a {a:.3f}, {n / 1e9:.3g}B parameters at 1e23 FLOPs")

# %% [markdown]
# ## The profiles of the law
# The same budgets, and ten times the largest: its runs beside its valleys. A valley is flat: the interval of N is wide and
# its cost small.

# %%
_ = bs.plot.isoflop(fit, [*budgets, 1e22])

# %%
risk = fit.risk("1e21")
print(*risk.sentences(), sep="\n")

# %% [markdown]
# ## What a parabola misses
# No noise here: a parabola through the exact profile of a law whose exponents differ, alpha .5 and beta .25, with sizes
# centred on the best one. Its minimum, as a multiple of the true one, by how far the sizes reach to either side:

# %%
for reach in (4, 10, 30):
    u = np.linspace(-np.log(reach), np.log(reach), 9)  # log(N / N_opt)
    rise = np.expm1(-0.5 * u) / 0.5 + np.expm1(0.25 * u) / 0.25
    curvature, slope, _ = np.polyfit(u, rise, 2)
    print(f"{reach:>2}x: {np.exp(-slope / (2 * curvature)):.2f}")

# %% [markdown]
# ## What it does not say
# A profile is of one recipe: sizes whose learning rate was not tuned move the minimum, and no interval knows of it.
#
# **What was learnt:** a minimum comes with an interval, of 5% to 15% to either side here. The law that reads all profiles at
# once is surer than parabolas, and stays right where exponents differ and sizes reach far. An error in N costs little.
