"""Draws the picture of the README: python docs/extrapolation.py."""

from pathlib import Path

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt

import bayes_scaling as bs

runs = bs.datasets.load("pile")
shared = dict.fromkeys(("A", "B", "alpha", "beta"), "complete")
fit = bs.fit(runs, law="chinchilla", pooling=shared, seed=1)
print(fit.diagnose())

figure, axes = plt.subplots(1, 2, figsize=(11.5, 4.4), layout="constrained")
bs.plot.loss_band(fit, "300B", along="params", group="pythia", to="1T", ax=axes[0])
bs.plot.extrapolation(fit, group="cerebras", ax=axes[1])
for ax in axes:
    ax.spines[["top", "right"]].set_visible(False)
figure.savefig(Path(__file__).with_suffix(".png"), dpi=110)
