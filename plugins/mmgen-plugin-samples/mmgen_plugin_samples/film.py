"""A film of the grids of a run."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, UnidentifiedImageError

from mmgen import MmgenError, load_run
from mmgen.files import write_atomically

from .folder import VARIABLE, grids, samples_folder


def make_film(path: Path, out: Path | None, seconds: float) -> Path:
    """Join the grids of the run in ``path`` to an animated GIF; all of it or nothing is written.

    Args:
        path: Folder of a run.
        out: The file; ``figures/samples.gif`` in the run by default.
        seconds: How long each grid is shown.

    Returns:
        The file.

    Raises:
        MmgenError: No run, no or damaged grids, another ending than ``.gif``, or a file that cannot be written.

    >>> import os
    >>> import mmgen
    >>> from mmgen_plugin_samples.film import make_film
    >>> os.environ["MMGEN_SAMPLES_EVERY"] = "1"
    >>> run = mmgen.train("elbo", "mfeat", latent_dim=2, epochs=1, output="runs/elbo", quiet=True)
    >>> make_film(run.path, None, seconds=0.5).name
    'samples.gif'
    >>> del os.environ["MMGEN_SAMPLES_EVERY"]
    """
    folder = samples_folder(load_run(path))
    files = grids(folder) if folder is not None else []
    if folder is None or not files:
        raise MmgenError(f"The run {str(path)!r} has no grids; train with {VARIABLE}=10 to draw one every ten epochs.")
    out = folder.with_suffix(".gif") if out is None else out
    if out.suffix != ".gif":
        raise MmgenError(f"--out {str(out)!r}: a film is a .gif file.")
    frames = [_frame(file) for file in files]
    shown = {"append_images": frames[1:], "duration": round(1000 * seconds), "loop": 0}
    write_atomically(out, lambda temporary: frames[0].save(temporary, format="GIF", save_all=True, **shown))
    return out


def _frame(path: Path) -> Image.Image:
    """A grid in the colours of a GIF."""
    try:
        with Image.open(path) as image:
            return image.convert("RGB").quantize(128)
    except (OSError, UnidentifiedImageError) as error:
        raise MmgenError(
            f"The grid {str(path)!r} is damaged; delete it, and the film is made of the others."
        ) from error
