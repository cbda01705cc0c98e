"""What is known of rows, column by column, to colour their latents by: labels, groups, covariates, values of
modalities, and whatever else stands in the file that they are from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data import ImageModality, MixedModality, Modality, Table, TextModality
from ..distributions.likelihoods import CODES
from ..errors import MmgenError, alternatives
from .drawn import supports_of
from .evaluation import Evaluation

if TYPE_CHECKING:
    import pandas as pd

    from ..data.original import OriginalColumn

GROUP = "group"
MOST_WHOLE = 20  # different whole numbers that are classes, as of covariates


@dataclass(frozen=True)
class RowColumn:
    """A column of ``N`` rows.

    Attributes:
        name: What it is called.
        of: The modality; nothing where it is of the rows themselves.
        values: In units of the source, NaN where unknown; codes of ``classes``, −1 where unknown, ``[N]``.
        classes: What the codes mean; None of numbers.
    """

    name: str
    of: str
    values: np.ndarray
    classes: tuple[str, ...] | None = None


def has_columns(modality: Modality) -> bool:
    """Whether values are columns: images and texts have none."""
    return not isinstance(modality, ImageModality | TextModality)


def columns_of_rows(evaluation: Evaluation, table: Table) -> Iterator[RowColumn]:
    """Groups, where rows share some, and covariates."""
    if table.groups is not None:
        numbers, codes = table.groups.unique(return_inverse=True)
        if 1 < len(numbers) < len(table):
            yield RowColumn(GROUP, "", codes.numpy(), tuple(str(number) for number in numbers.tolist()))
    for name, values in table.covariates.items():
        yield RowColumn(name, "", values.numpy(), tuple(evaluation.data.covariates.get(name, ())) or None)


def columns_of_modality(
    evaluation: Evaluation, table: Table, name: str, places: Sequence[int] | None = None
) -> Iterator[RowColumn]:
    """The columns of a modality, or some of them by their places; nothing of an image or a text."""
    modality = evaluation.model.modalities[name]
    if not has_columns(modality):
        return
    observed, stored = table.observed_cells(name).flatten(1), table.data[name][:]
    supports, columns = supports_of(modality), modality.value_names(name)
    numbers = modality.in_source_units(stored.double().numpy()).reshape(len(table), -1)
    for place in range(len(columns)) if places is None else places:
        there = observed[:, place].numpy()
        if supports[place % len(supports)] not in CODES:
            yield RowColumn(columns[place], name, np.where(there, numbers[:, place], np.nan))
        elif classes := _classes(modality, columns[place]):
            codes = stored.flatten(1)[:, place].numpy().astype(np.int64)
            yield RowColumn(columns[place], name, np.where(there, codes, -1), classes)


def chosen_columns(evaluation: Evaluation, table: Table, names: Sequence[str]) -> list[RowColumn]:
    """Columns by their names: labels, ``group``, covariates and columns of modalities (``genes.TP53`` where several
    have it), and columns that stand in the file of the rows beside these.

    Args:
        evaluation: Whose rows.
        table: The rows.
        names: What is wanted.

    Raises:
        MmgenError: There is no such column, or it is in several modalities.
    """
    return [_chosen(evaluation, table, name) for name in dict.fromkeys(names)]


def _chosen(evaluation: Evaluation, table: Table, wanted: str) -> RowColumn:
    labels = [
        RowColumn(name, "", codes.numpy(), tuple(evaluation.data.labels[name]))
        for name, codes in table.labels.items()
        if codes.ndim == 1 and evaluation.data.labels.get(name)
    ]
    own = {column.name: column for column in (*labels, *columns_of_rows(evaluation, table))}
    if wanted in own:
        return own[wanted]
    modalities = {name: each for name, each in evaluation.model.modalities.items() if has_columns(each)}
    places = {
        (name, column): place
        for name, modality in modalities.items()
        for place, column in enumerate(modality.value_names(name))
    }
    found = [key for key in places if key[1] == wanted] or [key for key in places if ".".join(key) == wanted]
    if len(found) > 1:
        ways = " or ".join(".".join(key) for key in found)
        raise MmgenError(f"Latents cannot be coloured by {wanted!r}, which several modalities have; write {ways}.")
    if found:
        ((name, _),) = found
        for column in columns_of_modality(evaluation, table, name, [places[found[0]]]):
            return column
    others = _of_source(evaluation, table)
    if wanted in others and table.rows is not None:
        reader, key = others[wanted].reader, others[wanted].key
        return _typed(wanted, reader.typed([key])[key].take(table.rows.cpu().numpy()))
    known = dict.fromkeys([*own, *others, *(column for _, column in places)])
    raise MmgenError(f"There is no column {wanted!r} to colour latents by; there are {alternatives(wanted, known)}")


def _of_source(evaluation: Evaluation, table: Table) -> dict[str, OriginalColumn]:
    """The columns of the rows' source that are in no modality, ids too; none where there is no such source now."""
    try:
        original = evaluation.data.dataset.original(table)
    except (MmgenError, OSError):
        return {}
    columns = () if original is None else (*original.ids, *original.columns)
    return {each.name: each for each in columns if each.cell is None}


def _typed(name: str, column: pd.Series) -> RowColumn:
    """Numbers; words, and few different whole numbers, as classes."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    known = column.notna().to_numpy()
    classes: list[tuple[Any, str]]
    if is_numeric_dtype(column) and not is_bool_dtype(column):
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        different = np.unique(numbers[known])
        if len(different) > MOST_WHOLE or (different != np.floor(different)).any():
            return RowColumn(name, "", numbers)
        words, classes = numbers, [(number, f"{number:.0f}") for number in different]
    else:
        words = column.astype(str).to_numpy(dtype=object)
        classes = [(word, word) for word in sorted({*words[known]})]
    codes: dict[Any, int] = {value: code for code, (value, _) in enumerate(classes)}
    found = [codes[value] if there else -1 for value, there in zip(words.tolist(), known, strict=True)]
    return RowColumn(name, "", np.array(found, dtype=np.int64), tuple(word for _, word in classes))


def _classes(modality: Modality, column: str) -> tuple[str, ...]:
    if isinstance(modality, MixedModality):
        return tuple(modality.categories[column])
    return tuple(getattr(modality, "categories", ()))
