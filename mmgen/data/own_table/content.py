"""Everything that one's own table holds: columns, what they mean, and their values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...errors import DataError
from ...options import default_of
from ...registry import load
from ..identity import Identity, content_keys, row_turns
from ..modalities import Cellwise, ImageModality, LabelsModality, MixedModality, TextModality, VectorModality
from ..modality import Modality
from ..schema import Schema
from ..sparse import Sparse
from ..table import Table
from .config import OwnTableConfig
from .covariate_columns import covariate_columns, read_covariates
from .descriptions import find_descriptions
from .dialect import Reading
from .file_column import read_files
from .guessed_files import guess_kind_in_file, guess_place
from .images import read_images
from .joined_files import join_files
from .known_rows import add_absent_modalities, group_keys, match_run_columns, read_origins, read_row_names
from .mixed_columns import read_mixed
from .number_columns import read_numbers
from .opening import has_options, is_text_file, open_source
from .padded_columns import PaddedColumns
from .paired_files import pair_files, unpaired_files
from .request import Request, Values
from .role_columns import read_class_codes, read_group_names, read_side_codes
from .row_options import RowOptions
from .scales import with_learned_scale
from .source import Source
from .table_modality import TableModality
from .text_columns import read_categories, read_text

NETWORKS = {"linear_path": True, "dropout": 0.2}  # of columns; few rows teach much of what is linear, and little else
Reader = Callable[[Request, Source], Values]
READERS: tuple[tuple[type[Modality], Reader], ...] = (
    (ImageModality, read_images),
    (TextModality, read_text),
    (LabelsModality, read_categories),
    (MixedModality, read_mixed),
    (Modality, read_numbers),
)


def reads_files(kind: type[Modality]) -> bool:
    """Whether cells of a kind may be paths."""
    return issubclass(kind, ImageModality) or bool(kind.file_endings)


def find_reader(kind: type[Modality]) -> Reader:
    """What reads a kind: its own, or, where it says which files it reads, that of files."""
    if kind.file_endings:
        return read_files
    return next(reader for base, reader in READERS if issubclass(kind, base))


@dataclass(frozen=True)
class Content:
    """The rows that have at least one modality.

    Attributes:
        table: Their values, labels, groups, covariates and identity.
        modalities: Name to modality, in order.
        sides: 0, 1 or 2 for training, validation and testing, ``[N]``; None where no column says it.
        classes: Of the label, in the order of their codes.
        covariates: Classes of every covariate that is a column, none of a number.
        rows_in_source: How many rows the source has.
        notes: What was done in reading, in sentences.
        sides_are_final: Whether no further side is drawn beside ``sides``.
    """

    table: Table
    modalities: dict[str, Modality]
    sides: np.ndarray | None
    classes: tuple[str, ...]
    covariates: dict[str, tuple[str, ...]]
    rows_in_source: int
    notes: list[str]
    sides_are_final: bool = False


def open_table(config: OwnTableConfig, known: bool, paired: bool = True) -> Source:
    """The file, folder or dataset of the Hub that the options name, or several of them, joined or ``paired``; ``known``
    where a run reads, which may lack some.
    """
    if not known:
        for name, description in config.modalities.items():
            if description.path is None and not config.shared:
                raise DataError(
                    f"dataset.modalities.{name}: say where it is: path: a file, here or for all modalities."
                )
    readings: dict[str, Reading] = {}
    several = len(config.files) > 1
    for path in config.shared:
        readings[path] = config.reading if not several or is_text_file(path) else config.reading.of_any_file
    for name, description in config.modalities.items():
        if description.path is not None:
            common = config.reading if is_text_file(description.path) else config.reading.of_any_file
            reading = description.reading(common)
            if readings.setdefault(description.path, reading) != reading:
                raise DataError(
                    f"dataset.modalities.{name}: {description.path} is read in two ways; say the same of all "
                    "modalities in it."
                )
    if several:  # options of a format are for the files that are of it
        readings = {
            path: reading if has_options(path) else replace(reading, format=None) for path, reading in readings.items()
        }
    sources = {path: _open_file(path, config.subset, reading) for path, reading in readings.items()}
    if config.pair_by is not None:
        is_complete = several and all(config.pair_by in source.position for source in sources.values())
        if known and (not paired or not is_complete):
            return unpaired_files(sources, config.shared, config.own, config)
        return pair_files(sources, config.shared, config.own, config, config.pair_by)
    if not several:
        return next(iter(sources.values()))
    return join_files(sources, config.shared, config.own, config.id, known)


def _open_file(path: str, subset: str | None, reading: Reading) -> Source:
    source, place = open_source(path, subset, reading), Path(path)
    source.folder = place if place.is_dir() else place.parent
    return source


def find_roles(config: RowOptions, schema: Schema | None, source: Source) -> dict[str, str]:
    """The columns that are no modality, by what they are; a run needs none of them to read other rows."""
    wanted = ("label", "group", "split") if source.sides is None else ("label",)
    roles = {role: getattr(config, role) for role in wanted if getattr(config, role)}
    if schema is not None:
        return {role: name for role, name in roles.items() if name in source.position and role != "split"}
    for role, name in roles.items():
        source.require(name, f"dataset.{role}")
    return roles


def make_requests(config: RowOptions, schema: Schema | None, source: Source, roles: Mapping[str, str]) -> list[Request]:
    """The columns of each modality; none is used twice, and a modality of which a run finds no column is left out."""
    covariates = covariate_columns(config, schema, source)
    reserved = dict.fromkeys(covariates, "covariate") | dict.fromkeys((*source.id_columns, *config.id), "id")
    named = {role: getattr(config, role, None) for role in ("group", "split", "pair_by")}
    reserved |= {name: role for role, name in (named | dict(roles)).items() if name is not None}
    owner: dict[tuple[str, str], str] = {}  # title of a part of the source, and column of it, to its modality
    requests = []
    guessed: dict[str, str] = {}
    where: dict[str, str] = {}
    for modality, description in find_descriptions(config, schema, source).items():
        known = None if schema is None else schema.modalities.get(modality)
        part = source.part(modality)
        if part is None:
            continue
        taken = reserved if part is source or source.roles_in_parts else {}
        if schema is not None and known is not None:
            taken = taken | {column: name for name, each in schema.modalities.items() for column in each.columns}
            taken = {column: owner for column, owner in taken.items() if column not in known.columns}
        description = guess_place(modality, description, part, taken, known)
        names = _match_columns(modality, description, known, part, taken)
        for name in names:
            _check_column(name, modality, taken, owner.get((part.title, name)), None if schema is None else part.title)
            owner[part.title, name] = modality
        if names:
            if description.kind is None and known is None:
                guessed[modality] = guess_kind_in_file(modality, part, names, description.array is not None)
            elif part.guesses_kinds and known is None and not _says_kind(config, modality):
                guessed[modality] = str(description.kind)
                where[modality] = f" ({description.array})" if description.array is not None else ""
            kind = type(known) if known is not None else load("modalities", description.kind or guessed[modality])
            fields = _modality_fields(description, kind, known, part, names)
            is_array, is_forgiving = description.array is not None, config.unknown == "missing"
            absent = tuple(name for name in names if name not in part.position)
            requests.append(Request(modality, kind, names, is_array, fields, known, is_forgiving, absent))
    if guessed:
        kinds = ", ".join(f"{name} {kind}{where.get(name, '')}" for name, kind in guessed.items())
        source.notes.append(
            f"Modalities are taken for what their values look like: {kinds}; where one is something else, say its kind."
        )
    return requests


def _says_kind(config: RowOptions, modality: str) -> bool:
    return modality in config.modalities and config.modalities[modality].kind is not None


def _match_columns(
    modality: str, description: TableModality, known: Modality | None, source: Source, reserved: Mapping[str, str]
) -> tuple[str, ...]:
    """The columns (or the array) of one modality; those of the run where one reads."""
    where = f"dataset.modalities.{modality}"
    if known is not None:
        return match_run_columns(description, known, source, modality, reserved)
    if description.array:
        return (source.require(description.array, where),)
    return source.match_names(description.columns, where, reserved)


def _check_column(name: str, modality: str, reserved: Mapping[str, str], owner: str | None, title: str | None) -> None:
    """A column is nothing else, and of no other modality; ``title`` is the file where a run reads one."""
    where = f"dataset.modalities.{modality}"
    if name in reserved:
        raise DataError(
            f"{where}: {name!r} is the {reserved[name]}, and would leak into the modality; leave it out of one of the "
            "two."
        )
    if owner is not None and title is not None:
        raise DataError(
            f"{where}: the run has {name!r} of {owner} and of {modality}, and {title} has one; say whose it is in a "
            f"YAML file, as `modalities: {{{owner}: {{path: {title}}}}}`."
        )
    if owner is not None:
        raise DataError(
            f"{where}: {name!r} is used twice, by {owner} and {modality}; a column belongs to one modality."
        )


def _modality_fields(
    description: TableModality, kind: type[Modality], known: Modality | None, source: Source, names: Sequence[str]
) -> dict[str, Any]:
    """The fields of a modality that do not come from the values; a run's vocabulary goes before the user's."""
    usual = NETWORKS if issubclass(kind, Cellwise) else {}
    fields: dict[str, Any] = {**usual, **source.fields(kind, names), **description.fields}
    if issubclass(kind, VectorModality):
        fields["likelihood"] = with_learned_scale(fields.get("likelihood"), default_of(kind, "likelihood"))
    if known is not None:
        fields |= {name: getattr(known, name) for name in known.vocabulary if name != "shape"}
    return fields


def read_content(source: Source, config: RowOptions, schema: Schema | None) -> Content:
    """Read every modality, the label, the groups and the sides.

    Args:
        source: The columns and arrays.
        config: The options.
        schema: What a run knows of the data, where one opens them.

    Raises:
        DataError: The first thing that cannot be read, by its place; or a table without any value.
    """
    roles = find_roles(config, schema, source)
    requests = make_requests(config, schema, source, roles)
    blocks = {}
    for request in requests:
        part = source.part(request.name)
        assert part is not None
        part = PaddedColumns(part, request.absent) if request.absent else part
        blocks[request.name] = find_reader(request.kind)(request, part)
    if schema is not None:
        blocks = add_absent_modalities(blocks, schema, source)
    available = np.stack([block.available for block in blocks.values()], 1)
    classes = None if schema is None or config.label is None else schema.labels.get(config.label)
    label = roles.get("label")
    labels, classes = (None, ()) if label is None else read_class_codes(label, source, "dataset.label", classes)
    columns = covariate_columns(config, schema, source)
    covariates = read_covariates(columns, config, schema, source)
    groups = read_group_names(roles["group"], source) if "group" in roles else None
    codes = None if groups is None else np.unique(groups, return_inverse=True)[1]
    sides = read_side_codes(roles["split"], source, codes) if "split" in roles else source.sides
    rows = np.flatnonzero(available.any(1))
    if len(rows) == 0:
        raise DataError(f"No row of {source.title} has any of the modalities.")
    id_columns = config.id if schema is None or set(config.id) <= set(source.position) else ()
    id_columns = source.id_columns or id_columns
    used = {*roles.values(), *columns}
    used |= {name for request in requests if source.part(request.name) is source for name in request.names}
    ids = read_row_names(id_columns, source, used) if source.are_names_of_rows else read_origins(id_columns, source)
    values = {name: block.stored for name, block in blocks.items()}
    observed = {name: block.observed for name, block in blocks.items() if block.observed is not None}
    content = content_keys(values, available, observed)
    table = Table.of(
        {name: block if isinstance(block, Sparse) else torch.from_numpy(block) for name, block in values.items()},
        available=torch.from_numpy(available),
        labels={} if labels is None or config.label is None else {config.label: torch.from_numpy(labels)},
        groups=None if codes is None else torch.from_numpy(codes),
        identity=Identity(
            content,
            row_turns(content),
            Identity.join_ids(ids) if ids and source.are_names_of_rows else None,
            None if groups is None else group_keys(groups),
            ids,
        ),
        covariates={name: torch.from_numpy(column) for name, column in covariates.values.items()},
        observed={name: torch.from_numpy(cells) for name, cells in observed.items()},
    )
    return Content(
        table if len(rows) == len(table) else table.select(torch.from_numpy(rows)),
        {name: block.modality for name, block in blocks.items()},
        None if sides is None else sides[rows],
        classes,
        covariates.classes,
        len(available),
        source.notes,
        source.sides is not None,
    )
