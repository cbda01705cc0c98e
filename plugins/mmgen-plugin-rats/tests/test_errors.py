from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mmgen import DataError
from mmgen.testing import edit_array, raises_sentence, set_entry
from mmgen_plugin_rats import RATS, Rats, RatsConfig, read_recordings

INFO, SPIKES = "mitt/mitt_trial_info.npy", "mitt/mitt_spike_data_binned.npy"


def remove_folder(root):
    (root / "Stella").rename(root / "Estella")


def zipped(path):
    with path.open("wb") as file:
        np.savez(file, a=np.zeros(3))


def forget_odour(root):
    info = np.load(root / INFO)
    info[info[:, 3] == 3, 3] = 5
    np.save(root / INFO, info)


DEFECTS = {
    "no folder of a rat": (remove_folder, r" has no folder stella \(in upper or lower case\)"),
    "a file instead of a folder": (lambda r: (remove_folder(r), (r / "stella").touch()), "has no folder stella"),
    "two folders": (lambda r: (r / "MITT").mkdir(), "has several folders called mitt: MITT, mitt; leave only one"),
    "no trials": (lambda r: (r / INFO).unlink(), "mitt has no file mitt_trial_info.npy"),
    "no spikes": (lambda r: (r / SPIKES).unlink(), "mitt has no file mitt_spike_data_binned.npy"),
    "truncated": (
        lambda r: (r / SPIKES).write_bytes((r / SPIKES).read_bytes()[:-9]),
        f"{SPIKES} cannot be read as a .npy file, .*not copied",
    ),
    "empty": (lambda r: (r / INFO).write_bytes(b""), f"{INFO} cannot be read as a .npy file"),
    "objects": (lambda r: np.save(r / INFO, np.array([None, 1])), f"{INFO} cannot be read as a .npy file"),
    "words": (lambda r: np.save(r / INFO, np.array([["a"] * 4])), f"{INFO} does not hold an array of numbers"),
    "an archive": (lambda r: zipped(r / INFO), f"{INFO} cannot be read as a .npy file"),
    "dimensions of trials": (
        lambda r: edit_array(r / INFO, lambda x: x[:, 0]),
        rf"{INFO} has the shape \[\d+\]; .*at least 4 columns",
    ),
    "too few columns": (
        lambda r: edit_array(r / INFO, lambda x: x[:, :3]),
        rf"{INFO} has the shape \[\d+, 3\]; .*at least 4 columns",
    ),
    "dimensions of spikes": (
        lambda r: edit_array(r / SPIKES, lambda x: x[0]),
        rf"{SPIKES} has the shape \[104, 400\]; .*104 neurons, 400 bins",
    ),
    "bins": (
        lambda r: edit_array(r / SPIKES, lambda x: x[..., :399]),
        rf"{SPIKES} has the shape \[\d+, 104, 399\]; .*104 neurons, 400 bins",
    ),
    "neurons": (
        lambda r: edit_array(r / SPIKES, lambda x: x[:, 1:]),
        rf"{SPIKES} has the shape \[\d+, 103, 400\]; .*104 neurons, 400 bins",
    ),
    "disagreement": (
        lambda r: edit_array(r / INFO, lambda x: x[1:]),
        rf"{INFO} has \d+ trials and mitt_spike_data_binned.npy has \d+; both",
    ),
    "unknown odour": (
        lambda r: set_entry(r / INFO, (4, 3), 6),
        f"{INFO} has the odour 6.0 in row 4, column 3; .*1 to 5",
    ),
    "missing odour": (
        lambda r: set_entry(r / INFO, (1, 3), np.nan),
        f"{INFO} has the odour nan in row 1, column 3; .*1 to 5",
    ),
    "no trial of an odour": (forget_odour, rf"{INFO} has no trial of odour C \(code 3\); every rat needs at least one"),
    "rates": (
        lambda r: edit_array(r / SPIKES, lambda x: x + 0.5),
        f"{SPIKES} holds values in bins 250 to 274 that are not counts; .*0 to 255",
    ),
    "negative": (
        lambda r: set_entry(r / SPIKES, np.s_[:, 2, 260], -1),
        f"{SPIKES} holds values in bins 250 to 274 that are not counts",
    ),
    "not a number": (
        lambda r: set_entry(r / SPIKES, np.s_[:, 2, 260], np.nan),
        f"{SPIKES} holds values in bins 250 to 274 that are not counts",
    ),
    "too many": (
        lambda r: set_entry(r / SPIKES, np.s_[:, 2, 274], 256),
        f"{SPIKES} holds values in bins 250 to 274 that are not counts",
    ),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_every_defect_is_one_sentence_that_names_the_file(official, name):
    root = official()
    make, sentence = DEFECTS[name]
    make(root)
    with raises_sentence(rf"^(?={re.escape(str(root))}).*?(?:{sentence})", DataError):
        Rats(RatsConfig(root=root)).splits()


def test_no_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        DataError,
        match=r"nowhere does not exist; dataset.root should be the folder that holds .* barat, buchanan, mitt",
    ):
        Rats(RatsConfig(root=tmp_path / "nowhere")).splits()
    with pytest.raises(DataError, match=r"file is not a folder; dataset.root should be"):
        Rats(RatsConfig(root=tmp_path / "file")).sources()


def test_a_folder_that_cannot_be_looked_into(official, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied")

    root = official()
    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(DataError, match=re.escape(f"{root} cannot be looked into (Permission denied)")):
        Rats(RatsConfig(root=root)).splits()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    damage=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), min_size=1, max_size=4),
    end=st.integers(0, 400),
)
def test_whatever_the_damage_the_user_reads_a_sentence(tmp_path_factory, damage, end):
    root = tmp_path_factory.mktemp("damaged")
    for rat, facts in RATS.items():
        (root / rat).mkdir()
        np.save(
            root / rat / f"{rat}_trial_info.npy", np.array([[1, 1, 0, odour] for odour in (1, 2, 3, 4)], dtype=np.uint8)
        )
        np.save(root / rat / f"{rat}_spike_data_binned.npy", np.zeros((4, facts.neurons, 400), dtype=np.uint8))
    file = io.BytesIO()
    np.save(file, np.ones((4, 4), dtype=np.uint8))
    content = bytearray(file.getvalue()[:end])
    for position, value in damage:
        if position < len(content):
            content[position] = value
    (root / "barat" / "barat_trial_info.npy").write_bytes(content)
    try:
        read_recordings(root, RATS)
    except DataError as error:
        assert "\n" not in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    "options", [{"test_fraction": 0.6, "val_fraction": 0.4}, {"seed": -1}, {"simulated_trials": 0}, {"split": "none"}]
)
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(ValidationError):
        RatsConfig(**options)
