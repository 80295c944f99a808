"""Pictures of results as files."""

from io import BytesIO
from pathlib import Path
from typing import Any

from bayes_scaling.data.files import replacing
from bayes_scaling.errors import InputError

PICTURES = ("extrapolation", "isoloss", "allocation", "posterior", "residuals")
"""Functions of `bayes_scaling.reporting.plot` that need nothing but a fit."""


def save_picture(axes: Any, path: Path) -> None:
    """Write the figure of these Axes and close it; the file's suffix names the format."""
    import matplotlib.pyplot as plt
    import numpy as np

    figure = np.ravel(axes)[0].figure
    picture = BytesIO()  # so that a picture that cannot be drawn leaves no half of a file
    try:
        figure.savefig(picture, format=path.suffix.removeprefix(".") or "png", dpi=150)
    except ValueError as error:
        raise InputError(f"cannot write {path}: {error}") from error
    finally:
        plt.close(figure)
    with replacing(path) as aside:
        aside.write_bytes(picture.getvalue())
