"""Columns of different types in one modality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, cast

import numpy as np
import torch
from pydantic import Field, ValidationInfo, field_validator, model_validator
from torch import Tensor, nn

from ...distributions import SUPPORTS, Likelihood
from ...distributions.likelihoods import CODES, Mixed, Support
from ...networks import MLPDecoder, MLPTrunk
from ..likelihood_choice import LikelihoodChoice, likelihood_class, make_likelihood, resolve_choice
from ..rendering import Rendering
from ..transforms import Curve, Log1p, RankGauss, Transform
from .mixed_transform import MixedTransform
from .rescaled import Rescaled

ColumnTransform = Literal["standardise", "log1p", "rank-gauss", "none"]
NEGATIVE = "transform log1p is of numbers from 0 on"
CURVES: tuple[ColumnTransform, ...] = ("log1p", "rank-gauss")
TINY = 1e-12  # of a positive number in units of its geometric mean


class SideBySide(nn.Module):
    """Columns as networks take them: numbers, yes/no answers, logarithms of positive numbers, log(1 + x) of counts,
    and categories one-hot, one after the other.

    Attributes:
        count: How many numbers they make.
    """

    def __init__(self, supports: Sequence[Support], categories: Sequence[int]) -> None:
        super().__init__()
        self.categories = [count for count, support in zip(categories, supports, strict=True) if support in CODES]
        kinds = {"plain": ("real", "binary", "unit"), "positive": ("positive",), "counts": ("counts",), "codes": CODES}
        for kind, members in kinds.items():
            places = [place for place, support in enumerate(supports) if support in members]
            self.register_buffer(kind, torch.tensor(places, dtype=torch.long), persistent=False)
        self.count = len(supports) - len(self.categories) + sum(self.categories)

    @property
    def order(self) -> list[int]:
        """The columns that make one number each, as they come."""
        return [int(place) for kind in (self.plain, self.positive, self.counts) for place in cast(Tensor, kind)]

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C]`` to ``[N, count]``."""
        plain, positive, counts, codes = (
            x.index_select(-1, cast(Tensor, places)) for places in (self.plain, self.positive, self.counts, self.codes)
        )
        one_hot = [
            (column[:, None] == torch.arange(count, device=x.device)).to(x.dtype)
            for column, count in zip(codes.unbind(-1), self.categories, strict=True)
        ]
        return torch.cat([plain, positive.clamp(min=TINY).log(), counts.clamp(min=0).log1p(), *one_hot], -1)


class _MixedTrunk(MLPTrunk):
    """A multilayer perceptron that sees columns side by side, and beside them, with a ``mask`` of so many columns,
    which of them are there.
    """

    def __init__(self, columns: SideBySide, *options: Any, mask: int = 0) -> None:
        super().__init__((columns.count + mask,), *options)
        self.columns, self.mask = columns, mask

    def seen_at(self, cells: Sequence[int]) -> list[int]:
        """Of columns that make one number each."""
        at = {cell: place for place, cell in enumerate(self.columns.order)}
        return [at[cell] for cell in cells]

    def forward(self, x: Tensor, beside: Tensor | None = None) -> Tensor:
        """``[N, C]``, or with the mask ``[N, 2, C]``, to ``[N, features]``."""
        return super().forward(torch.cat([self.columns(x[:, 0]), x[:, 1]], 1) if self.mask else self.columns(x), beside)


class _Outputs(nn.Module):
    """As many numbers as all columns take, to ``[N, outputs, C]`` with zeros where a column takes fewer than others."""

    def __init__(self, needed: Sequence[int]) -> None:
        super().__init__()
        self.total = sum(needed)
        places = torch.full((max(needed), len(needed)), self.total)  # that of the zero behind all numbers
        next_free = iter(range(self.total))
        for column, count in enumerate(needed):
            for output in range(count):
                places[output, column] = next(next_free)
        self.register_buffer("places", places, persistent=False)

    def forward(self, numbers: Tensor) -> Tensor:
        """``[N, total]`` to ``[N, outputs, C]``."""
        return torch.nn.functional.pad(numbers, (0, 1))[:, cast(Tensor, self.places)]


class _MixedDecoder(MLPDecoder):
    """A multilayer perceptron with as many outputs as all columns take together: ``[N, D]`` to ``[N, outputs, C]``."""

    def __init__(self, latent_dim: int, needed: Sequence[int], *options: Any) -> None:
        super().__init__(latent_dim, (sum(needed),), *options)
        self.outputs = _Outputs(needed)

    def forward(self, z: Tensor) -> Tensor:
        """``[N, D]`` to ``[N, outputs, C]``."""
        return cast(Tensor, self.outputs(super().forward(z)))

    def become_linear(self, weight: Tensor, bias: Tensor) -> None:
        """For W ``[outputs · C, D]`` and b, of which what no column takes is not looked at."""
        places = cast(Tensor, self.outputs.places).flatten().cpu()
        rows = places.argsort()[: self.outputs.total]
        super().become_linear(weight[rows], bias[rows])


class MixedModality(Rescaled):
    """Columns of different types, as of a clinical table: numbers, counts, yes/no answers, categories.

    Each column has a likelihood of its own, which says of what type it is; codes of categories and answers of 0 and 1
    are stored as numbers. The encoder sees numbers standardised, counts as log(1 + x) and categories one-hot, side by
    side.

    >>> import numpy as np
    >>> from mmgen import MixedModality
    >>> clinic = MixedModality(
    ...     shape=(3,),
    ...     columns=("age", "smoker", "ward"),
    ...     likelihoods={"age": "student-t", "smoker": "bernoulli", "ward": "categorical"},
    ...     categories={"ward": ("medicine", "surgery")},
    ... )
    >>> clinic.cells(np.array([63.0, 1.0, 1.0]))
    [63.0, 1.0, 'surgery']
    """

    vocabulary: ClassVar[tuple[str, ...]] = ("shape", "columns", "categories", "offset", "factor")
    supports: ClassVar[tuple[Support, ...]] = tuple(SUPPORTS)
    only_with = {**Rescaled.only_with, "display": {}}

    likelihood: LikelihoodChoice = Field(
        "normal", description="Of the columns that likelihoods does not name.", validate_default=True
    )
    columns: tuple[str, ...] = Field(description="Names of the columns.", min_length=1)
    likelihoods: dict[str, LikelihoodChoice] = Field(
        {},
        description="Name of a column to its likelihood, a name or a mapping of that and options, which says of what "
        "type it is; likelihood where it is not named.",
    )
    categories: dict[str, tuple[str, ...]] = Field(
        {}, description="Name of a column to the names of its categories, in the order of their codes."
    )
    transform: ColumnTransform = Field(
        "standardise",
        description="What the networks see of numbers that transforms does not name; what is generated is turned back. "
        "standardise: (x − mean) / standard deviation of the training rows; log1p: log(1 + x), standardised; "
        "rank-gauss: the normal score of the quantile among training rows; none: x. Positive numbers are over their "
        "geometric mean, but for none.",
    )
    transforms: dict[str, ColumnTransform] = Field(
        {}, description="Name of a column of numbers to its transform; transform where it is not named."
    )
    squeeze: float = Field(
        0.0,
        ge=0,
        lt=0.5,
        description="Of columns with a likelihood of numbers between 0 and 1: networks see squeeze + (1 − 2 squeeze) "
        "x, so that 0 and 1 can be taken.",
    )
    deviations: tuple[float, ...] = Field(
        (),
        description="Standard deviation of every column, in which distances of numbers and counts are measured; found "
        "when a table is read. None: 1.",
    )

    @field_validator("likelihoods", mode="before", json_schema_input_type=dict[str, str | dict[str, Any]])
    @classmethod
    def _resolve_likelihoods(cls, value: Any, info: ValidationInfo) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise ValueError(f"{value!r} is not a mapping of columns to likelihoods")
        unknown = [column for column in value if column not in info.data.get("columns", value)]
        if unknown:
            raise ValueError(f"there is no column {unknown[0]!r}; there are {', '.join(info.data['columns'])}")
        resolved = {}
        for column, choice in value.items():
            try:
                resolved[column] = resolve_choice(choice, "normal", cls.likelihood_options, cls.supports, "mixed")
            except ValueError as error:
                raise ValueError(f"{column}: {error}") from error
        return resolved

    @model_validator(mode="after")
    def _check_mixed(self) -> MixedModality:
        if self.shape != (len(self.columns),):
            raise ValueError(f"the shape is [{len(self.columns)}], the number of columns, and not {list(self.shape)}")
        for column, support in zip(self.columns, self.column_supports, strict=True):
            if (support in CODES) != (column in self.categories):
                missing = f"the column {column!r} has a likelihood of categories; name them in categories"
                surplus = f"categories names the column {column!r}, whose likelihood is of {SUPPORTS[support].words}"
                raise ValueError(missing if support in CODES else surplus)
        if unknown := [column for column in self.categories if column not in self.columns]:
            raise ValueError(f"categories names {unknown[0]!r}, which is no column")
        for column, transform in self.transforms.items():
            if column not in self.columns:
                raise ValueError(f"transforms names {column!r}, which is no column")
            support = self.column_supports[self.columns.index(column)]
            if support != "real" and (support != "positive" or transform in CURVES):
                raise ValueError(
                    f"transforms gives the column {column!r} {transform}, and its likelihood is of "
                    f"{SUPPORTS[support].words}; leave out one of the two"
                )
        if len(self.deviations) not in (0, len(self.columns)) or not all(number > 0 for number in self.deviations):
            raise ValueError("deviations are positive numbers, one for each column")
        return self

    def choice(self, column: str) -> LikelihoodChoice:
        """The likelihood of a column."""
        return self.likelihoods.get(column, self.likelihood)

    @property
    def column_supports(self) -> list[Support]:
        """What the values of every column are."""
        return [likelihood_class(self.choice(column)).support for column in self.columns]

    @property
    def value_supports(self) -> tuple[Support, ...]:
        """What the values of every column are."""
        return tuple(self.column_supports)

    def column_transform(self, column: str) -> ColumnTransform:
        """What a column of numbers is changed by."""
        return self.transforms.get(column, self.transform)

    @property
    def value_transforms(self) -> tuple[str, ...]:
        """Those of all columns; what they say of columns of other values than numbers does not count."""
        return tuple(map(self.column_transform, self.columns))

    def refused(self, values: np.ndarray) -> tuple[np.ndarray, str]:
        """As likelihood and transform of each column have it; the reason is that of the first column with such a
        value.
        """
        wrong, reasons = np.zeros(values.shape, dtype=bool), []
        for place, (column, support) in enumerate(zip(self.columns, self.column_supports, strict=True)):
            allowed, found = SUPPORTS[support], values[..., place]
            ends = (found == 0) | (found == 1) if support == "unit" and self.squeeze else False
            wrong[..., place] = ~(allowed.contains(found) | ends)
            if wrong[..., place].any():
                reasons.append(f"in the column {column!r}, and {allowed.required}")
            elif support == "real" and self.column_transform(column) == "log1p" and (found < 0).any():
                wrong[..., place] = found < 0
                reasons.append(f"in the column {column!r}, and {NEGATIVE}")
        return wrong, reasons[0] if reasons else ""

    @property
    def _category_counts(self) -> list[int]:
        return [len(self.categories.get(column, ())) for column in self.columns]

    def make_likelihood(self) -> Likelihood:
        """Those of the columns, with one for all columns that have the same."""
        groups: dict[tuple[str, int], list[int]] = {}
        for place, (column, count) in enumerate(zip(self.columns, self._category_counts, strict=True)):
            groups.setdefault((self.choice(column).model_dump_json(), count), []).append(place)
        return Mixed(
            [
                (
                    make_likelihood(
                        self.choice(self.columns[places[0]]), (len(places),), categories=count if count else None
                    ),
                    places,
                )
                for (_, count), places in groups.items()
            ]
        )

    def side_by_side(self) -> SideBySide:
        """The columns as networks take them."""
        return SideBySide(self.column_supports, self._category_counts)

    def make_transform(self) -> Transform:
        """Each column in its own way."""
        columns = list(zip(self.value_transforms, self.column_supports, strict=True))
        standardised = [
            transform == "standardise" or (support == "positive" and transform != "none")
            for transform, support in columns
        ]
        curves: list[tuple[Curve, Sequence[int]]] = []
        for curve in CURVES:
            if places := [place for place, column in enumerate(columns) if column == (curve, "real")]:
                offset, factor = ([numbers[place] for place in places] for numbers in self._rescaling())
                shape = (len(places),)
                curves.append((Log1p(shape, offset, factor) if curve == "log1p" else RankGauss(shape), places))
        return MixedTransform(self.column_supports, standardised, self.squeeze, curves)

    def _rescaling(self) -> tuple[Sequence[float], Sequence[float]]:
        return self.offset or [0.0] * len(self.columns), self.factor or [1.0] * len(self.columns)

    def trunk(self, latent_dim: int) -> nn.Module:
        """A multilayer perceptron of the columns side by side."""
        mask = len(self.columns) if self.mask_input else 0
        options = (self.hidden, self.activation, self._dropout, self._linear_path)
        return _MixedTrunk(self.side_by_side(), *options, mask=mask)

    def classifier_trunk(self) -> nn.Module:
        """Two hidden layers of 256 and 128, with dropout, of the columns side by side."""
        return _MixedTrunk(self.side_by_side(), (256, 128), "relu", 0.3)

    def decoder(self, latent_dim: int) -> nn.Module:
        """A multilayer perceptron with as many outputs as all columns take together."""
        hidden = self.hidden[::-1] if self.decoder_hidden is None else self.decoder_hidden
        needed = [
            make_likelihood(self.choice(column), (1,), categories=count if count else None).outputs
            for column, count in zip(self.columns, self._category_counts, strict=True)
        ]
        return _MixedDecoder(latent_dim, needed, hidden, self.activation, self._dropout, self._linear_path)

    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        """The mean over the columns of squared differences in standard deviations, and of whether answers (rounded) and
        categories differ.
        """
        deviations = torch.tensor(self.deviations or [1.0] * len(self.columns), device=x.device)
        binary, codes = (
            torch.tensor([support in kinds for support in self.column_supports], device=x.device)
            for kinds in (("binary",), CODES)
        )
        squares = ((x.float() - y.float()) / deviations).square()
        differs = torch.where(codes, x != y, (x > 0.5) != (y > 0.5)).float()
        return torch.where(codes | binary, differs, squares).mean(-1)

    def guess(self, values: Tensor) -> Tensor:
        """The means, and the most frequent categories; codes of −1 do not count."""
        guess = values.double().mean(0).float()
        for place, support in enumerate(self.column_supports):
            if support in CODES:
                known = values[:, place][values[:, place] >= 0]
                guess[place] = known.float().mode().values if len(known) else 0
        return guess

    def usual(self, values: Tensor, observed: Tensor) -> Tensor:
        """The means; no category, which is none of the columns that encoders see one-hot."""
        codes = torch.tensor([support in CODES for support in self.column_supports], device=values.device)
        return torch.where(codes, -1.0, super().usual(values, observed)).to(values.dtype)

    def cells(self, value: np.ndarray) -> list[Any]:
        """Numbers in the units of the source, and the names of categories; '' where there is none."""
        cells = super().cells(value.astype(np.float32))
        for place, column in enumerate(self.columns):
            if column in self.categories:
                code = int(value.reshape(-1)[place])
                cells[place] = self.categories[column][code] if code >= 0 else ""
        return cells

    def render(self, value: np.ndarray) -> Rendering:
        """The columns with their cells."""
        said = []
        for name, cell, support in zip(self.columns, self.cells(value), self.column_supports, strict=True):
            if isinstance(cell, float):  # of yes and no also how probable it is
                cell = f"{round(cell, 2) if support == 'binary' else cell:.4g}"
            said.append(f"{name} {cell}")
        return Rendering("text", ", ".join(said))
