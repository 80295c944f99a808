"""A posterior as an xarray.DataTree, and the tree as one netCDF file: written whole or not at all, never pickled."""

import json
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_scaling.data.files import replacing
from bayes_scaling.data.loss_unit import Unit
from bayes_scaling.data.runs import Runs
from bayes_scaling.errors import InputError
from bayes_scaling.inference.apart import apart, unfinished
from bayes_scaling.inference.checksum import checksum, refuse_broken_seal, refuse_strange_hdf5, sealed
from bayes_scaling.inference.posterior import Posterior
from bayes_scaling.inference.provenance import (
    FORMAT,
    WITH_CHECKSUM,
    Provenance,
    RunsDescription,
    upgraded,
    values_of,
)
from bayes_scaling.inference.residuals import have_residuals, residuals
from bayes_scaling.inference.spec import Spec
from bayes_scaling.laws.base import Law
from bayes_scaling.laws.names import get_law
from bayes_scaling.laws.priors import prior_from_dict
from bayes_scaling.model.noise import noise_from_dict
from bayes_scaling.sampling.draws import Draws

# pandas and xarray load when there are draws, and not on import.
if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


def make_tree(spec: Spec, sampled: Draws, provenance: Provenance) -> "xr.DataTree":
    """Everything that a fit leaves, as one tree."""
    import xarray as xr

    runs, dims = spec.runs, ("chain", "draw", "group")
    groups = {"group": runs.groups} if len(runs.groups) > 1 else {}
    chains, draws = sampled.stats["energy"].shape
    index = {"chain": np.arange(chains), "draw": np.arange(draws)}
    kept = index | {"draw": index["draw"][:: sampled.thin]}
    posterior = {name: (dims[: values.ndim], values) for name, values in sampled.parameters.items()}
    prior = {name: (dims[: values.ndim + 1], values[None]) for name, values in sampled.prior.items()}
    stats = {name: (dims[:2], values) for name, values in sampled.stats.items()}
    name = spec.noise.observed
    scores = {name: ((*dims[:2], spec.structure.scored), sampled.log_likelihood)}
    observed = {name: ("run", spec.noise.measured(runs)[0])}
    weights = {"weights": ((*dims, "weight"), sampled.weights)} if sampled.weights is not None else {}
    mixing = (
        {"mixing": ((*dims[:2], "cluster"), sampled.mixing.astype(np.float32))}
        if sampled.mixing is not None
        else {}
    )
    with np.errstate(invalid="ignore"):  # pandas 3.0 asks of infinity whether it is an integer
        table = runs.table.convert_dtypes(dtype_backend="numpy_nullable")
    columns = {_variable(i, str(name)): ("run", _plain(table[name])) for i, name in enumerate(table.columns)}
    return xr.DataTree.from_dict(
        {
            "/": xr.Dataset(attrs={"provenance": json.dumps(provenance)}),
            "posterior": xr.Dataset(posterior, coords=index | groups),
            "prior": xr.Dataset(prior, coords=groups),
            "sample_stats": xr.Dataset(stats, coords=index),
            "log_likelihood": xr.Dataset(scores, coords=kept),
            "observed_data": xr.Dataset(observed),
            "constant_data": xr.Dataset(columns),
            **({"discrepancy": xr.Dataset(weights, coords=index | groups)} if weights else {}),
            **({"mixing": xr.Dataset(mixing, coords=kept)} if mixing else {}),
        }
    )


def save_posterior(fit: Posterior, path: str | Path, *, force: bool = False) -> Path:
    """Writes a posterior to one netCDF file, whole or not at all.

    Raises
    ------
    InputError
        If the file exists and ``force`` is false, or the folder cannot be written.
    """
    tree = _with_judgement(fit)
    tree.attrs = {"provenance": json.dumps({**fit.provenance, "checksum": checksum(tree, fit.provenance)})}
    with replacing(path := Path(path), force) as aside:
        # In memory first: on a full disk HDF5 prints its own tracebacks, and brings the process down.
        tree.to_netcdf(packed := BytesIO(), engine="h5netcdf")
        aside.write_bytes(sealed(packed.getvalue()))
    return path


def _with_judgement(fit: Posterior) -> "xr.DataTree":
    """The tree with what every verb asks before it answers, and what takes longer than most answers."""
    import xarray as xr

    tree = fit.tree.copy()
    tree["convergence"] = fit.convergence.rename_axis("quantity").to_xarray()
    if have_residuals(fit):
        masks = {"apart": apart(fit), "unfinished": unfinished(fit)}
        known = residuals(fit)._asdict() | {name: mask.astype(np.int8) for name, mask in masks.items()}
        tree["residuals"] = xr.Dataset({name: ("run", x) for name, x in known.items()})
    return tree


def open_posterior(path: str | Path) -> Posterior:
    """Opens what `save_posterior` wrote, or an earlier version of it.

    Raises
    ------
    InputError
        If there is no such file, it is not a netCDF file, it was not written by this package or is not as it was
        written, or its law is not in the catalogue (define it with `@law` before opening).
    """
    path = Path(path)
    tree = _read(path)
    found = _provenance(tree, path)
    family = _family(found, path)
    if "amplitude_flops" in (noise := found.get("noise") or {}) and "rank" in noise:
        raise InputError(
            f"{path} has a discrepancy of an earlier version, whose weights belong to other functions than today's: "
            "its forecasts would be others; fit again"
        )
    _check_parameters(found, family, path)
    try:
        fit = _made(tree, found, family)
        _check_draws(fit)
    except Exception as error:  # whatever else a file may say that this package would not have written
        what = error if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        raise InputError(
            f"{path} is not as bayes_scaling wrote it ({what}); take another copy, or fit again"
        ) from error
    _check_formula(fit, path)
    return fit


def _check_parameters(found: Mapping[str, Any], family: Law, path: Path) -> None:
    """`InputError` where the law of that name has other parameters by now."""
    drawn = found.get("priors")
    if found["format"] != FORMAT or not isinstance(drawn, dict) or set(drawn) == set(family.priors):
        return
    raise InputError(
        f"{path} has draws of {', '.join(drawn)}, where today's law {family.name!r} has {', '.join(family.priors)}; "
        "open it with the law as it was, or fit again"
    )


def _check_formula(fit: Posterior, path: Path) -> None:
    """`InputError` where the law of that name is another one by now: draws mean nothing under it."""
    then = fit.provenance.get("law_values")
    if then is None or np.allclose(now := values_of(fit.law, fit.runs), then, rtol=1e-6, equal_nan=True):
        return
    name = fit.law.name
    raise InputError(
        f"{path} has draws of another formula than today's law {name!r}, which gives {now[0]:.4g} where it gave "
        f"{then[0]:.4g}; open it with the law as it was, or fit again"
    )


def _family(found: Mapping[str, Any], path: Path) -> Law:
    """The law that a file names; `InputError` where it is not in the catalogue."""
    if not isinstance(found.get("law"), str):
        raise InputError(f"{path} does not name a law; take another copy, or fit again")
    try:
        return get_law(found["law"])
    except InputError as error:
        file = found.get("law_file")
        there = f", as {file} does (command line: bayes-scaling --laws {file} ...)" if file else ""
        raise InputError(f"{path}: {error}; define it with @law before opening the file{there}") from None


def _made(tree: "xr.DataTree", found: dict[str, Any], family: Law) -> Posterior:
    """The posterior of a tree and its provenance."""
    made = upgraded(found, family)
    tree.attrs = {"provenance": json.dumps(made)}
    if found["format"] < 3:
        _rename_scores(tree)
    law = family.with_priors({name: prior_from_dict(values) for name, values in made["priors"].items()})
    noise = noise_from_dict(made["noise"], law.response)
    fit = Posterior(law, _runs(tree, made["runs"]), noise, made["pooling"], tree)
    if "residuals" in tree:
        fit.known.update({str(name): x.to_numpy() for name, x in tree["residuals"].data_vars.items()})
        del tree["residuals"]
    return fit


def _rename_scores(tree: "xr.DataTree") -> None:
    """Gives log likelihoods of an older file the name and the dims of what was observed."""
    scores, (name,) = tree["log_likelihood"].to_dataset(), tree["observed_data"].data_vars
    own = scores.sizes["cluster"] == tree["observed_data"].sizes["run"]
    tree["log_likelihood"] = scores.rename({"log_likelihood": name} | ({"cluster": "run"} if own else {}))


def _read(path: Path) -> "xr.DataTree":
    import xarray as xr

    if not path.is_file():
        raise InputError(f"no file {path}")
    try:
        refuse_broken_seal(path)
        refuse_strange_hdf5(path)
        with xr.open_datatree(path, engine="h5netcdf") as tree:
            return tree.load()
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{path} cannot be read as a netCDF file ({error}); is it damaged?") from error


def _provenance(tree: "xr.DataTree", path: Path) -> dict[str, Any]:
    """The provenance as it was written; `InputError` for a file of another program, of a later version, or altered."""
    try:
        found: dict[str, Any] = json.loads(tree.attrs["provenance"])
        known = int(found["format"])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{path} was not written by bayes_scaling: it has no provenance") from error
    if known > FORMAT:
        raise InputError(
            f"{path} has file format {known}; this version reads up to {FORMAT}: upgrade bayes_scaling"
        )
    written = found.pop("checksum", None)
    if written is None and known < WITH_CHECKSUM:
        return found
    if written != checksum(tree, found):
        raise InputError(
            f"{path} is not as it was written: its checksum differs, so a number or a name in it was altered; take "
            "another copy, or fit again"
        )
    return found


def _check_draws(fit: Posterior) -> None:
    """`InputError` where draws of a parameter are not of the runs' groups, or not what its prior allows."""
    s, drawn = fit.structure, fit.posterior
    for name, prior in {**s.priors, **s.global_priors}.items():
        values = drawn[name]
        with np.errstate(all="ignore"):
            allowed = bool(np.isfinite(prior.inverse(values)).all())
        if not allowed or not set(values.dims) <= {"chain", "draw", "group"}:
            raise InputError(f"draws of {name!r} that its prior does not allow")
        if "group" in values.dims and values["group"].astype(str).to_numpy().tolist() != fit.groups:
            raise InputError(f"draws of {name!r} are of other groups than the runs")


def _runs(tree: "xr.DataTree", about: RunsDescription) -> Runs:
    """The table of runs in a tree."""
    import pandas as pd

    constant = tree["constant_data"].to_dataset()
    columns = {name: constant[_variable(i, name)].to_numpy() for i, name in enumerate(about["columns"])}
    # An empty text was an empty cell; of trajectories it says that a run stands alone.
    table = pd.DataFrame(columns).replace("", None)
    known = (about["name"], tuple(about["warnings"]), tuple(about["inputs"]), about.get("response"))
    return Runs(table, *known, Unit(**about.get("unit", {})))


def _variable(i: int, column: str) -> str:
    """The name of the i-th column in a netCDF file: its own, where netCDF takes that."""
    return column if column.isidentifier() else f"column_{i}"


def _plain(column: "pd.Series") -> np.ndarray:
    """A column as floats, or as text where it is not numeric, as netCDF files have them."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column.to_numpy(dtype=float, na_value=np.nan)
    return column.astype("string").fillna("").to_numpy(dtype=object)
