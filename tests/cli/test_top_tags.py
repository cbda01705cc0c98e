"""Names of generated tags beside the given ones, as a table and as a picture; and views of latents by name."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmgen import TagsModality
from mmgen.runs import load_run

YAML = """
path: pictures.csv
modalities:
  picture: {columns: [a, b], kind: vector, hidden: [4]}
  tags: {columns: [sky, sea, night], kind: tags, hidden: [4]}
"""


@pytest.fixture
def pictures(tmp_path, monkeypatch, command_line):
    """A run on 40 pictures, of which every seventh has no tags at hand."""
    monkeypatch.chdir(tmp_path)
    lines = [["a", "b", "sky", "sea", "night"]]
    for i in range(40):
        tags = ["1", str(i % 2), "0"] if i % 7 else ["", "", ""]
        lines.append([f"{i % 2 + 0.01 * i:.2f}", f"{0.1 * i:.2f}", *tags])
    with open("pictures.csv", "w", newline="") as file:
        csv.writer(file).writerows(lines)
    (tmp_path / "pictures.yaml").write_text(YAML)
    options = (
        "--dataset",
        "table",
        "--set",
        "dataset.config=pictures.yaml",
        "--epochs",
        "2",
        "--latent-dim",
        "3",
        "--output",
        "run",
    )
    code, _, err = command_line("train", "--objective", "elbo", *options)
    assert code == 0, err
    return lines[1:]


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_a_table_names_the_most_probable_tags_beside_the_given_ones(pictures, command_line):
    for out, more in (("numbers.csv", ()), ("names.csv", ("--top", "2"))):
        code, _, err = command_line(
            "generate", "run", "--given", "picture", "--targets", "tags,picture", "--out", out, *more
        )
        assert code == 0, err
    numbers, names = read("numbers.csv"), read("names.csv")
    assert list(names[0]) == ["row", "given", "tags", "tags_original", "a", "b"]
    assert list(numbers[0]) == ["row", "given", "sky", "sea", "night", "a", "b"]
    assert len(names) == len(numbers) == 40
    for number, line in zip(numbers, names):
        order = sorted(("sky", "sea", "night"), key=lambda tag: -float(number[tag]))
        assert line["tags"] == ", ".join(order[:2])
        own = pictures[int(line["row"])][2:]
        assert line["tags_original"] == ", ".join(
            tag for tag, there in zip(("sky", "sea", "night"), own) if there == "1"
        )
        assert line["a"] == number["a"]


def test_a_table_from_the_prior_has_no_tags_to_set_beside(pictures, command_line):
    assert command_line("generate", "run", "--targets", "tags", "-n", "3", "--top", "1", "--out", "drawn.csv")[0] == 0
    drawn = read("drawn.csv")
    assert list(drawn[0]) == ["row", "tags"]
    assert {line["tags"] for line in drawn} <= {"sky", "sea", "night"}


def test_a_picture_shows_names(pictures, command_line):
    drawn = []
    for more in ((), ("--top", "3")):
        assert (
            command_line(
                "generate", "run", "--given", "picture,tags", "--targets", "tags", "-n", "4", "--out", "x.png", *more
            )[0]
            == 0
        )
        with Image.open("x.png") as picture:
            drawn.append(np.array(picture.convert("L"), dtype=float))
    blue = [(np.abs(image - image.mean()) > 60).mean() for image in drawn]
    assert blue[1] < blue[0] / 2, "letters need less ink than bars"


def test_what_cannot_be_named_is_refused(pictures, command_line):
    for words, sentence in (
        (("--targets", "picture", "--out", "x.csv"), "none of picture has tags; modalities with tags: tags."),
        (("--targets", "tags", "--out", "x.npz"), "arrays have no names of tags"),
    ):
        code, _, err = command_line("generate", "run", "--top", "2", *words)
        assert code == 2
        assert sentence in " ".join(err.split())


def test_a_run_whose_tags_are_named_in_pictures_still_has_numbers_in_tables(pictures, command_line):
    model = load_run("run").model
    model.modalities["tags"] = model.modalities["tags"].model_copy(update={"top": 2})
    assert model.modalities["tags"].render(load_run("run").data.test.data["tags"][0].numpy()).kind == "text"
    config = Path("run/config.yaml")
    assert "top: null" in config.read_text()
    config.write_text(config.read_text().replace("top: null", "top: 2"))
    assert command_line("generate", "run", "--given", "picture", "--targets", "tags", "--out", "numbers.csv")[0] == 0
    assert list(read("numbers.csv")[0]) == ["row", "given", "sky", "sea", "night"]


def test_names_are_in_order_and_only_of_what_is_possible():
    tags = TagsModality(shape=(4,), columns=("a", "b", "c", "d"), top=3)
    assert tags.named(np.array([0.1, 0.9, 0.0, 0.9]), 3) == ["b", "d", "a"]
    assert tags.named(np.array([0, 1, 0, 1], dtype=np.uint8)) == ["b", "d"]
    assert tags.render(np.array([0, 1, 0, 1], dtype=np.uint8)).content == "b, d"
    assert TagsModality(shape=(2,), top=1).named(np.array([0.0, 1.0])) == ["tag_1"]
    assert TagsModality(shape=(2,)).render(np.array([0.0, 1.0])).kind == "bars"


def test_latents_are_drawn_as_asked_for(pictures, command_line):
    code, out, err = command_line("evaluate", "run", "--metrics", "posterior-collapse", "--latents", "tsne")
    assert code == 0, err
    assert "collapsed" in out
    assert "collapse.png" in " ".join(out.split())
    code, _, err = command_line("evaluate", "run", "--latents", "isomap")
    assert code == 2
    assert "There is no view 'isomap' of latents" in " ".join(err.split())
