"""Training for so many seconds of processor time, by the default command, which goes on with ``--resume --minutes``."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

NEARLY = 0.92  # of a budget is spent: another start would cost more than it trains


def of_the_processor() -> None:
    """Let trainings of so many minutes find their epochs by processor time too, whatever else the machine has to do."""
    from mmgen.training import fitting

    fitting.time = SimpleNamespace(perf_counter=time.process_time)  # type: ignore[assignment]


def train_for(
    seconds: float,
    method: str,
    dataset: dict[str, Any],
    *,
    seed: int,
    output: Path,
    spent: float = 0.0,
    assignments: list[str] | None = None,
) -> tuple[Any, float]:
    """The run, and what is spent of its budget then.

    Args:
        seconds: The budget, with one thread; what waits for another process does not count.
        method: An objective.
        dataset: The name and options of a data set.
        seed: Of the training.
        output: Where the run is kept; it goes on there if anything is spent.
        spent: Seconds of the budget.
        assignments: What is set, as ``--set`` does.
    """
    import mmgen

    of_the_processor()
    run = mmgen.load_run(output) if spent else None
    while run is None or spent < NEARLY * seconds:
        began = time.process_time()
        run = mmgen.train(
            method,
            dataset,
            minutes=(seconds - spent) / 60,
            seed=seed,
            output=output,
            resume=bool(spent),
            assignments=assignments or [],
            quiet=True,
        )
        spent += time.process_time() - began
    return run, spent
