"""What a person sees of a training: a progress bar on a terminal, about twenty lines elsewhere, nothing when nobody is
to see it.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from ..screen import Milestones, about
from .imputed import SCORE

WARM_UP = 3  # steps that are slower than others
LOOKED_AT = 3.0  # seconds of steps from which the time of all is estimated
WORTH_SAYING = 30.0  # seconds
LONG = 600.0  # seconds from which on it is said how to have less


class Display:
    """Shows epochs and steps, and after a few seconds how long all will take; all methods are cheap and none waits for
    the device.

    Args:
        console: Where to; None: nowhere.
        epochs: How many there are.
        steps: And optimiser steps.
        done: Steps that were done before.
        every: Epochs between validations, of which alone lines are printed.
    """

    def __init__(self, console: Console | None, epochs: int, steps: int, done: int, every: int = 1) -> None:
        self.console = console
        self.epochs, self.every = epochs, every
        self.milestones = Milestones(epochs)
        self.steps, self.done = steps, done
        self.made, self.began = 0, 0.0  # steps here, and when the first of full speed began
        self.estimates = console is not None
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
        if self.estimates:
            self._estimate()

    def _estimate(self) -> None:
        """Say once how long all steps will take, where that is long."""
        self.made += 1
        if self.made <= WARM_UP:
            self.began = time.monotonic()
            return
        passed = time.monotonic() - self.began
        if passed < LOOKED_AT:
            return
        self.estimates = False
        of_one = passed / (self.made - WARM_UP)
        left = (self.steps - self.done - self.made) * of_one
        if left < WORTH_SAYING or self.console is None:
            return
        sentence = f"This training will take {about(left)}, if it does not stop early."
        if left > LONG:
            few = int(self.epochs * LONG / (self.steps * of_one) + 1e-6)
            sentence += f" --epochs {few} takes about 10 min" if few else " An epoch alone takes more than 10 min"
            sentence += ", and --resume with more epochs goes on from there." if few else "."
        self.console.print(sentence, highlight=False)

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
        elif self._has_line(record["epoch"]) and self.console is not None:
            self.console.print(f"epoch {record['epoch']:>4}/{self.epochs}{stage}  {losses}  ({rate})", highlight=False)

    def _has_line(self, epoch: int) -> bool:
        return (epoch % self.every == 0 or epoch == self.epochs) and self.milestones.due(epoch)
