"""The dataset ``table``: one's own data, described by a few lines of YAML."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ...errors import DataError
from ...registry import load
from ..dataset import Dataset, Provenance, Splits
from ..identity import Identity, content_keys
from ..modalities import ImageModality, LabelsModality, TextModality
from ..modality import Modality
from ..splitting import split_rows
from ..table import Table
from .config import OwnTableConfig
from .images import read_images
from .known_rows import add_absent_modalities, find_run_sides, group_keys, match_run_columns, read_row_names, row_notes
from .number_columns import read_numbers
from .opening import open_source
from .picture_column import picture_files
from .request import Request
from .source import Source
from .split_notes import split_notes
from .text_columns import read_categories, read_group_names, read_label_codes, read_side_codes, read_text
from .toy import toy_options

Reader = Callable[[Request, Source], tuple[Modality, np.ndarray, np.ndarray]]
READERS: tuple[tuple[type[Modality], Reader], ...] = (
    (ImageModality, read_images),
    (TextModality, read_text),
    (LabelsModality, read_categories),
    (Modality, read_numbers),
)


@dataclass(frozen=True)
class _Content:
    """Everything that the table holds, of the rows that have at least one modality."""

    table: Table
    modalities: dict[str, Modality]
    sides: np.ndarray | None
    classes: tuple[str, ...]
    rows_in_source: int
    notes: list[str]


class OwnTable(Dataset):
    """One's own data: a CSV, Parquet, JSON, NPZ or safetensors file, or whatever the package ``datasets`` reads,
    described in YAML.

    An empty cell makes its modality missing in that row; a row without any modality is left out. Rows of one group are
    never split.
    """

    Config = OwnTableConfig
    citation = "The user's own data."
    version = 2
    reads_by_schema = True
    _known: dict[str, Modality] | None = None

    def modalities(self) -> dict[str, Modality]:
        """The described ones; shapes, categories and alphabets are those of the table."""
        return dict(self._known if self._known is not None else self._read().modalities)

    def sources(self) -> list[Path]:
        """The file and the pictures that it names, or all files of the folder."""
        path = Path(self.config.path)
        if path.is_dir() or not path.is_absolute():
            return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else []
        pictures: list[Path] = []
        kinds = {description.kind for description in self.config.modalities.values()}
        if any(issubclass(load("modalities", kind), ImageModality) for kind in kinds):
            source = self._open()
            requests = [
                request
                for request in self._requests(source, self._roles(source))
                if issubclass(request.kind, ImageModality)
            ]
            pictures = [file for request in requests for file in picture_files(request, source)]
        return [path, *pictures]

    def splits(self) -> Splits:
        """The rows of each side, in the order of the table."""
        config, content = self.config, self._read()
        table, count = content.table, content.rows_in_source
        missing = (~table.available).sum(0).tolist()
        facts = {
            "rows": count,
            "rows_without_any_modality": count - len(table),
            "rows_missing": dict(zip(content.modalities, missing)),
        }
        name = Path(config.path).name if Path(config.path).is_absolute() else config.path
        left_out = count - len(table)
        summary = f"{name}, {count} rows" + (
            f", of which {left_out} have no modality and are left out" if left_out else ""
        )
        known = None if self.schema is None else self.schema.sides
        sides = self._sides(content) if known is None else find_run_sides(known, table)
        tables = {side: table.select(torch.from_numpy(index)) for side, index in sides.items()}
        return Splits(
            tables["train"],
            tables["val"],
            tables["test"],
            provenance=Provenance("simulated" if config.simulated else "real", summary, config.path),
            labels={config.label: content.classes} if content.classes else {},
            facts=facts,
            modalities=content.modalities,
            notes=(
                *content.notes,
                *(() if known is None else row_notes(known, table, len(sides.get("new", ())), name)),
            ),
            new=tables.get("new"),
        )

    def _sides(self, content: _Content) -> dict[str, np.ndarray]:
        """Row numbers by side: those of the column ``split``, and what it does not name drawn from its training
        rows.
        """
        config, table, named = self.config, content.table, content.sides
        groups = None if table.groups is None else table.groups.numpy()
        labelled = config.label in table.labels
        strata = table.labels[config.label].numpy() if labelled else np.zeros(len(table), dtype=np.int64)
        drawn_from = np.arange(len(table)) if named is None else np.flatnonzero(named == 0)
        has = set() if named is None else set(named.tolist())
        shares = {"val": 0.0 if 1 in has else config.val_fraction, "test": 0.0 if 2 in has else config.test_fraction}
        drawn = split_rows(
            len(drawn_from),
            **shares,
            seed=config.seed,
            groups=None if groups is None else groups[drawn_from],
            strata=strata[drawn_from],
        )
        sides = {side: drawn_from[index] for side, index in drawn.items()}
        for code, side in ((1, "val"), (2, "test")):
            if named is not None and code in has:
                sides[side] = np.flatnonzero(named == code)
        wanted = [side for side, share in shares.items() if share > 0]
        content.notes.extend(split_notes(config, table, content.classes, sides, wanted))
        return sides

    def _open(self) -> Source:
        source = open_source(self.config.path, self.config.subset, self.config.reading)
        path = Path(self.config.path)
        source.folder = path if path.is_dir() else path.parent
        return source

    def _read(self) -> _Content:
        config, source = self.config, self._open()
        roles = self._roles(source)
        requests = self._requests(source, roles)
        read = {
            request.name: next(reader for kind, reader in READERS if issubclass(request.kind, kind))(request, source)
            for request in requests
        }
        if self.schema is not None:
            read = add_absent_modalities(read, self.schema, source)
        available = np.stack([available for _, _, available in read.values()], 1)
        classes = None if self.schema is None else self.schema.labels.get(config.label)
        labels, classes = read_label_codes(roles["label"], source, classes) if "label" in roles else (None, ())
        groups = read_group_names(roles["group"], source) if "group" in roles else None
        codes = None if groups is None else np.unique(groups, return_inverse=True)[1]
        sides = read_side_codes(roles["split"], source, codes) if "split" in roles else None
        kept = np.flatnonzero(available.any(1))
        if len(kept) == 0:
            raise DataError(f"No row of {source.title} has any of the modalities.")
        named = config.id if self.schema is None or set(config.id) <= set(source.position) else ()
        ids = read_row_names(
            named, source, {name for request in requests for name in request.names} | set(roles.values())
        )
        values = {name: values for name, (_, values, _) in read.items()}
        table = Table.of(
            {name: torch.from_numpy(block) for name, block in values.items()},
            available=torch.from_numpy(available),
            labels={} if labels is None else {config.label: torch.from_numpy(labels)},
            groups=None if codes is None else torch.from_numpy(codes),
            identity=Identity(content_keys(values, available), ids, None if groups is None else group_keys(groups)),
        )
        self._known = {name: modality for name, (modality, _, _) in read.items()}
        sides = None if sides is None else sides[kept]
        return _Content(table.select(torch.from_numpy(kept)), self._known, sides, classes, len(available), source.notes)

    def _roles(self, source: Source) -> dict[str, str]:
        """The columns that are no modality, by what they are; a run needs none of them to read other rows."""
        named = {role: getattr(self.config, role) for role in ("label", "group", "split") if getattr(self.config, role)}
        if self.schema is not None:
            return {role: name for role, name in named.items() if name in source.position and role != "split"}
        for role, name in named.items():
            source.require(name, f"dataset.{role}")
        return named

    def _requests(self, source: Source, roles: Mapping[str, str]) -> list[Request]:
        """What each modality wants of the source; nothing is wanted twice, and what a run finds nothing of is left
        out.
        """
        config = self.config
        reserved = {name: role for role, name in roles.items()}
        reserved |= dict.fromkeys(config.id, "id")
        taken: dict[str, str] = {}
        requests = []
        for modality, description in config.modalities.items():
            where = f"dataset.modalities.{modality}"
            kind = load("modalities", description.kind)
            known = None if self.schema is None else self.schema.modalities.get(modality)
            if known is not None:
                names = match_run_columns(description, known, source, modality)
                if not names:
                    continue
            elif description.array:
                names = (source.require(description.array, where),)
            else:
                names = source.match_names(description.columns, where, reserved)
            for name in names:
                if name in reserved:
                    role = reserved[name]
                    raise DataError(
                        f"{where}: {name!r} is the {role}, and would leak into the modality; leave it out of one of "
                        "the two."
                    )
                if name in taken:
                    raise DataError(
                        f"{where}: {name!r} is used twice, by {taken[name]} and {modality}; a column belongs to one "
                        "modality."
                    )
                taken[name] = modality
            fields = {"standardise": config.standardise} if "standardise" in kind.model_fields else {}
            fields |= description.fields
            if known is not None:
                fields |= {name: getattr(known, name) for name in known.vocabulary if name != "shape"}
            is_array = description.array is not None
            requests.append(Request(modality, kind, names, is_array, fields, known, config.unknown == "missing"))
        return requests

    @classmethod
    def toy(cls) -> OwnTable:
        """Sixty rows of a vector, counts and a category, with missing cells, a label and a group; the file lasts as
        long as the process.
        """
        return cls(OwnTableConfig.model_validate(toy_options()))
