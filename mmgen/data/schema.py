"""What a run knows of the data that it was trained on, by which it reads any other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import DataError, listed
from .modality import Modality
from .recognition import Sides


@dataclass(frozen=True)
class Schema:
    """The columns, codes and units of a run, and where each of its rows was.

    Attributes:
        modalities: Name to modality, in the run's order: names of columns, categories, alphabets, sizes.
        labels: Classes of every label, in the order of their codes.
        covariates: Classes of every covariate, in the order of their codes; none of one that is a number.
        sides: Which row was on which side; None where the run does not know its rows one by one.
    """

    modalities: Mapping[str, Modality]
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sides: Sides | None = None
    covariates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def check(self, declared: Mapping[str, Modality], name: str) -> None:
        """Refuse data whose values mean something else than the run's.

        So no code of another vocabulary reaches its networks.

        Raises:
            DataError: The first modality that is not there, or that has other columns, categories, characters or sizes.
        """
        for modality, expected in self.modalities.items():
            if modality not in declared:
                raise DataError(
                    f"The run has the modality {modality!r}, and the dataset {name!r} as it is now has "
                    f"{listed(declared)}; open it with the options that the run was trained with."
                )
            field = differing_vocabulary(expected, declared[modality])
            if field is not None:
                raise DataError(
                    f"{modality}.{field} of the dataset {name!r} is not what the run was trained with: "
                    f"{_shown(declared[modality], field)} instead of {_shown(expected, field)}; "
                    "open it with the options that the run was trained with."
                )


def differing_vocabulary(first: Modality, second: Modality) -> str | None:
    """The first field of the vocabulary that differs between two modalities; None where none does."""
    if type(first) is not type(second):
        return "shape" if first.shape != second.shape else "kind"
    return next((name for name in first.vocabulary if getattr(first, name) != getattr(second, name)), None)


def _shown(modality: Modality, field: str) -> str:
    return type(modality).__name__ if field == "kind" else abbreviate(getattr(modality, field))


def abbreviate(value: object) -> str:
    """A value in an error message: of a long list its first entries and its length."""
    if isinstance(value, tuple | list) and len(value) > 6:
        return f"[{', '.join(map(str, value[:6]))}, … ({len(value)})]"
    return repr(list(value)) if isinstance(value, tuple) else repr(value)
