"""Bytes that are damaged at random, the same for the same seed."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from collections.abc import Callable

import numpy as np

NUMBERS = (
    0,
    1,
    2,
    127,
    128,
    255,
    256,
    2**15,
    2**16 - 1,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**40,
    2**62,
    2**63 - 1,
    2**64 - 1,
)
WORDS = (
    *(b"null", b"[]", b"{}", b"[[[[[[", b"{{{{", b'"', b"'", b"\0", b"\n", b"\r\n", b",,,,", b": ", b"- ", b"|", b">"),
    *(b"&a [*a]", b"<<: *a", b"&a", b"*a", b"!!binary x", b"!!timestamp x", b"!!set {a}", b"!!python/name:os.system"),
    *(
        b"!!python/object/apply:os.system [touch evil]",
        b"cos\nsystem\n(S'touch evil'\ntR.",
        b"../../../evil",
        b"~/evil",
    ),
    *(
        b"NaN",
        b"-inf",
        b"1e309",
        b"1e-400",
        b"9" * 30,
        b"9" * 5000,
        b"-1",
        b"0x1p5",
        b"true",
        b"\xff\xfe",
        b"\xed\xa0\x80",
    ),
    *(
        b"name: [1]",
        b"extends: x",
        b"shape: [1000000000]",
        b"hidden: [1000000000]",
        b"path: ~nobody/x",
        b"\xe2\x80\xa8",
    ),
)


def mutated(content: bytes, random: np.random.Generator) -> bytes:
    """Content with one to four damages; inside of what is compressed half of the time."""
    if random.random() < 0.6:
        if content.startswith(b"\x1f\x8b"):
            return gzip.compress(mutated(gzip.decompress(content), random), 1)
        if content.startswith(b"PK\x03\x04"):
            return _in_archive(content, random)
    for _ in range(int(random.integers(1, 5))):
        damage = DAMAGES[int(random.integers(len(DAMAGES)))]
        content = damage(content, random)
    return content


def _in_archive(content: bytes, random: np.random.Generator) -> bytes:
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(result, "w") as new:
        names = old.namelist()
        chosen = names[int(random.integers(len(names)))]
        for name in names:
            part = old.read(name)
            new.writestr(name, mutated(part, random) if name == chosen else part)
    return result.getvalue()


def _place(content: bytes, random: np.random.Generator) -> int:
    """Headers are at the beginning or at the end of most formats: there more often."""
    near = random.random()
    if near < 0.4:
        return int(random.integers(0, min(len(content), 256) + 1))
    if near < 0.5:
        return int(random.integers(max(0, len(content) - 256), len(content) + 1))
    return int(random.integers(0, len(content) + 1))


def _bit(content: bytes, random: np.random.Generator) -> bytes:
    at = _place(content, random)
    return (
        content[:at] + bytes(byte ^ (1 << int(random.integers(8))) for byte in content[at : at + 1]) + content[at + 1 :]
    )


def _number(content: bytes, random: np.random.Generator) -> bytes:
    size, order = int(random.choice([1, 2, 4, 8])), random.choice(["<", ">"])
    value = NUMBERS[int(random.integers(len(NUMBERS)))] % 2 ** (8 * size)
    at = _place(content, random)
    return content[:at] + struct.pack(f"{order}{' BH I   Q'[size]}", value) + content[at + size :]


def _word(content: bytes, random: np.random.Generator) -> bytes:
    at, word = _place(content, random), WORDS[int(random.integers(len(WORDS)))]
    return content[:at] + word + content[at + int(random.choice([0, len(word)])) :]


def _cut(content: bytes, random: np.random.Generator) -> bytes:
    return content[: _place(content, random)]


def _without(content: bytes, random: np.random.Generator) -> bytes:
    at = _place(content, random)
    return content[:at] + content[at + int(random.integers(1, 64)) :]


def _twice(content: bytes, random: np.random.Generator) -> bytes:
    start, at = _place(content, random), _place(content, random)
    return content[:at] + content[start : start + int(random.integers(1, 256))] + content[at:]


def _noise(content: bytes, random: np.random.Generator) -> bytes:
    at = _place(content, random)
    return content[:at] + random.bytes(int(random.integers(1, 32))) + content[at + int(random.integers(0, 32)) :]


def _digit(content: bytes, random: np.random.Generator) -> bytes:
    """Another digit, as in a header of text."""
    places = [at for at, byte in enumerate(content[:20_000]) if 48 <= byte <= 57]
    if not places:
        return _bit(content, random)
    at = places[int(random.integers(len(places)))]
    return content[:at] + b"%d" % random.integers(0, 10 ** int(random.integers(1, 12))) + content[at + 1 :]


def _lines(content: bytes, random: np.random.Generator) -> bytes:
    """One line in the place of another."""
    lines = content.split(b"\n")
    one, two = random.integers(len(lines), size=2)
    lines[one] = lines[two]
    return b"\n".join(lines)


Damage = Callable[[bytes, np.random.Generator], bytes]
DAMAGES: tuple[Damage, ...] = (_bit, _number, _number, _word, _word, _cut, _without, _twice, _noise, _digit, _lines)
