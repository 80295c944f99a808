"""What shapes a model but the data: the law, the noise, how groups share parameters, and how rows go together."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, Self

import numpy as np

from bayes_scaling.data.response import SEVERAL, WORDS, Response
from bayes_scaling.data.runs import Runs
from bayes_scaling.errors import InputError
from bayes_scaling.laws.base import Law
from bayes_scaling.laws.elementwise import Computed
from bayes_scaling.laws.priors import Prior
from bayes_scaling.model.arrays import Density as Density
from bayes_scaling.model.arrays import Design as Design
from bayes_scaling.model.arrays import ModelData as ModelData
from bayes_scaling.model.pooling import Pooling as Pooling
from bayes_scaling.model.pooling import resolve_pooling
from bayes_scaling.model.recorded import Recorded

if TYPE_CHECKING:
    import xarray as xr

QUIETEST = 1e-4
"""The least sd of a run's noise on log loss: evaluations alone differ by as much. Without it a table that a law meets
to its last digit, simulated or of few runs a group, has a posterior without a width."""


class Rows(NamedTuple):
    """What a density is made of, as PyTensor variables.

    Where the structure is `Structure.boxed`, (rows,) stands for (groups, clusters of a group, rows of a cluster), and
    (clusters,) for the first two of these.
    """

    structure: "Structure"
    data: Mapping[str, Computed]  # the model's data variables
    law: Computed  # (rows,), the law at the rows' inputs
    sigma: Computed  # broadcasts with (rows,)
    shared: Mapping[str, Computed]  # (), by name
    floor: Computed = None  # broadcasts with (rows,): the law with endless resources, if noise `reads_floor`

    def total(self, x: Computed) -> Computed:
        """Sums over the rows of each cluster, (clusters, ...) for x of (rows, ...)."""
        if self.structure.boxed:
            return x.sum(axis=2)
        if self.structure.summarised:
            return x
        import pytensor.tensor as pt

        zeros = pt.zeros((self.structure.n_clusters, *(x.shape[i] for i in range(1, x.ndim))))
        return pt.inc_subtensor(zeros[self.data["cluster_index"]], x)

    def of_cluster(self, x: Computed) -> Computed:
        """What each row's cluster has; broadcasts with (rows,)."""
        if self.structure.boxed:
            return x[:, :, None]
        return x if self.structure.summarised else x[self.data["cluster_index"]]

    def before(self, x: Computed) -> Computed:
        """What the checkpoint before each one has, (rows,); anything at the first of a trajectory."""
        if not self.structure.boxed:
            return x[self.data["previous"]]
        import pytensor.tensor as pt

        return pt.concatenate([x[:, :, :1], x[:, :, :-1]], axis=2)

    def by_group(self, x: Computed, *rest: int) -> Computed:
        """Rows of each group, (groups, rows of a group, *rest); those of other groups, if they are there too, are 0."""
        if (s := self.structure).boxed or s.n_groups == 1:
            return x.reshape((s.n_groups, s.box[0] * s.box[1] if s.boxed else -1, *rest))
        import pytensor.tensor as pt

        own = pt.eq(pt.arange(s.n_groups)[:, None], self.data["group_index"][None, :])
        return x[None] * own.reshape((*own.shape, *(1 for _ in rest)))


class NoiseModel(Recorded, ABC):
    """How measurements scatter around a law: a frozen dataclass of priors and options, and the likelihood they make.

    A noise of your own is a subclass in a file of its own and a line in `bayes_scaling.model.noise.NOISES`. Of losses,
    it must say `shared_priors`, `density`, `draw`, `name`, `description` and `meanings`; the rest has defaults.
    """

    sigma: Prior
    """Of the scale of one run's noise; pooled by group like a parameter of the law."""

    degrees: float
    """Degrees of freedom of a `mixed` noise: its mixing variables are gamma, their shape and rate half of this."""

    response: ClassVar[Response] = "loss"
    by_row: ClassVar[bool] = False
    """Whether its density is arithmetic on rows of any shape, but for the methods of `Rows`."""
    summarises: ClassVar[bool] = False
    """Whether replicates, all alike, enter its density by their number, mean and ``scatter`` (their variance) alone."""
    by_group: ClassVar[bool] = False
    """Whether all rows of a group are one cluster."""
    joint: ClassVar[bool] = False
    """Whether clusters of a group depend on each other, so that its density has one term for each group."""
    mixed: ClassVar[bool] = False
    """Whether each cluster's noise is normal given a ``mixing`` variable of its own, drawn in turn with the rest."""
    reads_floor: ClassVar[bool] = False
    """Whether its density reads `Rows.floor`."""
    joins_checkpoints: ClassVar[bool] = True
    """Whether checkpoints of one trajectory are known to err alike."""
    funnel: ClassVar[bool] = False
    """Whether the law's parameters are as wide as the noise is large, and nearly normal given the noise."""
    sigma_is_misfit: ClassVar[bool] = True
    """Whether a large sigma says that the law misses the runs."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What users call it."""

    @property
    @abstractmethod
    def description(self) -> str:
        """What is assumed of the scatter, in words."""

    @abstractmethod
    def meanings(self, clustered: bool) -> dict[str, str]:
        """What sigma and the shared parameters are, in a few words, in the order in which people read them."""

    @property
    def observed(self) -> str:
        """The data variable that is observed, for which the model's observed variable is named."""
        return "log_loss" if self.response == "loss" else self.response

    def measured(self, runs: Runs) -> tuple[np.ndarray, np.ndarray]:
        """What was observed of each run, and the standard deviation of its measurement, both on the noise's scale."""
        return runs.log_loss, runs.measurement_sd

    @property
    def covariates(self) -> dict[str, str]:
        """Data variables that are the log of a column over its reference point -> that column."""
        return {}

    def check(self, runs: Runs, law: Law) -> None:
        """`InputError` where this noise has no meaning for these runs or this law."""

    def clusters(self, runs: Runs) -> np.ndarray:
        """Id of the cluster of each row, (rows,), int: rows of a cluster share a term of the log likelihood."""
        return runs.clusters

    def along(self, runs: Runs) -> bool:
        """Whether some clusters are trajectories whose neighbouring checkpoints err alike."""
        return False

    def data(self, runs: Runs, inputs: Mapping[str, np.ndarray]) -> ModelData:
        """What it reads of a table beside the law's inputs, which are given as multiples of the reference point."""
        observed, sd = self.measured(runs)
        logs = {key: np.log(runs.column(x) / runs.reference[x]) for key, x in self.covariates.items()}
        return logs | {self.observed: observed, "measurement_variance": sd**2}

    def blank(self, s: "Structure") -> ModelData:
        """`data` of the right names, types and shapes, whatever the values."""
        names = (*self.covariates, self.observed, "measurement_variance", *["scatter"] * s.summarised)
        return {name: np.zeros(s.n_rows) for name in names}

    @abstractmethod
    def shared_priors(self, clustered: bool, along: bool = False) -> dict[str, Prior]:
        """Priors of the parameters that all groups share; ``along`` as above."""

    @abstractmethod
    def density(self, rows: "Rows") -> Density:
        """The density of the rows, as a PyTensor graph."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, design: "Design") -> np.ndarray:
        """Measurements of simulated runs, (rows,)."""

    def weights(self, rows: "Rows", normal: Computed) -> Computed:
        """Weights of a joint noise's process, (groups, rank), drawn by standard normals of that shape."""
        raise NotImplementedError

    def mixing(self, rows: "Rows", normal: Computed) -> tuple[Computed, Computed]:
        """Shape and rate of each cluster's mixing variable given the rest, (clusters,); ``normal`` as above."""
        raise NotImplementedError

    def among(self, groups: int, pooling: Mapping[str, Pooling]) -> Self:
        """The same noise for so many groups, which share the law's parameters so."""
        return self

    @property
    def rank(self) -> int:
        """How many weights of a joint noise's process each group has; 0 for a noise without one."""
        return 0

    def new_run_scale(
        self, posterior: "xr.Dataset", covariates: "Mapping[str, xr.DataArray | float]"
    ) -> "xr.DataArray":
        """Scale of a new run's noise for each posterior draw; ``covariates`` as in `data`, within the range seen."""
        return posterior["sigma"]

    def degrees_of_freedom(self, posterior: "xr.Dataset") -> "xr.DataArray":
        """Those of a new run's log loss, a Student-t in units of its scale; a million stand for a normal one."""
        return 0 * posterior["sigma"] + 1e6

    def standard(
        self, rng: np.random.Generator, posterior: "xr.Dataset", like: "xr.DataArray"
    ) -> "xr.DataArray":
        """Noise of new runs in units of its scale, dims and coordinates as ``like``."""
        return like.copy(data=rng.standard_normal(like.shape))

    def steady(self) -> Self:
        """The same noise with a sigma that does not change with size."""
        return self


@dataclass(frozen=True)
class Structure:
    """All that shapes a model but the data: two tables with equal structures share one compiled program."""

    law: Law
    noise: NoiseModel
    pooling: tuple[tuple[str, Pooling], ...]  # of every column of theta, in order
    n_groups: int
    n_rows: int
    n_clusters: int
    clustered: bool  # whether some rows share a configuration or a trajectory; else each row is a cluster
    along: bool = False  # whether some clusters are trajectories
    counted: bool = False  # whether the number of test items is known
    alike: bool = False  # whether a cluster needs one row alone, as its runs differ in what was measured only
    box: tuple[int, int] = (0, 0)  # most clusters of a group, most rows that a cluster needs
    boxed: bool = False  # whether rows lie group by group, cluster by cluster, in such boxes

    @property
    def summarised(self) -> bool:
        """Whether each row stands for all runs of its cluster."""
        return self.alike and self.n_rows == self.n_clusters

    @property
    def priors(self) -> dict[str, Prior]:
        """Prior of each column of theta."""
        return {**self.law.priors, "sigma": self.noise.sigma}

    @property
    def plain(self) -> "Structure":
        """The same structure for tables of any unit, which is data."""
        return replace(
            self, law=self.law.with_priors({n: p.in_unit(1.0) for n, p in self.law.priors.items()})
        )

    @property
    def global_priors(self) -> dict[str, Prior]:
        """Prior of each parameter of the noise that all groups share."""
        return self.noise.shared_priors(self.clustered, self.along)

    @property
    def scored(self) -> Literal["run", "cluster"]:
        """What has a term of the log likelihood of its own."""
        return "run" if self.n_clusters == self.n_rows else "cluster"

    def pooled(self, *kinds: Pooling) -> list[str]:
        """The columns of theta that are pooled in one of these ways."""
        return [name for name, kind in self.pooling if kind in kinds]


def structure(
    runs: Runs, law: Law, noise: NoiseModel, pooling: Pooling | Mapping[str, Pooling] | None = None
) -> Structure:
    """The structure of a model of these runs.

    Raises
    ------
    InputError
        For a pooling or a noise that the law or the table does not go with.
    """
    groups = len(runs.groups)
    pools = resolve_pooling(law, groups, pooling)
    if noise.response != law.response:
        kind, noun = SEVERAL[noise.response], WORDS[law.response]
        raise InputError(f"noise {noise.name!r} is of {kind}; law {law.name!r} gives a {noun}")
    noise.check(runs, law)
    cluster_index = noise.clusters(runs)
    clusters = int(cluster_index.max()) + 1
    clustered = clusters < len(runs) and not noise.by_group
    first = np.unique(cluster_index, return_index=True)[1]
    read = [noise.measured(runs)[1], *map(runs.column, (*law.columns, *noise.covariates.values()))]
    alike = clustered and noise.summarises and not noise.along(runs)
    alike = alike and all(np.allclose(x, x[first][cluster_index], rtol=1e-12, atol=0) for x in read)
    rows = 1 if alike else int(np.bincount(cluster_index).max())
    return Structure(
        law,
        noise,
        pools,
        n_groups=groups,
        n_rows=len(runs),
        n_clusters=clusters,
        clustered=clustered,
        along=noise.along(runs),
        counted=law.response == "share" and runs.items is not None,
        alike=alike,
        box=(int(np.bincount(runs.group_index[first]).max()), rows),
    )
