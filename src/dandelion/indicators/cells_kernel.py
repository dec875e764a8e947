"""Rows of plain cells in one pass: every figure of every cell that an event touches, and nothing for the others.

For columns that `cells.Cells` can take: one (kind, role), one measure, figures made of counts, sums, squares, extremes
and distinct parties.  A row starts as a copy of the values of nothing; going back from `as_of`, an event is added to the
running numbers of its cells, and where a window ends the cells touched so far write their values to their columns.
Few cells stand side by side and take an event four at a time, in the cell or not (`lanes`); of many, only those that it
is in are looked at.  The whole numbers and the formulas are those of `steps` and `finishing`, so the bytes are those of
the general kernel.
"""

from __future__ import annotations

import math

import numpy as np
from numba import carray, njit

from dandelion.indicators.finishing import SMALL
from dandelion.indicators.kernel import _pointer, first_at_or_after
from dandelion.indicators.lanes import (
    BOTH,
    CORNER,
    FIELDS,
    HIGH,
    LANES,
    LEAST,
    LOW,
    MIDDLE,
    MOST,
    TOTAL,
    add_four,
    copy_four,
    least_four,
    turn_over,
)
from dandelion.indicators.layout import ARRIVED, AT, GONE
from dandelion.indicators.steps import HIGHEST, NOTHING
from dandelion.indicators.whole_math import add_square, deviation

FIGURES = 7
COUNT, SUM, MEAN, MIN, MAX, DEVIATION, DISTINCT = range(FIGURES)
WORD, VALUE, PARTY = range(3)  # lines of the block: codes of dimensions, measure, counterparty; -1 where not needed
_SHOWN = FIGURES + 1  # a place behind the last for what nobody asks for
_ZERO, _ONE, _HALF, _LOW_HALF = np.uint64(0), np.uint64(1), np.uint64(32), np.uint64(0xFFFFFFFF)
_EVENTS = 0xFFFFFFFF  # bits of the number of events in `BOTH`; the number of parties stands above

NJIT = {"cache": True, "nogil": True, "error_model": "numpy"}


@njit(**NJIT)
def tell(state, first, step, spread, at, shown, to):  # type: ignore[no-untyped-def]
    """Every figure f of the cell with field k at ``state[first + k * step]``, with at least one event, to
    ``shown[to + at[f]]``; the deviation only with `spread`."""
    both, total = state[first + BOTH * step], state[first + TOTAL * step]
    n = both & _EVENTS
    count = float(n)
    shown[to + at[COUNT]], shown[to + at[SUM]], shown[to + at[MEAN]] = count, float(total), float(total) / count
    shown[to + at[MIN]], shown[to + at[MAX]] = float(state[first + LEAST * step]), float(state[first + MOST * step])
    shown[to + at[DISTINCT]] = float(both >> 32)
    if spread:
        low, middle = np.uint64(state[first + LOW * step]), np.uint64(state[first + MIDDLE * step])
        squares = low + (middle << _HALF)
        above = np.uint64(state[first + HIGH * step]) + (middle >> _HALF) + np.uint64(squares < low)
        if above == _ZERO and np.int64(squares) >= 0 and count * float(np.int64(squares)) < SMALL:
            shown[to + at[DEVIATION]] = math.sqrt(float(n * np.int64(squares) - total * total)) / count
        else:
            shown[to + at[DEVIATION]] = deviation(n, total, above, squares)


@njit(**NJIT)
def square_of(amount):  # type: ignore[no-untyped-def]
    """(high, middle, low): the upper 64 bits of a square and two lots of 32."""
    above, below = add_square(_ZERO, _ZERO, amount)
    return np.int64(above), np.int64(below >> _HALF), np.int64(below & _LOW_HALF)


@njit(**NJIT)
def clear(state, step):  # type: ignore[no-untyped-def]
    """No event yet in the cells of which `step` stand side by side."""
    state[:] = 0
    state[MOST * step : (MOST + 1) * step] = NOTHING
    state[LEAST * step : (LEAST + 1) * step] = HIGHEST


@njit(**NJIT)
def run_cells(  # type: ignore[no-untyped-def]
    first_row, end_row, address, lines_held, events, low, high, as_of, known_at, lines, windows, ptr, idx, masks, cells,
    slots, places, beside, nothing, parties, columnar, first_out, out, found_row, found_cell,
):  # fmt: skip
    """Rows ``first_row:end_row`` of the block at `address`, (lines_held, events) int64; row r looks at its events
    ``low[r]:high[r]``.  ``ptr, idx`` list the cells of each word of codes, `masks` has them as bits if there are few.
    Figure f is the ``slots[f]``-th asked for, or behind the last; ``places[c, w, s]`` is the column of the s-th over window
    w of cell c, -1 where nobody asks, and ``beside[c, w]`` the first of them where they stand side by side.  `nothing` is
    a row without events; `parties` the most parties of any subject.

    Row r goes to ``out[first_out + r]``, or ``out[:, first_out + r]`` if `columnar`.  With room in `found_cell` only cells
    with an event are told, one after the other: a row of `out` each, with its row and cell in `found_row`, `found_cell`.
    Returns how many these are."""
    data = carray(_pointer(address), (lines_held, events))
    at, arrived, gone = data[AT], data[ARRIVED], data[GONE]
    coded, counted, squared = lines[WORD] >= 0, lines[PARTY] >= 0, slots[DEVIATION] < places.shape[2]
    least = slots[MIN] < places.shape[2]
    words, values, who = data[max(0, lines[WORD])], data[max(0, lines[VALUE])], data[max(0, lines[PARTY])]
    count, kinds, width = len(windows), places.shape[2], len(nothing)
    long, told_cells = len(found_cell) > 0, 0
    narrow = len(masks) > 0 and not long
    state = np.empty(FIELDS * (LANES if narrow else cells), np.int64)  # flat: a view would be counted for every event
    for c in range(0 if narrow else cells):
        clear(state[c * FIELDS : (c + 1) * FIELDS], 1)
    if narrow:
        clear(state, LANES)
    flushed = np.zeros(cells, np.int64)  # events behind the cell's values in `shown`
    shown = np.empty(cells * _SHOWN, np.float32)
    touched = np.empty(cells, np.int64)
    wide = (cells + 63) // 64
    seen = np.zeros((parties if counted else 1) * wide, np.uint64)
    seen_in = np.zeros(parties if counted else 1, np.int64)
    corner = np.empty((CORNER if columnar else 0, width), np.float32)
    spots = np.empty(cells if long else 0, np.int64)  # the row of `out` of a touched cell
    board = corner if columnar else out
    begun = 0  # first row of the corner that is ours
    for row in range(first_row, end_row):
        turn = row + 1
        held = (first_out + row) % CORNER  # whole lines of the cache, whichever rows a call has
        if row == first_row or held == 0:
            begun = held
        spot = held if columnar else first_out + row
        if not long:
            board[spot, :] = nothing
        found = 0
        met = _ZERO
        r = 0
        now, known = as_of[row], known_at[row]
        limit = now - windows[0]
        i = first_at_or_after(at, low[row], high[row], now) - 1
        while True:
            ended = i < low[row]
            while r < count and (ended or at[i] < limit):  # the window ends here: touched cells tell their values
                for t in range(found):
                    c = touched[t]
                    both, told = state[c if narrow else c * FIELDS], c * _SHOWN
                    if flushed[c] != both & _EVENTS:
                        flushed[c] = both & _EVENTS
                        if narrow:
                            tell(state, c, LANES, squared, slots, shown, told)
                        else:
                            tell(state, c * FIELDS, 1, squared, slots, shown, told)
                    if long:
                        spot = spots[c]
                    base = beside[c, r]
                    if base >= 0 and kinds >= 4:  # two fours that may overlap
                        base += spot * width
                        copy_four(shown, told, board, base)
                        copy_four(shown, told + kinds - 4, board, base + kinds - 4)
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
                add_high, add_middle, add_low = square_of(amount if squared else 0)
                word = words[i] if coded else 0
                party = who[i] if counted else 0
                if narrow:
                    mask = masks[word]
                    before = seen[party] if seen_in[party] == turn else _ZERO
                    seen_in[party] = turn
                    seen[party] = before | mask
                    if mask & ~met:
                        for q in range(ptr[word], ptr[word + 1]):
                            if not met >> np.uint64(idx[q]) & _ONE:
                                touched[found] = idx[q]
                                found += 1
                        met |= mask
                    both = mask | (mask & ~before) << _HALF
                    for four in range(0, cells, 4):
                        add_four(state, four, both, amount, add_low, add_middle)
                        if least:
                            least_four(state, four, both, amount)
                    if add_high:
                        for q in range(ptr[word], ptr[word + 1]):
                            state[HIGH * LANES + idx[q]] += add_high
                    i -= 1
                    continue
                marks = party * wide
                if seen_in[party] != turn:
                    seen_in[party] = turn
                    for k in range(marks, marks + wide):
                        seen[k] = _ZERO
                for q in range(ptr[word], ptr[word + 1]):
                    c = int(idx[q])
                    cell = c * FIELDS
                    if state[cell + BOTH] == 0:
                        touched[found] = c
                        found += 1
                        if long:
                            spots[c], found_row[told_cells], found_cell[told_cells] = told_cells, row, c
                            out[told_cells, :] = nothing
                            told_cells += 1
                    bit = np.uint64(c & 63)
                    mark = seen[marks + (c >> 6)]
                    seen[marks + (c >> 6)] = mark | (_ONE << bit)
                    state[cell + BOTH] += 1 + (np.int64((mark >> bit & _ONE) ^ _ONE) << 32)
                    state[cell + TOTAL] += amount
                    state[cell + LOW] += add_low
                    state[cell + MIDDLE] += add_middle
                    state[cell + HIGH] += add_high
                    state[cell + MOST] = max(state[cell + MOST], amount)
                    state[cell + LEAST] = min(state[cell + LEAST], amount)
            i -= 1
        if narrow and found:  # as they were
            flushed[:] = 0
            clear(state, LANES)
        for t in range(0 if narrow else found):
            cell = touched[t] * FIELDS
            flushed[touched[t]] = 0
            clear(state[cell : cell + FIELDS], 1)
        if columnar and (held == CORNER - 1 or row == end_row - 1):
            turn_over(corner, begun, held + 1, first_out + row - held, out)
    return told_cells
