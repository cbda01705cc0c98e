"""Optimisers that begin without PyTorch's compiler are PyTorch's optimisers."""

import subprocess
import sys

import pytest
import torch

from mmgen.optimizers import Adam, AdamW

CODE = """
import sys, torch
from mmgen import MultimodalVAE, Trainer, evaluate
from mmgen.testing import toy_data
data = toy_data(("vector", "counts"), rows=40)
model = MultimodalVAE.create("elbo", data, latent_dim=2)
run = Trainer(epochs=1, batch_size=16).fit(model, data)
run.evaluate(metrics=["coherence"], coherence={"classifier_steps": 2})
print("imported:", *sorted({"torch._dynamo", "torch.distributed.tensor"} & set(sys.modules)))
"""


@pytest.mark.parametrize(
    ("ours", "theirs", "options"), [(Adam, torch.optim.Adam, {}), (AdamW, torch.optim.AdamW, {"weight_decay": 0.1})]
)
def test_steps_are_those_of_pytorch(ours, theirs, options):
    def trained(optimizer):
        torch.manual_seed(0)
        network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)).double()
        first, second = network[0].parameters(), network[2].parameters()
        stepping = optimizer(first, lr=0.1, fused=True, **options)
        stepping.add_param_group({"params": list(second), "lr": 0.01})
        seen = []
        stepping.register_step_post_hook(lambda *_: seen.append(1))
        cycle = torch.optim.lr_scheduler.OneCycleLR(stepping, [0.1, 0.01], total_steps=8)
        for _ in range(6):
            network(torch.randn(5, 3, dtype=torch.float64)).square().sum().backward()
            stepping.step()
            cycle.step()
            stepping.zero_grad()
        assert all(parameter.grad is None and parameter.requires_grad for parameter in network.parameters())
        assert len(seen) == 6
        again = optimizer([{"params": group["params"]} for group in stepping.param_groups], fused=True, **options)
        again.load_state_dict(stepping.state_dict())
        assert again.state_dict()["param_groups"] == stepping.state_dict()["param_groups"]
        return [*network.parameters(), *(value for state in again.state.values() for value in state.values())]

    for a, b in zip(trained(ours), trained(theirs), strict=True):
        assert torch.equal(a, b)


def test_a_training_and_an_evaluation_import_no_compiler(tmp_path):
    found = subprocess.run([sys.executable, "-c", CODE], check=True, capture_output=True, text=True, cwd=tmp_path)
    assert found.stdout.splitlines()[-1] == "imported:"
