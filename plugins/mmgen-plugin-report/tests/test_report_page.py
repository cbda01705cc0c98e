"""The page of a report: complete, honest about what is missing, safe against names, and the same each time."""

import itertools
import json
import re
import shutil
import statistics
from html.parser import HTMLParser

import pluggy
import pytest
import yaml
from matplotlib.figure import Figure

import mmgen
from mmgen.errors import MmgenError
from mmgen.registry.hooks import Hooks, HookWarning
from mmgen.testing import toy_data
from mmgen_plugin_report import page as pages_module
from mmgen_plugin_report import write_report
from mmgen_plugin_report.dimensions import dimension_lines
from mmgen_plugin_report.point_colours import point_colours
from mmgen_plugin_report.result_cells import Cell, Key, beta_curves, format_number, headline_cells, result_cells
from mmgen_plugin_report.runs import find_runs


class Reader(HTMLParser):
    """Elements with their attributes, the text of scripts by id, and all visible text."""

    def __init__(self, path):
        super().__init__()
        self.elements, self.scripts, self.text, self._script = [], {}, [], None
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag in ("script", "style"):
            self._script = dict(attributes).get("id", tag)

    def handle_endtag(self, tag):
        if tag in ("script", "style"):
            self._script = None

    def handle_data(self, data):
        if self._script is None:
            self.text.append(data)
        else:
            self.scripts[self._script] = self.scripts.get(self._script, "") + data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


def test_a_page_is_complete_in_itself(pages):
    for path in pages.values():
        reader = Reader(path)
        assert path.stat().st_size < 4_000_000
        for tag, attributes in reader.elements:
            for name in ("src", "href", "srcset", "data", "action"):
                value = attributes.get(name) or ""
                assert value.startswith(("data:", "#")) or not value, (tag, name, value[:60])
        assert "default-src 'none'" in next(a["content"] for a in reader.all("meta") if "http-equiv" in a)
        assert "@import" not in reader.scripts["style"] and "url(" not in reader.scripts["style"]


def test_what_a_page_says_of_one_run(pages, example_runs):
    words = Reader(pages["one"]).words
    assert "elbo on table" in words
    assert "Real data, measured." in words
    assert "Evidence lower bound with any aggregator" in words, "the first line of the objective's documentation"
    assert "Kingma & Welling 2014, Eq. 3" in words, "where the equation is published"
    assert "nothing is known of the variation between seeds" in words
    assert "mmgen train --config b1-s0-config.yaml --output runs/b1-s0 --set dataset.path=FOLDER" in words
    assert "first two principal components (PCA)" in words
    assert str(example_runs.folder) not in pages["one"].read_text(), "no folder of this machine"


def test_the_table_of_runs_has_a_row_for_each(pages):
    table = re.search(r'<table class="runs">(.*?)</table>', pages["grid"].read_text(), re.DOTALL)[1]
    rows = [
        [re.sub(r"<[^>]*>", "", cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
        for row in re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
    ]
    assert rows == [
        ["Run", "Setting", "β", "Latent dimension", "Seed", "Training"],
        ["b0.1-s0", "elbo, β 0.1", "0.1", "3", "0", "finished, 2 epochs"],
        ["b1-s0", "elbo, β 1", "1", "3", "0", "finished, 2 epochs"],
        ["b1-s1", "elbo, β 1", "1", "3", "1", "finished, 2 epochs"],
    ]


def test_accessible_structure(pages):
    for path in pages.values():
        reader = Reader(path)
        identities = [attributes["id"] for _, attributes in reader.elements if "id" in attributes]
        assert len(identities) == len(set(identities))
        levels = [int(tag[1]) for tag, _ in reader.elements if re.fullmatch(r"h[1-6]", tag)]
        assert levels[0] == 1 and levels.count(1) == 1
        assert all(two - one <= 1 for one, two in itertools.pairwise(levels))
        assert len(reader.all("table")) == len(reader.all("caption"))
        assert all(attributes.get("scope") in ("row", "col", "rowgroup") for attributes in reader.all("th"))
        assert all(len(attributes["alt"]) > 40 for attributes in reader.all("img")) and reader.all("img")
        charts = [attributes for attributes in reader.all("div") if attributes.get("class") == "chart"]
        assert charts and all(len(attributes["aria-label"]) > 40 for attributes in charts)
        labelled = {attributes.get("for") for attributes in reader.all("label")}
        assert {attributes["id"] for attributes in reader.all("select")} <= labelled
        targets = {
            attributes["href"][1:] for attributes in reader.all("a") if attributes.get("href", "").startswith("#")
        }
        assert targets <= set(identities) and "main" in targets
        assert reader.all("html")[0]["lang"] == "en"


def test_names_from_data_are_text(pages, example_runs):
    evil = example_runs.labels[1]
    for path in pages.values():
        reader = Reader(path)
        assert evil not in path.read_text()
        assert not any("onerror" in attributes for _, attributes in reader.elements)
        assert evil in reader.words, "it is shown as what it is"
        assert json.loads(reader.scripts["points"])["latents-0"]["labels"]["diagnosis"]["classes"].count(evil) == 1
        for chart in json.loads(reader.scripts["charts"]).values():
            assert "<img" not in json.dumps(chart)


def test_charts_are_what_plotly_reads(pages):
    import plotly.graph_objects

    charts = json.loads(Reader(pages["grid"]).scripts["charts"])
    assert {"curve-0", "beta"} <= set(charts)
    for chart in charts.values():
        assert chart["data"]
        plotly.graph_objects.Figure({"data": chart["data"], "layout": chart["layout"]})
        for choice in chart["choices"]:
            plotly.graph_objects.Figure({"data": choice["data"]})


def test_same_runs_same_bytes(example_runs, pages, tmp_path):
    moved = shutil.copytree(example_runs.folder / "grid", tmp_path / "elsewhere")
    assert write_report([moved], tmp_path / "moved.html", max_points=60).read_bytes() == pages["grid"].read_bytes(), (
        "wherever the runs are"
    )


def test_means_and_deviations_over_seeds(example_runs, pages):
    reported = find_runs([example_runs.folder / "grid"])
    assert [(group.name, [run.name for run in group.runs]) for group in reported.groups] == [
        ("elbo, β 0.1", ["b0.1-s0"]),
        ("elbo, β 1", ["b1-s0", "b1-s1"]),
    ]
    numbers = headline_cells(result_cells(reported.groups))
    values = {}
    for name in ("b1-s0", "b1-s1"):
        for line in (example_runs.folder / "grid" / name / "results.jsonl").read_text().splitlines():
            row = json.loads(line)
            values.setdefault(
                (row["metric"], row["measure"], row["given"], row["target"], row["label"], row["split"]), []
            ).append(row["value"])
    assert numbers
    for key, (alone, both) in numbers.items():
        one, two = values[key.metric, key.measure, key.given, key.target, key.label, key.split]
        assert both.mean == pytest.approx((one + two) / 2)
        assert both.deviation == pytest.approx(statistics.stdev([one, two]))
        assert (both.runs, alone.runs, alone.deviation) == (2, 1, None)
    assert "mean ± standard deviation between seeds" in Reader(pages["grid"]).words
    curves = beta_curves(reported.groups, next(iter(numbers.values())))
    assert [(curve.name, curve.betas) for curve in curves] == [("elbo", [0.1, 1.0])]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (Cell(0.77412, 0.0123, 3, 10), "0.774 ± 0.012"),
        (Cell(827.51, 12.3, 3, 10), "828 ± 12"),
        (Cell(-0.5, 0.0, 3, 10), "−0.5000 ± 0.0000"),
        (Cell(-3.25, None, 1, 10), "−3.25"),
        (Cell(float("nan"), None, 2, 10), "not a number"),
    ],
)
def test_numbers_as_text(cell, text):
    assert cell.format() == text
    assert cell.format(of=4) == f"{text} (n = {cell.runs})"
    assert format_number(12345.6) == "1.235e+04"


def test_summary_rows():
    def shown(metric, measure, given, target):
        return Key(metric, measure, given, target, "", "test").in_headline({})

    for metric, measure in (("of nobody", "x"), ("reconstruction", "loss")):
        assert all(shown(metric, measure, *pair) for pair in (("2 of 5", "a"), ("a", "mean"), ("", ""), ("a+b", "all")))
    assert not shown("of nobody", "x", "a+b", "c")
    assert not shown("reconstruction", "distance", "2 of 5", "a")
    assert shown("reconstruction", "loss", "a+b", "b"), "a sum over what is generated, if that is one modality"


def test_missing_pieces_are_said_in_place(example_runs, tmp_path):
    run = shutil.copytree(example_runs.one, tmp_path / "bare")
    for name in ("results.jsonl", "environment.json", "history.jsonl", "model.safetensors"):
        (run / name).unlink()
    words = Reader(write_report([run], tmp_path / "bare.html")).words
    for sentence in (
        "not finished: 0 of 2 epochs",
        "The run does not say where its data come from.",
        "There are no learning curves",
        "There are no metrics yet: mmgen evaluate RUN computes them.",
        "There are no pictures of what the model generates",
        "There is no scatter of latents: the training has not finished.",
        "they have no environment.json",
    ):
        assert sentence in words


def test_data_that_are_not_at_hand(example_runs, tmp_path, monkeypatch):
    run = shutil.copytree(example_runs.one, tmp_path / "moved")
    monkeypatch.setenv("MMGEN_CACHE", str(tmp_path / "empty"))
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["dataset"]["path"] = str(example_runs.data.with_name("gone.csv"))
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    path = write_report([run], tmp_path / "moved.html")
    assert "There is no scatter of latents: the model or its data cannot be opened here" in Reader(path).words
    assert "gone.csv" in Reader(path).words and str(example_runs.folder) not in path.read_text()


def test_runs_that_are_left_out(example_runs, tmp_path):
    shutil.copytree(example_runs.one, tmp_path / "all" / "a")
    shutil.copytree(example_runs.one, tmp_path / "all" / "b")
    (tmp_path / "all" / "c").mkdir()
    (tmp_path / "all" / "c" / "config.yaml").write_text("nothing: 1\n")
    (tmp_path / "all" / ".hidden").mkdir()
    (tmp_path / "all" / ".hidden" / "config.yaml").write_text("nothing: 1\n")
    reported = find_runs([tmp_path / "all", tmp_path / "all" / "a"])
    assert [run.name for run in reported.runs] == ["a"]
    assert reported.left_out[1:] == [
        "b: it repeats a with the same configuration and seed",
    ]
    assert reported.left_out[0].startswith("c: The file 'config.yaml' is damaged: ")


def test_names_of_runs_are_distinct(example_runs, tmp_path):
    for parent in ("x", "y"):
        shutil.copytree(example_runs.one, tmp_path / parent / "run")
    reported = find_runs([tmp_path / "x" / "run", tmp_path / "y" / "run"])
    assert [run.name for run in reported.runs] == ["x/run"]
    assert reported.left_out == ["y/run: it repeats x/run with the same configuration and seed"]


def test_what_cannot_be_reported(example_runs, tmp_path, command):
    for words, sentence in (
        ([tmp_path / "nowhere"], "There is no folder"),
        ([tmp_path], "There is no run in"),
        ([example_runs.one, "--out", tmp_path], "is a folder; name a file"),
        ([example_runs.one, "--out", example_runs.data / "x.html"], "cannot be written"),
    ):
        code, _, err = command("report", *words)
        assert code == 2 and sentence in err and err.count("\n") == 1
    assert not list(tmp_path.iterdir()), "nothing half-written"


@pytest.mark.usefixtures("without_pictures")
def test_the_command_says_what_it_wrote(example_runs, tmp_path, command):
    code, out, _ = command("report", example_runs.one, "--out", tmp_path / "page.html", "--max-points", 30)
    assert code == 0 and "page.html" in out and "MB" in out
    content = json.loads(Reader(tmp_path / "page.html").scripts["points"])["latents-0"]
    assert 0 < len(content["x"]) <= 30
    assert content["givens"] == ["genes", "proteins", "all modalities"]


@pytest.mark.usefixtures("without_pictures")
def test_of_several_runs_it_says_which_is_drawn(command, example_runs, tmp_path):
    code, out, _ = command("report", example_runs.folder / "grid", "--out", tmp_path / "page.html", "--max-points", 30)
    lines = [line for line in out.splitlines() if line.startswith("Latents and pictures of ")]
    assert code == 0 and [line.rpartition(" (")[2] for line in lines] == ["1 of 2)", "2 of 2)"]


def test_a_page_without_points_names_no_row(example_runs, tmp_path, command):
    code, out, _ = command("report", example_runs.one, "--out", tmp_path / "with.html")
    assert code == 0 and "--max-points 0 leaves them out" in " ".join(out.split())
    code, out, _ = command("report", example_runs.one, "--out", tmp_path / "page.html", "--max-points", 0)
    assert code == 0 and "leaves them out" not in " ".join(out.split())
    reader = Reader(tmp_path / "page.html")
    assert "latents-0" not in json.loads(reader.scripts.get("points", "{}"))
    assert "There is no scatter of latents: it was asked for none" in reader.words
    assert "What it learned" in reader.words
    assert "Each modality generated from each other" in Reader(tmp_path / "with.html").words
    for title in ("Each modality generated from each other", "against what was measured", "from more and more of"):
        assert title not in reader.words, "a picture of single rows"
    assert "Variance explained by each dimension, and by all" in reader.words
    assert "Pictures in which single rows can be seen are left out" in reader.words


def test_what_was_learned_is_named(pages, example_runs):
    words = Reader(pages["one"]).words
    assert "What it learned" in words and "Variance explained by each dimension, and by all" in words
    frame = mmgen.load_run(example_runs.one).loadings()
    largest = frame["z0"].abs().idxmax()[1]
    table = re.search(r'<table class="dimensions">(.*?)</table>', pages["one"].read_text(), re.DOTALL)[1]
    rows = [re.sub(r"<[^>]*>", " ", row).split() for row in re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)]
    assert [row[0] for row in rows[1:]] == ["z0", "z1", "z2"] and rows[1][1] == largest
    alternatives = [attributes["alt"] for attributes in Reader(pages["one"]).all("img")]
    for word in ("Heat map", "Bars for each dimension", "Matrix", "A panel for each modality"):
        assert any(alternative.startswith(word) for alternative in alternatives)


def test_points_are_coloured_by_any_column(pages):
    content = json.loads(Reader(pages["one"]).scripts["points"])["latents-0"]
    assert [(column["of"], column["name"]) for column in content["columns"]] == [
        ("genes", "g0"),
        ("genes", "g1"),
        ("proteins", "p0"),
        ("proteins", "p1"),
    ]
    assert all(len(column["numbers"]) == len(content["rows"]) for column in content["columns"])


@pytest.mark.usefixtures("without_pictures")
def test_the_page_opens_in_the_colours_that_are_asked_for(example_runs, tmp_path, command):
    for first, second in (("p1", "subject"), ("subject", "g1")):
        asked = f"{first},{second}"
        code, _, err = command("report", example_runs.one, "--out", tmp_path / "page.html", "--color-by", asked)
        assert code == 0, err
        content = json.loads(Reader(tmp_path / "page.html").scripts["points"])["latents-0"]
        names = [column["name"] for column in content["columns"]]
        assert sorted(names) == ["g0", "g1", "p0", "p1", "subject"]
        assert content["colour"] == f"column-{names.index(first)}"
    command("report", example_runs.one, "--out", tmp_path / "page.html", "--color-by", "diagnosis")
    assert json.loads(Reader(tmp_path / "page.html").scripts["points"])["latents-0"]["colour"] == "0"
    code, _, err = command("report", example_runs.one, "--out", tmp_path / "page.html", "--color-by", "subjcet")
    said = " ".join(err.split())
    assert code == 2 and "no column 'subjcet'" in said and "did you mean 'subject'" in said
    code, _, err = command("report", example_runs.one, "--color-by", "g0", "--max-points", 0)
    assert code == 2 and "leaves the scatter of latents out" in " ".join(err.split())


def test_columns_have_room_for_all_modalities():
    data = toy_data(("vector", "counts", "labels", "text", "image"), missing=0.3, cells=0.2, covariates=True)
    model = mmgen.MultimodalVAE.create("elbo", data, latent_dim=2)
    table = data.test
    columns, more = point_colours(mmgen.Evaluation(model, data), table)
    assert more == 0
    assert [column["name"] for column in columns[:2]] == ["site", "age"]
    assert {column["of"] for column in columns} == {"", "vector", "counts", "labels"}
    codes = next(column for column in columns if column["name"] == "labels")
    assert codes["classes"] == ["x", "y", "z"]
    assert [code < 0 for code in codes["codes"]] == (~table.available[:, 2]).tolist()
    numbers = next(column for column in columns if column["name"] == "vector_0")["numbers"]
    assert [number is None for number in numbers] == (~table.observed_cells("vector")[:, 0]).tolist()


def test_wide_modalities_leave_room_for_others(monkeypatch):
    monkeypatch.setattr("mmgen_plugin_report.point_colours.MOST_COLUMNS", 4)
    data = toy_data(("vector", "counts", "tags"))
    model = mmgen.MultimodalVAE.create("elbo", data, latent_dim=2)
    columns, more = point_colours(mmgen.Evaluation(model, data), data.test)
    assert [column["of"] for column in columns] == ["vector", "vector", "counts", "tags"] and more == 12 - 4


def test_loadings_that_an_evaluation_wrote_are_named(example_runs, tmp_path):
    run = shutil.copytree(example_runs.one, tmp_path / "run")
    (run / "loadings.csv").write_text("modality,column,z0,z1\ngenes,g <0>,-0.5,\ngenes,g1,0.25,0.01\n")
    lines = dimension_lines(find_runs([run]).runs[0], lambda: "nothing is opened")
    assert [(line.name, line.columns) for line in lines] == [("z0", "g <0> −0.50, g1 +0.25"), ("z1", "")]
    row = {"metric": "variance-explained", "measure": "r2_of_dimension", "given": "", "target": "genes", "label": "z0"}
    row |= {"value": 0.0, "n": 9, "note": "an empty dimension", "split": "test", "seed": 0, "data": "real"}
    (tmp_path / "empty").mkdir()
    of_empty = shutil.copytree(run, tmp_path / "empty" / "run")
    (of_empty / "results.jsonl").write_text(json.dumps(row) + "\n")
    line = dimension_lines(find_runs([of_empty]).runs[0], lambda: "nothing is opened")[0]
    assert (line.columns, line.explains) == ("", "empty: the same for every row")
    page = write_report([run], tmp_path / "page.html")
    assert "g <0> −0.50" in Reader(page).words and "nothing above 0.05" in Reader(page).words


def test_figures_of_metrics_are_shown(example_runs, tmp_path):
    run = shutil.copytree(example_runs.one, tmp_path / "run")
    (run / "figures").mkdir()
    figure = Figure(figsize=(2, 2))
    for name in ("missingness", "my-metric", "latents"):
        figure.savefig(run / "figures" / f"{name}.png")
    reader = Reader(write_report([run], tmp_path / "page.html"))
    assert "My metric" in reader.words and "What training rows lack" in reader.words
    assert len(reader.all("img")) == 2, "the page has a chart of latents"


def test_metrics_with_few_numbers_are_shown_where_all_have_no_room(example_runs, tmp_path, monkeypatch):
    results = mmgen.load_run(example_runs.one).results
    few = min(("reconstruction", "latent-classification"), key=lambda name: sum(r["metric"] == name for r in results))
    count = sum(row["metric"] == few for row in results)
    monkeypatch.setattr(pages_module, "MOST_NUMBERS", count)
    words = Reader(write_report([example_runs.one], tmp_path / "page.html")).words
    assert f"Every number of metrics that have few ({count} of {len(results)})" in words
    assert f"All {len(results)} numbers" in words


class Notes:
    @mmgen.hookimpl
    def mmgen_report_section(self, run):
        return mmgen.ReportSection(
            "Notes <b>",
            f"First of {run.config['model']['latent_dim']}.\n\nSecond & <i>",
            ("what", "how many"),
            [("a<b", 2)],
        )


class Broken:
    @mmgen.hookimpl
    def mmgen_report_section(self, run):
        raise RuntimeError("no luck")


class Wrong:
    @mmgen.hookimpl
    def mmgen_report_section(self, run):
        return "<p>HTML</p>"


def test_sections_of_plugins(example_runs, tmp_path, monkeypatch):
    plugins = {"notes": Notes(), "broken": Broken(), "wrong": Wrong()}
    monkeypatch.setattr(pages_module, "Hooks", lambda: Hooks(plugins))
    with pytest.warns(HookWarning) as warned:
        path = write_report([example_runs.one], tmp_path / "page.html")
    assert {str(w.message).split()[2] for w in warned} == {"broken", "wrong"}
    words = Reader(path).words
    assert "Notes <b> First of 3. Second & <i> Notes <b> what how many a<b 2" in words
    assert "The plugin broken failed in mmgen_report_section: RuntimeError: no luck." in words
    assert "The plugin wrong failed in mmgen_report_section: TypeError: it returned str, not ReportSection." in words
    assert "<i>" not in path.read_text().split("<script")[0]


@pytest.mark.parametrize("arguments", [("t",), ("t", " "), ("t", "x", ("a",), [("1", "2")])])
def test_sections_that_say_nothing_or_do_not_fit(arguments):
    with pytest.raises(ValueError, match="ReportSection 't'"):
        mmgen.ReportSection(*arguments)


@pytest.mark.parametrize("arguments", [(1, "x"), ("t", b"x"), ("t", "", ("a",), [(None,)])])
def test_sections_of_other_types(arguments):
    with pytest.raises(TypeError, match="strings"):
        mmgen.ReportSection(*arguments)


def test_the_hook_is_declared_as_its_specification_says():
    manager = pluggy.PluginManager("mmgen")
    manager.register(Notes(), "notes")
    assert manager.get_hookcallers(manager.get_plugin("notes"))[0].name == "mmgen_report_section"


def test_find_says_what_is_wrong_when_nothing_can_be_read(tmp_path):
    (tmp_path / "config.yaml").write_text("objective: {name: elbo}\n")
    with pytest.raises(MmgenError, match="None of the 1 runs can be read; the first one is"):
        find_runs([tmp_path])
