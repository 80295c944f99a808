"""Jobs on a cluster: Dask distributes them and runs again what a lost worker had; each worker samples as here."""

from collections.abc import Hashable, Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from bayes_scaling.model import Structure
from bayes_scaling.sampling.chains import Draws


def drive_on(
    client: Any,
    works: Iterable[tuple[Hashable, Structure, dict[str, np.ndarray], dict[str, Any]]],
    at_once: int | None,
) -> "Iterator[tuple[Hashable, Draws | Exception]]":
    """Outcomes of (key, padded structure, padded data, options) from the workers of a Dask client, as they come."""
    import cloudpickle
    from distributed import as_completed

    queue, waiting = iter(works), dict[Any, Hashable]()
    limit = at_once or 2 * max(sum(client.nthreads().values()), 1)
    done = as_completed(raise_errors=False)
    while True:
        for key, structure, data, options in islice(queue, limit - len(waiting)):
            # By value: a law that was defined in a notebook is not on the workers.
            future = client.submit(_draw, cloudpickle.dumps(structure), data, options, pure=False)
            waiting[future] = key
            done.add(future)
        if not waiting:
            return
        future = next(done)
        error = future.exception()
        yield waiting.pop(future), future.result() if error is None else error


def _draw(structure: bytes, data: dict[str, np.ndarray], options: dict[str, Any]) -> Draws:
    """What a worker does: one run, over as many threads as the worker was given."""
    from dataclasses import replace

    from distributed import get_worker

    from bayes_scaling.sampling.chains import run
    from bayes_scaling.sampling.lanes import lanes

    over = lanes(options.pop("parallel"), get_worker().state.nthreads)
    with threadpool_limits(1, "blas"):
        ((_, outcome),) = over.drive([(None, run(_opened(structure), data, **options))])
    if isinstance(outcome, Exception):
        raise outcome
    return replace(outcome, device=f"{over.how}, on a cluster")


@lru_cache(maxsize=16)
def _opened(structure: bytes) -> Structure:
    """The structure; one object for equal bytes, so that a worker compiles it once."""
    import cloudpickle

    return cloudpickle.loads(structure)
