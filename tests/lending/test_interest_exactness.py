from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from dandelion.lending.accrual import Carry, accrue, charged_fen
from dandelion.lending.schedule import half_up

spans = st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 360_000), st.integers(0, 400)), max_size=30)


@given(spans, st.sampled_from([360, 365]))
def test_carried_interest_equals_the_exact_fraction(parts: list[tuple[int, int, int]], year: int) -> None:
    carry, exact = Carry(0, 0), Fraction(0)
    for fen, rate, days in parts:
        carry = accrue(carry, weighted_fen_ppm=fen * rate, days=days, year_days=year)
        exact += Fraction(fen * rate * days, year * 1_000_000)
    assert carry.whole_fen + Fraction(carry.rest, year * 1_000_000) == exact
    assert charged_fen(carry, year, "half_up") == half_up(exact)
    assert charged_fen(carry, year, "down") == exact.numerator // exact.denominator


def test_a_day_at_a_time_is_the_same_as_all_at_once_and_rounding_each_day_is_not() -> None:
    daily, rounded = Carry(0, 0), 0
    for _ in range(365):
        daily = accrue(daily, weighted_fen_ppm=761_500 * 144_000, days=1, year_days=360)
        rounded += half_up(Fraction(761_500 * 144_000, 360_000_000))
    at_once = accrue(Carry(0, 0), weighted_fen_ppm=761_500 * 144_000, days=365, year_days=360)
    assert daily == at_once
    assert rounded != charged_fen(at_once, 360, "half_up")
