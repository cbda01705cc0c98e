"""Grids of real and generated values, as in the papers: what is given above what is generated from it, a column per
item.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from ..data import Batch, Modality, Rendering, Table
from .drawing import (
    Limits,
    common_limits,
    draw_rendering,
    label_line,
    rendered,
    rendering_grid,
)
from .evaluation import Evaluation
from .standardised import IN_WORDS, bar_columns, bar_names, name_bars, shown
from .subsets import Subset

MOST_MODALITIES = 12  # of the grid of all pairs
NAMES_OF_SMALL = 10  # bars of a small cell that have names


def spread_rows(table: Table, count: int, seed: int = 0) -> list[int]:
    """Rows to show: such as have every modality if possible, and of different classes of the first label, in their
    order.
    """
    order = np.random.default_rng(seed).permutation(len(table))
    order = order[np.argsort(~table.available.all(-1).numpy()[order], kind="stable")]
    classes = [codes.numpy() for codes in table.labels.values() if codes.dim() == 1]
    if not classes:
        return order[:count].tolist()
    codes = classes[0][order]
    turn = np.zeros(len(order), dtype=np.int64)  # how many rows of the same class come before
    for code in np.unique(codes):
        turn[codes == code] = np.arange((codes == code).sum())
    chosen = order[np.argsort(turn, kind="stable")][:count]
    return chosen[np.argsort(classes[0][chosen], kind="stable")].tolist()


def data_caption(evaluation: Evaluation) -> str:
    """What is shown, and whether it is real."""
    return f"{evaluation.data.name} ({evaluation.split} rows, {evaluation.data.provenance.kind} data)"


def conditional_grid(
    modalities: Mapping[str, Modality],
    given: Sequence[str],
    values: Mapping[str, Tensor],
    batch: Batch | None,
    title: str,
) -> Figure:
    """Given values above generated ones.

    Args:
        modalities: Of the model.
        given: The names of those that are given.
        values: Name of each target to what is generated, ``[samples, items, *shape]``.
        batch: The items; None where they are from the prior.
        title: Above everything.
    """
    lines: list[tuple[str, bool]] = []
    cells: list[list[Rendering]] = []
    if batch is not None:
        lines += [(f"given\n{name}", True) for name in given]
        presence = dict(zip(modalities, batch.available.T, strict=True))
        cells += [rendered(modalities[name], batch.data[name], presence[name]) for name in given]
    limits: list[Limits | None] = [common_limits(line) for line in cells]
    for name, samples in values.items():
        drawn = [rendered(modalities[name], sample) for sample in samples]
        lines += [(name, False)] * len(drawn)
        cells += drawn
        limits += [common_limits([rendering for line in drawn for rendering in line])] * len(drawn)
    return rendering_grid(lines, cells, title, limits)


def prior_grid(evaluation: Evaluation, items: int = 10) -> Figure:
    """Draws from the prior: a row per modality, a column per draw."""
    cells = [shown(evaluation, name, evaluation.generated((), name, range(items))) for name in evaluation.targets]
    dynamic = "; the prior depends on data: drawn from N(0, I)" if evaluation.model.has_dynamic_prior else ""
    title = f"Generated from the prior{dynamic}\n{data_caption(evaluation)}{_bars_in_words(evaluation)}"
    lines = [(name, False) for name in evaluation.targets]
    return rendering_grid(lines, cells, title, [common_limits(line) for line in cells], _named(evaluation))


def subset_grid(evaluation: Evaluation, target: str, items: int = 10, max_lines: int = 8) -> Figure:
    """One modality generated from more and more of the others: the originals, one line per subset, and the
    reconstruction from everything.
    """
    others = [name for name in evaluation.names if name != target]
    chosen: list[Subset] = [
        tuple(name for name in evaluation.names if name in others[:size]) for size in range(1, len(others) + 1)
    ]
    chosen = [given for given in chosen if given in evaluation.subsets]
    if len(chosen) > max_lines:
        chosen = [chosen[i] for i in np.linspace(0, len(chosen) - 1, max_lines).round().astype(int)]
    chosen.append(tuple(evaluation.names))
    rows = spread_rows(evaluation.latents().table, items, evaluation.seed)
    originals, generated = _column(evaluation, target, rows, chosen)
    lines = [(f"original\n{target}", True)]
    for given in chosen:
        named = len(given) < len(evaluation.names)
        lines.append(("given\n" + "\n".join(given) if named else "given all", False))
    cells = [originals, *([line[s] for line in generated] for s in range(len(chosen)))]
    bars = originals[0].kind == "bars"
    above, below = _scales(originals, [rendering for line in cells[1:] for rendering in line], together=bars)
    bars_in_words = f"; {IN_WORDS}" if bar_columns(evaluation, target) else ""
    title = f"{target} from more and more modalities\n{data_caption(evaluation)}{bars_in_words}"
    last = len(chosen)

    def name_last(axes: Axes, line: int) -> None:
        names = bar_names(evaluation, target)
        if line == last and len(names) <= NAMES_OF_SMALL:
            name_bars(axes, names)

    return rendering_grid(lines, cells, title, [above, *[below] * len(chosen)], name_last)


def _bars_in_words(evaluation: Evaluation) -> str:
    """What bars are, where there are some."""
    return f"; {IN_WORDS}" if any(bar_columns(evaluation, name) for name in evaluation.targets) else ""


def _named(evaluation: Evaluation) -> Callable[[Axes, int], None]:
    """Writes the names below the bars of small cells, of which each line is another target."""

    def name(axes: Axes, line: int) -> None:
        names = bar_names(evaluation, evaluation.targets[line])
        if len(names) <= NAMES_OF_SMALL:
            name_bars(axes, names)

    return name


def _scales(
    originals: Sequence[Rendering], generated: Sequence[Rendering], *, together: bool
) -> tuple[Limits | None, Limits | None]:
    """The ranges of originals and of what is generated: one for both, or one for each."""
    if together:
        return (common_limits([*originals, *generated]),) * 2
    return common_limits(originals), common_limits(generated)


def generation_grid(evaluation: Evaluation, items: int = 2, max_modalities: int = MOST_MODALITIES) -> Figure:
    """Originals above what is generated: a row per given modality, a column per target, one block per item; the items
    have different labels where there are any.

    Of more modalities than ``max_modalities`` the first ones are drawn, and the title says how many are not. Bars are
    standard deviations from the training mean. Within a column they have one scale; rasters have one for the originals
    and one for what is generated, since a mean of sparse counts is small.
    """
    targets = evaluation.targets[:max_modalities]
    everything: Subset = tuple(evaluation.names)
    chosen = spread_rows(evaluation.latents().table, items, evaluation.seed)
    sources: list[Subset] = [(name,) for name in evaluation.names[:max_modalities] if (name,) in evaluation.subsets]
    sources += [everything] if len(everything) > 1 else []
    block = len(sources) + 1
    figure = Figure(figsize=(max(1.9 * len(targets) + 1.2, 5), 1.2 * len(chosen) * block + 1), layout="constrained")
    panels = figure.subplots(len(chosen) * block, len(targets), squeeze=False)
    for column, target in enumerate(targets):
        originals, generated = _column(evaluation, target, chosen, sources)
        bars = originals[0].kind == "bars" or generated[0][0].kind == "bars"
        above, below = _scales(originals, [rendering for line in generated for rendering in line], together=bars)
        for i in range(len(chosen)):
            draw_rendering(panels[i * block, column], originals[i], above)
            for r, rendering in enumerate(generated[i]):
                draw_rendering(panels[i * block + 1 + r, column], rendering, below)
        panels[0, column].set_title(target, fontsize=9)
        for last in range(block - 1, len(panels), block):
            name_bars(panels[last, column], bar_names(evaluation, target))
    for i, item in enumerate(chosen):
        label_line(panels[i * block, 0], f"original{_label_of(evaluation, item)}", bold=True)
        for r, given in enumerate(sources):
            label_line(panels[i * block + 1 + r, 0], f"given {given[0] if len(given) == 1 else 'all'}")
    hidden = max(len(evaluation.targets), len(evaluation.names)) - max_modalities
    more = f"; {hidden} more modalities are not drawn" if hidden > 0 else ""
    figure.suptitle(
        f"Generated modalities (columns) from given ones (rows){more}\n"
        f"{data_caption(evaluation)}{_bars_in_words(evaluation)}",
        fontsize=10,
    )
    return figure


def generation_grids(evaluation: Evaluation) -> dict[str, Figure]:
    """The grids that mean something for a model, by the names of their files: ``generations`` where it generates, and
    ``prior`` where it has one.
    """
    figures: dict[str, Figure] = {}
    if evaluation.targets:
        figures["generations"] = generation_grid(evaluation)
        if evaluation.model.infers(()):
            figures["prior"] = prior_grid(evaluation)
    return figures


def _column(
    evaluation: Evaluation, target: str, chosen: list[int], sources: list[Subset]
) -> tuple[list[Rendering], list[list[Rendering]]]:
    """The originals of the chosen rows, and what is generated for each of them from each source; a note where something
    is missing.
    """
    latents = evaluation.latents()
    values = {given: evaluation.generated(given, target, chosen) for given in sources}
    index = torch.tensor(chosen)
    has = latents.table.available[index, evaluation.names.index(target)]
    cells = latents.table.observed[target][index] if target in latents.table.observed else None
    originals = shown(evaluation, target, latents.table.data[target][index], has, cells)
    generated = []
    for place, item in enumerate(chosen):
        known = [
            len(given) == len(evaluation.names) or bool(latents.complete[latents.index(given), item])
            for given in sources
        ]
        generated.append(shown(evaluation, target, [values[given][place] for given in sources], known))
    return originals, generated


def _label_of(evaluation: Evaluation, item: int) -> str:
    """The classes of a row."""
    lines = []
    for name, codes in evaluation.labels().items():
        classes = evaluation.data.labels.get(name, ())
        if codes.ndim == 1 and 0 <= codes[item] < len(classes):
            lines.append(f"{name} {classes[codes[item]]}")
    return "\n" + "\n".join(lines[:3]) if lines else ""
