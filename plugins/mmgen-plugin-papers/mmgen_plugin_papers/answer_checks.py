"""Whether the answers of a paper's tables can exist at all: what is known of that before anything is trained."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from mmgen.data import Data, load_dataset
from mmgen.errors import MmgenError, PluginError, alternatives, nearest
from mmgen.evaluation import Metric, SubsetSize, is_drawn
from mmgen.options import type_in_words
from mmgen.registry import load

from .experiment_grids import ExperimentGrid
from .paper_tables import Answer, Column, PaperTable
from .request import ReproductionRequest

GIVEN = ("self", "prior", "nothing", "real data")  # what results have as given, beside modalities and sizes of subsets
TARGETS = ("all", "mean")  # what results have as target, beside modalities


def check_metrics(tables: Iterable[PaperTable]) -> None:
    """Every answer is a measure of a metric that is installed.

    Raises:
        MmgenError: Another one, with its table and column.
    """
    for table, column, answer in _answers(tables):
        try:
            known = measures_of(load("metrics", answer.metric))
        except PluginError as error:
            raise MmgenError(f"{_where(table, column)}: {error}") from error
        if known and answer.measure not in known:
            raise MmgenError(
                f"{_where(table, column)}: the metric {answer.metric!r} has no measure {answer.measure!r}; there are "
                f"{alternatives(answer.measure, known)}"
            )


def measures_of(metric: type[Metric]) -> list[str]:
    """The measures that a metric declares, and the words that its description has as code; none where that is not at
    hand.

    In a description ``_map`` is an ending of the measures.
    """
    if not metric.__doc__:
        return []
    described = re.findall(r"``([\w-]+)``", " ".join(base.__doc__ or "" for base in metric.__mro__))
    measures = [word for word in described if not word.startswith("_")]
    endings = [word for word in described if word.startswith("_")]
    declared = (*metric.headline, *metric.less_is_better, *metric.not_compared, *metric.over_targets)
    return list(dict.fromkeys([*declared, *measures, *(word + ending for word in measures for ending in endings)]))


def check_names(experiment: ExperimentGrid, request: ReproductionRequest) -> None:
    """What is given and generated exists in the data of some method, and labels are spelt as there.

    The data are opened; those that cannot be are passed over, since opening them says why. So are data that the user
    has changed (but for where they are): the paper's names need not fit those.

    Raises:
        MmgenError: A name, or a size of subsets, that no results can have.
    """
    data = [one for one in _distinct_data(experiment) if not _is_changed(one, request.assignments)]
    for table, column, answer in _answers(request.tables_with_runs):
        if data and table.experiment == experiment.experiment and (column.variant or "") == experiment.variant:
            where = f"{_where(table, column)}, {answer.measure!r} of {answer.metric!r}"
            problems = [_problem(answer, list(one.modalities), list(one.labels)) for one in data]
            if all(problems):
                raise MmgenError(f"{where}: {problems[0]}")


def _answers(tables: Iterable[PaperTable]) -> Iterator[tuple[PaperTable, Column, Answer]]:
    for table in tables:
        for column in table.columns:
            for answer in column.answers:
                yield table, column, answer


def _where(table: PaperTable, column: Column) -> str:
    return f"{table.id}, column {column.name!r}"


def _distinct_data(experiment: ExperimentGrid) -> list[Data]:
    """The data of the methods, those with the same options once."""
    sections = {json.dumps(series.config["dataset"], default=str): series for series in experiment.grid.series.values()}
    opened = []
    for series in sections.values():
        options = dict(series.config["dataset"])
        with suppress(MmgenError):
            opened.append(load_dataset(options.pop("name"), **options))
    return opened


def _is_changed(data: Data, assignments: Iterable[str]) -> bool:
    """Whether some assignment is about the data and no path."""
    keys = [text.partition("=")[0].rpartition(":")[2].split(".") for text in assignments]
    fields = type(data.dataset.config).model_fields
    places = [name for name, field in fields.items() if "path" in type_in_words(field.annotation).split(" | ")]
    return any(key[0] == "modalities" or (key[0] == "dataset" and key[-1] not in places) for key in keys)


def _problem(answer: Answer, modalities: Sequence[str], labels: Sequence[str]) -> str:
    """Why no results of such data can have the answer; '' where they can."""
    size = SubsetSize.parse(answer.given)
    if size is not None:
        possible = [str(SubsetSize(count, len(modalities))) for count in range(len(modalities) + 1)]
        given = "" if answer.given in possible else f"given {answer.given!r}: there are {', '.join(possible[1:])}."
    else:
        given = "" if is_drawn(answer.given) else _problem_of_names("given", answer.given, modalities, GIVEN)
    target = _problem_of_names("target", answer.target, modalities, TARGETS)
    return given or target or _problem_of_label(answer.label, labels)


def _problem_of_label(label: str | None, labels: Sequence[str]) -> str:
    """A label that is nearly one of the data; a metric may have others of its own, such as a divergence."""
    misspelt = label is not None and label not in labels and nearest(label, labels)
    return _unknown("label", str(label), labels) if misspelt else ""


def _problem_of_names(what: str, text: str, modalities: Sequence[str], others: Sequence[str]) -> str:
    """Names joined by '+', in the order of the data, or one of some other words."""
    if not text or text in others:
        return ""
    names = text.split("+")
    for name in names:
        if name not in modalities:
            return _unknown(what, name, [*modalities, *others])
    in_order = "+".join(name for name in modalities if name in names)
    return "" if text == in_order else f"{what} {text!r}: results have it as {in_order!r}."


def _unknown(what: str, name: str, known: Sequence[str]) -> str:
    return f"{what} {name!r}: there are {alternatives(name, known)}"
