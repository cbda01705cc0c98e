"""What every prior must hold."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import ClassVar

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ...distributions import Gaussian, Mixture, Reference, central_noise
from ...models import MultimodalVAE
from ..models import make_model
from ..toys import toy_data
from .contract import Contract, does_not_apply, same_global_randomness
from .densities import check_density, check_draws


class PriorContract(Contract):
    """A density that integrates to one and has the samples that it gives, masks, the flag ``dynamic``, gradients, and
    saving.

    Attributes:
        objective: The objective that it is tried with.
        kinds: The kinds of modalities of the toy (:func:`mmgen.testing.toy_data`).
    """

    kind = "priors"
    objective: ClassVar[str] = "elbo"
    kinds: ClassVar[tuple[str, ...]] = ("vector", "counts")

    # What checks use --------------------------------------------------------------------------------------------------

    def model(self, latent_dim: int = 2) -> MultimodalVAE:
        """A model with this prior."""
        return self.once(
            ("model", latent_dim),
            lambda: make_model(
                self.objective,
                toy_data(self.kinds),
                latent_dim=latent_dim,
                prior={"name": self.component, **self.options},
            ).requires_grad_(False),
        )

    def experts(self, latent_dim: int = 2, seed: int = 0) -> Gaussian:
        """Experts of two modalities for three rows."""
        numbers = torch.randn(
            2, len(self.kinds), 3, latent_dim, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
        )
        return Gaussian(numbers[0], numbers[1])

    @property
    def given(self) -> Tensor:
        """What the three rows have: everything, the first modality, the second."""
        return torch.tensor(
            [[True] * len(self.kinds)] + [[m == only for m in range(len(self.kinds))] for only in (0, 1)]
        )

    def prior(self, experts: Gaussian, given: Tensor | None = None) -> Reference:
        """The prior of three rows."""
        model = self.model(experts.mean.shape[-1])
        return model.objective.prior_for(model, experts, self.given if given is None else given)

    def log_prob(self, experts: Gaussian, given: Tensor | None = None) -> Tensor:
        """Its log-density at points of a grid, ``[points, rows]``."""
        rows, dims = experts.mean.shape[1:]
        points = torch.linspace(-3, 3, 7, dtype=torch.float64)[:, None, None] + 0.7 * torch.arange(dims).expand(
            rows, -1
        )
        return self.prior(experts, given).log_prob(points)

    # Checks -----------------------------------------------------------------------------------------------------------

    def test_shapes_and_weights(self) -> None:
        """Any distribution ``[B, D]``, or a mixture ``[C, B, D]`` with weights that sum to one; finite, also where it
        is sampled from.
        """
        prior = self.prior(self.experts())
        assert prior.mean.shape == (3, 2), f"{self.who}: the mean has shape {tuple(prior.mean.shape)}, not [B, D]"
        assert prior.mean.isfinite().all() and (prior.variance > 0).all(), (
            f"{self.who}: a mean or variance is not finite"
        )
        if isinstance(prior, Mixture):
            total = prior.weights.sum(-2)
            assert torch.allclose(total, torch.ones_like(total)), f"{self.who}: the weights do not sum to one"
        assert self.model().sample_prior(5).shape == (5, 2), f"{self.who}: five draws are not [5, D]"

    def test_the_density_integrates_to_one(self) -> None:
        """In one dimension, by quadrature."""
        check_density(self.who, self.prior(self.experts(1)))

    def test_samples_have_the_density(self) -> None:
        """In one dimension, the distribution function of samples is that of the density (Kolmogorov and Smirnov)."""
        check_draws(self.who, self.prior(self.experts(1)))

    def test_what_is_not_given_does_not_matter(self) -> None:
        """The mask means absence: other experts in its place change nothing."""
        experts, changed = self.experts(), self.experts().map(torch.clone)
        for m in range(len(self.kinds)):
            changed.mean[m, ~self.given[:, m]], changed.log_variance[m, ~self.given[:, m]] = 50.0, 2.0
        assert torch.allclose(self.log_prob(experts), self.log_prob(changed)), (
            f"{self.who}: an expert that is not given matters"
        )

    def test_rows_do_not_depend_on_each_other(self) -> None:
        """A row has the same prior whatever else is in its batch."""
        alone = self.log_prob(self.experts()[:, 1:2], self.given[1:2])
        assert torch.allclose(self.log_prob(self.experts())[:, 1:2], alone), (
            f"{self.who}: a row depends on the rest of its batch"
        )

    def test_dynamic_says_whether_it_depends_on_the_row(self) -> None:
        """Other experts, or others given, change a ``dynamic`` prior and no other."""
        here = self.log_prob(self.experts())
        others = self.log_prob(self.experts(seed=1)), self.log_prob(self.experts(), self.given.flip(-1))
        changes = not all(torch.allclose(here, there) for there in others)
        dynamic = self.loaded().dynamic
        assert changes or not dynamic, f"{self.who}: dynamic is true, and it does not depend on the row"
        assert dynamic or not changes, f"{self.who}: dynamic is false, and it depends on the row"

    def test_gradients_reach_its_parameters_and_experts(self) -> None:
        """Its density has gradients of everything that it learns, and of the experts that a dynamic one is made of."""
        experts, model = self.experts().map(lambda value: value.clone().requires_grad_()), self.model()
        learned = dict(model.objective.prior_for.named_parameters())
        wanted = {**learned, **({"the experts": experts.mean} if self.loaded().dynamic else {})}
        if not wanted:
            does_not_apply("it has no parameters and does not depend on the experts")
        for parameter in learned.values():
            parameter.requires_grad_(True)
        density = self.log_prob(experts).sum()
        assert density.requires_grad, f"{self.who}: {' and '.join(wanted)} get no gradient"
        found = torch.autograd.grad(density, list(wanted.values()), allow_unused=True)
        model.requires_grad_(False)
        for name, gradient in zip(wanted, found):
            assert gradient is not None and gradient.isfinite().all(), (
                f"{self.who}: {name} gets no gradient, or one that is not finite"
            )
            assert gradient.abs().sum() > 0, f"{self.who}: the gradient of {name} is zero"

    def test_noise_is_seeded(self) -> None:
        """The prior itself is not drawn, its samples are seeded, and depend on no other random numbers."""
        with same_global_randomness(self.who):
            assert torch.equal(self.log_prob(self.experts()), self.log_prob(self.experts())), (
                f"{self.who}: the prior itself is drawn"
            )
            drawn = []
            for others, seed in enumerate((0, 0, 1)):
                random.seed(others)
                torch.manual_seed(seed)
                drawn.append(self.prior(self.experts()).rsample())
        assert torch.equal(drawn[0], drawn[1]), f"{self.who}: the same seed gives another sample"
        assert not torch.equal(drawn[0], drawn[2]), f"{self.who}: another seed gives the same sample"

    def test_saving_and_loading(self) -> None:
        """A model rebuilt from its description and its saved tensors has the same prior, and the same terms."""
        model = self.model()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.safetensors"
            save_file(model.state_dict(), path)
            again = MultimodalVAE.rebuild(model.description).double().eval()
            again.load_state_dict(load_file(path))
        batch = toy_data(self.kinds).train[:4]
        with central_noise(), torch.no_grad():
            assert torch.equal(model(batch).value(1.0), again(batch).value(1.0)), (
                f"{self.who}: saving and loading changes the model"
            )
