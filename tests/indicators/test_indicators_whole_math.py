"""Arithmetic of the state against Python's own whole numbers and decimals."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion.indicators.whole_math import add_square, deviation, logarithm, multiply, times_log

_WORD = 2**64


@settings(deadline=None)
@given(st.integers(0, _WORD - 1), st.integers(0, _WORD - 1))
def test_products_are_whole(a: int, b: int) -> None:
    high, low = multiply(np.uint64(a), np.uint64(b))
    assert int(high) * _WORD + int(low) == a * b


NUMBERS = st.integers(-(2**58), 2**58) | st.integers(-100, 100) | st.sampled_from([2**31, 2**32 - 1, 3_000_000_001])


@settings(max_examples=300, deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=9), st.integers(1, 2**30))
def test_a_deviation_is_exact_up_to_its_root(values: list[int], times: int) -> None:
    if abs(sum(values)) * times >= 2**62:
        times = 1
    high, low = np.uint64(0), np.uint64(0)
    for value in values:
        high, low = (np.uint64(limb) for limb in add_square(high, low, np.int64(value)))
    squares, n, total = (int(high) * _WORD + int(low)) * times, len(values) * times, sum(values) * times
    if squares >= 2**128:
        return
    wanted = math.sqrt(n * squares - total * total) / n
    assert deviation(n, total, np.uint64(squares // _WORD), np.uint64(squares % _WORD)) == wanted


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 2**57) | st.integers(1, 1000))
def test_logarithms_are_near_the_true_ones_and_whole_after_scaling(whole: int) -> None:
    with localcontext() as context:
        context.prec = 40
        true = Decimal(whole).ln()
        assert abs(Decimal(float(logarithm(whole))) - true) <= Decimal(2) ** -52 * (1 + abs(true))
        floor, part = times_log(whole)
        assert (
            abs(int(floor) + Decimal(int(part)) / 2**32 - whole * true)
            <= whole * true * Decimal(2) ** -50 + Decimal(2) ** -31
        )
