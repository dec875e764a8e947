"""Labels beside a sorted file of ready values, a row group at a time while its rows are at hand.

Labels are dealt out to the row groups by their subject, so that a group's join reads and writes side by side what it
needs: its few thousand subjects are found, its rows searched, and the values put down at the labels, which are in order
within a group.  Nothing here goes through memory at random but within one row group.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from dandelion.core.frame import Ints
from dandelion.indicators.columns import texts
from dandelion.indicators.memory import once
from dandelion.indicators.ready_file import ReadyGroup, SortedFile
from dandelion.indicators.textcodes import lookup_of, places_in

AHEAD = 6  # row groups decoded while labels are dealt
SLICES = 8  # of the labels: small enough for all threads to end together
_BYTE = np.uint64(8)
_NO_NULLS = np.empty(0, np.bool_)


@dataclass
class GroupJoin:
    """Labels are dealt out while the first row groups are decoded; then the threads of a pool decode the others and join
    each at once, so that its memory is for the next one."""

    file: SortedFile
    pool: ThreadPoolExecutor
    ids: bool  # there are event ids, so that rows that are equal in (at, arrived) must be told apart
    early: list[Future[ReadyGroup | None]]

    @classmethod
    def of(cls, file: SortedFile, pool: ThreadPoolExecutor, ids: bool) -> GroupJoin:
        return cls(file, pool, ids, [pool.submit(file.read, number) for number in range(len(file.firsts))[:AHEAD]])

    def values(self, who: pa.Array, as_of: Ints, known_at: Ints) -> list[pa.Array] | None:
        """Those of each column for each label.  None where the file turns out not to be in order, or, if there are event
        ids, two rows of a subject are equal in (at, arrived)."""
        dealt = _Dealt.of(who, as_of, known_at, self.file, self.pool)
        working = [self.pool.submit(self._join, dealt, number) for number in range(len(self.file.firsts))]
        joined: list[_Joined] = []
        for future in working:
            found = future.result()
            if found is None or (found.tied and self.ids) or (joined and not found.follows(joined[-1], self.ids)):
                for waiting in working:
                    waiting.cancel()
                return None
            joined.append(found)
        _look_back(dealt, joined)
        return dealt.columns(self.file.kinds)

    def _join(self, dealt: _Dealt, number: int) -> _Joined | None:
        if number >= len(self.early):
            group = self.file.read(number)
        else:  # asked of the same threads before, so that it is there or being made
            group, self.early[number] = self.early[number].result(), Future()
        return None if group is None else dealt.join(number, group)


@dataclass(frozen=True)
class _Joined:
    """What matters of a joined row group to those beside it."""

    first: str
    head: tuple[int, int]  # (at, arrived) of its first row
    last: ReadyGroup  # the rows of its last subject
    whole: bool  # that is its only subject
    tied: bool
    left: Ints  # labels of its first subject that found nothing in it

    def follows(self, before: _Joined, ids: bool) -> bool:
        """Whether the rows of both are in order, and where there are event ids none is equal to the next."""
        name = before.name
        tail = (int(before.last.at[-1]), int(before.last.arrived[-1]))
        return name < self.first or (name == self.first and (tail < self.head or (tail == self.head and not ids)))

    @property
    def name(self) -> str:
        return str(self.last.subjects[0].as_py())


def _look_back(dealt: _Dealt, joined: Sequence[_Joined]) -> None:
    """A subject's rows may begin in the row group before, or before that: for labels that found none in its last one."""
    left = np.empty(0, np.int64)
    for group, before in zip(reversed(joined), reversed(joined[:-1]), strict=False):
        left = np.append(left if group.whole else left[:0], group.left)
        if before.name != group.first:
            left = left[:0]
        left = left[dealt.search(left, before.last) < 0]


@dataclass(frozen=True)
class _Dealt:
    """Dealt labels ``ends[g]:ends[g + 1]`` are of row group g, in the order in which they were given: dealt label k is
    label ``which[k]``, which gets its values at once."""

    ends: Ints
    which: npt.NDArray[np.int32]
    offsets: Ints
    data: npt.NDArray[np.uint8]
    as_of: Ints
    known_at: Ints
    has: npt.NDArray[np.bool_]  # of labels as they were given, as the values
    values: Ints  # (columns, labels)

    @classmethod
    def of(cls, who: pa.Array, as_of: Ints, known_at: Ints, file: SortedFile, pool: ThreadPoolExecutor) -> _Dealt:
        """In slices of the labels, by the threads of the pool."""
        held, firsts = texts(who), texts(pa.array(file.firsts, pa.string()))[:2]
        size = len(as_of)
        group = once((size,), np.int32)
        slices = [(i * size // SLICES, (i + 1) * size // SLICES) for i in range(SLICES)]
        told = list(pool.map(lambda part: share_out(*held, *firsts, *part, group), slices))
        counts, sizes = np.array([one for one, _ in told]), np.array([one for _, one in told])
        starts, bytes_at = _begin(counts), _begin(sizes)
        ends = np.append(starts[0], counts.sum())
        dealt = int(ends[-1])
        offsets, data = once((dealt + 1,), np.int64), once((int(sizes.sum()),), np.uint8)
        offsets[0] = 0
        which, now = once((dealt,), np.int32), once((dealt,), np.int64)
        known = now if known_at is as_of else once((dealt,), np.int64)

        def run(t: int) -> None:
            asked = held[0], held[1], as_of, known_at
            deal(group, *slices[t], starts[t], bytes_at[t], *asked, which, offsets, data, now, known)

        list(pool.map(run, range(SLICES)))
        values = once((len(file.names), size), np.int64)  # zeros, where nothing is put
        return cls(ends, which, offsets, data, now, known, once((size,), np.bool_), values)

    def join(self, number: int, group: ReadyGroup) -> _Joined:
        mine = slice(self.ends[number], self.ends[number + 1])
        names = self.offsets[mine.start : mine.stop + 1]
        places = places_in(names, self.data, _NO_NULLS, *_known(group.subjects))
        rows = last_of(places, self.as_of[mine], self.known_at[mine], group.bounds, group.at, group.arrived)
        self._put(rows, self.which[mine], group)
        left = np.flatnonzero((rows < 0) & (places == 0)) + mine.start
        head = int(group.at[0]), int(group.arrived[0])
        only = len(group.subjects) == 1
        return _Joined(group.subjects[0].as_py(), head, _last(group), only, group.tied, left)

    def search(self, dealt: Ints, group: ReadyGroup) -> Ints:
        """As `join`, for some dealt labels of the one subject of a group.  Returns its row for each of them, or -1."""
        places = np.zeros(len(dealt), np.int64)
        rows = last_of(places, self.as_of[dealt], self.known_at[dealt], group.bounds, group.at, group.arrived)
        self._put(rows, self.which[dealt], group)
        return np.asarray(rows)

    def _put(self, rows: Ints, which: npt.NDArray[np.int32], group: ReadyGroup) -> None:
        for values, out in zip(group.columns, self.values, strict=True):
            put(rows, which, values, out, self.has)

    def columns(self, kinds: Sequence[Any]) -> list[pa.Array]:
        lacking = len(self.has) - int(np.count_nonzero(self.has))
        bits = pa.py_buffer(np.packbits(self.has, bitorder="little")) if lacking else None
        return [pa.Array.from_buffers(kind, len(self.has), [bits, pa.py_buffer(one)], lacking)
                for kind, one in zip(kinds, self.values, strict=True)]  # fmt: skip


def _known(subjects: pa.Array) -> tuple[Ints, npt.NDArray[np.uint8], npt.NDArray[np.uint64]]:
    offsets, data, _ = texts(subjects)
    return offsets, data, lookup_of(offsets, data)


def _last(group: ReadyGroup) -> ReadyGroup:
    """The last subject's rows, as a group of their own that keeps no other memory."""
    first = int(group.bounds[-2])
    at, arrived, *columns = (_own(one[first:]) for one in (group.at, group.arrived, *group.columns))
    bounds = np.array([0, group.bounds[-1] - first], np.int64)
    return ReadyGroup(pa.array([group.subjects[-1].as_py()]), bounds, at, arrived, tuple(columns), False)


def _own(values: Ints) -> Ints:
    out = values.copy()
    out.flags.writeable = False
    return out


def _begin(counts: Ints) -> Ints:
    """(slices, groups): where those of each begin if all of group 0 come first, slice by slice."""
    flat = counts.T.ravel()
    return np.ascontiguousarray((np.cumsum(flat) - flat).reshape(counts.shape[::-1]).T)


@njit(cache=True, nogil=True)
def share_out(offsets, data, nulls, first_offsets, firsts, begin, end, of):  # type: ignore[no-untyped-def]
    """Fill ``of[begin:end]``, the group of each label: the last of which the first subject is not after it; -1 for labels
    before all of them, and without a text.  Returns (labels of each group, bytes of their texts)."""
    count = len(first_offsets) - 1
    keys = np.empty(count, np.uint64)
    for g in range(count):
        keys[g] = _key(firsts, first_offsets[g], first_offsets[g + 1])
    counts, sizes = np.zeros(count, np.int64), np.zeros(count, np.int64)
    for i in range(begin, end):
        first, last = offsets[i], offsets[i + 1]
        key, g = _key(data, first, last), -1
        for k in range(count):
            g += int(keys[k] <= key)
        while g >= 0 and keys[g] == key and _before(data, first, last, firsts, first_offsets[g], first_offsets[g + 1]):
            g -= 1
        if len(nulls) and nulls[i]:
            g = -1
        of[i] = g
        if g >= 0:
            counts[g] += 1
            sizes[g] += last - first
    return counts, sizes


@njit(cache=True, nogil=True)
def deal(  # type: ignore[no-untyped-def]
    group, begin, end, starts, bytes_at, offsets, data, as_of, known_at, which, out_offsets, out_data, now, known
):  # fmt: skip
    """Labels ``begin:end`` to the others of their group, from ``starts[g]`` on: which, what they ask, and their texts."""
    at, byte = starts.copy(), bytes_at.copy()
    for i in range(begin, end):
        g = group[i]
        if g < 0:
            continue
        which[at[g]], now[at[g]] = i, as_of[i]
        known[at[g]] = known_at[i]
        to = byte[g]
        for b in range(offsets[i], offsets[i + 1]):
            out_data[to] = data[b]
            to += 1
        byte[g] = to
        at[g] += 1
        out_offsets[at[g]] = to


@njit(cache=True, nogil=True)
def _key(data, start, end):  # type: ignore[no-untyped-def]
    """The first eight bytes, the first of them highest."""
    key = np.uint64(0)
    for b in range(start, start + 8):
        key = (key << _BYTE) | (np.uint64(data[b]) if b < end else np.uint64(0))
    return key


@njit(cache=True, nogil=True)
def _before(data, start, end, other, first, last):  # type: ignore[no-untyped-def]
    while start < end and first < last:
        if data[start] != other[first]:
            return data[start] < other[first]
        start += 1
        first += 1
    return first < last


@njit(cache=True, nogil=True)
def row_known(start, end, as_of, known_at, at, arrived):  # type: ignore[no-untyped-def]
    """Of rows ``start:end``, in order of (at, arrived), the last that happened before `as_of` and was known, or -1."""
    low, left = start, end - start
    while left > 0:  # without a jump that could be guessed wrong
        half = (left + 1) >> 1
        low += half * int(at[low + half - 1] < as_of)
        left -= half
    low -= 1
    while low >= start and arrived[low] >= known_at:
        low -= 1
    return low if low >= start else -1


@njit(cache=True, nogil=True)
def last_of(places, as_of, known_at, bounds, at, arrived):  # type: ignore[no-untyped-def]
    """For each label of a subject at this place the row of the group that counts, or -1."""
    rows = np.empty(len(places), np.int64)
    for k in range(len(places)):
        p = places[k]
        rows[k] = -1 if p < 0 else row_known(bounds[p], bounds[p + 1], as_of[k], known_at[k], at, arrived)
    return rows


@njit(cache=True, nogil=True)
def put(rows, which, values, out, has):  # type: ignore[no-untyped-def]
    """The value of row ``rows[k]`` to the place ``which[k]``, where there is a row."""
    for k in range(len(rows)):
        if rows[k] >= 0:
            out[which[k]] = values[rows[k]]
            has[which[k]] = True
