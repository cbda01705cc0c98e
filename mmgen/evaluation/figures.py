"""All pictures of a run: latents, grids, learning curves, and what metrics draw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from ..errors import PluginError
from ..registry import entries, is_local
from .data_figures import missingness_figure, predicted_figure
from .drawing import save_figure
from .evaluate import MetricOptions, metrics_by_name
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

    Returns:
        The files.

    Raises:
        PluginError: A metric's figure has the name of another.
    """
    asked = {**_installed(options), **(metrics_by_name(metrics, options) if metrics else {})}
    files: dict[str, Path] = {}
    for name, figure in _figures(evaluation, history, view, list(asked.values())):
        if name in files:
            raise PluginError(f"Two figures of the run are called {name!r}; those of a metric need names of their own.")
        files[name] = save_figure(figure, folder / f"{name}.png")
    return list(files.values())


def _installed(options: MetricOptions | None) -> dict[str, Metric]:
    """All installed metrics that are not costly; one that cannot be loaded, and nobody asked for, draws nothing."""
    installed: dict[str, Metric] = {}
    for entry in entries("metrics"):
        with suppress(PluginError):
            if not is_local(entry):
                installed |= metrics_by_name([entry.name], options)
    return {name: metric for name, metric in installed.items() if not metric.costly}


def _figures(
    evaluation: Evaluation, history: Sequence[Mapping[str, Any]], view: str, metrics: Sequence[Metric]
) -> Iterator[tuple[str, Figure]]:
    """Each figure with the name of its file, drawn when it is its turn."""
    yield "latents", latent_scatter(evaluation, view)
    yield from generation_grids(evaluation).items()
    if len(evaluation.names) > 1:
        for name in evaluation.targets[:TARGETS]:
            yield f"subsets-{name}", subset_grid(evaluation, name)
    yield from learned_figures(evaluation)
    yield from _metric_figures(evaluation, metrics)
    if history:
        yield "learning-curves", learning_curves(history)


def learned_figures(evaluation: Evaluation) -> Iterator[tuple[str, Figure]]:
    """What no metric draws: ``missingness``, ``predicted`` and ``loadings``, each where there is something to see."""
    for name, figure in (("missingness", missingness_figure(evaluation)), ("predicted", predicted_figure(evaluation))):
        if figure is not None:
            yield name, figure
    if found := loadings(evaluation):
        yield "loadings", loadings_figure(evaluation, found)


def _metric_figures(evaluation: Evaluation, metrics: Sequence[Metric]) -> Iterator[tuple[str, Figure]]:
    """What metrics draw; nothing of those that cannot be computed."""
    available = [
        metric
        for metric in metrics
        if type(metric).figures is not Metric.figures and metric.unavailable_reason(evaluation) is None
    ]
    for metric in available:
        yield from metric.figures(evaluation, available).items()
