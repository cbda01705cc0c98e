"""Latents in the colours of any column: the values stay with their points, and a wrong name is a sentence."""

import re

import numpy as np
import pandas as pd
import pytest
import torch

import mmgen
from mmgen import Evaluation, MultimodalVAE
from mmgen.errors import MmgenError
from mmgen.evaluation import latent_scatter
from mmgen.evaluation.row_columns import chosen_columns
from mmgen.testing import toy_data


@pytest.fixture(scope="module")
def evaluation():
    data = toy_data(("vector", "counts", "labels"), missing=0.3, cells=0.2, covariates=True)
    return Evaluation(MultimodalVAE.create("elbo", data, latent_dim=2), data)


@pytest.fixture(scope="module")
def visits(tmp_path_factory):
    """A file of patients with two visits, with columns that no modality has, and a model of it."""
    folder, random = tmp_path_factory.mktemp("visits"), np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(80, 4)).round(3), columns=["g0", "g1", "h0", "h1"])
    frame.insert(0, "patient", [f"P{i // 2:02d}" for i in range(80)])
    frame.insert(1, "visit", [1 + i % 2 for i in range(80)])
    frame["weight"] = (60 + 9 * random.normal(size=80)).round(1)
    frame["ward"] = [None if i % 9 == 0 else ("south", "north")[i % 3 == 0] for i in range(80)]
    frame.sample(frac=1, random_state=1).to_csv(folder / "visits.csv", index=False)
    modalities = {"genes": {"columns": ["g0", "g1"], "kind": "vector"}, "labs": {"columns": "h*", "kind": "vector"}}
    options = {"path": str(folder / "visits.csv"), "id": ["patient", "visit"], "group": "patient"}
    data = mmgen.load_dataset("table", modalities=modalities, **options)
    return frame, Evaluation(MultimodalVAE.create("elbo", data, latent_dim=2), data)


def test_every_point_has_the_shade_of_its_rows_value(evaluation):
    figure = latent_scatter(evaluation, color_by=["vector_1", "site"])
    panels = {axes.get_title().split(";")[0]: axes for axes in figure.axes}
    assert [name for name in panels if name] == ["by class", "by vector_1", "by site", "by what is given"]
    latents, table = evaluation.latents(), evaluation.latents().table
    expected, unknown = [], 0
    for s in [s for s, subset in enumerate(latents.subsets) if len(subset) == 1]:
        for row in range(len(table)):
            if latents.complete[s, row]:
                if table.observed_cells("vector")[row, 1]:
                    value = float(table.data["vector"][row : row + 1][0, 1])
                    expected.append((*latents.means[s, row].tolist(), value))
                else:
                    unknown += 1
    grey, shades = panels["by vector_1"].collections
    found = [(*point, value) for point, value in zip(shades.get_offsets().tolist(), shades.get_array().tolist())]
    assert np.array(sorted(found)) == pytest.approx(np.array(sorted(expected)), rel=1e-6)
    assert len(grey.get_offsets()) == unknown > 0
    assert f"grey: unknown ({unknown})" in panels["by vector_1"].get_title()
    legend = [text.get_text() for text in panels["by site"].get_legend().get_texts()]
    assert legend == ["A", "B", "unknown"]


def test_a_label_has_one_panel_whether_it_is_asked_for_or_not(evaluation):
    titles = [axes.get_title() for axes in latent_scatter(evaluation, color_by=["class"]).axes]
    assert titles == ["by class", "by what is given"]


def test_many_panels_are_in_several_lines(evaluation):
    figure = latent_scatter(evaluation, color_by=[f"vector_{i}" for i in range(5)])
    shown = [axes for axes in figure.axes if axes.get_visible() and axes.get_title()]
    assert len(shown) == 7 and len({round(axes.get_subplotspec().rowspan.start) for axes in shown}) == 2


def test_columns_of_the_file_that_no_modality_has(visits):
    frame, evaluation = visits
    table = evaluation.rows("test")
    ids = table.identity.id_columns
    rows = [
        frame[(frame["patient"] == patient) & (frame["visit"] == int(visit))].iloc[0]
        for patient, visit in zip(ids["patient"].tolist(), ids["visit"].tolist(), strict=True)
    ]
    weight, ward, visit, patient, gene = chosen_columns(evaluation, table, ["weight", "ward", "visit", "patient", "g1"])
    assert weight.classes is None and weight.values.tolist() == [row["weight"] for row in rows]
    assert ward.classes == ("north", "south")
    found = [ward.classes[code] if code >= 0 else None for code in ward.values]
    assert found == [None if pd.isna(row["ward"]) else row["ward"] for row in rows] and None in found
    assert [visit.classes[code] for code in visit.values] == [str(row["visit"]) for row in rows]
    assert [patient.classes[code] for code in patient.values] == [row["patient"] for row in rows]
    assert gene.of == "genes" and gene.values == pytest.approx([row["g1"] for row in rows], abs=1e-6)


def test_a_wrong_name_is_a_sentence_with_suggestions(visits, evaluation):
    _, of_visits = visits
    with pytest.raises(MmgenError, match=r"no column 'wieght' to colour latents by.*did you mean 'weight'"):
        chosen_columns(of_visits, of_visits.rows("test"), ["wieght"])
    with pytest.raises(MmgenError, match=r"no column 'vectr_0' to colour latents by.*did you mean 'vector_0'"):
        latent_scatter(evaluation, color_by=["vectr_0"])


def test_a_name_of_two_modalities_says_which():
    random = np.random.default_rng(0)
    tables = {name: pd.DataFrame(random.normal(size=(40, 2)), columns=["x", "y"]) for name in ("one", "two")}
    data = mmgen.load_dataset(tables, modalities={name: {"kind": "vector"} for name in tables})
    evaluation = Evaluation(MultimodalVAE.create("elbo", data, latent_dim=2), data)
    table = evaluation.rows("test")
    with pytest.raises(MmgenError, match=re.escape("which several modalities have; write one.x or two.x.")):
        chosen_columns(evaluation, table, ["x"])
    (column,) = chosen_columns(evaluation, table, ["two.x"])
    torch.testing.assert_close(torch.tensor(column.values).float(), table.data["two"][:, 0])
