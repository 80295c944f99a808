"""Pictures for dark pages."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import bayes_scaling as bs
from bayes_scaling.reporting.plot.dark import turned


def test_white_is_dark_ink_is_light_and_hues_stay():
    colours = np.array([[1, 1, 1, 1], [0.13, 0.13, 0.13, 1], [0, 0.45, 0.7, 1], [0.84, 0.37, 0, 0.2]])
    white, ink, blue, orange = turned(colours)
    assert white.tolist() == pytest.approx([0.1, 0.1, 0.1, 1])
    assert ink[:3].min() > 0.75
    assert blue[:3].argmax() == 2
    assert orange[:3].argmax() == 0
    assert orange[3] == 0.2


@pytest.mark.parametrize("kind", ["overview", "isoloss", "forest", "pair"])
def test_a_picture_is_dark_all_over_and_can_be_read(single_fit, pile_fit, kind):
    fit = single_fit if kind == "pair" else pile_fit
    light = getattr(bs.plot, kind)(fit, ax=Figure(facecolor="white").subplots())
    inks = [to_rgb(text.get_color()) for text in light.figure.findobj(lambda a: hasattr(a, "get_fontsize"))]
    assert bs.plot.dark(light) is light
    figure = light.get_figure(root=True)
    texts = [to_rgb(text.get_color()) for text in figure.findobj(lambda a: hasattr(a, "get_fontsize"))]
    assert np.mean(inks) < 0.5 < np.mean(texts)
    figure.set_size_inches(5, 4)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3] / 255
    assert np.median(pixels) < 0.25
    assert np.quantile(pixels, 0.02) < 0.15 < 0.5 < pixels.max()  # no white ground, and what is drawn is seen


def test_what_has_no_edge_has_none_then():
    ax = Figure().subplots()
    (bar,) = ax.bar([1], [1], color="#0072B2", edgecolor="none", alpha=0.5)
    bs.plot.dark(ax)
    assert bar.get_edgecolor()[3] == 0


def test_a_colour_map_is_turned():
    ax = Figure().subplots()
    image = ax.imshow([[0.0, 1.0]], cmap="gray")
    bs.plot.dark(ax)
    assert image.get_cmap()(0.0)[0] == pytest.approx(0.9)
    assert image.get_cmap()(1.0)[0] == pytest.approx(0.1)
