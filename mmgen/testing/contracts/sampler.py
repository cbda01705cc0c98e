"""What every sampler must hold."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import ClassVar

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ...models import MultimodalVAE, Sampler
from ..models import make_model
from ..toys import toy_data
from .contract import Contract, does_not_apply, same_global_randomness
from .numerics import cumulated, ks_limit, largest_distance

ROWS, DRAWS = 400, 4000
FAR = 0.35  # standard deviations by which moments of draws may be off those of the latents


class SamplerContract(Contract):
    """Draws that look like the latents, a density that integrates to one and is theirs, seeds, and saving; and that
    models are left alone.

    Attributes:
        kinds: The kinds of modalities of the toy (:func:`mmgen.testing.toy_data`).
    """

    kind = "samplers"
    kinds: ClassVar[tuple[str, ...]] = ("vector", "counts")

    # What checks use --------------------------------------------------------------------------------------------------

    def model(self, latent_dim: int = 2, aggregator: str = "poe") -> MultimodalVAE:
        """A small model; with the aggregator ``none`` modalities keep their own latents."""
        return self.once(
            ("model", latent_dim, aggregator),
            lambda: make_model("elbo", toy_data(self.kinds), latent_dim=latent_dim, aggregator=aggregator),
        )

    def latents(self, dimensions: int = 2) -> Tensor:
        """Rows that are correlated, far from N(0, I), and not all of one size: ``[N, D]``."""
        noise = torch.randn(ROWS, dimensions, generator=torch.Generator().manual_seed(0))
        shared = noise[:, :1]
        return 4.0 + 0.5 * (noise + shared) * torch.arange(1, dimensions + 1)

    def built(self, latent_dim: int = 2, aggregator: str = "poe") -> Sampler:
        """A sampler that is not fitted yet."""
        made: Sampler = self.make()
        torch.manual_seed(1)
        made.build(self.model(latent_dim, aggregator))
        return made.eval()

    def fitted(self, dimensions: int = 2, seed: int = 0) -> Sampler:
        """One that is fitted to the latents."""

        def fit() -> Sampler:
            made = self.built(dimensions)
            torch.manual_seed(seed)
            made.fit(self.latents(dimensions))
            return made

        return self.once(("fitted", dimensions, seed), fit)

    @staticmethod
    @torch.no_grad()
    def drawn(sampler: Sampler, count: int = DRAWS, seed: int = 2) -> Tensor:
        """Draws with a seed."""
        torch.manual_seed(seed)
        return sampler.sample(count)

    def on_a_grid(self) -> tuple[Tensor, Tensor, Sampler]:
        """Points of one dimension, the density there, and whose it is."""
        sampler = self.fitted(1)
        drawn = self.drawn(sampler)
        low, high = float(drawn.min()), float(drawn.max())
        grid = torch.linspace(low - 2 * (high - low), high + 2 * (high - low), 8001, dtype=torch.float64)
        try:
            with torch.no_grad():
                return grid, sampler.log_prob(grid[:, None]).double().exp(), sampler
        except NotImplementedError:
            does_not_apply("it has no density")

    # Checks -----------------------------------------------------------------------------------------------------------

    def test_shapes(self) -> None:
        """``[count, D]`` for any count, finite, and a density of each where there is one."""
        sampler = self.fitted()
        for count in (1, 7):
            drawn = self.drawn(sampler, count)
            assert drawn.shape == (count, 2), f"{self.who}: {count} draws have shape {tuple(drawn.shape)}, not [N, D]"
            assert drawn.isfinite().all(), f"{self.who}: a draw is not finite"
        try:
            density = sampler.log_prob(self.latents()[:6].unflatten(0, (2, 3)))
        except NotImplementedError:
            return
        assert density.shape == (2, 3), f"{self.who}: densities of [2, 3, D] have shape {tuple(density.shape)}"

    def test_the_density_integrates_to_one(self) -> None:
        """In one dimension, by quadrature."""
        grid, density, _ = self.on_a_grid()
        total = float(cumulated(grid, density)[-1])
        assert abs(total - 1) < 5e-3, f"{self.who}: its density integrates to {total:.4f}"

    def test_samples_have_the_density(self) -> None:
        """In one dimension, the distribution function of draws is that of the density (Kolmogorov and Smirnov)."""
        grid, density, sampler = self.on_a_grid()
        distance = largest_distance(self.drawn(sampler)[:, 0].double(), grid, cumulated(grid, density))
        assert distance < ks_limit(DRAWS), f"{self.who}: its draws do not have its density"

    def test_draws_look_like_the_latents(self) -> None:
        """Means, standard deviations and the correlation of draws are near those of what it was fitted to."""
        sampler = self._that_fits()
        drawn, latents = self.drawn(sampler).double(), self.latents().double()
        scale = latents.std(0)
        moments = {"means": (drawn.mean(0), latents.mean(0)), "standard deviations": (drawn.std(0), scale)}
        for what, (found, expected) in moments.items():
            off = ((found - expected) / scale).abs()
            assert (off < FAR).all(), f"{self.who}: {what} of draws are {off.tolist()} deviations off the latents'"
        off = (torch.corrcoef(drawn.T) - torch.corrcoef(latents.T)).abs()[0, 1]
        assert off < FAR, f"{self.who}: the correlation of draws is {float(off):.2f} off that of the latents"

    def test_modalities_may_keep_their_own_latents(self) -> None:
        """It is then fitted to ``[z_1 … z_M]``, and draws as many numbers."""
        self._that_fits()
        sampler, dimensions = self.built(2, "none"), 2 * len(self.kinds)
        torch.manual_seed(0)
        sampler.fit(self.latents(dimensions))
        shape = tuple(self.drawn(sampler, 3).shape)
        assert shape == (3, dimensions), f"{self.who}: three draws of two latents have shape {shape}, not [3, 2 · D]"

    def test_noise_is_seeded(self) -> None:
        """Fits and draws are those of torch's seed, and of no other random numbers."""
        with same_global_randomness(self.who):
            made = []
            for others in (0, 1):
                random.seed(others)
                sampler = self.built()
                torch.manual_seed(0)
                sampler.fit(self.latents())
                made.append(self.drawn(sampler, 50))
        assert torch.equal(made[0], made[1]), f"{self.who}: the same seed gives other draws"
        assert not torch.equal(made[0], self.drawn(self.fitted(), 50, seed=3)), (
            f"{self.who}: another seed gives the same draws"
        )

    def test_draws_are_independent(self) -> None:
        """Draws differ, and go on where the last ones ended."""
        sampler = self.fitted()
        first = self.drawn(sampler, 50)
        second = sampler.sample(50)
        assert len(torch.cat([first, second]).unique(dim=0)) > 75, f"{self.who}: draws are the same again and again"

    def test_saving_and_restoring(self) -> None:
        """A sampler that is restored from saved tensors gives the same draws, to the bit."""
        sampler = self.fitted()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "sampler.safetensors"
            save_file({name: value.contiguous() for name, value in sampler.state_dict().items()}, path)
            again = self.built()
            again.restore(load_file(path))
        assert torch.equal(self.drawn(sampler, 50), self.drawn(again, 50)), (
            f"{self.who}: saving and restoring changes its draws; what is fitted is a parameter or a buffer"
        )

    def test_the_model_is_left_alone(self) -> None:
        """Building, fitting and drawing change no number of the model, and none of it is part of what is saved."""
        model = self.model()
        before = {name: value.clone() for name, value in model.state_dict().items()}
        sampler = self.built()
        sampler.fit(self.latents())
        self.drawn(sampler, 5)
        assert not model.training, f"{self.who}: it leaves the model in training mode"
        for name, value in model.state_dict().items():
            assert torch.equal(before[name], value), f"{self.who}: it changes {name} of the model"
        shared = {id(each) for each in model.parameters()} & {id(each) for each in sampler.parameters()}
        assert not shared, f"{self.who}: parameters of the model are its own"

    def test_fitting_again_forgets(self) -> None:
        """What it was fitted to before leaves no trace."""
        sampler = self.built()
        torch.manual_seed(5)
        sampler.fit(-3 * self.latents())
        torch.manual_seed(0)
        sampler.fit(self.latents())
        moved = self.drawn(sampler).mean(0) - self.drawn(self.fitted()).mean(0)
        assert (moved.abs() < FAR * self.latents().std(0)).all(), f"{self.who}: an earlier fit shows in a later one"

    def _that_fits(self) -> Sampler:
        if not self.loaded().fitted:
            does_not_apply("it fits nothing")
        return self.fitted()
