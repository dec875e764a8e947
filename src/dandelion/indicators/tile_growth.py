"""The state of a `Growing` subject: that of its older events from tiles, joined with the newer ones gone through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np

from dandelion.core.frame import Ints
from dandelion.indicators import kernel as k
from dandelion.indicators import steps as s
from dandelion.indicators import tile_joins as j
from dandelion.indicators.block import Block, Hashes
from dandelion.indicators.growing import Growing
from dandelion.indicators.layout import ARRIVED, AT, DAY
from dandelion.indicators.plan import Key
from dandelion.indicators.program import Program
from dandelion.indicators.tile_ranks import RankTiles
from dandelion.indicators.tiles import Tiles, ViewTiles

_NOBODY = np.empty(0, np.int64)
_OF_PARTIES = (s.WHO, s.TOP, s.ENTROPY)


def tiles_of(program: Program, table: int, growing: Growing, related: Ints, as_of: int, known_at: int) -> Tiles | None:
    """Tiles of the older events for these moments, kept beside them.  None where one of the table's views has none."""
    if not len(growing.older) or not joinable(program, table, growing):
        return None
    parties = [growing.layout.parties.index(party) for at, party in program.relations if at == table]
    old = related[related < len(growing.older.hashes[parties[0]])] if parties else related
    tiles: Tiles | None = growing.older.tiles.get(-id(program))
    if tiles is None or not tiles.hold(growing.older, as_of, known_at, old):
        tiles = Tiles.of(program, table, growing.older, old, as_of, known_at, bits_max=0)
        if tiles is None:
            return None
        growing.older.tiles[-id(program)] = tiles
    views = program.arrays[0]
    return tiles if len(tiles.views) == np.count_nonzero(views[:, k.VIEW_TABLE] == table) else None


def make_like(program: Program, key: Key, was: Block, block: Block, known: tuple[tuple[Hashes, Ints], ...]) -> None:
    """Tiles for the block of older events of one subject, as `was` has them, related accounts included; they hold from the moment on
    at which all its events count.  `known` are the block's `known_parties`."""
    before: Tiles | None = was.tiles.get(-id(program))
    if before is None or not len(block):
        return
    table, related = program.tables.index(key), np.frombuffer(before.related, np.int64)
    for at, party in program.relations:
        if at == table and len(related):
            p = block.layout.parties.index(party)
            hashes, places = known[p]
            mine = was.hashes[p][related]
            found = np.minimum(np.searchsorted(hashes, mine), max(0, len(hashes) - 1))
            related = places[found[hashes[found] == mine]] if len(hashes) else _NOBODY
    moments = int(block.data[AT, -1]) + 1, int(block.data[ARRIVED].max()) + 1
    tiles = Tiles.of(program, table, block, related, *moments, bits_max=0)
    if tiles is not None:
        block.tiles[-id(program)] = tiles


def serves(program: Program, table: int, growing: Growing) -> bool:
    """Whether tiles can do for this subject, going by those it has."""
    tiles: Tiles | None = growing.older.tiles.get(-id(program))
    views = np.count_nonzero(program.arrays[0][:, k.VIEW_TABLE] == table)
    return joinable(program, table, growing) and (tiles is None or len(tiles.views) == views)


def joinable(program: Program, table: int, growing: Growing) -> bool:
    """Not where only the newest event of a key counts, nor the largest party of sums that may fall."""
    views, _, _, steps, *_ = program.arrays
    for view in views[views[:, k.VIEW_TABLE] == table]:
        if view[k.VIEW_LATEST] >= 0:
            return False
        for step in steps[view[k.VIEW_STEPS] : view[k.VIEW_STEPS_END]]:
            if step[k.STEP_COMPONENT] == s.TOP and (growing.newer.data[step[k.STEP_LINE]] < 0).any():
                return False
    return True


def fill(
    program: Program, tiles: Tiles, growing: Growing, as_of: int, known_at: int, related: Ints, state: Ints, room: Ints
) -> None:
    """The state of every view of the table.  `related` are numbers of `growing.newer`; `room` is as long as `state`."""
    tiles.fill(program, as_of, state)
    views, dims, windows, steps, flush, ptr, idx, masks, passes, merges, whos, told = program.arrays[:12]
    newer = growing.newer.data
    for view in tiles.views:
        row = views[view.view]
        lengths = windows[row[k.VIEW_WINDOWS] : row[k.VIEW_WINDOWS_END]]
        ends = np.searchsorted(view.at, lengths - as_of, side="right").astype(np.int64)
        place, pattern = np.empty(newer.shape[1], np.int64), np.empty(newer.shape[1], np.int64)
        found = j.go_through(newer, as_of, known_at, related, row, dims, windows, steps, flush, ptr, idx, masks, passes, merges,
                             whos, told, program.arrays[-1], place, pattern, np.empty(len(lengths) + 1, np.int64),
                             room)  # fmt: skip
        if not found:
            continue
        for step in range(row[k.VIEW_STEPS], row[k.VIEW_STEPS_END]):
            _join(program, tiles, view, growing, step, ends, place[:found], pattern[:found], state, room)


def _join(
    program: Program, tiles: Tiles, view: ViewTiles, growing: Growing, number: int, ends: Ints, place: Ints, pattern: Ints,
    state: Ints, room: Ints,
) -> None:  # fmt: skip
    """One step: numbers of `room` (of the newer events) into those of `state` (of the older)."""
    _, _, _, steps, flush, ptr, idx, masks, *_ = program.arrays
    step = steps[number]
    component, cells, line, party = (
        int(step[at]) for at in (k.STEP_COMPONENT, k.STEP_CELLS, k.STEP_LINE, k.STEP_PARTY)
    )  # fmt: skip
    old, new = growing.older.data, growing.newer.data
    cell = ptr[step[k.STEP_PTR] : step[k.STEP_PTR] + step[k.STEP_PATTERNS] + 1]
    out, fresh = state[step[k.STEP_OUT] :], room[step[k.STEP_OUT] :]
    until = j.ends_of(step, flush, ends)
    if component == s.RANKS:
        ranks = next(one.ranks for one in view.steps if one.step == number)
        assert isinstance(ranks, RankTiles), "tiles of growing subjects have this form"
        j.join_ranks(until, view.place, old[line], ranks.first, ranks.seen, ranks.by_value, ranks.rank, ranks.table_at,
                     ranks.table, ranks.chunk, place, pattern, new[line], cell, idx, cells, fresh, out)  # fmt: skip
        return
    j.join(component, cells * len(until), out, fresh)
    if component == s.GAP:
        newest = _newest(program, tiles, view, number)
        j.join_gaps(until, newest, old[AT][view.place], place, pattern, new[AT], cell, idx, cells, out)
    elif component == s.DAYS:
        j.join_days(until, view.place, view.pattern, old[DAY], place, pattern, new[DAY], cell, idx, cells, out)
    elif component in _OF_PARTIES:
        start, chain, patterns = _chains(tiles, view, old, party)
        name = next(name for name in growing.layout.parties if growing.layout.party_line(name) == party)
        who = growing.numbers[growing.layout.parties.index(name)][new[party]]
        if component == s.WHO:
            mask = masks[step[k.STEP_MASKS] : step[k.STEP_MASKS] + step[k.STEP_PATTERNS]]
            j.join_parties(until, start, chain, patterns, place, pattern, who, mask, cells, out)
        else:
            values = _values(tiles, view, old, party, line)
            j.join_sums(component == s.ENTROPY, until, start, chain, patterns, values, place, pattern, who, new[line], cell, idx,
                        cells, out)  # fmt: skip


def look_up(program: Program, tiles: Tiles) -> None:
    """Everything that joining newer events will want to know of the older ones, at once."""
    views, _, _, steps, *_ = program.arrays
    old = tiles.block.data
    for view in tiles.views:
        row = views[view.view]
        for number in range(row[k.VIEW_STEPS], row[k.VIEW_STEPS_END]):
            step = steps[number]
            component, party = int(step[k.STEP_COMPONENT]), int(step[k.STEP_PARTY])
            if component == s.GAP:
                _newest(program, tiles, view, number)
            elif component in _OF_PARTIES:
                _chains(tiles, view, old, party)
                if component != s.WHO:
                    _values(tiles, view, old, party, int(step[k.STEP_LINE]))


def _newest(program: Program, tiles: Tiles, view: ViewTiles, number: int) -> Ints:
    _, _, _, steps, _, ptr, idx, *_ = program.arrays
    step = steps[number]
    cell = ptr[step[k.STEP_PTR] : step[k.STEP_PTR] + step[k.STEP_PATTERNS] + 1]
    made = _kept(
        tiles, ("newest", view.view, number), lambda: j.newest_of(view.pattern, cell, idx, int(step[k.STEP_CELLS]))
    )
    return cast(Ints, made)


def _chains(tiles: Tiles, view: ViewTiles, old: Ints, party: int) -> tuple[Ints, Ints, Ints]:
    """(start, events, patterns) of each party, newest first."""
    start, chain = _kept(tiles, ("chains", view.view, party), lambda: j.chains(view.place, old[party]))
    patterns = _kept(tiles, ("patterns", view.view, party), lambda: view.pattern[chain].astype(np.int32))
    return start, chain, patterns


def _values(tiles: Tiles, view: ViewTiles, old: Ints, party: int, line: int) -> Ints:
    _, chain, _ = _chains(tiles, view, old, party)
    return cast(Ints, _kept(tiles, (f"values of {line}", view.view, party), lambda: old[line][view.place[chain]]))


def _kept(tiles: Tiles, name: tuple[str, int, int], make: Callable[[], Any]) -> Any:
    """Looked up once: the older events stay as they are."""
    if name not in tiles.looked_up:
        tiles.looked_up[name] = make()
    return tiles.looked_up[name]
