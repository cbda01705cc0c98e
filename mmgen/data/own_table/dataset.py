"""The dataset ``table``: one's own data, described by a few lines of YAML."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from ...errors import listed
from ...registry import load
from ..dataset import Dataset, Splits
from ..modality import Modality
from ..original import Original
from ..provenance import Provenance
from ..recognition import Recognised
from ..sides import SIDES
from ..table import Table
from .config import OwnTableConfig
from .content import Content, find_roles, make_requests, open_table, read_content, reads_files
from .drawn_sides import draw_sides, requested_shares
from .known_rows import row_notes, sides_of_rows
from .moved_files import placed_files
from .original import are_rows_of, original_of
from .picture_column import named_files
from .row_options import RowOptions
from .source import Source
from .split_notes import split_notes
from .toy import toy_options

LEAST_OF_A_RUN = 0.5  # of the pairs that are drawn of files; with fewer they are other files than a run paired


class OwnTable(Dataset):
    """One's own data: a CSV, Parquet, JSON, NPZ or safetensors file, or whatever the package ``datasets`` reads,
    described in YAML.

    An empty cell of numbers is missing alone; any other makes its modality missing in that row. A row without any
    modality is left out. Rows of one group are never split.
    """

    Config: ClassVar[type[RowOptions]] = OwnTableConfig
    citation = "The user's own data."
    version = 5
    defaults: ClassVar[Mapping[str, Any]] = {
        "training": {"epochs": "auto", "start": "linear", "select": "imputation", "early_stopping": 25},
    }
    reads_by_schema = True
    reads_covariates = True
    _known: dict[str, Modality] | None = None

    @property
    def place(self) -> str:
        """Where the rows are, for the record."""
        return ", ".join(self.config.files)

    @property
    def title(self) -> str:
        """The same in a word, for sentences."""
        return listed(Path(file).name if Path(file).is_absolute() else file for file in self.config.files)

    @classmethod
    def placed(cls, options: Mapping[str, Any], place: Path) -> dict[str, Any]:
        """Other files for those of a run: those that a YAML file names, of a folder those of the same names, or one
        with all columns. What is not there is missing.
        """
        return placed_files(options, place, list(OwnTableConfig.model_fields))

    def open(self, paired: bool = True) -> Source:
        """The columns and arrays, of which nothing is read yet; ``paired`` as the option ``pair_by`` says, or not."""
        return open_table(self.config, known=self.schema is not None, paired=paired)

    def original(self, table: Table) -> Original | None:
        """The columns of the files."""
        source = self.open()
        if not are_rows_of(source, table):
            source = self.open(paired=False)
        config = self._readable
        requests = make_requests(config, self.schema, source, find_roles(config, self.schema, source))
        return original_of(source, requests, table) if are_rows_of(source, table) else None

    @property
    def _readable(self) -> RowOptions:
        """The options without the modalities of a run of which there is no file."""
        config = self.config
        if self.schema is None or not isinstance(config, OwnTableConfig) or config.shared:
            return self.config
        return config.model_copy(update={"modalities": {name: config.modalities[name] for name in config.own}})

    def modalities(self) -> dict[str, Modality]:
        """The described ones; shapes, categories and alphabets are those of the table."""
        return dict(self._known if self._known is not None else self._read().modalities)

    def sources(self) -> list[Path]:
        """The files, those of a folder too, and what they name (pictures, volumes)."""
        found: list[Path] = []
        for path in map(Path, self.config.files):
            if path.is_dir():
                found += sorted(file for file in path.rglob("*") if file.is_file())
            elif path.is_absolute():
                found.append(path)
        described = {
            name: each
            for name, each in self._readable.modalities.items()
            if each.kind is not None and reads_files(load("modalities", each.kind))
        }
        if described and not Path(self.config.files[0]).is_dir():
            source = self.open()
            config = self.config.model_copy(update={"modalities": described})
            for request in make_requests(config, self.schema, source, find_roles(config, self.schema, source)):
                part = source.part(request.name)
                found += named_files(request, part) if part is not None else []
        return found

    def splits(self) -> Splits:
        """The rows of each side, in the order of the table."""
        config, content = self.config, self._read()
        table, count = content.table, content.rows_in_source
        missing = (~table.available).sum(0).tolist()
        facts = {
            "rows": count,
            "rows_without_any_modality": count - len(table),
            "rows_missing": dict(zip(content.modalities, missing)),
            "cells_missing": _empty_cells(table),
        }
        name = self.title
        left_out = count - len(table)
        summary = f"{name}, {count} rows" + (
            f", of which {left_out} have no modality and are left out" if left_out else ""
        )
        run_sides = None if self.schema is None else self.schema.sides
        found = self._recognised(content)
        sides = self._sides(content) if found is None else sides_of_rows(found.side)
        tables = {side: table.select(torch.from_numpy(index)) for side, index in sides.items()}
        return Splits(
            tables["train"],
            tables["val"],
            tables["test"],
            provenance=Provenance("simulated" if config.simulated else "real", summary, self.place),
            labels={config.label: content.classes} if content.classes else {},
            facts=facts,
            modalities=content.modalities,
            notes=(*content.notes, *self._left_out(left_out, count)),
            new=tables.get("new"),
            covariates=content.covariates,
            changes=() if run_sides is None or found is None else row_notes(run_sides, table, found, name),
        )

    def _left_out(self, rows: int, count: int) -> list[str]:
        """That a run passes over rows; of a training the summary says it."""
        if not rows or self.schema is None:
            return []
        return [f"{rows} of the {count} rows of {self.title} have nothing of the run's modalities, and are left out."]

    def _read(self) -> Content:
        content = self._read_as(paired=True)
        found = self._recognised(content) if content.sides_are_final else None
        if found is not None and found.whole.mean() < LEAST_OF_A_RUN:
            content = self._read_as(paired=False)
        self._known = content.modalities
        return content

    def _recognised(self, content: Content) -> Recognised | None:
        """What a run had of the rows; None where none reads them."""
        sides, identity = None if self.schema is None else self.schema.sides, content.table.identity
        return None if sides is None or identity is None else sides.recognise(identity)

    def _read_as(self, paired: bool) -> Content:
        source, config = self.open(paired), self._readable
        absent = [name for name in self.config.modalities if name not in config.modalities]
        if absent:
            source.notes.append(f"There is no file of {listed(absent)}, which is missing in every row.")
        return read_content(source, config, self.schema)

    def _sides(self, content: Content) -> dict[str, np.ndarray]:
        """Row numbers by side: those of the column ``split``; a side that it does not name is drawn."""
        config, table, codes = self.config, content.table, content.sides
        groups = None if table.groups is None else table.groups.numpy()
        has_label = config.label in table.labels
        strata = table.labels[config.label].numpy() if has_label else np.zeros(len(table), dtype=np.int64)
        if codes is not None and content.sides_are_final:
            sides = {side: np.flatnonzero(codes == code) for code, side in enumerate(SIDES)}
            shares = requested_shares(config, None)
        else:
            sides = draw_sides(config, strata, groups, codes)
            shares = requested_shares(config, codes)
        requested = [side for side, share in shares.items() if share > 0]
        content.notes.extend(split_notes(config, table, content.classes, sides, requested))
        return sides

    @classmethod
    def toy(cls) -> OwnTable:
        """Sixty rows of a vector, counts and a category, with missing cells, a label and a group.

        The file lasts as long as the process.
        """
        return cls(OwnTableConfig.model_validate(toy_options()))


def _empty_cells(table: Table) -> dict[str, int]:
    """How many cells of each modality are empty in rows that have it."""
    counts = {}
    for name in table.observed:
        cells, has = table.observed_cells(name), table.available[:, list(table.data).index(name)]
        counts[name] = int((~cells[has]).sum())
    return counts
