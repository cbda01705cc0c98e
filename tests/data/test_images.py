"""Images of one's own: what is stored is what the source holds, and what is black and white is known, told or asked."""

from __future__ import annotations

import gc
import json
import warnings
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

import mmgen
from mmgen.data import Table
from mmgen.data.modalities import ImageModality
from mmgen.data.own_table import OwnTable, OwnTableConfig
from mmgen.testing import ModalityContract

BYTES = np.random.default_rng(0).integers(0, 256, (4, 8, 6)).astype(np.uint8)
COLOURS = np.random.default_rng(1).integers(0, 256, (4, 8, 6, 3)).astype(np.uint8)
WIDE = (BYTES.astype(np.uint16) * 256 + 255 - BYTES).astype(np.uint16)


pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # the package leaves the table of a folder open


def read(path: Path, **described):
    """What is stored ``[N, C, H, W]``, the modality, and the notes."""
    options = {"photo": {"array": "image", "kind": "image", **described}, "g": {"columns": "g", "kind": "vector"}}
    if path.suffix == ".npz":
        options["g"] = {"array": "g", "kind": "vector"}
    dataset = OwnTable(OwnTableConfig.model_validate({"path": path, "modalities": options}))
    splits = dataset.splits()
    table = Table.concatenate([splits.train, splits.val, splits.test])
    table = table.select(table.rows.argsort())
    if path.is_dir():
        gc.collect()  # what the package left open is closed here, and not in another test
    return table.data["photo"][:].numpy(), dataset.modalities()["photo"], list(splits.notes)


def arrays(folder: Path, values: np.ndarray) -> Path:
    np.savez(folder / "my.npz", image=values, g=np.arange(len(values)))
    return folder / "my.npz"


def pictures(folder: Path, made: list[Image.Image], ending: str = "png", **options) -> dict[str, Path]:
    """Files, with a CSV beside them that names them and a folder as ``datasets`` reads it."""
    (folder / "imgs").mkdir()
    names = [f"im{i}.{ending}" for i in range(len(made))]
    for name, picture in zip(names, made):
        picture.save(folder / "imgs" / name, **options)
    table = "image,g\n" + "".join(f"imgs/{name},{i}\n" for i, name in enumerate(names))
    (folder / "my.csv").write_text(table, encoding="utf-8")
    metadata = "file_name,g\n" + "".join(f"{name},{i}\n" for i, name in enumerate(names))
    (folder / "imgs" / "metadata.csv").write_text(metadata, encoding="utf-8")
    return {"csv": folder / "my.csv", "folder": folder / "imgs"}


def on_white(colours: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """Each pixel by itself."""
    made = np.empty(colours.shape, dtype=np.float64)
    for place in np.ndindex(*colours.shape):
        share = opacity[place[: opacity.ndim]] / 255
        made[place] = share * colours[place] + (1 - share) * 255
    return made


KINDS = {
    "bytes": (lambda i: Image.fromarray(BYTES[i]), "png", lambda i: BYTES[i][None], (0, 255)),
    "colours": (lambda i: Image.fromarray(COLOURS[i]), "png", lambda i: np.moveaxis(COLOURS[i], -1, 0), (0, 255)),
    "16 bits": (lambda i: Image.fromarray(WIDE[i]), "png", lambda i: WIDE[i][None], (0, 65535)),
    "16 bits in TIFF": (lambda i: Image.fromarray(WIDE[i]), "tiff", lambda i: WIDE[i][None], (0, 65535)),
    "12 bits": (lambda i: Image.fromarray(WIDE[i] // 16), "tiff", lambda i: WIDE[i][None] // 16, (0, 4095)),
    "with a point": (
        lambda i: Image.fromarray(BYTES[i].astype(np.float32) / 255),
        "tiff",
        lambda i: BYTES[i][None] / np.float32(255),
        (0, 1),
    ),
    "one bit": (lambda i: Image.fromarray(BYTES[i] > 99), "png", lambda i: BYTES[i][None] > 99, (0, 1)),
    "mask": (lambda i: Image.fromarray(BYTES[i] % 2), "png", lambda i: BYTES[i][None] % 2, (0, 1)),
    "grey palette": (lambda i: Image.fromarray(BYTES[i]).convert("P"), "png", lambda i: BYTES[i][None], (0, 255)),
    "palette": (
        lambda i: Image.fromarray(COLOURS[i] // 64 * 64).quantize(200, dither=Image.Dither.NONE),
        "png",
        lambda i: np.moveaxis(COLOURS[i] // 64 * 64, -1, 0),
        (0, 255),
    ),
}


@pytest.mark.parametrize("place", ["csv", "folder"])
@pytest.mark.parametrize("key", ["columns", "array"])
@pytest.mark.parametrize("kind", KINDS)
def test_pictures_are_what_their_files_hold(tmp_path, kind, key, place):
    made, ending, expected, limits = KINDS[kind]
    path = pictures(tmp_path, [made(i) for i in range(4)], ending)[place]
    stored, modality, notes = read(path, **{"array": None, key: "image"})
    assert modality.value_range == limits
    assert [np.abs(stored[i].astype(float) - expected(i)).max() for i in range(4)] == [0, 0, 0, 0]
    assert stored.dtype == (np.uint8 if limits in ((0, 255), (0, 1)) and kind != "with a point" else np.float32)
    seen = modality.make_transform()(torch.from_numpy(stored))
    assert 0 <= seen.min() < 0.1
    assert 0.7 < seen.max() <= 1, "white is not white for the networks"
    told = [note for note in notes if note.startswith("photo")]
    assert len(told) == (kind in ("12 bits", "mask")), told


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparency_is_put_on_white_and_said_once(tmp_path, mode):
    opacity = np.tile(np.linspace(0, 255, 48).reshape(8, 6).astype(np.uint8), (4, 1, 1))
    content = BYTES[..., None] if mode == "LA" else COLOURS
    stacked = np.concatenate([content, opacity[..., None]], -1)
    path = pictures(tmp_path, [Image.fromarray(each) for each in stacked])["csv"]
    stored, modality, notes = read(path)
    assert modality.shape == (1 if mode == "LA" else 3, 8, 6)
    assert np.abs(np.moveaxis(stored, 1, -1) - on_white(content, opacity)).max() <= 1
    assert [note for note in notes if "transparent pixels, which are put on white" in note] == notes[:1]
    assert "4 of 4 pictures" in notes[0]
    (tmp_path / "opaque").mkdir()
    stacked[..., -1] = 255
    path = pictures(tmp_path / "opaque", [Image.fromarray(each) for each in stacked])["csv"]
    stored, _, notes = read(path)
    assert np.array_equal(np.moveaxis(stored, 1, -1), content)
    assert not any(note.startswith("photo") for note in notes)


def test_other_systems_of_colours_are_converted_with_a_word(tmp_path):
    made = [Image.fromarray(each).convert("CMYK") for each in COLOURS]
    stored, _, notes = read(pictures(tmp_path, made, "tiff")["folder"])
    assert np.array_equal(np.moveaxis(stored, 1, -1), COLOURS)  # this conversion has no black, and is exact
    assert "are not in RGB" in notes[0]
    (tmp_path / "lab").mkdir()
    lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    made = [ImageCms.applyTransform(Image.fromarray(each), lab) for each in COLOURS]
    stored, _, _ = read(pictures(tmp_path / "lab", made, "tiff")["csv"])
    assert np.abs(np.moveaxis(stored, 1, -1).astype(int) - COLOURS).mean() < 8


def test_photographs_stand_as_their_cameras_say(tmp_path):
    turned = Image.Exif()
    turned[0x0112] = 6  # a quarter to the right
    path = pictures(tmp_path, [Image.fromarray(each) for each in BYTES], exif=turned)["csv"]
    stored, _, _ = read(path)
    assert np.array_equal(stored[:, 0], np.rot90(BYTES, -1, (1, 2)))


@pytest.mark.parametrize("ending", ["gif", "tiff"])
def test_of_several_pages_the_first_is_read_and_that_is_said(tmp_path, ending):
    made, more = [Image.fromarray(each) for each in BYTES], [Image.fromarray(255 - BYTES[0])]
    stored, _, notes = read(pictures(tmp_path, made, ending, save_all=True, append_images=more)["folder"])
    assert np.array_equal(stored[:, 0], BYTES)
    assert "4 of 4 pictures are animations or have several pages, of which the first is read" in notes[0]


def test_grey_beside_colours_and_one_bit_beside_bytes(tmp_path):
    made = [Image.fromarray(COLOURS[0]), Image.fromarray(BYTES[1]), Image.fromarray(BYTES[2] > 99)]
    stored, modality, _ = read(pictures(tmp_path, made)["csv"])
    assert modality.shape == (3, 8, 6)
    assert np.array_equal(stored[1], np.stack([BYTES[1]] * 3))
    assert np.array_equal(stored[2], np.stack([255 * (BYTES[2] > 99)] * 3))


def test_a_row_without_a_picture_lacks_the_modality(tmp_path):
    path = pictures(tmp_path, [Image.fromarray(each) for each in BYTES])["csv"]
    absolute = str(tmp_path / "imgs/im2.png")
    path.write_text(path.read_text().replace("imgs/im1.png", "").replace("imgs/im2.png", absolute))
    options = {"photo": {"columns": "image", "kind": "image"}, "g": {"columns": "g", "kind": "vector"}}
    dataset = OwnTable(OwnTableConfig.model_validate({"path": path, "modalities": options}))
    splits = dataset.splits()
    table = Table.concatenate([splits.train, splits.val, splits.test])
    table = table.select(table.rows.argsort())
    assert table.available[:, 0].tolist() == [True, False, True, True]
    assert np.array_equal(table.data["photo"][2:, 0], BYTES[2:])
    named = [tmp_path / "imgs" / f"im{i}.png" for i in (0, 2, 3)]
    assert dataset.sources() == [path, *named], "the cache would not notice another picture"


def damage_missing(file: Path) -> None:
    file.unlink()


def damage_empty(file: Path) -> None:
    file.write_bytes(b"")


def damage_truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-30])


def damage_other(file: Path) -> None:
    file.write_text("no picture")


def damage_size(file: Path) -> None:
    Image.fromarray(BYTES[0, :7]).save(file)


def damage_depth(file: Path) -> None:
    Image.fromarray(WIDE[0]).save(file)


@pytest.mark.parametrize("place", ["csv", "folder"])
@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (damage_missing, r"There is no picture {} in row 2 of {} \(the first row is 0\); a path is relative"),
        (damage_empty, r"The picture {} in row 2 of {} \(.*\) cannot be read: the file is empty; replace it"),
        (damage_truncated, r"The picture {} in row 2 of {} \(.*\) cannot be read: .*truncated"),
        (damage_other, r"The picture {} in row 2 of {} \(.*\) cannot be read: it is damaged, or of a format that"),
        (damage_size, r"the pictures differ in size, 8×6 \(.*im0.png in row 0 .*\) and 7×6 \({} in row 2 of {}\)"),
        (damage_depth, r"the pictures differ in depth, 8-bit \(.*im0.png in row 0 .*\) and 16-bit \({} in row 2 of"),
    ],
)
def test_what_is_wrong_with_a_picture_names_it(tmp_path, damage, sentence, place):
    path = pictures(tmp_path, [Image.fromarray(each) for each in BYTES])[place]
    file = tmp_path / "imgs" / "im2.png"
    damage(file)
    with pytest.raises(mmgen.DataError, match=sentence.format(file, path.name)):
        read(path)
    with warnings.catch_warnings():  # the package datasets leaves a table open where it fails, for whoever comes next
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


ARRAYS = {
    "truth values": (BYTES > 99, (0, 1), False),
    "bytes": (BYTES, (0, 255), False),
    "masks in bytes": (BYTES % 2, (0, 1), True),
    "masks in integers": (BYTES.astype(np.int64) % 2, (0, 1), True),
    "masks with a point": ((BYTES % 2).astype(np.float64), (0, 1), False),
    "numbers of classes": (BYTES % 4, (0, 255), True),
    "16 bits": (WIDE, (0, 65535), False),
    "10 bits": (WIDE.astype(np.int32) // 64, (0, 1023), True),
    "12 bits": (WIDE.astype(np.int64) // 16, (0, 4095), True),
    "0 to 1": (BYTES / 255, (0, 1), False),
    "rounded below 0": (BYTES / 255 - 1e-9, (0, 1), False),
    "-1 to 1": (BYTES / 127.5 - 1, (-1, 1), True),
    "0 to 255": (BYTES * 0.999, (0, 255), True),
    "0 to 255 in whole numbers": (BYTES.astype(np.float32), (0, 255), False),
    "black": (0 * BYTES, (0, 255), False),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_arrays_keep_their_values(tmp_path, kind):
    values, limits, is_told = ARRAYS[kind]
    stored, modality, notes = read(arrays(tmp_path, values))
    assert modality.value_range == limits
    assert np.abs(stored[:, 0].astype(np.float64) - values).max() <= 1e-5
    assert [note.startswith("photo: pixels go from") for note in notes] == [True] * is_told
    if kind not in ("numbers of classes", "black"):
        assert modality.make_transform()(torch.from_numpy(stored)).max() > 0.9, "white is not white for the networks"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (BYTES.astype(np.int64) * 12 - 1024, r"these go from -1024 to \d+; .*, such as value_range: \[-1024, \d+\]"),
        (BYTES / 7 + 250.5, r"these go from 250.5 to \d.*; say what is black and what is white, such as value_range"),
        (BYTES / 100, r"these go from 0 to 2.55"),
        (np.where(BYTES > 99, np.inf, 1), r"the array 'image' of my.npz has pixels that are not finite"),
        (
            np.stack([BYTES] * 8, 1),
            r"the shape \[8, 8, 6\], and it is not clear which of these are its channels; say shape",
        ),
        (
            BYTES[:, None, None],
            r"the shape \[1, 1, 8, 6\]; an image is \[height, width\], \[channels, height, width\] or",
        ),
        (BYTES * 1j, r"the array 'image' of my.npz holds something else than numbers"),
    ],
)
def test_values_that_nobody_can_tell_are_asked_about(tmp_path, values, sentence):
    with pytest.raises(mmgen.DataError, match=sentence):
        read(arrays(tmp_path, values))


def test_what_the_user_or_the_run_says_is_obeyed(tmp_path):
    """New rows are read by the range that is given, whatever they hold, and refused where they cannot be of it."""
    dark = arrays(tmp_path, BYTES % 2)
    stored, modality, notes = read(dark, value_range=[0, 255])
    assert (stored.max(), modality.value_range, notes) == (1, (0, 255), [])
    assert modality.make_transform()(torch.from_numpy(stored)).max() == pytest.approx(1 / 255)
    ct = BYTES.astype(np.int64) * 12 - 1024
    stored, modality, _ = read(arrays(tmp_path, ct), value_range=(-1024, 3071))
    assert np.array_equal(stored[:, 0], ct)
    seen = modality.make_transform()(torch.from_numpy(stored))
    assert np.abs(seen[:, 0].numpy() - (ct + 1024) / 4095).max() < 1e-6
    stored, _, _ = read(arrays(tmp_path, BYTES > 99), value_range=[0, 255])
    assert np.array_equal(stored[:, 0], 255 * (BYTES > 99)), "true is white"
    with pytest.raises(mmgen.DataError, match=r"a pixel of \d+ in row 0 .*, outside of value_range: \[0, 1\]"):
        read(arrays(tmp_path, BYTES), value_range=[0, 1])
    with pytest.raises(mmgen.MmgenError, match=r"two numbers of which the second is larger, not \[5.0, 5.0\]"):
        read(arrays(tmp_path, BYTES), value_range=[5, 5])


def test_a_given_shape_is_never_filled_in_another_order(tmp_path):
    path = arrays(tmp_path, COLOURS)
    assert np.array_equal(read(path, shape=[3, 8, 6])[0], np.moveaxis(COLOURS, -1, 1))
    with pytest.raises(mmgen.DataError, match=r"shape: \[3, 6, 8\] does not fit; .* has the shape \[3, 8, 6\]"):
        read(path, shape=[3, 6, 8])
    path = pictures(tmp_path, [Image.fromarray(each) for each in BYTES])["csv"]
    assert np.array_equal(read(path, shape=[3, 8, 6])[0][:, 2], BYTES), "grey for a run that has seen colours"
    Image.fromarray(COLOURS[3]).save(tmp_path / "imgs" / "im3.png")
    with pytest.raises(
        mmgen.DataError,
        match=r"shape: 1 channel is wanted, and the picture .*im3.png in row 3 .* has 3; save it in grey",
    ):
        read(path, shape=[1, 8, 6])


@pytest.mark.parametrize("form", ["paths", "bytes", "lists", "datasets", "names in NPZ"])
def test_pictures_in_other_tables(tmp_path, form):
    path = pictures(tmp_path, [Image.fromarray(each) for each in BYTES])["csv"]
    files = [tmp_path / "imgs" / f"im{i}.png" for i in range(4)]
    if form == "names in NPZ":
        path = arrays(tmp_path, np.array([f"imgs/{file.name}" for file in files]))
    elif form in ("paths", "lists"):
        cells = [f"imgs/{file.name}" for file in files] if form == "paths" else BYTES.tolist()
        lines = [json.dumps({"image": cell, "g": i}) for i, cell in enumerate(cells)]
        path = tmp_path / "my.jsonl"
        path.write_text("\n".join(lines), encoding="utf-8")
    else:
        kind = datasets.Image() if form == "datasets" else datasets.Value("binary")
        cells = [str(file) for file in files] if form == "datasets" else [file.read_bytes() for file in files]
        features = datasets.Features({"image": kind, "g": datasets.Value("int64")})
        path = tmp_path / "my.parquet"
        datasets.Dataset.from_dict({"image": cells, "g": range(4)}, features=features).to_parquet(path)
    assert np.array_equal(read(path)[0][:, 0], BYTES)


@pytest.mark.parametrize("limits", [(0.0, 255.0), (0.0, 4095.0), (-1.0, 1.0), (-1024.0, 3071.0)])
def test_generated_images_are_in_the_units_of_the_data(limits):
    black, white = limits
    modality = ImageModality(shape=(1, 4, 4), value_range=limits)
    plain, units = ImageModality(shape=(1, 4, 4)), modality.make_transform()
    x, y = torch.rand(2, 5, 1, 4, 4)
    raw = black + (white - black) * x, black + (white - black) * y
    assert torch.allclose(units(raw[0]), x, atol=1e-6)
    assert torch.allclose(units.inverse(units(raw[0])), raw[0], rtol=1e-5, atol=1e-4)
    assert torch.allclose(modality.distance(*raw), plain.distance(x, y), atol=1e-6)
    assert torch.allclose(units(modality.guess(raw[0])), x.mean(0), atol=1e-6)
    assert np.allclose(modality.render(raw[0][0].numpy()).content, x[0, 0], atol=1e-6)


def test_a_model_of_16_bits_generates_16_bits(tmp_path, monkeypatch):
    """From the file through training to generated values: the same units, also for rows that are read again."""
    monkeypatch.setenv("MMGEN_CACHE", str(tmp_path / "cache"))
    constant = np.full((40, 8, 8), 50_000, dtype=np.uint16) + np.arange(40, dtype=np.uint16)[:, None, None]
    photo = {"array": "image", "kind": "image", "network": "mlp", "hidden": [8], "likelihood": "normal"}
    data = mmgen.load_dataset("table", path=arrays(tmp_path, constant), modalities={"photo": photo})
    torch.manual_seed(0)
    model = mmgen.MultimodalVAE.create("elbo", data, latent_dim=2)
    run = mmgen.Trainer(epochs=60, batch_size=32, learning_rate=0.02, seed=0).fit(model, data, output=tmp_path / "run")
    again = mmgen.load_run(run.path)
    assert again.model.modalities["photo"].value_range == (0, 65535)
    generated = again.model.generate(again.data.test[:], ["photo"], ["photo"])["photo"]
    assert generated.mean() == pytest.approx(50_020, rel=0.1)


class TestImagesInTheirUnits(ModalityContract):
    component = ImageModality
    examples = tuple({"shape": (1, 8, 8), "channels": (4, 4), "value_range": limits} for limits in ((0, 255), (-1, 1)))
