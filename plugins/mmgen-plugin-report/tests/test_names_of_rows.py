"""What the points of latents are called when the mouse is on them."""

import numpy as np
import torch

from mmgen.data import Identity, Table
from mmgen_plugin_report.latents import _row_names


def words(*names):
    return np.array(names, dtype=object)


def test_rows_are_called_by_their_numbers_and_by_what_their_ids_say():
    table = Table.of({"x": torch.zeros(3, 1)})
    assert _row_names(table) == [0, 1, 2]
    columns = {"patient": words("a", "b", "a"), "visit": words("1", "", "2")}
    ids = Identity.join_ids(columns)
    identity = Identity(torch.ones(3, 1, dtype=torch.int64), torch.arange(3), ids, None, columns)
    named = Table.of(
        {"x": torch.zeros(3, 1)},
        identity=identity,
    )
    assert _row_names(named) == ["0, patient a, visit 1", "1, patient b", "2, patient a, visit 2"]
