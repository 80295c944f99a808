"""The catalogue of law families, one file per lineage."""

from bayes_scaling.laws.base import LAWS, Law, get_law, law
from bayes_scaling.laws.bnsl import bnsl1, bnsl2
from bayes_scaling.laws.chinchilla import chinchilla, equal_exponents, farseer, gadre, rosenfeld, skaling
from bayes_scaling.laws.covariates import covariate, precision, sparsity
from bayes_scaling.laws.curves import gpt4, hestness, log_linear, m3, m4, power_floor, power_law
from bayes_scaling.laws.downstream import task_of_compute, task_of_loss, task_of_loss_exponential
from bayes_scaling.laws.kaplan import kaplan, kaplan_c, kaplan_c_min, kaplan_d, kaplan_n, kaplan_steps
from bayes_scaling.laws.recipe import best_recipe, step_law
from bayes_scaling.laws.repeated import muennighoff, worth

__all__ = [
    "LAWS",
    "Law",
    "best_recipe",
    "bnsl1",
    "bnsl2",
    "chinchilla",
    "covariate",
    "equal_exponents",
    "farseer",
    "gadre",
    "get_law",
    "gpt4",
    "hestness",
    "kaplan",
    "kaplan_c",
    "kaplan_c_min",
    "kaplan_d",
    "kaplan_n",
    "kaplan_steps",
    "law",
    "log_linear",
    "m3",
    "m4",
    "muennighoff",
    "power_floor",
    "power_law",
    "precision",
    "rosenfeld",
    "skaling",
    "sparsity",
    "step_law",
    "task_of_compute",
    "task_of_loss",
    "task_of_loss_exponential",
    "worth",
]
