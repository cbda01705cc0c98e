"""What is asked of a reproduction, as one frozen object.

It is made at the doors (Python and the command) and passed on by everything behind them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mmgen.errors import MmgenError, alternatives
from mmgen_plugin_compare import Execution

from .experiments import SCALES, ExperimentScale, Scale
from .paper import Paper, read_paper
from .paper_tables import PaperTable


@dataclass(frozen=True)
class ReproductionRequest:
    """Tables and figures of a paper that somebody wants.

    Attributes:
        name: Of the paper.
        paper: The paper.
        tables: Its tables and figures that were asked for, with those that have no runs.
        scale: ``desk`` or ``paper``.
        seeds: By default as many as the paper has, from 0.
        assignments: ``key.path=value`` for all runs; ``NAME:key.path=value`` for those of one experiment, dataset or
            method.
        output: The folder; ``runs/reproduce-PAPER-SCALE`` by default.
        execution: Where the runs are made.
    """

    name: str
    paper: Paper
    tables: tuple[PaperTable, ...]
    scale: Scale = "desk"
    seeds: Sequence[int] | None = None
    assignments: Sequence[str] = ()
    output: Path | None = None
    execution: Execution = field(default_factory=Execution)

    @classmethod
    def of(
        cls,
        name: str,
        table: str | None = None,
        scale: Scale = "desk",
        seeds: Sequence[int] | None = None,
        *,
        assignments: Iterable[str] = (),
        output: Path | str | None = None,
        execution: Execution | None = None,
    ) -> ReproductionRequest:
        """A request by the names of paper and table; all tables of the paper without one.

        Raises:
            MmgenError: A paper, table or scale that there is not, or no seed.
        """
        if scale not in SCALES:
            raise MmgenError(f"--scale: there is no scale {scale!r}; there are {alternatives(scale, SCALES)}")
        if seeds is not None and not seeds:
            raise MmgenError("--seeds: say at least one value, such as --seeds 0.")
        paper = read_paper(name)
        return cls(
            name,
            paper,
            paper.tables if table is None else (paper.table(table),),
            scale,
            seeds,
            tuple(assignments),
            None if output is None else Path(output),
            execution or Execution(),
        )

    @property
    def folder(self) -> Path:
        """Where everything is written."""
        return self.output or Path("runs") / f"reproduce-{self.name}-{self.scale}"

    @property
    def tables_with_runs(self) -> list[PaperTable]:
        """Those that mmgen has something to run for."""
        return [table for table in self.tables if table.experiment is not None]

    @property
    def tables_without_runs(self) -> list[PaperTable]:
        """Those that mmgen has nothing to run for; each has a reason."""
        return [table for table in self.tables if table.experiment is None]

    def seeds_of(self, shared: ExperimentScale) -> Sequence[int]:
        """The seeds of an experiment at this scale."""
        return range(shared.seeds) if self.seeds is None else self.seeds
