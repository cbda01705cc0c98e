"""The pictures of a run, small enough for a page: those that an evaluation drew, or drawn now where possible."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from mmgen.evaluation import Evaluation, learned_figures
from mmgen.evaluation.evaluate import metrics_by_name
from mmgen.evaluation.grids import generation_grids

from .runs import ReportedRun

WIDEST = 1400  # pixels
COLOURS = 256  # of the palette: a third of the bytes of a full-colour picture, for what is mostly white
GRIDS = ("predicted", "generations", "prior")
LEARNED = ("variance-explained", "loadings", "modality-gain")
DATA = ("missingness",)
SUBSETS = "subsets-"
METRICS = ("variance-explained", "modality-gain")  # whose figures are drawn where a run has none
ELSEWHERE = ("latents", "learning-curves")  # the page has charts of these
WITHOUT_ROWS = (*LEARNED, "prior", "imputation", "collapse")  # of all rows together: no single one can be seen in them


@dataclass(frozen=True)
class Picture:
    """A PNG as a data URI.

    Attributes:
        name: Of the file, without its ending.
        title: What it shows, in a few words.
        alt: The text alternative.
        uri: ``data:image/png;base64,…``.
        width: In pixels.
        height: In pixels.
    """

    name: str
    title: str
    alt: str
    uri: str
    width: int
    height: int


def pictures(
    reported: ReportedRun, evaluation: Callable[[], Evaluation | str], *, rows: bool = True
) -> tuple[list[Picture], str]:
    """The pictures of a run, and a sentence about what is missing (or nothing).

    Args:
        reported: The run.
        evaluation: Makes an evaluation, or the reason why there is none; asked only where the run has no figures.
        rows: Whether pictures may show single rows: originals, predictions, what each lacks.
    """
    shown, missing = _pictures(reported, evaluation)
    if rows:
        return shown, missing
    kept = [picture for picture in shown if picture.name in WITHOUT_ROWS]
    return kept, f"{missing} Pictures in which single rows can be seen are left out, as was asked.".strip()


def _pictures(reported: ReportedRun, evaluation: Callable[[], Evaluation | str]) -> tuple[list[Picture], str]:
    files = _figures(reported)
    if not files:
        opened = evaluation()
        if isinstance(opened, str):
            return [], f"There are no pictures of what the model generates: the run has no figures, and {opened}"
        files = _draw(opened)
        if not opened.targets:
            return _shown(files, reported)[0], (
                "There are no pictures of what the model generates: it generates nothing."
            )
    return _shown(files, reported)


def _shown(files: dict[str, bytes], reported: ReportedRun) -> tuple[list[Picture], str]:
    """What is most worth its room first: what was learned, the data, grids, then figures of metrics and subsets."""
    first = [name for name in (*LEARNED, *DATA, *GRIDS) if name in files]
    rest = [name for name in sorted(files) if name not in (*first, *ELSEWHERE)]
    subsets = [name for name in rest if name.startswith(SUBSETS)]
    shown, damaged = [], []
    for name in (*first, *(name for name in rest if name not in subsets), *subsets):
        try:
            shown.append(_picture(name, files[name], reported))
        except Exception:  # whatever decoders make of a damaged file, or of one of too many pixels
            damaged.append(name)
    return shown, f"These pictures are damaged and left out: {', '.join(damaged)}." if damaged else ""


def place_of(picture: Picture) -> str:
    """The section of the page that a picture belongs to: ``data``, ``learned``, ``generated`` or ``metrics``."""
    if picture.name in DATA:
        return "data"
    if picture.name in LEARNED:
        return "learned"
    return "generated" if picture.name in GRIDS or picture.name.startswith(SUBSETS) else "metrics"


def _figures(reported: ReportedRun) -> dict[str, bytes]:
    """The PNG files that an evaluation drew, by name."""
    folder = reported.run.path / "figures" if reported.run.path else None
    if folder is None or not folder.is_dir():
        return {}
    return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.png"))}


def _draw(evaluation: Evaluation) -> dict[str, bytes]:
    drawn = {}
    figures = [*generation_grids(evaluation).items(), *learned_figures(evaluation)]
    for metric in metrics_by_name(METRICS).values():
        if metric.unavailable_reason(evaluation) is None:
            figures += metric.figures(evaluation).items()
    for name, figure in figures:
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
    return Picture(
        name, title, alt, "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode(), *image.size
    )


def _caption(name: str, reported: ReportedRun) -> tuple[str, str]:
    """Title and text alternative of a grid."""
    modalities = list(reported.config.get("modalities", {}))
    listed = ", ".join(modalities[:10]) + (f" and {len(modalities) - 10} more" if len(modalities) > 10 else "")
    model = (
        f"the model {reported.name} ({reported.config['objective']['name']} on {reported.config['dataset']['name']})"
    )
    captions = {
        "generations": (
            "Each modality generated from each other",
            f"Grid of pictures by {model}: one column for each generated modality ({listed}); the first row of a "
            "block has the original, the rows below it what is generated from each given modality and from all of "
            "them.",
        ),
        "prior": (
            "Generated from the prior",
            f"Grid of pictures by {model}: draws from the prior in columns, one row for each modality ({listed}).",
        ),
        "predicted": (
            "Predicted from all other modalities, against what was measured",
            f"A panel for each modality ({listed}) of {model}: values predicted from the other modalities of held-out "
            "rows against the measured ones, with R² or accuracy in its title.",
        ),
        "missingness": (
            "What training rows lack",
            f"Map of the training rows of {model}, sorted by what they have, and their modalities ({listed}) or "
            "columns: white where something is missing, and the share that is there above.",
        ),
        "variance-explained": (
            "Variance explained by each dimension, and by all",
            f"Heat map of {model}: a line for each modality ({listed}), a column for each dimension of the latents; "
            "the numbers are in the table of metrics, as r2 of dimension.",
        ),
        "loadings": (
            "Largest loadings of each dimension",
            f"Bars for each dimension of {model}: the ten columns that change most with it, in standard deviations; "
            "the largest ones are named in the table.",
        ),
        "modality-gain": (
            "Which modality adds what to which",
            f"Matrix of {model}: a line for each predicted modality ({listed}), a column for each that is left out, "
            "and how much of the score is lost; the numbers are in the table of metrics, as gain.",
        ),
    }
    if name in captions:
        return captions[name]
    if not name.startswith(SUBSETS):
        return name.replace("-", " ").capitalize(), f"Figure {name} that an evaluation drew of {model}."
    target = name.removeprefix(SUBSETS)
    return (
        f"{target} from more and more of the others",
        f"Grid of pictures by {model}: the first row has originals of {target}, the rows below it what is generated "
        "from more and more of the other modalities, the last one the reconstruction from all.",
    )
