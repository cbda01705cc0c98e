"""Stages of a training: which parts of a model learn in each, under which options of the objective."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from ..errors import MmgenError, alternatives, listed
from ..models import MultimodalVAE
from ..options import validated
from ..runs.optimizer_config import Group
from ..runs.training_config import Stage

ADVERSARY = "objective.adversary"
PER_MODALITY = ("encoders", "decoders", "likelihoods")


class Stages:
    """The stages of one training and its groups of parameters, checked against the model.

    Raises:
        MmgenError: A part that the model does not have, a group that has no parameter, or an option of the objective
            that it lacks or that cannot change while it trains.
    """

    def __init__(self, model: MultimodalVAE, plan: Sequence[Stage], groups: Sequence[Group] = ()) -> None:
        self.model, self.plan = model, plan
        self.parameters = {_part(model, name): p for name, p in model.named_parameters() if p.requires_grad}
        self.options = model.options
        kind, name = type(self.options), model.name
        self.stage_options = []
        for number, stage in enumerate(plan):
            where = f"training.stages.{number}"
            for option in stage.objective:
                if option in kind.model_fields and option not in model.staged:
                    can = f"it can change {listed(model.staged)}" if model.staged else "it can change none"
                    raise MmgenError(
                        f"{where}.objective: the objective {name!r} cannot change its option {option!r} between "
                        f"stages; {can}."
                    )
            self.stage_options.append(
                validated(kind, {**self.options.model_dump(), **stage.objective}, f"{where}.objective")
            )
            self._check(stage.train, f"{where}.train")
        for number, group in enumerate(groups):
            self._check(group.of, f"training.groups.{number}.of")
        self.groups = groups
        for number in range(len(groups)):
            if number not in {self.group(name) for name in self.parameters}:
                raise MmgenError(
                    f"training.groups.{number}: all of {listed(groups[number].of)} is in groups before it, and a "
                    "parameter is in the first group that names it; put the smaller part first."
                )

    def _check(self, parts: Sequence[str], where: str) -> None:
        for part in parts:
            if not any(_within(name, part) for name in self.parameters):
                known = alternatives(part, self.parts())
                raise MmgenError(f"{where}: the model has no part {part!r} that could learn; it has {known}")

    def group(self, name: str) -> int | None:
        """The group that a parameter is in, by number: the first that names it; None: that of all others."""
        return next(
            (number for number, group in enumerate(self.groups) if any(_within(name, part) for part in group.of)),
            None,
        )

    def is_adversary(self, name: str) -> bool:
        """Whether a parameter is the adversary's."""
        return self.model.adversary is not None and _within(name, ADVERSARY)

    def parts(self) -> list[str]:
        """The parts that a stage can name most simply: one or two levels deep."""
        shallow = {name.split(".")[0] for name in self.parameters} | {
            ".".join(name.split(".")[:2]) for name in self.parameters
        }
        return sorted(shallow)

    def enter(self, number: int) -> dict[str, nn.Parameter]:
        """Let the parameters of one stage learn and fix the others; the ones that learn, by name."""
        stage = self.plan[number]
        for name, parameter in self.parameters.items():
            parameter.requires_grad_(not stage.train or any(_within(name, part) for part in stage.train))
        self.model.options = self.stage_options[number]
        return {name: parameter for name, parameter in self.parameters.items() if parameter.requires_grad}

    def train_mode(self, wrapped: nn.Module) -> None:
        """Training mode for what learns; what is fixed keeps its running statistics, and drops nothing out."""
        wrapped.train()
        for module in self.model.modules():
            parameters = list(module.parameters())
            if parameters and not any(parameter.requires_grad for parameter in parameters):
                module.eval()

    def leave(self) -> None:
        """The model as it was before the first stage."""
        for parameter in self.parameters.values():
            parameter.requires_grad_(True)
        self.model.options = self.options


def _part(model: MultimodalVAE, name: str) -> str:
    """The dotted name of a parameter, with the modality's name in the place of its number."""
    first, second, *rest = [*name.split("."), ""]
    if first in PER_MODALITY and second.isdigit():
        return ".".join([first, list(model.modalities)[int(second)], *rest]).rstrip(".")
    return name


def _within(name: str, part: str) -> bool:
    """Whether a parameter belongs to a part: its name, or what comes before a dot of it."""
    return name == part or name.startswith(f"{part}.")
