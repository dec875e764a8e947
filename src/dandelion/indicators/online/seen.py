"""Which event ids were taken in already: 128 bits an id in open-addressed tables, two generations, bounded.

An id of ours *is* 128 bits (32 hex digits), so for those the answer is exact; any other text is hashed to 128 bits.
When the younger generation is full the older one is forgotten: an event repeated after that is taken in once more,
which changes no number, because reading drops repeated ids.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from dandelion.core import BadInput
from dandelion.indicators.online.packing import whole

REMEMBERED = 8_000_000  # ids a generation holds at most: about 280 MB each when full
_FIRST_SLOTS = 1 << 12
Words = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]
_NIBBLE = np.full(256, 255, np.uint8)
_NIBBLE[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16, dtype=np.uint8)


def words(ids: Any) -> Words:
    """(rows, 2): 128 bits for each id of a text column."""
    array = whole(ids)
    rows = len(array)
    _, offsets, data = array.buffers()
    edges = np.frombuffer(offsets, np.int32, rows + 1, array.offset * 4) if rows else np.zeros(1, np.int32)
    if rows and np.all(np.diff(edges) == 32):
        digits = _NIBBLE[np.frombuffer(data, np.uint8)[edges[0] : edges[-1]]].reshape(rows, 32)
        if digits.max() < 16:
            octets = (digits[:, 0::2] << 4) | digits[:, 1::2]
            return np.ascontiguousarray(octets).view(">u8").astype(np.uint64)
    return np.array([_word(id_) for id_ in array.to_pylist()], np.uint64).reshape(rows, 2)


def _word(id_: str) -> tuple[int, int]:
    raw = id_.encode()
    if len(raw) == 32 and all(_NIBBLE[octet] < 16 for octet in raw):
        both = int(raw, 16)
    else:
        both = int.from_bytes(hashlib.blake2b(raw, digest_size=16, person=b"event id").digest(), "big")
    return both >> 64, both & (2**64 - 1)


@njit(cache=True, nogil=True)
def _take(table, used, older, older_used, ids, new):  # type: ignore[no-untyped-def]
    """Add the ids that neither generation holds; `new` says which.  Returns how many."""
    mask, older_mask = len(used) - 1, len(older_used) - 1
    added = 0
    for i in range(len(ids)):
        a, b = ids[i, 0], ids[i, 1]
        mixed = (a * np.uint64(0xFF51AFD7ED558CCD)) ^ b  # spread even ids that only count up
        mixed = (mixed ^ (mixed >> np.uint64(33))) * np.uint64(0x9E3779B97F4A7C15)
        start = np.int64(mixed >> np.uint64(20))
        slot, known = start & older_mask, False
        while older_used[slot]:
            if older[slot, 0] == a and older[slot, 1] == b:
                known = True
                break
            slot = (slot + 1) & older_mask
        if not known:
            slot = start & mask
            while used[slot]:
                if table[slot, 0] == a and table[slot, 1] == b:
                    known = True
                    break
                slot = (slot + 1) & mask
        new[i] = not known
        if not known:
            used[slot] = True
            table[slot, 0], table[slot, 1] = a, b
            added += 1
    return added


class Seen:
    """Ids of one kind.

    >>> import pyarrow as pa
    >>> seen = Seen()
    >>> seen.take(pa.array(["a", "b", "a"])).tolist(), seen.take(pa.array(["b", "c"])).tolist()
    ([True, True, False], [False, True])
    """

    def __init__(self, remembered: int = REMEMBERED) -> None:
        if remembered < 1:
            raise BadInput(f"remembered is {remembered}; give at least 1 id", field="remembered")
        self._remembered = remembered
        self._older = _Slots(2)
        self._younger = _Slots(_FIRST_SLOTS)

    def take(self, ids: Any) -> Bools:
        """Which ids of the column are new, the first of equal ones; all of them are known afterwards."""
        found = words(ids)
        new = np.empty(len(found), np.bool_)
        for start in range(0, len(found), self._remembered):
            part = slice(start, start + self._remembered)
            self._make_room(len(found[part]))
            self._younger.count += _take(
                self._younger.ids, self._younger.used, self._older.ids, self._older.used, found[part], new[part]
            )
        return new

    def _make_room(self, rows: int) -> None:
        if self._younger.count and self._younger.count + rows > self._remembered:
            self._older, self._younger = self._younger, _Slots(_FIRST_SLOTS)
        slots = len(self._younger.used)
        while slots * 3 < (self._younger.count + rows) * 5:
            slots *= 2
        if slots > len(self._younger.used):
            grown = _Slots(slots)
            held = self._younger.ids[self._younger.used]
            nobody = _Slots(2)
            grown.count = _take(grown.ids, grown.used, nobody.ids, nobody.used, held, np.empty(len(held), np.bool_))
            self._younger = grown


class _Slots:
    def __init__(self, slots: int) -> None:
        self.ids: Words = np.zeros((slots, 2), np.uint64)
        self.used: Bools = np.zeros(slots, np.bool_)
        self.count = 0
