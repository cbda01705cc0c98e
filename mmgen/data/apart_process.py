"""The process in which :mod:`.apart` reads files: run by its path, it imports nothing of mmgen and little else.

A line of JSON comes in for each file, ``[function, arguments, [bytes, seconds]]``, and one goes out: null, or ``[kind,
message]`` of what was raised. A file is read in a process of its own, which the parser may end.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

Answer = list[str] | None


def matlab(path: str, result: str) -> None:
    """Write the arrays of numbers and of texts of a MATLAB file into an archive."""
    import numpy as np
    from scipy.io import loadmat

    content = loadmat(path)
    arrays = {name: value for name, value in content.items() if not name.startswith("__")}
    plain = {
        name: value for name, value in arrays.items() if isinstance(value, np.ndarray) and not value.dtype.hasobject
    }
    names = np.array(json.dumps(list(plain)))
    with open(result, "wb") as file:  # noqa: PTH123 - a path that numpy would give another ending
        np.savez(file, names, *plain.values())


def hdf5(path: str, _: str) -> None:
    """Read everything in an HDF5 file, so that whoever reads it again meets nothing that ends a process."""
    import h5py

    seen: set[Any] = set()

    def visit(node: Any) -> None:
        for name in node.attrs:
            _ = node.attrs[name]
        if isinstance(node, h5py.Dataset):
            for part in _parts(node):
                _ = node[part]
            return
        for name in node:
            hard = isinstance(node.get(name, getlink=True), h5py.HardLink)  # others lead to other files, or nowhere
            if hard and (part := node[name]).id not in seen:
                seen.add(part.id)
                visit(part)

    with h5py.File(path, "r") as file:
        visit(file)


def _parts(data: Any) -> Iterator[Any]:
    """Places of a dataset that are read at once: its chunks, else some megabytes of rows."""
    if data.chunks is not None:
        yield from data.iter_chunks()
    elif not data.shape:
        yield ()
    else:
        rows = max(1, 2**24 // max(1, data.nbytes // max(1, len(data))))
        yield from (slice(start, start + rows) for start in range(0, len(data), rows))


def rows(path: str, result: str, subset: str | None, online: bool) -> None:
    """Write the rows of every split of what ``datasets`` reads into an Arrow file; nothing stays in its cache."""
    import datasets
    import pyarrow as pa

    datasets.disable_progress_bars()
    if not online:
        _stay_offline()
    if os.path.isdir(path) and any(  # noqa: PTH112
        os.path.exists(os.path.join(path, name))  # noqa: PTH110, PTH118
        for name in ("state.json", "dataset_dict.json")
    ):
        loaded = datasets.load_from_disk(path)
    elif os.path.isdir(path):  # noqa: PTH112
        loaded = datasets.load_dataset(path, subset, cache_dir=f"{result}.cache")
    else:
        loaded = datasets.load_dataset(path, subset)
    table, features = _pooled(loaded)
    schema = features.arrow_schema
    with pa.OSFile(result, "wb") as file, pa.ipc.new_stream(file, schema) as stream:
        stream.write_table(table.cast(schema))


def _pooled(loaded: Any) -> tuple[Any, Any]:
    """The rows of all splits as a table of Arrow, and their features."""
    import datasets

    if isinstance(loaded, dict):
        splits = {name: split for name, split in loaded.items() if len(split)} or loaded
        if len(splits) > 1:
            splits = {
                name: split if "split" in split.column_names else split.add_column("split", [name] * len(split))
                for name, split in splits.items()
            }
        loaded = datasets.concatenate_datasets(list(splits.values()))
    return loaded.with_format("arrow")[:], loaded.features


def _stay_offline() -> None:
    """Let the package find what it has fetched before, and fetch nothing, as its variable ``HF_HUB_OFFLINE`` does; a
    folder may name places on other servers, which that does not keep from being asked.
    """
    import datasets
    import huggingface_hub.constants

    datasets.config.HF_HUB_OFFLINE = huggingface_hub.constants.HF_HUB_OFFLINE = True
    sys.addaudithook(_refuse_connections)


def _refuse_connections(event: str, _: Any) -> None:
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        raise PermissionError("it names something that would have to be fetched, and nothing is fetched for a folder")


READERS: dict[str, Callable[..., None]] = {"matlab": matlab, "hdf5": hdf5, "rows": rows}
PACKAGES = {"matlab": ("numpy", "scipy.io"), "hdf5": ("numpy", "h5py"), "rows": ("datasets", "huggingface_hub")}


def _limit(size: int, seconds: int) -> None:
    try:
        import resource
    except ImportError:  # a system without such limits
        return
    resource.setrlimit(resource.RLIMIT_AS, (_held() + size, _held() + size))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _held() -> int:
    """Bytes of addresses that this process has already."""
    try:
        with open("/proc/self/statm") as file:  # noqa: PTH123
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 2**31


def _read(name: str, arguments: list[Any]) -> Answer:
    try:
        READERS[name](*arguments)
    except BaseException as error:
        while error.__cause__ is not None:
            error = error.__cause__
        lines = str(error).strip().splitlines()
        return [type(error).__name__, (lines[0] if lines else type(error).__name__).rstrip(".: ")[:200]]
    return None


def _in_child(request: list[Any]) -> Answer:
    """Read a file in a child; what the parser does to it is an answer too."""
    name, arguments, limits = request
    for package in PACKAGES[name]:
        importlib.import_module(package)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if limits is not None:
                _limit(*limits)
            os.write(writing, json.dumps(_read(name, arguments)).encode()[:60_000])
        finally:  # it never goes on as the other one, whatever there is no memory for
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:  # noqa: PTH123
        answer = pipe.read()
    os.waitpid(child, 0)
    try:
        parsed: Answer = json.loads(answer)
    except ValueError:
        return ["Ended", "the process that read it was ended"]
    return parsed


def main() -> None:
    """Answer until nobody asks any more."""
    for line in sys.stdin:
        request = json.loads(line)
        answer = _in_child(request) if hasattr(os, "fork") else _read(*request[:2])
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.path.pop(0)  # this folder, whose modules have names of others
    main()
