"""Labels beside a sorted file of ready values, a row group at a time while its rows are at hand.

Labels are dealt out to the row groups by their subject, so that a group's join reads and writes side by side what it
needs: its few thousand subjects are found, its rows searched, and the values put down in the order of the dealt labels.
When all have theirs, they are put in the order of the labels.  Nothing here goes through memory at random but within one
row group.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from dandelion.core.frame import Ints
from dandelion.indicators.dealt import Dealt
from dandelion.indicators.ready_file import ReadyGroup, SortedFile

AHEAD = 2  # row groups decoded while labels are dealt


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
        dealt = Dealt.of(who, as_of, known_at, self.file, self.pool)
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
        return dealt.columns(self.file.kinds, self.pool)

    def _join(self, dealt: Dealt, number: int) -> _Joined | None:
        if number >= len(self.early):
            group = self.file.read(number)
        else:  # asked of the same threads before, so that it is there or being made
            group, self.early[number] = self.early[number].result(), Future()
        return None if group is None else _Joined.of(group, dealt.join(number, group))


@dataclass(frozen=True)
class _Joined:
    """What matters of a joined row group to those beside it."""

    first: str
    head: tuple[int, int]  # (at, arrived) of its first row
    last: ReadyGroup  # the rows of its last subject
    whole: bool  # that is its only subject
    tied: bool
    left: Ints  # labels of its first subject that found nothing in it

    @classmethod
    def of(cls, group: ReadyGroup, left: Ints) -> _Joined:
        head = int(group.at[0]), int(group.arrived[0])
        return cls(str(group.subjects[0].as_py()), head, _last(group), len(group.subjects) == 1, group.tied, left)

    def follows(self, before: _Joined, ids: bool) -> bool:
        """Whether the rows of both are in order, and where there are event ids none is equal to the next."""
        name = before.name
        tail = (int(before.last.at[-1]), int(before.last.arrived[-1]))
        return name < self.first or (name == self.first and (tail < self.head or (tail == self.head and not ids)))

    @property
    def name(self) -> str:
        return str(self.last.subjects[0].as_py())


def _look_back(dealt: Dealt, joined: Sequence[_Joined]) -> None:
    """A subject's rows may begin in the row group before, or before that: for labels that found none in its last one."""
    left = np.empty(0, np.int64)
    for group, before in zip(reversed(joined), reversed(joined[:-1]), strict=False):
        left = np.append(left if group.whole else left[:0], group.left)
        if before.name != group.first:
            left = left[:0]
        left = dealt.search(left, before.last)


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
