"""The judge: the policy's offers on an out-of-time cohort, lived through in the world, beside two simple policies.

Every policy lends the same volume (sum of limits) and meets the same luck, averaged over several futures; what differs
is whom it lends to, how much and at what price.  The fixed cost of a line is left out for all three, because at equal
volume it would only count against the baselines' many small lines.  *Approve all*: one limit for everybody.  *A
multiple of turnover*: a limit in proportion to verified turnover.  Both at the policy's volume-weighted rate.

Beside them the model is judged alone: everybody gets the same small limit at the same price, and the half with the lower
PD is set against a half drawn by lot.  That says something also where a policy rightly lends to nobody, as in the null
world.  All of it is simulated.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dandelion.app.cohort import Offers
from dandelion.core import PPM
from dandelion.core.frame import Ints
from dandelion.policy import Product, pd_at
from dandelion.world import Outcomes

STREAM = "policy"
FUTURES = 32  # independent futures that are averaged: what remains is mostly the difference between merchants
RESAMPLES = 4000
PERIOD_DAYS = 183


Gain = tuple[int, int, int]  # fen: difference, and its 95 % interval


@dataclass(frozen=True, slots=True)
class Lived:
    """One policy, lived through.  Money in fen over the half-year after each decision."""

    name: str
    approval_rate: float
    mean_limit_fen: float
    volume_fen: int
    drawn_fen: int
    bad_rate: float
    expected_loss_fen: int
    realised_loss_fen: int
    profit_fen: int
    profit_by_merchant: Ints

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__ if name != "profit_by_merchant"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The policy and its baselines; `gains` holds (difference, low, high) in fen, paired by merchant, 95 %.

    `ranking`, likewise: profit of the half with the lower PD less that of a half drawn by lot, alike in limit and price.
    """

    policy: Lived
    approve_all: Lived
    turnover_multiple: Lived
    gains: dict[str, Gain]
    ranking: Gain
    auc: float

    def as_json(self) -> dict[str, Any]:
        parts = ("policy", "approve_all", "turnover_multiple")
        lived = {p: getattr(self, p).as_json() for p in parts}
        return {**lived, "gains": self.gains, "ranking": self.ranking, "auc": self.auc}

    @classmethod
    def load(cls, file: Path) -> Verdict:
        """What was judged before; profits by merchant are not kept."""
        plain = json.loads(file.read_text())
        none = np.empty(0, np.int64)
        policy, alike, turnover = (
            Lived(**plain[p], profit_by_merchant=none) for p in ("policy", "approve_all", "turnover_multiple")
        )
        gains = {name: _gain_of(told) for name, told in plain["gains"].items()}
        return cls(policy, alike, turnover, gains, _gain_of(plain["ranking"]), float(plain["auc"]))


def judge(product: Product, offers: Offers, world: Outcomes, auc: float, *, seed: int) -> Verdict:
    """Live the cohort under each policy and compare profit by merchant."""
    volume = int(offers.limit_fen.sum())
    rate = int((offers.limit_fen // 100 * offers.rate_ppm).sum() // max(volume // 100, 1))
    count, flat = len(offers.merchant), np.full(len(offers.merchant), rate, np.int64)
    alike = np.full(count, volume // max(count, 1) // 100 * 100, np.int64)
    weight = offers.turnover_month_fen / max(float(offers.turnover_month_fen.sum()), 1.0)
    by_turnover = (weight * volume).astype(np.int64) // 100 * 100
    policy = _live("policy", product, offers, offers.limit_fen, offers.rate_ppm, world)
    rivals = {
        "approve_all": _live("approve all", product, offers, alike, flat, world),
        "turnover_multiple": _live("a multiple of turnover", product, offers, by_turnover, flat, world),
    }
    gains = {
        name: _gain(policy.profit_by_merchant - rival.profit_by_merchant, offers.merchant, seed)
        for name, rival in rivals.items()
    }
    ranking = _gain(_by_rank(product, offers, world), offers.merchant, seed)
    return Verdict(policy, rivals["approve_all"], rivals["turnover_multiple"], gains, ranking, auc)


def _by_rank(product: Product, offers: Offers, world: Outcomes) -> Ints:
    """Profit of each row, counted where its PD is in the lower half, less half of it: the smallest limit for everybody.

    Ties in the PD share the boundary, so that an order of rows never decides.
    """
    count = len(offers.merchant)
    limit, rate = np.full(count, product.limit_min_fen, np.int64), int(product.rates[len(product.rates) // 2])
    alike = _live("alike", product, offers, limit, np.full(count, rate, np.int64), world)
    middle = np.median(offers.pd_ppm) if count else 0.0
    below, tied = offers.pd_ppm < middle, offers.pd_ppm == middle
    share = np.where(tied, (count / 2 - below.sum()) / max(int(tied.sum()), 1), below)
    return np.asarray(np.rint(alike.profit_by_merchant * (share - 0.5)), np.int64)


def _live(name: str, product: Product, offers: Offers, limit: Ints, rate: Ints, world: Outcomes) -> Lived:
    """Averages over `FUTURES` independent futures; the same luck meets every policy (common random numbers)."""
    rows, e = np.flatnonzero(limit > 0), product.economics
    total = {key: np.zeros(len(rows), np.int64) for key in ("drawn", "loss", "profit")}
    bads = draws = 0
    for future in range(FUTURES):
        found = world.realise(
            list(offers.merchant[rows]), offers.at[rows], limit[rows], rate[rows], stream=f"{STREAM}-{future}"
        )
        drawn, days = found["drawn_fen"], np.clip(found["repaid_days"], 1, PERIOD_DAYS)
        yearly_ppm = e.funding_ppm + e.capital_ratio_ppm * e.capital_cost_ppm // PPM
        cost = drawn * days // e.year_days * yearly_ppm // PPM + drawn * e.opex_used_ppm // PPM
        total["drawn"] += drawn
        total["loss"] += found["loss_fen"]
        total["profit"] += found["interest_fen"] - found["loss_fen"] - cost
        bads, draws = bads + int((found["bad"] & (drawn > 0)).sum()), draws + int((drawn > 0).sum())
    profit = np.zeros(len(limit), np.int64)
    profit[rows] = total["profit"] // FUTURES
    pd = pd_at(e, offers.pd_ppm[rows], offers.turnover_month_fen[rows], limit[rows], rate[rows])
    expected = total["drawn"] / FUTURES * pd / PPM * e.lgd_ppm / PPM
    return Lived(
        name=name, approval_rate=len(rows) / max(len(limit), 1),
        mean_limit_fen=float(limit[rows].mean()) if len(rows) else 0.0, volume_fen=int(limit.sum()),
        drawn_fen=int(total["drawn"].sum() // FUTURES), bad_rate=bads / max(draws, 1),
        expected_loss_fen=int(expected.sum()), realised_loss_fen=int(total["loss"].sum() // FUTURES),
        profit_fen=int(profit.sum()), profit_by_merchant=profit,
    )  # fmt: skip


def _gain(difference: Ints, merchant: npt.NDArray[np.object_], seed: int) -> Gain:
    """The sum of `difference` with a bootstrap over merchants: a merchant's decisions stay together."""
    _, group = np.unique(merchant.astype(str), return_inverse=True)
    by_merchant = np.bincount(group, weights=difference.astype(np.float64))
    random, count = np.random.default_rng(seed), len(by_merchant)
    totals = np.array([by_merchant[random.integers(0, count, count)].sum() for _ in range(RESAMPLES)])
    low, high = np.quantile(totals, [0.025, 0.975])
    return int(by_merchant.sum()), int(low), int(high)


def _gain_of(told: list[int]) -> Gain:
    return int(told[0]), int(told[1]), int(told[2])
