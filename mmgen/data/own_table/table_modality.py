"""What a description of one's own table says of one modality."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..names import Name, Names

NAMED = 'give either columns (names, or a pattern such as "g*") or array (the name of one)'


class TableModality(BaseModel):
    """One modality of one's own table.

    Any other field is one of the kind's (``likelihood``, ``weight``, ``hidden``, ``display``, …).
    """

    model_config = ConfigDict(frozen=True, extra="allow", coerce_numbers_to_str=True)

    kind: str | None = Field(
        None,
        description="vector, counts, tags, labels, mixed, text, image, or another installed modality (mmgen list "
        "modalities); none: what its file says, or what its values look like, which is said.",
    )
    columns: Names = Field((), description='Columns of the table: a name, a pattern such as "g*", or a list of them.')
    array: Name | None = Field(
        None, description="Array of an NPZ or safetensors file, or a column of lists or images, whose rows are values."
    )

    @model_validator(mode="after")
    def _check_source(self) -> TableModality:
        if self.columns and self.array is not None:
            raise ValueError(NAMED)
        return self

    @property
    def has_place(self) -> bool:
        """Whether it says where the values are."""
        return bool(self.columns) or self.array is not None

    @property
    def is_complete(self) -> bool:
        """Whether it says where the values are and what they are."""
        return self.kind is not None and self.has_place

    @property
    def fields(self) -> dict[str, Any]:
        """What is passed on to the modality."""
        return dict(self.model_extra or {})
