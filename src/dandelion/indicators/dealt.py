"""Labels dealt out to the row groups of a sorted file, and what they found put in the order in which they were given.

Both ways go along each group from its beginning on, so that neither goes through memory at random.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion.core.frame import Ints
from dandelion.indicators.columns import texts
from dandelion.indicators.dealt_kernel import collect, deal, rows_of, share_out, take
from dandelion.indicators.memory import once
from dandelion.indicators.ready_file import ReadyGroup, SortedFile
from dandelion.indicators.textcodes import lookup_of

SLICES = 8  # of the labels: small enough for all threads to end together


@dataclass(frozen=True)
class Dealt:
    """Dealt labels ``ends[g]:ends[g + 1]`` are of row group g, in the order in which they were given.

    Label i is of ``group[i]`` (-1: of none); the first of slice s that is of group g is dealt label ``starts[s, g]``.
    `found` (columns, dealt labels) are values, where a label `has` some."""

    ends: Ints
    group: npt.NDArray[np.int32]
    slices: Sequence[tuple[int, int]]
    starts: Ints
    offsets: npt.NDArray[np.int32]
    data: npt.NDArray[np.uint8]
    as_of: Ints
    known_at: Ints
    has: npt.NDArray[np.bool_]
    found: Ints

    @classmethod
    def of(cls, who: pa.Array, as_of: Ints, known_at: Ints, file: SortedFile, pool: Executor) -> Dealt:
        """In slices of the labels, by the threads of the pool."""
        held, firsts = texts(who, wide=False), texts(pa.array(file.firsts, pa.string()))[:2]
        size = len(as_of)
        group = once((size,), np.int32)
        slices = [(i * size // SLICES, (i + 1) * size // SLICES) for i in range(SLICES)]
        told = list(pool.map(lambda part: share_out(*held, *firsts, *part, group), slices))
        counts, sizes = np.array([one for one, _ in told]), np.array([one for _, one in told])
        starts, bytes_at = _begin(counts), _begin(sizes)
        ends = np.append(starts[0], counts.sum())
        dealt = int(ends[-1])
        data = once((int(sizes.sum()),), np.uint8)
        offsets = once((dealt + 1,), np.int32 if len(data) < 1 << 31 else np.int64)
        offsets[0] = 0
        now = once((size,), np.int64)
        known = now if known_at is as_of else once((size,), np.int64)

        def run(s: int) -> None:
            asked = held[0], held[1], as_of, known_at
            deal(group, *slices[s], starts[s], bytes_at[s], *asked, offsets, data, now, known)

        list(pool.map(run, range(SLICES)))
        has, found = once((dealt,), np.bool_), once((len(file.names), dealt), np.int64)
        return cls(ends, group, slices, starts, offsets, data, now, known, has, found)

    def join(self, number: int, group: ReadyGroup) -> Ints:
        """The labels of a row group get their values.  Returns those of its first subject that found nothing."""
        mine = slice(self.ends[number], self.ends[number + 1])
        names_at, names, _ = texts(group.subjects)
        rows, left, _ = rows_of(
            self.offsets[mine.start : mine.stop + 1], self.data, self.as_of[mine], self.known_at[mine], names_at, names,
            lookup_of(names_at, names), group.bounds, group.at, group.arrived,
        )  # fmt: skip
        self.has[mine] = rows >= 0
        for values, found in zip(group.columns, self.found, strict=True):
            take(rows, values, found[mine])
        return np.asarray(left + mine.start)

    def search(self, some: Ints, group: ReadyGroup) -> Ints:
        """Some dealt labels of the one subject of a group get their values.  Returns those that found nothing."""
        rows = np.searchsorted(group.at, self.as_of[some]) - 1
        late = np.arange(len(some))
        while len(late := late[(rows[late] >= 0) & (group.arrived[rows[late]] >= self.known_at[some[late]])]):
            rows[late] -= 1
        got = some[rows >= 0]
        self.has[got] = True
        for values, found in zip(group.columns, self.found, strict=True):
            found[got] = values[rows[rows >= 0]]
        return np.asarray(some[rows < 0])

    def columns(self, kinds: Sequence[Any], pool: Executor) -> list[pa.Array]:
        """The values of all labels, in the order in which they were given.  Where moments stood values do: this is the end."""
        size = len(self.group)
        done = [self.as_of] if self.known_at is self.as_of else [self.as_of, self.known_at]
        done += [once((size,), np.int64) for _ in range(len(done), len(kinds))]
        outs = [once((size,), np.bool_), *done[: len(kinds)]]

        def run(s: int) -> None:
            for found, out in zip((self.has, *self.found), outs, strict=True):
                collect(self.group, *self.slices[s], self.starts[s], found, out)

        list(pool.map(run, range(len(self.slices))))
        has, *values = outs
        lacking = size - int(np.count_nonzero(has))
        bits = pa.py_buffer(np.packbits(has, bitorder="little")) if lacking else None
        return [pa.Array.from_buffers(kind, size, [bits, pa.py_buffer(one)], lacking)
                for kind, one in zip(kinds, values, strict=True)]  # fmt: skip


def _begin(counts: Ints) -> Ints:
    """(slices, groups): where those of each begin if all of group 0 come first, slice by slice."""
    flat = counts.T.ravel()
    return np.ascontiguousarray((np.cumsum(flat) - flat).reshape(counts.shape[::-1]).T)
