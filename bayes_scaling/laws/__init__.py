"""The catalogue of law families, one file per lineage.

A file lists its laws in `LAWS` when it is imported here.
"""

from bayes_scaling.laws import bnsl as bnsl
from bayes_scaling.laws import chinchilla as chinchilla
from bayes_scaling.laws import covariates as covariates
from bayes_scaling.laws import curves as curves
from bayes_scaling.laws import downstream as downstream
from bayes_scaling.laws import kaplan as kaplan
from bayes_scaling.laws import recipe as recipe
from bayes_scaling.laws import repeated as repeated
from bayes_scaling.laws import scores as scores
from bayes_scaling.laws import shape as shape
from bayes_scaling.laws.base import LAWS as LAWS
from bayes_scaling.laws.base import Law as Law
from bayes_scaling.laws.base import law as law
from bayes_scaling.laws.names import get_law as get_law
