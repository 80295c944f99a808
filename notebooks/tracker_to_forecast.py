# %% [markdown]
# # From a tracker to a registered forecast
#
# **Will the run that is on its way reach what it was registered to reach?** The daily work around a scaling law: bring finished runs together, fit, write down what a larger run should reach before
# it starts, see on its way whether it will, and score the forecast when it is done. The runs are real: small transformers
# trained on six novels, from a sweep that comes with the package. Here they lie in logs, as a training script leaves them.

# %%
# In a hosted notebook the package is not there yet.
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("bayes_scaling") is None:
    subprocess.check_call([sys.executable, "-m", "pip", "install", "--quiet", "bayes-scaling"])

# %%
import json
import os
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import bayes_scaling as bs
from bayes_scaling.reporting.plot.style import STYLE

draws = int(os.environ.get("BAYES_SCALING_DRAWS", 500))  # kept per chain, four chains
plt.rcParams.update(STYLE)

folder = Path(tempfile.mkdtemp(prefix="runs-"))
curves = bs.datasets.load("sweep_trajectories").table
prose = curves[(curves["group"] == "prose") & (curves["seed"] < 2)]


def write_log(path, run, upto=1.0):
    """A run as its training script logged it, up to some share of it."""
    path.mkdir(parents=True)
    steps = int(run["tokens"].max() / 512)
    config = {"num_params": int(run["params"].iloc[0]), "max_steps": steps, "tokens_per_step": 512}
    (path / "config.json").write_text(json.dumps(config | {"seed": int(run["seed"].iloc[0])}))
    seen = run[run["share"] <= upto]
    lines = [{"step": int(t / 512), "eval/loss": loss} for t, loss in zip(seen["tokens"], seen["loss"], strict=True)]
    (path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


names = prose.loc[prose["role"] == "grid", "trajectory"].unique()
for number, name in enumerate(names):
    write_log(folder / "small" / name, prose[prose["trajectory"] == name], upto=0.6 if number == 3 else 1.0)
with (folder / "small" / names[7] / "log.jsonl").open("a") as log:
    log.write('{"step": 1000000, "eval/loss": NaN}\n')

found = bs.collect(folder / "small")
fit = bs.fit(found.runs, "chinchilla", noise="constant", draws=draws, seed=1)

hero = curves[curves["trajectory"] == "holdout-prose-80x4-10255-s0-r1"]
size, length = int(hero["params"].iloc[0]), int(hero["tokens"].max())
card = fit.register(folder / "hero.json", params=size, tokens=length, history=found, note="the last evaluation")
write_log(folder / "half", hero, upto=0.51)
halfway = bs.follow(folder / "hero.json", folder / "half" / "log.jsonl")
halfway.plot();

# %% [markdown]
# The answer, halfway: the curve in its band, and where its end will lie. What the cell above did, step by step:
#
# ## The logs
# A folder a run: a config, and a line of JSON at each evaluation. Two runs are spoilt on purpose: one that stopped
# halfway, and one whose loss became NaN.

# %%
print((folder / "small" / names[0] / "config.json").read_text())
print((folder / "small" / names[0] / "log.jsonl").read_text())

# %% [markdown]
# ## Collect
# One row a run: the last evaluation, never the lowest; parameters from the config, tokens from steps and what a step has.
# The two spoilt runs are left out by name.

# %%
print(found)

# %%
found.plot();

# %% [markdown]
# ## Fit
# The law alone (`noise="constant"`), which is quick; by default a discrepancy would allow for what the law misses.

# %%
print(fit.diagnose().sentences()[0])

# %% [markdown]
# ## Register
# A model of 317 thousand parameters is to be trained on 5.25 million tokens: ten times the compute of the largest run so
# far. The card has the intervals of its final loss, and with the small runs' curves those on the way there too.

# %%
print(card)

# %%
print((folder / "hero.md").read_text().partition("## How it was made")[0])

# %% [markdown]
# ## Follow
# The run goes on; here is its log after a quarter, and after half of it.

# %%
write_log(folder / "quarter", hero, upto=0.26)
print(bs.follow(folder / "hero.json", folder / "quarter" / "log.jsonl"))

# %%
print(halfway)

# %% [markdown]
# The median that the law registered was too high, and halfway the curve says so: the interval of the end is well under
# half as wide, and lies at the lower end of the registered one. In a script, `bayes-scaling follow hero.json --log
# log.jsonl` ends with exit code 1 once an end outside of the registered 90% is likelier than one inside.

# %% [markdown]
# ## Score
# When the run is done, its loss stands beside the forecast for good, and a folder of such cards says how far the next one
# is to be trusted.

# %%
reached = float(hero["loss"].iloc[-1])
print(bs.score(folder / "hero.json", reached, refit=fit))
low, high = halfway.interval(0.9)
print(f"\nhalfway the run was said to end between {float(low):.3f} and {float(high):.3f}; it reached {reached:.3f}")

# %%
print(bs.ledger(folder))
