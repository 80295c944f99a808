"""A few pictures are those that are stored, of draws that never change.

Where one is meant to look otherwise: python tests/reporting/test_stored_pictures.py, and look at what it wrote.
"""

import shutil
import tomllib
from functools import partial
from pathlib import Path

import matplotlib
import pytest
from matplotlib.testing.compare import compare_images

import bayes_scaling as bs
from bayes_scaling.reporting.plot.style import without_pyplot

matplotlib.use("agg")

STORED = Path(__file__).parent / "pictures"
GOLDEN = Path(__file__).parents[1] / "inference" / "golden" / "version_2_groups.nc"
PINNED = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["tool"]["uv"]

PICTURES = {
    "forest": bs.plot.forest,
    "measured_against_law": bs.plot.measured_against_law,
    "loss_band": partial(bs.plot.loss_band, at="12B", group="pythia"),
    "prior_sensitivity": bs.plot.prior_sensitivity,
}

TOLERANCE = 1.0
"""Root mean square of 255 shades over all pixels: edges that another version draws half a shade apart pass."""


def drawn(name, fit):
    """The figure of a picture, as large as it is by itself."""
    with without_pyplot():
        return PICTURES[name](fit).get_figure(root=True)


def written(figure, path):
    figure.savefig(path, dpi=60, metadata={"Software": None})
    return str(path)


@pytest.mark.seconds
@pytest.mark.skipif(
    f"matplotlib=={matplotlib.__version__}" not in PINNED["constraint-dependencies"],
    reason="drawn by another version of matplotlib, which sets text elsewhere",
)
@pytest.mark.parametrize("name", PICTURES)
def test_it_looks_as_it_did(name, golden_fit, tmp_path):
    shutil.copy(STORED / f"{name}.png", tmp_path / "wanted.png")
    differs = compare_images(
        str(tmp_path / "wanted.png"), written(drawn(name, golden_fit), tmp_path / "now.png"), TOLERANCE
    )
    assert differs is None


@pytest.mark.seconds
@pytest.mark.parametrize("change", ["label", "colour", "line"])
def test_a_change_is_seen(change, golden_fit, tmp_path):
    figure = drawn("loss_band", golden_fit)
    [ax] = figure.axes
    if change == "label":
        ax.set_xlabel(ax.get_xlabel().replace("(tokens)", "(bytes)"))
    elif change == "colour":
        ax.collections[0].set_facecolor("green")
    else:
        line = next(line for line in ax.lines if len(line.get_xdata()) > 2)
        line.set_ydata(1.01 * line.get_ydata())
    shutil.copy(STORED / "loss_band.png", tmp_path / "wanted.png")
    assert compare_images(str(tmp_path / "wanted.png"), written(figure, tmp_path / "now.png"), TOLERANCE)


if __name__ == "__main__":
    STORED.mkdir(exist_ok=True)
    for name in PICTURES:
        written(drawn(name, bs.open_fit(GOLDEN)), STORED / f"{name}.png")
