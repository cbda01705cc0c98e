"""Which rows a step sees, and schedules."""

from itertools import pairwise

import torch
from hypothesis import given
from hypothesis import strategies as st

from mmgen import TrainingConfig
from mmgen.training.batching import batches, epoch_order, shares
from mmgen.training.schedule import beta_factor, learning_rate


@given(st.integers(1, 200), st.integers(1, 50))
def test_an_epoch_sees_every_row_once_but_for_a_last_single_one(rows, size):
    order = epoch_order(rows, 0, 3)
    seen = torch.cat(batches(order, size))
    assert len(set(seen.tolist())) == len(seen)
    assert rows - len(seen) == (1 if rows > size > 1 and rows % size == 1 else 1 if size == 1 and rows > 1 else 0)


def test_epochs_and_seeds_have_orders_of_their_own():
    assert torch.equal(epoch_order(50, 0, 1), epoch_order(50, 0, 1))
    assert not torch.equal(epoch_order(50, 0, 1), epoch_order(50, 0, 2))
    assert not torch.equal(epoch_order(50, 0, 1), epoch_order(50, 1, 1))


@given(st.integers(0, 50), st.integers(1, 4), st.integers(1, 4))
def test_the_shares_of_all_processes_are_the_batch(rows, processes, microbatches):
    parts = [share for process in range(processes) for share in shares(rows, process, processes, microbatches)]
    assert len(parts) == processes * microbatches
    assert [i for part in parts for i in range(part.start, part.stop)] == list(range(rows))


def test_schedules_start_and_end_where_they_should():
    constant = TrainingConfig(epochs=10, learning_rate=0.1)
    assert learning_rate(constant, constant.plan[0], 0, 5) == learning_rate(constant, constant.plan[0], 49, 5) == 0.1
    cosine = TrainingConfig(epochs=10, learning_rate=0.1, schedule="cosine", warmup_epochs=2)
    rates = [learning_rate(cosine, cosine.plan[0], step, 5) for step in range(51)]
    assert rates[0] == 0.1 / 10
    assert max(rates) == 0.1 == rates[9] == rates[10]
    assert rates[50] < 1e-9
    assert all(a >= b for a, b in pairwise(rates[10:]))
    assert beta_factor(constant, 0, 5) == 1.0
    warm = TrainingConfig(beta_warmup_epochs=2)
    assert [beta_factor(warm, step, 5) for step in (0, 4, 9, 30)] == [0.1, 0.5, 1.0, 1.0]
