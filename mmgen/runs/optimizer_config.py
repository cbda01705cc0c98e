"""Options of optimisers: those of PyTorch's own, checked before anything is trained."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import torch
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model, model_validator

from ..errors import MmgenError, alternatives, first_line
from ..optimizers import REFUSED, optimizers
from ..options import Options, validated

WHERE = "training.optimizer"
# The learning rate is the training's; the sign and how a step is computed are no one's to choose.
TAKEN = ("self", "params", "lr", "foreach", "fused", "capturable", "differentiable", "maximize")


@cache
def options_of(name: str) -> type[Options]:
    """The options of an optimiser, as its signature has them."""
    create = optimizers()[name].__init__
    hints = get_type_hints(create)
    fields: dict[str, Any] = {
        parameter.name: (_of_numbers(hints[parameter.name]), Field(parameter.default, validate_default=True))
        for parameter in inspect.signature(create).parameters.values()
        if parameter.name not in TAKEN
    }
    return create_model(f"{name}Options", __base__=Options, **fields)


def _of_numbers(annotation: Any) -> Any:
    """A type without the tensors that would do as well."""
    parts = tuple(_of_numbers(part) for part in get_args(annotation) if part is not torch.Tensor)
    if get_origin(annotation) in (Union, UnionType):
        return Union[parts]  # noqa: UP007 - of a tuple of types
    return tuple[parts] if get_origin(annotation) is tuple else annotation  # type: ignore[valid-type]


def checked(name: str, options: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The options of an optimiser, with its defaults for those that are not given.

    Raises:
        MmgenError: An optimiser that there is not or that cannot be used, and options that it does not have or take.
    """
    if name in REFUSED:
        usable = f"there are {alternatives('', optimizers())}"
        raise MmgenError(f"{WHERE}: {name} cannot be used, since {REFUSED[name]}; {usable}")
    if name not in optimizers():
        raise MmgenError(f"{WHERE}: there is no optimiser {name!r}; there are {alternatives(name, optimizers())}")
    if "lr" in options:
        raise MmgenError(f"{where}.lr: the learning rate of every optimiser is training.learning_rate.")
    values = validated(options_of(name), options, where).model_dump()
    try:
        optimizers()[name]([torch.zeros(1, 1, requires_grad=True)], lr=1e-3, **values)  # type: ignore[call-arg]
    except (ValueError, TypeError, RuntimeError, AssertionError) as error:
        raise MmgenError(f"{where}: {name} does not take that: {first_line(error)}.") from error
    return values


class OptimizerConfig(BaseModel):
    """An optimiser of ``torch.optim`` with all of its options: those that were not given have its defaults."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str = Field("Adam", description="Any of torch.optim that needs neither a closure nor sparse gradients.")

    @model_validator(mode="before")
    @classmethod
    def _check(cls, value: Any) -> Any:
        """Also a bare name; every option checked."""
        if isinstance(value, OptimizerConfig):
            return value
        if isinstance(value, str):
            value = {"name": value}
        if not isinstance(value, Mapping):
            raise MmgenError(f"{WHERE}: {value!r} is not right; it should be a name, or a mapping of name and options.")
        options = {option: given for option, given in value.items() if option != "name"}
        name = str(value.get("name", "Adam"))
        return {"name": name, **checked(name, options, WHERE)}

    @property
    def options(self) -> dict[str, Any]:
        """The options, by name."""
        return dict(self.__pydantic_extra__ or {})


def _kept(value: Any) -> Any:
    return value


AnyOptimizer = Annotated[OptimizerConfig, BeforeValidator(_kept, json_schema_input_type=str | OptimizerConfig)]


class Group(BaseModel):
    """Parameters with a learning rate or options of the optimiser of their own."""

    model_config = ConfigDict(frozen=True, extra="allow")

    of: tuple[str, ...] = Field(
        min_length=1,
        description="Parts of the model, named as stages name them: encoders, decoders.image, objective.joint. A "
        "parameter is in the first group that names it.",
    )
    learning_rate: float | None = Field(
        None, gt=0, description="Theirs, in every stage and under the schedule; otherwise as of all others."
    )

    @property
    def options(self) -> dict[str, Any]:
        """Options of the optimiser that differ for them, by name."""
        return dict(self.__pydantic_extra__ or {})

    def check(self, optimizer: OptimizerConfig, number: int) -> Group:
        """The group with its options as the optimiser has them.

        Raises:
            MmgenError: Options that the optimiser does not have or take.
        """
        where = f"training.groups.{number}"
        if unknown := [option for option in self.options if option not in (*optimizer.options, "lr")]:
            known = alternatives(unknown[0], ["of", "learning_rate", *optimizer.options])
            raise MmgenError(f"{where}.{unknown[0]}: there is no such option of {optimizer.name}; there are {known}")
        values = checked(optimizer.name, {**optimizer.options, **self.options}, where)
        return self.model_copy(update={option: values[option] for option in self.options})
