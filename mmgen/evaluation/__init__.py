"""Metrics, what they share, and figures.

What draws is imported when it is first used: matplotlib and scikit-learn take a while.
"""

from typing import TYPE_CHECKING

from ..lazy import lazily
from .evaluate import evaluate
from .evaluation import Evaluation
from .headline import in_headline
from .latents import Generation, Latents
from .means import Means, mean_row, summed_over
from .metric import Metric, MetricConfig, Row, SamplingConfig, is_summary, row
from .subsets import Pair, Subset, SubsetSize, is_drawn, joined

_DRAWING = {
    ".drawing": (
        "common_limits",
        "draw_rendering",
        "figure_png",
        "rendered",
        "rendering_grid",
        "save_figure",
    ),
    ".figures": ("learned_figures", "save_figures"),
    ".grids": ("conditional_grid", "data_caption", "generation_grids", "spread_rows", "subset_grid"),
    ".judges": ("Judges", "judge_of"),
    ".scatter": ("PosteriorMeans", "latent_scatter", "posterior_means"),
    ".history": ("learning_curves",),
    ".loadings": ("Loadings", "loadings_frame"),
    ".projection": ("VIEWS", "Projection", "check_view", "project"),
}
__getattr__, __dir__ = lazily(__name__, _DRAWING)

if TYPE_CHECKING:
    from .drawing import (
        common_limits,
        draw_rendering,
        figure_png,
        rendered,
        rendering_grid,
        save_figure,
    )
    from .figures import learned_figures, save_figures
    from .grids import conditional_grid, data_caption, generation_grids, spread_rows, subset_grid
    from .history import learning_curves
    from .judges import Judges, judge_of
    from .loadings import Loadings, loadings_frame
    from .projection import VIEWS, Projection, check_view, project
    from .scatter import PosteriorMeans, latent_scatter, posterior_means

__all__ = [
    "VIEWS",
    "Evaluation",
    "Generation",
    "Judges",
    "Latents",
    "Loadings",
    "Means",
    "Metric",
    "MetricConfig",
    "Pair",
    "PosteriorMeans",
    "Projection",
    "Row",
    "SamplingConfig",
    "Subset",
    "SubsetSize",
    "check_view",
    "common_limits",
    "conditional_grid",
    "data_caption",
    "draw_rendering",
    "evaluate",
    "figure_png",
    "generation_grids",
    "in_headline",
    "is_drawn",
    "is_summary",
    "joined",
    "judge_of",
    "latent_scatter",
    "learned_figures",
    "learning_curves",
    "loadings_frame",
    "mean_row",
    "posterior_means",
    "project",
    "rendered",
    "rendering_grid",
    "row",
    "save_figure",
    "save_figures",
    "spread_rows",
    "subset_grid",
    "summed_over",
]
