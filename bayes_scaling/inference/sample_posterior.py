"""One posterior from its specification: checked, sampled, and its convergence said loudly where it is bad."""

from time import perf_counter

from bayes_scaling.errors import DoubtfulFitWarning, warn
from bayes_scaling.inference.diagnostics import verdict
from bayes_scaling.inference.identifiability import unidentified, wrong_way
from bayes_scaling.inference.netcdf import make_tree
from bayes_scaling.inference.posterior import Posterior
from bayes_scaling.inference.spec import Spec
from bayes_scaling.sampling.draws import Draws
from bayes_scaling.sampling.progress import Report, progress_bar


def sample_posterior(spec: Spec, progress: bool | Report = False) -> Posterior:
    """The posterior of a specification.

    Parameters
    ----------
    spec : Spec
    progress : bool or callable
        Show a progress bar on stderr, or call ``progress(phase, done, total)``.

    Warns
    -----
    DoubtfulFitWarning
        If the runs go the other way than the law, for what the table does not identify of it, and if the posterior
        did not converge, the law misses its runs or goes on falling where they rise, or its prior alone says what an
        input saves.
    """
    for sentence in (*wrong_way(spec.runs, spec.law), *unidentified(spec.runs, spec.law, spec.noise)):
        warn(sentence, DoubtfulFitWarning)
    with progress_bar(progress, spec.law.name) as report:
        # JAX, PyMC and xarray load here, when something is sampled, and not on import.
        from bayes_scaling.sampling.sample import sample

        began = perf_counter()
        result = posterior_of(spec, sample(spec.job(progress=report)), perf_counter() - began)
    judged = verdict(result)
    for sentence in (*judged.failures, *judged.unbelievable, *judged.turns, *judged.prior_alone):
        warn(sentence, DoubtfulFitWarning)
    return result


def posterior_of(spec: Spec, sampled: Draws, seconds: float) -> Posterior:
    """The posterior that these draws make of a specification."""
    tree = make_tree(spec, sampled, spec.provenance(sampled, seconds))
    return Posterior(spec.law, spec.runs, spec.noise, dict(spec.structure.pooling), tree)
