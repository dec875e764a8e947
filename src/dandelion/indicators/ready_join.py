"""Labels beside a sorted file of ready values, a row group at a time while its rows are at hand.

Labels are dealt out to the row groups by their subject, so that a group's join reads and writes side by side what it
needs: its few thousand subjects are found, its rows searched, the values put down; at the end they are collected in the
order of the labels.  Nothing here goes through memory at random but within one row group.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from dandelion.core.frame import Ints
from dandelion.indicators.columns import texts
from dandelion.indicators.ready_file import ReadyGroup, SortedFile
from dandelion.indicators.textcodes import lookup_of, places_in

_BYTE = np.uint64(8)
_NO_NULLS = np.empty(0, np.bool_)


@dataclass
class GroupJoin:
    """Row groups are decoded by the threads of a pool from the beginning on, and joined by them once labels are dealt."""

    file: SortedFile
    ids: bool  # there are event ids, so that rows that are equal in (at, arrived) must be told apart
    dealt: _Dealt | None = None
    groups: list[Future[ReadyGroup | _Joined | None]] = field(default_factory=list)

    @classmethod
    def of(cls, file: SortedFile, pool: ThreadPoolExecutor, ids: bool) -> GroupJoin:
        out = cls(file, ids)
        out.groups += [pool.submit(out._group, number) for number in range(len(file.firsts))]
        return out

    def values(self, who: pa.Array, as_of: Ints, known_at: Ints) -> list[pa.Array] | None:
        """Those of each column for each label.  None where the file turns out not to be in order, or, if there are event
        ids, two rows of a subject are equal in (at, arrived)."""
        dealt = _Dealt.of(who, as_of, known_at, self.file)
        self.dealt = dealt
        joined: list[_Joined] = []
        for number, future in enumerate(self.groups):
            found = future.result()
            if isinstance(found, ReadyGroup):
                self.groups[number] = Future()  # its memory is for the next one
                found = dealt.join(number, found)
            if found is None or (found.tied and self.ids) or (joined and not found.follows(joined[-1], self.ids)):
                return None
            joined.append(found)
        _look_back(dealt, joined)
        return dealt.columns(self.file.kinds)

    def _group(self, number: int) -> ReadyGroup | _Joined | None:
        group = self.file.read(number)
        return group if group is None or self.dealt is None else self.dealt.join(number, group)


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
    """Labels of row group g are ``ends[g]:ends[g + 1]``, in the order in which they were given; label i is of `group` i."""

    group: npt.NDArray[np.int32]
    ends: Ints
    offsets: Ints
    data: npt.NDArray[np.uint8]
    as_of: Ints
    known_at: Ints
    has: npt.NDArray[np.bool_]
    out: list[Ints]

    @classmethod
    def of(cls, who: pa.Array, as_of: Ints, known_at: Ints, file: SortedFile) -> _Dealt:
        held = texts(who)
        group = np.empty(len(as_of), np.int32)  # memory is taken here: numpy asks for large pages, kernels do not
        ends, sizes = share_out(*held, *texts(pa.array(file.firsts, pa.string()))[:2], group)
        offsets, data = np.empty(ends[-1] + 1, np.int64), np.empty(sizes.sum(), np.uint8)
        deal_texts(group, ends, sizes, *held[:2], offsets, data)
        now = known = np.empty(ends[-1], np.int64)
        deal(group, ends, as_of, now)
        if known_at is not as_of:
            known = np.empty(ends[-1], np.int64)
            deal(group, ends, known_at, known)
        out = [np.zeros(len(now), np.int64) for _ in file.names]
        return cls(group, ends, offsets, data, now, known, np.zeros(len(now), np.bool_), out)

    def join(self, number: int, group: ReadyGroup) -> _Joined:
        mine = slice(self.ends[number], self.ends[number + 1])
        names = self.offsets[mine.start : mine.stop + 1]
        places = places_in(names, self.data, _NO_NULLS, *_known(group.subjects))
        rows = last_of(places, self.as_of[mine], self.known_at[mine], group.bounds, group.at, group.arrived)
        self.has[mine] = rows >= 0
        for values, out in zip(group.columns, self.out, strict=True):
            put(rows, values, out[mine])
        left = np.flatnonzero((rows < 0) & (places == 0)) + mine.start
        head = int(group.at[0]), int(group.arrived[0])
        only = len(group.subjects) == 1
        return _Joined(group.subjects[0].as_py(), head, _last(group), only, group.tied, left)

    def search(self, which: Ints, group: ReadyGroup) -> Ints:
        """As `join`, for some labels of the one subject of a group.  Returns its row for each of them, or -1."""
        if not len(which):
            return which
        places = np.zeros(len(which), np.int64)
        rows = last_of(places, self.as_of[which], self.known_at[which], group.bounds, group.at, group.arrived)
        found = rows >= 0
        self.has[which[found]] = True
        for values, out in zip(group.columns, self.out, strict=True):
            out[which[found]] = values[rows[found]]
        return rows

    def columns(self, kinds: Sequence[Any]) -> list[pa.Array]:
        has = np.empty(len(self.group), np.bool_)
        collect(self.group, self.ends, self.has, has)
        lacking = len(has) - int(np.count_nonzero(has))
        bits = pa.py_buffer(np.packbits(has, bitorder="little")) if lacking else None
        made = [np.empty(len(has), np.int64) for _ in kinds]
        for dealt, one in zip(self.out, made, strict=True):
            collect(self.group, self.ends, dealt, one)
        return [pa.Array.from_buffers(kind, len(has), [bits, pa.py_buffer(one)], lacking)
                for kind, one in zip(kinds, made, strict=True)]  # fmt: skip


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


@njit(cache=True, nogil=True)
def share_out(offsets, data, nulls, first_offsets, firsts, of):  # type: ignore[no-untyped-def]
    """Fill `of`, the group of each label: the last of which the first subject is not after it; -1 for labels before all of
    them, and without a text.  Returns (ends of each group's labels, bytes of its texts)."""
    size, count = len(offsets) - 1, len(first_offsets) - 1
    keys = np.empty(count, np.uint64)
    for g in range(count):
        keys[g] = _key(firsts, first_offsets[g], first_offsets[g + 1])
    ends, sizes = np.zeros(count + 1, np.int64), np.zeros(count, np.int64)
    for i in range(size):
        start, end = offsets[i], offsets[i + 1]
        key, g = _key(data, start, end), -1
        for k in range(count):
            g += int(keys[k] <= key)
        while g >= 0 and keys[g] == key and _before(data, start, end, firsts, first_offsets[g], first_offsets[g + 1]):
            g -= 1
        if len(nulls) and nulls[i]:
            g = -1
        of[i] = g
        if g >= 0:
            ends[g + 1] += 1
            sizes[g] += end - start
    return np.cumsum(ends), sizes


@njit(cache=True, nogil=True)
def deal(group, ends, values, out):  # type: ignore[no-untyped-def]
    """Values of labels to `out`, those of a group together."""
    at = ends.copy()
    for i in range(len(group)):
        if group[i] >= 0:
            out[at[group[i]]] = values[i]
            at[group[i]] += 1


@njit(cache=True, nogil=True)
def deal_texts(group, ends, sizes, offsets, data, out_offsets, out):  # type: ignore[no-untyped-def]
    """Texts of labels to `out`, those of a group together, and where they begin and end to `out_offsets`."""
    at, byte = ends.copy(), np.cumsum(sizes) - sizes
    out_offsets[0] = 0
    for i in range(len(group)):
        g = group[i]
        if g < 0:
            continue
        to = byte[g]
        for b in range(offsets[i], offsets[i + 1]):
            out[to] = data[b]
            to += 1
        byte[g] = to
        at[g] += 1
        out_offsets[at[g]] = to


@njit(cache=True, nogil=True)
def collect(group, ends, dealt, out):  # type: ignore[no-untyped-def]
    """What `deal` did, undone, to `out`; zero where there is no group."""
    at = ends.copy()
    for i in range(len(group)):
        if group[i] < 0:
            out[i] = 0
            continue
        out[i] = dealt[at[group[i]]]
        at[group[i]] += 1


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
def put(rows, values, out):  # type: ignore[no-untyped-def]
    for k in range(len(rows)):
        if rows[k] >= 0:
            out[k] = values[rows[k]]
