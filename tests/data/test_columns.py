"""Values as columns of numbers."""

import pytest
import torch

from mmgen.data import Columns, CountsModality, ImageModality, LabelsModality, TagsModality, VectorModality


@pytest.mark.parametrize(
    ("modality", "x", "expected"),
    [
        (VectorModality(shape=(2,)), [[0.5, -1.0]], [[0.5, -1.0]]),
        (CountsModality(shape=(2,)), [[0.0, 3.0]], [[0.0, 1.3862944]]),
        (TagsModality(shape=(2,)), [[1.0, 0.0]], [[1.0, 0.0]]),
        (LabelsModality(shape=(2,), categories=("a", "b", "c")), [[2, 0]], [[0.0, 0.0, 1.0, 1.0, 0.0, 0.0]]),
        (ImageModality(shape=(1, 2, 2)), [[[[0.1, 0.2], [0.3, 0.4]]]], [[0.1, 0.2, 0.3, 0.4]]),
    ],
    ids=["vector", "counts", "tags", "labels", "image"],
)
def test_every_kind_of_value_is_columns(modality, x, expected):
    columns = Columns(modality)
    got = columns(torch.tensor(x))
    assert columns.count == got.shape[1]
    torch.testing.assert_close(got.to(torch.float32), torch.tensor(expected))
