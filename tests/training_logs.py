"""Training runs as logs, whose every part can be spoilt."""

import json

import numpy as np

CONFIG = {
    "n_layer": 4,
    "n_head": 4,
    "n_embd": 64,
    "vocab_size": 1000,
    "block_size": 128,
    "batch_size": 8,
    "gradient_accumulation_steps": 2,
    "max_steps": 1000,
    "seed": 3,
}
"""As nanoGPT has it: 4 x 12 x 64^2 parameters, 64 x (1000 + 128) in embeddings; 2048 tokens a step."""


def loss(steps):
    return 2.0 + 6.0 * np.asarray(steps, dtype=float) ** -0.3


def rate(step):
    """A cosine from 1e-3 to a tenth of it."""
    return 1e-3 * (0.1 + 0.45 * (1 + np.cos(np.pi * step / 1000)))


def lines(*, end=1000, every=10, evaluated=100, above=0.0):
    """Lines of a log: a training loss and a learning rate every so many steps, an evaluation every so many.

    Losses may lie above those of `loss`.
    """
    noise = np.random.default_rng(0).normal(0, 0.02, end // every + 1)
    found = []
    for i, step in enumerate(range(every, end + 1, every)):
        train = {"train/loss": float(loss(step) + above - 0.05 + noise[i]), "lr": float(rate(step))}
        found.append({"step": step, **train})
        if step % evaluated == 0:
            found.append({"step": step, "eval/loss": float(loss(step) + above)})
    return found


def write_run(folder, name, found=None, config=CONFIG):
    """Writes a run below a folder: its lines, and a config unless it is None."""
    run = folder / name
    run.mkdir(parents=True, exist_ok=True)
    (run / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in found or lines()))
    if config is not None:
        (run / "config.json").write_text(json.dumps(config))
    return folder
