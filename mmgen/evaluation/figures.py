"""All pictures of a run: latents, grids, learning curves, and what metrics draw."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from ..errors import MmgenError, PluginError, alternatives
from ..registry import entries, is_local
from .data_figures import missingness_figure, predicted_figure
from .drawing import save_figure
from .evaluate import MetricOptions, evaluate, metrics_by_name
from .evaluation import Evaluation
from .grids import generation_grids, subset_grid
from .history import learning_curves
from .learned_drawing import loadings_figure
from .loadings import loadings
from .metric import Metric
from .scatter import latent_scatter

TARGETS = 10  # modalities, at most, that are drawn from more and more of the others


def save_figures(
    evaluation: Evaluation,
    history: Sequence[Mapping[str, Any]],
    folder: Path,
    *,
    view: str = "pca",
    metrics: Sequence[str | type[Metric]] = (),
    options: MetricOptions | None = None,
    color_by: Sequence[str] = (),
) -> list[Path]:
    """All figures of a run, into its ``figures`` folder.

    Args:
        evaluation: What is drawn.
        history: Of the run.
        folder: Where to.
        view: How latents of more than two dimensions are drawn: ``pca``, ``tsne`` or ``umap``.
        metrics: The metrics that were computed; they are asked for figures beside all installed ones that are not
            costly.
        options: Of metrics, by name.
        color_by: Columns by which latents are coloured too.

    Returns:
        The files.

    Raises:
        MmgenError: A column that there is not.
        PluginError: A metric's figure has the name of another.
    """
    asked = {**_installed(options), **(metrics_by_name(metrics, options) if metrics else {})}
    files: dict[str, Path] = {}
    for _, draw in _drawers(evaluation, history, view, asked, color_by):
        for name, figure in draw():
            if name in files:
                raise PluginError(
                    f"Two figures of the run are called {name!r}; those of a metric need names of their own."
                )
            files[name] = save_figure(figure, folder / f"{name}.png")
    return list(files.values())


def figure(
    evaluation: Evaluation,
    name: str,
    history: Sequence[Mapping[str, Any]] = (),
    *,
    view: str = "pca",
    options: MetricOptions | None = None,
    color_by: Sequence[str] = (),
) -> Figure:
    """One of the figures that :func:`save_figures` writes, by its name there.

    Args:
        evaluation: What is drawn.
        name: Without an ending: ``latents``, ``imputation``, ``loadings``, …
        history: Of the run; for ``learning-curves``.
        view: How latents of more than two dimensions are drawn: ``pca``, ``tsne`` or ``umap``.
        options: Of metrics, by name.
        color_by: Columns by which latents are coloured too.

    Raises:
        MmgenError: There is no such figure of these data, or no such column.
    """
    metrics = _installed(options)
    if name in metrics:
        evaluate(evaluation, [name], options=options)  # some draw only what has been computed
    drawers = _drawers(evaluation, history, view, metrics, color_by)
    names: list[str] = []
    for _, draw in sorted(drawers, key=lambda each: each[0] != name):  # others only where none is called so
        for called, made in draw():
            if called == name:
                return made
            names.append(called)
    raise MmgenError(f"There is no figure {name!r} of these data; there are {alternatives(name, names)}")


def _installed(options: MetricOptions | None) -> dict[str, Metric]:
    """All installed metrics that are not costly; one that cannot be loaded, and nobody asked for, draws nothing."""
    installed: dict[str, Metric] = {}
    for entry in entries("metrics"):
        with suppress(PluginError):
            if not is_local(entry):
                installed |= metrics_by_name([entry.name], options)
    return {name: metric for name, metric in installed.items() if not metric.costly}


def _drawers(
    evaluation: Evaluation,
    history: Sequence[Mapping[str, Any]],
    view: str,
    metrics: Mapping[str, Metric],
    color_by: Sequence[str],
) -> Iterator[tuple[str, Callable[[], Iterator[tuple[str, Figure]]]]]:
    """What draws figures, in the order of the files: the name of the figure, or of the metric whose figures they are,
    and a function that gives each with its name.
    """
    yield "latents", lambda: iter([("latents", latent_scatter(evaluation, view, color_by))])
    yield "grids", lambda: iter(generation_grids(evaluation).items())
    if len(evaluation.names) > 1:
        for name in evaluation.targets[:TARGETS]:
            yield f"subsets-{name}", partial(_subset_grid, evaluation, name)
    for name, draw in LEARNED.items():
        yield name, partial(_where_drawn, evaluation, name, draw)
    drawing = {
        name: metric
        for name, metric in metrics.items()
        if type(metric).figures is not Metric.figures and metric.unavailable_reason(evaluation) is None
    }
    for name, metric in drawing.items():
        yield name, partial(_of_metric, evaluation, metric, list(drawing.values()))
    if history:
        yield "learning-curves", lambda: iter([("learning-curves", learning_curves(history))])


def learned_figures(evaluation: Evaluation) -> Iterator[tuple[str, Figure]]:
    """What no metric draws: ``missingness``, ``predicted`` and ``loadings``, each where there is something to see."""
    for name, draw in LEARNED.items():
        yield from _where_drawn(evaluation, name, draw)


def _loadings_figure(evaluation: Evaluation) -> Figure | None:
    found = loadings(evaluation)
    return loadings_figure(evaluation, found) if found else None


LEARNED: Mapping[str, Callable[[Evaluation], Figure | None]] = {
    "missingness": missingness_figure,
    "predicted": predicted_figure,
    "loadings": _loadings_figure,
}


def _where_drawn(
    evaluation: Evaluation, name: str, draw: Callable[[Evaluation], Figure | None]
) -> Iterator[tuple[str, Figure]]:
    made = draw(evaluation)
    if made is not None:
        yield name, made


def _subset_grid(evaluation: Evaluation, name: str) -> Iterator[tuple[str, Figure]]:
    yield f"subsets-{name}", subset_grid(evaluation, name)


def _of_metric(evaluation: Evaluation, metric: Metric, available: Sequence[Metric]) -> Iterator[tuple[str, Figure]]:
    yield from metric.figures(evaluation, available).items()
