"""Third-party tables, read from the folder that BAYES_SCALING_DATA points to and never shipped.

Each folder's SOURCE.md tells origin, licence and traps; the filters here are the ones documented there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayes_scaling.data.load import load_runs
from bayes_scaling.data.runs import Runs
from bayes_scaling.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

VARIABLE = "BAYES_SCALING_DATA"


@dataclass(frozen=True)
class External:
    """Where a third-party table lies under the data folder, and how to read it as runs."""

    path: str
    columns: Mapping[str, str] = field(default_factory=dict)  # beside params="N", tokens="D"
    inputs: tuple[str, ...] = ()
    prepare: Callable[[pd.DataFrame], pd.DataFrame] = lambda table: table


def _best_per_configuration(table: pd.DataFrame) -> pd.DataFrame:
    """The tuned run of each (N, D); rows that repeat a learning rate are log entries, not seeds."""
    return table.loc[table.groupby(["N", "D"])["loss"].idxmin()]


def _own_corpus(table: pd.DataFrame) -> pd.DataFrame:
    """Loss on the corpus that the run was trained on."""
    return table.assign(loss=table["loss_edu"].where(table["regime"] == "edu", table["loss_web"]))


EXTERNAL: dict[str, External] = {
    # Five rows that Besiroglu et al. drop. Its C is left under its own name: D was derived from it.
    "chinchilla_epoch": External(
        "chinchilla_epoch/chinchilla.csv", prepare=lambda t: t[t["besiroglu_excluded"] == 0]
    ),
    "gadre": External(
        "gadre/runs.csv",
        {"loss": "loss_c4_val", "group": "train_data"},
        # half a 95% interval, in standard deviations
        prepare=lambda t: t.assign(c4_val_se=(t["hi95_c4_val"] - t["lo95_c4_val"]) / (2 * 1.96)),
    ),
    "gzip_pcfg": External("gzip_pcfg/runs.csv", {"loss": "valid_loss", "group": "group"}),
    "datablations": External(
        "datablations/datablations_c4_runs.csv",
        {"seed": "seed"},
        inputs=("unique_tokens",),
        prepare=lambda t: t.rename(columns={"U": "unique_tokens"}),
    ),
    # Crashed runs, and one that diverged.
    "xlstm": External(
        "xlstm/isoflop_runs.csv",
        {"group": "setting"},
        prepare=lambda t: t[(t["complete"] == 1) & (t["loss"] < 10)].assign(
            setting=lambda s: s["arch"] + "-" + s["ctx"].astype(str)
        ),
    ),
    "okar_sweep": External(
        "okar_sweep/runs_excerpt.csv", {"params": "N_total", "group": "regime"}, prepare=_own_corpus
    ),
    "misfitting": External("misfitting/final_runs.csv", prepare=_best_per_configuration),
    # `loss` there is that of the last training step, and noisy.
    "steplaw": External("steplaw/dense_best_per_ND.csv", {"loss": "smooth_loss"}),
}


def external(name: str, *, loss_se: bool = False) -> Runs:
    """One of the third-party tables that lie outside of the package.

    Parameters
    ----------
    name : str
        chinchilla_epoch, gadre, gzip_pcfg, datablations, xlstm, okar_sweep, misfitting or steplaw.
    loss_se : bool
        Whether to take the evaluation's standard error along; only `gadre` has one.

    Raises
    ------
    InputError
        If there is no such table, the environment variable BAYES_SCALING_DATA is unset, or the table is not
        in the folder that it points to.
    """
    import pandas as pd

    if name not in EXTERNAL:
        raise InputError(f"there is no third-party table '{name}'; choose one of {', '.join(EXTERNAL)}.")
    if loss_se and name != "gadre":
        raise InputError(
            f"the table '{name}' has no standard errors of the loss; only 'gadre' takes loss_se."
        )
    folder = os.environ.get(VARIABLE)
    if not folder:
        raise InputError(
            f"the table '{name}' is not shipped with the package: set the environment variable {VARIABLE} "
            "to the folder that holds it."
        )
    entry = EXTERNAL[name]
    path = Path(folder) / entry.path
    if not path.is_file():
        raise InputError(f"there is no file '{path}'; {VARIABLE} points to '{folder}', which must hold it.")
    columns: dict[str, Any] = {"params": "N", "tokens": "D", **entry.columns}
    if loss_se:
        columns["loss_se"] = "c4_val_se"
    return load_runs(entry.prepare(pd.read_csv(path)), **columns, inputs=entry.inputs, name=name)
