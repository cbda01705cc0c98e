"""NIfTI files as arrays that lie as slices are looked at, and back."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np


def read_volume(path: str | Path) -> np.ndarray:
    """A NIfTI file as float32 ``[depth, height, width]``, or, of four dimensions, ``[channels, depth, height, width]``.

    The header's scl_slope and scl_inter are applied. Whatever the orientation in the file, slices go from top to
    bottom, their rows from front to back, and their columns from the left of the subject to its right; the last
    dimension of the file (time, or contrasts) is that of the channels.

    Raises:
        Exception: What nibabel raises of a file that is damaged, or ValueError of one that holds no volume of numbers.
    """
    image = nibabel.as_closest_canonical(nibabel.load(path))
    if image.get_data_dtype().kind not in "iuf":
        raise ValueError(f"it holds values of the type {image.get_data_dtype()}, and numbers are wanted")
    values = np.asarray(image.get_fdata(dtype=np.float32, caching="unchanged"))
    if values.ndim == 5 and values.shape[3] == 1:  # statistics: x, y, z, no time, values
        values = values[:, :, :, 0]
    if values.ndim not in (3, 4):
        raise ValueError(f"it has the shape {list(values.shape)}, and a volume has three dimensions, or four")
    slices = np.moveaxis(values, (0, 1, 2), (-1, -2, -3))
    return np.ascontiguousarray(slices[..., ::-1, ::-1, :])


def save_volume(value: np.ndarray, path: str | Path, like: str | Path) -> None:
    """Write a value of a volume as NIfTI: what :func:`read_volume` gives, or what a model generated.

    Args:
        value: ``[depth, height, width]`` or ``[channels, depth, height, width]``, in the order of :func:`read_volume`.
        path: Of the new file, ``.nii`` or ``.nii.gz``.
        like: A file of the same field of view, whose place in the world is taken over. Where it has more voxels, those
            of the new file are larger.
    """
    slices = np.asarray(value, dtype=np.float32)[..., ::-1, ::-1, :]
    values = np.moveaxis(slices, (-1, -2, -3), (0, 1, 2))
    if values.ndim == 4 and values.shape[3] == 1:
        values = values[..., 0]
    model = nibabel.as_closest_canonical(nibabel.load(like))
    factors = np.array(model.shape[:3]) / np.array(values.shape[:3])
    change = np.diag([*factors, 1.0])
    change[:3, 3] = (factors - 1) / 2  # the centre of the first new voxel, in old ones
    nibabel.save(nibabel.Nifti1Image(values, model.affine @ change), path)
