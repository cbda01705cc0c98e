"""A process that is killed ends the other with a sentence, and a number that is none in one of them stops both."""

import os
import subprocess
import sys

import pytest

from mmgen.cli.guarded import _fail
from mmgen.training.endings import LostProcessError

# Two forks of one process train together; at step 5 one of them is killed, or has a weight that is no number.
SCRIPT = """
import os, signal, sys, warnings
import torch
from mmgen import MmgenError, MultimodalVAE, Trainer
from mmgen.testing import toy_data
from mmgen.training import session

data, step = toy_data(rows=40), session.Session.step

def work(rank, port, what, whose):
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=port)

    def struck(self, rows):
        if rank == whose and self.progress.step == 5:
            if what == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            with torch.no_grad():
                next(self.model.decoders[0].parameters()).fill_(float("nan"))
        return step(self, rows)

    session.Session.step = struck
    try:
        trainer = Trainer(epochs=1000, batch_size=16, checkpoint_seconds=0, select="last")
        trainer.fit(MultimodalVAE.create("elbo", data, latent_dim=2), data, output=f"{what}-{whose}")
    except MmgenError as error:
        said = f"{what} {whose}, process {rank}: {type(error).__name__}: {error}\\n"
        os.write(1, said.encode())  # at once: both may say something at the same time
    os._exit(2)

for port, (what, whose) in zip(sys.argv[1:], (("killed", 0), ("killed", 1), ("nan", 1))):
    children = []
    for rank in range(2):
        child = os.fork()
        if child == 0:
            work(rank, port, what, whose)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_the_other_process_says_that_one_has_ended_and_both_stop_where_one_meets_no_number(tmp_path, free_ports):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-c", SCRIPT, *free_ports(3)]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
    said = done.stdout.splitlines()
    lost = "LostProcessError: Another of the 2 processes has ended, and this one cannot go on alone"
    assert any(line.startswith(f"killed 0, process 1: {lost}") for line in said), done.stdout + done.stderr
    assert any(line.startswith(f"killed 1, process 0: {lost}") for line in said), done.stdout + done.stderr
    for rank in range(2):
        known = f"nan 1, process {rank}: NonFiniteError: Training stopped at step 5: the log-likelihood of the modality"
        assert any(line.startswith(known) for line in said), done.stdout + done.stderr
    assert (tmp_path / "nan-1" / "checkpoints" / "last.safetensors").exists()


def test_what_happened_to_one_process_is_said_by_it(monkeypatch, capsys):
    monkeypatch.setenv("RANK", "1")
    assert _fail(ValueError("known to all"), False, 2) == 2
    assert _fail(LostProcessError("Another has ended."), False, 2) == 2
    assert capsys.readouterr().err == "mmgen (process 1): Another has ended.\n"
