"""How a posterior was made, in words."""

from bayes_scaling import LogNormal
from bayes_scaling.reporting.provenance import priors_in_words


def test_a_prior_in_units_of_the_table_says_of_what():
    prior = LogNormal(0.65, 0.4, between=0.3, of="lowest").in_unit(2.5)
    said = "E ~ LogNormal(median 0.65, spread 0.4, between 0.3, of lowest, unit 2.5)"
    assert priors_in_words({"E": prior.to_dict()}) == said
