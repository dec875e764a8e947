"""The small backtest: equal volumes, paired intervals, and arithmetic that a hand can follow."""

from __future__ import annotations

import numpy as np
import pytest
from policy_samples import product

from dandelion.core import BadInput
from dandelion.policy import Decisions, Outcomes, portfolio
from dandelion.policy.portfolio import evaluate_policy


def cohort(n=3_000, seed=1, informative=True):
    rng = np.random.default_rng(seed)
    pd = rng.choice([5_000, 20_000, 60_000, 200_000], n, p=[0.4, 0.3, 0.2, 0.1])
    truth = pd if informative else rng.permutation(pd)
    bad = rng.integers(0, 1_000_000, n) < truth
    turnover = rng.integers(200_000, 4_000_000, n)
    limit = np.where(pd <= 20_000, turnover // 50_000 * 50_000, 0).astype(np.int64)
    decisions = Decisions(limit_fen=limit, rate_ppm=np.where(limit > 0, 120_000, 0), pd_ppm=pd)
    return decisions, Outcomes(bad=bad, turnover_month_fen=turnover)


def test_a_model_that_knows_something_beats_both_baselines_at_equal_volume():
    found = portfolio(product(), *cohort(), resamples=400)
    for baseline, comparison in zip(found.baselines, found.comparisons, strict=True):
        assert abs(baseline.volume_fen - found.policy.volume_fen) <= len(baseline.profit_by_merchant)
        assert comparison.low_fen > 0 and comparison.low_fen < comparison.difference_fen < comparison.high_fen
        assert baseline.bad_rate > found.policy.bad_rate


def test_a_model_that_knows_nothing_shows_no_certain_gain():
    shows = [portfolio(product(), *cohort(seed=s, informative=False), resamples=300).comparisons[1] for s in range(8)]
    assert sum(c.low_fen > 0 for c in shows) <= 2
    assert sum(c.low_fen < 0 < c.high_fen for c in shows) >= 4


def test_the_same_seed_gives_the_same_interval_and_json_holds_no_array():
    one, two = (portfolio(product(), *cohort(), resamples=100).as_json() for _ in range(2))
    assert one == two
    assert set(one) == {"policy", "baselines", "comparisons"} and "profit_by_merchant" not in one["policy"]


def test_one_merchants_profit_is_what_the_product_says():
    cost = product().economics
    use = np.array([500_000, 500_000])
    found = evaluate_policy(
        product(), "x", Decisions(limit_fen=np.array([1_000_000, 1_000_000]), rate_ppm=np.array([120_000] * 2), pd_ppm=np.array([0, 0])),
        Outcomes(bad=np.array([False, True]), turnover_month_fen=np.array([1, 1]), use_ppm=use),
    )  # fmt: skip
    exposure = 500_000 + 500_000 * cost.ccf_ppm // 1_000_000
    lost = exposure * cost.lgd_ppm // 1_000_000
    capital = 500_000 * cost.capital_ratio_ppm // 1_000_000 * cost.capital_cost_ppm // 1_000_000 // 2
    costs = (
        500_000 * cost.funding_ppm // 1_000_000 // 2
        + capital
        + cost.opex_line_fen
        + 500_000 * cost.opex_used_ppm // 1_000_000
    )
    assert found.profit_by_merchant.tolist() == [30_000 - costs, 15_000 - lost - costs]
    assert found.realised_loss_fen == lost


def test_arrays_of_different_length_are_refused():
    decisions, outcomes = cohort(10)
    with pytest.raises(BadInput, match="one length"):
        portfolio(product(), decisions, Outcomes(bad=outcomes.bad[:5], turnover_month_fen=outcomes.turnover_month_fen))
