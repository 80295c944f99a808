"""The training recipe: what a learning rate and a batch size away from their optimum cost."""

from collections.abc import Mapping

from bayes_scaling.laws.base import Named, law
from bayes_scaling.laws.chinchilla import AMPLITUDE, EXPONENT, FLOOR, ROLES
from bayes_scaling.laws.elementwise import Array, Computed, expm1, log
from bayes_scaling.laws.priors import LogNormal, Normal
from bayes_scaling.laws.roles import amplitude, coupling, exponent, irreducible, location, sharpness


def best_recipe(
    N: Array,
    D: Array,
    *,
    lr_opt: Array,
    lr_N: Array,
    lr_D: Array,
    batch_opt: Array,
    batch_N: Array,
    batch_D: Array,
    **_: Array,
) -> tuple[Computed, Computed]:
    """The learning rate and the batch size with the lowest loss at N and D, all in multiples of the reference.

    Parameters
    ----------
    N, D : float or array
    lr_opt, lr_N, lr_D, batch_opt, batch_N, batch_D : float or array
        Parameters of the law `step_law`; others that it has may be given too.

    Returns
    -------
    lr, batch : float or array
        ``lr_opt N^lr_N D^lr_D`` and ``batch_opt N^batch_N D^batch_D``.
    """
    return lr_opt * N**lr_N * D**lr_D, batch_opt * N**batch_N * D**batch_D


def _bowl(u: Array, k: Array, skew: Array) -> Computed:
    """k u^2 / 2 near 0, and steeper above it than below."""
    return k * (expm1(skew * u) - skew * u) / skew**2


def _constants(reference: Mapping[str, float], **parameters: Array) -> Named:
    """The optimum at N = D = 1, in the units of the table's own lr and batch: the paper's 1.79 and 0.58."""
    lr, batch = best_recipe(1 / reference["params"], 1 / reference["tokens"], **parameters)
    return {"lr_1": lr * reference["lr"], "batch_1": batch * reference["batch"]}


def _at_best(*, N: Array, D: Array, **others: Array) -> Named:
    lr, batch = best_recipe(N, D, **{name: others[name] for name in others if name not in ("lr", "batch")})
    return {"lr": lr, "batch": batch}


@law(
    formula="(E + A N^-alpha + B D^-beta) (1 + k_lr g(x - tilt y) + k_batch y^2 / 2), "
    "x = log(lr / (lr_opt N^lr_N D^lr_D)), y = log(batch / (batch_opt N^batch_N D^batch_D)), "
    "g(u) = (e^(skew u) - 1 - skew u) / skew^2",
    cite="the optimum as in Step Law: Li et al. 2025, arXiv:2503.04715; the bowl around it is this package's",
    roles=ROLES
    | {
        "lr_opt": location("best learning rate at the reference", "lr"),
        "lr_N": exponent("N", words="exponent of N in the best learning rate"),
        "lr_D": exponent("D", words="exponent of D in the best learning rate"),
        "batch_opt": location("best batch size at the reference", "batch"),
        "batch_N": exponent("N", words="exponent of N in the best batch size"),
        "batch_D": exponent("D", words="exponent of D in the best batch size"),
        "k_lr": sharpness("curvature of log loss in the log learning rate", "lr"),
        "k_batch": sharpness("curvature of log loss in the log batch size", "batch"),
        "tilt": coupling("how the best learning rate moves with the batch size", "lr", "batch"),
        "skew": sharpness("how much faster the loss rises above the best learning rate than below", "lr"),
    },
    chosen=("lr", "batch"),
    at_best=_at_best,
    meanings={"lr_1": "best learning rate at N = D = 1", "batch_1": "best batch size at N = D = 1"},
    constants=_constants,
    E=FLOOR,
    A=AMPLITUDE,
    B=AMPLITUDE,
    alpha=EXPONENT,
    beta=EXPONENT,
    lr_opt=LogNormal(1.0, 1.0, between=0.3),
    lr_N=Normal(-0.5, 0.4, between=0.1),
    lr_D=Normal(0.2, 0.4, between=0.1),
    batch_opt=LogNormal(1.0, 1.0, between=0.3),
    batch_N=Normal(0.0, 0.3, between=0.1),
    batch_D=Normal(0.5, 0.3, between=0.1),
    k_lr=LogNormal(0.02, 1.0, between=0.3),
    k_batch=LogNormal(0.01, 1.0, between=0.3),
    tilt=Normal(0.3, 0.4, between=0.1),
    skew=LogNormal(0.4, 0.6, between=0.2),
)
def step_law(
    N,
    D,
    lr,
    batch,
    *,
    E,
    A,
    B,
    alpha,
    beta,
    lr_opt,
    lr_N,
    lr_D,
    batch_opt,
    batch_N,
    batch_D,
    k_lr,
    k_batch,
    tilt,
    skew,
):
    """Chinchilla for tuned runs, times a bowl around the best learning rate and batch size.

    Runs that were not tuned inform the law instead of biasing it. The optimum moves as a power law of N and D;
    ``k_lr`` and ``k_batch`` are the bowl's curvatures per squared e-fold, ``tilt`` says how the best learning
    rate moves with the batch, and ``skew`` how much faster the loss rises above it than below (as u^2/2 at 0).
    Runs that diverged are no part of it.
    """
    best_lr, best_batch = best_recipe(
        N, D, lr_opt=lr_opt, lr_N=lr_N, lr_D=lr_D, batch_opt=batch_opt, batch_N=batch_N, batch_D=batch_D
    )
    y = log(batch / best_batch)
    bowl = _bowl(log(lr / best_lr) - tilt * y, k_lr, skew) + k_batch * y**2 / 2
    return (E + A * N**-alpha + B * D**-beta) * (1 + bowl)


def _best_of_width(*, width: Array, lr_opt: Array, lr_width: Array, **_: Array) -> Named:
    return {"lr": lr_opt * width**lr_width}


@law(
    formula="(E + A width^-alpha) (1 + k g(log(lr / (lr_opt width^lr_width)))), "
    "g(u) = (e^(skew u) - 1 - skew u) / skew^2",
    cite="the claim that lr_width is 0: muP, Yang et al. 2022, arXiv:2203.03466; the bowl is that of `step_law`",
    roles={
        "E": irreducible(),
        "A": amplitude("width"),
        "alpha": exponent("width"),
        "lr_opt": location("best learning rate at the reference", "lr"),
        "lr_width": exponent("width", words="exponent of the width in the best learning rate"),
        "k": sharpness("curvature of log loss in the log learning rate", "lr"),
        "skew": sharpness("how much faster the loss rises above the best learning rate than below", "lr"),
    },
    chosen=("lr",),
    at_best=_best_of_width,
    resources=("width",),
    E=FLOOR,
    A=AMPLITUDE,
    alpha=LogNormal(0.6, 0.5, between=0.1),
    lr_opt=LogNormal(1.0, 1.0, between=0.3),
    lr_width=Normal(-0.5, 0.5, between=0.1),
    k=LogNormal(0.02, 1.0, between=0.3),
    skew=LogNormal(0.4, 0.6, between=0.2),
)
def lr_transfer(width, lr, *, E, A, alpha, lr_opt, lr_width, k, skew):
    """Models of several widths, each trained with several learning rates and otherwise alike.

    Under muP the best learning rate is that of the narrowest model; with Adam and the standard parametrisation it falls
    as 1 / width where only the width grows. `transfer` says which, with its interval.
    """
    u = log(lr / _best_of_width(width=width, lr_opt=lr_opt, lr_width=lr_width)["lr"])
    return (E + A * width**-alpha) * (1 + _bowl(u, k, skew))
