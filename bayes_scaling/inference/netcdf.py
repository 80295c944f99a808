"""A fit as an xarray.DataTree, and the tree as one netCDF file: written whole or not at all, never pickled."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_scaling.data.files import replacing
from bayes_scaling.data.runs import Runs
from bayes_scaling.errors import InputError
from bayes_scaling.inference.posterior import Posterior
from bayes_scaling.inference.spec import FORMAT
from bayes_scaling.laws.base import get_law
from bayes_scaling.laws.priors import prior_from_dict
from bayes_scaling.model.noise import noise_from_dict
from bayes_scaling.model.structure import Structure

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


def write_tree(tree: "xr.DataTree", path: Path, force: bool) -> None:
    """Writes a tree, whole or not at all; `InputError` if the file is to be kept, or cannot be written."""
    with replacing(path, force) as aside:
        tree.to_netcdf(aside, engine="h5netcdf")


def read_tree(path: Path) -> "tuple[xr.DataTree, dict[str, Any]]":
    """The tree of a file and its provenance; `InputError` for a file that is not there, damaged or foreign."""
    import xarray as xr

    if not path.is_file():
        raise InputError(f"no file {path}")
    try:
        tree = xr.open_datatree(path, engine="h5netcdf").load()
    except Exception as error:
        raise InputError(f"{path} cannot be read as a netCDF file ({error}); is it damaged?") from error
    tree.close()
    try:
        provenance = json.loads(tree.attrs["provenance"])
        known = provenance["format"]
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise InputError(f"{path} was not written by bayes_scaling: it holds no provenance") from error
    if known > FORMAT:
        raise InputError(
            f"{path} has file format {known}; this version reads up to {FORMAT}: upgrade bayes_scaling"
        )
    return tree, provenance


def make_tree(runs: Runs, shape: Structure, sampled: Any, provenance: dict[str, Any]) -> "xr.DataTree":
    """Everything that a fit leaves, as one tree; ``sampled`` is `bayes_scaling.sampling.Draws`."""
    import xarray as xr

    def dims(name: str, extra: int) -> tuple[str, ...]:
        return ("group",) if extra else ()

    groups = {"group": runs.groups} if shape.n_groups > 1 else {}
    posterior = {
        name: (("chain", "draw", *dims(name, values.ndim - 2)), values)
        for name, values in sampled.parameters.items()
    }
    before = {
        name: (("chain", "draw", *dims(name, v.ndim - 1)), v[None]) for name, v in sampled.prior.items()
    }
    stats = {name: (("chain", "draw"), values) for name, values in sampled.stats.items()}
    chains, draws = next(iter(stats.values()))[1].shape
    index = {"chain": np.arange(chains), "draw": np.arange(draws)}
    clusters = {"log_likelihood": (("chain", "draw", "cluster"), sampled.log_likelihood)}
    table = runs.table.convert_dtypes(dtype_backend="numpy_nullable")
    columns = {_variable(i, str(name)): ("run", _plain(table[name])) for i, name in enumerate(table.columns)}
    return xr.DataTree.from_dict(
        {
            "/": xr.Dataset(attrs={"provenance": json.dumps(provenance)}),
            "posterior": xr.Dataset(posterior, coords={**index, **groups}),
            "prior": xr.Dataset(before, coords=groups),
            "sample_stats": xr.Dataset(stats, coords=index),
            "log_likelihood": xr.Dataset(clusters, coords={**index, "draw": index["draw"][:: sampled.thin]}),
            "observed_data": xr.Dataset(
                {"share": ("run", runs.loss)}
                if shape.law.response == "share"
                else {"log_loss": ("run", runs.log_loss)}
            ),
            "constant_data": xr.Dataset(columns),
        }
    )


def _variable(i: int, column: str) -> str:
    """The variable that holds the i-th column: under its name, where netCDF takes that."""
    return column if column.isidentifier() else f"column_{i}"


def _plain(column: "pd.Series") -> np.ndarray:
    """A column as floats, or as text where it is not numeric, so that a netCDF file can hold it."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column.to_numpy(dtype=float, na_value=np.nan)
    return column.astype("string").fillna("").to_numpy(dtype=object)


def runs_of(tree: "xr.DataTree", about: dict[str, Any]) -> Runs:
    """The table of runs that a tree holds; ``about`` is the provenance's entry on them."""
    import pandas as pd

    constant = tree["constant_data"].to_dataset()
    table = pd.DataFrame(
        {name: constant[_variable(i, name)].to_numpy() for i, name in enumerate(about["columns"])}
    )
    # An empty text was an empty cell; of trajectories it says that a run stands alone.
    table = table.replace("", None)
    return Runs(table, about["name"], tuple(about["doubts"]), tuple(about["inputs"]))


def save_posterior(fit: Posterior, path: str | Path, *, force: bool = False) -> Path:
    """Writes a posterior to one netCDF file, whole or not at all.

    Raises
    ------
    InputError
        If the file exists and ``force`` is false, or the folder cannot be written.
    """
    path = Path(path)
    write_tree(fit.tree, path, force)
    return path


def open_posterior(path: str | Path) -> Posterior:
    """Opens what `save_posterior` wrote.

    Raises
    ------
    InputError
        If there is no such file, it is not a netCDF file, it was not written by this package, or its law is
        not in the catalogue (define it with `@law` before opening).
    """
    path = Path(path)
    tree, provenance = read_tree(path)
    try:
        family = get_law(provenance["law"])
    except InputError as error:
        raise InputError(f"{path}: {error}; define it with @law before opening the file") from None
    law = family.with_priors({k: prior_from_dict(v) for k, v in provenance["priors"].items()})
    runs = runs_of(tree, provenance["runs"])
    return Posterior(
        law, runs, noise_from_dict(provenance["noise"], law.response), provenance["pooling"], tree
    )
