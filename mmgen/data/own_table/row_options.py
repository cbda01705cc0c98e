"""What rows of one's own mean, wherever they come from: their modalities, roles and sides."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field, model_validator

from ..dataset import DatasetConfig
from ..names import Name, Names
from .table_modality import TableModality


class RowOptions(DatasetConfig):
    """What one's own columns and arrays mean, and how their rows are split."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    missing: Names | None = Field(
        None,
        description="The words that mean a missing value, beside the empty cell; none: those of pandas (NA, NaN, None, "
        "null, …), which are not missing in a text.",
    )
    modalities: dict[str, TableModality] = Field(
        {}, description="Name of each modality to its columns (or array), its kind and its fields."
    )
    label: Name | None = Field(
        None, description="Column (or array) of the class of each row: text or whole numbers; empty where unknown."
    )
    id: Names = Field(
        (),
        description="Column (or columns) whose values name the rows; a column called id with as many values is taken "
        "for it.",
    )
    unknown: Literal["refuse", "missing"] = Field(
        "refuse",
        description="Where a run reads other rows: what becomes of a category or a character that it does not know.",
    )
    group: Name | None = Field(
        None, description="Column (or array) that says what belongs together; a group is never split."
    )
    split: Name | None = Field(
        None, description="Column (or array) with train, val or test for each row; a side it does not name is drawn."
    )
    test_fraction: float = Field(
        0.2, ge=0, lt=1, description="Share of the rows held out for testing, within each class."
    )
    val_fraction: float = Field(0.1, ge=0, lt=1, description="Share of the rows held out for validation.")
    seed: int = Field(0, description="Of the draw of the split.")
    simulated: bool = Field(
        False, description="Whether the table holds simulated data; every run and every result then says so."
    )

    @model_validator(mode="after")
    def _check_shares(self) -> RowOptions:
        if self.test_fraction + self.val_fraction >= 1:
            raise ValueError(
                f"test_fraction {self.test_fraction} and val_fraction {self.val_fraction} leave nothing to train on"
            )
        return self
