# %% [markdown]
# # Change the model
#
# **Can the model be changed, or sampled by something else, and the verbs still be used?** Yes: a fit is an ordinary PyMC
# model. **Sample it with another sampler, or write another model around the same law, and
# every verb still works**: what comes back needs the law's parameters, by name.

# %%
# In a hosted notebook the package is not there yet.
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("bayes_scaling") is None:
    subprocess.check_call([sys.executable, "-m", "pip", "install", "--quiet", "bayes-scaling"])

# %%
import os

import arviz as az
import numpy as np
import nutpie
import pymc as pm
import pytensor.tensor as pt

import bayes_scaling as bs

draws = int(os.environ.get("BAYES_SCALING_DRAWS", 2000))  # kept per chain, four chains
runs = bs.datasets.load("pile")
law = bs.LAWS["chinchilla"]
model = bs.build_model(runs, law, noise="constant", pooling="complete")
sampler = {"draws": draws, "tune": 1000, "chains": 4, "seed": 1, "target_accept": 0.99, "progress_bar": False}
tree = nutpie.sample(nutpie.compile_pymc_model(model), **sampler)
fit = bs.Fit.from_draws(model, tree)
_ = bs.plot.extrapolation(fit, to="1e24")

# %% [markdown]
# ## Another sampler
# The picture is of draws by nutpie. The observed variable is `log_loss`; these draws are those of `bs.fit`, up to Monte Carlo
# error.

# %%
print(model.observed_RVs, model.coords["run"][:5], model.coords["group"])
print(fit.diagnose())
print(fit.predict("30B", "600B"))

# %% [markdown]
# ## A horseshoe on the effects of groups, another noise, a covariate in E
# Written out in PyMC, with the law's own function and priors. Most suites share their parameters and few stand out, which
# is what a horseshoe says of their offsets; the noise is normal; and E moves with how far a run is over-trained, by a
# coefficient that is part of the model. The names that `from_draws` reads are deterministics: E of a group is that at the
# reference point.

# %%
inputs = {"N": runs.params / runs.reference["params"], "D": runs.tokens / runs.reference["tokens"]}
ratio = np.log(inputs["D"] / inputs["N"])

with pm.Model(coords={"group": runs.groups, "run": range(len(runs))}) as own:
    of = {name: pm.Deterministic(name, pt.exp(pm.Normal(f"log_{name}", np.log(p.median), p.spread)))
          for name, p in law.priors.items() if name != "E"}
    spread = pm.HalfCauchy("spread", 0.05)
    local = pm.HalfCauchy("local", 1.0, dims="group")
    size = local * spread
    size = size / pt.sqrt(1 + (size / 0.3) ** 2)  # nor is any far beyond this (Piironen and Vehtari 2017)
    offset = pm.Normal("offset", 0.0, 1.0, dims="group") * size
    centre = pm.Normal("centre", np.log(law.priors["E"].median), law.priors["E"].spread)
    E = pm.Deterministic("E", pt.exp(centre + offset), dims="group")
    pm.Deterministic("E_population", pt.exp(centre))
    pm.Deterministic("E_tau", spread)
    over_trained = pm.Normal("over_trained", 0.0, 0.02)
    sigma = pm.HalfNormal("noise", 0.05)
    pm.Deterministic("sigma", sigma)
    pm.Deterministic("nu", pt.as_tensor(1e3))  # a Student-t of so many degrees is normal
    loss = law(inputs["N"], inputs["D"], E=E[runs.group_index] * pt.exp(over_trained * ratio), **of)
    pm.Normal("log_loss", pt.log(loss), sigma, dims="run", observed=runs.log_loss)
    changed = nutpie.sample(nutpie.compile_pymc_model(own), **sampler)
    pm.compute_log_likelihood(changed, progressbar=False)

# %% [markdown]
# What is asked of it is what the package needs to know of any posterior: the runs, the law, and which parameters differ
# between groups.

# %%
shape = bs.build_model(runs, law, noise="constant", pooling=dict.fromkeys((*of, "sigma"), "complete"))
other = bs.Fit.from_draws(shape, changed)
print(other.diagnose())
print(other.allocate("1e23", group="new"))

# %% [markdown]
# A forecast of one run has its covariate: E is moved to where the run lies. (A plan tries many N and D; for one, write the
# covariate into a law of your own, with `@bs.law`.)

# %%
def at_ratio(params, tokens):
    """The fit with E as runs of so many tokens per parameter have it."""
    there = np.log(tokens / runs.reference["tokens"]) - np.log(params / runs.reference["params"])
    drawn, moved = changed["posterior"].to_dataset(), changed.copy()
    factor = np.exp(drawn["over_trained"] * there)
    moved["posterior"] = drawn.assign({name: drawn[name] * factor for name in ("E", "E_population")})
    return bs.Fit.from_draws(shape, moved)


print(at_ratio(30e9, 600e9).predict("30B", "600B"))
print(other.predict("30B", "600B"), "without its covariate")

# %% [markdown]
# Whether the change earned its keep is a question for leave-one-out, on the densities that each model gave to the same runs.

# %%
print(az.compare({name: az.loo(f.to_arviz()) for name, f in {"built": fit, "changed": other}.items()}))
