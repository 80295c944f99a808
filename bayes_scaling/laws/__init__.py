"""The catalogue of law families, one file per lineage."""

from bayes_scaling.laws.chinchilla import chinchilla, skaling
from bayes_scaling.laws.core import LAWS, Law, get_law, law
from bayes_scaling.laws.kaplan import kaplan

__all__ = ["LAWS", "Law", "chinchilla", "get_law", "kaplan", "law", "skaling"]
