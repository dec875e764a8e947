import json
import os
from calendar import isleap
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dandelion.core import BadInput, instant
from dandelion.lending import Lending, Packs, Products, annual_irr_ppm, due_days, plan
from dandelion.lending.days import date_of, day_number
from dandelion.lending.schedule import METHODS, equal_instalments, half_up

VECTORS = Path(os.environ.get("DANDELION_DATA", "../shared/data")) / "lending" / "instalment_vectors.json"
NOW = instant("2026-03-31T04:00:00Z")


def plain_cases() -> list[dict]:
    """Published cases of one disbursement without later changes: what an equal-instalment schedule must reproduce."""
    if not VECTORS.exists():
        return []
    return [case for case in json.loads(VECTORS.read_text()) if case["ndisb"] == 1 and not case["other"]]


def factor(case: dict, start: str, end: str) -> Fraction:
    rate, begin, until = Fraction(Decimal(case["rate"])) / 100, date.fromisoformat(start), date.fromisoformat(end)
    if case["dim"] == "DAYS_30":
        return rate * 30 * case["every"] / 360
    days = (until - begin).days
    year = {"DAYS_365": 365, "DAYS_360": 360, "DAYS_364": 364}.get(case["diy"], 366 if isleap(begin.year) else 365)
    return rate * days / year


def published_factor(case: dict, period: int) -> Fraction:
    texts = [text for n, _, text in case["check"] if int(n) == period]
    return Fraction(Decimal(texts[-1].split(",")[1].strip()))


def test_published_instalment_schedules_are_reproduced_to_the_cent() -> None:
    cases = plain_cases()
    if not cases:
        pytest.skip(f"no published schedules at {VECTORS}; set DANDELION_DATA to a folder that has them")
    assert len(cases) >= 8
    for case in cases:
        factors = [factor(case, *period) for period in case["periods"]]
        if any(a[1] != b[0] for a, b in pairwise(case["periods"])):  # gaps between periods: take the published factors
            factors = [published_factor(case, n) for n in range(len(factors))]
        rows = equal_instalments(int(Decimal(case["amount"]) * 100), factors)
        for period, _part, text in case["check"]:
            numbers = [int(Decimal(x.strip()) * 100) for x in text.split(",")]
            row = rows[int(period)]
            wanted = (numbers[0], *numbers[-3:])
            assert (row.total_fen, row.interest_fen, row.principal_fen, row.balance_fen) == wanted, case["name"]


@given(
    st.sampled_from(METHODS),
    st.integers(100, 10**9),
    st.integers(1, 36),
    st.integers(0, 360_000),
    st.integers(0, 20_000),
)
def test_every_schedule_repays_exactly_what_was_drawn(
    method: str, fen: int, periods: int, rate: int, start: int
) -> None:
    rows = plan(method, fen, start, due_days(start, periods=periods, every_months=1), rate, 360)
    assert sum(row.principal_fen for row in rows) == fen
    assert rows[-1].balance_fen == 0
    assert all(row.interest_fen >= 0 and row.principal_fen >= 0 for row in rows)
    if method != "equal_instalment":
        exact, balance, last = Fraction(0), fen, start
        for row in rows:
            exact += Fraction(balance * rate * (row.day - last), 360_000_000)
            balance, last = balance - row.principal_fen, row.day
        assert sum(row.interest_fen for row in rows) == half_up(exact)


def test_a_line_drawn_on_the_31st_falls_due_on_the_last_day_of_shorter_months() -> None:
    days = due_days(day_number(date(2026, 1, 31)), periods=3, every_months=1)
    assert [str(date_of(day)) for day in days] == ["2026-02-28", "2026-03-31", "2026-04-30"]


def test_ten_thousand_lent_against_twelve_times_925_is_not_eleven_percent() -> None:
    start = day_number(date(2026, 1, 1))
    days = due_days(start, periods=12, every_months=1)
    flows = [(start, -1_000_000), *((day, 92_500) for day in days)]
    assert 12 * 92_500 - 1_000_000 == 110_000, "the nominal field says 11 %"
    assert 195_000 < annual_irr_ppm(flows) < 199_000, "the money costs 19.7 %"


def slow_irr(flows: list[tuple[int, int]]) -> float:
    """Bisection on the monthly rate: the oracle."""
    low, high = 0.0, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        value = sum(fen / (1 + middle) ** ((day - flows[0][0]) * 12 / 365) for day, fen in flows)
        low, high = (middle, high) if value > 0 else (low, middle)
    return low * 12e6


@given(st.integers(10_000, 10**8), st.integers(1, 24), st.integers(10_000, 400_000), st.sampled_from(METHODS))
def test_the_internal_rate_equals_bisection(fen: int, periods: int, rate: int, method: str) -> None:
    rows = plan(method, fen, 20_000, due_days(20_000, periods=periods, every_months=1), rate, 360)
    flows = [(20_000, -fen), *((row.day, row.total_fen) for row in rows)]
    assert abs(annual_irr_ppm(flows) - slow_irr(flows)) < 2


def test_a_quote_says_the_annual_simple_rate_first_and_refuses_what_breaks_the_cap() -> None:
    lending = Lending(Packs.load(), Products.load())
    offer = lending.quote("shop-line", "micro_loan", 1_000_000, 144_000, NOW)
    assert offer.lines[0] == "年化利率（单利）14.4 %"
    assert "每 1 万元每天" in offer.lines[-1]
    assert offer.total_cost_fen == sum(row.interest_fen for row in offer.instalments)
    assert offer.annual_irr_ppm > 144_000, "360 days a year cost more than the nominal rate"
    fifty = lending.quote("shop-line", "micro_loan", 1_000_000, 144_000, NOW, days=50)
    assert (fifty.total_cost_fen, len(fifty.instalments)) == (20_000, 1)
    with pytest.raises(BadInput, match="internal rate"):
        lending.quote("shop-line", "micro_loan", 1_000_000, 240_000, NOW)
    for bad in (0, -1):
        with pytest.raises(BadInput, match="amount_fen"):
            lending.quote("shop-line", "micro_loan", bad, 144_000, NOW)
