"""One training run, from its seed to a row of the table.

Adam (0.9, 0.95) on 8 windows of 64 tokens a step, gradients clipped to norm 1, no weight decay. The learning rate
rises over the first tenth of the run and falls along a cosine to a tenth of its peak at the run's own last step, so
that no row of the table is an early-stopped longer run. Its peak follows from the size of the model and the
length of the run alone, by `peak_rate`; the runs of the bowl, which scale it, are kept beside the table to check it.
"""

import math
import zlib
from dataclasses import dataclass
from functools import cache, partial
from time import perf_counter
from typing import Any

import jax
import numpy as np
import optax
from platformdirs import user_cache_path

from bayes_scaling.data.architecture import Architecture
from bayes_scaling.data.units import bits_per_unit, training_flops
from benchmarks.sweep.corpora import CONTEXT, VOCABULARY, Corpus, corpus
from benchmarks.sweep.transformer import Weights, initial, losses

BATCH = 8  # windows a step
TOKENS_PER_STEP = BATCH * CONTEXT
CHUNK = 128  # steps that one call of the compiled program takes at most
WARM_UP = 0.1  # of the run
LAST_RATE = 0.1  # of the peak
CHECKPOINTS = tuple(2.0**-k for k in range(6, 0, -1))  # shares of the run at which it is evaluated on the way
CHECKPOINT_WINDOWS = 256  # of the evaluation set, spread evenly

# The workers share what they have compiled.
jax.config.update("jax_compilation_cache_dir", str(user_cache_path("bayes_scaling") / "sweep" / "compiled"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)

OPTIMISER = optax.chain(optax.clip_by_global_norm(1.0), optax.scale_by_adam(b1=0.9, b2=0.95))


@dataclass(frozen=True)
class Run:
    """What is trained.

    Attributes
    ----------
    role : str
        ``grid``, ``holdout`` or ``bowl``: what the run is for.
    corpus : str
    budget : float
        FLOPs of its place in the design, C = 6ND.
    width, layers : int
    steps : int
    seed : int
        Of the first weights and of the order of the data.
    rate_factor : float
        Times `peak_rate`; other than 1 in the bowl alone.
    """

    role: str
    corpus: str
    budget: float
    width: int
    layers: int
    steps: int
    seed: int
    rate_factor: float = 1.0

    @property
    def shape(self) -> Architecture:
        return architecture(self.width, self.layers)

    @property
    def tokens(self) -> int:
        return self.steps * TOKENS_PER_STEP

    @property
    def flops(self) -> float:
        """C = 6ND."""
        return training_flops(self.shape.params, self.tokens)

    @property
    def key(self) -> int:
        """What the first weights and the order of the data are drawn from: no two cells share theirs."""
        cell = f"{self.corpus} {self.width} {self.layers} {self.steps} {self.seed}"
        return zlib.crc32(cell.encode()) >> 1  # fits a signed 32-bit integer

    @property
    def name(self) -> str:
        """What no other run of the design is called."""
        return f"{self.role}-{self.corpus}-{self.width}x{self.layers}-{self.steps}-s{self.seed}-r{self.rate_factor:g}"


def architecture(width: int, layers: int) -> Architecture:
    """A transformer of the sweep: heads of 16, but two of them at least."""
    heads = max(2, width // 16)
    return Architecture(layers=layers, width=width, heads=heads, vocabulary=VOCABULARY, context=CONTEXT)


def peak_rate(params: float, steps: float) -> float:
    """Peak learning rate: 0.0145 for 30,000 parameters and 400 steps, less for a larger model or a longer run."""
    return 0.0145 * (params / 30_000) ** -0.4 * (steps / 400) ** -0.3


def schedule(steps: int, peak: float) -> np.ndarray:
    """Learning rate of each step, shape (steps,)."""
    warm_up = max(1, round(WARM_UP * steps))
    fall = np.clip((np.arange(steps) - warm_up) / max(1, steps - 1 - warm_up), 0, 1)
    cosine = LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + np.cos(np.pi * fall))
    return peak * np.minimum((np.arange(steps) + 1) / warm_up, cosine)


def order(characters: int, steps: int, key: int) -> np.ndarray:
    """Where the windows of each step begin, shape (steps, BATCH).

    Windows do not overlap within an epoch; each epoch cuts the text at another place and shuffles anew.
    """
    rng = np.random.default_rng(key)
    starts: list[np.ndarray] = []
    while sum(map(len, starts)) < steps * BATCH:
        first = rng.integers(CONTEXT)
        starts.append(rng.permutation(np.arange(first, characters - CONTEXT, CONTEXT)))
    return np.concatenate(starts)[: steps * BATCH].reshape(steps, BATCH)


@cache
def _programs(shape: Architecture) -> tuple[Any, Any]:
    """The compiled step and evaluation of a shape, one for all seeds, corpora and lengths."""

    def step(i: Any, state: Any, windows: jax.Array, rates: jax.Array) -> Any:
        weights, moments = state
        gradient = jax.grad(lambda w: losses(w, windows[i], shape).mean())(weights)
        updates, moments = OPTIMISER.update(gradient, moments)
        return jax.tree.map(lambda w, u: w - rates[i] * u, weights, updates), moments

    def advance(state: Any, windows: jax.Array, rates: jax.Array, count: int) -> Any:
        return jax.lax.fori_loop(0, count, partial(step, windows=windows, rates=rates), state)

    return jax.jit(advance, donate_argnums=0), jax.jit(partial(losses, shape=shape))


def evaluate(weights: Weights, windows: np.ndarray, shape: Architecture) -> np.ndarray:
    """Loss of each window, in nats per token, shape (windows,)."""
    program = _programs(shape)[1]
    parts = np.split(windows, range(CHECKPOINT_WINDOWS, len(windows), CHECKPOINT_WINDOWS))
    return np.concatenate([np.asarray(program(weights, part)) for part in parts]).astype(float)


def train(
    run: Run, checkpoints: tuple[float, ...] = CHECKPOINTS
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Train one model and evaluate it.

    Parameters
    ----------
    run : Run
    checkpoints : tuple of float
        Shares of the run at which it is evaluated on the way.

    Returns
    -------
    row : dict
        Of the table of runs.
    trajectory : list of dict
        The evaluations on the way: the run's name, step, tokens and loss on `CHECKPOINT_WINDOWS` windows.
    """
    began = perf_counter()
    data: Corpus = corpus(run.corpus)
    shape = run.shape
    starts = order(len(data.text), run.steps, run.key)
    rates = schedule(run.steps, run.rate_factor * peak_rate(shape.params, run.steps)).astype(np.float32)
    weights = initial(shape, jax.random.key(run.key))
    state = (weights, OPTIMISER.init(weights))
    few = data.windows[:: len(data.windows) // CHECKPOINT_WINDOWS]
    marks = sorted({max(1, round(share * run.steps)) for share in checkpoints} | {run.steps})
    trajectory, done = [], 0
    for mark in marks:
        while done < mark:
            steps = np.arange(done, min(done + CHUNK, mark))
            padded = np.resize(steps, CHUNK)  # one shape, one program; the loop ends after len(steps)
            windows = data.text[starts[padded][..., None] + np.arange(CONTEXT + 1)]
            state = _programs(shape)[0](state, windows, rates[padded], len(steps))
            done += len(steps)
        at = {"run": run.name, "step": done, "tokens": done * TOKENS_PER_STEP}
        trajectory.append(at | {"loss": float(evaluate(state[0], few, shape).mean())})
    trained = perf_counter() - began
    by_window = evaluate(state[0], data.windows, shape)
    loss = float(by_window.mean())
    row = {
        "corpus": run.corpus,
        "role": run.role,
        "budget": run.budget,
        "params": shape.params,
        "tokens": run.tokens,
        "loss": loss,
        "seed": run.seed,
        "eval_se": float(by_window.std(ddof=1) / math.sqrt(len(by_window))),
        "bits_per_byte": float(bits_per_unit(loss, 1.0)),
        "flops": run.flops,
        "exact_flops": shape.training_flops(run.tokens),
        "non_embedding_params": shape.non_embedding_params,
        "width": run.width,
        "layers": run.layers,
        "steps": run.steps,
        "rate": run.rate_factor * peak_rate(shape.params, run.steps),
        "rate_factor": run.rate_factor,
        "unique_tokens": min(run.tokens, len(data.text)),
        "epochs": run.tokens / len(data.text),
        "seconds": trained,
        "run": run.name,
    }
    return row, trajectory
