"""The joint encoder: shapes, size, rows that do not see each other, and gradients to every trunk."""

import pytest
import torch

from mmgen import Batch
from mmgen.models import JointEncoder
from mmgen.testing import make_model, toy_data

KINDS = ("vector", "counts", "tags", "labels", "text", "image")


def encoder_and_batch(kinds, rows=6, latent_dim=3):
    data = toy_data(kinds)
    model = make_model("elbo", data, latent_dim=latent_dim)
    torch.manual_seed(0)
    return JointEncoder(model).double().eval(), model.prepare(data.train[:rows])


@pytest.mark.parametrize("kinds", [KINDS[:2], KINDS, KINDS[::-1]])
@pytest.mark.parametrize("latent_dim", [1, 5])
def test_gives_one_gaussian_per_row(kinds, latent_dim):
    encoder, batch = encoder_and_batch(kinds, 6, latent_dim)
    posterior = encoder(batch)
    assert posterior.mean.shape == posterior.log_variance.shape == (6, latent_dim)
    assert posterior.mean.dtype == torch.float64
    assert len(set(posterior.mean[:, 0].tolist())) == 6, "different rows have different posteriors"


def test_takes_modalities_by_name():
    encoder, batch = encoder_and_batch(("vector", "counts", "tags"))
    turned = Batch(dict(reversed(batch.data.items())), batch.available.flip(-1), prepared=True)
    torch.testing.assert_close(encoder(turned).mean, encoder(batch).mean)


@pytest.mark.parametrize("kinds", [KINDS[:2], KINDS])
@pytest.mark.parametrize("latent_dim", [3, 8])
def test_has_as_many_parameters_as_the_encoders_but_for_their_biases(kinds, latent_dim):
    """Trunks are those of the encoders, and the weights of one head on F = Σ F_m features are those of M heads; it has
    one pair of biases in place of M.
    """
    encoder, _ = encoder_and_batch(kinds, latent_dim=latent_dim)
    encoders = [modality.encoder(latent_dim) for modality in toy_data(kinds).modalities.values()]
    theirs = sum(parameter.numel() for each in encoders for parameter in each.parameters())
    assert sum(parameter.numel() for parameter in encoder.parameters()) == theirs - (len(kinds) - 1) * 2 * latent_dim


def test_shares_nothing_with_the_encoders_of_the_model():
    model = make_model("elbo", toy_data(KINDS))
    joint = JointEncoder(model)
    places = {parameter.data_ptr() for parameter in model.parameters()}
    assert not any(parameter.data_ptr() in places for parameter in joint.parameters())


def test_rows_are_independent():
    encoder, batch = encoder_and_batch(KINDS)
    whole = encoder(batch)
    for row in range(6):
        alone = encoder(batch[row : row + 1])
        torch.testing.assert_close(alone.mean[0], whole.mean[row])
        torch.testing.assert_close(alone.log_variance[0], whole.log_variance[row])


@pytest.mark.parametrize("changed", KINDS)
def test_every_modality_of_a_row_matters_to_that_row_alone(changed):
    encoder, batch = encoder_and_batch(KINDS)
    values = batch.data[changed].clone()
    values[2] = (
        values[2].flip(-1) if changed == "text" else (values[2] + 1) % 3 if changed == "labels" else 1 - values[2]
    )
    before, after = (
        encoder(batch).mean,
        encoder(Batch({**batch.data, changed: values}, batch.available, prepared=True)).mean,
    )
    differs = (before != after).any(-1)
    assert differs.tolist() == [row == 2 for row in range(6)]


def test_gradients_reach_every_trunk_and_both_maps_of_the_head():
    encoder, batch = encoder_and_batch(KINDS, rows=24)
    posterior = encoder(batch)
    (posterior.mean.square().sum() + posterior.log_variance.square().sum()).backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name
