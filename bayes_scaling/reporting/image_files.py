"""Pictures of results as files."""

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from bayes_scaling.data.files import replacing
from bayes_scaling.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def save_picture(ax: "Axes", path: Path) -> None:
    """Writes the figure of these Axes, whole or not at all, and closes it; the file's suffix names the format.

    Raises
    ------
    InputError
        For a format that is not known, or a file that cannot be written.
    """
    # Matplotlib loads with the first picture, and not on import.
    import matplotlib.pyplot as plt

    figure = ax.get_figure(root=True)
    assert figure is not None
    picture = BytesIO()
    try:
        figure.savefig(picture, format=path.suffix.removeprefix(".") or "png", dpi=150)
    except ValueError as error:
        raise InputError(f"cannot write {path}: {error}") from error
    finally:
        plt.close(figure)
    with replacing(path) as aside:
        aside.write_bytes(picture.getvalue())
