"""The average of the weights: what it is, and that it is validated, kept and saved in their place."""

import pytest
import torch
from safetensors.torch import load_file
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mmgen import MmgenError, MultimodalVAE, Trainer, load_run
from mmgen.training.average import Average
from mmgen.training.batching import batches, derived_seed, epoch_order

DECAY = 0.8


def plain(data):
    return MultimodalVAE.create("elbo", data, latent_dim=2)


def train(data, output=None, *, model=None, resume=False, **options):
    settings = {"epochs": 3, "batch_size": 10, "checkpoint_seconds": 0, "average": DECAY, **options}
    model = plain(data) if model is None else model
    return Trainer(**settings).fit(model, data, None if output is None else str(output), resume=resume)


def test_the_model_of_a_run_is_the_average_of_its_steps(data, tmp_path):
    """Written out: the weights after every step of Adam, and their mean as it goes."""
    run = train(data, tmp_path / "run")
    other = plain(data)
    adam = torch.optim.Adam(other.parameters(), lr=1e-3, fused=True)
    average = None
    for epoch in range(3):
        other.train()
        torch.manual_seed(derived_seed("noise", 0, epoch))
        for rows in batches(epoch_order(len(data.train), 0, epoch), 10):
            (-other(data.train[rows]).value(1.0).sum() * (1 / len(rows))).backward()
            adam.step()
            adam.zero_grad()
            now = [parameter.detach().clone() for parameter in other.parameters()]
            if average is None:
                average = now
            else:
                average = [DECAY * mean + (1 - DECAY) * value for mean, value in zip(average, now, strict=True)]
    checkpoint = load_file(tmp_path / "run" / "checkpoints" / "last.safetensors")
    for (name, parameter), mean in zip(run.model.named_parameters(), average, strict=True):
        torch.testing.assert_close(parameter.detach(), mean, rtol=1e-5, atol=1e-7)
        assert torch.equal(checkpoint[f"model/{name}"], other.get_parameter(name)), "and the last weights go on"
        assert torch.equal(checkpoint[f"average/{name}"], parameter)
    assert int(run.model.objective.step) == len(batches(torch.arange(len(data.train)), 10)) * 3
    again = load_run(tmp_path / "run").model.state_dict()
    assert all(torch.equal(value, again[name]) for name, value in run.model.state_dict().items())


class Counting(torch.nn.Module):
    """A parameter, a running statistic, a count and a constant that is not finite."""

    device = torch.device("cpu")

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(3, dtype=torch.float64))
        self.register_buffer("running", torch.randn(2, dtype=torch.float64))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self.register_buffer("floor", torch.tensor([-torch.inf, 0.0]))


def test_it_is_the_average_of_pytorch(data):
    torch.manual_seed(0)
    model = Counting()
    ours = Average(model, DECAY)
    theirs = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(DECAY), use_buffers=True)
    for _ in range(4):
        with torch.no_grad():
            model.weight += torch.randn(3)
            model.running += torch.randn(2)
            model.count += 1
        ours.update()
        theirs.update_parameters(model)
    for name in ("weight", "running"):
        torch.testing.assert_close(ours.values[name], theirs.module.state_dict()[name], rtol=1e-12, atol=0)
    assert int(ours.values["count"]) == 4, "a count is copied"
    assert torch.equal(ours.values["floor"], model.floor), "and a constant stays what it is"
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with ours.in_place():
        assert torch.equal(model.weight, ours.values["weight"])
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_validations_are_of_the_average_and_change_no_weight(data, tmp_path):
    every, last = train(data, tmp_path / "every"), train(data, tmp_path / "last", validate_every=3)
    assert every.history[-1]["val"] == last.history[-1]["val"]
    ends = [train(data, epochs=epochs).model for epochs in (1, 2)]
    for model, record in zip(ends, every.history, strict=False):
        fresh = Trainer(epochs=1, batch_size=10, learning_rate=1e-30).fit(model, data)
        assert fresh.history[0]["val"]["loss"] == pytest.approx(record["val"]["loss"], rel=1e-5)


def test_the_best_model_is_the_best_average(data, tmp_path):
    run = train(data, tmp_path / "run", epochs=30, learning_rate=0.1, early_stopping=3)
    losses = [record["val"]["loss"] for record in run.history]
    assert losses.index(min(losses)) == len(losses) - 4
    checkpoint = load_file(run.path / "checkpoints" / "last.safetensors")
    assert all(torch.equal(value, checkpoint[f"best/{name}"]) for name, value in run.model.state_dict().items())


@pytest.mark.parametrize("after", [1, 2])
@pytest.mark.parametrize("stages", [(), ({"epochs": 1, "train": ["decoders"]}, {})], ids=["one", "two"])
def test_it_resumes_bit_for_bit(resumed, stages, after):
    resumed(plain, after=after, epochs=3, average=DECAY, stages=stages, select="best")


def test_more_epochs_go_on_with_weights_and_average(data, tmp_path):
    whole = train(data, tmp_path / "whole", epochs=4)
    train(data, tmp_path / "run", epochs=2)
    longer = train(data, tmp_path / "run", epochs=4, resume=True)
    one, two = (load_file(run.path / "model.safetensors") for run in (whole, longer))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_finished_run_that_is_resumed_has_the_model_that_was_kept(data, tmp_path):
    run = train(data, tmp_path / "run")
    again = train(data, tmp_path / "run", resume=True)
    assert all(torch.equal(value, again.model.state_dict()[name]) for name, value in run.model.state_dict().items())


def test_a_stage_begins_with_the_average_of_the_one_before(data):
    model = plain(data)
    train(data, model=model, stages=({"epochs": 2, "train": ["encoders"]}, {"train": ["decoders"]}))
    first = plain(data)
    train(data, model=first, epochs=2, stages=({"train": ["encoders"]},))
    for name, parameter in first.named_parameters():
        if name.startswith("encoders."):
            torch.testing.assert_close(model.get_parameter(name), parameter, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("decay", [0, 1, -0.5, "much"])
def test_what_is_no_decay_is_a_sentence(decay):
    with pytest.raises(MmgenError, match=r"training\.average: .* is not right; it should be"):
        Trainer(average=decay)
