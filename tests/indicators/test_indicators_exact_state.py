"""Whole numbers as floats, division without dividing, deviations and cells side by side, sums of parties: each against the
slow way, bit for bit."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from dandelion.indicators import finishing as f
from dandelion.indicators import merge_steps
from dandelion.indicators.bits import as_float, over
from dandelion.indicators.merge_lanes import COUNT, FIELDS, FIRST, HIGH, LAST, LEAST, LOW, MOST, TOTAL
from dandelion.indicators.party_steps import AT_ONCE, by_party, party_sums
from dandelion.indicators.steps import HIGHEST, NOTHING
from dandelion.indicators.whole_math import deviation, times_log, times_logs


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


@settings(max_examples=1_000, deadline=None)
@given(
    st.integers(-(2**63), 2**63 - 1) | st.integers(-(2**20), 2**20), st.integers(1, 2**27 - 1) | st.integers(1, 800),
    st.integers(0, 20),
)  # fmt: skip
def test_what_is_worked_out_without_a_division_is_the_quotient(x: int, whole: int, power: int) -> None:
    divisor = float(whole << power)
    assert over(float(x), divisor, 1.0 / divisor) == float(x) / divisor


def test_quotients_by_every_length_of_a_window_in_days_and_by_a_day() -> None:
    many = np.random.default_rng(2311).integers(-(2**53), 2**53, 20_000).astype(np.float64)
    for divisor in (*np.arange(1.0, 731.0, 7.0), 73_000.0, 86_400e6):
        assert [over(x, divisor, 1.0 / divisor) for x in many[:500]] == (many[:500] / divisor).tolist()


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**57 - 1) | st.integers(0, 9), min_size=1, max_size=70))
def test_logarithms_of_many_sums_are_those_of_each(sums: list[int]) -> None:
    given = np.array(sums, np.int64)
    wholes, parts = np.empty_like(given), np.empty_like(given)
    times_logs(len(given), given, wholes, parts)
    assert list(zip(wholes, parts, strict=True)) == [times_log(s) if s else (0, 0) for s in given]


AMOUNTS = st.integers(-(2**62), 2**62) | st.integers(-9, 9)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), AMOUNTS, st.integers(0, 9)), max_size=30), st.booleans(),
)  # fmt: skip
def test_cells_hold_what_their_events_add_up_to(events: list[tuple[int, int, int, int]], in_order: bool) -> None:
    """Events are (ring, pattern, amount, day), newest first; pattern p is in the cells ``p, p + 1, ...`` of five.  Days may come
    again, as where clocks are set back over midnight: then day and next day alternate."""
    events = sorted(events, key=lambda event: (event[0], -event[3]))
    if not in_order:
        events = [
            (ring, pattern, amount, 4 + (place % 3 == 0)) for place, (ring, pattern, amount, _) in enumerate(events)
        ]
    else:
        day = 9
        for place, (ring, pattern, amount, off) in enumerate(events):
            day -= off % 2
            events[place] = (ring, pattern, amount, day)
    cells, patterns, rings = 5, 4, 3
    ends = np.array([[0, *(sum(e[0] <= ring for e in events) for ring in range(rings))]], np.int64)[0]
    pattern, value, day_of = (np.array([event[i] for event in events], np.int64) for i in (1, 2, 3))
    at = np.arange(len(events), 0, -1, np.int64) * 7
    ptr = np.cumsum([0, *(cells - p for p in range(patterns))])
    idx = np.array([c for p in range(patterns) for c in range(p, cells)], np.int32)
    told = np.array([[ring, what, (ring * (FIELDS + 1) + what) * cells, 0, cells]
                     for ring in range(rings) for what in range(FIELDS + 1)], np.int64)  # fmt: skip
    state = np.empty(rings * (FIELDS + 1) * cells, np.int64)
    merge_steps.merge(
        ends, pattern, np.arange(len(events)), value, at, day_of, True, ptr, idx, cells, told,
        np.empty(merge_steps.CARRIED * patterns, np.int64), np.zeros(patterns, np.int64), 1, np.empty(patterns, np.int64),
        np.empty(merge_steps.CARRIED * cells, np.int64), state,
    )  # fmt: skip
    for ring in range(rings):
        found = state.reshape(rings, FIELDS + 1, cells)[ring]
        for cell in range(cells):
            mine = [m for m, event in enumerate(events) if event[0] <= ring and event[1] <= cell]
            amounts, times = [events[m][2] for m in mine], [int(at[m]) for m in mine]
            squares = sum(amount * amount for amount in amounts)
            limbs = [int(np.uint64(found[field, cell])) for field in (HIGH, LOW)]
            assert limbs == [squares >> 64 & (2**64 - 1), squares & (2**64 - 1)]
            assert found[COUNT, cell] == len(mine)
            assert int(np.uint64(found[TOTAL, cell])) == sum(amounts) % 2**64
            assert found[LEAST, cell] == min(amounts, default=HIGHEST)
            assert found[MOST, cell] == max(amounts, default=NOTHING)
            assert found[FIRST, cell] == min(times, default=NOTHING)
            assert found[LAST, cell] == max(times, default=NOTHING)
            assert found[merge_steps.DAYS, cell] == len({events[m][3] for m in mine})


def test_the_spread_of_many_parties_sums_is_that_of_each() -> None:
    """More sums than are given to their cells at once."""
    random = np.random.default_rng(2312)
    size, cells, windows = 4_000, 3, 3
    ring = np.sort(random.integers(0, windows + 1, size))
    pattern, who, value = random.integers(0, 4, size), random.integers(0, 900, size), random.integers(0, 9_000, size)
    ptr, idx = np.array([0, 1, 3, 5, 6]), np.array([0, 0, 1, 0, 2, 1], np.int32)
    order = np.empty(size, np.int64)
    by_party(size, np.arange(size), who, np.empty(size + 8, np.int64), order)
    state = np.empty(4 * windows * cells, np.int64)
    party_sums(
        size, ring, np.arange(windows), pattern, np.arange(size), who, value, ptr, idx, cells, windows, 0, windows * cells,
        order, np.empty(1 + cells * (5 + 4 * windows), np.int64), state,
    )  # fmt: skip
    top, total, whole, part = state.reshape(4, windows, cells)
    given = 0
    for window in range(windows):
        for cell in range(cells):
            sums: dict[int, int] = {}
            for when, shape, party, amount in zip(ring, pattern, who, value, strict=True):
                if when <= window and cell in idx[ptr[shape] : ptr[shape + 1]]:
                    sums[int(party)] = sums.get(int(party), 0) + int(amount)
            logs = [times_log(s) for s in sums.values() if s]
            given += len(sums)
            assert (top[window, cell], total[window, cell]) == (max(sums.values()), sum(sums.values()))
            assert whole[window, cell] == sum(w for w, _ in logs) and part[window, cell] == sum(p for _, p in logs)
    assert given > 2 * AT_ONCE


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
