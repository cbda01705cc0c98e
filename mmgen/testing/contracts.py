"""What every objective, aggregator, prior and dataset must hold, whatever it does: run over every installed one.

Each check is a function that raises an AssertionError with a sentence. The core runs them over all installed components, so a plugin is tested by existing.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from ..data import Batch, Data, Dataset
from ..distributions import Gaussian, Mixture, central_noise
from ..models import MultimodalVAE
from ..models.aggregator import Aggregator
from ..registry import load
from .toys import toy_data


def make_model(objective: str, data: Data, **options: object) -> MultimodalVAE:
    """A small float64 model in evaluation mode."""
    return MultimodalVAE.create(objective, data, latent_dim=3, **options).double().eval()  # type: ignore[arg-type]


def check_terms_are_finite_and_per_row(objective: str, data: Data) -> None:
    """Terms are finite numbers, one per row, and a row's terms do not depend on the rest of its batch (unless the objective says so)."""
    model = make_model(objective, data)
    batch = data.train[:6]
    with central_noise():
        whole = model(batch)
        value = whole.value(1.0)
        assert value.shape == (6,), f"{objective}: the value has shape {tuple(value.shape)}, not one number per row"
        assert whole.log_likelihood.shape == (len(model.modalities), 6), f"{objective}: log_likelihood is not [M, B]"
        assert value.isfinite().all(), f"{objective}: a term is not finite"
        for row in range(6 if not model.objective.whole_batch else 0):
            alone = model(data.train[row : row + 1]).value(1.0)
            assert torch.allclose(alone[0], value[row], atol=1e-8), f"{objective}: row {row} depends on the rest of its batch"


def check_missing_is_as_if_it_did_not_exist(objective: str, kinds: tuple[str, ...]) -> None:
    """What stands in the place of a missing modality changes neither the terms, nor the posterior, nor any gradient."""
    data = toy_data(kinds, missing=0.5)
    model = make_model(objective, data)
    if not model.objective.supports_missing:
        return
    batch = model.prepare(data.train[:12])
    assert not batch.available.all()
    garbage = {
        name: torch.where(batch.available[:, m].reshape(-1, *[1] * (v.dim() - 1)), v, torch.full_like(v, 1.0))
        for m, (name, v) in enumerate(batch.data.items())
    }
    other = Batch(garbage, batch.available, batch.labels, batch.rows, prepared=True)
    results = []
    with central_noise():
        for each in (batch, other):
            model.zero_grad()
            value = model(each).value(0.7)
            value.sum().backward()
            gradient = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
            posterior = model.posterior(each, each.available)
            results.append((value.detach(), posterior.mean.detach(), gradient))
    for one, two in zip(*results, strict=True):
        assert torch.allclose(one, two, atol=1e-9), f"{objective}: what stands in the place of a missing modality matters"


def check_order_of_modalities(objective: str, kinds: tuple[str, ...]) -> None:
    """The same model with its modalities in another order has the same value."""
    one, two = toy_data(kinds), toy_data(kinds[::-1])
    first = make_model(objective, one)
    second = make_model(objective, two)
    if len(list(first.objective.parameters())) or not list(first.parameters()):  # networks of its own may be laid out in the order of the modalities
        return
    for name in ("transforms", "encoders", "decoders", "likelihoods"):
        for m in range(len(kinds)):
            getattr(second, name)[len(kinds) - 1 - m].load_state_dict(getattr(first, name)[m].state_dict())
    batch = one.train[:6]
    turned = Batch({kind: batch.data[kind] for kind in kinds[::-1]}, batch.available.flip(-1), batch.labels, batch.rows)
    with central_noise():
        assert torch.allclose(first(batch).value(0.7), second(turned).value(0.7), atol=1e-8), (
            f"{objective}: the order of modalities matters"
        )


def check_save_and_load(objective: str, data: Data) -> None:
    """A model rebuilt from its description and its saved tensors is the same model."""
    model = make_model(objective, data)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save_file(model.state_dict(), path)
        again = MultimodalVAE.rebuild(model.description).double().eval()
        again.load_state_dict(load_file(path))
    batch = data.train[:6]
    with central_noise():
        assert torch.equal(model(batch).value(1.0), again(batch).value(1.0)), f"{objective}: saving and loading changes the model"


def check_gradients(objective: str, data: Data) -> None:
    """Every parameter gets a gradient that is finite and not zero everywhere."""
    model = make_model(objective, data).train()
    if not list(model.parameters()):  # all of it is found in closed form
        return
    torch.manual_seed(0)
    (-model(data.train[:24]).value(1.0).mean()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, f"{objective}: {name} gets no gradient"
        assert parameter.grad.isfinite().all(), f"{objective}: the gradient of {name} is not finite"
        assert parameter.grad.abs().sum() > 0, f"{objective}: the gradient of {name} is zero"


def check_posteriors(objective: str, data: Data) -> None:
    """Every subset has a posterior with weights that sum to one, also the empty one; and encoding does not change the model."""
    model = make_model(objective, data)
    names = list(model.modalities)
    assert model.objective.infers(model, names), f"{objective}: it must infer from all modalities"
    for given in ([], names[:1], names[1:], names):
        with torch.no_grad():
            posterior = model.posterior(data.test[:5], model.mask(data.test[:5], given))
        assert posterior.mean.shape == (5, 3), f"{objective}: the mean given {given} is not [B, D]"
        assert torch.allclose(posterior.weights.sum(0), torch.ones(5, dtype=torch.float64)), f"{objective}: the weights do not sum to one"
        assert posterior.mean.isfinite().all()


def check_seeded(objective: str, data: Data) -> None:
    """The same seed gives the same noise, another seed another; only where posteriors are points there is none."""
    model = make_model(objective, data)
    values = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        values.append(model(data.train[:8]).value(1.0))
    assert torch.equal(values[0], values[1]), f"{objective}: the same seed gives another value"
    posterior = model.encode(data.train[:8])
    points = bool((posterior.variance == 0).all())
    assert points or not torch.equal(values[0], values[2]), f"{objective}: there is no noise in it"


def check_objective(objective: str, kinds: tuple[str, ...] = ("vector", "counts", "tags")) -> None:
    """All of the above, with as many of these kinds of modalities as the objective is for."""
    kinds = kinds[: load("objectives", objective).most_modalities]
    data = toy_data(kinds)
    check_terms_are_finite_and_per_row(objective, data)
    check_missing_is_as_if_it_did_not_exist(objective, kinds)
    check_order_of_modalities(objective, kinds)
    check_save_and_load(objective, data)
    check_gradients(objective, data)
    check_posteriors(objective, data)
    check_seeded(objective, data)


def check_aggregator(aggregate: Aggregator) -> None:
    """Shapes with leading dimensions, N(0, I) for nothing, masks that mean absence, and weights that sum to one."""
    torch.manual_seed(0)
    experts = Gaussian(torch.randn(3, 4, 2, dtype=torch.float64), torch.randn(3, 4, 2, dtype=torch.float64))
    given = torch.rand(5, 4, 3) < 0.6
    given[0] = False
    given[1] = True
    for combine in (aggregate, aggregate.infer):
        posterior: Mixture = combine(experts, given)
        assert posterior.components.mean.shape[0] == 5
        assert posterior.components.mean.shape[-2:] == (4, 2)
        assert torch.allclose(posterior.weights.sum(-2), torch.ones(5, 4, dtype=torch.float64)), "the weights do not sum to one"
        nothing = posterior.mean[0], posterior.variance[0]
        assert torch.allclose(nothing[0], torch.zeros(4, 2, dtype=torch.float64)), "nothing given is not N(0, I)"
        assert torch.allclose(nothing[1], torch.ones(4, 2, dtype=torch.float64)), "nothing given is not N(0, I)"
        changed = Gaussian(experts.mean.clone(), experts.log_variance.clone())
        changed.mean[2] = 100.0
        changed.log_variance[2] = 3.0
        without = given & torch.tensor([True, True, False])
        one, two = combine(experts, without), combine(changed, without)
        assert torch.allclose(one.mean, two.mean) and torch.allclose(one.variance, two.variance), "an expert that is not given matters"


def check_dataset(dataset: Dataset) -> None:
    """Schema, honest splits, availability and reproducibility of a dataset (its ``toy()``, usually)."""
    modalities, splits = dataset.modalities(), dataset.splits()
    again = dataset.splits()
    groups = []
    for name in ("train", "val", "test"):
        table = getattr(splits, name)
        assert list(table.data) == list(modalities), f"{name}: the modalities are not those that are declared, in their order"
        for m, (modality, spec) in enumerate(modalities.items()):
            values = table.data[modality][:]
            assert tuple(values.shape[1:]) == spec.shape, (
                f"{name}: {modality} has shape {tuple(values.shape[1:])}, declared is {spec.shape}"
            )
            assert values.is_contiguous()
            assert torch.equal(values, getattr(again, name).data[modality][:]), f"{name}: {modality} differs when it is made again"
            if values.is_floating_point():
                assert values[table.available[:, m]].isfinite().all(), f"{name}: {modality} has values that are not finite"
        assert table.available.any(-1).all(), f"{name}: a row has no modality at all"
        for label, codes in table.labels.items():
            assert label in splits.labels, f"{name}: the classes of the label {label!r} are not declared"
            assert codes.max() < len(splits.labels[label]) and codes.min() >= -1, f"{name}: a code of {label!r} is out of range"
        groups.append(set(np.asarray(table.groups).tolist()))
    assert len(splits.train) and len(splits.test), "there are no training or no test rows"
    same_on_purpose = groups[0] == groups[2]
    assert same_on_purpose or not (groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2]), (
        "a group is on two sides of the split"
    )
