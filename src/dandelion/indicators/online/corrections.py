"""From when an event no longer counts: the earliest arrival of an event that names it in ``replaces``.

A correction may come before what it corrects and may belong to another subject, so this is kept by event id, for a whole
kind; taking the earliest arrival makes the order of arrival irrelevant.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion.core import Unavailable
from dandelion.core.frame import Ints
from dandelion.indicators.online import kernel
from dandelion.indicators.online.packing import Words64, octets_of, whole
from dandelion.indicators.prepare import micros

_HEAD = struct.Struct("<Hq")
_FIRST_MARKS = 1 << 10
_RECENT = 4096  # batches of corrections whose ids are kept at hand


class Corrections:
    """The corrections of one kind.  `known` maps a replaced id to the earliest arrival of what replaces it."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}
        self.count = 0  # batches that changed anything
        self._recent: deque[Words64] = deque(maxlen=_RECENT)
        self._marks = np.zeros(_FIRST_MARKS, np.bool_)  # a front: may an id with this hash be in `known`?

    def note(self, events: pa.Table) -> bytes:
        """Take in the corrections among `events`; returns them packed, for a store to append."""
        replaces = whole(events.column("replaces"))
        if replaces.null_count == len(replaces):
            return b""
        some = np.flatnonzero(replaces.is_valid().to_numpy(zero_copy_only=False))
        ids = replaces.take(pa.array(some)).to_pylist()
        arrived = micros(events.column("arrived"))[some].tolist()
        self._take(zip(ids, arrived, strict=True))
        return b"".join(packed(id_, when) for id_, when in zip(ids, arrived, strict=True))

    def load(self, records: bytes) -> None:
        """Take in what `note` returned, any number of times and in any order.  Errors (Unavailable): damaged."""
        at, found = 0, []
        try:
            while at < len(records):
                size, when = _HEAD.unpack_from(records, at)
                at += _HEAD.size + size
                found.append((records[at - size : at].decode(), when))
        except (struct.error, UnicodeDecodeError):
            at = -1
        if at != len(records):
            raise Unavailable("the stored corrections are damaged; rebuild the state from the log or the vault",
                              field="store")  # fmt: skip
        self._take(found)

    def of(self, ids: pa.ChunkedArray, hashes: Any) -> tuple[list[str], Ints]:
        """(those of `ids` that were corrected, since when); `hashes` are the 64-bit hashes of the ids."""
        if not self.known or not len(hashes):
            return [], np.empty(0, np.int64)
        maybe = np.flatnonzero(self._marks[(hashes & np.uint64(len(self._marks) - 1)).astype(np.int64)])
        names = [name for name in ids.take(pa.array(maybe)).to_pylist() if name in self.known] if len(maybe) else []
        return names, np.array([self.known[name] for name in names], np.int64)

    def since(self, count: int) -> Words64 | None:
        """Hashes of the ids that were corrected, or earlier than known, after `count`; None where that is too long ago."""
        late = self.count - count
        if late > len(self._recent):
            return None
        return np.concatenate([np.empty(0, np.uint64), *list(self._recent)[len(self._recent) - late :]])

    def among(self, ids: Words64) -> tuple[Words64, Ints]:
        """(those of `ids`, hashes in order, that were corrected, since when), in order."""
        if not self.known or not len(ids):
            return np.empty(0, np.uint64), np.empty(0, np.int64)
        known = dict(self.known)
        hashes, since = _hashes(list(known)), np.fromiter(known.values(), np.int64, len(known))
        held = holds(ids, hashes)
        order = np.lexsort((since[held], hashes[held]))
        return hashes[held][order], since[held][order]

    def _take(self, found: Iterable[tuple[str, int]]) -> None:
        changed = []
        for id_, when in found:
            known = self.known.get(id_)
            if known is None or when < known:
                self.known[id_] = when
                changed.append(id_)
        if not changed:
            return
        hashes = _hashes(changed)
        if len(self.known) * 8 > len(self._marks):
            size = len(self._marks)
            while size < len(self.known) * 16:
                size *= 2
            marks = np.zeros(size, np.bool_)
            marks[(_hashes(list(self.known)) & np.uint64(size - 1)).astype(np.int64)] = True
            self._marks = marks
        else:
            self._marks[(hashes & np.uint64(len(self._marks) - 1)).astype(np.int64)] = True
        self._recent.append(hashes)
        self.count += 1


def holds(ids: Words64, hashes: Words64) -> npt.NDArray[np.bool_]:
    """Which of the hashes are among `ids`, which are in order."""
    if not len(ids):
        return np.zeros(len(hashes), np.bool_)
    return np.asarray(ids[np.minimum(np.searchsorted(ids, hashes), len(ids) - 1)] == hashes)


def _hashes(ids: list[str]) -> Words64:
    return np.asarray(kernel.hash_raw(*octets_of(pa.array(ids, pa.string()))))


def packed(id_: str, when: int) -> bytes:
    """One correction, for `Corrections.load`."""
    raw = id_.encode()
    return _HEAD.pack(len(raw), when) + raw
