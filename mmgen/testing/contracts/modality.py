"""What every modality must hold."""

from __future__ import annotations

import copy
import json
import math
import pickle
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import combinations_with_replacement
from typing import Any, ClassVar, Literal, get_args, get_origin

import numpy as np
import torch
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from torch import Tensor, nn

from ...data import Data, LikelihoodChoice, Modality, Provenance, Rendering, Table
from ...data.modalities.fully_connected import FullyConnected
from ...distributions import Gaussian, Likelihood, central_noise, kl_gaussians, standard_normal
from ...models import MultimodalVAE
from ...options import default_of
from ..toys import ToyDataset
from .contract import Contract, does_not_apply, same_global_randomness, seed_everything
from .densities import check_moments, check_normalised, check_samples, last_bias
from .likelihood import choices_of

SHAPES = ((3,), (1, 8, 8), (2, 3))
LATENT_DIM, ROWS, DRAWS = 3, 12, 4000
CONTENT = {"picture": np.ndarray, "raster": np.ndarray, "bars": list, "text": str}


class ModalityContract(Contract):
    """Networks and their shapes, likelihoods, the way to the networks and back, cells, pictures, configuration.

    Likelihoods are normalised with every option, and have the samples and the mean that they give; where outputs are
    bounded, gradients lead back. Values to try it on are drawn from its own likelihood.

    Attributes:
        examples: Fields of modalities to check, such as ``({"shape": (3,)},)``; by default one is guessed, where a
            shape (and names of categories) is all it needs.
    """

    kind = "modalities"
    examples: ClassVar[Sequence[Mapping[str, Any]]] = ()

    # What checks use --------------------------------------------------------------------------------------------------

    def modalities(self) -> Iterator[Modality]:
        """The modalities to check, small ones."""
        found = self.loaded()
        if self.examples:
            yield from (found(**{**self.options, **example}) for example in self.examples)
            return
        guess = self.once("guess", lambda: _guessed(found, self.options))
        if guess is None:
            does_not_apply(
                "no small one can be guessed: subclass ModalityContract, and write its fields as examples = ({...},)"
            )
        yield guess

    def parts(self) -> Iterator[tuple[Modality, nn.Module, nn.Module, Likelihood, Tensor]]:
        """Each modality with an encoder, a decoder and a likelihood in float64 and evaluation mode, and values ``[12,
        *shape]`` in model units.
        """
        for number, modality in enumerate(self.modalities()):
            yield self.once(("parts", number), lambda modality=modality: self._parts(modality))  # type: ignore[misc]

    @staticmethod
    def _parts(modality: Modality) -> tuple[Modality, nn.Module, nn.Module, Likelihood, Tensor]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            encoder, decoder, likelihood = (
                modality.encoder(LATENT_DIM),
                modality.decoder(LATENT_DIM),
                modality.make_likelihood(),
            )
            modality.tie(encoder.trunk, decoder)
            for part in (encoder, decoder, likelihood):
                part.double().eval()
            z = torch.randn(ROWS, LATENT_DIM, dtype=torch.float64)
            with torch.no_grad():
                return modality, encoder, decoder, likelihood, likelihood.sample(decoder(z))

    def draws(self) -> Iterator[tuple[Likelihood, Tensor, Tensor]]:
        """Likelihoods with parameters of one value ``[outputs, *shape]``, and 4000 draws ``[4000, *shape]``.

        That of each modality, with parameters from its decoder; and every other one that its options make of it.
        """
        for number in range(len(list(self.modalities()))):
            yield from self.once(("draws", number), lambda number=number: self._draws(number))  # type: ignore[misc]

    @torch.no_grad()
    def _draws(self, number: int) -> list[tuple[Likelihood, Tensor, Tensor]]:
        modality, _, decoder, likelihood, _ = list(self.parts())[number]
        found = [(likelihood, decoder(torch.zeros(1, LATENT_DIM, dtype=torch.float64))[0])]
        torch.manual_seed(0)
        for other in (variant.make_likelihood().double() for variant in _variants(modality)):
            for parameter in other.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter))
            found.append((other, 0.7 * torch.randn(other.outputs, *modality.shape, dtype=torch.float64)))
        return [(p, parameters, p.sample(parameters.expand(DRAWS, *parameters.shape))) for p, parameters in found]

    # Checks -----------------------------------------------------------------------------------------------------------

    def test_networks_have_the_declared_shapes(self) -> None:
        """Trunks give ``[N, features]``, encoders a mean and a spread ``[N, D]``, decoders ``[N, outputs, *shape]``."""
        for modality, encoder, decoder, likelihood, values in self.parts():
            for network in (modality.trunk(LATENT_DIM), modality.classifier_trunk()):
                features = network.double().eval()(values)
                assert features.shape == (ROWS, network.features), (
                    f"{self.who}: a trunk gives {tuple(features.shape)}, not [N, features]"
                )
            for output in encoder(values):
                assert output.shape == (ROWS, LATENT_DIM), (
                    f"{self.who}: the encoder gives {tuple(output.shape)}, not [N, D]"
                )
            parameters = decoder(torch.zeros(ROWS, LATENT_DIM, dtype=torch.float64))
            wanted = (ROWS, likelihood.outputs, *modality.shape)
            assert parameters.shape == wanted, (
                f"{self.who}: the decoder gives {tuple(parameters.shape)}, not [N, outputs, *shape]"
            )

    def test_every_parameter_learns(self) -> None:
        """Encoder, decoder and likelihood all get gradients that are finite and not zero everywhere."""
        for _, encoder, decoder, likelihood, values in self.parts():
            mean, spread = encoder(values)
            z = mean + spread
            loss = likelihood.log_prob(decoder(z), values).sum()
            named = {
                f"{part}.{name}": p
                for part, net in zip(("encoder", "decoder", "likelihood"), (encoder, decoder, likelihood))
                for name, p in net.named_parameters()
            }
            found = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
            for name, gradient in zip(named, found):
                assert gradient is not None and gradient.isfinite().all(), (
                    f"{self.who}: {name} gets no gradient, or one that is not finite"
                )
                assert gradient.abs().sum() > 0, f"{self.who}: the gradient of {name} is zero"

    def test_bounds_can_be_left(self) -> None:
        """Far out gradients still lead back: of an encoder's spread, a decoder's outputs, and what a likelihood
        learns.
        """
        for _, encoder, decoder, likelihood, values in copy.deepcopy(list(self.parts())):
            spread, output = last_bias(encoder), last_bias(decoder)
            kept = [
                (bias, bias.detach().clone()) for bias in (spread, output, *likelihood.parameters()) if bias is not None
            ]
            for bias, before in kept:
                for far in (100.0, -100.0):
                    with torch.no_grad():
                        bias.fill_(far)
                    if bias is spread:
                        q = Gaussian(*encoder(values))
                        loss = kl_gaussians(q, standard_normal(q)).sum()
                    else:
                        loss = -likelihood.log_prob(
                            decoder(torch.zeros(ROWS, LATENT_DIM, dtype=torch.float64)), values
                        ).sum()
                    (gradient,) = torch.autograd.grad(loss, bias)
                    what = (
                        "its spread"
                        if bias is spread
                        else "a decoder's output"
                        if bias is output
                        else "what its likelihood learns"
                    )
                    assert gradient.isfinite().all(), (
                        f"{self.who}: the gradient is not finite where {what} is pushed to {far:g}"
                    )
                    assert gradient.all(), (
                        f"{self.who}: {what} has no gradient at {far:g}, and never comes back "
                        "(mmgen.distributions.bounded)"
                    )
                    assert bias is not spread or (gradient * far > 0).all(), (
                        f"{self.who}: the gradient at {far:g} leads further away"
                    )
                with torch.no_grad():
                    bias.copy_(before)

    def test_log_prob_is_the_sum_over_values(self) -> None:
        """One number per item: the sum (no mean) of ``pointwise``, with any leading dimensions of latents."""
        for modality, _, decoder, likelihood, values in self.parts():
            with torch.no_grad():
                parameters = torch.stack(
                    [decoder(torch.full((ROWS, LATENT_DIM), fill, dtype=torch.float64)) for fill in (0.0, 0.5)]
                )
                each, whole = likelihood.pointwise(parameters, values), likelihood.log_prob(parameters, values)
            assert each.shape == (2, ROWS, *modality.shape), (
                f"{self.who}: pointwise gives {tuple(each.shape)}, not [..., N, *shape]"
            )
            assert whole.shape == (2, ROWS), f"{self.who}: log_prob gives {tuple(whole.shape)}, not one number per item"
            assert torch.allclose(whole, each.flatten(2).sum(-1)), (
                f"{self.who}: log_prob is not the sum of pointwise over the values"
            )

    def test_the_likelihood_is_normalised(self) -> None:
        """With every option that changes it, probabilities sum to one or the density integrates to one; an option may
        make a score of it that says so itself.
        """
        for number, (likelihood, parameters, drawn) in enumerate(self.draws()):
            assert number or likelihood.normalised, (
                f"{self.who}: {type(likelihood).__name__} says itself that it gives no probabilities"
            )
            if likelihood.normalised:
                check_normalised(self.who, likelihood, parameters, drawn)

    def test_samples_have_the_likelihood(self) -> None:
        """How often each value is drawn is its probability; the distribution function of draws is that of the density
        (Kolmogorov and Smirnov).
        """
        for likelihood, parameters, drawn in self.draws():
            if likelihood.normalised:
                check_samples(self.who, likelihood, parameters, drawn)

    def test_the_mean_is_that_of_the_samples(self) -> None:
        """The mean is that of many draws, and the variance theirs; of codes, which have none, the mean is the most
        probable one.
        """
        for likelihood, parameters, drawn in self.draws():
            check_moments(self.who, likelihood, parameters, drawn)

    def test_noise_is_seeded(self) -> None:
        """The same seed gives the same draw, whatever Python's and NumPy's global random numbers are."""
        for _, _, decoder, likelihood, _ in self.parts():
            found = []
            with same_global_randomness(self.who), torch.no_grad():
                for others in (0, 1):
                    random.seed(others)
                    torch.manual_seed(0)
                    found.append(likelihood.sample(decoder(torch.zeros(2, LATENT_DIM, dtype=torch.float64))))
            assert torch.equal(*found), f"{self.who}: the same seed gives another draw"

    def test_the_transform_comes_back(self) -> None:
        """To the networks and back is where one came from, in both directions, with fitted statistics, which are
        saved.
        """
        for modality, _, _, _, values in self.parts():
            transform = modality.make_transform().double()
            raw = transform.inverse(values)
            transform.fit(3 * raw if raw.is_floating_point() else raw)
            back, there = transform.inverse(transform(raw)), transform(transform.inverse(values))
            assert torch.allclose(back.double(), raw.double(), atol=1e-9), (
                f"{self.who}: data do not come back from the transform and its inverse"
            )
            assert torch.allclose(there.double(), values.double(), atol=1e-9), (
                f"{self.who}: model units do not come back from the inverse and the transform"
            )
            again = modality.make_transform().double()
            again.load_state_dict(transform.state_dict())
            assert torch.equal(again(raw), transform(raw)), (
                f"{self.who}: what the transform has learned is not in its state_dict"
            )

    @torch.no_grad()
    def test_every_transform_is_undone(self) -> None:
        """Where a kind lets one choose a ``transform``: with each, data come back, what is generated is where the data
        are, and what stands in a cell that is not observed means nothing.
        """
        variants = [variant for modality, *_ in self.parts() for variant in _transformed(modality)]
        if not variants:
            does_not_apply("it has no option transform")
        for variant in variants:
            who = f"{self.who} with transform {variant.transform}"  # type: ignore[attr-defined]
            likelihood, transform = variant.make_likelihood().double(), variant.make_transform().double()
            torch.manual_seed(0)
            parameters = torch.zeros(4 * ROWS, likelihood.outputs, *variant.shape, dtype=torch.float64)
            shares = (0.1 * torch.randn(4 * ROWS, math.prod(variant.shape), dtype=torch.float64)).softmax(-1)
            real = torch.tensor([support == "real" for support in variant.value_supports])  # type: ignore[attr-defined]
            drawn = transform.inverse(likelihood.sample(parameters))
            raw = torch.where(real, 1000 * shares.reshape(drawn.shape), drawn)  # rows of compositions have one total
            transform.fit(raw)
            assert torch.allclose(transform.inverse(transform(raw)), raw, rtol=1e-6), (
                f"{who}: data do not come back from the transform and its inverse"
            )
            low, high = raw.amin(0), raw.amax(0)
            means, draws = transform.mean_of(likelihood, parameters), transform.inverse(likelihood.sample(parameters))
            for generated in (means, draws) if transform.learns else ():
                near = (generated > 2 * low - high) & (generated < 2 * high - low)
                assert near[real.expand_as(near)].all(), f"{who}: what is generated is not in the units of the data"
            if not variant.takes_missing_cells:
                continue
            observed = torch.rand(raw.shape) < 0.7
            found = []
            for hidden in (raw, 7 * raw.flip(0)):
                fitted, seen = variant.make_transform().double(), torch.where(observed, raw, hidden)
                fitted.fit(seen, observed)
                found.append(fitted(seen, observed)[observed])
            assert torch.equal(*found), f"{who}: what stands in a cell that is not observed changes others"

    def test_values_can_be_shown(self) -> None:
        """``render`` gives what its kind says; ``cells`` as many plain cells as ``value_names`` gives different
        names.
        """
        for modality, _, _, _, values in self.parts():
            value = modality.make_transform().double().inverse(values)[0].numpy()
            shown = modality.render(value)
            assert isinstance(shown, Rendering) and isinstance(shown.content, CONTENT[shown.kind]), (
                f"{self.who}: render gives no {shown.kind}"
            )
            names, cells = modality.value_names("it"), modality.cells(value)
            assert len(names) == len(set(names)) == len(cells), (
                f"{self.who}: {len(cells)} cells have {len(set(names))} different names"
            )
            assert all(isinstance(cell, str | int | float) for cell in cells), (
                f"{self.who}: a cell is not a plain number or string"
            )
            source = modality.in_source_units(value)
            assert source.shape == value.shape, f"{self.who}: in_source_units gives another shape"
            if len(cells) == value.size and all(isinstance(cell, float) for cell in cells):
                assert np.allclose(cells, source.reshape(-1), rtol=1e-5), (
                    f"{self.who}: cells and in_source_units differ"
                )

    def test_distances(self) -> None:
        """A distance is 0 from a value to itself and never negative; a guess is one value, of equal values theirs."""
        for modality, _, _, _, values in self.parts():
            raw = modality.make_transform().double().inverse(values)
            own, other = modality.distance(raw, raw), modality.distance(raw, raw.flip(0))
            assert own.shape == (ROWS,) and not own.any(), f"{self.who}: the distance of a value to itself is not 0"
            assert (other >= 0).all() and torch.allclose(other, other.flip(0)), (
                f"{self.who}: a distance is negative, or depends on the direction"
            )
            assert modality.guess(raw).shape == modality.shape, f"{self.who}: a guess is not one value"
            alike = modality.guess(raw[:1].expand_as(raw))[None]
            off = modality.distance(alike.to(raw.dtype), raw[:1])
            assert (off <= 1e-6 * (1 + raw[:1].double().square().mean())).all(), (
                f"{self.who}: what it guesses of equal values is another value, or in other units"
            )

    def test_values_of_its_shape_are_arranged(self) -> None:
        """Arrays of the shape that its fields say are values as they are, or are changed into values of that shape; a
        kind that names endings of files reads them.
        """
        for modality, *_, values in self.parts():
            kind, given = type(modality), modality.make_transform().inverse(values).float().numpy()
            fields = modality.model_dump(exclude_unset=True)
            arranged = kind.arranged(given, {**fields, "shape": modality.shape})
            assert arranged.shape == given.shape, (
                f"{self.who}: arranged makes {list(arranged.shape)} of values of the shape {list(given.shape)}"
            )
            reads = kind.read_file.__func__ is not Modality.read_file.__func__  # type: ignore[attr-defined]
            assert reads or not kind.file_endings, (
                f"{self.who}: it names files that end in {', '.join(kind.file_endings)}, and has no read_file"
            )

    def test_it_is_described_by_its_fields(self) -> None:
        """Every field has a description; as JSON and pickled it comes back the same; and it is frozen."""
        for modality in self.modalities():
            kind = type(modality)
            for name, field in kind.model_fields.items():
                assert field.description, f"{self.who}: the option {name!r} has no description"
            assert kind.model_validate(json.loads(modality.model_dump_json())) == modality, (
                f"{self.who}: its fields as JSON give another modality"
            )
            if "<locals>" not in kind.__qualname__:
                assert pickle.loads(pickle.dumps(modality)) == modality, (
                    f"{self.who}: pickled it comes back as another modality"
                )
            try:
                modality.shape = modality.shape  # type: ignore[misc]
            except ValidationError:
                continue
            raise AssertionError(f"{self.who}: its fields can be changed; a modality is frozen")

    def test_a_model_has_it(self) -> None:
        """Beside another modality: terms are finite, generated values have its shape, and a rebuilt model is the
        same.
        """
        for modality, _, _, _, values in self.parts():
            model, table = self._beside_another(modality, values, [row for row in range(ROWS) if row % 3])
            again = MultimodalVAE.rebuild(json.loads(json.dumps(model.description))).eval()
            again.load_state_dict(model.state_dict())
            with central_noise(), torch.no_grad():
                one, two = model(table[:ROWS]), again(table[:ROWS])
            assert one.value(1.0).isfinite().all(), f"{self.who}: a term is not finite"
            assert not one.log_likelihood[0][::3].any(), f"{self.who}: a row that lacks it has a likelihood of it"
            assert torch.equal(one.value(1.0), two.value(1.0)), (
                f"{self.who}: a model that is rebuilt from its description is another one"
            )
            seed_everything(0)
            generated = model.generate(samples=2, draw=True)["it"]
            assert generated.shape == (2, *modality.shape), (
                f"{self.who}: what is generated has shape {tuple(generated.shape)}"
            )

    def test_few_rows_may_have_it(self) -> None:
        """In training, where one row of a batch has it, or none: terms and gradients are finite, these zero with
        none.
        """
        for modality, _, _, _, values in self.parts():
            for having in ([1], []):
                model, table = self._beside_another(modality, values, having)
                value = model.train()(table[:ROWS]).value(1.0)
                value.sum().backward()
                where = f"where {len(having)} rows of a batch have it"
                assert value.isfinite().all(), f"{self.who}: a term is not finite {where}"
                for name, parameter in model.named_parameters():
                    if name.split(".")[:2] in (["encoders", "0"], ["decoders", "0"], ["likelihoods", "0"]):
                        gradient = parameter.grad
                        fits = gradient is not None and bool(gradient.isfinite().all())
                        fits = fits and (bool(having) or not gradient.any())  # type: ignore[union-attr]
                        assert fits, (
                            f"{self.who}: {where} the gradient of {name} is not "
                            f"{'finite' if having else 'zero; its networks and likelihood must take a row of zeros'}"
                        )

    def _beside_another(self, modality: Modality, values: Tensor, having: Sequence[int]) -> tuple[MultimodalVAE, Table]:
        """A model of it and of vectors, and a table of which some rows have it, and all a vector."""
        raw = modality.make_transform().double().inverse(values)
        vector = ToyDataset(("vector",), ROWS)
        available = torch.tensor([[row in having, True] for row in range(ROWS)])
        whole = Table.of({"it": raw, **vector.splits().train.data})
        table = replace(whole, available=available)
        modalities = {"it": modality, **vector.modalities()}
        provenance = Provenance("simulated", "Drawn from itself.")
        data = Data("toy", vector, modalities, whole, table, table, {}, provenance, "modality")
        return MultimodalVAE.create("elbo", data, latent_dim=2).eval(), table


def _guessed(kind: type[Modality], options: Mapping[str, Any]) -> Modality | None:
    """A small modality from its required fields: a shape, and names where there are several to be given."""
    wanted = {
        name: ("a", "b", "c") for name, field in kind.model_fields.items() if field.is_required() and name != "shape"
    }
    for shape in SHAPES:
        try:
            return kind(**{"shape": shape, **wanted, **options})
        except ValidationError:
            continue
    return None


def _transformed(modality: Modality) -> list[Modality]:
    """The modality with each of its transforms that it may have."""
    field, found = type(modality).model_fields.get("transform"), []
    for transform in get_args(field.annotation) if field is not None else ():
        with suppress(ValidationError):
            found.append(type(modality)(**{**modality.model_dump(exclude_unset=True), "transform": transform}))
    return found


def _variants(modality: Modality) -> list[Modality]:
    """The modality with one or two options changed (choices, switches, smaller numbers), one for every other
    likelihood.
    """
    kind, found = type(modality), {_likeness(modality.make_likelihood()): modality}
    changes = [{name: value} for name, field in kind.model_fields.items() for value in _values(kind, field)]
    for one, two in combinations_with_replacement(changes, 2):
        try:
            other = kind(**{**modality.model_dump(exclude_unset=True), **one, **two})
            found.setdefault(_likeness(other.make_likelihood()), other)
        except ValidationError:
            continue
    return list(found.values())[1:]


def _values(kind: type[Modality], field: FieldInfo) -> Sequence[Any]:
    """Values of an option that change what it does, where they can be listed."""
    if field.annotation is LikelihoodChoice and issubclass(kind, FullyConnected):
        return choices_of(kind.supports, default_of(kind, "likelihood"))
    if field.annotation is bool:
        return (False, True)
    if field.annotation is float and isinstance(field.default, float):
        return (0.4 * field.default,)
    return get_args(field.annotation) if get_origin(field.annotation) is Literal else ()


def _likeness(likelihood: Likelihood) -> tuple[Any, ...]:
    """What tells one likelihood from another: its class, its numbers, and its tensors."""
    plain = {
        name: value for name, value in vars(likelihood).items() if isinstance(value, bool | int | float | str | tuple)
    }
    tensors = {
        name: tuple(value.flatten().tolist())
        for name, value in [*likelihood.named_parameters(), *likelihood.named_buffers()]
    }
    return type(likelihood), *sorted(plain.items()), *sorted(tensors.items())
