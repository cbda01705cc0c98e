"""Everything that one's own table holds: columns, what they mean, and their values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...errors import DataError
from ...options import default_of
from ...registry import load
from ..identity import Identity, content_keys
from ..modalities import Cellwise, ImageModality, LabelsModality, MixedModality, TextModality, VectorModality
from ..modality import Modality
from ..schema import Schema
from ..table import Table
from .config import OwnTableConfig
from .covariate_columns import covariate_columns, read_covariates
from .images import read_images
from .known_rows import add_absent_modalities, group_keys, match_run_columns, read_row_names
from .mixed_columns import read_mixed
from .number_columns import read_numbers
from .opening import open_source
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
    """

    table: Table
    modalities: dict[str, Modality]
    sides: np.ndarray | None
    classes: tuple[str, ...]
    covariates: dict[str, tuple[str, ...]]
    rows_in_source: int
    notes: list[str]


def open_table(config: OwnTableConfig) -> Source:
    """The file, folder or dataset of the Hub that the options name."""
    assert config.path is not None
    source = open_source(config.path, config.subset, config.reading)
    path = Path(config.path)
    source.folder = path if path.is_dir() else path.parent
    return source


def find_roles(config: RowOptions, schema: Schema | None, source: Source) -> dict[str, str]:
    """The columns that are no modality, by what they are; a run needs none of them to read other rows."""
    roles = {role: getattr(config, role) for role in ("label", "group", "split") if getattr(config, role)}
    if schema is not None:
        return {role: name for role, name in roles.items() if name in source.position and role != "split"}
    for role, name in roles.items():
        source.require(name, f"dataset.{role}")
    return roles


def make_requests(config: RowOptions, schema: Schema | None, source: Source, roles: Mapping[str, str]) -> list[Request]:
    """The columns of each modality; none is used twice, and a modality of which a run finds no column is left out."""
    covariates = covariate_columns(config, schema, source)
    reserved = dict.fromkeys(covariates, "covariate") | dict.fromkeys(config.id, "id")
    reserved |= {name: role for role, name in roles.items()}
    owner: dict[tuple[str, str], str] = {}  # title of a part of the source, and column of it, to its modality
    requests = []
    for modality, description in config.modalities.items():
        kind = load("modalities", description.kind)
        known = None if schema is None else schema.modalities.get(modality)
        part = source.part(modality)
        taken = reserved if part is source else {}
        names = _match_columns(modality, description, known, part, taken)
        for name in names:
            _check_column(name, modality, taken, owner.get((part.title, name)))
            owner[part.title, name] = modality
        if names:
            fields = _modality_fields(description, kind, known)
            is_array, is_forgiving = description.array is not None, config.unknown == "missing"
            requests.append(Request(modality, kind, names, is_array, fields, known, is_forgiving))
    return requests


def _match_columns(
    modality: str, description: TableModality, known: Modality | None, source: Source, reserved: Mapping[str, str]
) -> tuple[str, ...]:
    """The columns (or the array) of one modality; those of the run where one reads."""
    where = f"dataset.modalities.{modality}"
    if known is not None:
        return match_run_columns(description, known, source, modality)
    if description.array:
        return (source.require(description.array, where),)
    return source.match_names(description.columns, where, reserved)


def _check_column(name: str, modality: str, reserved: Mapping[str, str], owner: str | None) -> None:
    where = f"dataset.modalities.{modality}"
    if name in reserved:
        raise DataError(
            f"{where}: {name!r} is the {reserved[name]}, and would leak into the modality; leave it out of one of the "
            "two."
        )
    if owner is not None:
        raise DataError(
            f"{where}: {name!r} is used twice, by {owner} and {modality}; a column belongs to one modality."
        )


def _modality_fields(description: TableModality, kind: type[Modality], known: Modality | None) -> dict[str, Any]:
    """The fields of a modality that do not come from the values; a run's vocabulary goes before the user's."""
    fields: dict[str, Any] = dict(description.fields)
    if issubclass(kind, Cellwise):
        fields = {**NETWORKS, **fields}
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
    blocks = {
        request.name: next(reader for kind, reader in READERS if issubclass(request.kind, kind))(
            request, source.part(request.name)
        )
        for request in requests
    }
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
    sides = read_side_codes(roles["split"], source, codes) if "split" in roles else None
    rows = np.flatnonzero(available.any(1))
    if len(rows) == 0:
        raise DataError(f"No row of {source.title} has any of the modalities.")
    id_columns = config.id if schema is None or set(config.id) <= set(source.position) else ()
    used = {*roles.values(), *columns}
    used |= {name for request in requests if source.part(request.name) is source for name in request.names}
    ids = read_row_names(id_columns, source, used)
    values = {name: block.stored for name, block in blocks.items()}
    observed = {name: block.observed for name, block in blocks.items() if block.observed is not None}
    table = Table.of(
        {name: torch.from_numpy(block) for name, block in values.items()},
        available=torch.from_numpy(available),
        labels={} if labels is None or config.label is None else {config.label: torch.from_numpy(labels)},
        groups=None if codes is None else torch.from_numpy(codes),
        identity=Identity(
            content_keys(values, available, observed), ids, None if groups is None else group_keys(groups)
        ),
        covariates={name: torch.from_numpy(column) for name, column in covariates.values.items()},
        observed={name: torch.from_numpy(cells) for name, cells in observed.items()},
    )
    return Content(
        table.select(torch.from_numpy(rows)),
        {name: block.modality for name, block in blocks.items()},
        None if sides is None else sides[rows],
        classes,
        covariates.classes,
        len(available),
        source.notes,
    )
