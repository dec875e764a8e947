"""Offers and the budget: against brute force on small cases and an exact knapsack on larger ones."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion.app.assess.invoices_firms import Churn
from dandelion.app.assess.invoices_licence import licence_bounds
from dandelion.app.assess.invoices_offers import RateTable, affordable, offers, realised_profit
from dandelion.app.assess.invoices_portfolio import spend
from dandelion.app.assess.invoices_settings import settings as shipped
from dandelion.core import BadInput

RULES, GRADES = shipped().offer, shipped().grades
few = settings(max_examples=30, deadline=None)
CHURN = Churn(np.array([40_000, 80_000, 120_000, 150_000]), np.array([[0, 0.4, 0.6, 0.9]] * 3))
RATES = RateTable.of(CHURN, RULES, 240_000)
cases = st.lists(st.tuples(st.floats(0.001, 0.3), st.integers(0, 9_000_000), st.integers(0, 3)), min_size=1, max_size=5)


def book(firms, rules=RULES):
    pd, sales, unit = (np.array(v) for v in zip(*firms, strict=True))
    return offers(pd.astype(float), sales.astype(np.int64) * 100, RATES, rules, GRADES), unit.astype(np.int64)


@few
@given(cases, st.integers(0, 250))
def test_the_budget_is_spent_as_well_as_the_bound_allows_on_a_coarse_grid(firms, tens):
    coarse = dataclasses.replace(RULES, limit_step_yuan=300_000)
    made, unit = book(firms, coarse)
    budget = tens * 10_000
    got = spend(made, unit, budget)
    best = 0.0
    options = [[(0, 0.0)] + [
        (int(limit), float(made.profit[i, k])) for i in np.flatnonzero(unit == u)
        for k, limit in enumerate(made.limit_yuan) if np.isfinite(made.profit[i, k])
    ] for u in np.unique(unit)]  # fmt: skip
    for choice in itertools.product(*options):
        if sum(limit for limit, _ in choice) <= budget:
            best = max(best, sum(profit for _, profit in choice))
    assert got.profit_yuan <= best + 1e-6 <= got.bound_yuan + 1e-3
    assert got.spent_yuan <= budget


@few
@given(cases, st.integers(0, 300))
def test_a_group_gets_at_most_one_line_and_no_firm_more_than_it_can_carry(firms, tens):
    made, unit = book(firms)
    got = spend(made, unit, tens * 10_000)
    for u in np.unique(unit):
        assert (got.limit_yuan[unit == u] > 0).sum() <= 1
    assert (got.limit_yuan <= made.affordable_yuan).all()
    assert all(limit == 0 or limit >= RULES.limit_min_yuan for limit in got.limit_yuan)
    assert (got.limit_yuan % RULES.limit_step_yuan == 0).all()


def test_on_two_hundred_firms_the_gap_to_an_exact_knapsack_is_under_a_thousandth():
    random = np.random.default_rng(310)
    firms = [(p, s, i) for i, (p, s) in enumerate(zip(random.uniform(0.002, 0.06, 200), random.integers(5e5, 2e7, 200), strict=True))]  # fmt: skip
    made, unit = book(firms)
    budget = 30_000_000
    got = spend(made, unit, budget)
    step = RULES.limit_step_yuan
    value = np.zeros(budget // step + 1)
    for i in range(200):
        best = value.copy()
        for k in np.flatnonzero(np.isfinite(made.profit[i]) & (made.profit[i] > 0)):
            weight = int(made.limit_yuan[k]) // step
            best[weight:] = np.maximum(best[weight:], value[: len(value) - weight] + made.profit[i, k])
        value = best
    assert got.profit_yuan <= value[-1] + 1e-6 <= got.bound_yuan + 1e-3
    assert got.profit_yuan >= value[-1] * 0.999
    assert got.gap < 0.001


@few
@given(st.floats(0.0, 0.19), st.integers(500_000, 20_000_000))
def test_the_best_rate_is_the_best_of_all_rates_tried_one_by_one(pd, sales):
    made, _ = book([(pd, sales, 0)])
    for k, limit in enumerate(made.limit_yuan.tolist()):
        if limit > made.affordable_yuan[0]:
            assert made.profit[0, k] == -np.inf
            continue
        risk = min(pd * (1 + 0.5 * limit / made.affordable_yuan[0]), 1)
        tried = [
            kept * (((1 - risk) * rate / 1e6 - risk * 0.6 - 0.02) * limit - 500)
            for rate, kept in zip(RATES.rate_ppm, RATES.kept[made.grade[0]], strict=True)
        ]
        assert made.profit[0, k] == pytest.approx(max(tried))
        assert tried[made.best_rate[0, k]] == pytest.approx(max(tried))


def test_a_riskier_firm_never_earns_more():
    made, _ = book([(p, 8_000_000, i) for i, p in enumerate(np.linspace(0.001, 0.19, 40))])
    assert (np.diff(made.profit.max(axis=1)) <= 1e-9).all()


def test_grade_d_and_barred_firms_get_no_offer():
    pd, sales = np.array([0.25, 0.01]), np.array([10**9, 10**9])
    made = offers(pd, sales, RATES, RULES, GRADES, np.array([False, True]))
    assert not np.isfinite(made.profit).any()


def test_turnover_carries_the_limit_in_whole_steps():
    got = affordable(np.array([49_999_999, 50_000_000, 259_999_900, 10**12, -5]), RULES)
    assert got.tolist() == [0, 100_000, 510_000, 1_000_000, 0]


def test_customers_kept_never_rise_with_the_rate_and_the_cap_cuts_the_table():
    wavy = Churn(np.array([40_000, 80_000, 120_000]), np.array([[0.1, 0.5, 0.4]] * 3))
    table = RateTable.of(wavy, RULES, 100_000)
    assert table.rate_ppm.tolist() == [40_000, 80_000]
    assert RateTable.of(wavy, RULES, 240_000).kept[0].tolist() == [0.9, 0.5, 0.5]
    with pytest.raises(BadInput, match=r"licence's cap"):
        RateTable.of(wavy, RULES, 10_000)


def test_realised_profit_counts_interest_of_goods_and_losses_of_bads():
    got = realised_profit(
        np.array([100_000, 100_000, 0]), np.array([80_000, 80_000, 0]), np.array([0.5, 0.5, 0.0]),
        np.array([0, 1, 1], np.int8), RULES,
    )  # fmt: skip
    assert got.tolist() == pytest.approx([0.5 * (8000 - 2000 - 500), 0.5 * (-60_000 - 2000 - 500), 0.0])


def test_the_nominal_rate_cap_keeps_monthly_interest_within_the_licence():
    from datetime import date

    bounds = licence_bounds("bank", date(2026, 1, 1))
    monthly = bounds.nominal_cap_ppm / 1e6 * 365 / 360 / 12
    assert (1 + monthly) ** 12 - 1 <= bounds.rate_cap_ppm / 1e6
    assert (1 + monthly) ** 12 - 1 == pytest.approx(bounds.rate_cap_ppm / 1e6, rel=1e-4)
