"""The options of the dataset ``table``: a YAML file that describes it, the same keys as options, or both."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from ...files import real_path
from ...options import merge
from ..likelihood_choice import with_mappings
from ..names import Name
from .dialect import Reading, parse_separator
from .file_modality import FileModality
from .opening import describes_itself
from .row_options import RowOptions
from .yaml_description import read_description, resolve_paths


class OwnTableConfig(RowOptions):
    """Where one's own table is, and what its columns mean."""

    config: Path | None = Field(None, description="A YAML file with these same keys; options given beside it win.")
    path: str | tuple[str, ...] | None = Field(
        None,
        description="A file (.csv, .tsv, .txt, .parquet, .json, .jsonl, .arrow, .npz, .safetensors and others: mmgen "
        "list formats), a folder that the package datasets reads, or the name of a dataset on the Hugging Face Hub; or "
        "a list of them, joined by the option id; in a YAML file, relative to that file.",
    )
    modalities: dict[str, FileModality] = Field(  # type: ignore[assignment]
        {}, description="Name of each modality to its columns (or array), its kind, its fields, and its own file."
    )
    pair_by: Name | None = Field(
        None,
        description="Where the files are recordings without common samples: the column of the class (the stimulus) in "
        "each of them; rows of one class are paired at random, within a side of the split. It is the label, where no "
        "other is given.",
    )
    subset: str | None = Field(None, description="Configuration of a Hub dataset that has several.")
    separator: str | None = Field(
        None,
        description="What separates the cells of a text file: a sign, or tab; none: found out from its first lines.",
    )
    decimal: Literal[".", ","] | None = Field(
        None,
        description="The decimal sign in a text file; none: found out, where commas do not separate the cells.",
    )
    comment: str | None = Field(
        None,
        description='What lines that are no rows begin with; none: "#", before the header only; "": there are none.',
    )
    encoding: str | None = Field(None, description="Encoding of a text file, such as latin-1; none: UTF-8 or UTF-16.")
    format: dict[str, Any] | None = Field(
        None,
        description="Options of the file's format, by name, such as {bin: 0.05} of NWB (mmgen info nwb lists them).",
    )

    @field_validator("path", mode="before")
    @classmethod
    def _check_path(cls, value: Any) -> Any:
        if isinstance(value, list | tuple) and all(isinstance(each, str | Path) for each in value):
            distinct = tuple(dict.fromkeys(map(str, value)))
            return distinct if len(distinct) > 1 else (distinct or (None,))[0]
        if value is not None and not isinstance(value, str | Path):
            raise ValueError(
                f"a {type(value).__name__} is given, and a path to a file is wanted; data in memory take the place of "
                "the dataset's name, such as mmgen.load_dataset({'genes': frame, 'scans': array})"
            )
        return value

    @field_validator("separator", mode="after")
    @classmethod
    def _parse_separator(cls, value: str | None) -> str | None:
        return parse_separator(value)

    @property
    def reading(self) -> Reading:
        """How text files are written, as far as it was said, and which words mean a missing value."""
        return Reading(self.separator, self.decimal, self.comment, self.encoding, self.missing, self.format)

    @model_validator(mode="before")
    @classmethod
    def _resolve(cls, raw: Any) -> Any:
        """Merge the YAML file into the options and make the path absolute: what remains can be used from any folder."""
        if not isinstance(raw, Mapping) or not isinstance(raw.get("config"), str | Path | None):
            return raw
        options = _with_mappings(resolve_paths(raw, Path.cwd()))
        file = options.pop("config", None)
        if file is None:
            return _with_label(options)
        place = Path(os.path.expanduser(file))  # noqa: PTH111 - pathlib makes an error of the home of nobody
        described = resolve_paths(read_description(place, list(cls.model_fields)), real_path(place).parent)
        return _with_label(merge(_with_mappings(described), options))

    @model_validator(mode="after")
    def _check_complete(self) -> OwnTableConfig:
        if not self.files or not (self.modalities or any(describes_itself(Path(file)) for file in self.files)):
            raise ValueError(
                "give path (a file) and modalities (what its columns mean), or config (a YAML file with both)"
            )
        return self

    @property
    def shared(self) -> tuple[str, ...]:
        """The files of what has none of its own."""
        return (self.path,) if isinstance(self.path, str) else self.path or ()

    @property
    def own(self) -> dict[str, str]:
        """Modality to its own file."""
        return {name: each.path for name, each in self.modalities.items() if each.path is not None}

    @property
    def files(self) -> tuple[str, ...]:
        """All of them, each once."""
        return tuple(dict.fromkeys((*self.shared, *self.own.values())))


def _with_label(options: dict[str, Any]) -> dict[str, Any]:
    """What recordings are paired by is the label, unless another is given."""
    if options.get("pair_by") is None or options.get("label") is not None:
        return options
    return {**options, "label": options["pair_by"]}


def _with_mappings(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with likelihoods as mappings, so that an option of one can be given beside its name in a file."""
    modalities = options.get("modalities")
    if not isinstance(modalities, Mapping):
        return dict(options)
    written = {
        name: with_mappings(fields) if isinstance(fields, Mapping) else fields for name, fields in modalities.items()
    }
    return {**options, "modalities": written}
