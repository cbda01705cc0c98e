"""Volumes: what files hold in whatever orientation, shapes, intensities, missing ones, and a whole way."""

import math

import nibabel
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import mmgen
from mmgen.data import Table
from mmgen.data.own_table import OwnTable, OwnTableConfig
from mmgen.testing import ModalityContract
from mmgen_plugin_nifti import VolumeModality, read_volume, save_volume
from mmgen_plugin_nifti.scaling import ChannelStandardise, block_means

RANDOM = np.random.default_rng(0)
SHAPE = (5, 6, 7)  # x, y, z
SMALL = {"channels": [4, 4]}


def write(path, values, axes="RAS", **header):
    """Values ``[x, y, z]`` (right, front, top) as a file whose own axes are others."""
    orientation = nibabel.orientations.axcodes2ornt(axes)
    image = nibabel.Nifti1Image(values, np.diag([2.0, 2.0, 3.0, 1.0]))
    turned = image.as_reoriented(
        nibabel.orientations.ornt_transform(nibabel.orientations.io_orientation(image.affine), orientation)
    )
    if header:
        turned.header.set_slope_inter(header["slope"], header["inter"])
    nibabel.save(turned, path)
    return path


def read(folder, text, **fields):
    """What is stored ``[N, C, D, H, W]`` of a table, the modality, which rows have it, the notes, and the dataset."""
    (folder / "my.csv").write_text(text)
    dataset = OwnTable(
        OwnTableConfig.model_validate(
            {
                "path": folder / "my.csv",
                "modalities": {
                    "scan": {"columns": "scan", "kind": "volume", **SMALL, **fields},
                    "g": {"columns": "g", "kind": "vector"},
                },
            }
        )
    )
    splits = dataset.splits()
    table = Table.concatenate([splits.train, splits.val, splits.test])
    table = table.select(table.rows.argsort())
    return (
        table.data["scan"][:].numpy(),
        splits.modalities["scan"],
        table.available[:, 0].tolist(),
        splits.notes,
        dataset,
    )


@pytest.mark.parametrize("axes", ["RAS", "LPI", "ASR", "SLP"])
@pytest.mark.parametrize("ending", ["nii", "nii.gz"])
def test_slices_lie_as_they_are_looked_at_whatever_the_file_has(tmp_path, axes, ending):
    values = RANDOM.normal(size=SHAPE).astype(np.float32)
    found = read_volume(write(tmp_path / f"a.{ending}", values, axes))
    assert found.shape == (7, 6, 5) and found.dtype == np.float32
    for depth, height, width in np.ndindex(7, 6, 5):
        assert found[depth, height, width] == values[width, 5 - height, 6 - depth]


def test_slope_and_intercept_are_applied(tmp_path):
    values = np.arange(8, dtype=np.int16).reshape(2, 2, 2)
    image = nibabel.Nifti1Image(values, np.eye(4))
    image.header.set_slope_inter(0.5, -10)
    image.to_filename(tmp_path / "a.nii")
    assert nibabel.load(tmp_path / "a.nii").dataobj.slope == 0.5
    found = read_volume(tmp_path / "a.nii")
    assert sorted(found.reshape(-1)) == [
        0.5 * value - 10 for value in nibabel.load(tmp_path / "a.nii").dataobj.get_unscaled().reshape(-1)
    ]


def test_a_fourth_dimension_is_that_of_channels(tmp_path):
    values = RANDOM.normal(size=(*SHAPE, 3)).astype(np.float32)
    found = read_volume(write(tmp_path / "a.nii", values))
    assert found.shape == (3, 7, 6, 5)
    for channel in range(3):
        assert np.array_equal(found[channel], read_volume(write(tmp_path / "b.nii", values[..., channel])))


@pytest.mark.parametrize("shape", [SHAPE, (*SHAPE, 2)])
def test_what_is_saved_is_read_again_in_the_same_place(tmp_path, shape):
    values = RANDOM.normal(size=shape).astype(np.float32)
    path = write(tmp_path / "a.nii.gz", values, "LPI")
    save_volume(read_volume(path), tmp_path / "b.nii.gz", like=path)
    again = nibabel.load(tmp_path / "b.nii.gz")
    assert np.array_equal(again.get_fdata(), values)
    assert np.allclose(again.affine, np.diag([2.0, 2.0, 3.0, 1.0]))


def test_fewer_voxels_are_larger_and_about_the_same_centre(tmp_path):
    path = write(tmp_path / "a.nii", RANDOM.normal(size=(4, 4, 4)).astype(np.float32))
    save_volume(np.zeros((2, 2, 2)), tmp_path / "b.nii", like=path)
    affine = nibabel.load(tmp_path / "b.nii").affine
    assert np.allclose(affine.diagonal(), [4, 4, 6, 1])
    assert np.allclose(affine[:3, 3], [1, 1, 1.5])


@given(st.tuples(*[st.integers(1, 3)] * 3), st.tuples(*[st.integers(1, 3)] * 3))
def test_block_means_are_those_of_loops(size, factors):
    values = np.random.default_rng(1).normal(size=(2, 1, *(a * b for a, b in zip(size, factors)))).astype(np.float32)
    found = block_means(values, size)
    for row, d, h, w in np.ndindex(2, *size):
        total = 0.0
        for i, j, k in np.ndindex(*factors):
            total += float(values[row, 0, d * factors[0] + i, h * factors[1] + j, w * factors[2] + k])
        assert found[row, 0, d, h, w] == pytest.approx(total / math.prod(factors), abs=1e-5)


def test_channels_are_standardised_by_training_volumes():
    values = torch.from_numpy(RANDOM.normal(size=(40, 2, 3, 4, 5)) * [[[[[3.0]]], [[[50.0]]]]] + 7)
    transform = ChannelStandardise(2).double()
    transform.fit(values)
    for channel in range(2):
        each = [float(value) for value in values[:, channel].reshape(-1)]
        mean = sum(each) / len(each)
        scale = math.sqrt(sum((value - mean) ** 2 for value in each) / len(each))
        assert transform.mean[channel].item() == pytest.approx(mean)
        assert transform.scale[channel].item() == pytest.approx(scale)
    assert torch.allclose(transform.inverse(transform(values)), values)
    transform.fit(torch.full((3, 2, 1, 1, 1), 4.0))
    assert transform.scale.flatten().tolist() == [1, 1]


@pytest.fixture
def scans(tmp_path):
    """Ten small files, the fourth row without one."""
    (tmp_path / "scans").mkdir()
    rows = ["scan,g"]
    for row in range(10):
        write(tmp_path / "scans" / f"{row}.nii.gz", RANDOM.normal(100, 20, SHAPE).astype(np.float32))
        rows.append(f"{'' if row == 3 else f'scans/{row}.nii.gz'},{row}")
    return tmp_path, "\n".join(rows) + "\n"


def test_paths_in_a_column_are_read_and_an_empty_cell_is_a_missing_volume(scans):
    folder, text = scans
    stored, modality, available, _, dataset = read(folder, text)
    assert modality.shape == (1, 7, 6, 5)
    assert available == [row != 3 for row in range(10)]
    for row in (0, 9):
        assert np.array_equal(stored[row, 0], read_volume(folder / "scans" / f"{row}.nii.gz"))
    assert (stored[3] == 0).all() and stored.dtype == np.float32
    files = {path.name for path in dataset.sources()}
    assert files == {"my.csv", *(f"{row}.nii.gz" for row in range(10) if row != 3)}


def test_a_changed_volume_is_read_anew(scans):
    folder, text = scans
    (folder / "my.csv").write_text(text)
    options = {"path": folder / "my.csv", "modalities": {"scan": {"columns": "scan", "kind": "volume", **SMALL}}}
    before = mmgen.load_dataset("table", **options).fingerprint
    assert mmgen.load_dataset("table", **options).fingerprint == before
    write(folder / "scans" / "0.nii.gz", np.zeros(SHAPE, np.float32))
    assert mmgen.load_dataset("table", **options).fingerprint != before


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"shape": [1, 3, 2, 5]}, lambda x: block_means(x, (3, 2, 5))),
        ({"value_range": [90, 110]}, lambda x: x.clip(90, 110)),
        ({"normalise": "volume"}, lambda x: (x - x.mean()) / x.std()),
        (
            {"normalise": "volume", "shape": [1, 1, 2, 5]},
            lambda x: (lambda y: (y - y.mean()) / y.std())(block_means(x, (1, 2, 5))),
        ),
    ],
    ids=["shape", "value_range", "normalise", "both"],
)
def test_volumes_are_shrunk_clipped_and_normalised(scans, fields, expected):
    folder, text = scans
    stored, modality, _, _, _ = read(folder, text, **fields)
    one = read_volume(folder / "scans" / "1.nii.gz")[None, None]
    assert np.allclose(stored[1], expected(one)[0], atol=1e-5)
    assert modality.shape == stored.shape[1:]
    seen = modality.make_transform()
    seen.fit(torch.from_numpy(stored))
    assert torch.allclose(seen.inverse(seen(torch.from_numpy(stored))), torch.from_numpy(stored), atol=1e-3)


def test_voxels_that_are_nan_are_filled_or_cost_the_volume(scans):
    folder, text = scans
    holed = RANDOM.normal(size=SHAPE).astype(np.float32)
    holed[0] = np.nan
    write(folder / "scans" / "2.nii.gz", holed)
    stored, _, available, _, _ = read(folder, text)
    assert not available[2] and (stored[2] == 0).all()
    stored, _, available, _, _ = read(folder, text, fill=-1)
    assert available[2] and (stored[2, 0, :, :, 0] == -1).all()


def test_what_cannot_be_read_is_named_with_its_row(scans):
    folder, text = scans
    with pytest.raises(
        mmgen.DataError, match=r"no file .*scans/nothing\.nii in row 1 of my\.csv \(the first row is 0\); a pa"
    ):
        read(folder, text.replace("scans/1.nii.gz", "scans/nothing.nii"))
    with pytest.raises(mmgen.DataError, match=r"holds 'scans/1\.png' in row 1 .* that ends in \.nii or \.nii\.gz"):
        read(folder, text.replace("1.nii.gz", "1.png"))
    write(folder / "scans" / "5.nii.gz", np.zeros((5, 6, 6), np.float32))
    with pytest.raises(
        mmgen.DataError,
        match=r"differ in shape, \[1, 7, 6, 5\] \(scans/0\.nii\.gz in row 0 of my\.csv\) and \[1, 6, 6, 5\] \(scans/5",
    ):
        read(folder, text)
    with pytest.raises(
        mmgen.DataError, match=r"scans/5\.nii\.gz in row 5 .* has the shape \[6, 6, 5\], of which means"
    ):
        read(folder, text, shape=[1, 7, 3, 3])
    (folder / "scans" / "5.nii.gz").write_bytes(b"no volume")
    with pytest.raises(
        mmgen.DataError, match=r"The file .*5\.nii\.gz in row 5 of my\.csv .* cannot be read: "
    ) as caught:
        read(folder, text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"value_range": [1, 0]}, "two numbers of which the second is larger"),
        ({"value_range": [0, 1], "normalise": "volume"}, "leave one of the two out"),
        ({"likelihood": "bernoulli"}, r"is of values from 0 to 1; say value_range"),
        ({"channels": [4] * 6}, "volumes of 7×6×5 voxels take at most 4 channels, not 6"),
        ({"shape": [7, 6, 5]}, r"scan\.shape: \[7, 6, 5\] does not fit; a value has the shape \[1, 7, 6, 5\]"),
    ],
)
def test_options_that_do_not_fit_are_sentences(scans, fields, sentence):
    with pytest.raises(mmgen.MmgenError, match=sentence):
        read(*scans, **fields)


@pytest.mark.parametrize("size", [(1, 1, 1), (1, 5, 2), (9, 4, 6)])
@pytest.mark.parametrize("network", ["conv", "mlp"])
def test_networks_take_any_size(size, network):
    volume = VolumeModality(shape=(2, *size), network=network)
    z = volume.encoder(3)(torch.rand(2, 2, *size))[0]
    assert volume.decoder(3)(z).shape == (2, 1, 2, *size)
    assert volume.classifier_trunk()(torch.rand(2, 2, *size)).shape == (2, 128)


class TestVolumes(ModalityContract):
    component = VolumeModality
    examples = (
        {"shape": (1, 3, 4, 2), "channels": (4, 4)},
        {"shape": (2, 3, 2, 2), "channels": (4,), "value_range": (-10.0, 30.0)},
        {"shape": (1, 2, 2, 2), "channels": (4,), "value_range": (0.0, 1.0), "likelihood": "bernoulli"},
    )


def test_from_files_to_generated_volumes(scans, tmp_path):
    folder, text = scans
    (folder / "my.csv").write_text(text)
    dataset = {
        "name": "table",
        "path": folder / "my.csv",
        "test_fraction": 0.3,
        "modalities": {
            "scan": {"columns": "scan", "kind": "volume", "shape": [1, 4, 3, 5], **SMALL},
            "g": {"columns": "g", "kind": "vector", "hidden": [4]},
        },
    }
    run = mmgen.train("elbo", dataset, epochs=2, latent_dim=2, output=tmp_path / "run", quiet=True)
    generation = run.generate(given=["g"], targets=["scan"], split="test")
    assert generation.arrays()["scan"].shape == (1, len(generation), 1, 4, 3, 5)
    assert 50 < generation.arrays()["scan"].mean() < 150, "generated intensities are not those of the scans"
    evaluation = run.measurements(metrics=["reconstruction"])
    assert any("scan" in str(result) for result in evaluation)
    moved = folder / "elsewhere"
    moved.mkdir()
    (folder / "scans").rename(moved / "scans")
    (moved / "new.csv").write_text(text)
    again = mmgen.load_run(tmp_path / "run", {"path": str(moved / "new.csv")})
    assert again.encode(split="all").equals(run.encode(split="all"))


@pytest.mark.parametrize("shape", [(12, 4, 3, 5), (12, 1, 4, 3, 5)])
def test_arrays_with_and_without_channels(tmp_path, shape):
    values = RANDOM.normal(size=shape).astype(np.float32)
    np.savez(tmp_path / "my.npz", scan=values)
    options = {"path": tmp_path / "my.npz", "modalities": {"scan": {"array": "scan", "kind": "volume", **SMALL}}}
    data = mmgen.load_dataset("table", **options)
    assert data.modalities["scan"].shape == (1, 4, 3, 5)
    found = Table.concatenate([data.train, data.val, data.test])
    assert np.array_equal(found.data["scan"][:][found.rows.argsort()].numpy(), values.reshape(12, 1, 4, 3, 5))
