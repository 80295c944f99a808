"""Minima and roots of many problems at once, against calculus."""

import numpy as np
import pytest
import xarray as xr

from bayes_scaling.planning.optimise import minimise, root


def bowl(x, at, steep):
    return np.cosh(steep * (x - at))


AT = xr.DataArray([0.3, 1.7, 2.5, -4.0], dims="draw")
STEEP = xr.DataArray([1.0, 5.0], dims="point")


def test_minima_are_found_for_every_draw_and_point():
    found = minimise(bowl, -1.0, 4.0, (AT, STEEP))
    assert dict(found.sizes) == {"draw": 4, "point": 2}
    inside = xr.broadcast(AT, found)[0][:3]
    np.testing.assert_allclose(found[:3], inside, atol=1e-7)


@pytest.mark.parametrize("points", [17, 33])
def test_without_polish_a_minimum_is_that_of_a_parabola(points):
    found = minimise(bowl, -1.0, 4.0, (AT, 1.0), points=points, polished=False)
    step = 5 / (points - 1)
    np.testing.assert_allclose(found[:3], AT[:3], atol=step**3 / 12)
    exact = minimise(lambda x, at: 3 * (x - at) ** 2 + x, -1.0, 4.0, (AT,), points=points, polished=False)
    np.testing.assert_allclose(exact[:3], AT[:3] - 1 / 6, atol=1e-9)
    assert np.isnan(found[3])
    assert minimise(bowl, -1.0, 4.0, (AT[3], 1.0), points=points, closed=(True, True), polished=False) == -1.0


def test_a_minimum_at_an_open_end_is_none():
    assert bool(minimise(bowl, -1.0, 4.0, (AT, STEEP))[3].isnull().all())


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-1.0, 4.0, -1.0),  # beyond the lower end
        (-9.0, -5.0, -5.0),  # beyond the upper one
        (-4.01, 4.0, -4.0),  # inside the first cell of the grid
        (-9.0, -3.99, -4.0),  # inside the last
        (2.0, 2.0, 2.0),  # no room at all
    ],
)
def test_closed_ends_are_answers_and_so_is_what_lies_beside_them(low, high, expected):
    found = minimise(bowl, low, high, (AT[3], STEEP), closed=(True, True))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_each_problem_has_ends_of_its_own():
    low, closed = xr.DataArray([-1.0, -1.0], dims="cap"), xr.DataArray([False, True], dims="cap")
    found = minimise(bowl, low, 4.0, (AT[3], 1.0), closed=(closed, False))
    np.testing.assert_array_equal(found, [np.nan, -1.0])


def test_of_two_valleys_the_deeper_is_taken():
    def valleys(x, tilt):
        return (x**2 - 1) ** 2 + tilt * x

    found = minimise(valleys, -2.0, 2.0, (xr.DataArray([0.1, -0.1], dims="draw"),))
    assert np.sign(found).to_numpy().tolist() == [-1, 1]


def test_roots_are_found_and_where_there_is_none_it_is_said():
    found = root(lambda x, at: np.expm1(x - at), 0.0, 2.0, (AT,))
    np.testing.assert_allclose(found, [0.3, 1.7, np.nan, np.nan], rtol=1e-12)
