"""What an objective declares about itself, by which it is built, checked and described."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from ..options import Options


class ObjectiveConfig(Options):
    """Base of an objective's options; every field has a description and can be set as ``objective.<field>``."""


class Declarations:
    """Class variables of every :class:`mmgen.Objective`; the contract of objectives checks what they claim.

    Attributes:
        family: What it has in common with others (``mmgen.registry.families.FAMILIES``, or another name): lists,
            ``mmgen info FAMILY`` and the site group by it. A literal in each class, since lists read source text.
        aggregator: Name of the default aggregator; None where the equation aggregates nothing: it then has a posterior
            of its own.
        prior: Name of the default prior p(z); None where the equation has none: nothing is then generated from nothing,
            unless it can be drawn from all the same (:meth:`mmgen.Objective.drawn_prior`).
        component_defaults: Options of the aggregator or prior that differ from their own defaults here, such as
            ``{"aggregator": {"prior_expert": "none"}}``.
        aggregators: Aggregators that the equation can mean: ``shared``, any that has one latent for all modalities;
            ``single``, any of these that gives one distribution for each row, and no mixture; their names, where the
            equation means certain ones; None: any.
        priors: Names of the priors that the equation can mean; None: any.
        trains_aggregator: Whether ``terms`` aggregate, so that what an aggregator learns is trained.
        bound: Of which log-evidence the objective is a lower bound at β = 1 and weights 1: ``joint`` (log p(X)),
            ``own`` (Σ_m log p(x_m)), or None.
        supports_missing: Whether rows that lack modalities can be trained on, exactly as if these did not exist.
        draws_private: Whether ``terms`` draw private latents themselves (``log_likelihood(private=…)``), so that
            ``model.private_from_prior`` has nothing to say.
        needs_labels: Whether training needs labels, of some training rows at least.
        most_modalities: The largest number of modalities that the equation has a meaning for; None: any.
        whole_batch: Whether a row's terms depend on the other rows of its batch, as correlations do; batches then stay
            in one piece, on one process.
        decodes_mean: Whether a trained model decodes the mean of its posterior; otherwise a draw from it.
        staged: Names of the options that may change while a model trains, from one stage to the next: ``terms`` reads
            them anew each time.
        of_mixtures: Names of the options that say how a mixture is sampled; refused where the aggregator gives none.
        defaults: Of the run configuration, such as ``{"model": {"beta": 0.1}}``.
    """

    Config: ClassVar[type[ObjectiveConfig]] = ObjectiveConfig
    family: ClassVar[str | None] = None
    aggregator: ClassVar[str | None] = "poe"
    prior: ClassVar[str | None] = "normal"
    component_defaults: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    aggregators: ClassVar[tuple[str, ...] | Literal["shared", "single"] | None] = None
    priors: ClassVar[tuple[str, ...] | None] = None
    trains_aggregator: ClassVar[bool] = True
    bound: ClassVar[Literal["joint", "own"] | None] = None
    supports_missing: ClassVar[bool] = False
    draws_private: ClassVar[bool] = False
    needs_labels: ClassVar[bool] = False
    most_modalities: ClassVar[int | None] = None
    whole_batch: ClassVar[bool] = False
    decodes_mean: ClassVar[bool] = False
    staged: ClassVar[tuple[str, ...]] = ()
    of_mixtures: ClassVar[tuple[str, ...]] = ()
    defaults: ClassVar[Mapping[str, Any]] = {}
