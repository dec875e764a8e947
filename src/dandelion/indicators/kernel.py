"""The one kernel: rows of (subject, as_of, known_at) over blocks, to values.  Backfill, training and serving run it.

For each view (events of one kind and role, by one choice of dimensions) it goes back from `as_of` once, keeps the events
that count, notes where each window ends (disjoint age rings) and each event's pattern of dimension codes.  The steps of
the view then add them up; `finishing` turns whole numbers into values.  The arrays of a `Program` say what to do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, njit, types
from numba.extending import intrinsic

from dandelion.indicators import merge_steps, party_steps, rank_steps, steps
from dandelion.indicators.finishing import combine, finish
from dandelion.indicators.lanes import CORNER, turn_over
from dandelion.indicators.layout import ARRIVED, AT, DAY, GONE

VIEW_TABLE, VIEW_LATEST, VIEW_DIMS, VIEW_DIMS_END, VIEW_WINDOWS, VIEW_WINDOWS_END, VIEW_STEPS, VIEW_STEPS_END, \
    VIEW_RELATION, VIEW_RELATION_LINE, VIEW_RING_OF, VIEW_PASSES, VIEW_PASSES_END, VIEW_FIELDS = range(14)  # fmt: skip
DIM_LINE, DIM_SHIFT, DIM_MASK, DIM_STRIDE, DIM_STANDING, DIM_FIELDS = range(6)
STEP_COMPONENT, STEP_LINE, STEP_PARTY, STEP_PTR, STEP_PATTERNS, STEP_CELLS, STEP_WINDOWS, STEP_OUT, STEP_MASKS, \
    STEP_RINGS, STEP_FLUSH, STEP_FIELDS = range(12)  # fmt: skip
PASS_KIND, PASS_WHICH, PASS_TOP, PASS_SPREAD, PASS_FIELDS = range(5)
ALONE, MERGED, PARTIES, PARTY_SUMS = range(
    4
)  # one step; one of `merges`; one of `whos`; one step, or two over the same cells
MERGE_ALL, MERGE_DAYS, MERGE_LINE, MERGE_PTR, MERGE_PATTERNS, MERGE_CELLS, MERGE_TOLD, MERGE_TOLD_END, \
    MERGE_FIELDS = range(9)  # fmt: skip
WHO_PARTY, WHO_PTR, WHO_PATTERNS, WHO_INDEX, WHO_MASKS, WHO_WORDS, WHO_RINGS, WHO_TOLD, WHO_TOLD_END, \
    WHO_FIELDS = range(10)  # fmt: skip


@intrinsic
def _pointer(_context: Any, address: Any) -> Any:
    """A whole number as a pointer to int64: blocks of any number are handed over as addresses."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.int64)(types.int64), generate


@njit(cache=True, nogil=True)
def first_at_or_after(at, low, high, when):  # type: ignore[no-untyped-def]
    while low < high:
        middle = (low + high) // 2
        if at[middle] < when:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def gather(  # type: ignore[no-untyped-def]
    lines, low, high, as_of, known_at, view, dims, windows, turn, related, newest, place, pattern, ring,
):  # fmt: skip
    """Fill `place`, `pattern` and `ring`: the events that count, newest first.  ``related[p] == turn`` marks parties."""
    at, arrived, gone = lines[AT], lines[ARRIVED], lines[GONE]
    latest, relation = view[VIEW_LATEST], view[VIEW_RELATION_LINE]
    first, count = view[VIEW_WINDOWS], view[VIEW_WINDOWS_END] - view[VIEW_WINDOWS]
    found, r = 0, 0
    ring[0] = 0
    limit = as_of - windows[first]
    i = first_at_or_after(at, low, high, as_of) - 1
    while i >= low:
        while r < count and at[i] < limit:
            r += 1
            ring[r] = found
            if r < count:
                limit = as_of - windows[first + r]
        if r == count:
            break
        if arrived[i] < known_at <= gone[i]:
            counts = True
            if latest >= 0:
                key = lines[latest, i]
                counts = newest[key] != turn
                newest[key] = turn
            if counts:
                p = 0
                for d in range(view[VIEW_DIMS], view[VIEW_DIMS_END]):
                    code = (lines[dims[d, DIM_LINE], i] >> dims[d, DIM_SHIFT]) & dims[d, DIM_MASK]
                    if dims[d, DIM_STANDING] and code > 0 and related[lines[relation, i]] == turn:
                        code += 2
                    p += code * dims[d, DIM_STRIDE]
                place[found], pattern[found] = i, p
                found += 1
        i -= 1
    while r < count:
        r += 1
        ring[r] = found
    return found


@njit(cache=True, nogil=True)
def add_up(  # type: ignore[no-untyped-def]
    lines, view, steps_, passes, merges, whos, told, flush, ptr, idx, masks, place, pattern, ring, ring_of, seen, start, order,
    ranked, spare, records, stamp, mark, run, state,
):  # fmt: skip
    """Every pass of one view into `state`.  Returns the next mark for `stamp`."""
    all_rings = view[VIEW_WINDOWS_END] - view[VIEW_WINDOWS]
    total = ring[all_rings]
    if view[VIEW_RING_OF]:
        for r in range(all_rings):
            ring_of[ring[r] : ring[r + 1]] = r
    ordered, sorted_by = -1, -1  # the lines that `order` and `ranked` are by
    for s in range(view[VIEW_PASSES], view[VIEW_PASSES_END]):
        kind, which = passes[s, PASS_KIND], passes[s, PASS_WHICH]
        if kind == MERGED:
            one = merges[which]
            value, mine = lines[one[MERGE_LINE]], told[one[MERGE_TOLD] : one[MERGE_TOLD_END]]
            cell = ptr[one[MERGE_PTR] : one[MERGE_PTR] + one[MERGE_PATTERNS] + 1]
            if one[MERGE_ALL]:
                mark = merge_steps.merge(ring, pattern, place, value, lines[AT], lines[DAY], one[MERGE_DAYS] > 0, cell, idx,
                                         one[MERGE_CELLS], mine, records, stamp, mark, start, run, state)  # fmt: skip
            else:
                mark = merge_steps.count_and_sum(ring, pattern, place, value, cell, idx, one[MERGE_CELLS], mine, records,
                                                 stamp, mark, start, run, state)  # fmt: skip
            ordered = -1  # `start` has been used
            continue
        if kind == PARTIES:
            one = whos[which]
            cell = ptr[one[WHO_PTR] : one[WHO_PTR] + one[WHO_PATTERNS] + 1]
            word, mask = idx[one[WHO_INDEX] :], masks[one[WHO_MASKS] :]
            party_steps.parties(one[WHO_RINGS], ring, pattern, place, lines[one[WHO_PARTY]], cell, word, mask, one[WHO_WORDS],
                                told[one[WHO_TOLD] : one[WHO_TOLD_END]], seen, run, state)  # fmt: skip
            continue
        step = steps_[which]
        component, cells, windows, rings = step[STEP_COMPONENT], step[STEP_CELLS], step[STEP_WINDOWS], step[STEP_RINGS]
        out = state[step[STEP_OUT] :]
        value = lines[step[STEP_LINE]]
        cell = ptr[step[STEP_PTR] : step[STEP_PTR] + step[STEP_PATTERNS] + 1]
        ends = flush[step[STEP_FLUSH] : step[STEP_FLUSH] + rings]
        if kind == PARTY_SUMS:
            who = lines[step[STEP_PARTY]]
            if ordered != step[STEP_PARTY]:
                ordered = step[STEP_PARTY]
                party_steps.by_party(total, place, who, start, order)
            party_steps.party_sums(total, ring_of, ends, pattern, place, who, value, cell, idx, cells, windows,
                                   passes[s, PASS_TOP], passes[s, PASS_SPREAD], order, run, state)  # fmt: skip
        elif component == steps.RANKS:
            if sorted_by != step[STEP_LINE]:
                sorted_by = step[STEP_LINE]
                rank_steps.sort_by_value(total, place, value, ranked, spare)
            rank_steps.ranks(total, ring_of, ends, pattern, place, value, cell, idx, cells, windows, ranked, out)
        else:
            steps.begin(component, cells, run)
            if component == steps.GAP:
                steps.gaps(rings, ring, ends, pattern, place, lines[AT], cell, idx, cells, run, out)
            else:  # LAST_VALUE
                steps.newest(rings, ring, ends, pattern, place, value, cell, idx, cells, run, out)
    return mark


VIEW_BITS = 63  # views beyond the last bit share it


@njit(cache=True, nogil=True)
def run_rows(  # type: ignore[no-untyped-def]
    first_row, end_row, extents, low, high, as_of, known_at, related_from, related_codes, room,
    views, dims, windows, steps_, flush, ptr, idx, masks, passes, merges, whos, told, runs, groups, pairs, wides, parts, money,
    money_slots, rooms, nothing, state, values, left, given, columnar, out, fen,
):  # fmt: skip
    """Rows ``first_row:end_row``.  Table t has ``extents[t]`` (address, lines, events); row r looks at its
    events ``low[t, r]:high[t, r]``.  ``related_codes[related_from[j, r]:related_from[j, r + 1]]`` are the parties
    close to the subject by relation j.  Values go to `out` float32, (rows, columns) or with `columnar` (columns, rows);
    exact money to `fen` (columns, rows).

    `nothing` are the values without events; `state` and `values` are as the row before left them, and the bits of
    ``left[0]`` are the views that had events in it: a view without events then and now costs nothing.  Views of which
    `given` says so are in the state already."""
    place, pattern, ring_of = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int64)
    order, ranked, spare = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int64)
    start = np.empty(max(room + 1, rooms[5]), np.int64)
    related, newest, seen = np.zeros(room, np.int64), np.zeros(room, np.int64), np.empty(room * rooms[4], np.uint64)
    records, stamp, mark = np.empty(merge_steps.CARRIED * rooms[5], np.int64), np.zeros(rooms[5], np.int64), 1
    run, ring = np.empty(rooms[1], np.int64), np.empty(rooms[2], np.int64)
    width = out.shape[0] if columnar else out.shape[1]
    corner = np.empty((CORNER if columnar else 0, width), np.float32)
    turn = 0
    for row in range(first_row, end_row):
        before, now = left[0], 0
        for v in range(views.shape[0]):
            bit = 1 << min(v, VIEW_BITS - 1)
            if given[v]:
                now |= bit
                continue
            view = views[v]
            table = view[VIEW_TABLE]
            lines = carray(_pointer(extents[table, 0]), (extents[table, 1], extents[table, 2]))
            turn += 1
            j = view[VIEW_RELATION]
            if j >= 0:
                for k in range(related_from[j, row], related_from[j, row + 1]):
                    related[related_codes[k]] = turn
            found = gather(lines, low[table, row], high[table, row], as_of[row], known_at[row], view, dims, windows, turn,
                           related, newest, place, pattern, ring)  # fmt: skip
            if found:
                now |= bit
            if found or bit & before:
                mark = add_up(lines, view, steps_, passes, merges, whos, told, flush, ptr, idx, masks, place, pattern, ring,
                              ring_of, seen, start, order, ranked, spare, records, stamp, mark, run, state)  # fmt: skip
        left[0] = now
        held = (row - first_row) % CORNER
        shown = corner[held] if columnar else out[row]
        finish(runs, now | before, as_of[row], state, values, nothing, shown)
        combine(groups, pairs, wides, parts, now | before, values, nothing, shown)
        if columnar and (held == CORNER - 1 or row == end_row - 1):
            turn_over(corner, 0, held + 1, row - held, out)
        for k in range(len(money) - 1):
            total = 0
            for q in range(money[k], money[k + 1]):
                total += money_slots[q, 1] * state[money_slots[q, 0]]
            fen[k, row] = total
