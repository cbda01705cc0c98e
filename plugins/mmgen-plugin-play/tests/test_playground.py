"""What the page shows: what is generated from rows and points, and how sure it is."""

import socket

import numpy as np
import pytest
import torch

import mmgen
from mmgen import MmgenError
from mmgen.testing import toy_data
from mmgen_plugin_play import Playground, Target
from mmgen_plugin_play.page import NOWHERE, POINT, ROW, Page
from mmgen_plugin_play.server import Server


@pytest.fixture(scope="module")
def playground(run):
    return Playground(run, "all")


def test_a_row_is_generated_as_the_model_generates_it(run, playground):
    seen = playground.of_row(3, ["vector"], draws=7, seed=5)
    batch = run.rows("all")[3:4]
    torch.testing.assert_close(seen.z, run.model.encode(batch, given=["vector"]).mean[0])
    torch.manual_seed(5)
    expected = run.model.generate(batch, ["vector"], None, 7)
    for name, target in seen.targets.items():
        assert torch.equal(target.means, expected[name][:, 0])
        has = bool(batch.available[0, list(run.model.modalities).index(name)])
        assert (target.measured is not None) is has
        if has:
            assert torch.equal(target.measured, batch.data[name][0])


def test_a_point_is_decoded_where_it_is(run, playground):
    z = torch.tensor([0.3, -1.0, 2.0])
    seen = playground.at(z, draws=4)
    assert seen.scale is None and torch.equal(seen.z, z)
    torch.testing.assert_close(seen.targets["vector"].means[2], run.model.output(z[None], "vector")[0].detach())
    assert all(target.measured is None for target in seen.targets.values())


def test_the_map_is_the_plane_in_which_rows_differ_most(playground):
    places = playground.plane(playground.z)
    values = np.linalg.eigvalsh(np.cov(playground.z.numpy().T))
    np.testing.assert_allclose(places.var(0).numpy(), values[::-1][:2], rtol=1e-4)
    near = playground.z[5]
    moved = playground.point(0.5, -0.25, near)
    torch.testing.assert_close(playground.plane(moved), torch.tensor([0.5, -0.25]))
    across = torch.linalg.cross(*playground.axes)  # the direction that the map does not show
    torch.testing.assert_close((moved - near) @ across, torch.tensor(0.0), atol=1e-6, rtol=0)
    assert playground.nearest(*places[7].tolist()) == 7


@pytest.mark.parametrize("dims", [1, 2])
def test_a_map_of_few_dimensions_has_these(dims):
    data = toy_data(rows=40)
    model = mmgen.MultimodalVAE.create("elbo", data, latent_dim=dims)
    few = Playground(mmgen.Trainer(epochs=1, device="cpu").fit(model, data))
    assert torch.equal(few.plane(few.z)[:, :dims], few.z) and few.plane(few.z).shape[1] == 2
    assert few.point(0.1, 0.2, few.z[0]).tolist() == pytest.approx([0.1, 0.2][:dims])
    assert Page(few).seen().targets.keys() == set(data.modalities)


def target(run, name, means, draws=None):
    modality, means = run.model.modalities[name], torch.as_tensor(means)
    drawn = means if draws is None else torch.as_tensor(draws)
    return Target(modality, name, None, means, drawn, torch.full(means.shape[1:], 2.0))


def test_how_sure_it_is_is_how_far_draws_agree(run):
    means = torch.zeros(2, 5)
    means[1] = 2.0  # a standard deviation of √2 where rows have 2
    assert target(run, "vector", means).how_sure() == "Over draws of z it varies 0.71 times as much as over rows."
    assert target(run, "labels", [[0], [1], [1]]).how_sure() == "2 of 3 draws are the same: y."
    assert target(run, "labels", [[0], [1]]).how_sure() == "No two of 2 draws are the same."
    assert target(run, "labels", [[2], [1], [2]]).texts() == [("z", 2), ("y", 1)]


def test_the_table_has_the_quantiles_of_draws_and_names(run):
    draws = torch.arange(101.0)[:, None].expand(101, 5)
    four = draws[:, :4]
    counts = Target(mmgen.CountsModality(shape=(4,)), "counts", None, four, four, torch.ones(4)).table()
    assert counts.loc[:, ["5 %", "95 %"]].to_numpy().tolist() == [[4.0, 96.0]] * 4  # the fifth and the 97th of 101
    draws = draws[:99]
    table = target(run, "vector", draws / 2, draws).table()
    assert table.index.tolist() == run.model.modalities["vector"].value_names("vector")
    assert table.loc[:, ["generated", "5 %", "95 %"]].to_numpy().tolist() == [[24.5, 4.0, 94.0]] * 5
    assert table["measured"].isna().all()


def test_every_row_has_a_name_of_its_own(playground):
    names = playground.called()
    assert len(set(names)) == len(names) == len(playground.table)


def test_a_walk_begins_and_ends_at_the_rows(run, playground):
    made = playground.walk(2, 9, steps=5)
    for step, row in ((0, 2), (4, 9)):
        expected = run.model.output(playground.z[row : row + 1], "vector").detach()[0]
        torch.testing.assert_close(made["vector"][step], expected)


def test_what_is_chosen_is_what_is_seen(playground):
    page = Page(playground)
    row = next(i for i in range(len(playground.table)) if len(playground.available(i)) > 2)
    page.row.value = page.names[row]
    assert page.given.options == playground.available(row) == page.given.value
    page.given.value = page.given.value[:1]
    assert torch.equal(page.seen().z, playground.of_row(row, page.given.value).z)
    assert [slider.value for slider in page.sliders] == pytest.approx(page.z.tolist())
    page.sliders[0].value += 0.5
    assert page.mode.value == POINT and page.seen().z[0] == pytest.approx(page.sliders[0].value)
    page.go_to(0.0, 0.0)
    torch.testing.assert_close(playground.plane(page.z), torch.zeros(2), atol=1e-5, rtol=0)
    page.mode.value = ROW
    page.go_to(*playground.plane(playground.z[4]).tolist())
    assert page.chosen == 4
    before = len(page.made.objects)
    page.other.value = page.names[6]
    assert len(page.made.objects) == before + 2 * len(playground.targets)
    page.other.value = NOWHERE
    assert len(page.made.objects) == before


def test_what_a_model_does_not_infer_is_a_sentence_on_the_page():
    data = toy_data(rows=40)
    model = mmgen.MultimodalVAE.create("joint", data, latent_dim=2)
    page = Page(Playground(mmgen.Trainer(epochs=1, device="cpu").fit(model, data)))
    assert not page.error.object and page.made.objects
    page.given.value = page.given.value[:1]
    assert "joint" in page.error.object and not page.made.objects
    page.given.value = page.given.options
    assert not page.error.object and page.made.objects


def test_what_cannot_be_played_with_is_refused(run, command_line, tmp_path):
    with pytest.raises(MmgenError, match="There are no new rows"):
        Playground(run, "new")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(MmgenError, match=f"--port: {port} cannot be used"):
            Server(Playground(run), port)
    code, out, err = command_line("play", tmp_path / "nothing")
    assert code == 2 and "nothing" in err and out == ""
