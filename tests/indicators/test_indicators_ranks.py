"""Quantiles by counting bits are those of sorting, whatever the values and the number of events."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion.indicators.bits import kth
from dandelion.indicators.rank_steps import ranks, sort_by_value

EXTREME = (np.iinfo(np.int64).min, np.iinfo(np.int64).max)


@given(st.integers(1, 2**64 - 1), st.integers(0, 63))
def test_the_kth_bit_has_k_ones_below_it(word: int, k: int) -> None:
    places = [place for place in range(64) if word >> place & 1]
    assert kth(np.uint64(word), k % len(places)) == places[k % len(places)]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 900), st.integers(0, 2**32), st.sampled_from([(-3, 3), (0, 10**9), EXTREME]))
def test_events_are_sorted_by_value_and_those_of_equal_values_stay_in_order(
    n: int, seed: int, span: tuple[int, int]
) -> None:
    random = np.random.default_rng(seed)
    value = random.integers(*span, n, endpoint=True)
    place, order, spare = random.permutation(n), np.empty(n, np.int64), np.empty(n, np.int64)
    sort_by_value(n, place, value, order, spare)
    np.testing.assert_array_equal(order, np.argsort(value[place], kind="stable"))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 900), st.integers(0, 2**32), st.sampled_from([(-3, 3), (0, 10**9)]))
def test_quantiles_of_every_cell_and_window_are_those_of_its_sorted_values(
    n: int, seed: int, span: tuple[int, int]
) -> None:
    random = np.random.default_rng(seed)
    cells, windows, rings = 5, 3, 4
    value, pattern = random.integers(*span, n), random.choice(4, n, p=(0.6, 0.3, 0.09, 0.01))
    ring_of, window_of = np.sort(random.integers(0, rings + 1, n)), np.array([0, 1, 1, 2])
    ptr, idx = np.array([0, 2, 4, 6, 7]), np.array([0, 1, 0, 2, 0, 3, 4], np.int32)
    place, order, spare = np.arange(n), np.empty(n, np.int64), np.empty(n, np.int64)
    sort_by_value(n, place, value, order, spare)
    out = np.full(3 * windows * cells, -1)
    ranks(n, ring_of, window_of, pattern, place, value, ptr, idx, cells, windows, order, out)
    for window in range(windows):
        young = (ring_of < rings) & (np.append(window_of, windows)[ring_of] <= window)
        for cell in range(cells):
            mine = np.sort(value[young & np.array([cell in idx[ptr[p] : ptr[p + 1]] for p in pattern])])
            ends = [-(-len(mine) // 10), -(-len(mine) // 2), -(-9 * len(mine) // 10)]
            found = [out[(a * windows + window) * cells + cell] for a in range(3)]
            assert found == ([mine[end - 1] for end in ends] if len(mine) else [0, 0, 0])
