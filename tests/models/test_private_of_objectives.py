"""Private latents whose distributions, or draws, are an objective's own."""

import pytest
import torch

from mmgen.distributions import Gaussian, Laplace, in_family
from mmgen.models import ELBO
from mmgen.testing import make_model, raises_sentence, toy_data

KINDS = ("vector", "tags")
D, P = 3, 2


class Wide(ELBO):
    """Private latents with the prior N(1, 4), and posteriors that are one further up than the heads say."""

    draws_private = True

    def private_posterior(self, model, head, target):
        return Gaussian(head.mean + 1, head.log_variance)

    def private_prior(self, model, like, target):
        return Gaussian(torch.ones_like(like), torch.full_like(like, 4.0).log())


def wide(**options):
    data = toy_data(KINDS)
    model = make_model(Wide, data, latent_dim=D, private_dim=P, **options).requires_grad_(False)
    return model, model.prepare(data.test[:4])


def test_where_a_modality_is_not_given_its_private_latents_have_the_prior_of_the_objective():
    model, batch = wide()
    found = model.encode_private(batch, ["tags"])
    assert (found["vector"].mean == 1).all()
    torch.testing.assert_close(found["vector"].variance, torch.full((4, P), 4.0, dtype=torch.float64))
    head = model.encoders[1](batch.data["tags"])[0][:, D:]
    torch.testing.assert_close(found["tags"].mean, head + 1)
    torch.testing.assert_close(model.private_posteriors(batch)["tags"].mean, head + 1)


def test_decoders_take_draws_of_it_with_their_log_ratio():
    model, batch = wide()
    torch.manual_seed(0)
    z = torch.zeros(20_000, 4, D, dtype=torch.float64)
    taken = model.decoder_input(z, "vector", batch, model.mask(batch, ["tags"]))
    w = taken.values[..., D:]
    torch.testing.assert_close(w.mean((0, 1)), torch.ones(P).double(), rtol=0, atol=0.05)
    torch.testing.assert_close(w.std((0, 1)), torch.full((P,), 2.0).double(), rtol=0.02, atol=0)
    assert not taken.log_ratio.any()
    alone = model.decoder_input(z, "vector").values[..., D:]
    torch.testing.assert_close(alone.std((0, 1)), torch.full((P,), 2.0).double(), rtol=0.02, atol=0)
    given = model.decoder_input(z[:3], "vector", batch, model.mask(batch, ["vector"]))
    q, w = model.private_posteriors(batch)["vector"], given.values[..., D:]
    prior = Gaussian(torch.ones(P).double(), torch.full((P,), 4.0).double().log())
    torch.testing.assert_close(given.log_ratio, prior.log_prob(w) - q.log_prob(w))


def test_private_latents_that_are_given_are_decoded_and_cost_nothing():
    model, batch = wide()
    z, w = torch.randn(5, 4, D).double(), {name: torch.randn(5, 4, P).double() for name in KINDS}
    found = model.log_likelihood(z, batch, private=w)
    for m, name in enumerate(KINDS):
        output = model.decode(torch.cat([z, w[name]], -1), name)
        torch.testing.assert_close(found[m], model.likelihoods[m].log_prob(output, batch.data[name]))


def test_a_share_of_draws_from_the_prior_is_refused_where_the_objective_draws():
    with raises_sentence("model.private_from_prior.*leave it out"):
        wide(private_from_prior=0.2)


def test_what_a_default_says_of_private_latents_goes_with_them():
    class Own(ELBO):
        defaults = {"model": {"private_dim": 3, "private_from_prior": 0.0}}

    assert make_model(Own, toy_data(KINDS)).config.private_from_prior == 0
    assert make_model(Own, toy_data(KINDS), private_dim=0).config.private_from_prior == 0.5
    with raises_sentence("private_from_prior.*private_dim"):
        make_model(Own, toy_data(KINDS), private_dim=0, private_from_prior=0.1)


@pytest.mark.parametrize("family", [Gaussian, Laplace])
def test_rows_of_another_distribution(family):
    one, two = (family(torch.full((3, 2), value), torch.full((3, 2), value / 2)) for value in (1.0, -2.0))
    rows = torch.tensor([True, False, True])
    found, standard = one.where(rows, two), one.where(rows)
    assert found.mean[:, 0].tolist() == [1.0, -2.0, 1.0] and standard.mean[:, 0].tolist() == [1.0, 0.0, 1.0]
    torch.testing.assert_close(found.variance[1], two.variance[1])
    torch.testing.assert_close(standard.scale[1], torch.ones(2))


@pytest.mark.parametrize("family", ["gaussian", "laplace"])
def test_normalised_scales_sum_to_the_dimensions(family):
    head = Gaussian(torch.zeros(4, 3), torch.randn(4, 3))
    torch.testing.assert_close(in_family(head, family).scale, (0.5 * head.log_variance).exp())
    scale = in_family(head, family, normalised=True).scale
    torch.testing.assert_close(scale.sum(-1), torch.full((4,), 3.0))
    torch.testing.assert_close(
        scale[:, 0] / scale[:, 1], (0.5 * (head.log_variance[:, 0] - head.log_variance[:, 1])).exp()
    )
