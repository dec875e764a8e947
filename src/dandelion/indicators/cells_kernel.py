"""Rows of plain cells in one pass: every figure of every cell that an event touches, and nothing for the others.

For columns that `cells.Cells` can take: one (kind, role), one measure, figures made of counts, sums, squares, extremes
and distinct parties.  A row starts as a copy of the values of nothing; going back from `as_of`, an event is added to the
running numbers of its cells, and where a window ends the cells touched so far write their values to their columns.
The whole numbers and the formulas are those of `steps` and `finishing`, so the bytes are those of the general kernel.
"""

from __future__ import annotations

import math

import numpy as np
from numba import carray, njit

from dandelion.indicators.finishing import SMALL
from dandelion.indicators.kernel import CORNER, _pointer, first_at_or_after, turn_over
from dandelion.indicators.layout import ARRIVED, AT, GONE
from dandelion.indicators.steps import HIGHEST, NOTHING
from dandelion.indicators.whole_math import add_square, deviation

FIGURES = 7
COUNT, SUM, MEAN, MIN, MAX, DEVIATION, DISTINCT = range(FIGURES)
_N, _TOTAL, _HIGH, _LOW, _LEAST, _MOST, _WHO, _TURN, _FIELDS = range(9)  # a cell's running numbers: one cache line
WORD, VALUE, PARTY = range(3)  # lines of the block: codes of dimensions, measure, counterparty; -1 where not needed

NJIT = {"cache": True, "nogil": True, "error_model": "numpy"}


@njit(**NJIT)
def tell(state, first, spread, at, shown, to):  # type: ignore[no-untyped-def]
    """Every figure f of the cell at ``state[first:]``, with at least one event, to ``shown[to + at[f]]``; the deviation
    only with `spread`."""
    n, total = state[first + _N], state[first + _TOTAL]
    count = float(n)
    shown[to + at[COUNT]], shown[to + at[SUM]], shown[to + at[MEAN]] = count, float(total), float(total) / count
    shown[to + at[MIN]], shown[to + at[MAX]] = float(state[first + _LEAST]), float(state[first + _MOST])
    shown[to + at[DISTINCT]] = float(state[first + _WHO])
    if spread:
        high, low = state[first + _HIGH], state[first + _LOW]
        if high == 0 and low >= 0 and count * float(low) < SMALL:
            shown[to + at[DEVIATION]] = math.sqrt(float(n * low - total * total)) / count
        else:
            shown[to + at[DEVIATION]] = deviation(n, total, np.uint64(high), np.uint64(low))


@njit(**NJIT)
def run_cells(  # type: ignore[no-untyped-def]
    first_row, end_row, address, lines_held, events, low, high, as_of, known_at, lines, windows, ptr, idx, cells, slots,
    places, beside, nothing, parties, columnar, first_out, out, found_row, found_cell,
):  # fmt: skip
    """Rows ``first_row:end_row`` of the block at `address`, (lines_held, events) int64; row r looks at its events
    ``low[r]:high[r]``.  ``ptr, idx`` list the cells of each word of codes.  Figure f is the ``slots[f]``-th asked for, or
    behind the last; ``places[c, w, s]`` is the column of the s-th over window w of cell c, -1 where nobody asks, and
    ``beside[c, w]`` the first of them where they stand side by side.  `nothing` is a row without events; `parties` the
    most parties of any subject.

    Row r goes to ``out[first_out + r]``, or ``out[:, first_out + r]`` if `columnar`.  With room in `found_cell` only cells
    with an event are told, one after the other: a row of `out` each, with its row and cell in `found_row`, `found_cell`.
    Returns how many these are."""
    data = carray(_pointer(address), (lines_held, events))
    at, arrived, gone = data[AT], data[ARRIVED], data[GONE]
    coded, counted, squared = lines[WORD] >= 0, lines[PARTY] >= 0, slots[DEVIATION] < places.shape[2]
    words, values, who = data[max(0, lines[WORD])], data[max(0, lines[VALUE])], data[max(0, lines[PARTY])]
    count, kinds, width = len(windows), places.shape[2], len(nothing)
    state = np.zeros(cells * _FIELDS, np.int64)  # flat: a view of a row would be counted in and out for every event
    flushed = np.zeros(cells, np.int64)  # events behind the cell's values in `shown`
    shown = np.empty(cells * (FIGURES + 1), np.float32)
    touched = np.empty(cells, np.int64)
    wide = (cells + 63) // 64
    seen = np.empty((parties if counted else 0) * wide, np.uint64)
    seen_in = np.zeros(parties if counted else 0, np.int64)
    corner = np.empty((CORNER if columnar else 0, width), np.float32)
    long, told_cells = len(found_cell) > 0, 0
    spots = np.empty(cells if long else 0, np.int64)  # the row of `out` of a touched cell
    board = corner if columnar else out
    zero, one, rest = np.uint64(0), np.uint64(1), np.uint64(63)
    for row in range(first_row, end_row):
        turn = row + 1
        held = (row - first_row) % CORNER
        spot = held if columnar else first_out + row
        if not long:
            board[spot, :] = nothing
        found = 0
        r = 0
        now, known = as_of[row], known_at[row]
        limit = now - windows[0]
        i = first_at_or_after(at, low[row], high[row], now) - 1
        while True:
            ended = i < low[row]
            while r < count and (ended or at[i] < limit):  # the window ends here: touched cells tell their values
                for t in range(found):
                    c = touched[t]
                    n, told = state[c * _FIELDS + _N], c * (FIGURES + 1)
                    if flushed[c] != n:
                        flushed[c] = n
                        tell(state, c * _FIELDS, squared, slots, shown, told)
                    if long:
                        spot = spots[c]
                    base = beside[c, r]
                    if base >= 0:
                        for f in range(kinds):
                            board[spot, base + f] = shown[told + f]
                        continue
                    for f in range(kinds):
                        place = places[c, r, f]
                        if place >= 0:
                            board[spot, place] = shown[told + f]
                r += 1
                if r < count:
                    limit = now - windows[r]
            if r == count:
                break
            if arrived[i] < known <= gone[i]:
                amount = values[i]
                add_high, add_low = zero, zero
                if squared:
                    add_high, add_low = add_square(zero, zero, amount)
                marks = 0
                if counted:
                    marks = who[i] * wide
                    if seen_in[who[i]] != turn:
                        seen_in[who[i]] = turn
                        for k in range(marks, marks + wide):
                            seen[k] = zero
                word = words[i] if coded else 0
                for q in range(ptr[word], ptr[word + 1]):
                    c = np.int64(idx[q])
                    cell = c * _FIELDS
                    if state[cell + _TURN] != turn:
                        state[cell + _TURN] = turn
                        state[cell + _N], state[cell + _TOTAL], state[cell + _WHO] = 0, 0, 0
                        state[cell + _HIGH], state[cell + _LOW] = 0, 0
                        state[cell + _LEAST], state[cell + _MOST] = HIGHEST, NOTHING
                        flushed[c] = 0
                        touched[found] = c
                        found += 1
                        if long:
                            spots[c], found_row[told_cells], found_cell[told_cells] = told_cells, row, c
                            out[told_cells, :] = nothing
                            told_cells += 1
                    state[cell + _N] += 1
                    state[cell + _TOTAL] += amount
                    state[cell + _LEAST] = min(state[cell + _LEAST], amount)
                    state[cell + _MOST] = max(state[cell + _MOST], amount)
                    if squared:
                        low_sum = np.uint64(state[cell + _LOW]) + add_low
                        state[cell + _LOW] = np.int64(low_sum)
                        carry = add_high + np.uint64(low_sum < add_low)
                        state[cell + _HIGH] = np.int64(np.uint64(state[cell + _HIGH]) + carry)
                    if counted:
                        bit = np.uint64(c) & rest
                        mask = seen[marks + (c >> 6)]
                        state[cell + _WHO] += np.int64(((mask >> bit) & one) ^ one)
                        seen[marks + (c >> 6)] = mask | (one << bit)
            i -= 1
        if columnar and (held == CORNER - 1 or row == end_row - 1):
            turn_over(corner, held + 1, first_out + row - held, out)
    return told_cells
