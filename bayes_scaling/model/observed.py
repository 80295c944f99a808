"""What was observed, as one variable of the model: the density that a noise makes around a law, and draws from it.

Its log density has one value for each run. Runs of a cluster (replicates, checkpoints, a curve) have one density
together: it stands at the first of them, and 0 at the others, so that leaving out a run's value leaves out its cluster.
"""

import numpy as np

from bayes_scaling.laws.elementwise import Computed
from bayes_scaling.model.structure import Design, Rows


def observe(rows: Rows) -> None:
    """The observed variable of these rows, dims (run,), in the model that is being built: ``log_loss`` or ``share``."""
    # PyMC and PyTensor load when a model is built, and not on import.
    import pymc as pm
    import pytensor.tensor as pt

    s, name = rows.structure, rows.structure.noise.observed
    data = {key: value for key, value in rows.data.items() if key != name}
    together = rows.data["group_index" if s.noise.joint else "cluster_index"]
    first = np.unique(together.get_value(), return_index=True)[1]
    floor = [pt.as_tensor(rows.floor)] if s.noise.reads_floor else []
    arguments = [
        *data.values(), pt.as_tensor(rows.law), *floor, pt.as_tensor(rows.sigma), *rows.shared.values()
    ]  # fmt: skip
    dims = [argument.ndim for argument in arguments]

    def read(values: tuple[Computed, ...]) -> Rows:
        law, *below, sigma = values[len(data) : len(values) - len(rows.shared)]
        given = dict(zip(data, values, strict=False))
        shared = dict(zip(rows.shared, values[len(values) - len(rows.shared) :], strict=True))
        return Rows(s, given, law, sigma, shared, *below)

    def logp(value: Computed, *values: Computed) -> Computed:
        own = read(values)
        density = s.noise.density(own._replace(data={**own.data, name: value})).log_likelihood
        if not (s.clustered or s.noise.by_group or s.noise.joint):
            return density
        return pt.set_subtensor(pt.zeros(value.shape)[first], density)

    def one(rng: np.random.Generator, *values: np.ndarray) -> np.ndarray:
        own = read(values)
        measured = np.sqrt(own.data.get("measurement_variance", np.zeros(len(own.law))))
        numbers = {key: float(value) for key, value in own.shared.items()}
        sigma, floor = np.broadcast_to(own.sigma, own.law.shape), own.floor
        drawn = s.noise.draw(rng, Design(own.data, own.law, sigma, numbers, measured, s.counted, floor))
        return drawn if name != "log_loss" else _log(drawn)

    def random(*values: np.ndarray, rng: np.random.Generator, size: tuple[int, ...] | None) -> np.ndarray:
        batches = [np.shape(value)[: np.ndim(value) - own] for value, own in zip(values, dims, strict=True)]
        batch = np.broadcast_shapes(tuple(size) if size is not None else (), *batches)
        wide = [
            np.broadcast_to(value, batch + np.shape(value)[len(own) :]).reshape(
                -1, *np.shape(value)[len(own) :]
            )
            for value, own in zip(values, batches, strict=True)
        ]
        return np.stack([one(rng, *own) for own in zip(*wide, strict=True)]).reshape(*batch, -1)

    shapes = [",".join(f"d{i}_{axis}" for axis in range(own)) for i, own in enumerate(dims)]
    shapes[len(data)] = "run"
    signature = ",".join(f"({shape})" for shape in shapes) + "->(run)"
    pm.CustomDist(
        name, *arguments, logp=logp, random=random, signature=signature, class_name=type(s.noise).__name__,
        dims="run", observed=rows.data[name],
    )  # fmt: skip


def _log(losses: np.ndarray) -> np.ndarray:
    """Log losses; those of absurd parameters may be infinite."""
    with np.errstate(divide="ignore"):
        logs: np.ndarray = np.log(losses)
    return logs
