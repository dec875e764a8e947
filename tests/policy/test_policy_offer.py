"""The offer grid: within every cap, monotone in the PD, equal to a slow search, whole numbers only."""

from __future__ import annotations

import functools
import itertools
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from policy_samples import product

from dandelion.core import PPM
from dandelion.policy import MoneyFacts
from dandelion.policy.offer import Adjustments, capacity, fixed_caps, solve

fen = st.one_of(st.integers(0, 10**9), st.integers(10**7, 10**8))
facts = st.builds(
    MoneyFacts, turnover_month_fen=st.one_of(st.none(), fen), forecast_q10_fen=st.one_of(st.none(), fen),
    outside_due_month_fen=st.one_of(st.none(), st.just(0), st.integers(0, 10**7)), household_exposure_fen=st.integers(0, 10**8),
)  # fmt: skip
adjusts = st.builds(
    Adjustments, times_ppm=st.lists(st.integers(300_000, 2 * PPM), max_size=2).map(tuple),
    cap_fen=st.one_of(st.none(), st.integers(0, 10**8)), price_add_ppm=st.integers(-60_000, 60_000),
)  # fmt: skip
products = st.sampled_from(["shop-line", "invoice-line"])
licences = st.sampled_from(["bank", "bank", "micro_loan", "unknown"])
pds = st.one_of(st.integers(0, 60_000), st.integers(0, PPM))
legal = st.one_of(st.none(), st.none(), st.integers(0, 300_000))


@functools.cache
def quarter_doublings(elasticity_ppm):
    return [
        (int(Decimal(2) ** (Decimal(k) / 4) * PPM), Decimal(2) ** (Decimal(k) * elasticity_ppm / PPM / 4))
        for k in range(-32, 25)
    ]


@functools.lru_cache(maxsize=100_000)
def slow_strain(limit, turnover, elasticity_ppm, usual_ppm):
    """(limit / usual limit) ^ elasticity, by hand: the points a quarter of a doubling apart, straight lines between."""
    usual = max(turnover * usual_ppm // PPM, 1)
    ratio = min(max(limit * PPM // usual, PPM // 256), 64 * PPM)
    for (x0, y0), (x1, y1) in itertools.pairwise(quarter_doublings(elasticity_ppm)):
        if ratio <= x1:
            low, high = int(y0 * PPM), int(y1 * PPM)
            return low + (high - low) * (ratio - x0) // (x1 - x0)
    raise AssertionError(ratio)


def slow_offer(p, pd_ppm, money, adjust, licence, rate_cap):
    """The same offer by plain loops over Python ints, from the words of the module."""
    cost, terms = p.economics, p.affordability
    cap_rate = min(p.licence_rate_cap_ppm.get(licence, 0), 10 * PPM if rate_cap is None else rate_cap)
    rates = [int(r) for r in p.rates if r <= cap_rate]
    limits = [int(x) for x in p.limits if x <= min(fixed_caps(p, money, adjust, licence).values())]
    if p.grade(pd_ppm) is None or not rates:
        return None
    room, turnover = capacity(p, money), max(money.turnover_month_fen or 0, 1)

    def over_time(yearly):
        return yearly * cost.horizon_days // cost.year_days

    def profit(pd, limit, j):
        used = limit * int(p.use_ppm[j]) // PPM
        exposure = used + (limit - used) * cost.ccf_ppm // PPM
        strained = pd * slow_strain(limit, turnover, cost.pd_elasticity_ppm, cost.pd_elasticity_from_ppm) // PPM
        dearer = max(PPM + (rates[j] - cost.pd_price_from_ppm) // 100 * cost.pd_price_ppm // 100, 0)
        strained = min(strained * dearer // PPM, PPM)
        loss = exposure * (strained * cost.lgd_ppm // PPM) // PPM
        capital = over_time(used * cost.capital_ratio_ppm // PPM * cost.capital_cost_ppm // PPM)
        opex = cost.opex_line_fen + used * cost.opex_used_ppm // PPM
        interest = over_time(used * rates[j] // PPM)
        return interest - over_time(used * cost.funding_ppm // PPM) - opex - capital - loss

    def affordable(limit, j):
        return -(-limit // terms.instalment_months) + limit * rates[j] // PPM // 12 <= room

    def dearest(pd, limit):
        used = int(p.use_ppm[0])
        exposed = used + (PPM - used) * cost.ccf_ppm // PPM
        strained = pd * slow_strain(limit, turnover, cost.pd_elasticity_ppm, cost.pd_elasticity_from_ppm) // PPM
        yearly = strained * cost.lgd_ppm // PPM * cost.year_days // cost.horizon_days * exposed // max(used, 1)
        fixed = cost.funding_ppm + cost.opex_used_ppm * cost.year_days // cost.horizon_days
        return fixed + cost.capital_ratio_ppm * cost.capital_cost_ppm // PPM + yearly + p.margin_max_ppm

    def walk(allowed, capped=True):
        best_limit, path = None, []
        for g, pd in enumerate(int(x) for x in p.pd_grades[: p.grade(pd_ppm) + 1]):
            cells = [
                (-profit(pd, limit, j), j, limit)
                for j in allowed(g, path)
                for limit in limits
                if (capped is False or j == 0 or rates[j] <= dearest(pd, limit))
                if (best_limit is None or limit <= best_limit) and affordable(limit, j)
            ]
            cells = [c for c in cells if -c[0] >= cost.profit_min_fen]
            if not cells:
                return None
            _, j, best_limit = min(cells)
            path.append((j, best_limit))
        return path

    plain = walk(lambda g, path: range(path[-1][0] if path else 0, len(rates)))
    if plain is None:
        return None
    if adjust.price_add_ppm:
        moved = [min(sum(1 for r in rates if r < rates[j] + adjust.price_add_ppm), len(rates) - 1) for j, _ in plain]
        plain = walk(lambda g, path: [moved[g]], capped=False)
        if plain is None:
            return None
    j, limit = plain[-1]
    return limit, rates[j]


@settings(max_examples=120, deadline=None)
@given(products, pds, facts, adjusts, licences, legal)
def test_the_grid_equals_a_slow_search(name, pd_ppm, money, adjust, licence, rate_cap):
    p = product(name)
    offer = solve(p, pd_ppm, money, adjust, licence_type=licence, rate_cap_ppm=rate_cap)
    slow = slow_offer(p, pd_ppm, money, adjust, licence, rate_cap)
    assert ((offer.limit_fen, offer.rate_ppm) if offer.limit_fen else None) == slow


@settings(max_examples=250, deadline=None)
@given(products, pds, facts, adjusts, licences, legal)
def test_no_limit_is_above_any_cap_and_no_rate_above_the_law(name, pd_ppm, money, adjust, licence, rate_cap):
    p = product(name)
    offer = solve(p, pd_ppm, money, adjust, licence_type=licence, rate_cap_ppm=rate_cap)
    assert type(offer.limit_fen) is int and type(offer.rate_ppm) is int
    if not offer.limit_fen:
        return
    assert all(offer.limit_fen <= cap for cap in offer.caps_fen.values())
    assert offer.limit_fen <= (money.turnover_month_fen or 0) * p.turnover_multiple_ppm * 8 // PPM
    assert offer.limit_fen + money.household_exposure_fen <= p.household_max_fen
    assert offer.limit_fen in p.limits.tolist() and offer.rate_ppm in p.rates.tolist()
    assert offer.rate_ppm <= p.licence_rate_cap_ppm[licence]
    assert rate_cap is None or offer.rate_ppm <= rate_cap
    months = p.affordability.instalment_months
    assert -(-offer.limit_fen // months) + offer.limit_fen * offer.rate_ppm // PPM // 12 <= capacity(p, money)
    assert offer.expected_profit_fen >= p.economics.profit_min_fen
    assert offer.unbound_fen >= offer.limit_fen


@settings(max_examples=250, deadline=None)
@given(products, pds, facts, licences)
def test_nobody_pays_more_than_cost_own_risk_at_that_limit_and_the_margin(name, pd_ppm, money, licence):
    p = product(name)
    offer = solve(p, pd_ppm, money, Adjustments(), licence_type=licence)
    if offer.limit_fen == 0 or offer.rate_ppm == int(p.rates[0]):
        return
    cost, used = p.economics, int(p.use_ppm[0])
    turnover = max(money.turnover_month_fen or 0, 1)
    strain = slow_strain(offer.limit_fen, turnover, cost.pd_elasticity_ppm, cost.pd_elasticity_from_ppm)
    pd = float(p.pd_grades[offer.grade]) / PPM * strain / PPM
    exposed = (used + (PPM - used) * cost.ccf_ppm / PPM) / used
    risk = pd * cost.lgd_ppm / PPM * cost.year_days / cost.horizon_days * exposed
    own = (cost.funding_ppm + cost.opex_used_ppm * cost.year_days / cost.horizon_days) / PPM
    own += cost.capital_ratio_ppm / PPM * cost.capital_cost_ppm / PPM
    assert offer.rate_ppm / PPM - own - risk <= p.margin_max_ppm / PPM + 1e-5


@settings(max_examples=250, deadline=None)
@given(products, pds, pds, facts, adjusts, licences, legal)
def test_a_higher_pd_never_gets_a_higher_limit_or_a_lower_price(name, one, other, money, adjust, licence, rate_cap):
    low, high = sorted((one, other))
    better, worse = (
        solve(product(name), pd, money, adjust, licence_type=licence, rate_cap_ppm=rate_cap) for pd in (low, high)
    )
    assert worse.limit_fen <= better.limit_fen
    if worse.limit_fen:
        assert worse.rate_ppm >= better.rate_ppm


def test_missing_turnover_or_forecast_lends_nothing():
    for money in (MoneyFacts(forecast_q10_fen=10**7), MoneyFacts(turnover_month_fen=10**7)):
        offer = solve(product(), 5_000, money, Adjustments(), licence_type="bank")
        assert offer.limit_fen == 0
        assert offer.binding in ("turnover", "affordability")


def test_outside_debt_lowers_the_limit_and_unknown_debt_is_not_taken_for_none():
    def limit(due):
        money = MoneyFacts(turnover_month_fen=2_000_000, forecast_q10_fen=3_000_000, outside_due_month_fen=due)
        return solve(product(), 5_000, money, Adjustments(), licence_type="bank").limit_fen

    assert limit(0) > limit(50_000) > limit(140_000)
    assert limit(None) < limit(0)


def test_the_binding_cap_is_named_and_taking_it_away_would_raise_the_limit():
    money = MoneyFacts(turnover_month_fen=2_000_000, forecast_q10_fen=50_000_000, outside_due_month_fen=0)
    offer = solve(product(), 5_000, money, Adjustments(cap_fen=700_000), licence_type="bank")
    assert (offer.binding, offer.limit_fen, offer.unbound_fen) == ("strategy", 700_000, 2_000_000)
    offer = solve(product(), 5_000, money, Adjustments(), licence_type="bank")
    assert (offer.binding, offer.limit_fen) == ("turnover", 2_000_000)
    assert offer.unbound_fen > 2_000_000
