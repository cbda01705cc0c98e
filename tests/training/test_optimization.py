"""Optimisers by name, and groups of parameters: what steps on what, and that nothing of it is lost on resume."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from mmgen import MmgenError, MultimodalVAE, Trainer
from mmgen.optimizers import optimizers
from mmgen.runs import TrainingConfig
from mmgen.runs.optimizer_config import options_of
from mmgen.training.batching import batches, derived_seed, epoch_order
from mmgen.training.checkpoint import pack_optimizers, unpack_optimizers
from mmgen.training.optimization import Side
from mmgen.training.stages import Stages

CPU = torch.device("cpu")


def model_for(data, **options):
    return MultimodalVAE.create("elbo", data, latent_dim=2, **options)


def train(data, output=None, *, model=None, **options):
    settings = {"epochs": 2, "batch_size": 10, "checkpoint_seconds": 0, **options}
    model = model_for(data) if model is None else model
    return Trainer(**settings).fit(model, data, None if output is None else str(output))


VARIANTS = [
    *[{"name": name} for name in sorted(optimizers())],
    {"name": "SGD", "momentum": 0.9, "nesterov": True},
    {"name": "Adam", "amsgrad": True, "weight_decay": 0.1},
    {"name": "RMSprop", "momentum": 0.5, "centered": True},
    {"name": "ASGD", "t0": 2},
]


@pytest.mark.parametrize("optimizer", VARIANTS, ids=lambda options: "-".join(map(str, options.values())))
def test_every_optimiser_learns_and_resumes_bit_for_bit(data, resumed, optimizer):
    whole = resumed(model_for, optimizer=optimizer, schedule="one-cycle", gradient_clip=10)
    before, after = model_for(data).state_dict(), load_file(whole / "model.safetensors")
    moved = [name for name, _ in model_for(data).named_parameters() if not torch.equal(before[name], after[name])]
    assert len(moved) == len(dict(model_for(data).named_parameters())), "every parameter moves"


def test_the_default_is_adam_of_pytorch_to_the_byte(data):
    model, other = model_for(data), model_for(data)
    train(data, model=model)
    adam = torch.optim.Adam(other.parameters(), lr=1e-3, fused=True)
    for epoch in range(2):
        other.train()
        torch.manual_seed(derived_seed("noise", 0, epoch))
        for rows in batches(epoch_order(len(data.train), 0, epoch), 10):
            value = other(data.train[rows]).value(1.0)
            (-value.sum() * (1 / len(rows))).backward()
            adam.step()
            adam.zero_grad()
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, other.get_parameter(name)), name


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        ("Adm", "there is no optimiser 'Adm'; there are ASGD, .*did you mean 'Adam'"),
        ("Optimizer", "there is no optimiser 'Optimizer'"),
        ("LBFGS", r"LBFGS cannot be used, since it asks for the loss several times in a step.*; there are ASGD, .*SGD"),
        ("SparseAdam", "SparseAdam cannot be used, since it is for sparse gradients"),
        (3, "3 is not right; it should be a name, or a mapping"),
        ({"name": "AdamW", "eps_": 1}, "eps_: there is no such option; there are amsgrad, .*did you mean 'eps'"),
        ({"name": "AdamW", "betas": 3}, "training.optimizer.betas: 3 is not right; it should be tuple"),
        ({"name": "AdamW", "amsgrad": "perhaps"}, "amsgrad: 'perhaps'"),
        ({"name": "AdamW", "lr": 1}, "the learning rate of every optimiser is training.learning_rate"),
        ({"name": "AdamW", "fused": False}, "fused: there is no such option"),
        ({"name": "SGD", "momentum": -1}, "SGD does not take that: Invalid momentum value: -1"),
        ({"name": "SGD", "nesterov": True}, "SGD does not take that: Nesterov momentum requires a momentum"),
    ],
)
def test_what_is_no_optimiser_is_a_sentence(optimizer, message):
    with pytest.raises(MmgenError, match=message) as raised:
        Trainer(optimizer=optimizer)
    assert str(raised.value).startswith("training.optimizer")


def test_a_bare_name_is_the_optimiser_with_its_defaults():
    assert TrainingConfig(optimizer="RAdam") == TrainingConfig(optimizer={"name": "RAdam"})
    assert TrainingConfig().optimizer == TrainingConfig(optimizer={}).optimizer
    for name in optimizers():
        config = TrainingConfig(optimizer=name)
        assert set(config.optimizer.options) == set(options_of(name).model_fields)
        assert TrainingConfig(**json.loads(json.dumps(config.model_dump(mode="json")))) == config


# Groups ---------------------------------------------------------------------------------------------------------------

GROUPS = [
    {"of": ["decoders.counts", "encoders.tags"], "learning_rate": 1e-4},
    {"of": ["decoders"], "weight_decay": 0.3},
    {"of": ["encoders.vector"], "learning_rate": 0.5, "betas": [0.5, 0.6]},
]


def side_of(model, **options):
    config = TrainingConfig(**options)
    stages = Stages(model, config.plan, config.groups)
    return Side(config, stages, stages.enter(0), CPU)


def names_by_group(model, optimizer):
    called = {id(parameter): name for name, parameter in model.named_parameters()}
    return [{called[id(p)] for p in group["params"]} for group in optimizer.param_groups]


def test_every_parameter_is_in_the_first_group_that_names_it(data):
    model = model_for(data)
    side = side_of(model, optimizer="AdamW", groups=GROUPS)
    (optimizer,) = side.optimizers
    by_group = names_by_group(model, optimizer)
    names = {name for name, _ in model.named_parameters()}
    vector, counts, tags = (
        {name for name in names if name.startswith((f"encoders.{m}.", f"decoders.{m}."))} for m in range(3)
    )
    decoders = {name for name in names if name.startswith("decoders.")}
    first = {name for name in counts if name in decoders} | (tags - decoders)
    expected = [first, decoders - first, {name for name in vector if name.startswith("encoders.")}]
    assert by_group == [names.difference(*expected), *expected]
    assert sum(len(group) for group in by_group) == len(names)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.01, 0.01, 0.3, 0.01]
    assert optimizer.param_groups[3]["betas"] == (0.5, 0.6)
    side.set_rates(lambda own: 7.0 if own is None else own)
    assert [group["lr"] for group in optimizer.param_groups] == [7.0, 1e-4, 7.0, 0.5]


def test_groups_step_as_a_plain_loop_with_several_rates_does(data):
    """Two steps of SGD in float64, written out: p ← p − rate · factor · (∇p + decay · p)."""
    groups = [{"of": ["decoders"], "learning_rate": 0.02}, {"of": ["encoders.vector"], "weight_decay": 0.5}]
    model, other = model_for(data).double(), model_for(data).double()
    options = {"optimizer": "SGD", "learning_rate": 0.01, "schedule": "linear", "groups": groups}
    train(data, model=model, epochs=1, batch_size=16, **options)
    torch.manual_seed(derived_seed("noise", 0, 0))
    index = batches(epoch_order(len(data.train), 0, 0), 16)
    assert len(index) == 2 or len(index) == 3
    for step, rows in enumerate(index):
        other.train()
        loss = -other(data.train[rows]).value(1.0).mean()
        gradients = torch.autograd.grad(loss, list(other.parameters()))
        factor = 1 - step / len(index)
        with torch.no_grad():
            for (name, parameter), gradient in zip(other.named_parameters(), gradients, strict=True):
                rate = 0.02 if name.startswith("decoders.") else 0.01
                decay = 0.5 if name.startswith("encoders.0.") else 0.0
                parameter.copy_(parameter - rate * factor * (gradient + decay * parameter))
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter, other.get_parameter(name), rtol=1e-10, atol=1e-12)


def test_groups_and_stages_resume_bit_for_bit(resumed):
    stages = ({"epochs": 1, "train": ["decoders"]}, {"learning_rate": 0.01, "train": ["encoders", "decoders.tags"]})
    resumed(model_for, optimizer="NAdam", groups=GROUPS, stages=stages, schedule="cosine")


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([{"of": ["encoder"]}], r"training\.groups\.0\.of: the model has no part 'encoder'.*did you mean 'encoders'"),
        ([{"of": ["encoders"]}, {"of": ["encoders.tags"]}], r"groups\.1: all of encoders\.tags is in groups before it"),
        ([{"of": []}], r"training\.groups\.0\.of"),
        ([{"of": ["encoders"], "lerning_rate": 1}], r"groups\.0\.lerning_rate: .*did you mean 'learning_rate'"),
        ([{"of": ["encoders"], "weight_decay": -1}], r"groups\.0: Adam does not take that: Invalid weight_decay"),
        ([{"of": ["encoders"], "lr": 1}], r"groups\.0\.lr: the learning rate of every optimiser is"),
        ([{"learning_rate": 1}], r"training\.groups\.0\.of: this option must be given"),
    ],
)
def test_what_is_no_group_is_a_sentence(data, tmp_path, groups, message):
    with pytest.raises(MmgenError, match=message):
        train(data, tmp_path / "run", groups=groups)
    assert not (tmp_path / "run").exists()


# Matrices, and states -------------------------------------------------------------------------------------------------


@pytest.mark.skipif("Muon" not in optimizers(), reason="this PyTorch has no Muon")
def test_matrices_go_to_muon_and_the_rest_to_adamw(data):
    model = model_for(data)
    options = {"name": "Muon", "weight_decay": 0.2}
    side = side_of(model, optimizer=options, groups=[{"of": ["decoders"], "weight_decay": 0.5, "momentum": 0.8}])
    muon, adamw = side.optimizers
    assert (type(muon).__name__, type(adamw).__name__) == ("Muon", "AdamW")
    moved = [{name for group in names_by_group(model, each) for name in group} for each in (muon, adamw)]
    assert moved[0] == {name for name, parameter in model.named_parameters() if parameter.dim() == 2}
    assert moved[1] == {name for name, parameter in model.named_parameters() if parameter.dim() != 2}
    for each in (muon, adamw):
        assert [group["weight_decay"] for group in each.param_groups] == [0.2, 0.5]
    assert [group["momentum"] for group in muon.param_groups] == [0.95, 0.8]


def test_states_come_back_as_they_were_whatever_they_are():
    """None, numbers, and tensors of another type than their parameter's."""
    parameters = [torch.zeros(3, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    one, two = (torch.optim.SGD(parameters, lr=0.1) for _ in range(2))
    one.state[parameters[1]] = {
        "momentum_buffer": None,
        "step": torch.tensor(3.0),
        "rounds": 4,
        "eta": torch.tensor(0.1, dtype=torch.float32),
    }
    tensors, facts = pack_optimizers([two, one])
    assert facts["others"] == {"optimizers/1/1/momentum_buffer": None, "optimizers/1/1/rounds": 4}
    assert list(tensors) == ["optimizers/1/1/step", "optimizers/1/1/eta"] and not facts["on_cpu"]
    three = torch.optim.SGD(parameters, lr=0.1)
    unpack_optimizers([two, three], tensors, json.loads(json.dumps(facts)))
    assert not two.state and set(three.state) == {parameters[1]}
    found, expected = three.state[parameters[1]], one.state[parameters[1]]
    assert found.keys() == expected.keys()
    assert found["momentum_buffer"] is None and found["rounds"] == 4
    assert found["eta"].dtype == torch.float32 and torch.equal(found["eta"], expected["eta"])


def test_counts_stay_on_the_cpu_where_they_were():
    """Of parameters elsewhere; the device "meta" stands for a GPU."""
    parameter = torch.zeros(3, device="meta", requires_grad=True)
    one, two = (torch.optim.SGD([parameter], lr=0.1) for _ in range(2))
    one.state[parameter] = {"step": torch.tensor(3.0), "momentum_buffer": torch.zeros(3, device="meta")}
    tensors, facts = pack_optimizers([one])
    assert facts["on_cpu"] == ["optimizers/0/0/step"]
    read = {name: torch.zeros(value.shape) for name, value in tensors.items()}
    unpack_optimizers([two], read, facts)
    assert [value.device.type for value in two.state[parameter].values()] == ["cpu", "meta"]
    unpack_optimizers([two], read, {**facts, "on_cpu": []})
    assert {value.device.type for value in two.state[parameter].values()} == {"meta"}, "as from a training on a CPU"


def test_a_checkpoint_names_the_optimiser_the_parameter_and_the_key(data, tmp_path):
    train(data, tmp_path / "run", optimizer="Adadelta")
    with safe_open(tmp_path / "run" / "checkpoints" / "last.safetensors", "pt") as file:
        keys = {name.split("/")[3] for name in file.keys() if name.startswith("optimizers/0/")}  # noqa: SIM118
    assert keys == {"step", "square_avg", "acc_delta"}
