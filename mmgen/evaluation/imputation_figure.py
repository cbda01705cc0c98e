"""The figure of the metric ``imputation``: skill beside that of baselines, and coverage of intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .drawing import COLOURS
from .evaluation import Evaluation
from .grids import data_caption
from .imputation_baselines import ITERATIVE, KNN, RIDGE
from .imputation_draws import LEVELS
from .imputation_scores import Scores
from .imputation_trial import MODEL, Finding

SHOWN = {MODEL: "model", RIDGE: "ridge", KNN: "nearest neighbours", ITERATIVE: "iterative"}
LEAST = -0.25  # where bars end that go further down
MOST_NAMES = 24  # letters of a target's name


def imputation_figure(evaluation: Evaluation, findings: Sequence[Finding]) -> Figure:
    """Skill of each target given all others, and of withheld cells, by colour; below it coverage against what intervals
    say, where there are numbers.
    """
    most = max((len(each.given) for each in findings if each.given is not None), default=0)
    groups = {
        "given all other modalities": [each for each in findings if each.given is not None and len(each.given) == most],
        "of withheld cells": [each for each in findings if each.given is None],
    }
    groups = {title: group for title, group in groups.items() if group}
    widest = max(len(group) for group in groups.values())
    figure = Figure(figsize=(max(6.5, 1.1 * widest + 5.0), 3.0 * len(groups) + 0.4), layout="constrained")
    panels = figure.subplots(len(groups), 2, squeeze=False, width_ratios=(max(2.0, 0.5 * widest), 1.0))
    for (bars, lines), (title, group) in zip(panels, groups.items(), strict=True):
        _draw_skill(bars, title, group)
        _draw_coverage(lines, group, [each.target for each in findings])
    handles = {
        label: bar for bars in panels[:, 0] for bar, label in zip(*bars.get_legend_handles_labels(), strict=True)
    }
    figure.legend(list(handles.values()), list(handles), loc="outside lower left", ncols=len(handles), fontsize=8)
    figure.suptitle(f"Imputation, {data_caption(evaluation)}", fontsize=10)
    return figure


def _draw_skill(axes: Axes, title: str, findings: Sequence[Finding]) -> None:
    shown = [who for who in SHOWN if any(who in each.scores for each in findings)]
    colours = dict(zip(SHOWN, COLOURS, strict=False))
    width = 0.8 / len(shown)
    for i, who in enumerate(shown):
        skills = [_skill(each.scores[who]) if who in each.scores else np.nan for each in findings]
        places = np.arange(len(findings)) + (i - (len(shown) - 1) / 2) * width
        axes.bar(places, np.maximum(skills, LEAST), width, color=colours[who], label=SHOWN[who])
    axes.axhline(0, color="grey", linewidth=0.8)
    axes.set_ylim(LEAST if axes.get_ylim()[0] < 0 else 0, 1.0)
    names = [_shortened(each.target) for each in findings]
    axes.set_xticks(range(len(findings)), names, rotation=30 if len(names) > 4 else 0, fontsize=8)
    axes.set_title(f"Skill {title}", fontsize=9)
    axes.set_ylabel("skill (R² of numbers)", fontsize=8)
    axes.tick_params(axis="y", labelsize=7)


def _draw_coverage(axes: Axes, findings: Sequence[Finding], targets: Sequence[str]) -> None:
    """A line for each target, of the same colour in every panel."""
    order = list(dict.fromkeys(targets))
    axes.plot([0.4, 1], [0.4, 1], color="grey", linewidth=0.8, linestyle=":")
    any_shown = False
    for finding in findings:
        known = np.isfinite(finding.coverage[0]) & (finding.counts > 0)
        if known.any():
            share = np.average(finding.coverage[:, known], axis=1, weights=finding.counts[known])
            colour = COLOURS[order.index(finding.target) % len(COLOURS)]
            axes.plot(
                LEVELS,
                share,
                marker="o",
                markersize=3,
                color=colour,
                label=f"{_shortened(finding.target)} ({int(finding.counts[known].sum()):,} values)",
            )
            any_shown = True
    if not any_shown:
        axes.set_visible(False)
        return
    axes.set_title("Coverage of intervals", fontsize=9)
    axes.set_xlabel("share that should be inside", fontsize=8)
    axes.set_ylabel("share that is", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=7, framealpha=0.8)


def _skill(scores: Scores) -> float:
    return scores.together().get("skill", np.nan)


def _shortened(name: str) -> str:
    return name if len(name) <= MOST_NAMES else f"{name[: MOST_NAMES - 1]}…"
