"""sample_many(): one law fitted to many tables, together, resumable, here or on a cluster."""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Unpack
from urllib.parse import quote
from zlib import crc32

import numpy as np

from bayes_scaling.data.load import RunsLike
from bayes_scaling.errors import DoubtfulFitWarning, DoubtfulInputWarning, InputError, warn
from bayes_scaling.inference.diagnostics import verdict
from bayes_scaling.inference.netcdf import open_posterior, save_posterior
from bayes_scaling.inference.posterior import Posterior
from bayes_scaling.inference.sample_posterior import posterior_of
from bayes_scaling.inference.spec import ModelSettings, Spec, make_spec
from bayes_scaling.laws.base import Law
from bayes_scaling.laws.names import get_law
from bayes_scaling.laws.pinned import with_pins
from bayes_scaling.laws.priors import Prior
from bayes_scaling.model.data import model_data
from bayes_scaling.model.noise import NoiseModel, as_noise
from bayes_scaling.model.structure import Pooling
from bayes_scaling.sampling.job import Job
from bayes_scaling.sampling.progress import Report, progress_bar
from bayes_scaling.sampling.settings import Parallel, Sampler, SamplerSettings

if TYPE_CHECKING:
    from distributed import Client


type Table = RunsLike | Callable[[], RunsLike]
"""A table, or a function that gives it when it is needed."""

type Tables = Mapping[str, Table] | Sequence[str | Path]
"""Tables by name, or paths, which go by the names of their files."""


class BatchSettings(ModelSettings, SamplerSettings, total=False):
    """What `sample_many` takes beside tables, law and group, for those who hand it on."""

    folder: str | Path | None
    client: "Client | None"
    at_once: int | None
    progress: bool | Report


@dataclass(frozen=True, eq=False)
class FitOutcome[Fitted: Posterior]:
    """What came of one table of a batch.

    Attributes
    ----------
    name : str
    fit : Posterior or None
        None where the table could not be fitted.
    error : str
        Why it could not; empty where it could.
    resumed : bool
        Whether the fit was there already, from a batch that was interrupted.
    """

    name: str
    fit: Fitted | None = None
    error: str = ""
    resumed: bool = False


def sample_many(
    tables: Tables,
    law: str | Law | None = None,
    *,
    group: str | None = None,
    pooling: Pooling | Mapping[str, Pooling] | None = None,
    noise: str | NoiseModel | None = None,
    priors: Mapping[str, Prior | float] | None = None,
    folder: str | Path | None = None,
    client: "Client | None" = None,
    at_once: int | None = None,
    progress: bool | Report = False,
    **settings: Unpack[SamplerSettings],
) -> Iterator[FitOutcome[Posterior]]:
    """Fit a law to many tables, or to many subsets of one, in as few compiled programs as can be.

    Tables that differ in their rows alone share one program, and are sampled side by side. A table that cannot
    be fitted is reported, and the rest goes on.

    Parameters
    ----------
    tables : mapping of name to Runs, DataFrame or path; or sequence of paths
        Of paths, the names are those of the files. In a mapping, a function without arguments may stand for a
        table; it is called when the table is checked.
    law, group, pooling, noise, priors
        As for `make_spec`.
    folder : path, optional
        Each fit is saved there as ``<name>.nc`` as soon as it is done. A batch that was interrupted goes on
        where it stopped: fits that are there, of the same runs and with the same settings, are opened.
    client : distributed.Client, optional
        Sample on the workers of a Dask cluster (``pip install 'bayes_scaling[cluster]'``). The fits equal the
        local ones; those of a worker that is lost run again elsewhere.
    at_once : int, optional
        Fits that are worked on at the same time, which bounds the memory. Default: as many as there are cores
        (32 where chains are vectorised, twice the workers' threads on a cluster).
    progress : bool or callable
        Show a progress bar on stderr, or call ``progress("fits", done, total)``.
    **settings
        Fields of `Sampler`. The seed and a table's name decide the seed of that table's fit: a batch may grow or
        change its order.

    Yields
    ------
    FitOutcome
        As they come, those of the folder first. Only what the caller keeps stays in memory.

    Raises
    ------
    InputError
        For a law, pooling, noise or folder that cannot be used with any table.

    Warns
    -----
    DoubtfulFitWarning
        At the end, naming the fits that failed their diagnosis.
    """
    named: Mapping[str, Table] = tables if isinstance(tables, Mapping) else by_stem(tables)
    if law is not None:
        family, own_priors = with_pins(get_law(law), priors or {})
        family.with_priors(own_priors)
    as_noise(noise or "constant")  # refused now if it is unknown
    home = Path(folder) if folder is not None else None
    if home is not None:
        _make(home)

    sampler = Sampler(**settings)

    def specified(name: str) -> Spec:
        table = named[name]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DoubtfulInputWarning)  # they stay with the runs
            return make_spec(
                table() if callable(table) else table,
                law,
                group=group,
                pooling=pooling,
                noise=noise,
                priors=priors,
                sampler=replace(sampler, seed=_own_seed(sampler.seed, name)),
            )

    specs = dict[str, Spec]()
    ready = _ready(named, specified, home, specs)
    sampled = _sampled(specs, home, sampler.parallel, client, at_once)
    return _reported(chain(ready, sampled), len(named), progress)


def _own_seed(seed: int, name: str) -> int:
    return int(np.random.SeedSequence([seed, crc32(name.encode())]).generate_state(1)[0])


def _ready(
    names: Iterable[str], specified: Callable[[str], Spec], folder: Path | None, specs: dict[str, Spec]
) -> Iterator[FitOutcome[Posterior]]:
    """The outcomes of tables that need no sampling, or cannot be; the others are added to ``specs``."""
    for name in names:
        try:
            spec = specified(name)
            there = _resumed(folder, name, spec)
        except InputError as error:
            yield FitOutcome(name, error=str(error))
            continue
        if there is None:
            specs[name] = spec
        else:
            yield FitOutcome(name, there, resumed=True)


def _sampled(
    specs: Mapping[str, Spec],
    folder: Path | None,
    parallel: Parallel | None,
    client: "Client | None",
    at_once: int | None,
) -> Iterator[FitOutcome[Posterior]]:
    """The outcome of each specification, saved, as they come."""
    # JAX and PyMC load when something is sampled, and not on import.
    from bayes_scaling.sampling.sample import sample_many as drawn

    began = dict[str, float]()

    def jobs() -> Iterator[Job]:
        for name, spec in specs.items():
            began[name] = perf_counter()
            yield spec.job(name)

    to_come = [spec.structure for spec in specs.values()]
    for key, came in drawn(jobs(), to_come=to_come, parallel=parallel, at_once=at_once, client=client):
        name = str(key)
        if isinstance(came, Exception):
            yield FitOutcome(name, error=f"{type(came).__name__}: {came}")
            continue
        fit = posterior_of(specs[name], came, perf_counter() - began[name])
        if folder is not None:
            save_posterior(fit, _file(folder, name))
        yield FitOutcome(name, fit)


def _reported(
    outcomes: Iterable[FitOutcome[Posterior]], total: int, progress: bool | Report
) -> Iterator[FitOutcome[Posterior]]:
    """The outcomes, counted as they come; a warning at the end where some failed their diagnosis."""
    failed: list[str] = []
    with progress_bar(progress) as report:
        for done, outcome in enumerate(outcomes, 1):
            if report:
                report("fits", done, total)
            if outcome.fit is not None and not verdict(outcome.fit).ok:
                failed.append(outcome.name)
            yield outcome
    if failed:
        names = ", ".join(failed[:5]) + ", ..." * (len(failed) > 5)
        warn(f"{len(failed)} of {total} fits failed their diagnosis: {names}", DoubtfulFitWarning)


def by_stem(paths: Sequence[str | Path]) -> dict[str, Path]:
    """Paths by the names of their files; `InputError` where two have one name."""
    named: dict[str, Path] = {}
    for path in map(Path, paths):
        if path.stem in named:
            raise InputError(f"{named[path.stem]} and {path} have one name; give a mapping of names to paths")
        named[path.stem] = path
    return named


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {folder}: {error}") from error
    if not os.access(folder, os.W_OK):
        raise InputError(f"the folder {folder} is not writable")


def _file(folder: Path, name: str) -> Path:
    stem = quote(name, safe=" ")
    return folder / f"{stem if len(stem) <= 200 else f'{stem[:180]}~{crc32(name.encode()):08x}'}.nc"


def _resumed(folder: Path | None, name: str, spec: Spec) -> Posterior | None:
    """The fit that an earlier batch left; `InputError` where the file is that of another one."""
    if folder is None or not (path := _file(folder, name)).exists():
        return None
    fit = open_posterior(path)
    differs = [key for key, value in spec.description.items() if fit.provenance.get(key) != value]
    if not differs:
        old, new = model_data(fit.runs, fit.law, fit.noise), spec.job().data
        differs = [key for key in new if key not in old or not np.array_equal(old[key], new[key])]
    if differs:
        raise InputError(
            f"{path} is another fit (its {differs[0]} differs) and is kept; choose another folder"
        )
    return fit
