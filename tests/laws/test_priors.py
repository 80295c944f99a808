import re

import numpy as np
import pytest

from bayes_scaling import InputError
from bayes_scaling.laws.priors import LogNormal, Normal, prior_from_dict

PRIORS = [
    Normal(-0.5, 2.0),
    LogNormal(0.3, 1.0),
    LogNormal(7.0, 0.8, above=1.0),
    Normal(0.0, 0.2, between=0.05),
]


@pytest.mark.parametrize("prior", PRIORS, ids=repr)
class TestEveryPrior:
    def test_inverse_undoes_forward(self, prior):
        free = np.linspace(prior.location - 3 * prior.spread, prior.location + 3 * prior.spread, 13)
        np.testing.assert_allclose(prior.inverse(prior.forward(free)), free, rtol=1e-10, atol=1e-12)

    def test_a_standard_normal_lies_where_its_offset_says(self, prior):
        offsets = np.linspace(-3, 3, 7)
        np.testing.assert_allclose(prior.offset(prior.at(offsets)), offsets, atol=1e-12)
        assert prior.at(0.0) == prior.forward(prior.location)

    def test_forward_rises(self, prior):
        free = np.linspace(-4, 4, 33)
        assert np.all(np.diff(prior.forward(free)) > 0)

    def test_plain_values_give_it_back(self, prior):
        import json

        assert prior_from_dict(json.loads(json.dumps(prior.to_dict()))) == prior

    def test_is_frozen_and_hashable(self, prior):
        assert hash(prior) == hash(prior_from_dict(prior.to_dict()))
        with pytest.raises(AttributeError):
            prior.spread = 3.0


def test_a_normal_prior_lives_on_its_natural_scale():
    prior = Normal(-0.5, 2.0)
    assert prior.location == -0.5
    assert prior.forward(1.25) == 1.25


def test_the_location_of_a_log_normal_prior_is_its_median():
    assert LogNormal(0.3, 1.0).forward(LogNormal(0.3, 1.0).location) == pytest.approx(0.3, rel=1e-14)
    assert LogNormal(7.0, 0.8, above=1.0).forward(np.log(6.0)) == pytest.approx(7.0, rel=1e-14)


def test_the_spread_of_a_log_normal_prior_is_the_sd_of_the_logarithm():
    draws = LogNormal(0.3, 0.5).forward(
        LogNormal(0.3, 0.5).location + 0.5 * np.random.default_rng(0).standard_normal(100_000)
    )
    assert np.std(np.log(draws)) == pytest.approx(0.5, rel=0.01)
    assert np.median(draws) == pytest.approx(0.3, rel=0.01)


def test_a_shifted_log_normal_prior_stays_above_its_bound():
    assert LogNormal(7.0, 0.8, above=1.0).forward(-30.0) > 1.0


def test_groups_spread_half_as_far_unless_said_otherwise():
    assert LogNormal(0.3, 1.0).group_spread == 0.5
    assert LogNormal(0.3, 1.0, between=0.1).group_spread == 0.1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LogNormal(0.3, 0.0), "a prior's spread must be positive, not 0.0"),
        (lambda: Normal(0.3, -1.0), "a prior's spread must be positive, not -1.0"),
        (lambda: Normal(0.3, float("nan")), "a prior's spread must be positive, not nan"),
        (lambda: Normal(0.3, 1.0, between=0.0), "a prior's between must be positive, not 0.0"),
        (lambda: LogNormal(0.0, 1.0), "a log-normal prior's median must lie above 0, not be 0.0"),
        (lambda: LogNormal(1.0, 1.0, above=1.0), "a log-normal prior's median must lie above 1, not be 1.0"),
        (
            lambda: prior_from_dict({"family": "Cauchy", "median": 1.0}),
            "prior family 'Cauchy' is not known; expected one of Normal, LogNormal, LogitNormal, OfRange",
        ),
        (
            lambda: prior_from_dict({}),
            "prior family None is not known; expected one of Normal, LogNormal, LogitNormal, OfRange",
        ),
    ],
)
def test_what_cannot_be_a_prior_is_refused(make, message):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        make()
