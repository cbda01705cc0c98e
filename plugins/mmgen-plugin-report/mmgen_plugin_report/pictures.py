"""The pictures of a run, small enough for a page: those that an evaluation drew, or drawn now where possible."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from mmgen.evaluation import Evaluation
from mmgen.evaluation.grids import generation_grids

from .runs import ReportedRun

WIDEST = 1400  # pixels
COLOURS = 256  # of the palette: a third of the bytes of a full-colour picture, for what is mostly white
GRIDS = ("generations", "prior")


@dataclass(frozen=True)
class Picture:
    """A PNG as a data URI.

    Attributes:
        title: What it shows, in a few words.
        alt: The text alternative.
        uri: ``data:image/png;base64,…``.
        width: In pixels.
        height: In pixels.
    """

    title: str
    alt: str
    uri: str
    width: int
    height: int


def pictures(reported: ReportedRun, evaluation: Callable[[], Evaluation | str]) -> tuple[list[Picture], str]:
    """The grids of a run, and a sentence about what is missing (or nothing).

    Args:
        reported: The run.
        evaluation: Makes an evaluation, or the reason why there is none; asked only where the run has no figures.
    """
    files = _figures(reported)
    subsets = sorted(name for name in files if name.startswith("subsets-"))
    names = [name for name in (*GRIDS, *subsets) if name in files]
    if not names:
        opened = evaluation()
        if isinstance(opened, str):
            return [], f"There are no pictures of what the model generates: the run has no figures, and {opened}"
        files = _draw(opened)
        if not files:
            return [], "There are no pictures of what the model generates: it generates nothing."
        names = [name for name in GRIDS if name in files]
    shown, damaged = [], []
    for name in names:
        try:
            shown.append(_picture(name, files[name], reported))
        except (UnidentifiedImageError, OSError):
            damaged.append(name)
    return shown, f"These pictures are damaged and left out: {', '.join(damaged)}." if damaged else ""


def _figures(reported: ReportedRun) -> dict[str, bytes]:
    """The PNG files that an evaluation drew, by name."""
    folder = reported.run.path / "figures" if reported.run.path else None
    if folder is None or not folder.is_dir():
        return {}
    return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.png"))}


def _draw(evaluation: Evaluation) -> dict[str, bytes]:
    drawn = {}
    for name, figure in generation_grids(evaluation).items():
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=130)
        drawn[name] = buffer.getvalue()
    return drawn


def _picture(name: str, content: bytes, reported: ReportedRun) -> Picture:
    image = Image.open(io.BytesIO(content)).convert("RGB")
    if image.width > WIDEST:
        image = image.resize((WIDEST, round(image.height * WIDEST / image.width)), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    title, alt = _caption(name, reported)
    return Picture(title, alt, "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode(), *image.size)


def _caption(name: str, reported: ReportedRun) -> tuple[str, str]:
    """Title and text alternative of a grid."""
    modalities = list(reported.config.get("modalities", {}))
    listed = ", ".join(modalities[:10]) + (f" and {len(modalities) - 10} more" if len(modalities) > 10 else "")
    model = (
        f"the model {reported.name} ({reported.config['objective']['name']} on {reported.config['dataset']['name']})"
    )
    if name == "generations":
        return (
            "Each modality generated from each other",
            f"Grid of pictures by {model}: one column for each generated modality ({listed}); the first row of a "
            "block has the original, the rows below it what is generated from each given modality and from all of "
            "them.",
        )
    if name == "prior":
        return (
            "Generated from the prior",
            f"Grid of pictures by {model}: draws from the prior in columns, one row for each modality ({listed}).",
        )
    target = name.removeprefix("subsets-")
    return (
        f"{target} from more and more of the others",
        f"Grid of pictures by {model}: the first row has originals of {target}, the rows below it what is generated "
        "from more and more of the other modalities, the last one the reconstruction from all.",
    )
