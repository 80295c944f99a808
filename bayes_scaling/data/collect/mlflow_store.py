"""Runs of an MLflow store: a file, a folder or a server, by MLflow's own client (the extra ``mlflow``)."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from bayes_scaling.data.collect.history import History, curves, flat
from bayes_scaling.errors import InputError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_ADDRESSES = ("sqlite:", "http:", "https:", "postgresql:", "mysql:", "mssql:", "file:", "databricks")
_PAGE = 1000
"""Runs that are asked for at once."""


def is_store(source: str) -> bool:
    """Whether a source is an address of MLflow, a file of its database, or a folder in which it keeps runs."""
    path = Path(source.partition("#")[0])
    return source.startswith(_ADDRESSES) or path.suffix == ".db" or any(path.glob("*/meta.yaml"))


def read_store(source: str) -> list[History]:
    """All runs of a store that are not deleted; ``ADDRESS#EXPERIMENT`` are those of one experiment.

    Raises
    ------
    InputError
        Without MLflow, or if it cannot read the store.
    """
    source, _, experiment = source.partition("#")
    if "://" not in source and not Path(source).exists():
        raise InputError(f"there is no MLflow store '{source}' (relative to {Path.cwd()})")
    try:
        # MLflow reads folders when it is asked to, as it would rather see them moved to a database.
        if Path(source).is_dir():
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    except ImportError:
        raise InputError(
            f"'{source}' is an MLflow store, which MLflow reads: pip install 'bayes-scaling[mlflow]'"
        ) from None
    a_file = source.endswith(".db") and "://" not in source
    address = f"sqlite:///{Path(source).resolve()}" if a_file else source
    try:
        client = MlflowClient(tracking_uri=address)
        experiments = [e for e in client.search_experiments() if experiment in ("", e.name)]
        if not experiments:
            raise InputError(f"'{source}' has no experiment {experiment!r}")
        found, token = list["Run"](), None
        while True:
            page = client.search_runs(
                [e.experiment_id for e in experiments], max_results=_PAGE, page_token=token
            )
            found += page
            if not (token := page.token):
                break
        return [_run(client, run, source) for run in found]
    except MlflowException as error:
        raise InputError(f"MLflow cannot read '{source}': {error.message}") from error


def _run(client: "MlflowClient", run: "Run", source: str) -> History:
    """One run: its parameters, and every metric in the order in which it was logged."""
    logged = [m for name in run.data.metrics for m in client.get_metric_history(run.info.run_id, name)]
    logged.sort(key=lambda metric: (metric.timestamp, metric.step))
    rows = ((float(m.step), {m.key: float(m.value)}) for m in logged)
    name = f"{run.info.run_name} ({run.info.run_id[:8]})"
    return History(name, source, "MLflow", curves(rows), flat(run.data.params), run.info.status.lower())
