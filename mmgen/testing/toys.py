"""Small data and models with known answers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..data import (
    Batch,
    CountsModality,
    Data,
    Dataset,
    ImageModality,
    LabelsModality,
    Modality,
    Provenance,
    Splits,
    Table,
    TagsModality,
    TextModality,
    VectorModality,
)
from ..models import MultimodalVAE
from .models import make_model
from .worlds import LinearGaussianWorld

if TYPE_CHECKING:
    from ..runs import Run


class ToyDataset(Dataset):
    """A few rows of every kind of modality that the core has; all depend on one label of three classes.

    Args:
        kinds: Of which kinds.
        rows: For training.
        missing: Share of the values that rows lack.
        seed: Of the values.
        cells: Share of the cells that are empty, of kinds that can lack some.
        covariates: Whether there is a site of two classes and an age, of which some are unknown.
    """

    def __init__(
        self,
        kinds: Sequence[str] = ("vector", "counts", "tags"),
        rows: int = 48,
        missing: float = 0.0,
        seed: int = 0,
        cells: float = 0.0,
        covariates: bool = False,
    ) -> None:
        super().__init__()
        self.kinds, self.count, self.missing, self.seed = tuple(kinds), rows, missing, seed
        self.cells, self.has_covariates = cells, covariates

    def modalities(self) -> dict[str, Modality]:
        """One modality of each kind, called by its kind; small networks."""
        made: dict[str, Modality] = {
            "vector": VectorModality(shape=(5,), hidden=(8,)),
            "counts": CountsModality(shape=(4,), hidden=(8,)),
            "tags": TagsModality(shape=(3,), hidden=(8,)),
            "labels": LabelsModality(shape=(1,), categories=("x", "y", "z"), hidden=(8,)),
            "text": TextModality(shape=(6,), alphabet=(" ", "a", "b", "c"), hidden=(8,)),
            "image": ImageModality(shape=(1, 8, 8), channels=(4, 4)),
        }
        partial = {"missing": "cell"} if self.cells else {}
        return {
            kind: made[kind].model_copy(update=partial if made[kind].takes_missing_cells else {}) for kind in self.kinds
        }

    def splits(self) -> Splits:
        """Seeded rows: 48 for training by default, half as many each for validation and testing."""
        generator = torch.Generator().manual_seed(self.seed)
        return Splits(
            self._table(self.count, generator),
            self._table(self.count // 2, generator),
            self._table(self.count // 2, generator),
            Provenance("simulated", "A toy of a few random rows."),
            {"class": ("x", "y", "z")},
            covariates={"site": ("A", "B"), "age": ()} if self.has_covariates else {},
        )

    @classmethod
    def toy(cls) -> Dataset:
        """Itself."""
        return cls()

    def _table(self, rows: int, generator: torch.Generator) -> Table:
        label = torch.arange(rows) % 3
        data = {kind: self._values(kind, label, generator) for kind in self.kinds}
        available = torch.rand(rows, len(self.kinds), generator=generator) >= self.missing
        available[torch.arange(rows), torch.arange(rows) % len(self.kinds)] = True
        for m, kind in enumerate(self.kinds):
            data[kind][~available[:, m]] = 0
        table = Table.of(data, available=available, labels={"class": label})
        if self.cells:
            table = replace(table, observed=self._observed(table, generator))
        if self.has_covariates:
            site, age = torch.arange(rows) // 3 % 2, 40 + 10 * torch.randn(rows, generator=generator)
            site[5::11], age[3::7] = -1, torch.nan
            table = replace(table, covariates={"site": site, "age": age})
        return table

    def _observed(self, table: Table, generator: torch.Generator) -> dict[str, Tensor]:
        """Masks of which cells are there; at least one where a row has the modality. What is not there is 0."""
        masks = {}
        for m, (kind, modality) in enumerate(self.modalities().items()):
            if modality.missing != "cell":
                continue
            values = table.data[kind]
            observed = torch.rand(values.shape, generator=generator) >= self.cells
            observed[torch.arange(len(table)), torch.arange(len(table)) % values.shape[1]] = True
            masks[kind] = observed & table.available[:, m, None]
            values[~masks[kind]] = 0  # type: ignore[index]
        return masks

    @staticmethod
    def _values(kind: str, label: Tensor, generator: torch.Generator) -> Tensor:
        shape = (len(label), *ToyDataset((kind,)).modalities()[kind].shape)
        level = label.reshape(-1, *[1] * (len(shape) - 1)).expand(shape)
        noise = torch.rand(shape, generator=generator)
        if kind == "vector":
            return 3.0 * level + noise
        if kind == "tags":
            return ((0.2 + 0.3 * level) > noise).to(torch.uint8)
        if kind == "labels":
            return level.clone().to(torch.uint8)
        if kind == "image":
            return (80 * level + 40 * noise).to(torch.uint8)
        return ((2 * level + 2 * noise) if kind == "counts" else (level + noise).round()).to(torch.uint8)


def toy_data(
    kinds: Sequence[str] = ("vector", "counts", "tags"),
    rows: int = 48,
    missing: float = 0.0,
    seed: int = 0,
    cells: float = 0.0,
    covariates: bool = False,
) -> Data:
    """A :class:`ToyDataset` as :func:`mmgen.load_dataset` would give it, without a cache."""
    dataset = ToyDataset(kinds, rows, missing, seed, cells, covariates)
    splits = dataset.splits()
    tables, fingerprint = (splits.train, splits.val, splits.test), f"toy-{kinds}-{rows}-{missing}-{seed}-{cells}"
    return Data(
        "toy",
        dataset,
        dataset.modalities(),
        *tables,
        splits.labels,
        splits.provenance,
        fingerprint,
        covariates=splits.covariates,
    )


_MODELS: dict[str, MultimodalVAE] = {}


def toy_model(objective: str | type, weights: Mapping[str, float], **options: Any) -> MultimodalVAE:
    """A model of toy data with weights of its likelihoods, for equations that are written out.

    It is that of :func:`mmgen.testing.make_model`; its parameters have no gradients, so that those of what a test
    holds it at are all that is computed. The same arguments give the same object, which Hypothesis asks for often: a
    test that changes a model makes one with :func:`mmgen.testing.make_model`.

    Args:
        objective: Name of an installed objective, or a class.
        weights: Weight of the log-likelihood by the kind of modality; the kinds are those of the data.
        **options: Of :func:`mmgen.testing.make_model`.
    """
    key = repr((objective, dict(weights), sorted(options.items())))
    if key not in _MODELS:
        modalities = {kind: {"weight": weight} for kind, weight in weights.items()}
        model = make_model(objective, toy_data(tuple(weights)), modalities=modalities, **options)
        _MODELS[key] = model.requires_grad_(False)
    return _MODELS[key]


def toy_run(
    data: Data | None = None,
    output: str | Path | None = None,
    *,
    objective: str = "elbo",
    options: Mapping[str, Any] | None = None,
    **training: Any,
) -> Run:
    """A model after one epoch, which takes a moment: for tests of what is done with runs.

    Args:
        data: What it is trained on; by default 20 rows of :func:`mmgen.testing.toy_data`.
        output: Folder of the run; none where it is left out.
        objective: Name of an installed objective.
        options: Of :meth:`mmgen.MultimodalVAE.create`; two latent dimensions unless they say otherwise.
        **training: Of :class:`mmgen.Trainer`; one epoch unless they say otherwise.
    """
    from ..training import Trainer

    data = toy_data(rows=20) if data is None else data
    model = MultimodalVAE.create(objective, data, **{"latent_dim": 2, **(options or {})})
    trainer = Trainer(**{"epochs": 1, **training})
    return trainer.fit(model, data, output=None if output is None else str(output))


def with_long_texts(data: Data, length: int = 32) -> Data:
    """Toy data whose texts are padded to a length that deep networks of text take."""
    modality = data.modalities["text"].model_copy(update={"shape": (length,)})

    def padded(table: Table) -> Table:
        codes = table.data["text"][:]
        rest = codes.new_zeros(len(codes), length - codes.shape[1])
        return replace(table, data={**table.data, "text": torch.cat([codes, rest], 1)})

    train, val, test = (padded(table) for table in (data.train, data.val, data.test))
    return replace(data, modalities={**data.modalities, "text": modality}, train=train, val=val, test=test)


def world_model(world: LinearGaussianWorld, objective: str | type = "elbo", **options: Any) -> MultimodalVAE:
    """A float64 model of an objective (by its name, or as a class) whose decoders are the world's own, and whose
    encoders (where it has some) give the exact experts.

    In an ``orthogonal`` world the product of these experts and N(0, I) is the true posterior of every subset. Private
    latents have N(0, I) as their posterior, and decoders do not look at them.
    """
    x = world.sample(2)[1]
    modalities: dict[str, Modality] = {
        f"m{m}": VectorModality(
            shape=(dim,),
            hidden=(),
            decoder_hidden=(),
            transform="none",
            likelihood={"name": "normal", "scale": float(scale)},
        )
        for m, (dim, scale) in enumerate(zip(world.dims, world.scales, strict=True))
    }
    table = world_table(x)
    provenance = Provenance("simulated", "A linear-Gaussian world.")
    data = Data(
        "world", ToyDataset(), modalities, table, table, table, labels={}, provenance=provenance, fingerprint="world"
    )
    model = make_model(objective, data, **{"latent_dim": world.latent_dim, **options})
    with torch.no_grad():
        for m in range(len(world.dims)):
            private = model.private.get(f"m{m}", 0)
            taken = model.decoder_sizes.get(f"m{m}")  # of another size, a decoder sees more; or there is none
            if taken == world.latent_dim + private:
                loading = torch.cat([world.loadings[m], torch.zeros(world.dims[m], private, dtype=torch.float64)], 1)
                _set(model.decoders[m].layers[-1], loading, world.offsets[m])  # type: ignore[index]
                model.likelihoods[m].log_scale.fill_(math.log(float(world.scales[m])))  # type: ignore[operator]
            if f"m{m}" not in model.encoded:
                continue
            squared = world.loadings[m].square().sum(0)
            inverse = torch.cat([(world.loadings[m] / squared).T, torch.zeros(private, world.dims[m]).double()])
            spread = torch.cat([(world.scales[m] ** 2 / squared).log(), torch.zeros(private).double()])
            head: Any = model.encoders[m].head
            _set(head.mean, inverse, -inverse @ world.offsets[m])
            _set(head.spread, torch.zeros_like(inverse), spread)
    return model


def set_exact_joint_encoder(encoder: nn.Module, world: LinearGaussianWorld) -> None:
    """Give a linear :class:`mmgen.models.JointEncoder` the true posterior of an ``orthogonal`` world,
    N(Λ⁻¹ Σ_m W_mᵀ(x_m − b_m)/s_m², Λ⁻¹), which is diagonal there.
    """
    precision = 1 + sum(w.square().sum(0) / s**2 for w, s in zip(world.loadings, world.scales, strict=True))
    pulls = [(w / s**2).T / precision[:, None] for w, s in zip(world.loadings, world.scales, strict=True)]
    head: Any = encoder.get_submodule("encoder.head")
    with torch.no_grad():
        _set(head.mean, torch.cat(pulls, 1), -sum(p @ b for p, b in zip(pulls, world.offsets, strict=True)))
        _set(head.spread, torch.zeros_like(head.spread.weight), -precision.log())


def world_table(x: Sequence[Tensor]) -> Table:
    """Rows of a world as a table of the modalities m0, m1 and so on."""
    return Table.of({f"m{m}": values for m, values in enumerate(x)})


def world_batch(x: Sequence[Tensor], available: Tensor | None = None) -> Batch:
    """The same as a batch, perhaps with some modalities missing."""
    batch = world_table(x)[slice(None)]
    return batch if available is None else batch.restrict(available)


def _set(layer: Any, weight: Tensor, bias: Tensor) -> None:
    assert isinstance(layer, nn.Linear)
    layer.weight.copy_(weight)
    layer.bias.copy_(bias)
