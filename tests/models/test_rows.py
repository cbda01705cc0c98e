"""Each network runs on the rows that have its modality, and gives what it gives where it sees these rows alone."""

import copy
from dataclasses import replace

import pytest
import torch

from mmgen import Batch, MultimodalVAE, Table, load_dataset
from mmgen.data.presence import Presence
from mmgen.models import JointEncoder
from mmgen.networks.rows import View
from mmgen.testing import make_model, toy_data

KINDS = ("vector", "counts", "text", "image")
CHANGES = {"image": {"network": "resnet-bn", "channels": (4, 6, 8), "dropout": 0.0}}
PATTERNS = {"some": [0, 2, 3, 5], "one": [4], "none": []}  # the rows of six that have the image


def model_and_batch(rows=PATTERNS["some"], kinds=KINDS, objective="elbo", placeholder=0.0):
    """Six rows, of which some have an image, and all but the last a vector; numbers stand where a row lacks
    something.
    """
    data = toy_data(kinds)
    model = make_model(objective, data, modalities=CHANGES).train()
    available = torch.ones(6, len(kinds), dtype=torch.bool)
    available[:, -1] = torch.tensor([row in rows for row in range(6)])
    available[5, 0] = False
    batch = replace(model.prepare(data.train[:6]), available=available)
    changed = {}
    for m, (name, values) in enumerate(batch.data.items()):
        there = available[:, m].reshape(-1, *[1] * (values.dim() - 1))
        changed[name] = torch.where(
            there, values, torch.full_like(values, placeholder if values.is_floating_point() else 1)
        )
    return model, replace(batch, data=changed)


def by_hand(network, x, rows):
    """A copy of a network, which has gradients and running statistics of its own, and what it gives for some rows."""
    network = copy.deepcopy(network)
    return network, network(torch.stack([x[row] for row in rows]))


def close(one, two):
    torch.testing.assert_close(one, two, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("placeholder", [0.0, float("nan"), float("inf"), 1e30])
def test_encoders_see_the_rows_that_have_their_modality(placeholder):
    model, batch = model_and_batch(placeholder=placeholder)
    before = copy.deepcopy(model.encoders)
    experts = model.experts(batch)
    (experts.mean.square().sum() + experts.log_variance.sum()).backward()
    for m, name in enumerate(KINDS):
        rows = [row for row in range(6) if batch.available[row, m]]
        network, (mean, log_variance) = by_hand(before[m], batch.data[name], rows)
        (mean.square().sum() + log_variance.sum()).backward()
        for place, row in enumerate(rows):
            close(experts.mean[m, row], mean[place])
            close(experts.log_variance[m, row], log_variance[place])
        absent = [row for row in range(6) if row not in rows]
        assert (experts.mean[m, absent] == 0).all() and (experts.log_variance[m, absent] == 0).all()
        for (key, ours), theirs in zip(model.encoders[m].named_parameters(), network.parameters(), strict=True):
            assert ours.grad.isfinite().all(), key
            close(ours.grad, theirs.grad)
        for ours, theirs in zip(model.encoders[m].buffers(), network.buffers(), strict=True):
            close(ours, theirs)


@pytest.mark.parametrize("placeholder", [0.0, float("nan"), float("inf"), 1e30])
@pytest.mark.parametrize("own", [False, True])
def test_decoders_see_the_rows_that_have_their_modality(own, placeholder):
    """With three latents per row, as of three components."""
    model, batch = model_and_batch(placeholder=placeholder)
    before = copy.deepcopy(model.decoders)
    torch.manual_seed(0)
    z = torch.randn(*([4] if own else []), 3, 6, 3, dtype=torch.float64, requires_grad=True)
    found = model.log_likelihood(z, batch, per_modality=own)
    assert found.shape == (4, 3, 6)
    found.sum().backward()
    assert z.grad.isfinite().all()
    for m, name in enumerate(KINDS):
        rows = [row for row in range(6) if batch.available[row, m]]
        latents = (z[m] if own else z).detach()
        network, output = by_hand(
            before[m],
            torch.stack([latents[c, row] for c in range(3) for row in range(6)]),
            [6 * c + row for c in range(3) for row in rows],
        )
        for place, (c, row) in enumerate((c, row) for c in range(3) for row in rows):
            expected = model.likelihood_weights[m] * model.likelihoods[m].log_prob(output[place], batch.data[name][row])
            close(found[m, c, row], expected)
        assert (found[m][:, [row for row in range(6) if row not in rows]] == 0).all()
        for ours, theirs in zip(model.decoders[m].buffers(), network.buffers(), strict=True):
            close(ours, theirs)


@pytest.mark.parametrize("pattern", ["one", "none"])
def test_a_network_that_few_rows_need_normalises_by_running_statistics(pattern):
    """Which stay as they are; where no row has it its parameters have gradients of zero, and not none."""
    model, batch = model_and_batch(PATTERNS[pattern], placeholder=float("nan"))
    encoder = copy.deepcopy(model.encoders[-1]).eval()
    statistics = copy.deepcopy(list(model.buffers()))
    experts = model.experts(batch)
    for row in PATTERNS[pattern]:
        close(experts.mean[-1, row], encoder(batch.data["image"][row : row + 1])[0][0])
    model(batch).value(1.0).sum().backward()
    norms = [m for m in model.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    assert norms and all(norm.training for norm in norms)
    assert all(torch.equal(one, two) for one, two in zip(statistics, model.buffers(), strict=True))
    for part in (model.encoders[-1], model.decoders[-1]):
        gradients = [parameter.grad for parameter in part.parameters()]
        assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
        assert any(gradient.any() for gradient in gradients) == bool(PATTERNS[pattern])


def test_layers_of_torch_that_refuse_a_single_row_take_it():
    model, batch = model_and_batch(PATTERNS["one"])
    trunk = model.encoders[0].trunk
    trunk.layers.append(torch.nn.BatchNorm1d(trunk.features, dtype=torch.float64))
    one = torch.zeros(6, 4, dtype=torch.bool)
    one[2, 0] = one[:, 1] = True
    assert model(replace(batch, available=one)).value(1.0).isfinite().all()


def test_where_nothing_is_missing_nothing_is_gathered(monkeypatch):
    """Networks get the tensors of the batch, and give what they give alone, bit for bit."""
    model, batch = model_and_batch(range(6))
    batch = replace(batch, available=torch.ones_like(batch.available))
    seen = []
    for encoder in model.encoders:
        encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    copies = copy.deepcopy(model.encoders)
    experts = model.experts(batch)
    assert all(x is batch.data[name] for x, name in zip(seen, KINDS, strict=True))
    seen.clear()
    for m, name in enumerate(KINDS):
        assert torch.equal(experts.mean[m], copies[m](batch.data[name])[0])


def test_a_joint_encoder_infers_from_complete_rows():
    model, batch = model_and_batch(placeholder=float("nan"))
    joint = JointEncoder(model).double().train()
    alone = copy.deepcopy(joint)
    complete = [0, 2, 3]
    found, expected = joint(batch), alone(batch[complete])
    close(found.mean[complete], expected.mean)
    close(found.log_variance[complete], expected.log_variance)
    assert (found.mean[[1, 4, 5]] == 0).all() and (found.log_variance[[1, 4, 5]] == 0).all()
    for one, two in zip(joint.buffers(), alone.buffers(), strict=True):
        close(one, two)


@pytest.mark.parametrize("kinds", [("vector", "counts", "image"), ("vector", "counts", "tags")])
def test_the_noise_of_a_row_does_not_depend_on_what_others_lack(kinds):
    """In evaluation, where nothing else ties rows together."""
    data = toy_data(kinds)
    model = make_model("elbo", data, modalities={"image": CHANGES["image"]} if "image" in kinds else {})
    batch = model.prepare(data.train[:6])
    lacking = torch.ones(6, 3, dtype=torch.bool)
    lacking[1, 2] = lacking[4, 0] = lacking[4, 2] = False
    values = []
    for available in (batch.available, lacking):
        torch.manual_seed(0)
        values.append(model(replace(batch, available=available)).value(1.0))
    kept = [0, 2, 3, 5]
    close(values[0][kept], values[1][kept])


def test_what_a_batch_knows_of_itself():
    available = torch.tensor([[True, True, False], [True, False, True], [True, True, True]])
    batch = Batch({name: torch.randn(3, 2) for name in "abc"}, available)
    presence = batch.presence
    assert presence.having[0] is None
    assert [numbers.tolist() for numbers in (*presence.having[1:], presence.complete)] == [[0, 2], [1, 2], [2]]
    assert batch[[2]].presence.complete is None
    assert batch[:2].presence.complete.tolist() == []
    assert batch.restrict(torch.tensor([[True, True, True]] * 2 + [[False, True, True]])).presence.having[
        0
    ].tolist() == [0, 1]


def test_a_batch_that_was_moved_knows_it_without_asking_the_device():
    """Nothing on the device ``meta`` can be asked for its value: a step that asked would fail."""
    data = toy_data(("vector", "counts", "image"), missing=0.5)
    model = make_model("elbo", data, modalities={"image": CHANGES["image"]}).train().to("meta")
    expected = data.train[:8].presence
    table = data.train.to("meta")
    for batch in (data.train[:8].to("meta"), table[:8], table[torch.arange(8)]):
        presence = model.prepare(batch).presence
        shapes = [None if numbers is None else numbers.shape for numbers in (*presence.having, presence.complete)]
        assert shapes == [
            None if numbers is None else numbers.shape for numbers in (*expected.having, expected.complete)
        ]
        assert all(numbers is None or numbers.device.type == "meta" for numbers in presence.having)
        experts = model.experts(batch)
        model.log_likelihood(experts.mean[0], batch).sum().backward()
    with pytest.raises((NotImplementedError, RuntimeError)):
        replace(batch, available=torch.ones(8, 3, dtype=torch.bool, device="meta")).presence  # noqa: B018


def test_numbers_are_beside_their_mask():
    available = torch.tensor([[True, False], [True, True]])
    other = available.clone()
    moved = Presence.read(available).beside(other)
    assert moved.available is other and moved.having[0] is None
    assert moved.having[1].tolist() == moved.complete.tolist() == [1]


def test_a_table_keeps_its_mask_where_it_is_planned():
    table = Table.of(
        {"a": torch.randn(4, 2)}, available=torch.ones(4, 1, dtype=torch.bool), labels={"y": torch.arange(4)}
    ).to("meta")
    assert table.available.device.type == "cpu" and table.data["a"].device.type == "meta"
    batch = table[torch.tensor([3, 1])]
    assert {values.device.type for values in (batch.data["a"], batch.available, batch.labels["y"], batch.rows)} == {
        "meta"
    }


def test_a_view_of_all_rows_keeps_the_type_of_a_mask():
    """Networks in one pass see all rows; which cells are observed stays true and false."""
    there = torch.tensor([True, False, True])
    seen = View(there).values(torch.ones(3, 2, dtype=torch.bool))
    assert seen.dtype == torch.bool and seen.any(1).tolist() == there.tolist()


def test_cells_may_be_missing_in_modalities_that_share_a_pass():
    """Two vectors of one size, of which rows lack one and cells of the other."""
    draw = torch.Generator().manual_seed(0)
    arrays = {name: torch.randn(40, 4, generator=draw, dtype=torch.float64).numpy() for name in ("a", "b")}
    arrays["b"][::3, 1] = float("nan")
    arrays["a"][5] = arrays["b"][7] = float("nan")
    data = load_dataset(arrays)
    model = MultimodalVAE.create("elbo", data, latent_dim=2).double().eval()
    batch = model.prepare(data.train[:])
    rows = len(batch)
    assert not batch.available.all()
    assert not batch.observed["b"][batch.available[:, 1]].all()
    z = torch.randn(rows, 2, generator=draw, dtype=torch.float64)
    found = model.log_likelihood(z, batch).detach()
    for m, name in enumerate(arrays):
        logs = model.likelihoods[m].pointwise(model.decode(z, name), batch.data[name]).detach()
        cells = batch.observed[name] if name in batch.observed else torch.ones(rows, 4, dtype=torch.bool)
        for row in range(rows):
            there = [float(logs[row, cell]) for cell in range(4) if cells[row, cell] and batch.available[row, m]]
            assert abs(float(found[m, row]) - sum(there)) < 1e-10
