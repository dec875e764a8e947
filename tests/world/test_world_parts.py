"""The small parts: order of time, text of numbers, chances, groups and the calendar, each beside its slow double."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion.core import BadInput, day_of
from dandelion.world.almanac import HOLIDAYS, TZ, Almanac, days_from_new_year
from dandelion.world.draws import Purpose, chunks, generator, luck, quantile_table, spread, time_order, uniform
from dandelion.world.flows import MonthClock
from dandelion.world.names import scattered, text
from dandelion.world.people import settle


@given(st.lists(st.integers(-(2**62), 2**62), max_size=60), st.booleans())
def test_time_order_is_the_stable_order(instants: list[int], narrow: bool) -> None:
    at = np.array([value % 1000 for value in instants] if narrow else instants, np.int64)
    assert time_order(at).tolist() == sorted(range(len(at)), key=lambda row: at[row])


@given(st.lists(st.integers(0, 10**13), max_size=30))
def test_numbers_become_text_of_one_width_that_keeps_their_order(numbers: list[int]) -> None:
    words = text(np.array(numbers, np.int64), "x").to_pylist()
    assert [int(word[1:]) for word in words] == numbers
    assert len({len(word) for word in words}) <= 1


@given(st.lists(st.integers(0, 2**36 - 1), unique=True, max_size=50))
def test_scattered_numbers_stay_different_and_small(numbers: list[int]) -> None:
    out = scattered(np.array(numbers, np.int64), 36)
    assert len(set(out.tolist())) == len(numbers)
    assert all(0 <= value < 2**36 for value in out.tolist())


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=31))
def test_quantile_tables_draw_with_the_given_chances(weights: list[float]) -> None:
    drawn = np.bincount(quantile_table(weights)[0], minlength=len(weights)) / 4096
    assert np.abs(drawn - np.array(weights) / sum(weights)).max() <= 1.001 / 4096


@given(st.lists(st.integers(0, 9), max_size=20))
def test_spread_counts_each_row_its_items(counts: list[int]) -> None:
    owner, place = spread(np.array(counts, np.int64))
    assert list(zip(owner.tolist(), place.tolist(), strict=True)) == [
        (i, k) for i, n in enumerate(counts) for k in range(n)
    ]


@given(st.integers(0, 10**6), st.integers(1, 400), st.integers(1, 5))
def test_chunks_cover_everybody_once(seed: int, total: int, low: int) -> None:
    starts = chunks(generator(seed, Purpose.PEOPLE), total, low, low + 3)
    assert starts[0] == 0
    assert starts[-1] == total
    assert (np.diff(starts) > 0).all()
    assert np.diff(starts).max() <= low + 3


def test_hashed_luck_is_uniform_and_unrelated_between_months_and_streams() -> None:
    merchants = np.arange(20_000)
    first, later = (uniform(luck(310, "policy", merchants, month)) for month in (3, 4))
    other = uniform(luck(310, "book", merchants, 3))
    assert abs(first.mean() - 0.5) < 0.01
    assert np.abs(np.histogram(first, 10, (0, 1))[0] - 2_000).max() < 200
    assert abs(np.corrcoef(first, later)[0, 1]) < 0.03
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.03


@given(st.integers(0, 29), st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_instants_of_a_month_fall_on_its_days_in_china(month: int, seed: int) -> None:
    almanac = Almanac(30)
    clock = MonthClock.of(almanac, month)
    at = clock.instants(generator(seed, Purpose.TRADE), 0, 0, 50)
    first = almanac.month_days[month]
    assert {(day_of(int(a), TZ).year, day_of(int(a), TZ).month) for a in at} == {(first.year, first.month)}
    assert (almanac.month_of(at) == month).all()


def test_holidays_are_in_order_and_spring_festival_is_found() -> None:
    assert all(h.first <= h.last for h in HOLIDAYS)
    assert all(a.last < b.first for a, b in itertools.pairwise(HOLIDAYS))
    assert days_from_new_year(date(2025, 1, 28)) == -1
    assert days_from_new_year(date(2026, 2, 17) + timedelta(days=3)) == 3


def test_a_calendar_that_the_holiday_table_cannot_serve_is_refused() -> None:
    with pytest.raises(BadInput, match="months"):
        Almanac(43)


def test_everyone_has_a_household_a_circle_and_colleagues_and_mates_are_in_them() -> None:
    people = settle(5, 2_000)
    bits = luck(5, "mates", np.arange(2_000))
    for order in (people.household, people.circle, people.colleagues):
        mate = order.mate(np.arange(2_000), bits)
        assert sorted(order.members.tolist()) == list(range(2_000))
        assert (order.start[order.place[mate]] == order.start[order.place]).all()
        alone = order.size[order.place] == 1
        assert ((mate == np.arange(2_000)) == alone).all()
