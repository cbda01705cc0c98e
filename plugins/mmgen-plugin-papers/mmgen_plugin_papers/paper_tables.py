"""The tables and figures of a paper as data: which numbers of ours answer which printed ones."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from .experiments import Description

NAME = r"^[a-z0-9][a-z0-9.-]*$"  # of everything that becomes a folder, or a word of the command line


class Answer(Description):
    """The number of ours that answers a printed one: a row of results.csv, times a factor, plus a constant."""

    metric: str = Field(description="Name of the metric.")
    measure: str = Field(description="One of its measures.")
    given: str = Field("", description="What is given, as results have it.")
    target: str = Field("", description="What is generated, as results have it.")
    label: str | None = Field(None, description="Which label; none: the mean over all that there are.")
    times: float = Field(1.0, description="Factor, such as 100 for percent.")
    plus: float = Field(0.0, description="Constant, such as 100 for an error rate from an accuracy (times -100).")


class Column(Description):
    """A column of a table."""

    name: str = Field(description="As the paper has it, or near that.")
    better: Literal["higher", "lower", "neither"] = Field(description="Which value is better.")
    answers: tuple[Answer, ...] = Field((), description="What answers it; the first one that a run has counts.")
    mean_of: tuple[str, ...] = Field((), description="Instead: the mean of other columns, seed by seed.")
    variant: str | None = Field(None, description="Which variant of the experiment, where it has any.")
    reason: str = Field("", description="Instead: why nothing answers it, in a sentence.")

    @model_validator(mode="after")
    def _is_answered_or_says_why(self) -> Self:
        if sum(map(bool, (self.answers, self.mean_of, self.reason))) != 1:
            raise ValueError(f"the column {self.name!r} needs one of answers, mean_of and reason")
        return self


class Printed(Description):
    """A printed number."""

    value: float = Field(description="As printed.")
    std: float | None = Field(None, description="The printed standard deviation, where there is one.")


class PaperTable(Description):
    """A table or a figure."""

    id: str = Field(pattern=NAME, description="Such as table-1.")
    caption: str = Field(description="What it shows, in a sentence.")
    page: int | None = Field(None, ge=1, description="Where it is, where that is known.")
    experiment: str | None = Field(
        None, description="Whose runs it shows; none where mmgen has nothing to run, which `reason` explains."
    )
    rows: tuple[str, ...] = Field(
        (), description="The methods that it shows; all of the experiment where none are named."
    )
    columns: tuple[Column, ...] = Field((), description="Its columns.")
    printed: dict[str, tuple[Printed | None, ...]] = Field(
        default_factory=dict,
        description="Printed numbers of each method, column by column; [value, std] with a deviation, null for none.",
    )
    empty: str = Field("", description="Why there are no printed numbers, or not all, in a sentence.")
    reason: str = Field("", description="Why it is not run, in a sentence.")
    note: str = Field("", description="What one should know when comparing, in a sentence or two.")

    @field_validator("printed", mode="before")
    @classmethod
    def _numbers(cls, value: object) -> object:
        """Plain numbers, and pairs of a number and its deviation."""

        def one(cell: object) -> object:
            if isinstance(cell, list) and len(cell) == 2:
                return {"value": cell[0], "std": cell[1]}
            return {"value": cell} if isinstance(cell, int | float) else cell

        if not isinstance(value, dict):
            return value
        return {
            row: [one(cell) for cell in cells] if isinstance(cells, list) else cells for row, cells in value.items()
        }

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.experiment is None) != bool(self.reason):
            raise ValueError(f"{self.id} needs an experiment, or a reason why it is not run")
        if self.experiment is not None and not self.columns:
            raise ValueError(f"{self.id} has no columns")
        self._check_columns()
        self._check_printed()
        return self

    def _check_columns(self) -> None:
        names = [column.name for column in self.columns]
        if len(set(names)) < len(names):
            raise ValueError(f"{self.id}: two columns have the same name")
        for number, column in enumerate(self.columns):
            for name in column.mean_of:
                if name not in names[:number]:
                    raise ValueError(
                        f"{self.id}: the column {column.name!r} is a mean of {name!r}, which is not a column before it"
                    )

    def _check_printed(self) -> None:
        for row, cells in self.printed.items():
            if len(cells) != len(self.columns):
                raise ValueError(f"{self.id}: {row} has {len(cells)} printed cells for {len(self.columns)} columns")
        complete = self.printed and all(cell is not None for cells in self.printed.values() for cell in cells)
        if self.experiment is not None and not complete and not self.empty:
            raise ValueError(f"{self.id}: some printed cells are empty, and `empty` does not say why")

    def printed_row(self, method: str) -> tuple[Printed | None, ...]:
        """The printed numbers of a method, one per column."""
        return self.printed.get(method, (None,) * len(self.columns))

    @property
    def metrics(self) -> list[str]:
        """The metrics that it needs."""
        return list(dict.fromkeys(answer.metric for column in self.columns for answer in column.answers))
