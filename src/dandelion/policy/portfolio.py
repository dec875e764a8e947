"""A small backtest: what a policy's decisions would have earned, beside two simple policies that lend the same volume.

Pure arrays in and out.  Money is int64 fen; averages are floats for reading only.  The economics are the product's own,
so that expected and realised profit differ only by what really happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dandelion.core import PPM, BadInput
from dandelion.core.frame import Ints
from dandelion.policy.product import Bools, Product


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """n decisions: `limit_fen` 0 for a decline; `pd_ppm` the calibrated estimate each was made with."""

    limit_fen: Ints
    rate_ppm: Ints
    pd_ppm: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What became of the same n merchants.

    `bad`: 90 or more days past due within the horizon.  `turnover_month_fen`: verified, for the baseline.  `use_ppm`:
    the share of the limit really in use, or None to take the product's expectation at the rate given.
    """

    bad: Bools
    turnover_month_fen: Ints
    use_ppm: Ints | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One policy over the cohort; profit and losses over the product's horizon, in fen."""

    name: str
    approval_rate: float
    mean_limit_fen: float
    volume_fen: int
    bad_rate: float
    expected_loss_fen: int
    realised_loss_fen: int
    profit_fen: int
    profit_by_merchant: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The policy less a baseline: profit in fen with a bootstrap interval paired by merchant."""

    baseline: str
    difference_fen: int
    low_fen: float
    high_fen: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    policy: Result
    baselines: tuple[Result, ...]
    comparisons: tuple[Comparison, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain numbers for a report; the arrays by merchant are left out."""
        return {
            "policy": _plain(self.policy),
            "baselines": [_plain(result) for result in self.baselines],
            "comparisons": [{name: getattr(c, name) for name in c.__slots__} for c in self.comparisons],
        }


def portfolio(
    product: Product, decisions: Decisions, outcomes: Outcomes, *, resamples: int = 2_000, seed: int = 310,
    level: float = 0.95,
) -> Portfolio:  # fmt: skip
    """The policy beside *approve all* and *a multiple of turnover*, both lending the policy's volume at its mean rate.

    Both baselines use the same price for everybody (the policy's own mean weighted by volume), so that the difference
    is about whom to lend to and how much.  Errors: BadInput for arrays of different length or an empty cohort.
    """
    n = len(decisions.limit_fen)
    if n == 0 or any(
        len(a) != n for a in (decisions.rate_ppm, decisions.pd_ppm, outcomes.bad, outcomes.turnover_month_fen)
    ):
        raise BadInput("decisions and outcomes must be arrays of one length above zero", field="decisions")
    volume = int(decisions.limit_fen.sum())
    rate = int((decisions.limit_fen // 100 * decisions.rate_ppm).sum() // max(volume // 100, 1))
    flat = np.full(n, rate, np.int64)
    alike = _scaled(np.ones(n), volume, product)
    by_turnover = _scaled(np.maximum(outcomes.turnover_month_fen, 0).astype(np.float64), volume, product)
    policy = evaluate_policy(product, "policy", decisions, outcomes)
    baselines = tuple(
        evaluate_policy(product, name, Decisions(limit_fen=limits, rate_ppm=flat, pd_ppm=decisions.pd_ppm), outcomes)
        for name, limits in (("approve_all", alike), ("turnover_multiple", by_turnover))
    )
    comparisons = tuple(compare(policy, baseline, resamples, seed, level) for baseline in baselines)
    return Portfolio(policy=policy, baselines=baselines, comparisons=comparisons)


def evaluate_policy(product: Product, name: str, decisions: Decisions, outcomes: Outcomes) -> Result:
    """What one set of limits and rates would have earned."""
    limit, rate, cost = decisions.limit_fen, decisions.rate_ppm, product.economics
    use = expected_use(product, rate) if outcomes.use_ppm is None else outcomes.use_ppm
    given = limit > 0
    used = limit * use // PPM
    exposure = used + (limit - used) * cost.ccf_ppm // PPM
    lost = exposure * cost.lgd_ppm // PPM
    earned = _time(used * rate // PPM, product)
    costs = (
        _time(used * cost.funding_ppm // PPM, product)
        + _time(used * cost.capital_ratio_ppm // PPM * cost.capital_cost_ppm // PPM, product)
        + np.where(given, cost.opex_line_fen, 0)
        + used * cost.opex_used_ppm // PPM
    )
    # A bad loan's interest stops: it is counted for half of the horizon, on average the time until it stops paying.
    profit = np.where(outcomes.bad, earned // 2 - lost, earned) - costs
    profit = np.where(given, profit, 0)
    return Result(
        name=name, approval_rate=float(given.mean()), mean_limit_fen=float(limit[given].mean()) if given.any() else 0.0,
        volume_fen=int(limit.sum()), bad_rate=float(outcomes.bad[given].mean()) if given.any() else 0.0,
        expected_loss_fen=int((lost * decisions.pd_ppm // PPM)[given].sum()),
        realised_loss_fen=int(lost[given & outcomes.bad].sum()), profit_fen=int(profit.sum()),
        profit_by_merchant=profit.astype(np.int64),
    )  # fmt: skip


def compare(policy: Result, baseline: Result, resamples: int, seed: int, level: float) -> Comparison:
    """Percentile bootstrap of the summed difference; merchants are drawn, so each keeps both of its profits (paired)."""
    gap = (policy.profit_by_merchant - baseline.profit_by_merchant).astype(np.float64)
    rng = np.random.default_rng(seed)
    sums = np.array([gap[rng.integers(0, len(gap), len(gap))].sum() for _ in range(resamples)])
    low, high = np.quantile(sums, [(1 - level) / 2, (1 + level) / 2])
    return Comparison(
        baseline=baseline.name, difference_fen=policy.profit_fen - baseline.profit_fen, low_fen=float(low),
        high_fen=float(high),
    )  # fmt: skip


def expected_use(product: Product, rate_ppm: Ints) -> Ints:
    """The product's expected use at each rate, straight between the rates of its table, flat beyond its ends."""
    return np.interp(rate_ppm, product.rates, product.use_ppm).astype(np.int64)


def _scaled(weights: npt.NDArray[np.float64], volume_fen: int, product: Product) -> Ints:
    """Limits in proportion to `weights`, none above the product's highest, that add up to the volume as nearly as can be.

    What the highest limit cuts off is shared among the others (at most 50 rounds); no lower bound is imposed, since a
    simple policy has none.
    """
    top = float(product.limit_max_fen)
    limits = np.zeros(len(weights))
    free = weights > 0
    for _ in range(50):
        rest = volume_fen - limits.sum()
        total = weights[free].sum()
        if rest < 1 or total <= 0:
            break
        limits[free] += weights[free] * rest / total
        free &= limits < top
        limits = np.minimum(limits, top)
    return np.floor(limits).astype(np.int64)


def _time(yearly: Ints, product: Product) -> Ints:
    return yearly * product.economics.horizon_days // product.economics.year_days


def _plain(result: Result) -> Mapping[str, Any]:
    return {name: getattr(result, name) for name in result.__slots__ if name != "profit_by_merchant"}
