"""Posterior: a law, the runs that it was fitted to, and the draws; frozen, and all that a verb needs to know."""

import json
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from bayes_scaling.data.reference import Reference
from bayes_scaling.data.runs import Runs
from bayes_scaling.errors import InputError
from bayes_scaling.inference.convergence import convergence
from bayes_scaling.inference.provenance import Provenance
from bayes_scaling.inference.spec import NEW_GROUP, Spec
from bayes_scaling.laws.base import Law, Named
from bayes_scaling.laws.elementwise import Array
from bayes_scaling.model.build import Model
from bayes_scaling.model.drift import Drift
from bayes_scaling.model.noise import NoiseModel, usual_drift
from bayes_scaling.model.structure import Pooling, Structure, structure
from bayes_scaling.model.surface import Surface
from bayes_scaling.sampling.settings import Sampler

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    import pandas as pd
    import xarray as xr


@dataclass(frozen=True, eq=False, repr=False)
class Posterior:
    """A law fitted to a table of runs.

    Attributes
    ----------
    law : Law
        With the priors that were used.
    runs : Runs
    noise : NoiseModel
    pooling : dict of str to {"complete", "partial", "none"}
        For every parameter of the law and for sigma.
    tree : xarray.DataTree
        Groups posterior, sample_stats, log_likelihood, prior, observed_data and constant_data (dims chain,
        draw, run, group, cluster), with the provenance in its attributes; discrepancy, the weights of a joint
        noise's process; and convergence, as it was when the file was written.
    """

    law: Law
    runs: Runs
    noise: NoiseModel
    pooling: dict[str, Pooling]
    tree: "xr.DataTree"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.law.name} on {self.runs!r})"

    @cached_property
    def provenance(self) -> Provenance:
        """How this posterior was made: seed, draws, device, versions, time, and the sampler's own numbers."""
        made: Provenance = json.loads(self.tree.attrs["provenance"])
        return made

    @property
    def drift(self) -> Drift:
        """How far forecasts let the truth drift from the law beyond the data."""
        chosen = self.provenance["drift"]
        if chosen:
            return Drift.from_dict(chosen)
        return usual_drift(self.law, self.noise, float(np.ptp(self.runs.loss)))

    def with_drift(self, drift: Drift) -> "Self":
        """The same posterior, whose forecasts take another drift: one's own, or that of a back-test of its table."""
        tree = self.tree.copy()
        tree.attrs = {"provenance": json.dumps({**self.provenance, "drift": drift.to_dict()})}
        return self.with_tree(tree)

    def with_tree(self, tree: "xr.DataTree") -> "Self":
        """The same posterior with another tree; what is known of its runs stays."""
        other = replace(self, tree=tree)
        other.known.update(self.known)
        return other

    @cached_property
    def known(self) -> dict[str, np.ndarray]:
        """What was found out about its runs, by name, each of shape (runs,): every verb asks, and a file keeps it."""
        return {}

    @property
    def sampler(self) -> Sampler:
        """The settings that it was sampled with, for refits."""
        made = self.provenance
        return Sampler(made["draws"], made["chains"], made["max_warmup"], made["seed"], made["target_accept"])

    @property
    def seed(self) -> int:
        """The seed that it was sampled with, from which every forecast draws."""
        return self.provenance["seed"]

    @property
    def reference(self) -> Reference:
        """The point that N and D are measured from."""
        return self.runs.reference

    @property
    def groups(self) -> list[str]:
        return self.runs.groups

    @property
    def hierarchical(self) -> bool:
        """Whether some parameter differs between groups."""
        return any(kind != "complete" for kind in self.pooling.values())

    @cached_property
    def structure(self) -> Structure:
        """What shapes the model, for refits."""
        return structure(self.runs, self.law, self.noise, self.pooling)

    @cached_property
    def spec(self) -> Spec:
        """What was asked for."""
        return Spec(self.runs, self.law, self.noise, self.pooling, self.sampler)

    @property
    def model(self) -> Model:
        """The PyMC model, with what was observed in it; see `bayes_scaling.model.build.build_model`."""
        return self.spec.model

    @cached_property
    def posterior(self) -> "xr.Dataset":
        """Draws of every named quantity, dims (chain, draw) and group where it differs between groups."""
        return self.tree["posterior"].to_dataset()

    @cached_property
    def prior(self) -> "xr.Dataset":
        """Prior draws of the same quantities."""
        return self.tree["prior"].to_dataset()

    @cached_property
    def convergence(self) -> "pd.DataFrame":
        """R-hat and effective draws of every quantity: of its file, as ArviZ takes a second to load, or counted."""
        if "convergence" in self.tree:
            return self.tree["convergence"].to_dataset().to_dataframe()
        return convergence(self.posterior)

    @property
    def log_likelihood(self) -> "xr.DataArray":
        """Log likelihood of each cluster of rows, dims (chain, draw, cluster), of those draws for which it was kept."""
        scores = self.tree["log_likelihood"].to_dataset()[self.noise.observed]
        return scores.rename(run="cluster") if "run" in scores.dims else scores

    @property
    def one_per_draw(self) -> "xr.DataArray":
        """Zeros of dims (chain, draw), in the shape of what there is one of for each draw."""
        return 0.0 * self.posterior["chain"] + 0.0 * self.posterior["draw"]

    def weights(self, group: int) -> np.ndarray:
        """Weights of a joint noise's process in a group, (chain times draw, weights); -1: a new group."""
        values = self.tree["discrepancy"]["weights"].transpose("group", "chain", "draw", "weight").to_numpy()
        own: np.ndarray = values[max(group, 0)].reshape(-1, values.shape[-1])
        assert isinstance(self.noise, Surface)
        return own if group >= 0 else np.where(np.arange(own.shape[1]) < self.noise.tied, own, 0.0)

    def draws(self, group: str | None = None) -> "xr.Dataset":
        """Draws of the law's and the noise's parameters.

        Parameters
        ----------
        group : str, optional
            A group's label, or ``"new"`` for a group not seen yet (drawn from the population, one for each
            draw of the posterior). Default: all groups, along the dim ``group``.

        Raises
        ------
        InputError
            For a label that is not a group of this fit.
        """
        names = [*self.law.parameters, "sigma", *self.structure.global_priors]
        everything = self.posterior[names]
        if group is None or (group in self.groups and not self.hierarchical):
            return everything
        if group == NEW_GROUP:
            return self._new_group(everything)
        if group not in self.groups:
            raise InputError(
                f"no group {group!r} in this fit; its groups are {', '.join(self.groups)}, or 'new'"
            )
        return everything.sel(group=group, drop=True)

    def law_at(
        self, inputs: "Mapping[str, xr.DataArray] | xr.Dataset", draws: "xr.Dataset"
    ) -> "xr.DataArray":
        """What the law gives at some inputs, by column, under draws of its parameters; dims of both."""
        parameters = {name: draws[name] for name in self.law.parameters}
        given: xr.DataArray = self.law(*self.scaled(inputs).values(), **parameters)
        return given

    def scaled(self, inputs: "Mapping[str, Array] | xr.Dataset") -> Named:
        """Inputs by column as the law takes them: under its own names, in multiples of the reference point."""
        names = zip(self.law.inputs, self.law.columns, strict=True)
        return {letter: inputs[column] / self.reference[column] for letter, column in names}

    def _new_group(self, everything: "xr.Dataset") -> "xr.Dataset":
        """One group per draw from the population that the draw describes."""
        rng = np.random.default_rng([self.seed, 101])
        drawn = everything
        for name, prior in self.structure.priors.items():
            if self.pooling[name] == "complete":
                continue
            shape = self.one_per_draw
            normal = shape.copy(data=rng.standard_normal(shape.shape))
            if self.pooling[name] == "partial":
                free = (
                    prior.inverse(self.posterior[f"{name}_population"])
                    + self.posterior[f"{name}_tau"] * normal
                )
            else:
                free = prior.location + prior.spread * normal
            drawn = drawn.assign({name: prior.forward(free)})
        return drawn
