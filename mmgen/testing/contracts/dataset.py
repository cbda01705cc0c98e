"""What every dataset must hold."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError

from ...data import Dataset, Modality, Schema, Sides, Splits, Table
from ...data.describing import describe_modality
from ...errors import MmgenError
from .contract import Contract, does_not_apply, same_global_randomness, seed_everything
from .effects import path_options, relative_paths, side_effects

SIDES = ("train", "val", "test")


class DatasetContract(Contract):
    """Schema, honest splits, availability, labels, covariates and reproducibility of a dataset: of its ``toy()``, or of
    a dataset that is given as ``component``.
    """

    kind = "datasets"

    # What checks use --------------------------------------------------------------------------------------------------

    @property
    def dataset(self) -> Dataset:
        """What is checked."""
        found: Any = self.loaded()
        return self.once("dataset", lambda: found if isinstance(found, Dataset) else found.toy())

    @property
    def splits(self) -> Splits:
        """Its rows, made once."""
        return self.once("splits", self._seeded_splits)

    def _seeded_splits(self) -> Splits:
        seed_everything(0)
        return self.dataset.splits()

    def tables(self) -> list[tuple[str, Table]]:
        """The three sides by name."""
        return [(side, getattr(self.splits, side)) for side in SIDES]

    def _where_files_are_missing(self, folder: Path) -> Iterator[tuple[Dataset, str]]:
        """The dataset with each of its folders empty, and told to download where it can be."""
        kind = type(self.dataset)
        for option in path_options(kind.Config):
            for more in ({}, {"download": True}) if "download" in kind.Config.model_fields else ({},):
                other = copy(self.dataset)
                try:
                    other.config = kind.Config.model_validate({option: folder, **more})
                except (ValidationError, MmgenError):  # options that do not go together
                    continue
                yield other, f" with {option}=FOLDER{' and download' if more else ''}"

    # Checks -----------------------------------------------------------------------------------------------------------

    def test_values_are_as_declared(self) -> None:
        """Every side has the declared modalities in their order, in their shapes, contiguous, and finite where they are
        available.
        """
        modalities = self.dataset.modalities()
        for side, table in self.tables():
            assert list(table.data) == list(modalities), (
                f"{self.who}, {side}: the modalities are not those that are declared, in their order"
            )
            assert table.available.shape == (len(table), len(modalities)), (
                f"{self.who}, {side}: available is not [N, M]"
            )
            for m, (name, spec) in enumerate(modalities.items()):
                values = table.data[name][:]
                assert tuple(values.shape[1:]) == spec.shape, (
                    f"{self.who}, {side}: {name} has shape {tuple(values.shape[1:])}, declared is {spec.shape}"
                )
                assert values.is_contiguous(), f"{self.who}, {side}: {name} is not contiguous"
                finite = not values.is_floating_point() or values[table.available[:, m]].isfinite().all()
                assert finite, f"{self.who}, {side}: {name} has values that are not finite"

    def test_there_are_rows_and_each_has_something(self) -> None:
        """There are training and test rows, and no row lacks every modality."""
        assert len(self.splits.train) and len(self.splits.test), f"{self.who}: there are no training or no test rows"
        for side, table in self.tables():
            assert table.available.any(-1).all(), f"{self.who}, {side}: a row has no modality at all"

    def test_missing_values_are_finite(self) -> None:
        """What stands in the place of a missing modality is finite, whether or not somebody looks at it."""
        for side, table in self.tables():
            for name, rows in table.data.items():
                values = rows[:]
                finite = not values.is_floating_point() or values.isfinite().all()
                assert finite, (
                    f"{self.who}, {side}: something that is not finite stands in the place of a missing {name}; "
                    "write zeros"
                )

    def test_empty_cells_are_marked(self) -> None:
        """Which cells are observed is said in the shape of the values, of modalities with ``missing: cell`` alone; a
        row that has one has a cell of it, and zeros stand in the place of the others.
        """
        modalities = self.dataset.modalities()
        for side, table in self.tables():
            for name, cells in table.observed.items():
                who = f"{self.who}, {side}: what is observed of {name}"
                assert name in modalities, f"{who} belongs to no modality"
                assert modalities[name].missing == "cell", f"{who} is said, and the modality has missing: modality"
                shape = tuple(table.data[name].shape)
                assert cells.dtype == torch.bool and tuple(cells.shape) == shape, (
                    f"{who} is {cells.dtype} of shape {tuple(cells.shape)}, and should be torch.bool of shape {shape}"
                )
                has = table.available[:, list(table.data).index(name)]
                assert cells[has].flatten(1).any(1).all(), f"{who} is no cell at all in a row that has it"
                assert not table.data[name][:][~cells].any(), f"{who} hides values; write zeros in their place"

    def test_covariates_are_declared(self) -> None:
        """Every side has the declared covariates, one value per row: codes (int64) from −1, unknown, to the last class,
        or numbers (float32) that are finite or NaN.
        """
        declared = self.splits.covariates
        for side, table in self.tables():
            who = f"{self.who}, {side}"
            assert set(table.covariates) == set(declared), f"{who}: the covariates are not those that are declared"
            for name, values in table.covariates.items():
                assert values.shape == (len(table),), f"{who}: the covariate {name!r} is not one value per row"
                classes, dtype = declared[name], torch.int64 if declared[name] else torch.float32
                assert values.dtype == dtype, f"{who}: the covariate {name!r} is {values.dtype}, and should be {dtype}"
                right = (values >= -1) & (values < len(classes)) if classes else ~values.isinf()
                assert right.all(), f"{who}: a value of the covariate {name!r} is out of range"

    def test_labels_are_declared(self) -> None:
        """Every label has named classes, and codes from −1 (unknown) to the last of them."""
        for side, table in self.tables():
            for label, codes in table.labels.items():
                assert label in self.splits.labels, (
                    f"{self.who}, {side}: the classes of the label {label!r} are not declared"
                )
                top = 2 if codes.dim() == 2 else len(self.splits.labels[label])
                assert codes.max() < top and codes.min() >= -1, (
                    f"{self.who}, {side}: a code of {label!r} is out of range"
                )

    def test_no_group_is_on_two_sides(self) -> None:
        """The rows of one group are training, validation or test rows; unless training and test rows are the same on
        purpose.
        """
        groups = [set(np.asarray(table.groups).tolist()) for _, table in self.tables()]
        if groups[0] == groups[2]:
            return
        for one, two in ((0, 1), (0, 2), (1, 2)):
            shared = groups[one] & groups[two]
            assert not shared, f"{self.who}: {len(shared)} groups are both in {SIDES[one]} and in {SIDES[two]}"

    def test_making_it_again_gives_the_same(self) -> None:
        """The same options give the same rows, whatever the global random numbers are, which are left alone."""
        first = self.splits
        seed_everything(1)
        with same_global_randomness(self.who, torch_too=True):
            again = self.dataset.splits()
        for side in SIDES:
            one, two = getattr(first, side), getattr(again, side)
            for name in one.data:
                assert torch.equal(one.data[name][:], two.data[name][:]), (
                    f"{self.who}, {side}: {name} differs when it is made again"
                )
            assert torch.equal(one.available, two.available), (
                f"{self.who}, {side}: what is missing differs when it is made again"
            )
            for label in one.labels:
                assert torch.equal(one.labels[label], two.labels[label]), (
                    f"{self.who}, {side}: {label} differs when it is made again"
                )
            for what, here, there in (
                ("the covariate", one.covariates, two.covariates),
                ("what is observed of", one.observed, two.observed),
            ):
                assert here.keys() == there.keys(), f"{self.who}, {side}: {what} others when it is made again"
                for name in here:
                    same = torch.equal(here[name].nan_to_num(), there[name].nan_to_num())
                    assert same, f"{self.who}, {side}: {what} {name} differs when it is made again"

    def test_rows_are_known_by_each_modality(self) -> None:
        """A run keeps a key of what a row holds of each modality, so that it is recognised whatever else it has."""
        if any(table.identity is None for _, table in self.tables()):
            does_not_apply("nothing tells its rows apart, so that a run takes no row of other files for its own")
        table = Table.concatenate([table for _, table in self.tables()])
        assert table.identity is not None
        keys = table.identity.content
        assert torch.equal(keys != 0, table.available), (
            f"{self.who}: rows have keys of other modalities than those that they have"
        )
        for m, (name, values) in enumerate(table.data.items()):
            has = table.available[:, m].nonzero().squeeze(1)
            held = zip(values[has].numpy(), table.observed_cells(name)[has].numpy(), strict=True)
            pairs = {(x.tobytes() + cells.tobytes(), key) for (x, cells), key in zip(held, keys[has, m].tolist())}
            assert len(pairs) == len({words for words, _ in pairs}) == len({key for _, key in pairs}), (
                f"{self.who}: the keys of {name} are not those of what rows hold of it"
            )

    def test_a_run_reads_rows_by_its_own_codes_and_sides(self) -> None:
        """What a run knows decides: its order of columns, categories and classes, and which row was on which side."""
        kind = type(self.dataset)
        if not kind.reads_by_schema:
            does_not_apply("modalities() gives them; what a run opens is compared with them")
        first = self.splits
        modalities = {name: _turned(modality) for name, modality in first.modalities.items()}
        labels = {label: classes[::-1] for label, classes in first.labels.items()}
        sides = Sides.of([table.identity for _, table in self.tables()])
        assert sides is not None, (
            f"{self.who}: its rows have no identity, so that a run cannot tell training rows from others"
        )
        again = copy(self.dataset)  # which may be made from more than its options
        covariates = {name: classes[::-1] for name, classes in first.covariates.items()}
        again.schema = Schema(modalities, labels, replace(sides, side=(sides.side + 1) % len(SIDES)), covariates)
        second = again.splits()
        for code, (side, table) in enumerate(self.tables()):
            other = getattr(second, SIDES[(code + 1) % len(SIDES)])
            rows, again_rows = np.asarray(table.rows).tolist(), np.asarray(other.rows).tolist()
            assert rows == again_rows, f"{self.who}: {side} rows are not where the run had them"
            for name in table.data:
                one, two = _words(first.modalities[name], name, table), _words(modalities[name], name, other)
                assert one == two, f"{self.who}, {side}: {name} is not read by the columns and categories of the run"
            for label, classes in first.labels.items():
                here, there = _classes(classes, table.labels[label]), _classes(labels[label], other.labels[label])
                assert here == there, f"{self.who}, {side}: {label} is not read by the classes of the run"
            for name, classes in first.covariates.items():
                values, others = table.covariates[name], other.covariates[name]
                same = (
                    _classes(classes, values) == _classes(covariates[name], others)
                    if classes
                    else torch.equal(values.nan_to_num(), others.nan_to_num())
                )
                assert same, f"{self.who}, {side}: the covariate {name} is not read by the classes of the run"

    def test_paths_do_not_depend_on_the_working_directory(self) -> None:
        """Every option that is a path becomes an absolute one, so that a run can be opened from anywhere."""
        config = self.dataset.config
        for option in path_options(type(config)):
            left = relative_paths(config, option)
            assert not left, f"{self.who}: {option!r} keeps the relative path {left[0]}; declare it as mmgen.Folder"

    def test_being_asked_has_no_side_effects(self) -> None:
        """``sources()`` and ``modalities()``, asked at every opening, write and fetch nothing; ``splits()`` may."""
        with tempfile.TemporaryDirectory(prefix="mmgen-empty-") as folder:
            for dataset, how in [(self.dataset, ""), *self._where_files_are_missing(Path(folder))]:
                for asked in ("sources", "modalities"):
                    done = side_effects(getattr(dataset, asked))
                    assert not done, f"{self.who}{how}: {asked}() {done[0]}; that belongs into splits()"

    def test_it_says_where_it_comes_from(self) -> None:
        """Provenance is a sentence, facts are JSON, every option has a description, and modalities are of installed
        kinds.
        """
        provenance = self.splits.provenance
        assert provenance.kind in ("real", "simulated", "stand-in"), (
            f"{self.who}: {provenance.kind!r} is not a kind of provenance"
        )
        assert provenance.summary.strip(), f"{self.who}: nothing says what the data are"
        json.dumps(dict(self.splits.facts), allow_nan=False)
        for name, option in type(self.dataset).Config.model_fields.items():
            assert option.description, f"{self.who}: the option {name!r} has no description"
        for modality in self.dataset.modalities().values():
            describe_modality(modality)


def _turned(modality: Modality) -> Modality:
    """The modality with its columns and categories in the opposite order."""
    turned: dict[str, Any] = {
        name: getattr(modality, name)[::-1] for name in ("columns", "categories") if name in modality.vocabulary
    }
    return modality.model_copy(update=turned)


def _words(modality: Modality, name: str, table: Table) -> list[dict[str, Any]]:
    """Every available value of a modality as a person would see it in a table, None where a cell is empty."""
    has = table.available[:, list(table.data).index(name)]
    names = modality.value_names(name)
    words = []
    for value, observed in zip(table.data[name][:][has], table.observed_cells(name)[has].flatten(1).tolist()):
        cells = zip(names, modality.cells(value.numpy()), observed)
        words.append({title: cell if there else None for title, cell, there in cells})
    return words


def _classes(classes: tuple[str, ...], codes: torch.Tensor) -> list[str]:
    return [classes[code] if code >= 0 else "" for code in codes.tolist()]


def check_dataset(dataset: Dataset | str | type) -> None:
    """Run :class:`DatasetContract`. Raises an AssertionError that names the checks that fail."""
    failed = DatasetContract.of(dataset).failures()
    assert not failed, "\n".join(f"{name}: {sentence}" for name, sentence in failed.items())
