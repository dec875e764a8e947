"""The indicative limit is the product's own arithmetic without a PD, and never rises when the evidence falls."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion.app.assess.payments_limit import (
    Evidence,
    affordable_fen,
    dearest_rate_ppm,
    indicative_limit,
    product,
    rules,
)
from dandelion.app.assess.payments_relations import UNSEEN
from dandelion.app.assess.payments_result import Payers, Shape
from dandelion.policy import MoneyFacts
from dandelion.policy.offer import Adjustments, capacity, solve

GOOD = Evidence(
    history_days=184, quiet_days=0, payments_365d=2_400, payers=Payers(180, 280, 1_200, 0.3, 0.05),
    month_fen=1_500_000, prudent_fen=1_300_000, whole_spans=6, change_90d=0.02, refund_share_90d=0.01, circular_share=0.0,
    shape=UNSEEN,
)  # fmt: skip
MONEY = st.integers(0, 50_000_000)


@settings(deadline=None)
@given(MONEY, MONEY)
def test_affordability_is_what_the_offer_counts_at_the_same_rate(month: int, prudent: int) -> None:
    """The room's own solver, given one rate and no risk, finds the same largest affordable limit."""
    terms = product()
    money = MoneyFacts(turnover_month_fen=month, forecast_q10_fen=6 * prudent)
    rate = dearest_rate_ppm(terms)
    ours = affordable_fen(terms, capacity(terms, money), rate)
    offer = solve(terms, 1, money, Adjustments(), licence_type=rules()["licence"])
    at_cheapest = affordable_fen(terms, capacity(terms, money), int(terms.rates[0]))
    if offer.limit_fen:
        assert offer.caps_fen["affordability"] == affordable_fen(terms, capacity(terms, money), offer.rate_ppm)
    assert ours <= at_cheapest


@settings(deadline=None)
@given(MONEY, MONEY, MONEY, MONEY)
def test_more_verified_money_never_lowers_the_limit(month: int, more: int, prudent: int, better: int) -> None:
    """With the month fixed a stronger weakest month never lowers the limit, nor a stronger month at a fixed outside due."""
    low = indicative_limit(replace(GOOD, month_fen=month, prudent_fen=prudent))
    high = indicative_limit(replace(GOOD, month_fen=month, prudent_fen=prudent + better))
    assert high.fen >= low.fen
    both = indicative_limit(replace(GOOD, month_fen=month + more, prudent_fen=prudent + more))
    assert both.fen >= low.fen


@settings(deadline=None)
@given(MONEY, MONEY)
def test_the_limit_is_on_the_grid_within_every_cap_and_has_one_to_four_reasons(month: int, prudent: int) -> None:
    limit = indicative_limit(replace(GOOD, month_fen=month, prudent_fen=prudent))
    assert limit.fen == 0 or limit.fen in product().limits.tolist()
    assert all(limit.fen <= cap for cap in limit.caps_fen.values())
    assert 1 <= len(limit.reasons) <= 4
    assert all(r.zh and r.en and r.change_zh and r.change_en for r in limit.reasons)
    assert not any("{" in text for r in limit.reasons for text in (r.zh, r.en, r.change_zh, r.change_en))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"history_days": 30}, "history_short"),
        ({"payments_365d": 12}, "payments_few"),
        ({"payers": Payers(3, 4, 40, None, None)}, "payers_few"),
        ({"quiet_days": 45}, "quiet"),
        ({"month_fen": 0}, "nothing_verified"),
        ({"month_fen": -5}, "nothing_verified"),
        ({"circular_share": 0.5}, "circular_stop"),
        ({"shape": Shape("yarn_ball", 0.4, 20, "", "")}, "yarn_ball"),
    ],
)
def test_what_is_missing_is_a_reason_and_no_limit(change: dict[str, object], code: str) -> None:
    limit = indicative_limit(replace(GOOD, **change))  # type: ignore[arg-type]
    assert limit.fen == 0
    assert limit.reasons[0].code == code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"payers": Payers(180, 280, 1_200, 0.3, 0.6)}, "top_payer"),
        ({"change_90d": -0.5}, "falling"),
        ({"refund_share_90d": 0.2}, "refunds"),
        ({"circular_share": 0.1}, "circular"),
        ({"shape": Shape("between", 0.05, 20, "", "")}, "between"),
    ],
)
def test_what_speaks_against_the_turnover_lowers_its_cap_and_says_so(change: dict[str, object], code: str) -> None:
    plain, held = indicative_limit(GOOD), indicative_limit(replace(GOOD, **change))  # type: ignore[arg-type]
    assert held.caps_fen["turnover"] < plain.caps_fen["turnover"]
    assert code in [reason.code for reason in held.reasons]
    assert held.fen <= plain.fen


def test_the_figure_that_a_reason_names_does_bring_the_next_limit() -> None:
    weak = replace(GOOD, prudent_fen=1_000_000)
    limit = indicative_limit(weak)
    assert limit.binding == "affordability"
    goal = int(limit.reasons[0].change_en.split("¥")[1].split(" ")[0].replace(",", "")) * 100
    better = indicative_limit(replace(weak, prudent_fen=goal))
    assert better.fen == product().next_limit(limit.fen)
    assert indicative_limit(replace(weak, prudent_fen=goal - 200)).fen == limit.fen


def test_no_reason_speaks_of_one_payer() -> None:
    held = indicative_limit(replace(GOOD, payers=Payers(180, 280, 1_200, 0.3, 0.6)))
    words = " ".join(f"{reason.en} {reason.change_en}" for reason in held.reasons)
    assert "single" not in words
    assert "the payer" not in words
