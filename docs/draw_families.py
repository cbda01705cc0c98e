"""What families of objectives do with the posteriors of single modalities, in one picture:
``python docs/draw_families.py`` writes ``docs/images/families.svg``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

COLOURS = ("#0072b2", "#d55e00", "#009e73")
INK, GREY = "#222222", "#8a8a8a"
MEANS, SCALES = (-1.1, 0.2, 1.3), (0.75, 0.55, 0.7)
Z = np.linspace(-3.2, 3.2, 120)


def bell(mean: float, scale: float) -> np.ndarray:
    """The density of a Gaussian over ``Z``."""
    return np.exp(-0.5 * ((Z - mean) / scale) ** 2) / scale


def curves(axes: Axes, *, y: float = 0.35, height: float = 0.3, alpha: float = 0.55) -> None:
    """The posteriors of three modalities."""
    for mean, scale, colour in zip(MEANS, SCALES, COLOURS, strict=True):
        axes.plot(Z, y + height * bell(mean, scale), color=colour, linewidth=1.3, alpha=alpha)


def curve(axes: Axes, values: np.ndarray, *, y: float = 0.35, height: float = 0.3, dashed: bool = False) -> None:
    """What is made of them."""
    axes.fill_between(Z, y, y + height * values, color=INK, alpha=0.08 if dashed else 0.2, linewidth=0)
    axes.plot(Z, y + height * values, color=INK, linewidth=1.6, linestyle="--" if dashed else "-")


def box(axes: Axes, x: float, y: float, text: str, colour: str = INK, width: float = 0.9) -> None:
    """A thing with a name, in the middle of its place."""
    shape = FancyBboxPatch(
        (x - width / 2, y - 0.1),
        width,
        0.2,
        boxstyle="round,pad=0.02",
        linewidth=1.2,
        edgecolor=colour,
        facecolor="white",
    )
    axes.add_patch(shape)
    axes.text(x, y, text, ha="center", va="center", fontsize=8, color=colour, zorder=3)


def arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = GREY, style: str = "-|>"
) -> None:
    """From one thing to another."""
    line = FancyArrowPatch(start, end, arrowstyle=style, mutation_scale=8, linewidth=1.1, color=colour, zorder=1)
    axes.add_patch(line)


def data(axes: Axes, y: float = 0.0, names: tuple[str, ...] = ("x₁", "x₂", "x₃")) -> None:
    """The modalities, at the foot."""
    for x, name, colour in zip((-2, 0, 2), names, COLOURS, strict=False):
        box(axes, x, y, name, colour)


def products(axes: Axes) -> None:
    """The product of the posteriors."""
    precision = sum(s**-2 for s in SCALES) + 1
    mean = sum(m * s**-2 for m, s in zip(MEANS, SCALES, strict=True)) / precision
    curves(axes)
    curve(axes, bell(mean, precision**-0.5))
    data(axes)


def mixtures(axes: Axes) -> None:
    """Their mixture."""
    curves(axes)
    curve(axes, sum(bell(m, s) for m, s in zip(MEANS, SCALES, strict=True)) / 3)
    data(axes)


def data_dependent(axes: Axes) -> None:
    """All of them, under a prior that is their mixture."""
    mixture = sum(bell(m, s) for m, s in zip(MEANS, SCALES, strict=True)) / 3
    curves(axes, alpha=1)
    curve(axes, mixture, dashed=True)
    axes.text(-3.1, 1.1, "prior", fontsize=7, color=INK)
    data(axes)


def private(axes: Axes) -> None:
    """A shared latent, and one of each modality."""
    data(axes)
    box(axes, 0, 0.85, "z", width=1.2)
    for x, name, colour in zip((-2, 0, 2), ("w₁", "w₂", "w₃"), COLOURS, strict=True):
        box(axes, x + 0.55, 0.42, name, colour, width=0.7)
        arrow(axes, (x + 0.55, 0.32), (x + 0.25, 0.12), colour)
        arrow(axes, (0 + 0.12 * x, 0.74), (x - 0.3, 0.12))


def joint(axes: Axes) -> None:
    """A posterior from all modalities, beside those from each."""
    data(axes)
    curves(axes, alpha=0.8)
    curve(axes, bell(0.1, 0.42))
    for x in (-2, 0, 2):
        arrow(axes, (x, 0.12), (0.05 * x, 0.34))
    axes.text(1.05, 1.05, "q(z|x₁,x₂,x₃)", fontsize=7, color=INK)


def hierarchies(axes: Axes) -> None:
    """Levels."""
    data(axes)
    box(axes, 0, 1.05, "z", width=1.2)
    for x, name, colour in zip((-2, 0, 2), ("z₁", "z₂", "z₃"), COLOURS, strict=True):
        box(axes, x, 0.5, name, colour)
        arrow(axes, (x, 0.39), (x, 0.12), colour)
        arrow(axes, (0.15 * x, 0.94), (x, 0.61))


def diffused(axes: Axes) -> None:
    """A latent of every modality, and noise from which those that are not given come back."""
    data(axes)
    for x, name, colour in zip((-2, 0, 2), ("z₁", "z₂", "z₃"), COLOURS, strict=True):
        box(axes, x, 0.45, name, colour, width=1.2)
        arrow(axes, (x, 0.12), (x, 0.34), colour, "<|-|>")
    draw = np.random.default_rng(2)
    for x in (0, 2):
        axes.scatter(x + 0.45 * draw.normal(size=30), 1.05 + 0.1 * draw.normal(size=30), s=5, color=GREY, linewidth=0)
        arrow(axes, (x, 0.9), (x, 0.56))
        arrow(axes, (-1.4, 0.45), (x - 0.4, 0.85), COLOURS[0])


def adversarial(axes: Axes) -> None:
    """Points of the posterior among points of the prior."""
    draw = np.random.default_rng(1)
    data(axes)
    axes.scatter(draw.normal(0, 0.9, 60), 0.75 + 0.16 * draw.normal(size=60), s=5, color=GREY, linewidth=0)
    axes.scatter(draw.normal(0.1, 0.8, 25), 0.75 + 0.14 * draw.normal(size=25), s=7, color=INK, linewidth=0)
    box(axes, 2.4, 0.8, "p or q?", width=1.7)
    for x in (-2, 0, 2):
        arrow(axes, (x, 0.12), (0.3 * x, 0.45))


def two_views(axes: Axes) -> None:
    """Features of two views."""
    for x, name, colour in zip((-1.5, 1.5), ("x₁", "x₂"), COLOURS, strict=False):
        box(axes, x, 0.0, name, colour)
        arrow(axes, (x, 0.12), (x * 0.75, 0.62), colour)
    box(axes, -1.1, 0.75, "f(x₁)", COLOURS[0], width=1.3)
    box(axes, 1.1, 0.75, "g(x₂)", COLOURS[1], width=1.3)
    arrow(axes, (-0.42, 0.75), (0.42, 0.75), INK, "<|-|>")


def supervised(axes: Axes) -> None:
    """From what is observed to what is not."""
    data(axes, names=("$x_O$", "$x_M$", "y"))
    box(axes, 0, 0.8, "z", width=1.2)
    arrow(axes, (-1.9, 0.12), (-0.6, 0.7), COLOURS[0])
    arrow(axes, (0, 0.69), (0, 0.12))
    arrow(axes, (0.5, 0.7), (1.9, 0.12), COLOURS[2])


def energy(axes: Axes) -> None:
    """Layers without arrows."""
    for x, name, colour in zip((-1.5, 1.5), ("x₁", "x₂"), COLOURS, strict=False):
        box(axes, x, 0.0, name, colour)
        box(axes, x, 0.5, "h" + name[1], colour)
        arrow(axes, (x, 0.12), (x, 0.39), colour, "-")
        arrow(axes, (x, 0.61), (0.25 * x, 0.92), GREY, "-")
    box(axes, 0, 1.02, "h", width=1.2)


PANELS: dict[str, tuple[str, Callable[[Axes], None]]] = {
    "products-of-experts": ("multiplied: one sharp Gaussian\nmvae, mvtcae, crmvae, …", products),
    "mixtures-of-experts": ("added: any of them may speak\nmmvae, mopoe", mixtures),
    "data-dependent-priors": ("kept apart, under a prior of all\nmmvamp, mmjsd", data_dependent),
    "private-latents": ("one latent shared, others not\ndmvae, mmvaeplus, …", private),
    "joint-encoders": ("one network sees all; others learn from it\njmvae, smvae, jnf, …", joint),
    "hierarchies": ("latents above latents\nnexus, mhvae", hierarchies),
    "diffusions": ("what is not given comes back from noise\nmld", diffused),
    "adversarial": ("points that a critic cannot tell from p(z)\nmaae, mwae", adversarial),
    "two-views": ("features of two views that go together\ncca, dcca, vcca, …", two_views),
    "supervised": ("labels, and modalities that may be missing\ncmmd", supervised),
    "energy-based": ("no direction: an energy of all layers\ndbm", energy),
}


def main() -> None:
    """Draw them all."""
    mpl.rcParams.update({"svg.hashsalt": "families", "svg.fonttype": "none", "font.family": "DejaVu Sans"})
    figure = Figure(figsize=(11.5, 7.8), facecolor="white")
    *places, last = figure.subplots(3, 4).flat
    last.axis("off")
    for axes, (name, (what, draw)) in zip(places, PANELS.items(), strict=True):
        draw(axes)
        axes.set_title(name.replace("-", " "), fontsize=9.5, fontweight="bold", color=INK)
        axes.text(0, -0.42, what, ha="center", va="center", fontsize=7, color=INK)
        axes.set_xlim(-3.3, 3.3)
        axes.set_ylim(-0.6, 1.3)
        axes.axis("off")
    figure.tight_layout()
    figure.savefig(Path(__file__).parent / "images" / "families.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
