"""Names and numbers given on the command line."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast, get_args

from ..data import FileSource
from ..data.own_table.formats import file_endings
from ..errors import MmgenError, alternatives, listed
from ..models import choose_sampler
from ..models.inference import Inference
from ..options import merge
from ..registry import KNOWN, entries, load, not_installed
from ..registry.components import CORE
from ..runs import Run, load_run
from ..runs.config import RunConfig, from_assignments
from ..runs.other_rows import changes_of_path


def check_ending(out: Path, endings: Sequence[str]) -> None:
    """The ending of a file that is to be written says its format."""
    if out.suffix not in endings:
        raise MmgenError(f"--out {str(out)!r}: the file's ending says its format, and can be {', '.join(endings)}.")


def writer_of(out: Path, endings: Sequence[str], what: str) -> type[FileSource] | None:
    """The format that writes a file; None where its ending is one of the command's own.

    Args:
        out: The file.
        endings: Of the command.
        what: ``latents`` or ``imputed``.

    Raises:
        MmgenError: Nothing writes files of this ending.
    """
    if out.suffix in endings:
        return None
    name = out.suffix.removeprefix(".")
    if out.suffix in file_endings():
        kind: type[FileSource] = load("formats", name)
        if what in kind.writes:
            return kind
    elif ("formats", name) in KNOWN:
        raise not_installed(f"--out {str(out)!r} is written by", KNOWN["formats", name])
    others = [each.full_name for each in entries("formats") if each.distribution != CORE]
    able = [f".{each.rpartition(':')[2]}" for each in others if what in load("formats", each).writes]
    check_ending(out, (*endings, *able))
    return None


def split_names(text: str | None) -> list[str] | None:
    """``"a, b"`` as names; None stays None."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def checked(names: Iterable[str], known: Iterable[str], what: str) -> list[str]:
    """The names, all of which must be known."""
    requested, modalities = list(names), list(known)
    for name in requested:
        if name not in modalities:
            raise MmgenError(f"{what}: there is no modality {name!r}; there are {alternatives(name, modalities)}")
    return requested


def opened(
    path: Path, data: str | None, assignments: Sequence[str], others: Collection[str] = ()
) -> tuple[Run, dict[str, Any]]:
    """A run, with what ``--data`` and ``--set dataset.…`` say of where its data are or which others it reads, and what
    else was set.

    Args:
        path: Of the run.
        data: A file or folder.
        assignments: Of ``--set``.
        others: The sections besides ``dataset`` that may be set.
    """
    options = from_assignments(assignments, [section for section in others if section not in RunConfig.model_fields])
    known = ["dataset", *others]
    for section in options:
        if section not in known:
            raise MmgenError(
                f"--set: this command can only set {listed(f'{name}.…' for name in known)}, not {section!r}."
            )
    run = load_run(path)
    changes = dict(options.pop("dataset", {}))
    if data is not None:
        changes = merge(changes_of_path(data, run.config["dataset"]), changes)
    return (load_run(path, dataset=changes) if changes else run), options


def chosen_inference(name: str) -> Inference:
    """What ``--inference`` says, which is one of two words."""
    if name not in get_args(Inference):
        raise MmgenError(f"--inference: there is no {name!r}; there are {listed(get_args(Inference))}.")
    return cast(Inference, name)


def chosen_sampler(name: str | None, options: Mapping[str, Any] | str) -> dict[str, Any] | None:
    """What ``--sampler`` and ``--set sampler.…`` say; None where they say nothing.

    Raises:
        MmgenError: Options without a name, an unknown sampler or option.
    """
    if name is None and not options:
        return None
    options = {"name": options} if isinstance(options, str) else options
    sampler = {**options, **({} if name is None else {"name": name})}
    if "name" not in sampler:
        raise MmgenError(f"--set sampler.{next(iter(options))}: say by --sampler whose option it is, such as gmm.")
    return choose_sampler(sampler).describe()


def numbers(text: str | None, kind: type, option: str) -> list[Any] | None:
    """``"0,1,2"`` as numbers of a kind; None stays None."""
    words = split_names(text)
    if words is None:
        return None
    try:
        return [kind(word) for word in words]
    except ValueError as error:
        raise MmgenError(
            f"{option}: {text!r} is not right; write numbers separated by commas, such as {option} 0,1,2."
        ) from error
