"""Jobs on a cluster: Dask distributes them and runs again what a lost worker had; each worker samples as here."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from bayes_scaling.model.structure import Structure
from bayes_scaling.sampling.chains import run
from bayes_scaling.sampling.draws import Draws
from bayes_scaling.sampling.executors import executor
from bayes_scaling.sampling.job import Job
from bayes_scaling.sampling.settings import Parallel, Sampler

if TYPE_CHECKING:
    from distributed import Client, Future


def drive_on(
    client: "Client", jobs: Iterable[Job], parallel: Parallel | None, at_once: int | None
) -> "Iterator[tuple[Hashable, Draws | Exception]]":
    """Outcomes of padded jobs from the workers of a Dask client, as they come."""
    # Dask is an extra, which only those who pass a client have.
    import cloudpickle
    from distributed import as_completed

    queue, waiting = iter(jobs), dict["Future[Draws]", Hashable]()
    limit = at_once or 2 * max(sum(client.nthreads().values()), 1)
    done = as_completed(raise_errors=False)
    while True:
        for job in islice(queue, limit - len(waiting)):
            # By value: a law that was defined in a notebook is not on the workers.
            structure = cloudpickle.dumps(job.structure)
            work = (structure, job.data, replace(job.sampler, parallel=parallel), job.score)
            future = client.submit(_draw, *work, pure=False)
            waiting[future] = job.key
            done.add(future)
        if not waiting:
            return
        future = next(done)
        error = future.exception()
        yield waiting.pop(future), future.result() if error is None else error


def _draw(
    structure: bytes, data: Mapping[str, np.ndarray], sampler: Sampler, score: Mapping[str, np.ndarray]
) -> Draws:
    """What a worker does: one run, over as many threads as the worker was given."""
    from distributed import get_worker

    over = executor(sampler.parallel, get_worker().state.nthreads)
    job = Job(None, _opened(structure), data, sampler, score=score)
    with threadpool_limits(1, "blas"):
        ((_, outcome),) = over.drive([(None, run(job))])
    if isinstance(outcome, Exception):
        raise outcome
    return replace(outcome, device=f"{over.how}, on a cluster")


@lru_cache(maxsize=16)
def _opened(structure: bytes) -> Structure:
    """The structure; one object for equal bytes, so that a worker compiles it once."""
    import cloudpickle

    opened: Structure = cloudpickle.loads(structure)
    return opened
