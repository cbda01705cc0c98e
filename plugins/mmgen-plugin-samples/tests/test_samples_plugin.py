"""Grids are drawn when they should be and change nothing; the command and the section of reports show them; what is
wrong is a sentence.
"""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

import mmgen
from mmgen import MultimodalVAE, ReportSection, Trainer, load_run
from mmgen.cli.app import app
from mmgen.cli.guarded import run_guarded
from mmgen.registry.hooks import HookWarning
from mmgen.testing import make_model, toy_data
from mmgen_plugin_samples import grid, hooks


def train(output, monkeypatch, every=None, epochs=4, **options):
    """A run on the toy data; ``every`` is the option."""
    monkeypatch.delenv(hooks.VARIABLE, raising=False)
    if every is not None:
        monkeypatch.setenv(hooks.VARIABLE, every)
    data = toy_data(missing=0.3)
    model = MultimodalVAE.create("elbo", data, latent_dim=2)
    return Trainer(epochs=epochs, **options).fit(model, data, output=None if output is None else str(output))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A run with a grid after every second epoch; not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        return train(tmp_path_factory.mktemp("runs") / "run", patch, "2", validate_every=4)


def names(folder):
    return sorted(path.name for path in (folder / "figures" / "samples").iterdir())


def test_grids_are_drawn_every_so_many_epochs_and_nothing_else_changes(drawn, tmp_path, monkeypatch):
    runs = [
        drawn,
        *(
            train(tmp_path / name, monkeypatch, every, validate_every=4)
            for name, every in (("without", None), ("off", "0"))
        ),
    ]
    assert names(drawn.path) == ["epoch-00000.png", "epoch-00002.png", "epoch-00004.png", "kept.png"]
    assert not (tmp_path / "without" / "figures").exists() and not (tmp_path / "off" / "figures").exists()
    bytes_of = [(run.path / "model.safetensors").read_bytes() for run in runs]
    assert bytes_of[0] == bytes_of[1] == bytes_of[2]
    losses = [[record["train"]["loss"] for record in run.history] for run in runs]
    assert losses[0] == losses[1]


def test_a_training_that_goes_on_keeps_its_grids(drawn, tmp_path, monkeypatch):
    folder = Path(shutil.copytree(drawn.path, tmp_path / "run"))
    (folder / "figures" / "samples" / "epoch-00000.png").write_bytes(b"of the first training")
    monkeypatch.setenv(hooks.VARIABLE, "5")
    data = toy_data(missing=0.3)
    model = MultimodalVAE.create("elbo", data, latent_dim=2)
    Trainer(epochs=5, validate_every=4).fit(model, data, output=str(folder), resume=True)
    assert "epoch-00005.png" in names(folder)
    assert (folder / "figures" / "samples" / "epoch-00000.png").read_bytes() == b"of the first training"


def test_a_run_without_a_folder_draws_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train(None, monkeypatch, "1", epochs=1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("every", ["ten", "-1", "1.5", "²"])
def test_a_wrong_option_is_reported_with_the_name_of_the_plugin_and_the_training_goes_on(every, tmp_path, monkeypatch):
    said = (
        rf"mmgen-plugin-samples:samples failed in mmgen_train_start: MmgenError: "
        rf"MMGEN_SAMPLES_EVERY is '{every}'; it should be"
    )
    with pytest.warns(HookWarning, match=said):
        run = train(tmp_path / "run", monkeypatch, every, epochs=2)
    assert len(run.history) == 2 and (run.path / "model.safetensors").exists()
    assert not (run.path / "figures").exists()


def test_a_folder_that_cannot_be_written_costs_the_grids_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(
        grid.Figure, "savefig", lambda *words, **more: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.warns(
        HookWarning, match=r"mmgen-plugin-samples:samples failed in mmgen_train_start: OSError: .*No space left"
    ):
        run = train(tmp_path / "run", monkeypatch, "1", epochs=2)
    assert len(run.history) == 2 and (run.path / "model.safetensors").exists()


def test_a_model_that_generates_nothing_is_named():
    model = make_model("elbo", toy_data())
    model.decoder_sizes = {}
    with pytest.raises(mmgen.MmgenError, match="nothing to draw"):
        grid.grid_lines(model, grid.shown_rows(toy_data()))


def test_lines_hold_originals_and_what_the_rest_generates():
    data = toy_data(("vector", "image", "text", "labels"), missing=0.4)
    model, batch = make_model("elbo", data), grid.shown_rows(data)
    torch.manual_seed(3)
    lines = grid.grid_lines(model, batch)
    assert [label for label, _ in lines][:2] == ["vector\noriginal", "vector\nfrom the rest"]
    assert len(lines) == 8 and all(len(cells) == 8 for _, cells in lines)
    torch.manual_seed(3)
    expected = model.generate(batch, ["image", "text", "labels"], ["vector"])["vector"][0]
    for n in range(8):
        original, generated = lines[0][1][n], lines[1][1][n]
        assert (original is None) == (not batch.available[n, 0])
        assert original is None or original.content == batch.data["vector"][n].tolist()
        assert generated.content == expected[n].tolist()


def test_a_single_modality_is_reconstructed():
    data = toy_data(("vector",))
    lines = grid.grid_lines(make_model("elbo", data), grid.shown_rows(data))
    assert [label for label, _ in lines] == ["vector\noriginal", "vector\nfrom all"]


def test_every_kind_of_value_is_drawn(tmp_path):
    data = toy_data(("vector", "counts", "tags", "labels", "text", "image"), missing=0.2)
    grid.draw_grid(make_model("elbo", data), data, tmp_path / "new" / "grid.png", "now")
    with Image.open(tmp_path / "new" / "grid.png") as image:
        assert image.width > 800 and len(image.convert("L").getcolors(256)) > 20
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["grid.png"]


def test_the_command_makes_a_film(drawn, tmp_path, capsys):
    shutil.copytree(drawn.path, tmp_path / "run")
    assert run_guarded(app, ["samples", str(tmp_path / "run"), "--seconds", "0.2"]) == 0
    assert capsys.readouterr().out == f"Film: {tmp_path / 'run' / 'figures' / 'samples.gif'}\n"
    with Image.open(tmp_path / "run" / "figures" / "samples.gif") as film:
        assert film.n_frames == 4 and film.info["duration"] == 200
    (tmp_path / "run" / "figures" / "samples" / "epoch-00002.png").write_bytes(b"no picture")
    for words, expected in (
        ((tmp_path / "run", "--out", "film.mp4"), "a film is a .gif file"),
        ((tmp_path / "run", "--out", tmp_path / "nowhere" / "film.gif"), "epoch-00002.png' is damaged"),
        ((tmp_path / "none",), "There is no run in"),
        ((tmp_path / "run", "--seconds", "-1"), "Invalid value for '--seconds'"),
    ):
        assert run_guarded(app, ["samples", *map(str, words)]) == 2
        assert expected in capsys.readouterr().err
    assert not list(tmp_path.glob("**/*.tmp"))


def test_the_command_says_what_is_missing_and_what_cannot_be_written(drawn, tmp_path, monkeypatch, capsys):
    train(tmp_path / "run", monkeypatch, epochs=1)
    assert run_guarded(app, ["samples", str(tmp_path / "run")]) == 2
    assert "has no grids; train with MMGEN_SAMPLES_EVERY=10" in capsys.readouterr().err
    assert run_guarded(app, ["samples", str(drawn.path), "--out", str(drawn.path / "config.yaml" / "film.gif")]) == 2
    assert "cannot be written: Not a directory" in capsys.readouterr().err


def test_reports_list_the_grids_with_the_losses_of_their_epochs(drawn, tmp_path, monkeypatch):
    section = hooks.mmgen_report_section(load_run(drawn.path))
    assert isinstance(section, ReportSection)
    history = drawn.history
    assert [list(row) for row in section.rows] == [
        [0, "", "", "figures/samples/epoch-00000.png"],
        [2, history[1]["train"]["loss"], "", "figures/samples/epoch-00002.png"],
        [4, history[3]["train"]["loss"], history[3]["val"]["loss"], "figures/samples/epoch-00004.png"],
        ["kept", "", "", "figures/samples/kept.png"],
    ]
    train(tmp_path / "plain", monkeypatch, epochs=1)
    assert hooks.mmgen_report_section(load_run(tmp_path / "plain")) is None
    assert hooks.mmgen_report_section(SimpleNamespace(path=None, history=[])) is None


def test_the_section_is_in_the_page(drawn, tmp_path, capsys):
    pytest.importorskip("plotly")
    assert run_guarded(app, ["report", str(drawn.path), "--out", str(tmp_path / "page.html")]) == 0, (
        capsys.readouterr().err
    )
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Samples during the training" in page and "figures/samples/epoch-00004.png" in page
