"""What a person sees of a training: a progress bar on a terminal, a line per epoch (or validation) elsewhere, nothing
when nobody is to see it.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from .imputed import SCORE


class Display:
    """Shows epochs and steps; all methods are cheap and none waits for the device.

    Args:
        console: Where to; None: nowhere.
        epochs: How many there are.
        steps: And optimiser steps.
        done: Steps that were done before.
        every: Epochs between lines, where there is no terminal.
    """

    def __init__(self, console: Console | None, epochs: int, steps: int, done: int, every: int = 1) -> None:
        self.console = console
        self.epochs, self.every = epochs, every
        self.bar: Progress | None = None
        if console is not None and console.is_terminal:
            self.bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=10),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(compact=True),
                console=console,
            )
            self.task = self.bar.add_task("training", total=steps, completed=done, rate="")

    def __enter__(self) -> Display:
        if self.bar:
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar:
            self.bar.stop()

    def advance(self) -> None:
        """One step more."""
        if self.bar:
            self.bar.advance(self.task)

    def epoch(self, record: dict[str, Any]) -> None:
        """An epoch is over."""
        stage = f"  stage {record['stage']}" if "stage" in record else ""
        losses = f"loss {record['train']['loss']:.4g}" + (
            f", validation {record['val']['loss']:.4g}" if "val" in record else ""
        )
        losses += f", imputation {record['val'][SCORE]:.4g}" if SCORE in record.get("val", {}) else ""
        rate = f"{record['samples_per_second']:.0f} samples/s"
        if self.bar:
            self.bar.update(self.task, description=f"epoch {record['epoch']}/{self.epochs}{stage}  {losses}", rate=rate)
        elif self.console is not None and (record["epoch"] % self.every == 0 or record["epoch"] == self.epochs):
            self.console.print(f"epoch {record['epoch']:>4}/{self.epochs}{stage}  {losses}  ({rate})", highlight=False)
