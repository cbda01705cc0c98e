"""Values as grids draw them: in standard deviations, with names, and nothing left out in silence."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mmgen import Evaluation
from mmgen.data import Data, Provenance, Table, VectorModality
from mmgen.evaluation.drawing import MISSING, common_limits
from mmgen.evaluation.grids import generation_grid, prior_grid, subset_grid
from mmgen.evaluation.scatter import NAMED, latent_scatter
from mmgen.evaluation.standardised import bar_names, shown
from mmgen.testing import make_model, toy_data
from mmgen.testing.toys import ToyDataset


def evaluation_of(count, columns=3):
    generator = torch.Generator().manual_seed(0)
    names = [f"part{m}" for m in range(count)]
    modalities = {
        name: VectorModality(shape=(columns,), columns=tuple(f"{name}_{c}" for c in range(columns)), hidden=(4,))
        for name in names
    }
    tables = [
        Table.of({name: 100 * m + torch.randn(rows, columns, generator=generator) for m, name in enumerate(names)})
        for rows in (40, 10, 20)
    ]
    data = Data("parts", ToyDataset(), modalities, *tables, {}, Provenance("simulated", "Parts."), "parts")
    return Evaluation(make_model("elbo", data).float(), data, max_subsets=2 * count + 1)


def test_bars_are_standard_deviations_from_the_training_mean():
    data = toy_data(("vector", "tags"), cells=0.3)
    evaluation = Evaluation(make_model("elbo", data).float(), data)
    values, observed = data.test.data["vector"][:4], data.test.observed["vector"][:4]
    drawn = shown(evaluation, "vector", values, [True, True, False, True], observed)
    assert drawn[2] == MISSING
    train, there = data.train.data["vector"].double().numpy(), data.train.observed_cells("vector").numpy()
    for i in (0, 1, 3):
        for c in range(5):
            column = train[there[:, c], c]
            expected = (float(values[i, c]) - column.mean()) / column.std() if observed[i, c] else np.nan
            assert drawn[i].content[c] == pytest.approx(expected, nan_ok=True)
    assert np.isfinite(common_limits(drawn)).all()
    answers = shown(evaluation, "tags", data.test.data["tags"][:2])
    assert {*answers[0].content} <= {0, 1}, "answers stay as they are"


def test_names_are_written_where_they_fit():
    evaluation = evaluation_of(2)
    figure = generation_grid(evaluation)
    ticks = [[label.get_text() for label in axes.get_xticklabels()] for axes in figure.axes]
    assert [t for t in ticks if t][:2] == [[f"part{m}_{c}" for c in range(3)] for m in range(2)]
    assert bar_names(evaluation_of(2, columns=40), "part0") == []
    assert "standard deviations" in figure.get_suptitle()
    for other in (subset_grid(evaluation, "part0"), prior_grid(evaluation)):
        assert "standard deviations" in other.get_suptitle()
        assert any(label.get_text() == "part0_0" for axes in other.axes for label in axes.get_xticklabels())


def test_nine_modalities_are_nine():
    figure = generation_grid(evaluation_of(9))
    assert [axes.get_title() for axes in figure.axes[:9]] == [f"part{m}" for m in range(9)]
    assert "not drawn" not in figure.get_suptitle()


def test_what_is_not_drawn_is_said():
    assert "1 more modalities are not drawn" in generation_grid(evaluation_of(3), max_modalities=2).get_suptitle()


def test_a_legend_says_how_many_classes_it_does_not_name():
    data = toy_data(("vector", "tags"))
    classes = tuple(f"class {i}" for i in range(NAMED + 3))
    (axes, _) = latent_scatter(
        Evaluation(make_model("elbo", data).float(), replace(data, labels={"class": classes}))
    ).axes
    words = [text.get_text() for text in axes.get_legend().get_texts()]
    assert len(words) == NAMED + 1 and words[-1] == "and 3 more"
