"""An objective with an adversary: two optimisers in turn, each on its own loss and its own parameters."""

import inspect
import json
import math
import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn.functional import logsigmoid

from mmgen import MmgenError, MultimodalVAE, NonFiniteError, Objective, Terms, Trainer
from mmgen.distributions.random import normal_noise
from mmgen.optimizers import optimizers
from mmgen.training import trainer
from mmgen.training.batching import batches, derived_seed, epoch_order

RIVAL = "objective.adversary"

with_muon = pytest.mark.skipif("Muon" not in optimizers(), reason="this PyTorch has no Muon")


class Adversarial(Objective):
    """An adversarial autoencoder (Makhzani et al. 2016, arXiv:1511.05644): in the place of a divergence, a classifier
    tells z of rows from z of the prior, and the encoders learn to be taken for the prior.

    max log p(X | z) + log D(z), and in turn max_D log D(z_prior) + log(1 - D(z)), for z = E q(z | X).
    """

    def build(self, model):
        self.adversary = nn.Sequential(nn.Linear(model.config.latent_dim, 5), nn.Tanh(), nn.Linear(5, 1))

    def latents(self, model, batch):
        return self.aggregate(model.experts(batch), batch.available).mean

    def terms(self, model, batch):
        z = self.latents(model, batch)
        fooling = logsigmoid(self.adversary(z)).squeeze(-1)
        return Terms(model.log_likelihood(z, batch), torch.zeros_like(fooling), {"fooling": fooling})

    def adversary_terms(self, model, batch):
        z = self.latents(model, batch)
        drawn = normal_noise(tuple(z.shape), z)
        return (logsigmoid(self.adversary(drawn)) + logsigmoid(-self.adversary(z))).squeeze(-1)


def model_for(data):
    return MultimodalVAE.create(Adversarial, data, latent_dim=2)


def train(data, output=None, *, model=None, **options):
    settings = {"epochs": 2, "batch_size": 10, "checkpoint_seconds": 0, **options}
    model = model_for(data).double() if model is None else model
    return Trainer(**settings).fit(model, data, None if output is None else str(output))


def snapshot(model):
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def changed(model, before):
    return {name for name, value in model.named_parameters() if not torch.equal(value, before[name])}


# The literal oracle ---------------------------------------------------------------------------------------------------


def literal_z(model, batch):
    """The product of the prior and the experts of every row, by its precisions."""
    moments = [encoder(batch.data[name]) for encoder, name in zip(model.encoders, batch.data, strict=True)]
    rows = []
    for b in range(len(batch)):
        numbers = []
        for d in range(2):
            precision, weighted = 1.0, 0.0
            for mean, log_variance in moments:
                one = torch.exp(-log_variance[b, d])
                precision, weighted = precision + one, weighted + one * mean[b, d]
            numbers.append(weighted / precision)
        rows.append(torch.stack(numbers))
    return rows


def literal_logit(weights, z):
    """The classifier, one unit after the other."""
    hidden = [
        torch.tanh(sum(weights["0.weight"][j, d] * z[d] for d in range(2)) + weights["0.bias"][j]) for j in range(5)
    ]
    return sum(weights["2.weight"][0, j] * hidden[j] for j in range(5)) + weights["2.bias"][0]


def literal_probability(weights, z):
    return 1 / (1 + torch.exp(-literal_logit(weights, z)))


def literal_losses(model, batch, drawn):
    """The loss of everything but the adversary, and that of the adversary."""
    batch = model.prepare(batch)
    weights = dict(model.objective.adversary.named_parameters())
    z = literal_z(model, batch)
    count = len(batch)
    likelihood = model.log_likelihood(torch.stack(z), batch).sum(0)
    main = sum(-likelihood[b] - torch.log(literal_probability(weights, z[b])) for b in range(count)) / count
    taken_for_real = [torch.log(literal_probability(weights, drawn[b])) for b in range(count)]
    found_out = [torch.log(1 - literal_probability(weights, z[b])) for b in range(count)]
    return main, -sum(one + two for one, two in zip(taken_for_real, found_out, strict=True)) / count


def test_two_steps_of_both_sides_are_those_of_the_equations(data):
    """SGD in float64: all else first, by its loss at the old adversary; then the adversary, by its own at the new z."""
    model, other = model_for(data).double(), model_for(data).double()
    groups = [{"of": [RIVAL], "learning_rate": 0.3}]
    run = train(data, model=model, epochs=1, batch_size=20, optimizer="SGD", learning_rate=0.01, groups=groups)
    assert run.history[0]["step"] == 2
    torch.manual_seed(derived_seed("noise", 0, 0))
    other.train()
    rivals = {name: p for name, p in other.named_parameters() if name.startswith(RIVAL)}
    others = {name: p for name, p in other.named_parameters() if name not in rivals}
    seen = []
    for rows in batches(epoch_order(len(data.train), 0, 0), 20):
        batch = data.train[rows]
        drawn = torch.randn(len(rows), 2, dtype=torch.float64)
        for side, rate, which in ((others, 0.01, 0), (rivals, 0.3, 1)):
            loss = literal_losses(other, batch, drawn)[which]
            gradients = torch.autograd.grad(loss, list(side.values()))
            with torch.no_grad():
                for parameter, gradient in zip(side.values(), gradients, strict=True):
                    parameter -= rate * gradient
            seen.append((which, float(loss.detach()) * len(rows)))
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter, other.get_parameter(name), rtol=1e-9, atol=1e-11)
    rows = len(data.train)
    record = run.history[0]["train"]
    assert record["loss"] == pytest.approx(sum(value for which, value in seen if which == 0) / rows, rel=1e-9)
    assert record["adversary"] == pytest.approx(-sum(value for which, value in seen if which == 1) / rows, rel=1e-9)
    assert "adversary" in run.history[0]["val"]


# What a training needs besides ----------------------------------------------------------------------------------------


def test_rows_are_drawn_to_the_prior(data):
    """The classifier's answers pull the mean and the spread of z to those of N(0, I)."""

    def far(model):
        with torch.no_grad():
            z = model.objective.latents(model, model.prepare(data.train[:]))
        return float(z.mean(0).abs().max() + (z.std(0) - 1).abs().max())

    class Unopposed(Adversarial):
        """The same without an adversary: z lies anywhere."""

        def build(self, model):
            pass

        def terms(self, model, batch):
            likelihood = model.log_likelihood(self.latents(model, batch), batch)
            return Terms(likelihood, torch.zeros_like(likelihood[0]))

    torch.manual_seed(0)
    opposed, free = (MultimodalVAE.create(kind, data, latent_dim=2).double() for kind in (Adversarial, Unopposed))
    for model in (opposed, free):
        train(data, model=model, epochs=40, learning_rate=2e-2, validate_every=40)
    assert far(opposed) < 0.7 * far(free)


def test_micro_batches_change_nothing_but_rounding(data):
    one, four = model_for(data).double(), model_for(data).double()
    train(data, model=one)
    train(data, model=four, microbatches=4)
    for name, value in one.named_parameters():
        torch.testing.assert_close(value, four.get_parameter(name), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize(
    "options",
    [
        {},
        pytest.param({"optimizer": "Muon", "groups": [{"of": [RIVAL], "learning_rate": 3e-3}]}, marks=with_muon),
        {"average": 0.9, "microbatches": 2, "gradient_clip": 1.0},
        {"epochs": 3, "stages": ({"epochs": 1}, {"train": ["encoders", RIVAL]})},
    ],
    ids=["plain", "groups", "average", "stages"],
)
def test_both_sides_resume_bit_for_bit(resumed, options):
    resumed(model_for, after=options.get("epochs", 2) - 1, **options)


def test_each_side_may_be_fixed_in_a_stage(data):
    model = model_for(data)
    before = snapshot(model)
    run = train(data, model=model, epochs=5, learning_rate=0.02, stages=({"train": [RIVAL]},))
    assert {name.rsplit(".", 2)[0] for name in changed(model, before)} == {RIVAL}
    assert run.history[-1]["val"]["adversary"] > run.history[0]["val"]["adversary"], "with noise that is the same"
    model = model_for(data)
    before = snapshot(model)
    run = train(data, model=model, stages=({"train": ["encoders"]},))
    assert {name.split(".")[0] for name in changed(model, before)} == {"encoders"}
    assert run.history[0]["train"]["adversary"] == pytest.approx(run.history[0]["val"]["adversary"], abs=0.3)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_gradients_of_each_side_are_clipped_for_themselves(data):
    model = model_for(data)
    before = snapshot(model)
    train(data, model=model, epochs=1, optimizer="SGD", learning_rate=1.0, batch_size=40, gradient_clip=1e-3)
    for inside in (True, False):
        moved = [
            (parameter.detach() - before[name]).square().sum()
            for name, parameter in model.named_parameters()
            if name.startswith(RIVAL) == inside
        ]
        steps = math.ceil(len(data.train) / 40)
        assert float(sum(moved).sqrt()) == pytest.approx(1e-3 * steps, rel=0.05)


@with_muon
def test_a_scaled_loss_trains_both_sides_as_an_unscaled_one(data, monkeypatch):
    """As float16 has it on a GPU; a power of two is exact, and the clipping sees gradients as they are."""
    plain, scaled = model_for(data), model_for(data)
    train(data, model=plain, gradient_clip=0.5, optimizer="Muon")
    make = trainer._accelerator

    def accelerator(*arguments):
        made = make(*arguments)
        made.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
        return made

    monkeypatch.setattr(trainer, "_accelerator", accelerator)
    train(data, model=scaled, gradient_clip=0.5, optimizer="Muon")
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(scaled.state_dict()[name], value, rtol=1e-5, atol=1e-6)


def test_an_adversary_that_is_no_number_is_named(data, tmp_path):
    class Broken(Adversarial):
        def adversary_terms(self, model, batch):
            return super().adversary_terms(model, batch) * math.nan

    with pytest.raises(NonFiniteError, match="step 0: the adversary is not a finite number"):
        train(data, model=MultimodalVAE.create(Broken, data, latent_dim=2))


def test_its_part_is_none_of_an_objective_without(data):
    model = MultimodalVAE.create("elbo", data, latent_dim=2)
    assert model.adversary is None
    run = train(data, model=model)
    assert "adversary" not in run.history[0]["train"]
    with pytest.raises(MmgenError, match=r"no part 'objective\.adversary'"):
        train(data, model=model, groups=[{"of": [RIVAL], "learning_rate": 1.0}])


SCRIPT = f"""
import os
import sys
import torch
import torch._dynamo
from torch import nn
from torch.nn.functional import logsigmoid
from mmgen import MultimodalVAE, Objective, Terms, Trainer, register
from mmgen.distributions.random import normal_noise
from mmgen.models import aggregated, laplace_inference
from mmgen.testing import toy_data

aggregated.MOST_ROWS, laplace_inference.STEPS = 15, 2  # what follows a training is brief

{inspect.getsource(Adversarial)}

data = toy_data(rows=40)
groups = [dict(of=["{RIVAL}"], learning_rate=0.01)]
options = dict(batch_size=10, average=0.9, gradient_clip=1.0, groups=groups)


def forked(output, epochs, **environment):
    child = os.fork()
    if child == 0:
        os.environ.update(environment)
        model = MultimodalVAE.create(Adversarial, data, latent_dim=2)
        Trainer(epochs=epochs, **options).fit(model, data, output, resume=True)
        os._exit(0)
    return child


def ended(children):
    assert all(os.waitpid(child, 0)[1] == 0 for child in children)


ended([forked("one", 3)])
for port, epochs in zip(sys.argv[1:], (2, 3)):
    place = dict(WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
    ended([forked("two", epochs, RANK=rank, LOCAL_RANK=rank, **place) for rank in "01"])
"""


def test_two_processes_give_the_curve_of_one(tmp_path, free_ports):
    """Also where they go on with what two processes before them have left."""
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "script.py", *free_ports(2)],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    one, two = (
        [json.loads(line) for line in (tmp_path / name / "history.jsonl").read_text().splitlines()]
        for name in ("one", "two")
    )
    for a, b in zip(one, two, strict=True):
        for part in ("train", "val"):
            assert a[part] == pytest.approx(b[part], rel=2e-4), part
    ours, theirs = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    for key, value in ours.items():
        torch.testing.assert_close(value, theirs[key], rtol=5e-3, atol=5e-4)
