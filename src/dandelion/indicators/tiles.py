"""Tiles for a subject with very many events: what the kernel carried, kept at every so many events.

Seen from now on every window is a run of the newest events, so the running numbers of a step after its newest
``size``, ``2 * size``, ... events are kept once, and a request goes on from the nearest of them to where its windows end:
the same loops over the same numbers, hence the same bytes for every component.  Distinct parties are exact because each
event remembers the cells in which it is its party's newest one; sums by party because each remembers its party's sum.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from dandelion.core.frame import Ints
from dandelion.indicators import kernel as k
from dandelion.indicators import steps as s
from dandelion.indicators.block import Block
from dandelion.indicators.layout import ARRIVED, AT, DAY, GONE
from dandelion.indicators.program import Program
from dandelion.indicators.tile_ranks import BITS_MAX, CHUNK, RankBits, RankTiles, bits_until, ranks_until
from dandelion.indicators.whole_math import times_log

EVENTS_MIN = 4_000  # below, going through the events is quick
STATE_LARGE = 50_000  # numbers that a program carries, from which on half as many events are enough
AT_ONCE_MIN = 20_000  # from here on tiles are made at the first request, below at the second
TILE_MIN, ROOM_MAX = 64, 4_000_000  # events in a tile; whole numbers kept for one view
CHUNK_MIN = 64  # events of a cell by value; at most CHUNK
SUMS_MAX = 30_000_000
_NEVER = np.iinfo(np.int64).max
_REACH = 2**61  # further back than any event
_EMPTY = np.empty(0, np.int64)
_NO_BITS = np.empty(0, np.uint64)


@dataclass(frozen=True)
class StepTiles:
    """`kept` is (tiles, running numbers); `bits` are the cells an event is new in; `sums` its party's sums by cell;
    `ranks` stand in for all of them where quantiles are asked for."""

    step: int
    kept: Ints
    bits: npt.NDArray[np.uint64]
    sums_at: Ints
    sums: Ints
    ranks: RankTiles | RankBits | None = None


@dataclass(frozen=True)
class ViewTiles:
    """All events of one view that count, newest first."""

    view: int
    size: int
    place: Ints
    pattern: Ints
    at: Ints  # descending times as negative numbers, so that they ascend
    steps: tuple[StepTiles, ...]


@dataclass(frozen=True)
class Tiles:
    """Tiles of one block for one program.  They hold for every ``as_of_min <= as_of <= as_of_max`` (and `known_at` alike),
    which are the moments at which the same events count, and while nothing is added to the block."""

    program: Program  # held, since tiles are kept by the program's identity
    block: Block  # the same arrays, not the object that these are kept with: so that both go when nobody needs them
    as_of: tuple[int, int]
    known_at: tuple[int, int]
    related: bytes
    views: tuple[ViewTiles, ...]
    looked_up: dict[tuple[str, int, int], Any] = field(default_factory=dict)  # what joining newer events needs of these

    @classmethod
    def of(
        cls,
        program: Program,
        table: int,
        block: Block,
        related: Ints,
        as_of: int,
        known_at: int,
        bits_max: int | None = None,
    ) -> Tiles | None:
        """`bits_max` events may have the short form of quantiles (None: `BITS_MAX`).  `related` are numbers of the parties close to the subject.  None where a tenth of the events or more do not
        count at these moments: asking about the past is not worth tiles."""
        at, arrived, gone = block.data[AT], block.data[ARRIVED], block.data[GONE]
        if np.count_nonzero((at < as_of) & (arrived < known_at) & (known_at <= gone)) < 0.9 * len(block):
            return None
        views = program.arrays[0]
        made = [
            tiles for v in range(len(views)) if views[v, k.VIEW_TABLE] == table
            and (tiles := _view(program, v, block, related, as_of, known_at, BITS_MAX if bits_max is None else bits_max)) is not None
        ]  # fmt: skip
        known = _same(arrived, known_at), _same(gone, known_at)
        low, high = max(low for low, _ in known), min(high for _, high in known)
        return cls(program, replace(block), _same(at, as_of), (low, high), np.sort(related).tobytes(), tuple(made))

    def hold(self, block: Block, as_of: int, known_at: int, related: Ints) -> bool:
        """Whether the same events count at these moments, by the same relations."""
        return (
            block.data is self.block.data and self.as_of[0] <= as_of <= self.as_of[1]
            and self.known_at[0] <= known_at <= self.known_at[1] and np.sort(related).tobytes() == self.related
        )  # fmt: skip

    def fill(self, program: Program, as_of: int, state: Ints) -> None:
        """The state of every view of the table."""
        _, _, windows, steps, flush, ptr, idx, *_ = program.arrays
        run = np.empty(program.arrays[-1][1], np.int64)
        data = self.block.data
        for tiles in self.views:
            view = program.arrays[0][tiles.view]
            lengths = windows[view[k.VIEW_WINDOWS] : view[k.VIEW_WINDOWS_END]]
            ends = np.searchsorted(tiles.at, lengths - as_of, side="right").astype(np.int64)
            for one in tiles.steps:
                if one.ranks is not None:
                    _fill_ranks(one, tiles, data, steps[one.step], flush, ends, state)
                    continue
                go_on(data, steps[one.step], flush, ptr, idx, tiles.place, tiles.pattern, ends, tiles.size, one.kept,
                      one.bits, one.sums_at, one.sums, run, state)  # fmt: skip


def _fill_ranks(one: StepTiles, tiles: ViewTiles, data: Ints, step: Ints, flush: Ints, ends: Ints, state: Ints) -> None:
    kept, cells, windows, rings = one.ranks, step[k.STEP_CELLS], step[k.STEP_WINDOWS], step[k.STEP_RINGS]
    assert kept is not None, "only steps of ranks come here"
    places = flush[step[k.STEP_FLUSH] : step[k.STEP_FLUSH] + rings]
    if isinstance(kept, RankBits):
        bits_until(
            kept.order, kept.held, kept.among, kept.amount, ends, places, cells, windows, state[step[k.STEP_OUT] :]
        )
        return
    for r in range(rings):
        if r + 1 == rings or places[r + 1] != places[r]:
            ranks_until(
                ends[r], tiles.place, data[step[k.STEP_LINE]], kept.first, kept.seen, kept.by_value, kept.rank,
                kept.table_at, kept.table, kept.chunk, cells, places[r], cells * windows, state[step[k.STEP_OUT] :],
            )  # fmt: skip


def _same(moments: Ints, now: int) -> tuple[int, int]:
    """First and last instant that divide the moments into before and not before as `now` does."""
    before, after = moments[moments < now], moments[moments >= now]
    return int(before.max()) + 1 if len(before) else -_NEVER, int(after.min()) if len(after) else _NEVER


def _view(
    program: Program, v: int, block: Block, related: Ints, as_of: int, known_at: int, bits_max: int
) -> ViewTiles | None:  # fmt: skip
    """None where a component of the view has no tiles (largest parties of sums that may fall, too many parties)."""
    views, dims, _, steps, _, ptr, idx, masks, *_ = program.arrays
    view, data, events = views[v], block.data, len(block)
    mine = steps[view[k.VIEW_STEPS] : view[k.VIEW_STEPS_END]]
    if any(not _fits(step, data) for step in mine):
        return None
    whole = view.copy()
    whole[k.VIEW_WINDOWS], whole[k.VIEW_WINDOWS_END] = 0, 1
    place, pattern, ring = np.empty(events, np.int64), np.empty(events, np.int64), np.empty(2, np.int64)
    marks = np.zeros(events + 1, np.int64)
    marks[related] = 1
    total = k.gather(data, 0, events, as_of, known_at, whole, dims, np.array([_REACH]), 1, marks,
                     np.zeros(events + 1, np.int64), place, pattern, ring)  # fmt: skip
    place, pattern = place[:total].copy(), pattern[:total].copy()
    carried = sum(s.RUNNING[step[k.STEP_COMPONENT]] * step[k.STEP_CELLS] for step in mine)
    size = TILE_MIN
    while total // size * carried > ROOM_MAX:
        size *= 2
    chunk = CHUNK
    while chunk > CHUNK_MIN and chunk * chunk > 4 * total:
        chunk //= 2
    made = []
    for at, step in enumerate(mine):
        component, cells = step[k.STEP_COMPONENT], step[k.STEP_CELLS]
        bits, sums_at, sums = _NO_BITS, _EMPTY, _EMPTY
        cell = ptr[step[k.STEP_PTR] : step[k.STEP_PTR] + step[k.STEP_PATTERNS] + 1]
        if component == s.WHO:
            mask = masks[step[k.STEP_MASKS] : step[k.STEP_MASKS] + step[k.STEP_PATTERNS]]
            bits = new_cells(place, pattern, data[step[k.STEP_PARTY]], mask)
        elif component in (s.TOP, s.ENTROPY):
            sums_at, sums = sums_so_far(
                place, pattern, data[step[k.STEP_PARTY]], data[step[k.STEP_LINE]], cell, idx, cells
            )
        elif component == s.RANKS:
            given = place, pattern, data[step[k.STEP_LINE]], cell, idx, int(cells)
            ranked = RankBits.of(*given) if total <= bits_max else RankTiles.of(*given, chunk)
            made.append(StepTiles(int(view[k.VIEW_STEPS]) + at, _EMPTY, bits, sums_at, sums, ranked))
            continue
        kept = np.empty((total // size, s.RUNNING[component] * cells), np.int64)
        run = np.empty(program.arrays[-1][1], np.int64)
        keep(data, step, ptr, idx, place, pattern, size, bits, sums_at, sums, run, kept)
        made.append(StepTiles(int(view[k.VIEW_STEPS]) + at, kept, bits, sums_at, sums))
    return ViewTiles(v, size, place, pattern, -data[AT][place], tuple(made))


def _fits(step: Ints, data: Ints) -> bool:
    component = step[k.STEP_COMPONENT]
    if component in (s.TOP, s.ENTROPY):
        parties = int(data[step[k.STEP_PARTY]].max()) + 1
        falls = component == s.TOP and bool((data[step[k.STEP_LINE]] < 0).any())
        return parties * int(step[k.STEP_CELLS]) <= SUMS_MAX and not falls
    return True


@njit(cache=True, nogil=True)
def new_cells(place, pattern, who, masks):  # type: ignore[no-untyped-def]
    """For every event the cells in which it is the newest of its party."""
    seen = np.zeros(who.max() + 1, np.uint64)
    out = np.empty(len(place), np.uint64)
    for m in range(len(place)):
        other = who[place[m]]
        out[m] = masks[pattern[m]] & ~seen[other]
        seen[other] |= out[m]
    return out


@njit(cache=True, nogil=True)
def sums_so_far(place, pattern, who, value, ptr, idx, cells):  # type: ignore[no-untyped-def]
    """(first place of each event, sums): its party's sum in each of its cells over the events up to it."""
    at = np.empty(len(place) + 1, np.int64)
    at[0] = 0
    for m in range(len(place)):
        at[m + 1] = at[m] + ptr[pattern[m] + 1] - ptr[pattern[m]]
    out = np.empty(at[len(place)], np.int64)
    sums = np.zeros((who.max() + 1) * cells, np.int64)
    for m in range(len(place)):
        other, amount, k_ = who[place[m]], value[place[m]], at[m]
        for q in range(ptr[pattern[m]], ptr[pattern[m] + 1]):
            sums[other * cells + idx[q]] += amount
            out[k_] = sums[other * cells + idx[q]]
            k_ += 1
    return at, out


@njit(cache=True, nogil=True)
def walk(  # type: ignore[no-untyped-def]
    lines, component, step, ring, flush, ptr, idx, place, pattern, bits, sums_at, sums, run, out,
):  # fmt: skip
    """One step over events ``ring[0]:ring[1]``, from the running numbers on; ``flush[0]`` says where they go."""
    cells, windows, value = step[k.STEP_CELLS], step[k.STEP_WINDOWS], lines[step[k.STEP_LINE]]
    cell = ptr[step[k.STEP_PTR] : step[k.STEP_PTR] + step[k.STEP_PATTERNS] + 1]
    if component == s.N:
        s.counts(1, ring, flush, pattern, cell, idx, cells, run, out)
    elif component == s.SUM:
        s.sums(1, ring, flush, pattern, place, value, cell, idx, cells, run, out)
    elif component == s.SQUARES:
        s.squares(1, ring, flush, pattern, place, value, cell, idx, cells, windows, run, out)
    elif component == s.MIN:
        s.least(1, ring, flush, pattern, place, value, cell, idx, cells, run, out)
    elif component == s.MAX:
        s.most(1, ring, flush, pattern, place, value, cell, idx, cells, run, out)
    elif component == s.FIRST:
        s.oldest(1, ring, flush, pattern, place, lines[AT], cell, idx, cells, run, out)
    elif component == s.LAST:
        s.newest(1, ring, flush, pattern, place, lines[AT], cell, idx, cells, run, out)
    elif component == s.LAST_VALUE:
        s.newest(1, ring, flush, pattern, place, value, cell, idx, cells, run, out)
    elif component == s.GAP:
        s.gaps(1, ring, flush, pattern, place, lines[AT], cell, idx, cells, run, out)
    elif component == s.DAYS:
        s.days(1, ring, flush, pattern, place, lines[DAY], cell, idx, cells, run, out)
    else:
        for m in range(ring[0], ring[1]):
            amount, at = value[place[m]], 0
            if component != s.WHO:
                at = sums_at[m]
            for q in range(cell[pattern[m]], cell[pattern[m] + 1]):
                c = idx[q]
                if component == s.WHO:
                    run[c] += np.int64((bits[m] >> np.uint64(c)) & np.uint64(1))
                    continue
                now, before = max(sums[at], 0), max(sums[at] - amount, 0)
                at += 1
                if component == s.TOP:
                    run[c] = max(run[c], now)
                    continue
                run[c] += now - before
                for total, sign in ((now, 1), (before, -1)):
                    if total > 0:
                        whole, part = times_log(total)
                        run[cells + c] += sign * whole
                        run[2 * cells + c] += sign * part
        if flush[0] >= 0:
            for a in range(3 if component == s.ENTROPY else 1):
                first = (a * windows + flush[0]) * cells
                out[first : first + cells] = run[a * cells : (a + 1) * cells]


@njit(cache=True, nogil=True)
def keep(lines, step, ptr, idx, place, pattern, size, bits, sums_at, sums, run, kept):  # type: ignore[no-untyped-def]
    """Running numbers after each whole tile."""
    component = step[k.STEP_COMPONENT]
    s.begin(component, step[k.STEP_CELLS], run)
    ring, nowhere = np.empty(2, np.int64), np.full(1, -1, np.int64)
    for tile in range(kept.shape[0]):
        ring[0], ring[1] = tile * size, (tile + 1) * size
        walk(lines, component, step, ring, nowhere, ptr, idx, place, pattern, bits, sums_at, sums, run, kept[tile])
        kept[tile] = run[: kept.shape[1]]


@njit(cache=True, nogil=True)
def go_on(  # type: ignore[no-untyped-def]
    lines, step, flush, ptr, idx, place, pattern, ends, size, kept, bits, sums_at, sums, run, state,
):  # fmt: skip
    """Every window of a step: the nearest tile or the window before, then the events up to where the window ends."""
    component = step[k.STEP_COMPONENT]
    out = state[step[k.STEP_OUT] :]
    ring, to = np.empty(2, np.int64), np.empty(1, np.int64)
    by_ring = component == s.TOP or component == s.ENTROPY
    reached = -1
    for r in range(step[k.STEP_RINGS]):
        to[0] = flush[step[k.STEP_FLUSH] + r]
        if to[0] < 0 or (by_ring and r + 1 < step[k.STEP_RINGS] and flush[step[k.STEP_FLUSH] + r + 1] == to[0]):
            continue
        tile = min(ends[r] // size, kept.shape[0])
        if reached < tile * size:
            s.begin(component, step[k.STEP_CELLS], run)
            if tile > 0:
                run[: kept.shape[1]] = kept[tile - 1]
            reached = tile * size
        ring[0], ring[1] = reached, ends[r]
        walk(lines, component, step, ring, to, ptr, idx, place, pattern, bits, sums_at, sums, run, out)
        reached = ends[r]
