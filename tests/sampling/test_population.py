"""What is drawn of a population, given its groups."""

import numpy as np
import pytest
from helpers import small_table
from scipy import stats

import bayes_scaling as bs
from bayes_scaling import Noise
from bayes_scaling.model.structure import structure
from bayes_scaling.sampling.population import Population

CHINCHILLA = bs.LAWS["chinchilla"]


@pytest.mark.seconds
@pytest.mark.parametrize("groups", [2, 8])
def test_a_population_drawn_from_its_groups_is_distributed_as_the_one_that_they_came_from(groups):
    """Drawn from the prior, its groups from it, and it again from them: means and spreads have the prior back."""
    population = Population(structure(small_table(list("abcdefgh"[:groups])), CHINCHILLA, Noise(), "partial"))
    rng, count, parameters = np.random.default_rng(0), 600, len(population.priors)
    found = []
    for _ in range(count):
        mean, offset = rng.standard_normal((2, parameters))
        ratio = np.array([p.tau(t) / p.spread for p, t in zip(population.priors, offset, strict=True)])
        x = mean + ratio * rng.standard_normal((groups, parameters))
        again, drawn, tau = population.draw(x, rng.random(parameters), rng.standard_normal(parameters))
        found.append([again, drawn, (x[0] - again) / tau])
        assert not np.allclose(again, mean)
    for kind, name in zip(np.moveaxis(np.array(found), 1, 0), ("mean", "tau_offset", "offset"), strict=True):
        assert stats.kstest(kind.ravel(), stats.norm.cdf).pvalue > 0.001, name


@pytest.mark.seconds
def test_few_nodes_integrate_as_well_as_many():
    few = Population(structure(small_table(["a", "b", "c"]), CHINCHILLA, Noise(), "partial"))
    many = Population(structure(small_table(["a", "b", "c"]), CHINCHILLA, Noise(), "partial"))
    many._rule = many._nodes(2000)
    for scale in (1e-3, 0.03, 0.3, 1.0):
        x = scale * np.random.default_rng(3).standard_normal((3, len(few.priors)))
        assert float(few.log_density(x)) == pytest.approx(float(many.log_density(x)), abs=1e-5)
