"""A paper as data: its experiments (grids of runs), and its tables and figures (which numbers answer printed ones)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from mmgen.errors import MmgenError, listed, nearest
from mmgen.options import validated
from mmgen.registry import declared_files, entries
from mmgen.yaml_files import read_mapping

Scale = Literal["desk", "paper"]
SCALES: tuple[Scale, ...] = ("desk", "paper")
NAME = r"^[a-z0-9][a-z0-9.-]*$"  # of everything that becomes a folder, or a word of the command line


class _Description(BaseModel):
    """Base of everything that the file of a paper has: frozen, and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class MethodScale(_Description):
    """What a method has of its own at one scale."""

    set: tuple[str, ...] = Field(
        (), description="Settings, as --set has them, over those of the recipe OBJECTIVE-DATASET-SCALE."
    )
    minutes: float | None = Field(
        None, gt=0, description="What training one run takes, estimated from a timed step; see Paper.timed_on."
    )


class Method(_Description):
    """A row of tables: an objective with its settings."""

    name: str = Field(description="As the paper prints it.")
    objective: str | None = Field(
        None, description="Its objective; none where mmgen has no such method, which `reason` then explains."
    )
    set: tuple[str, ...] = Field((), description="Settings at both scales.")
    desk: MethodScale = Field(MethodScale(), description="What it has of its own in minutes on two cores.")
    paper: MethodScale = Field(MethodScale(), description="What it has of its own as published.")
    reason: str = Field("", description="Why it is not run, in a sentence.")
    note: str = Field("", description="What differs from the paper's method, in a sentence.")

    @model_validator(mode="after")
    def _runs_or_says_why(self) -> Self:
        if (self.objective is None) != bool(self.reason):
            raise ValueError(f"{self.name} needs an objective, or a reason why it has none")
        return self

    def at(self, scale: Scale) -> MethodScale:
        """What it has of its own at one scale."""
        return self.desk if scale == "desk" else self.paper


class ExperimentScale(_Description):
    """What all methods of an experiment have at one scale."""

    set: tuple[str, ...] = Field((), description="Settings, as --set has them.")
    betas: tuple[float, ...] | None = Field(None, description="Values of β; each method's own where there are none.")
    seeds: int = Field(3, ge=1, description="How many seeds, from 0.")
    rows: int | None = Field(
        None, ge=1, description="Training rows of the published data, for estimates where a stand-in takes their place."
    )


class Experiment(_Description):
    """Methods on one dataset: the runs that tables are made of."""

    dataset: str = Field(description="Name of the dataset.")
    set: tuple[str, ...] = Field((), description="Settings at both scales.")
    variants: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="The same methods on other parts of the data, such as folds: name to settings.",
    )
    desk: ExperimentScale = Field(ExperimentScale(), description="In minutes on two cores.")
    paper: ExperimentScale = Field(ExperimentScale(), description="As published.")
    methods: dict[str, Method] = Field(
        min_length=1, description="The methods, by the names that folders and --set give them."
    )

    def at(self, scale: Scale) -> ExperimentScale:
        """What it has at one scale."""
        return self.desk if scale == "desk" else self.paper


class Answer(_Description):
    """The number of ours that answers a printed one: a row of results.csv, times a factor, plus a constant."""

    metric: str = Field(description="Name of the metric.")
    measure: str = Field(description="One of its measures.")
    given: str = Field("", description="What is given, as results have it.")
    target: str = Field("", description="What is generated, as results have it.")
    label: str | None = Field(None, description="Which label; none: the mean over all that there are.")
    times: float = Field(1.0, description="Factor, such as 100 for percent.")
    plus: float = Field(0.0, description="Constant, such as 100 for an error rate from an accuracy (times -100).")


class Column(_Description):
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


class Printed(_Description):
    """A printed number."""

    value: float = Field(description="As printed.")
    std: float | None = Field(None, description="The printed standard deviation, where there is one.")


class PaperTable(_Description):
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


class Paper(_Description):
    """A paper: what it is, its experiments and its tables."""

    title: str = Field(description="Its title.")
    authors: str = Field(description="Its authors, as published.")
    venue: str = Field(description="Where it appeared.")
    year: int = Field(description="When.")
    timed_on: str = Field("", description="On what the minutes of its methods were estimated.")
    plugins: dict[str, str] = Field(
        default_factory=dict,
        description="Which distribution has an objective or dataset, for those that do not have it.",
    )
    experiments: dict[str, Experiment] = Field(default_factory=dict, description="Its experiments by name.")
    tables: tuple[PaperTable, ...] = Field(
        min_length=1, description="Its tables and figures with results, in the paper's order."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        ids = [table.id for table in self.tables]
        if len(set(ids)) < len(ids):
            raise ValueError("two tables have the same id")
        for table in self.tables:
            if table.experiment is not None:
                if table.experiment not in self.experiments:
                    raise ValueError(
                        f"{table.id} names the experiment {table.experiment!r}, which the paper does not have"
                    )
                self._check_methods(table)
                self._check_variants(table)
        return self

    def _check_methods(self, table: PaperTable) -> None:
        methods = self.experiments[str(table.experiment)].methods
        for row in (*table.rows, *table.printed):
            if row not in methods:
                raise ValueError(
                    f"{table.id} names the method {row!r}, which the experiment {table.experiment!r} does not have"
                )
        if set(table.printed) - set(self.rows(table)):
            raise ValueError(f"{table.id} has printed numbers of a method that is not among its rows")

    def _check_variants(self, table: PaperTable) -> None:
        variants = self.experiments[str(table.experiment)].variants
        for column in table.columns:
            if column.answers and (column.variant is None) != (not variants):
                raise ValueError(
                    f"{table.id}: the column {column.name!r} needs a variant exactly where the experiment has some"
                )
            if column.variant is not None and column.variant not in variants:
                raise ValueError(
                    f"{table.id}: the column {column.name!r} names the variant {column.variant!r}, which there is not"
                )

    def table(self, name: str) -> PaperTable:
        """A table by its id."""
        for table in self.tables:
            if table.id == name:
                return table
        ids = [table.id for table in self.tables]
        raise MmgenError(f"The paper has no {name!r} with results; it has {listed(ids)}{nearest(name, ids)}.")

    def rows(self, table: PaperTable) -> tuple[str, ...]:
        """The methods that a table shows."""
        return table.rows or (tuple(self.experiments[table.experiment].methods) if table.experiment else ())

    @property
    def cited(self) -> str:
        """In a line."""
        return f'{self.authors}: "{self.title}". {self.venue}, {self.year}.'


def papers() -> dict[str, Path]:
    """The files of all papers of installed plugins, by name; nothing is imported.

    They are ``papers/NAME.yaml`` in the packages under the entry points ``mmgen.papers``.
    """
    return dict(sorted((path.stem, path) for _, path in declared_files("papers")))


def read_paper(name: str) -> Paper:
    """A paper by name.

    Raises:
        MmgenError: There is none, or its file does not describe one.
    """
    known = papers()
    if name not in known:
        where = "" if known else " (pip install mmgen-plugin-papers)"
        raise MmgenError(f"There is no paper {name!r}; installed are: {listed(known)}{where}{nearest(name, known)}.")
    return validated(Paper, read_mapping(known[name]), f"paper {name}")


def missing_plugins(paper: Paper, tables: Iterable[PaperTable]) -> dict[str, str]:
    """The objectives and datasets that these tables need and that are not installed, each with its distribution.

    The distribution is '' where it is not known.
    """
    installed = {kind: {entry.name for entry in entries(kind)} for kind in ("objectives", "datasets")}
    missing: list[str] = []
    for table in tables:
        if table.experiment is None:
            continue
        experiment = paper.experiments[table.experiment]
        if experiment.dataset not in installed["datasets"]:
            missing.append(experiment.dataset)
        for row in paper.rows(table):
            objective = experiment.methods[row].objective
            if objective is not None and objective not in installed["objectives"]:
                missing.append(objective)
    return {name: paper.plugins.get(name, "") for name in missing}
