"""The passes of a program: steps of a view that are carried together, and those that go alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from dandelion.core.frame import Ints
from dandelion.indicators import kernel as k
from dandelion.indicators import merge_lanes as m
from dandelion.indicators import steps as s
from dandelion.indicators.layout import Layout
from dandelion.indicators.merge_steps import CARRIED, DAYS
from dandelion.indicators.needs import Where
from dandelion.indicators.party_steps import WORD_BITS
from dandelion.indicators.plan import Key, Step, View

FIELD_OF = {s.N: m.COUNT, s.SUM: m.TOTAL, s.SQUARES: m.HIGH, s.MIN: m.LEAST, s.FIRST: m.FIRST, s.MAX: m.MOST, s.LAST: m.LAST,
            s.DAYS: DAYS}  # fmt: skip
MEASURED = (s.SUM, s.SQUARES, s.MIN, s.MAX)
MANY_WINDOWS = (
    12  # with more of them counts and sums are carried by themselves, so that other numbers are told less often
)
Row: TypeAlias = list[int]
Index: TypeAlias = npt.NDArray[np.uint32]  # without a sign: nothing asks whether a place is counted from the end


@dataclass
class Lists:
    """Lists of the cells that each pattern of codes is in, and bits of them: one after the other in three arrays."""

    ptr: list[Ints] = field(default_factory=list)
    idx: list[Index] = field(default_factory=list)
    masks: list[npt.NDArray[np.uint64]] = field(default_factory=list)
    _sizes: dict[str, int] = field(default_factory=lambda: {"ptr": 0, "idx": 0, "masks": 0})
    _known: dict[tuple[Key, tuple[int, ...], tuple[Where, ...]], tuple[int, Ints, Index]] = field(default_factory=dict)

    def cells(self, cells: tuple[Where, ...], view: View, layout: Layout, patterns: int) -> tuple[int, Ints, Index]:
        """(place of the ends among `ptr`, ends, cells)."""
        key = (view.key, view.splits, cells)
        if key not in self._known:
            ends, idx = lists_of(cells, view.splits, layout, patterns)
            self._known[key] = self.ends(ends + self._sizes["idx"]), ends, idx
            self.index(idx)
        return self._known[key]

    def ends(self, ends: Ints) -> int:
        self.ptr.append(ends)
        self._sizes["ptr"] += len(ends)
        return self._sizes["ptr"] - len(ends)

    def index(self, idx: Index) -> int:
        self.idx.append(idx)
        self._sizes["idx"] += len(idx)
        return self._sizes["idx"] - len(idx)

    def bits(self, masks: npt.NDArray[np.uint64]) -> int:
        self.masks.append(masks)
        self._sizes["masks"] += len(masks)
        return self._sizes["masks"] - len(masks)

    def arrays(self) -> tuple[Ints, Index, npt.NDArray[np.uint64]]:
        return (
            np.concatenate([*self.ptr, np.empty(0, np.int64)]), np.concatenate([*self.idx, np.empty(0, np.uint32)]),
            np.concatenate([*self.masks, np.empty(0, np.uint64)]),
        )  # fmt: skip


def lists_of(cells: tuple[Where, ...], splits: tuple[int, ...], layout: Layout, patterns: int) -> tuple[Ints, Index]:
    """(ends, cells): pattern p is in ``cells[ends[p]:ends[p + 1]]``."""
    found, which = [], []
    for place, where in enumerate(cells):
        codes = np.zeros(1, np.int64)
        stride = 1
        for split in splits:
            sets = layout.splits[split].sets
            levels = [level for at, level in where if at == split]
            fit = [code for code, held in enumerate(sets) if all(level in held for level in levels)]
            codes = np.add.outer(np.array(fit, np.int64) * stride, codes).ravel()
            stride *= len(sets)
        found.append(codes)
        which.append(np.full(len(codes), place, np.uint32))
    pattern, cell = np.concatenate(found), np.concatenate(which)
    order = np.lexsort((cell, pattern))
    ends = np.concatenate([[0], np.cumsum(np.bincount(pattern, minlength=patterns))])
    return ends.astype(np.int64), cell[order]


def bits_of(ends: Ints, idx: Index) -> npt.NDArray[np.uint64]:
    """A word for each pattern, with a bit for each of its cells."""
    bits = np.zeros(len(ends) - 1, np.uint64)
    np.bitwise_or.at(bits, np.repeat(np.arange(len(bits)), np.diff(ends)), np.uint64(1) << idx.astype(np.uint64))
    return bits


@dataclass(frozen=True, slots=True)
class Placed:
    """A step of the plan, and its row in the kernel's table of steps at `place`."""

    place: int
    step: Step
    row: Row

    @property
    def component(self) -> int:
        return self.row[k.STEP_COMPONENT]


class Passes:
    """Rows of the kernel's tables of passes."""

    def __init__(self, lists: Lists, flush: Sequence[int]) -> None:
        self.lists, self.flush = lists, flush
        self.passes: list[Row] = []
        self.merges: list[Row] = []
        self.whos: list[Row] = []
        self.told: list[Row] = []
        self.run_room = self.words = self.patterns = 1

    def add(self, placed: Sequence[Placed], view: View, layout: Layout, patterns: int) -> None:
        """The passes of one view, in the order they are run."""
        merged = [one for one in placed if one.component in FIELD_OF]
        many = [one for one in merged if one.component in (s.N, s.SUM) and one.row[k.STEP_WINDOWS] > MANY_WINDOWS]
        for group in (many, [one for one in merged if one not in many]):
            for line, mine in _by_line(group):
                self._merge(line, mine, view, layout, patterns)
        for party in sorted({one.row[k.STEP_PARTY] for one in placed if one.component == s.WHO}):
            mine = [one for one in placed if one.component == s.WHO and one.row[k.STEP_PARTY] == party]
            self._parties(mine, view, layout, patterns)
        self._sums([one for one in placed if one.component in (s.TOP, s.ENTROPY)])
        alone = (s.GAP, s.LAST_VALUE, s.RANKS)
        self.passes += [[k.ALONE, one.place, -1, -1] for one in placed if one.component in alone]

    def _merge(self, line: int, mine: Sequence[Placed], view: View, layout: Layout, patterns: int) -> None:
        cells = tuple(dict.fromkeys(cell for one in mine for cell in one.step.cells))
        at = {cell: place for place, cell in enumerate(cells)}
        told: list[Row] = []
        for one in mine:
            places = np.array([at[cell] for cell in one.step.cells], np.int64)
            arrays = [FIELD_OF[one.component], *([m.LOW] if one.component == s.SQUARES else [])]
            for array, what in enumerate(arrays):
                told += self._told(one, what, one.row[k.STEP_OUT] + array * one.step.size, places)
        kinds = {one.component for one in mine}
        ends, _, _ = self.lists.cells(cells, view, layout, patterns)
        first = self._keep(told)
        self.passes.append([k.MERGED, len(self.merges), -1, -1])
        whole = not kinds <= {s.N, s.SUM}
        self.merges.append([int(whole), int(s.DAYS in kinds), line, ends, patterns, len(cells), first, len(self.told)])
        self.run_room = max(self.run_room, (CARRIED if whole else 2) * len(cells))
        self.patterns = max(self.patterns, patterns)

    def _parties(self, mine: Sequence[Placed], view: View, layout: Layout, patterns: int) -> None:
        """A word of bits for each step."""
        masks = np.stack(
            [bits_of(*self.lists.cells(one.step.cells, view, layout, patterns)[1:]) for one in mine], axis=1
        )
        pattern, word = np.nonzero(masks)
        ends = np.concatenate([[0], np.cumsum(np.bincount(pattern, minlength=patterns))]).astype(np.int64)
        words, bits = self.lists.index(word.astype(np.uint32)), self.lists.bits(masks[pattern, word])
        first = self._keep(
            [
                row
                for word, one in enumerate(mine)
                for row in self._told(one, word, one.row[k.STEP_OUT], np.arange(one.row[k.STEP_CELLS]))
            ]
        )
        rings = max(one.row[k.STEP_RINGS] for one in mine)
        self.passes.append([k.PARTIES, len(self.whos), -1, -1])
        self.whos.append([mine[0].row[k.STEP_PARTY], self.lists.ends(ends), patterns, words, bits, len(mine), rings, first,
                          len(self.told)])  # fmt: skip
        self.run_room = max(self.run_room, WORD_BITS * len(mine))
        self.words = max(self.words, len(mine))

    def _sums(self, mine: Sequence[Placed]) -> None:
        """The largest sum of a party and the spread of the sums, together where they are of the same cells and windows."""
        pairs: dict[tuple[int, ...], dict[int, Placed]] = {}
        for one in mine:
            row = one.row
            ends = self.flush[row[k.STEP_FLUSH] : row[k.STEP_FLUSH] + row[k.STEP_RINGS]]
            same = (row[k.STEP_LINE], row[k.STEP_PARTY], row[k.STEP_PTR], row[k.STEP_CELLS], *ends)
            pairs.setdefault(same, {})[one.component] = one
            self.run_room = max(self.run_room, 1 + row[k.STEP_CELLS] * (5 + 4 * row[k.STEP_WINDOWS]))
        for pair in pairs.values():
            outs = [pair[component].row[k.STEP_OUT] if component in pair else -1 for component in (s.TOP, s.ENTROPY)]
            self.passes.append([k.PARTY_SUMS, next(iter(pair.values())).place, *outs])

    def _told(self, one: Placed, what: int, out: int, places: Ints) -> Iterator[Row]:
        """`places` are those of the step's cells among all of the pass; those that follow each other are told together."""
        first, cells = one.row[k.STEP_FLUSH], one.row[k.STEP_CELLS]
        begins = [0, *(np.flatnonzero(np.diff(places) != 1) + 1).tolist(), cells]
        for ring in range(one.row[k.STEP_RINGS]):
            window = self.flush[first + ring]
            if window >= 0:
                for begin, end in pairwise(begins):
                    yield [ring, what, out + window * cells + begin, int(places[begin]), end - begin]

    def _keep(self, told: list[Row]) -> int:
        self.told += sorted(
            told,
            key=lambda row: (row[s.TOLD_RING], row[s.TOLD_MAP], row[s.TOLD_CELLS], row[s.TOLD_WHAT], row[s.TOLD_OUT]),
        )
        return len(self.told) - len(told)


def _by_line(group: Sequence[Placed]) -> Iterator[tuple[int, list[Placed]]]:
    """Steps by the measure they read; those that read none go with the first."""
    lines = list(dict.fromkeys(one.row[k.STEP_LINE] for one in group if one.component in MEASURED))
    for number, line in enumerate(lines or [one.row[k.STEP_LINE] for one in group[:1]]):
        yield line, [
            one for one in group
            if (one.row[k.STEP_LINE] == line if one.component in MEASURED else number == 0)
        ]  # fmt: skip
