"""`Cells`: a set of columns that are plain cells of one stream, as the arrays that `cells_kernel` reads.

Which columns it takes: counts, sums, means, extremes, deviations and distinct parties of one (kind, role), of one measure
at most, in any windows and cells but those by standing.  Everything else goes through `program`; the bytes are the same.
Ids are taken apart all together, so that fifty thousand of them cost some ten milliseconds.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput
from dandelion.core.frame import Floats, Ints
from dandelion.indicators import cells_kernel as k
from dandelion.indicators.block import Block
from dandelion.indicators.declare import Stream, window_us
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.lanes import LANES
from dandelion.indicators.layout import FIXED, Layout, layouts
from dandelion.indicators.memory import once
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
Parts = tuple[list[str], list[str], Ints, Ints]
_NO_INDEX = np.empty(0, np.int32)
_NO_MASKS = np.empty(0, np.uint64)


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

    @cached_property
    def masks(self) -> npt.NDArray[np.uint64]:
        """The cells of each word as bits, if there are few."""
        if self.cells > LANES:
            return _NO_MASKS
        words = np.repeat(np.arange(len(self.ptr) - 1), np.diff(self.ptr))
        out = np.zeros(len(self.ptr) - 1, np.uint64)
        np.bitwise_or.at(out, words, np.uint64(1) << self.idx.astype(np.uint64))
        return out

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
        k.run_cells(first, end, *block.extent, low, high, as_of, known_at, self.lines, self.windows,
                    self.ptr, self.idx, self.masks, self.cells, self.slots, self.places, self.beside, self.nothing,
                    _most(block), columnar, first_out, out, _NO_INDEX, _NO_INDEX)  # fmt: skip

    @property
    def whole(self) -> bool:
        """Whether every cell is asked for over the same windows with the same figures."""
        return bool((self.places >= 0).all())

    def run_long(self, block: Block, low: Ints, high: Ints, as_of: Ints, known_at: Ints) -> tuple[Index, Index, Floats]:
        """(row, cell, values) of every cell with an event in the longest window, if `whole`: windows, in each its figures."""
        _, windows, kinds = self.places.shape
        each = int(np.diff(self.ptr).max(initial=0))  # cells of one event
        room = max(1, int(np.minimum((high - low) * each, self.cells).sum()))
        rows, cells = once((room,), np.int32), once((room,), np.int32)
        values = once((room, windows * kinds), np.float32)  # what is not used of it is never touched
        beside = np.tile(np.arange(0, windows * kinds, kinds, dtype=np.int32), (self.cells, 1))
        told = k.run_cells(0, len(as_of), *block.extent, low, high, as_of, known_at, self.lines,
                           self.windows, self.ptr, self.idx, self.masks, self.cells, self.slots, self.places, beside,
                           self.nothing[self.places[0].ravel()], _most(block), False, 0, values, rows, cells)  # fmt: skip
        return rows[:told], cells[:told], values[:told]


def _most(block: Block) -> int:
    """The most parties of any subject."""
    return block.most_parties[0] if block.party_bounds else 0


def cells_of(definitions: Definitions, names: tuple[str, ...]) -> Cells | None:
    """None where the columns are not all plain cells of one stream, or are none."""
    if not (definitions.derived.isdisjoint(names) and definitions.money.isdisjoint(names)):
        return None
    try:
        asked = _Asked.of(definitions, *(_grid(names) or _apart(names)))
    except BadInput:  # said better where each column is looked at by itself
        return None
    return None if asked is None else asked.cells(definitions, names)


def _grid(names: tuple[str, ...]) -> Parts | None:
    """The parts of ids that are every head with every tail in turn, as they are declared: quicker to see than to split."""
    head = names[0].rsplit("/", 2)[0] + "/" if names else ""
    deep = head.count("/") + 1
    mine = itertools.takewhile(lambda name: name.startswith(head) and name.count("/") == deep, names)
    tails = [name[len(head) :] for name in mine]
    if not tails or len(names) % len(tails):
        return None
    heads = [name[: -len(tails[0])] for name in names[:: len(tails)]]
    if [one + tail for one in heads for tail in tails] != list(names):
        return None
    of_head, of_tail = np.indices((len(heads), len(tails)))
    return [one[:-1] for one in heads], tails, of_head.ravel(), of_tail.ravel()


def _apart(names: tuple[str, ...]) -> Parts:
    """(heads, tails, of_head, of_tail): id i is ``heads[of_head[i]]/tails[of_tail[i]]``."""
    heads: dict[str, int] = {}
    tails: dict[str, int] = {}
    of_head, of_tail = np.empty((2, len(names)), np.int64)
    for i, name in enumerate(names):
        head, *tail = name.rsplit("/", 2)
        of_head[i] = heads.setdefault(head, len(heads))
        of_tail[i] = tails.setdefault("/".join(tail), len(tails))
    return list(heads), list(tails), of_head, of_tail


def _filters_of(stream: Stream, given: list[tuple[str, ...]]) -> list[Cell]:
    """`filters` of each; a part that many of them share is looked at once."""
    known = {part: filters(stream, (part,))[0] for part in {part for parts in given for part in parts}}
    place = {dimension.name: i for i, dimension in enumerate(stream.dimensions)}
    out = []
    for parts in given:
        cell = tuple(known[part] for part in parts)
        at = [place[name] for name, _ in cell]
        out.append(cell if all(a < b for a, b in itertools.pairwise(at)) else filters(stream, parts))
    return out


@dataclass(frozen=True)
class _Asked:
    """The parts that ids are made of, each once, and which parts each id has."""

    stream: Stream
    cells_of: list[Cell]
    lengths: list[int]  # window of each tail
    aggregates: list[tuple[str, str | None]]  # (aggregate, measure) of each tail
    heads: list[str]
    tails: list[str]
    of_head: Ints
    of_tail: Ints

    @classmethod
    def of(
        cls, definitions: Definitions, heads: list[str], tails: list[str], of_head: Ints, of_tail: Ints
    ) -> _Asked | None:
        split = [head.split("/") for head in heads]
        ends = [tail.split("/") for tail in tails]
        stream = definitions.streams.get(split[0][0]) if split else None
        if stream is None or stream.latest_by or any(one[0] != stream.name for one in split):
            return None
        if not all(len(end) == 2 and end[1] in stream.endings for end in ends):
            return None
        aggregates = [stream.endings[figure] for _, figure in ends]
        measures = {measure for _, measure in aggregates if measure is not None}
        cells = _filters_of(stream, [tuple(one[1:]) for one in split])
        by = {name for cell in cells for name, _ in cell}
        plain = all(aggregate in FIGURE_OF for aggregate, _ in aggregates)
        if not plain or len(measures) > 1 or any(stream.dimension(name).source == "standing" for name in by):
            return None
        return cls(stream, cells, [window_us(window) for window, _ in ends], aggregates, heads, tails, of_head, of_tail)

    def cells(self, definitions: Definitions, names: tuple[str, ...]) -> Cells | None:
        key = (self.stream.kind, self.stream.role)
        layout = layouts(definitions, self._samples())[key]
        lists = self._lists(layout)
        if lists is None:
            return None
        lengths = sorted(set(self.lengths))
        kinds = sorted({FIGURE_OF[aggregate] for aggregate, _ in self.aggregates})
        window = np.array([lengths.index(length) for length in self.lengths])[self.of_tail]
        kind = np.array([kinds.index(FIGURE_OF[aggregate]) for aggregate, _ in self.aggregates])[self.of_tail]
        places = np.full((len(self.heads), len(lengths), len(kinds)), -1, np.int32)
        places[self.of_head, window, kind] = np.arange(len(names), dtype=np.int32)
        if np.count_nonzero(places >= 0) < len(names):
            return None  # a column, or a window, under two names
        nothing = np.array([OF_NOTHING.get(one, np.nan) for one in kinds], np.float32)[kind]
        measure = next((measure for _, measure in self.aggregates if measure is not None), None)
        counts = any(aggregate == "distinct" for aggregate, _ in self.aggregates)
        lines = np.array([
            FIXED if layout.words else -1,
            -1 if measure is None else layout.measure_line(self.stream.measure(measure).field),
            layout.party_line(str(self.stream.counterparty)) if counts else -1,
        ], np.int64)  # fmt: skip
        slots = np.full(k.FIGURES, len(kinds), np.int64)
        slots[kinds] = np.arange(len(kinds))
        apart = np.any(places != places[:, :, :1] + np.arange(len(kinds)), axis=2)
        beside = np.where(apart, -1, places[:, :, 0]).astype(np.int32)
        return Cells(names, {key: layout}, lines, np.array(lengths, np.int64), *lists, tuple(self.cells_of), slots, places,
                     beside, nothing)  # fmt: skip

    def _samples(self) -> list[str]:
        """Ids that need between them whatever all of them need: one for each choice of dimensions, one for each figure."""
        shapes = {tuple(name for name, _ in cell): head for cell, head in zip(self.cells_of, self.heads, strict=True)}
        figures = dict(zip(self.aggregates, self.tails, strict=True))
        return [f"{head}/{self.tails[0]}" for head in shapes.values()] + [
            f"{self.heads[0]}/{tail}" for tail in figures.values()
        ]

    def _lists(self, layout: Layout) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]] | None:
        """(ends, cells): a word w of codes is in ``cells[ends[w]:ends[w + 1]]``.

        A cell has a number of its own too, with a digit for each dimension: 0 for all of it, else its level.
        """
        bits = sum(split.bits for split in layout.splits)
        sizes = [len(split.dimension.levels) + 1 for split in layout.splits]
        pairs = math.prod(sum(1 + len(one) for one in split.sets) for split in layout.splits)
        many = max(pairs, math.prod(sizes)) > PAIRS_MAX or len(self.heads) > CELLS_MAX
        if layout.words > 1 or bits > BITS_MAX or many:
            return None
        steps = itertools.accumulate([1, *sizes], int.__mul__)
        digits = {split.dimension.name: step for split, step in zip(layout.splits, steps, strict=False)}
        levels = {split.dimension.name: [level.value for level in split.dimension.levels] for split in layout.splits}
        number = [sum(digits[name] * (1 + levels[name].index(value)) for name, value in cell)
                  for cell in self.cells_of]  # fmt: skip
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
