"""How a posterior is sampled, as one frozen object that travels from the user's call to the chains."""

from dataclasses import asdict, dataclass
from typing import Literal, TypedDict, cast

from bayes_scaling.errors import InputError

Parallel = Literal["threads", "vectorised"]

TARGET_ACCEPT = 0.9
"""The mean acceptance that the step size is adapted to, unless another is asked for."""


class SamplerSettings(TypedDict, total=False):
    """The fields of `Sampler` as keywords, for functions that take them one by one."""

    draws: int
    chains: int
    max_warmup: int
    seed: int
    target_accept: float
    parallel: Parallel | None


@dataclass(frozen=True)
class Sampler:
    """Settings of the sampler.

    Attributes
    ----------
    draws, chains : int
        Draws kept per chain, and chains.
    max_warmup : int
        The longest warm-up, in draws per chain; it ends by itself when it can.
    seed : int
        One seed reproduces a fit.
    target_accept : float
        The mean acceptance that the step size is adapted to, between 0 and 1; a run that diverges raises it by itself.
    parallel : {"threads", "vectorised"}, optional
        Chains over CPU threads, or side by side in one program. Default: threads on a CPU, which is where all is
        computed; vectorised on a GPU, where the user chose one (``JAX_PLATFORMS=cuda``).

    Raises
    ------
    InputError
        For a number that is out of its range, or another way to run chains.
    """

    draws: int = 1000
    chains: int = 4
    max_warmup: int = 1500
    seed: int = 0
    target_accept: float = TARGET_ACCEPT
    parallel: Parallel | None = None

    @property
    def settings(self) -> SamplerSettings:
        """The settings as keywords."""
        return cast(SamplerSettings, asdict(self))

    def __post_init__(self) -> None:
        for name in ("draws", "chains", "max_warmup"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; expected a whole number from 1 on")
        if not 0 < self.target_accept < 1:
            raise InputError(f"target_accept is {self.target_accept}; expected a number between 0 and 1")
        if self.parallel not in (None, "threads", "vectorised"):
            raise InputError(f"parallel is {self.parallel!r}; expected 'threads', 'vectorised' or None")
