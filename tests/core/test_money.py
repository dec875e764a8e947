from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dandelion.core import BadInput, Money, Rate, split_fen


@given(st.integers(-(10**15), 10**15), st.lists(st.integers(0, 10**6), min_size=1, max_size=8).filter(any))
def test_a_split_sums_to_the_whole_and_no_part_is_off_by_a_fen_or_more(fen: int, weights: list[int]) -> None:
    parts = split_fen(fen, weights)
    assert sum(parts) == fen
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(fen * weight, sum(weights))) < 1


@given(st.integers(-(10**14), 10**14))
def test_yuan_text_and_fen_say_the_same(fen: int) -> None:
    sign, whole = ("-", -fen) if fen < 0 else ("", fen)
    assert Money.yuan(f"{sign}{whole // 100}.{whole % 100:02d}").fen == fen


@pytest.mark.parametrize("text", ["1.234", "abc", "", "1e5", "NaN", "--1", 1.5])
def test_what_is_not_an_amount_is_refused_with_its_field(text: object) -> None:
    with pytest.raises(BadInput) as error:
        Money.yuan(text)  # type: ignore[arg-type]
    assert error.value.field == "yuan"


def test_money_outside_64_bits_and_mixed_currencies_are_refused() -> None:
    with pytest.raises(BadInput):
        Money(2**63)
    with pytest.raises(BadInput):
        Money(1, "CNY") + Money(1, "USD")


def test_a_rate_reads_percent_exactly() -> None:
    assert Rate.percent("10.95").ppm == 109_500
    assert str(Rate(109_500)) == "10.95 %"
    with pytest.raises(BadInput):
        Rate(-1)
