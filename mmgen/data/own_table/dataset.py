"""The dataset ``table``: one's own data, described by a few lines of YAML."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from ...registry import load
from ..dataset import Dataset, Provenance, Splits
from ..modalities import ImageModality
from ..modality import Modality
from ..splitting import split_rows
from ..table import Table
from .config import OwnTableConfig
from .content import Content, find_roles, make_requests, open_table, read_content
from .known_rows import find_run_sides, row_notes
from .picture_column import picture_files
from .row_options import RowOptions
from .source import Source
from .split_notes import split_notes
from .toy import toy_options


class OwnTable(Dataset):
    """One's own data: a CSV, Parquet, JSON, NPZ or safetensors file, or whatever the package ``datasets`` reads,
    described in YAML.

    An empty cell of numbers is missing alone; any other makes its modality missing in that row. A row without any
    modality is left out. Rows of one group are never split.
    """

    Config: ClassVar[type[RowOptions]] = OwnTableConfig
    citation = "The user's own data."
    version = 3
    defaults: ClassVar[Mapping[str, Any]] = {
        "training": {"epochs": "auto", "start": "linear", "select": "imputation", "early_stopping": 25},
    }
    reads_by_schema = True
    reads_covariates = True
    _known: dict[str, Modality] | None = None

    @property
    def place(self) -> str:
        """Where the rows are, for the record."""
        return str(self.config.path)

    @property
    def title(self) -> str:
        """The same in a word, for sentences."""
        return Path(self.place).name if Path(self.place).is_absolute() else self.place

    def open(self) -> Source:
        """The columns and arrays, of which nothing is read yet."""
        return open_table(self.config)

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
            source = self.open()
            requests = make_requests(self.config, self.schema, source, find_roles(self.config, self.schema, source))
            images = [request for request in requests if issubclass(request.kind, ImageModality)]
            pictures = [file for request in images for file in picture_files(request, source)]
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
            "cells_missing": _empty_cells(table),
        }
        name = self.title
        left_out = count - len(table)
        summary = f"{name}, {count} rows" + (
            f", of which {left_out} have no modality and are left out" if left_out else ""
        )
        run_sides = None if self.schema is None else self.schema.sides
        sides = self._sides(content) if run_sides is None else find_run_sides(run_sides, table)
        tables = {side: table.select(torch.from_numpy(index)) for side, index in sides.items()}
        return Splits(
            tables["train"],
            tables["val"],
            tables["test"],
            provenance=Provenance("simulated" if config.simulated else "real", summary, self.place),
            labels={config.label: content.classes} if content.classes else {},
            facts=facts,
            modalities=content.modalities,
            notes=(
                *content.notes,
                *(() if run_sides is None else row_notes(run_sides, table, len(sides.get("new", ())), name)),
            ),
            new=tables.get("new"),
            covariates=content.covariates,
        )

    def _read(self) -> Content:
        content = read_content(self.open(), self.config, self.schema)
        self._known = content.modalities
        return content

    def _sides(self, content: Content) -> dict[str, np.ndarray]:
        """Row numbers by side: those of the column ``split``; a side that it does not name is drawn."""
        config, table, codes = self.config, content.table, content.sides
        groups = None if table.groups is None else table.groups.numpy()
        has_label = config.label in table.labels
        strata = table.labels[config.label].numpy() if has_label else np.zeros(len(table), dtype=np.int64)
        pool = np.arange(len(table)) if codes is None else np.flatnonzero(codes == 0)
        present = set() if codes is None else set(codes.tolist())
        shares = {
            "val": 0.0 if 1 in present else config.val_fraction,
            "test": 0.0 if 2 in present else config.test_fraction,
        }
        drawn_sides = split_rows(
            len(pool),
            **shares,
            seed=config.seed,
            groups=None if groups is None else groups[pool],
            strata=strata[pool],
        )
        sides = {side: pool[index] for side, index in drawn_sides.items()}
        for code, side in ((1, "val"), (2, "test")):
            if codes is not None and code in present:
                sides[side] = np.flatnonzero(codes == code)
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
