"""From accelerators and time to FLOPs."""

import re

import numpy as np
import pytest

from bayes_scaling import ACCELERATORS, Hardware, InputError
from bayes_scaling.planning.compute.hardware import days


def test_flops_are_count_times_peak_times_share_times_seconds():
    assert Hardware(100, "A100", 30, 0.4).flops == pytest.approx(100 * 312e12 * 0.4 * 30 * 86_400)
    assert Hardware("1k", "my chip", "1 day", 0.5, peak="1e15").flops == pytest.approx(1e18 * 0.5 * 86_400)


def test_names_are_read_as_people_write_them():
    assert Hardware(1, "h100-SXM", 1).kind == "H100"
    assert Hardware(1, "tpu-v5p", 1).peak == ACCELERATORS["TPU v5p"].peak


def test_peaks_are_dense():
    """What data sheets print first is with sparsity, twice as much."""
    assert {name: a.peak for name, a in ACCELERATORS.items()} == {
        "A100": 312e12, "H100": 989e12, "H200": 989e12, "B200": 2250e12, "TPU v5p": 459e12,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [("6 months", 365.25 / 2), ("1 month", 365.25 / 12), ("3 weeks", 21), ("36 hours", 1.5), (90, 90)],
)
def test_times(text, expected):
    assert days(text) == pytest.approx(expected)


def test_an_uncertain_utilisation_has_the_interval_that_was_given():
    machine = Hardware(1000, "H100", "6 months", (0.3, 0.5))
    share = machine.draws(np.random.default_rng(1), (100_000,)) / machine.peak_flops
    np.testing.assert_allclose(np.quantile(share, [0.05, 0.95]), [0.3, 0.5], atol=2e-3)
    assert np.median(share) * machine.peak_flops == pytest.approx(machine.flops, rel=3e-3)
    assert ((share > 0) & (share < 1)).all()


def test_a_known_utilisation_draws_one_number():
    machine = Hardware(10, "B200", 3, 0.35)
    assert (machine.draws(np.random.default_rng(1), (3,)) == machine.flops).all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((1, "V100", 1), "the accelerator 'V100' is not known; give its peak="),
        ((1, "H100", "soon"), "time is 'soon'; expected days as a number, or text such as '6 months'"),
        ((1, "H100", 1, 40), "utilisation is 40; expected a share above 0 and at most 1"),
        ((1, "H100", 1, (0.5, 0.3)), "utilisation is (0.5, 0.3); expected a share"),
        ((1, "H100", 1, (0.5, 1.0)), "utilisation is (0.5, 1.0); expected a share"),
        ((1, "H100", 1, (0.1, 0.2, 0.3)), "utilisation is (0.1, 0.2, 0.3); expected a share"),
        ((0, "H100", 1), "count is 0; expected a positive number"),
    ],
)
def test_what_cannot_be_is_refused(given, message):
    with pytest.raises(InputError, match=re.escape(message)):
        Hardware(*given)
