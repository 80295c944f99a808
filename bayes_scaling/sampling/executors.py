"""Where the chains run: over CPU threads, or those of many fits side by side in one program on a GPU."""

import os
from collections.abc import Hashable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bayes_scaling.errors import InputError
from bayes_scaling.sampling.chains import Advance, Asked, Draws, Finish
from bayes_scaling.sampling.engine import Engine
from bayes_scaling.sampling.settings import Parallel

Outcome = tuple[Hashable, Draws | Exception]
"""A run's key, and what came of it."""

VECTORISED_AT_ONCE = 32
"""Runs whose chains share one vectorised program: more lanes cost a GPU little, but all wait for the longest tree."""


def lanes(parallel: Parallel | None = None, threads: int | None = None) -> "Threads | Vectorised":
    """The lanes of this machine: threads on a CPU (one for each core allowed), vectorised elsewhere, or as chosen."""
    chosen = parallel or ("threads" if jax.default_backend() == "cpu" else "vectorised")
    if chosen not in ("threads", "vectorised"):
        raise InputError(f"parallel is {parallel!r}; expected 'threads', 'vectorised' or None")
    return Threads(threads or cores()) if chosen == "threads" else Vectorised()


def cores() -> int:
    """Cores that this process may run on: fewer than the machine's where it is held to some of them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def device() -> str:
    """The kind of device that JAX computes on."""
    return f"{jax.devices()[0].device_kind} ({jax.default_backend()})"


class Threads:
    """Every chain on a thread of its own choosing: none waits for the longest tree of the others."""

    def __init__(self, count: int) -> None:
        self.count = self.at_once = count
        self.how = f"{device()}, chains over {count} thread{'s' * (count > 1)}"

    def drive(self, runs: Iterable[tuple[Hashable, Asked]], at_once: int | None = None) -> Iterator[Outcome]:
        """Runs to their end, a few at once; outcomes in the order in which they come."""
        queue, active = iter(runs), dict[Future[Draws], Hashable]()
        # A run's own thread decides and waits; the chains' threads compute.
        with (
            ThreadPoolExecutor(at_once or self.at_once) as deciding,
            ThreadPoolExecutor(self.count) as chains,
        ):
            while True:
                for key, run in islice(queue, (at_once or self.at_once) - len(active)):
                    active[deciding.submit(_complete, run, chains)] = key
                if not active:
                    return
                done, _ = wait(active, return_when=FIRST_COMPLETED)
                for future in done:
                    error = future.exception()
                    if error is not None and not isinstance(error, Exception):
                        raise error
                    yield active.pop(future), future.result() if error is None else error


def _complete(run: Asked, pool: ThreadPoolExecutor) -> Draws:
    """One run to its end, what it asks for done by the pool."""
    answer = None
    while True:
        try:
            asked = run.send(answer)
        except StopIteration as stop:
            return stop.value
        answer = list(pool.map(lambda call: call(), asked.calls()))


class Vectorised:
    """The chains of many runs in lockstep, one lane each, as a GPU likes it."""

    def __init__(self) -> None:
        self.at_once = VECTORISED_AT_ONCE
        self.how = f"{device()}, chains vectorised"

    def drive(self, runs: Iterable[tuple[Hashable, Asked]], at_once: int | None = None) -> Iterator[Outcome]:
        """Runs to their end, chunk by chunk together; outcomes in the order in which they come."""
        queue, active = iter(runs), dict[Hashable, tuple[Asked, Any]]()
        width = at_once or self.at_once
        while True:
            for key, run in islice(queue, width - len(active)):
                active[key] = (run, None)
            if not active:
                return
            asked: dict[Hashable, Advance | Finish] = {}
            for key, (run, answer) in list(active.items()):
                try:
                    asked[key] = run.send(answer)
                except StopIteration as stop:
                    del active[key]
                    yield key, stop.value
                except Exception as error:
                    del active[key]
                    yield key, error
            for key, answer in _answers(asked, width):
                active[key] = (active[key][0], answer)


def _answers(asked: dict[Hashable, Advance | Finish], width: int) -> Iterator[tuple[Hashable, Any]]:
    """What was asked, with equal programs advanced as one."""
    by_engine: dict[Engine, list[Hashable]] = {}
    for key, request in asked.items():
        if isinstance(request, Advance):
            by_engine.setdefault(request.engine, []).append(key)
        else:
            yield key, [call() for call in request.calls()]
    for engine, keys in by_engine.items():
        requests = [asked[key] for key in keys]
        # As many lanes as the next power of two: few shapes are compiled while runs come and go.
        lanes = [(request, i) for request in requests for i in range(len(request.states))]  # type: ignore[union-attr]
        filled = lanes + lanes[:1] * (2 ** (len(lanes) - 1).bit_length() - len(lanes))
        stacked = [
            _stacked([pick(request, i) for request, i in filled])
            for pick in (
                lambda request, i: request.keys[i],
                lambda request, i: request.states[i],
                lambda request, i: jnp.asarray(request.target, float),
                lambda request, i: request.rounding,
                lambda request, i: request.data,
            )
        ]
        states, chunks = engine.chunk_of_all(*stacked)
        chunks = jax.tree.map(np.asarray, chunks)
        results = iter(
            [
                tuple(jax.tree.map(lambda x, i=i: x[i], part) for part in (states, chunks))
                for i in range(len(lanes))
            ]
        )
        for key, request in zip(keys, requests, strict=True):
            yield key, list(islice(results, len(request.states)))  # type: ignore[union-attr]


def _stacked(values: list[Any]) -> Any:
    return jax.tree.map(lambda *x: jnp.stack(x), *values)
