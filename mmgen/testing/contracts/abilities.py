"""What every objective can be combined with: empty cells, covariates and private latents."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor

from ...data import Batch
from ...distributions import Likelihood
from ...models import MultimodalVAE
from ...networks import Encoder
from ..substitutes import substitute
from .missing import PLACEHOLDERS, outcome


def check_empty_cells(who: str, model: MultimodalVAE, batch: Batch) -> None:
    """What is stored where a cell is empty matters nowhere, and no density is of what stands in its place.

    Args:
        who: What is checked.
        model: A model of modalities whose cells may be missing, in evaluation mode.
        batch: Rows with empty cells, in data units.
    """
    changed = {called: outcome(model, _with_cells(batch, number)) for called, number in PLACEHOLDERS.items()}
    for called, one in changed.items():
        for what, expected in changed["zeros"].items():
            assert torch.allclose(one[what], expected, atol=1e-9), (
                f"{who}: what is stored in an empty cell matters: {what} is another one with {called}"
            )
    if set(batch.observed) < set(batch.data):
        return  # of kinds that are whole or not there, every density counts
    first = {name: torch.arange(cells[0].numel()).view(cells.shape[1:]) > 0 for name, cells in batch.observed.items()}
    without = replace(batch, observed={name: cells & first[name] for name, cells in batch.observed.items()})
    with _first_cell_is_not_a_number(model), torch.no_grad():
        for name, term in (("value", model(without).value(1.0)), ("log_likelihood", model(without).log_likelihood)):
            assert term.isfinite().all(), f"{who}: {name} has the density of an empty cell in it"


def check_covariates(who: str, model: MultimodalVAE, batch: Batch) -> None:
    """Terms, or the posterior, depend on what is told, also where it is unknown; and generating can be told otherwise.

    Args:
        who: What is checked.
        model: A model that is told the covariates site and age, in evaluation mode.
        batch: Rows with them.
    """
    other = replace(batch, covariates={**batch.covariates, "site": (batch.covariates["site"] + 1) % 2})
    unknown = replace(
        batch, covariates={"site": torch.full((len(batch),), -1), "age": torch.full((len(batch),), torch.nan)}
    )
    found = [outcome(model, each) for each in (batch, other, unknown)]
    for one in found:
        for name in ("the value", "the posterior mean"):
            assert one[name].isfinite().all(), f"{who}: {name} is not finite where it is told covariates"
    for changed in found[1:]:
        same = all(torch.equal(changed[name], found[0][name]) for name in ("the value", "the posterior mean"))
        assert not same, f"{who}: covariates change neither its terms nor its posterior"
    for target in model.decoder_sizes:
        here, there = (
            model.generate(batch, targets=[target], covariates={"site": site})[target] for site in ("A", "B")
        )
        assert here.shape == there.shape, f"{who}: {target} has another shape where it is told otherwise"


def check_private_latents(who: str, model: MultimodalVAE, batch: Batch) -> None:
    """Heads of private latents learn, decoders look at them, and their cost is no part of a missing modality.

    Args:
        who: What is checked.
        model: A model with private latents, in evaluation mode.
        batch: Rows of it.
    """
    model.train()
    torch.manual_seed(0)
    (-model(batch).value(1.0).mean()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, f"{who}: {name} gets no gradient where there are private latents"
        assert parameter.grad.isfinite().all(), f"{who}: the gradient of {name} is not finite with private latents"
    model.eval()
    for m, name in enumerate(model.modalities):
        if name in model.private:
            head = cast(Encoder, model.encoders[m]).head
            for what, layer in (("mean", head.mean), ("spread", head.spread)):
                gradient = layer.bias.grad
                assert gradient is not None and gradient[model.encoded[name] :].all(), (
                    f"{who}: the {what} of q(w|x) of {name} does not learn"
                )
            posterior = model.private_posteriors(model.prepare(batch))[name]
            assert posterior.mean.shape == (len(batch), model.private[name]), f"{who}: q(w|x) of {name} is not [B, P]"
            absent = ~batch.available[:, m]
            assert not posterior.mean[absent].any(), f"{who}: q(w|x) of rows that lack {name} is not N(0, I)"


def _with_cells(batch: Batch, number: float) -> Batch:
    """The same rows with a number in every empty cell; for whole numbers one that they can hold."""
    data = dict(batch.data)
    for name, cells in batch.observed.items():
        values = data[name]
        other = torch.full_like(values, number if values.is_floating_point() else float(number != 0))
        data[name] = torch.where(cells, values, other)
    return replace(batch, data=data)


@contextmanager
def _first_cell_is_not_a_number(model: MultimodalVAE) -> Iterator[None]:
    """The density of the first value of every item is NaN."""

    def spoilt(likelihood: Likelihood) -> Tensor:
        original = likelihood.pointwise

        def pointwise(parameters: Tensor, x: Tensor) -> Tensor:
            values = original(parameters, x)
            first = torch.arange(math.prod(likelihood.shape)).view(likelihood.shape) == 0
            return torch.where(first, torch.nan, values)

        return pointwise  # type: ignore[return-value]

    with ExitStack() as stack:
        for module in model.modules():
            if isinstance(module, Likelihood):
                stack.enter_context(substitute(module, pointwise=spoilt(module)))
        yield
