"""Where the grids of a run are, and what asks for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

VARIABLE = "MMGEN_SAMPLES_EVERY"


def samples_folder(run: Any) -> Path | None:
    """Where the grids of a run are; None for a run that is only in memory."""
    return None if run is None or run.path is None else Path(run.path) / "figures" / "samples"


def grids(folder: Path) -> list[Path]:
    """The grids in the order of the training."""
    kept = folder / "kept.png"
    return [
        *sorted(folder.glob("epoch-*.png"), key=lambda path: int(path.stem.removeprefix("epoch-"))),
        *([kept] if kept.exists() else []),
    ]
