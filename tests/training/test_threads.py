"""Threads: one where networks are small, said at the start, chosen by an option, and given back."""

import io
import json

import pytest
import torch
from rich.console import Console
from torch import nn

from mmgen import MultimodalVAE, Trainer
from mmgen.testing import toy_data
from mmgen.training import machine
from mmgen.training.threads import largest_layer, limited, threads_for


@pytest.fixture(autouse=True)
def two_threads():
    with limited(2):
        yield


def model_for(data, width=8, **options):
    changes = {"vector": {"hidden": [width, width]}} if "vector" in data.modalities else {}
    return MultimodalVAE.create("elbo", data, latent_dim=2, modalities=changes, **options)


def threads(data, width=8, **options):
    return threads_for(model_for(data, width), data, Trainer(**options).config)


def test_small_networks_take_one_thread_and_large_ones_what_there_is():
    data = toy_data(("vector", "counts"), rows=400)
    assert threads(data) == 1
    assert threads(data, width=512, batch_size=64) == 2  # 512 × 512 × 64 is 2^24
    assert threads(data, width=512, batch_size=63) == 1
    assert threads(data, width=512, batch_size=64, microbatches=2) == 1
    assert threads(data, width=512, threads=1) == 1
    assert threads(data, threads=3) == 3


def test_few_rows_are_a_small_batch():
    data = toy_data(("vector", "counts"), rows=60)
    assert len(data.train) < 64
    assert threads(data, width=512, batch_size=64) == 1


@pytest.mark.parametrize("missing", [0.0, 0.6])
def test_a_convolution_counts_at_every_place(missing):
    """Also where the first row lacks the image."""
    data = toy_data(("vector", "image"), rows=60, missing=missing)
    model = model_for(data)
    image = list(data.modalities).index("image")
    expected, seen = [weight.numel() for weight in model.parameters()], []
    side = data.modalities["image"].shape[-1]
    for part in model.encoders[image].modules():
        if isinstance(part, nn.Conv2d):
            side = (side + 2 * part.padding[0] - part.kernel_size[0]) // part.stride[0] + 1
            seen.append(part.in_channels * part.out_channels * part.kernel_size[0] ** 2 * side**2)
    assert seen, "the toy's encoder has convolutions"
    assert largest_layer(model, data) == max(expected + seen)


def test_counting_leaves_no_trace():
    data = toy_data(("vector", "image"), rows=60)
    model = model_for(data).train()
    before, random = {name: value.clone() for name, value in model.state_dict().items()}, torch.get_rng_state()
    largest_layer(model, data)
    assert torch.equal(random, torch.get_rng_state())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(part.training for part in model.modules())
    assert not any(part._forward_hooks for part in model.modules())


def test_a_training_says_its_threads_keeps_them_on_record_and_gives_them_back(tmp_path):
    data, screen = toy_data(rows=40), io.StringIO()
    trainer = Trainer(epochs=1, device="cpu", console=Console(file=screen, width=200))
    trainer.fit(model_for(data), data, str(tmp_path / "run"))
    assert "Threads: 1; no layer has work for more (training.threads)." in screen.getvalue()
    assert json.loads((tmp_path / "run" / "environment.json").read_text())["threads"] == 1
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize(("quota", "expected"), [("150000 100000", 1.5), ("max 100000", 4.0), ("damaged", 4.0)])
def test_cores_are_those_of_the_process_and_its_container(tmp_path, monkeypatch, quota, expected):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr(machine, "QUOTA", tmp_path / "cpu.max")
    (tmp_path / "cpu.max").write_text(quota)
    assert machine.cores() == expected


def test_a_busy_machine_and_bfloat16_that_is_imitated_are_said(monkeypatch):
    monkeypatch.setattr(machine, "load", lambda: 7.3)
    monkeypatch.setattr(machine, "cores", lambda: 2.0)
    monkeypatch.setattr(machine, "computes_in_bfloat16", lambda: False)
    config = Trainer(precision="bfloat16").config
    slow, several, busy = machine.remarks(config, 2)
    assert "does not compute in bfloat16" in slow and several.startswith("Threads: 2, since layers are large")
    assert busy.startswith("Other work waits for the same cores (load 7.3 on 2 cores)")
    assert machine.remarks(Trainer(threads=1).config, 1) == ["Threads: 1, as training.threads says."]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_step_is_timed_with_its_own_threads(dtype):
    assert 0 < machine.step_seconds(8, 1, dtype) < 1
    assert torch.get_num_threads() == 2
