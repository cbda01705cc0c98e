"""What a description of one's own table says of one modality that may have a file of its own."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from .dialect import Reading, parse_separator
from .table_modality import TableModality

OF_FILES = ("separator", "decimal", "comment", "encoding", "format")


class FileModality(TableModality):
    """One modality of one's own table, in the common file or in one of its own."""

    path: str | None = Field(
        None,
        description="A file of its own, whose rows are joined with those of the others by the option id; in a YAML "
        "file, relative to that file.",
    )
    separator: str | None = Field(None, description="Of its own file, where it is another than that of the others.")
    decimal: Literal[".", ","] | None = Field(None, description="The same.")
    comment: str | None = Field(None, description="The same.")
    encoding: str | None = Field(None, description="The same.")
    format: dict[str, Any] | None = Field(None, description="Options of the format of its own file.")

    @field_validator("separator", mode="after")
    @classmethod
    def _parse_separator(cls, value: str | None) -> str | None:
        return parse_separator(value)

    @model_validator(mode="after")
    def _check_file(self) -> FileModality:
        if self.path is None:
            for option in OF_FILES:
                if getattr(self, option) is not None:
                    raise ValueError(f"{option} is said of a file of its own: give path too, or say it of the table")
        return self

    def reading(self, common: Reading) -> Reading:
        """How its own file is written: as it says, or else as all files are."""
        own: dict[str, Any] = {name: getattr(self, name) for name in OF_FILES}
        return common.with_options({name: value for name, value in own.items() if value is not None})
