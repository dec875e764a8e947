"""`Cells`: a set of columns that are plain cells of one stream, as the arrays that `cells_kernel` reads.

Which columns it takes: counts, sums, means, extremes, deviations and distinct parties of one (kind, role), of one measure
at most, in any windows and cells but those by standing.  Everything else goes through `program`; the bytes are the same.
Ids are taken apart all together, so that fifty thousand of them cost some ten milliseconds.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput
from dandelion.core.frame import Floats, Ints
from dandelion.indicators import cells_kernel as k
from dandelion.indicators.block import Block
from dandelion.indicators.declare import Stream, window_us
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.layout import FIXED, Layout, layouts
from dandelion.indicators.paths import filters
from dandelion.indicators.plan import Key

FIGURE_OF = {
    "count": k.COUNT, "sum": k.SUM, "mean": k.MEAN, "min": k.MIN, "max": k.MAX, "deviation": k.DEVIATION,
    "distinct": k.DISTINCT,
}  # fmt: skip
OF_NOTHING = {k.COUNT: 0.0, k.SUM: 0.0, k.DISTINCT: 0.0}  # the others are missing
BITS_MAX = 16  # of the word of codes, which is looked up as it is
CELLS_MAX = 1024  # 128 bytes for every party of a subject
PAIRS_MAX = 1 << 20  # (word, cell) pairs
Cell = tuple[tuple[str, str], ...]
Index = npt.NDArray[np.int32]
_NO_INDEX = np.empty(0, np.int32)


@dataclass(frozen=True)
class Cells:
    """`names` in the order they were asked for, which is the order of the values.  Arrays as `run_cells` takes them."""

    names: tuple[str, ...]
    layouts: dict[Key, Layout]
    lines: Ints
    windows: Ints
    ptr: npt.NDArray[np.int32]
    idx: npt.NDArray[np.int32]
    filters: tuple[Cell, ...]
    slots: Ints
    places: npt.NDArray[np.int32]
    beside: npt.NDArray[np.int32]
    nothing: Floats

    @property
    def cells(self) -> int:
        return len(self.filters)

    @property
    def key(self) -> Key:
        return next(iter(self.layouts))

    @property
    def tables(self) -> tuple[Key, ...]:
        return (self.key,)

    @property
    def money(self) -> tuple[str, ...]:
        return ()

    def longest(self, _key: Key) -> int:
        """Of the windows over a table, in microseconds."""
        return int(self.windows[-1])

    def run(
        self, block: Block, low: Ints, high: Ints, as_of: Ints, known_at: Ints, first: int, end: int, out: Floats, *,
        columnar: bool = False, first_out: int = 0,
    ) -> None:  # fmt: skip
        """Rows ``first:end``, which look at events ``low:high`` each, to rows of `out` from ``first_out + first`` on."""
        k.run_cells(first, end, block.address, *block.data.shape, low, high, as_of, known_at, self.lines, self.windows,
                    self.ptr, self.idx, self.cells, self.slots, self.places, self.beside, self.nothing, _most(block),
                    columnar, first_out, out, _NO_INDEX, _NO_INDEX)  # fmt: skip

    @property
    def whole(self) -> bool:
        """Whether every cell is asked for over the same windows with the same figures."""
        return bool((self.places >= 0).all())

    def run_long(self, block: Block, low: Ints, high: Ints, as_of: Ints, known_at: Ints) -> tuple[Index, Index, Floats]:
        """(row, cell, values) of every cell with an event in the longest window, if `whole`: windows, in each its figures."""
        _, windows, kinds = self.places.shape
        each = int(np.diff(self.ptr).max(initial=0))  # cells of one event
        room = max(1, int(np.minimum((high - low) * each, self.cells).sum()))
        rows, cells = np.empty(room, np.int32), np.empty(room, np.int32)
        values = np.empty((room, windows * kinds), np.float32)  # what is not used of it is never touched
        beside = np.tile(np.arange(0, windows * kinds, kinds, dtype=np.int32), (self.cells, 1))
        told = k.run_cells(0, len(as_of), block.address, *block.data.shape, low, high, as_of, known_at, self.lines,
                           self.windows, self.ptr, self.idx, self.cells, self.slots, self.places, beside,
                           self.nothing[self.places[0].ravel()], _most(block), False, 0, values, rows, cells)  # fmt: skip
        return rows[:told], cells[:told], values[:told]


def _most(block: Block) -> int:
    """The most parties of any subject."""
    return int(np.diff(block.party_bounds[0]).max(initial=0)) if block.party_bounds else 0


def cells_of(definitions: Definitions, names: tuple[str, ...]) -> Cells | None:
    """None where the columns are not all plain cells of one stream, or are none."""
    if not (definitions.derived.isdisjoint(names) and definitions.money.isdisjoint(names)):
        return None
    try:
        heads, windows, figures = zip(*[name.rsplit("/", 2) for name in names], strict=True)
    except ValueError:  # none at all, or ids with fewer parts
        return None
    try:
        asked = _Asked.of(definitions, tuple(dict.fromkeys(heads)), tuple(dict.fromkeys(windows)),
                          tuple(dict.fromkeys(figures)))  # fmt: skip
    except BadInput:  # said better where each column is looked at by itself
        return None
    return None if asked is None else asked.cells(definitions, names, heads, windows, figures)


@dataclass(frozen=True)
class _Asked:
    """The parts that ids are made of, each once: cells by head, lengths by window, (aggregate, measure) by figure."""

    stream: Stream
    cell_of: dict[str, Cell]
    length_of: dict[str, int]
    aggregate_of: dict[str, tuple[str, str | None]]

    @classmethod
    def of(
        cls, definitions: Definitions, heads: Sequence[str], windows: Sequence[str], figures: Sequence[str]
    ) -> _Asked | None:
        split = {head: head.split("/") for head in heads}
        stream = definitions.streams.get(heads[0].split("/")[0])
        if stream is None or stream.latest_by or any(one[0] != stream.name for one in split.values()):
            return None
        if not all(figure in stream.endings for figure in figures):
            return None
        aggregates = {figure: stream.endings[figure] for figure in figures}
        measures = {measure for _, measure in aggregates.values() if measure is not None}
        cells = {head: filters(stream, tuple(one[1:])) for head, one in split.items()}
        by = {name for cell in cells.values() for name, _ in cell}
        plain = all(aggregate in FIGURE_OF for aggregate, _ in aggregates.values())
        if not plain or len(measures) > 1 or any(stream.dimension(name).source == "standing" for name in by):
            return None
        return cls(stream, cells, {window: window_us(window) for window in windows}, aggregates)

    def cells(
        self, definitions: Definitions, names: tuple[str, ...], heads: Sequence[str], windows: Sequence[str],
        figures: Sequence[str],
    ) -> Cells | None:  # fmt: skip
        key = (self.stream.kind, self.stream.role)
        layout = layouts(definitions, self._samples(heads, windows, figures))[key]
        lists = self._lists(layout)
        if lists is None:
            return None
        lengths = sorted(set(self.length_of.values()))
        kinds = sorted({FIGURE_OF[aggregate] for aggregate, _ in self.aggregate_of.values()})
        kind_of = {figure: kinds.index(FIGURE_OF[aggregate]) for figure, (aggregate, _) in self.aggregate_of.items()}
        window_of = {window: lengths.index(length) for window, length in self.length_of.items()}
        cell_of = {head: place for place, head in enumerate(self.cell_of)}
        places = np.full((len(self.cell_of), len(lengths), len(kinds)), -1, np.int32)
        at = [np.fromiter(map(of.__getitem__, parts), np.int64, len(names))
              for of, parts in ((cell_of, heads), (window_of, windows), (kind_of, figures))]  # fmt: skip
        places[at[0], at[1], at[2]] = np.arange(len(names), dtype=np.int32)
        if np.count_nonzero(places >= 0) < len(names):
            return None  # a column, or a window, under two names
        nothing = np.array([OF_NOTHING.get(kind, np.nan) for kind in kinds], np.float32)[at[2]]
        measure = next((m for _, m in self.aggregate_of.values() if m is not None), None)
        counts = any(aggregate == "distinct" for aggregate, _ in self.aggregate_of.values())
        lines = np.array([
            FIXED if layout.words else -1,
            -1 if measure is None else layout.measure_line(self.stream.measure(measure).field),
            layout.party_line(str(self.stream.counterparty)) if counts else -1,
        ], np.int64)  # fmt: skip
        slots = np.full(k.FIGURES, len(kinds), np.int64)
        slots[kinds] = np.arange(len(kinds))
        apart = np.any(places != places[:, :, :1] + np.arange(len(kinds)), axis=2)
        beside = np.where(apart, -1, places[:, :, 0]).astype(np.int32)
        return Cells(names, {key: layout}, lines, np.array(lengths, np.int64), *lists, tuple(self.cell_of.values()), slots,
                     places,
                     beside, nothing)  # fmt: skip

    def _samples(self, heads: Sequence[str], windows: Sequence[str], figures: Sequence[str]) -> list[str]:
        """Ids that need between them whatever all of them need: one for each choice of dimensions, one for each figure."""
        shapes = {tuple(name for name, _ in cell): head for head, cell in self.cell_of.items()}
        tail = f"{windows[0]}/{figures[0]}"
        return [
            *(f"{head}/{tail}" for head in shapes.values()),
            *(f"{heads[0]}/{windows[0]}/{figure}" for figure in self.aggregate_of),
        ]

    def _lists(self, layout: Layout) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]] | None:
        """(ends, cells): a word w of codes is in ``cells[ends[w]:ends[w + 1]]``.

        A cell has a number of its own too, with a digit for each dimension: 0 for all of it, else its level.
        """
        bits = sum(split.bits for split in layout.splits)
        sizes = [len(split.dimension.levels) + 1 for split in layout.splits]
        pairs = math.prod(sum(1 + len(one) for one in split.sets) for split in layout.splits)
        many = max(pairs, math.prod(sizes)) > PAIRS_MAX or len(self.cell_of) > CELLS_MAX
        if layout.words > 1 or bits > BITS_MAX or many:
            return None
        steps = itertools.accumulate([1, *sizes], int.__mul__)
        digits = {split.dimension.name: step for split, step in zip(layout.splits, steps, strict=False)}
        levels = {split.dimension.name: [level.value for level in split.dimension.levels] for split in layout.splits}
        number = [sum(digits[name] * (1 + levels[name].index(value)) for name, value in cell)
                  for cell in self.cell_of.values()]  # fmt: skip
        place = np.full(math.prod(sizes), -1, np.int32)
        place[number] = np.arange(len(number), dtype=np.int32)
        words, cells = np.zeros(1, np.int64), np.zeros(1, np.int64)
        for split in layout.splits:
            digit = digits[split.dimension.name]
            found = [(code << split.shift, digit * at) for code, one in enumerate(split.sets)
                     for at in (0, *(level + 1 for level in one))]  # fmt: skip
            words = np.add.outer(words, np.array([word for word, _ in found], np.int64)).ravel()
            cells = np.add.outer(cells, np.array([cell for _, cell in found], np.int64)).ravel()
        held = place[cells]
        words, held = words[held >= 0], held[held >= 0]
        order = np.lexsort((held, words))
        ends = np.concatenate([[0], np.cumsum(np.bincount(words, minlength=1 << bits))])
        return ends.astype(np.int32), held[order]
