"""The options of the dataset ``table``: a YAML file that describes it, the same keys as options, or both."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from ...errors import DataError
from ...options import merge
from ..likelihood_choice import with_mappings
from .dialect import Reading
from .opening import describes_itself
from .row_options import RowOptions
from .table_modality import GIVE_EITHER
from .yaml_description import read_description, resolve_path

SIGNS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "bar": "|", "blank": " "}


class OwnTableConfig(RowOptions):
    """Where one's own table is, and what its columns mean."""

    config: Path | None = Field(None, description="A YAML file with these same keys; options given beside it win.")
    path: str | None = Field(
        None,
        description="A file (.csv, .tsv, .txt, .parquet, .json, .jsonl, .arrow, .npz, .safetensors), a folder that "
        "the package datasets reads, or the name of a dataset on the Hugging Face Hub; in a YAML file, relative to "
        "that file.",
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

    @field_validator("path", mode="before")
    @classmethod
    def _check_path(cls, value: Any) -> Any:
        if isinstance(value, list | tuple):
            raise ValueError(
                f"{len(value)} files are given, and one is read; join them by the ids of their rows first, such as "
                "with pandas.merge(a, b, on='id', how='outer').to_csv('data.csv', index=False)"
            )
        if value is not None and not isinstance(value, str | Path):
            raise ValueError(
                f"a {type(value).__name__} is given, and a path to a file is wanted; data in memory take the place of "
                "the dataset's name, such as mmgen.load_dataset({'genes': frame, 'scans': array})"
            )
        return value

    @field_validator("separator", mode="after")
    @classmethod
    def _parse_separator(cls, value: str | None) -> str | None:
        sign = SIGNS.get(value or "", value)
        if sign is not None and (len(sign) != 1 or sign in '"\r\n'):
            raise ValueError(f"{value!r} is not a single sign, such as ';' or tab")
        return sign

    @property
    def reading(self) -> Reading:
        """How text files are written, as far as it was said, and which words mean a missing value."""
        return Reading(self.separator, self.decimal, self.comment, self.encoding, self.missing)

    @model_validator(mode="before")
    @classmethod
    def _resolve(cls, raw: Any) -> Any:
        """Merge the YAML file into the options and make the path absolute: what remains can be used from any folder."""
        if not isinstance(raw, Mapping) or not isinstance(raw.get("config"), str | Path | None):
            return raw
        options = _with_mappings(resolve_path(raw, Path.cwd()))
        file = options.pop("config", None)
        if file is None:
            return options
        place = Path(file).expanduser()
        described = resolve_path(read_description(place, list(cls.model_fields)), place.resolve().parent)
        return merge(_with_mappings(described), options)

    @model_validator(mode="after")
    def _check_complete(self) -> OwnTableConfig:
        if self.path is not None and self.modalities and all(each.is_complete for each in self.modalities.values()):
            return self
        if self.path is None or not (self.modalities or describes_itself(Path(self.path))):
            raise ValueError(
                "give path (a file) and modalities (what its columns mean), or config (a YAML file with both)"
            )
        for name, description in self.modalities.items():
            if not description.is_complete and not describes_itself(Path(self.path)):
                missing = ".kind: this option must be given" if description.kind is None else f": {GIVE_EITHER}"
                raise DataError(f"dataset.modalities.{name}{missing}.")
        return self


def _with_mappings(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with likelihoods as mappings, so that an option of one can be given beside its name in a file."""
    modalities = options.get("modalities")
    if not isinstance(modalities, Mapping):
        return dict(options)
    written = {
        name: with_mappings(fields) if isinstance(fields, Mapping) else fields for name, fields in modalities.items()
    }
    return {**options, "modalities": written}
