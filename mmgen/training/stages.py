"""Stages of a training: which parts of a model learn in each, under which options of the objective."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from ..errors import MmgenError, alternatives, listed
from ..models import MultimodalVAE
from ..options import validated
from ..runs.training_config import Stage

PER_MODALITY = ("encoders", "decoders", "likelihoods")


class Stages:
    """The stages of one training, checked against the model.

    Raises:
        MmgenError: A part that the model does not have, or an option of the objective that it lacks or that cannot
            change while it trains.
    """

    def __init__(self, model: MultimodalVAE, plan: Sequence[Stage]) -> None:
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
            for part in stage.train:
                if not any(_within(name, part) for name in self.parameters):
                    known = self.parts()
                    raise MmgenError(
                        f"{where}.train: the model has no part {part!r} that could learn; it has "
                        f"{alternatives(part, known)}"
                    )

    def parts(self) -> list[str]:
        """The parts that a stage can name most simply: one or two levels deep."""
        shallow = {name.split(".")[0] for name in self.parameters} | {
            ".".join(name.split(".")[:2]) for name in self.parameters
        }
        return sorted(shallow)

    def enter(self, number: int) -> list[nn.Parameter]:
        """Let the parameters of one stage learn and fix the others; the ones that learn."""
        stage = self.plan[number]
        for name, parameter in self.parameters.items():
            parameter.requires_grad_(not stage.train or any(_within(name, part) for part in stage.train))
        self.model.options = self.stage_options[number]
        return [parameter for parameter in self.parameters.values() if parameter.requires_grad]

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
