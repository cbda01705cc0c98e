"""What a run knows of the data that it was trained on, by which it reads any other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import DataError, listed
from .identity import Sides
from .modality import Modality


@dataclass(frozen=True)
class Schema:
    """The columns, codes and units of a run, and where each of its rows was.

    Attributes:
        modalities: Name to modality, in the run's order: names of columns, categories, alphabets, sizes.
        labels: Classes of every label, in the order of their codes.
        sides: Which row was on which side; None where the run does not know its rows one by one.
    """

    modalities: Mapping[str, Modality]
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sides: Sides | None = None

    def check(self, declared: Mapping[str, Modality], name: str) -> None:
        """Refuse data whose values mean something else than the run's: no code of another vocabulary reaches its
        networks.

        Raises:
            DataError: The first modality that is not there, or that has other columns, categories, characters or sizes.
        """
        for called, known in self.modalities.items():
            if called not in declared:
                raise DataError(
                    f"The run has the modality {called!r}, and the dataset {name!r} as it is now has "
                    f"{listed(declared)}; open it with the options that the run was trained with."
                )
            differs = differing_vocabulary(known, declared[called])
            if differs is not None:
                raise DataError(
                    f"{called}.{differs} of the dataset {name!r} is not what the run was trained with: "
                    f"{_shown(declared[called], differs)} instead of {_shown(known, differs)}; "
                    "open it with the options that the run was trained with."
                )


def differing_vocabulary(one: Modality, two: Modality) -> str | None:
    """The first field that says what stored values mean and that differs between two modalities; None where none
    does.
    """
    if type(one) is not type(two):
        return "shape" if one.shape != two.shape else "kind"
    return next((name for name in one.vocabulary if getattr(one, name) != getattr(two, name)), None)


def _shown(modality: Modality, field: str) -> str:
    return type(modality).__name__ if field == "kind" else brief(getattr(modality, field))


def brief(value: object) -> str:
    """A value in an error message: of a long list its first entries and its length."""
    if isinstance(value, tuple | list) and len(value) > 6:
        return f"[{', '.join(map(str, value[:6]))}, … ({len(value)})]"
    return repr(list(value)) if isinstance(value, tuple) else repr(value)
