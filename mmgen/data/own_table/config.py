"""The options of the dataset ``table``: a YAML file that describes one's own data, the same keys as options, or both."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ...errors import DataError, listed, nearest
from ...options import merge
from ...yaml_files import read_mapping
from ..dataset import DatasetConfig

FILE_ENDINGS = (".csv", ".tsv", ".parquet", ".json", ".jsonl", ".arrow", ".npz", ".safetensors")


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str | int) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_several, json_schema_input_type=str | list[str])]


class TableModality(BaseModel):
    """One modality of one's own table; any other field is one of the kind's (``likelihood``, ``weight``, ``hidden``, ``display``, …)."""

    model_config = ConfigDict(frozen=True, extra="allow", coerce_numbers_to_str=True)

    kind: str = Field(description="vector, counts, tags, labels, text, image, or another installed modality (mmgen list modalities).")
    columns: Names = Field((), description='Columns of the table: a name, a pattern such as "g*", or a list of them.')
    array: str | None = Field(
        None, description="Array of an NPZ or safetensors file, or a column of lists or images, whose rows are values."
    )

    @model_validator(mode="after")
    def _one_source(self) -> TableModality:
        if bool(self.columns) == (self.array is not None):
            raise ValueError('give either columns (names, or a pattern such as "g*") or array (the name of one)')
        return self

    @property
    def fields(self) -> dict[str, Any]:
        """What is passed on to the modality."""
        return dict(self.model_extra or {})


class OwnTableConfig(DatasetConfig):
    """Where one's own table is, and what its columns mean."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    config: Path | None = Field(None, description="A YAML file with these same keys; options given beside it win.")
    path: str | None = Field(
        None,
        description="A file (.csv, .tsv, .parquet, .json, .jsonl, .arrow, .npz, .safetensors), a folder that the package datasets reads, "
        "or the name of a dataset on the Hugging Face Hub; in a YAML file, relative to that file.",
    )
    subset: str | None = Field(None, description="Configuration of a Hub dataset that has several.")
    modalities: dict[str, TableModality] = Field(
        {}, description="Name of each modality to its columns (or array), its kind and its fields."
    )
    label: str | None = Field(None, description="Column (or array) of the class of each row: text or whole numbers; empty where unknown.")
    id: Names = Field(
        (), description="Column (or columns) whose values name the rows; a column called id with as many values is taken for it."
    )
    unknown: Literal["refuse", "missing"] = Field(
        "refuse", description="Where a run reads other rows: what becomes of a category or a character that it does not know."
    )
    group: str | None = Field(None, description="Column (or array) that says what belongs together; a group is never split.")
    split: str | None = Field(None, description="Column (or array) with train, val or test for each row; a side it does not name is drawn.")
    test_fraction: float = Field(0.2, ge=0, lt=1, description="Share of the rows held out for testing, within each class.")
    val_fraction: float = Field(0.1, ge=0, lt=1, description="Share of the rows held out for validation.")
    seed: int = Field(0, description="Of the draw of the split.")
    standardise: bool = Field(
        True, description="Whether vectors are standardised with training statistics, unless a modality says otherwise."
    )
    simulated: bool = Field(False, description="Whether the table holds simulated data; every run and every result then says so.")

    @model_validator(mode="before")
    @classmethod
    def _resolve(cls, given: Any) -> Any:
        """Merge the YAML file into the options and make the path absolute: what remains can be used from any folder."""
        if not isinstance(given, Mapping) or not isinstance(given.get("config"), str | Path | None):
            return given
        options = _located(given, Path.cwd())
        file = options.pop("config", None)
        if file is None:
            return options
        place = Path(file).expanduser()
        return merge(_located(_described(place, list(cls.model_fields)), place.resolve().parent), options)

    @model_validator(mode="after")
    def _complete(self) -> OwnTableConfig:
        if self.path is None or not self.modalities:
            raise ValueError("give path (a file) and modalities (what its columns mean), or config (a YAML file with both)")
        if self.test_fraction + self.val_fraction >= 1:
            raise ValueError(f"test_fraction {self.test_fraction} and val_fraction {self.val_fraction} leave nothing to train on")
        return self


def _described(file: Path, known: list[str]) -> dict[str, Any]:
    """The content of the YAML file, whose keys must be known."""
    content = read_mapping(file, "dataset.config")
    allowed = [name for name in known if name != "config"]
    for key in content:
        if key not in allowed:
            raise DataError(f"dataset.config: {file} has the key {str(key)!r}; there are {listed(allowed)}{nearest(str(key), allowed)}.")
    return content


def _located(options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The options with an absolute path; what can only be a name on the Hub stays as it is."""
    path = options.get("path")
    if not isinstance(path, str | Path):
        return dict(options)
    place = folder / Path(path).expanduser()
    names_hub = re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", str(path)) and place.suffix.lower() not in FILE_ENDINGS
    return {**options, "path": str(path) if names_hub and not place.exists() else str(place.resolve())}
