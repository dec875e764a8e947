"""Bulk decisions on a past cohort, point in time: what the policy would have offered each merchant then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion.app.house import House
from dandelion.app.learning import PointInTime
from dandelion.app.sight import money_facts
from dandelion.core.frame import Ints
from dandelion.policy import DecisionInput, LineState, industry_of, rule_many


@dataclass(frozen=True, slots=True)
class Offers:
    """n merchants: what was offered (limit 0 for a no), the PD it was made with, and verified turnover a month."""

    merchant: npt.NDArray[np.object_]
    at: Ints
    limit_fen: Ints
    rate_ppm: Ints
    pd_ppm: Ints
    turnover_month_fen: Ints
    outcome: npt.NDArray[np.object_]
    stages: npt.NDArray[np.object_]  # of the strategies that declined: a frozenset a merchant


def offers(
    house: House, past: PointInTime, product: str, merchant: npt.NDArray[np.object_], at: Ints,
    line: LineState | None = None, trades: Mapping[str, str] | None = None,
) -> Offers:  # fmt: skip
    """Decide every row as the policy in force would have decided it at `at`, with no line standing or with `line`.

    `trades` is what merchants had declared their business to be.
    """
    policy = house.policy
    frame = past.frame(merchant, at, policy.columns(product))
    scorers = policy.scorers[product]
    scores = scorers.pd.score(frame)
    money = money_facts(policy.plans[product], scorers, frame, [0] * len(frame))
    requests = [
        DecisionInput(
            tenant=house.tenant, entity=str(merchant[row]), as_of=int(at[row]), frame=frame, row=row,
            scores={"pd": int(scores[row])}, money=money[row], keys={"subject": [str(merchant[row])]},
            granted=frozenset({"payments", "orders", "invoices", "tax", "logins", "credit_reports", "registry"}),
            licence_type=house.licence, rate_cap_ppm=house.pack.rate_cap_ppm, line=line,
            industry=industry_of(policy.book.industries, (trades or {}).get(str(merchant[row]), "")),
        )
        for row in range(len(frame))
    ]  # fmt: skip
    rulings = rule_many(policy.book, policy.product(product), policy.lists, requests)
    stages = np.empty(len(rulings), object)
    stages[:] = [frozenset(s.stage for s in r.of_kind("decline")) for r in rulings]
    rates = [r.offer.rate_ppm if r.limit_fen and r.offer else 0 for r in rulings]
    return Offers(
        merchant, at, np.array([r.limit_fen for r in rulings], np.int64), np.array(rates, np.int64), scores,
        np.array([m.turnover_month_fen or 0 for m in money], np.int64), np.array([r.outcome for r in rulings], object),
        stages,
    )  # fmt: skip
