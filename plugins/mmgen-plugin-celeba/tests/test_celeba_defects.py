"""Whatever is wrong with the files ends in one sentence that names the file."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from PIL import Image

import mmgen
from mmgen.testing import raises_sentence
from mmgen_plugin_celeba import CelebA, CelebAConfig, files

ATTR, PART, TEXT = "list_attr_celeba", "list_eval_partition.csv", "list_attr_text_256_False_True_celeba.csv"


def edit(made, name, change, line=None):
    """Apply ``change`` to one line (counted from 1), or to the list of all lines."""
    path = made.root / name
    lines = path.read_text(encoding="utf-8").splitlines()
    if line is None:
        lines = change(lines)
    else:
        lines[line - 1] = change(lines[line - 1])
    path.write_text("".join(f"{text}\n" for text in lines), encoding="utf-8")


def image(made, row=0):
    return made.root / "img_align_celeba" / made.images[row]


def swap(lines):
    """The texts of lines 5 and 9 change places."""
    five, nine = lines[4].split(",", 1), lines[8].split(",", 1)
    lines[4], lines[8] = f"{five[0]},{nine[1]}", f"{nine[0]},{five[1]}"
    return lines


def resave(path, size):
    Image.new("RGB", size).save(path)


DEFECTS = {
    "missing image": (
        lambda m: image(m).unlink(),
        r"img_align_celeba has no \d{6}\.jpg, which .*list_attr_celeba\.csv lists",
    ),
    "truncated image": (
        lambda m: image(m).write_bytes(image(m).read_bytes()[:-500]),
        r"\d{6}\.jpg cannot be read as an image; it is damaged or",
    ),
    "empty image": (lambda m: image(m).write_bytes(b""), r"\d{6}\.jpg cannot be read as an image"),
    "no image at all": (lambda m: image(m).write_text("<html>"), r"\d{6}\.jpg cannot be read as an image"),
    "image of another size": (
        lambda m: resave(image(m), (200, 218)),
        r"\d{6}\.jpg is 200 pixels wide and 218 high; the aligned images are 178 wide and 218 high",
    ),
    "no attributes": (
        lambda m: (m.root / f"{ATTR}.csv").unlink(),
        r"has no list_attr_celeba\.csv or \.txt; it should hold img_align_celeba/, list",
    ),
    "no partition": (lambda m: (m.root / PART).unlink(), r"has no list_eval_partition\.csv or \.txt; it should hold"),
    "no images": (
        lambda m: (m.root / "img_align_celeba").rename(m.root / "img"),
        r"has no folder img_align_celeba with the aligned images; it should",
    ),
    "packed images": (
        lambda m: ((m.root / "img_align_celeba").rename(m.root / "img"), (m.root / "img_align_celeba.zip").touch()),
        r"has no folder img_align_celeba with the aligned images; unpack img_align_celeba\.zip there",
    ),
    "attributes: empty": (
        lambda m: edit(m, f"{ATTR}.csv", lambda x: []),
        r"Line 1 of .*csv has nothing as the name of column 1; 'image_id' belongs",
    ),
    "attributes: header only": (
        lambda m: edit(m, f"{ATTR}.csv", lambda x: x[:1]),
        r"list_attr_celeba\.csv has no images",
    ),
    "attributes: no header": (
        lambda m: edit(m, f"{ATTR}.csv", lambda x: x[1:]),
        r"Line 1 of .*list_attr_celeba\.csv has '\d{6}\.jpg' as the name of column 1; 'image_id' belongs there",
    ),
    "attributes: another order": (
        lambda m: edit(m, f"{ATTR}.csv", lambda x: x.replace("Bald,Bangs", "Bangs,Bald"), 1),
        r"Line 1 of .*list_attr_celeba\.csv has 'Bangs' as the name of column 6; 'Bald' belongs there",
    ),
    "attributes: another column": (
        lambda m: edit(m, f"{ATTR}.csv", lambda x: x + ",Tall", 1),
        r"Line 1 of .* names 42 columns; there should be 41",
    ),
    "attributes: a value": (
        lambda m: edit(m, f"{ATTR}.csv", lambda x: x.rpartition(",")[0] + ",2", 7),
        r"Line 7 of .*list_attr_celeba\.csv has '2' for Young; an attribute is 1, or -1 \(or 0\) where it is absent",
    ),
    "attributes: 0 and -1": (
        lambda m: edit(m, f"{ATTR}.csv", lambda x: x.replace(",-1", ",0"), 8),
        r"list_attr_celeba\.csv says that an attribute "
        r"is absent by 0 on line 8 and by -1 on line 2; it should be one of them",
    ),
    "attributes: cut line": (
        lambda m: edit(m, f"{ATTR}.csv", lambda x: x[:40], 31),
        r"Line 31 of .*list_attr_celeba\.csv has \d+ values; it should have the image and 40 attributes",
    ),
    "attributes: cut file": (
        lambda m: edit(m, f"{ATTR}.csv", lambda x: x[:-1]),
        r"Line \d+ of .*partition\.csv is about \d{6}\.jpg, of which .*list_attr_celeba\.csv has no line",
    ),
    "attributes: twice": (
        lambda m: edit(m, f"{ATTR}.csv", lambda x: [*x, x[3]]),
        r"Line 32 of .*list_attr_celeba\.csv is about \d{6}\.jpg, and so is line 4; each image has one line",
    ),
    "attributes: bytes": (
        lambda m: (m.root / f"{ATTR}.csv").write_bytes(b"\xff\xd8\xff\xe0"),
        r"csv cannot be read: it is not a list in plain text",
    ),
    "attributes: quotes": (
        lambda m: edit(m, f"{ATTR}.csv", lambda x: '"' + x, 5),
        r"csv cannot be read: it is not a list in plain text",
    ),
    "partition: a value": (
        lambda m: edit(m, PART, lambda x: x[:-1] + "3", 12),
        r"Line 12 of .*partition\.csv has the partition '3'; there are 0 \(training\), 1 \(validation\) and 2 \(test\)",
    ),
    "partition: cut": (
        lambda m: edit(m, PART, lambda x: x[:-2]),
        r"list_eval_partition\.csv has no line for \d{6}\.jpg, which is on line \d+ of .*list_attr_celeba\.csv",
    ),
    "partition: twice": (
        lambda m: edit(m, PART, lambda x: [*x, x[-1]]),
        r"Line 32 of .*partition\.csv is about .*, and so is line 31; each image",
    ),
    "partition: unknown": (
        lambda m: edit(m, PART, lambda x: [*x, "1.jpg,0"]),
        r"Line 32 of .*partition\.csv is about 1\.jpg, of which .* has no line",
    ),
    "partition: header": (
        lambda m: edit(m, PART, lambda x: "image_id,split", 1),
        r"Line 1 of .* has 'split' as the name of column 2; 'partition'",
    ),
    "partition: only training": (
        lambda m: edit(m, PART, lambda x: [text.replace(".jpg,1", ".jpg,0") for text in x]),
        r"list_eval_partition\.csv puts no image into partition 1, which is needed for the val split",
    ),
    "text: length": (
        lambda m: edit(m, TEXT, lambda x: x.replace("*", "", 1), 6),
        r"Line 6 of .*_celeba\.csv has a text of 255 characters; all have 256, filled up with '\*'",
    ),
    "text: letter": (
        lambda m: edit(m, TEXT, lambda x: x.replace("*", "É", 1), 6),
        r"Line 6 of .* has 'É' in its text, which is not in the alphabet of 71",
    ),
    "text: swapped": (
        lambda m: edit(m, TEXT, swap),
        r"Line \d of .*_celeba\.csv says '.*' of \d{6}\.jpg, which line \d+ of .*list_attr_celeba\.csv does",
    ),
    "text: cut": (
        lambda m: edit(m, TEXT, lambda x: x[:-1]),
        r"_celeba\.csv has no line for \d{6}\.jpg, which is on line",
    ),
    "text: unknown": (
        lambda m: edit(m, TEXT, lambda x: [*x, "1.jpg," + "*" * 256]),
        r"Line 32 of .*_celeba\.csv is about 1\.jpg, of which",
    ),
    "text: header": (
        lambda m: edit(m, TEXT, lambda x: x[1:]),
        r"Line 1 of .*_celeba\.csv has '\d{6}\.jpg' as the name of column 1",
    ),
}
DEFECTS_OF_TXT = {
    "number": (
        lambda m: edit(m, f"{ATTR}.txt", lambda x: x[1:]),
        r"Line 1 of .*txt is '5_o_Clock_Shadow .*'; the number of images belongs there",
    ),
    "truncated": (
        lambda m: edit(m, f"{ATTR}.txt", lambda x: x[:-3]),
        r"list_attr_celeba\.txt has 27 images, and its first line says 30; it is truncated",
    ),
    "names": (
        lambda m: edit(m, f"{ATTR}.txt", lambda x: x.replace("Male ", ""), 2),
        r"Line 2 of .*txt has 'Mouth_Slightly_Open' as the name of column 21",
    ),
    "value": (lambda m: edit(m, f"{ATTR}.txt", lambda x: x[:-2] + " x", 9), r"Line 9 of .*txt has 'x' for Young"),
    "partition": (
        lambda m: edit(m, "list_eval_partition.txt", lambda x: x + "9", 3),
        r"Line 3 of .*list_eval_partition\.txt has the partition '\d9'",
    ),
}


def check(made, sentence):
    with raises_sentence(sentence, mmgen.DataError, naming=made.root):
        CelebA(CelebAConfig(root=made.root)).splits()


@pytest.mark.parametrize("name", DEFECTS)
def test_every_defect_is_one_sentence(official, name):
    made = official()
    spoil, sentence = DEFECTS[name]
    spoil(made)
    check(made, sentence)


@pytest.mark.parametrize("name", DEFECTS_OF_TXT)
def test_defects_of_the_authors_text_files(official, name):
    made = official(layout="txt", text=False)
    spoil, sentence = DEFECTS_OF_TXT[name]
    spoil(made)
    check(made, sentence)


def test_a_letter_that_only_the_larger_alphabet_has(official):
    made = official()
    edit(made, TEXT, lambda x: x.replace("*", "!", 1), 6)
    with pytest.raises(
        mmgen.DataError, match=r"Line 6 of .* has '!' in its text, which is not in the alphabet of 41 letters\.$"
    ):
        CelebA(CelebAConfig(root=made.root, alphabet=41)).splits()


def test_no_folder(tmp_path):
    with pytest.raises(
        mmgen.DataError, match=r"dataset\.root: there is no folder .*nowhere; it should hold img_align_celeba/"
    ):
        CelebA(CelebAConfig(root=tmp_path / "nowhere")).sources()


def pretend(monkeypatch, fetch):
    monkeypatch.setattr(files, "torchvision", lambda: SimpleNamespace(datasets=SimpleNamespace(CelebA=fetch)))


def test_a_refused_download_says_what_to_put_where(tmp_path, monkeypatch):
    def refuse(*args, **options):
        raise RuntimeError("The daily quota of the file img_align_celeba.zip is exceeded.\nand more")

    pretend(monkeypatch, refuse)
    with pytest.raises(mmgen.DataError) as caught:
        CelebA(CelebAConfig(root=tmp_path, download=True)).splits()
    assert str(caught.value) == (
        "CelebA could not be downloaded (The daily quota of the file img_align_celeba.zip is exceeded); get "
        "img_align_celeba.zip, list_attr_celeba.txt and list_eval_partition.txt from "
        f"https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html by hand, and put them into {tmp_path / 'celeba'}, the "
        "archive unpacked."
    )


def test_a_download_is_read_and_done_once(official, tmp_path, monkeypatch):
    asked = []

    def fetch(root, **options):
        asked.append((root, options))
        official(layout="txt", text=False, folder="celeba")

    pretend(monkeypatch, fetch)
    dataset = CelebA(CelebAConfig(root=tmp_path / "data", download=True))
    assert dataset.sources() == []
    assert asked == [], "what the cache's key asks for fetches nothing"
    assert len(dataset.splits().train) == 10
    assert [path.name for path in dataset.sources()][:2] == ["list_attr_celeba.txt", "list_eval_partition.txt"]
    assert len(dataset.splits().train) == 10
    assert asked == [(str(tmp_path / "data"), {"split": "all", "target_type": "attr", "download": True})]
