"""Pictures for dark pages: the lightness of every colour turned over, its hue kept."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.typing import ColorType

CONTRAST = 0.9
"""White becomes 1 less this, as in the dark mode of reports."""

# A hue turned by half, as CSS does: https://www.w3.org/TR/filter-effects-1/#feColorMatrixElement
_TURNED = np.array([[-0.574, 1.43, 0.144], [0.426, 0.43, 0.144], [0.426, 1.43, -0.856]])

_COLOURS = ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor")
"""What artists call their colours."""


def dark(ax: "Axes") -> "Axes":
    """The picture for a dark page: each colour of its whole figure is inverted, and its hue turned back.

    Parameters
    ----------
    ax : Axes
        What another picture returned; its figure is changed.

    Returns
    -------
    Axes
        The same.
    """
    # Matplotlib loads with the first picture, and not on import.
    from matplotlib.artist import Artist

    figure = ax.get_figure(root=True)
    assert figure is not None
    seen: set[int] = set()
    for artist in figure.findobj():
        # Boxes and arrows of texts are no children of theirs.
        for part in (artist, getattr(artist, "_bbox_patch", None), getattr(artist, "arrow_patch", None)):
            # The colour of a figure or Axes is that of its patch, which is found too.
            if isinstance(part, Artist) and id(part) not in seen and not hasattr(part, "patch"):
                seen.add(id(part))
                _turn(part)
    return ax


def _turn(artist: "Artist") -> None:
    """Colours of one artist, or of its colour map."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap

    if isinstance(artist, ScalarMappable) and artist.get_array() is not None:
        cmap = artist.get_cmap()
        artist.set_cmap(ListedColormap(turned(cmap(np.linspace(0, 1, cmap.N)))))
        return
    # All are read before one is set: setting a colour may set the others.
    found = {
        name: getattr(artist, f"get_{name}")()
        for name in _COLOURS
        if hasattr(artist, f"get_{name}") and hasattr(artist, f"set_{name}")
    }
    if {"facecolor", "edgecolor"} <= set(found):
        found.pop("color", None)
    for name, colour in found.items():
        getattr(artist, f"set_{name}")(_of_one(colour))


def _of_one(colour: "ColorType | np.ndarray") -> "tuple[float, ...] | np.ndarray | str":
    """A colour, or an array of colours, turned over; that of something else stays so."""
    from matplotlib.colors import to_rgba_array

    if isinstance(colour, str) and colour in ("auto", "inherit", "face"):
        return colour
    rgba = turned(to_rgba_array(colour))
    if not rgba[:, 3].any():  # an opacity of the artist's own would let it be seen
        return "none"
    return rgba if np.ndim(colour) == 2 else tuple(rgba[0])


def turned(rgba: np.ndarray) -> np.ndarray:
    """Colours turned over, shape (..., 4), opacity as it was."""
    inverted = CONTRAST + (1 - 2 * CONTRAST) * rgba[..., :3]
    return np.concatenate([np.clip(inverted @ _TURNED.T, 0, 1), rgba[..., 3:]], axis=-1)
