"""A paper as data: what it is, its experiments and its tables; and where papers are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from mmgen.errors import MmgenError, alternatives, listed
from mmgen.options import validated
from mmgen.registry import declared_files, entries
from mmgen.yaml_files import read_mapping

from .experiments import Description, Experiment
from .paper_tables import PaperTable


class Paper(Description):
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
        raise MmgenError(f"The paper has no {name!r} with results; it has {alternatives(name, ids)}")

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
        if tables := _tables_with(name):
            raise MmgenError(f"There is no paper {name!r}, but a method of {listed(tables)}.")
        there = alternatives(name, known) if known else "none (pip install mmgen-plugin-papers)."
        raise MmgenError(f"There is no paper {name!r}; installed are: {there}")
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


def _tables_with(method: str) -> list[str]:
    """The tables and figures of all papers that show a method of this name, as they are asked for."""
    found = []
    for name in papers():
        paper = read_paper(name)
        found += [f"{name}/{table.id}" for table in paper.tables if method in paper.rows(table)]
    return found
