"""The interface of a dataset: modalities, labels, splits, and where the files come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, field_validator

from ..files import real_path
from ..options import Options
from .modality import Modality
from .names import Name, Names
from .original import Original
from .provenance import Provenance
from .schema import Schema
from .table import Table

Folder = Annotated[Path, AfterValidator(real_path)]  # a run can then be opened from anywhere


class DatasetConfig(Options):
    """Base of a dataset's options; every field has a description and can be set as ``dataset.<field>``."""

    missing_rate: float | dict[str, float] = Field(
        0.0,
        description="Share of the modalities that training and validation rows lose at random: one number, or one by "
        "modality; test rows keep all.",
    )
    missing_cells: float | dict[str, float] = Field(
        0.0,
        description="Share of the cells of vectors, counts and tags that training and validation rows lose at random: "
        "one number, or one by modality; test rows keep all.",
    )
    missing_by: str | None = Field(
        None,
        description="A label on which that depends: from nothing in its first class to twice the rate in its last "
        "one; none: on nothing.",
    )
    missing_seed: int = Field(0, ge=0, description="Of what is lost; a higher rate loses the same and more.")
    covariates: Names | dict[Name, Literal["category", "number"]] = Field(
        (),
        description="What networks are told of every row beside its modalities, such as its site or age: labels of one "
        "class per row, or, of one's own table, columns; as a mapping also what each of them is.",
    )

    @field_validator("missing_rate", "missing_cells", mode="before")
    @classmethod
    def _check_share(cls, value: Any) -> Any:
        for rate in value.values() if isinstance(value, Mapping) else [value]:
            if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate < 1:
                raise ValueError(
                    f"{rate!r} is not a share from 0 to below 1; write 0.3, or one per modality such as {{image: 0.3}}"
                )
        return value


@dataclass(frozen=True)
class Splits:
    """Training, validation and test rows, of one schema; rows of one group are in one of them.

    Attributes:
        train, val, test: The rows of each side.
        provenance: Where they come from.
        labels: Classes of every label, in the order of their codes.
        facts: Anything else worth keeping, as JSON; written into the run.
        modalities: The modalities, where they are found by reading the data (sizes, categories, alphabets); empty where
            :meth:`Dataset.modalities` knows them without.
        notes: Sentences about what was left out, changed or guessed; shown when a training begins, and written into the
            run.
        covariates: Classes of every covariate, in the order of their codes; none of one that is a number.
        new: Rows that a run opens and that were on none of its sides; None where there are none.
        changes: Sentences about which rows are new or gone since the training of the run that opens them.
    """

    train: Table
    val: Table
    test: Table
    provenance: Provenance
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    modalities: Mapping[str, Modality] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    new: Table | None = None
    covariates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    changes: tuple[str, ...] = ()

    def with_tables(self, change: Callable[[Table], Table]) -> Splits:
        """The same with every side's rows changed."""
        new = None if self.new is None else change(self.new)
        return replace(self, train=change(self.train), val=change(self.val), test=change(self.test), new=new)


class Dataset(ABC):
    """A set of rows seen through several modalities.

    A subclass says which modalities there are and reads or makes the rows; ``mmgen.load_dataset`` takes it as it is.

    >>> import mmgen, torch
    >>> class Noise(mmgen.Dataset):
    ...     def modalities(self):
    ...         return {"x": mmgen.VectorModality(shape=(3,)), "y": mmgen.VectorModality(shape=(2,))}
    ...     def splits(self):
    ...         table = mmgen.Table.of({"x": torch.rand(30, 3), "y": torch.rand(30, 2)})
    ...         sides = mmgen.split_rows(30, test=0.2, val=0.1, seed=0)
    ...         tables = [table.select(torch.from_numpy(rows)) for rows in sides.values()]
    ...         return mmgen.Splits(*tables, mmgen.Provenance("simulated", "uniform noise"))
    ...     @classmethod
    ...     def toy(cls):
    ...         return cls()
    >>> len(mmgen.load_dataset(Noise).train)
    21

    Attributes:
        config: The options.
        schema: What a run knows of the data, where a run opens them; a dataset that finds its modalities by reading
            (``reads_by_schema``) then takes them, the classes and the sides from there instead.
    """

    Config: ClassVar[type[DatasetConfig]] = DatasetConfig
    version: ClassVar[int] = 1  # part of the cache key: raise it when splits() changes what it makes
    citation: ClassVar[str] = ""
    licence: ClassVar[str] = ""
    defaults: ClassVar[Mapping[str, Any]] = {}  # of the run configuration, such as {"model": {"latent_dim": 2}}
    reads_by_schema: ClassVar[bool] = False  # whether splits() obeys the schema of a run
    reads_covariates: ClassVar[bool] = False  # whether splits() looks for those that the options name
    schema: Schema | None = None
    index: Any = None  # what pandas calls the rows of data in memory, by their numbers; it is none of their values

    def __init__(self, config: DatasetConfig | None = None) -> None:
        self.config: Any = self.Config() if config is None else config

    @classmethod
    def placed(cls, options: Mapping[str, Any], place: Path) -> dict[str, Any]:
        """The options of a run that change where its data are at another place; none where they are in no file."""
        option = next((name for name in ("path", "root") if name in cls.Config.model_fields), None)
        return {} if option is None else {option: str(place)}

    @abstractmethod
    def modalities(self) -> dict[str, Modality]:
        """The modalities in order, by name.

        Like :meth:`sources` it is called whenever the data are opened, so it writes nothing and fetches nothing.
        """

    @abstractmethod
    def splits(self) -> Splits:
        """Read or make the data, after a download if there is one; called when the cache has no copy.

        Raises:
            DataError: Files that cannot be read, in a sentence.
        """

    def original(self, table: Table) -> Original | None:
        """The table of columns that rows were read from, as it is written; None where there is none.

        Args:
            table: Rows of :meth:`splits`.
        """
        return None

    def sources(self) -> list[Path]:
        """The files that :meth:`splits` reads, as far as they are there, so that the cache notices when they change."""
        return []

    @classmethod
    @abstractmethod
    def toy(cls) -> Dataset:
        """A small one of the same schema, made in a moment from nothing that has to be there: for tests."""
