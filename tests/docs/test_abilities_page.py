"""The table of docs/abilities.md says what happens: some of its rows are made again."""

import importlib.util
import re
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MADE = importlib.util.spec_from_file_location("abilities", ROOT / "benchmarks" / "abilities.py")
assert MADE is not None and MADE.loader is not None
abilities = importlib.util.module_from_spec(MADE)
MADE.loader.exec_module(abilities)


def printed():
    """Objective to cells, a dot or the sentence that a number stands for."""
    text = (ROOT / "docs" / "abilities.md").read_text(encoding="utf-8")
    sentences = dict(re.findall(r"^(\d+)\. (.*)$", text, re.MULTILINE))
    rows = re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", text.split(abilities.END)[0], re.MULTILINE)
    return {name: [sentences.get(cell, cell) for cell in cells.split(" | ")] for name, cells in rows}


@pytest.mark.parametrize("objective", ["crmvae", "cca", "mmvae", "cmmd", "mmvamp"])
def test_a_row_is_what_happens(objective):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, _, row, _, *notes = abilities.table([objective])
    sentences = dict(note.split(". ", 1) for note in notes)
    cells = [sentences.get(cell, cell) for cell in row.strip("| ").split(" | ")[1:]]
    assert printed()[objective] == cells


def test_every_installed_objective_has_a_row():
    from mmgen.registry.components import entries

    assert set(printed()) == {entry.name for entry in entries("objectives")}
