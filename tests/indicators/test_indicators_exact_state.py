"""Whole numbers as floats, deviations side by side, largest sums that fall: each against the slow way, bit for bit."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from dandelion.indicators import finishing as f
from dandelion.indicators.bits import as_float
from dandelion.indicators.party_steps import by_party, party_sums
from dandelion.indicators.whole_math import deviation


@njit
def _floats(numbers, out):  # type: ignore[no-untyped-def]
    for j in range(len(numbers)):
        out[j] = as_float(numbers[j])


@settings(deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=40))
def test_a_whole_number_becomes_the_nearest_float(numbers: list[int]) -> None:
    numbers += [0, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63), 2**32, 2**32 - 1]
    whole = np.array(numbers, np.int64)
    out = np.empty(len(whole))
    _floats(whole, out)
    assert out.tobytes() == np.array([float(number) for number in numbers]).tobytes()


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(-(2**45), 2**45), max_size=4), min_size=1, max_size=9), st.booleans())
def test_deviations_are_told_alike_beside_small_and_beside_large_squares(cells: list[list[int]], large: bool) -> None:
    """Cells are worked out together; each must be what it is by `deviation` alone."""
    cells = [*cells, [3, 5, 9], [], [2**44, 1] if large else [7]]
    n, total = (np.array([kind(cell) for cell in cells], np.int64) for kind in (len, sum))
    squares = [sum(amount * amount for amount in cell) for cell in cells]
    high = np.array([number >> 64 for number in squares], np.int64)
    low = np.array([number & (2**64 - 1) for number in squares], np.uint64).view(np.int64)
    out = np.empty(len(cells))
    f._deviations(len(cells), total, n, high, low, out)
    with np.errstate(all="ignore"):
        alone = [
            deviation(n[j], total[j], np.uint64(squares[j] >> 64), low.view(np.uint64)[j]) for j in range(len(cells))
        ]
    missing = np.isnan(out)
    assert (missing == np.isnan(alone)).all() and (out[~missing] == np.array(alone)[~missing]).all()


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 4), st.integers(-9, 9)), max_size=40))
def test_the_largest_sum_of_a_party_in_each_window_where_sums_fall(events: list[tuple[int, int, int, int]]) -> None:
    """Events are (ring, pattern, party, amount); pattern p is in the cells below p, a fourth ring is in no window."""
    events = sorted([*events, (0, 2, 0, -1)], key=lambda event: event[0])  # one falls at least
    ring, pattern, who, value = (np.array([event[i] for event in events], np.int64) for i in range(4))
    ptr, idx, cells, windows, rings = np.array([0, 0, 1, 3]), np.array([0, 0, 1], np.int32), 2, 3, 3
    place, order = np.arange(len(events)), np.empty(len(events), np.int64)
    by_party(len(events), place, who, np.empty(len(events) + 8, np.int64), order)
    state = np.full(windows * cells, 7, np.int64)
    party_sums(
        len(events), ring, np.arange(rings), pattern, place, who, value, ptr, idx, cells, windows, 0, -1, order,
        np.empty(cells * (9 + 4 * windows), np.int64), state,
    )  # fmt: skip
    for window in range(windows):
        for cell in range(cells):
            sums: dict[int, int] = {}
            for when, shape, party, amount in events:
                if when <= window and cell in idx[ptr[shape] : ptr[shape + 1]]:
                    sums[party] = sums.get(party, 0) + amount
            assert state[window * cells + cell] == max([0, *sums.values()])
