"""Arrays in a file, to be mapped into memory: a head in JSON, the arrays one after the other, a checksum over all of it.

A file is written under another name and then renamed, so a name never stands for half a file.  It is not forced to the disk: what a
loss of power tears fails the checksum, and whoever reads it makes the arrays anew.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

Arrays = Mapping[str, npt.NDArray[Any]]
Said = Mapping[str, Any]
_HEAD = struct.Struct("<8sQQQ")  # magic, checksum of what follows it, size of the whole, size of the JSON
_MAGIC = b"DNDLARR1"
_SUMMED = 16  # the checksum covers the file from here on
_ALIGN = 64
_POPULATE_READ = 22  # of Linux 5.14, which Python does not name
_FNV, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)


@dataclass(frozen=True)
class ArrayFile:
    """`said` is what the writer said of the arrays.  The arrays are the file's own pages; writing to one changes no file."""

    said: Said
    arrays: Arrays
    checksum: int
    size: int

    @classmethod
    def open(cls, path: Path, *, verify: bool = True, at_hand: bool = False) -> ArrayFile | None:
        """None where there is none, or it is not whole.  With `verify` every byte is read; with `at_hand` no page of it is missing
        in this mapping, where the system can do that."""
        try:
            with path.open("rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
            magic, checksum, size, head = _HEAD.unpack_from(mapped)
            if magic != _MAGIC or size != len(mapped) or _HEAD.size + head > size:
                return None
            if at_hand:
                with suppress(OSError, ValueError):
                    mapped.madvise(_POPULATE_READ)
            if verify and _sum_of(mapped) != checksum:
                return None
            said = json.loads(mapped[_HEAD.size : _HEAD.size + head])
            arrays = {
                name: np.frombuffer(mapped, kind, int(np.prod(shape)), at).reshape(shape)
                for name, kind, shape, at in said["arrays"]
            }
        except (OSError, ValueError, KeyError, TypeError, struct.error):
            return None
        return cls(said["said"], arrays, checksum, size)


def write_arrays(path: Path, said: Said, arrays: Arrays) -> None:
    """Errors: OSError."""
    told: list[list[Any]] = []
    at = 0
    for name, array in arrays.items():
        told.append([name, array.dtype.str, list(array.shape), at])
        at = _up(at + array.nbytes)
    room = len(json.dumps({"said": said, "arrays": told})) + 12 * len(told)  # places grow when the start is added
    start = _up(_HEAD.size + room)
    for one in told:
        one[3] += start
    head = json.dumps({"said": said, "arrays": told}).encode().ljust(start - _HEAD.size)
    part = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
    try:
        with part.open("w+b") as file:
            file.truncate(start + at)
            with mmap.mmap(file.fileno(), start + at) as mapped:
                _HEAD.pack_into(mapped, 0, _MAGIC, 0, start + at, len(head))
                mapped[_HEAD.size : start] = head
                for (_, _, _, place), array in zip(told, arrays.values(), strict=True):
                    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
                    np.frombuffer(mapped, np.uint8, len(flat), place)[:] = flat
                _HEAD.pack_into(mapped, 0, _MAGIC, _sum_of(mapped), start + at, len(head))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _up(size: int) -> int:
    return -(-size // _ALIGN) * _ALIGN


def _sum_of(mapped: mmap.mmap) -> int:
    """Of everything behind the checksum itself."""
    words = np.frombuffer(mapped, np.uint64, (len(mapped) - _SUMMED) // 8, _SUMMED)
    try:
        return int(checksum(words))
    finally:
        del words  # a map with views on it cannot be closed


@njit(cache=True, nogil=True)
def checksum(words):  # type: ignore[no-untyped-def]
    """64 bits of whole words, in four lanes (FNV-1a on words): a change of any one word changes it."""
    a, b, c, d = _FNV, _FNV + np.uint64(1), _FNV + np.uint64(2), _FNV + np.uint64(3)
    whole = len(words) // 4 * 4
    for i in range(0, whole, 4):
        a = (a ^ words[i]) * _PRIME
        b = (b ^ words[i + 1]) * _PRIME
        c = (c ^ words[i + 2]) * _PRIME
        d = (d ^ words[i + 3]) * _PRIME
    for i in range(whole, len(words)):
        a = (a ^ words[i]) * _PRIME
    for lane in (b, c, d):
        a = ((a ^ (a >> np.uint64(29))) * _PRIME) ^ lane
    return a ^ (a >> np.uint64(32))
