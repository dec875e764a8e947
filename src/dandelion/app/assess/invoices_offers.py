"""What one line would earn: for every limit of the grid the best rate and its expected yearly profit.

profit(limit, rate) = kept(rate, grade) x [(1 - PD) rate - PD x LGD - funding] x limit - kept x running cost,
with PD rising in the limit (a stated assumption, `leverage_ppm`), `kept` the customers not lost at the rate.  Interest
of a defaulted line is not counted.  The horizon is one year.  Limits are whole yuan, rates those of the churn table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion.app.assess.invoices_firms import GRADES, Churn
from dandelion.app.assess.invoices_settings import OfferRules
from dandelion.core import PPM, BadInput

Values = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
DECLINED_GRADE = "D"


@dataclass(frozen=True, slots=True)
class RateTable:
    """Rates on offer and, per grade, the share of customers kept; kept never rises with the rate (isotonic)."""

    rate_ppm: Ints
    kept: Values  # (grades, rates)

    @classmethod
    def of(cls, churn: Churn, rules: OfferRules, cap_ppm: int) -> RateTable:
        """Errors: BadInput when the licence's cap leaves no rate."""
        high = min(rules.rate_max_ppm, cap_ppm)
        on = (churn.rate_ppm >= rules.rate_min_ppm) & (churn.rate_ppm <= high)
        if not on.any():
            raise BadInput(
                f"no rate of the churn table lies between {rules.rate_min_ppm / 1e4:g} % and {high / 1e4:g} %; add rates "
                "inside the licence's cap",
                field="annual_rate",
            )
        lost = np.maximum.accumulate(churn.lost, axis=1)  # a dearer loan keeps no more customers
        return cls(churn.rate_ppm[on], 1 - lost[:, on])


@dataclass(frozen=True, slots=True)
class Offers:
    """Per firm and grid limit: expected profit in yuan at the best rate and that rate's index; below 0 where not allowed.

    `limit_yuan` (limits,) is the grid; `profit` (firms, limits) has -inf above `affordable_yuan` and for grade D.
    """

    limit_yuan: Ints
    rates: RateTable
    profit: Values
    best_rate: Ints
    grade: npt.NDArray[np.int64]  # index into A, B, C; 3 is D
    affordable_yuan: Ints
    pd: Values


def grade_of(pd: Values, grades: Mapping[str, int]) -> npt.NDArray[np.int64]:
    """Index of the predicted grade: 0 for A, 1 for B, 2 for C, 3 for D.

    >>> grade_of(np.array([0.01, 0.5]), (("A", 45_000), ("B", 80_000), ("C", 200_000))).tolist()
    [0, 3]
    """
    return np.searchsorted(np.array(list(grades.values())) / PPM, pd, side="left").astype(np.int64)


def grade_name(index: int) -> str:
    return (*GRADES, DECLINED_GRADE)[index]


def affordable(yearly_sales_fen: Ints, rules: OfferRules) -> Ints:
    """Largest limit in whole yuan and whole steps that the turnover carries; 0 below the smallest limit."""
    carried = np.maximum(yearly_sales_fen, 0) // 100 * rules.turnover_share_max_ppm // PPM
    stepped = np.minimum(carried, rules.limit_max_yuan) // rules.limit_step_yuan * rules.limit_step_yuan
    return np.where(stepped < rules.limit_min_yuan, 0, stepped).astype(np.int64)


def offers(
    pd: Values, yearly_sales_fen: Ints, rates: RateTable, rules: OfferRules, grades: Mapping[str, int],
    barred: npt.NDArray[np.bool_] | None = None,
) -> Offers:  # fmt: skip
    """`pd` (firms,) calibrated; `yearly_sales_fen` (firms,) exact; `barred` firms get no offer whatever they earn."""
    limit = np.arange(rules.limit_min_yuan, rules.limit_max_yuan + 1, rules.limit_step_yuan, dtype=np.int64)
    most, grade = affordable(yearly_sales_fen, rules), grade_of(pd, grades)
    lgd, funding = rules.lgd_ppm / PPM, rules.funding_ppm / PPM
    stretch = 1 + rules.leverage_ppm / PPM * limit[None, :] / np.maximum(most, 1)[:, None]
    risk = np.minimum(pd[:, None] * stretch, 1.0)
    profit: Values = np.full(risk.shape, -np.inf)
    best = np.zeros(risk.shape, np.int64)
    kept = rates.kept[np.minimum(grade, len(GRADES) - 1)]  # (firms, rates)
    for k, rate in enumerate(rates.rate_ppm / PPM):
        earned = kept[:, k : k + 1] * (((1 - risk) * rate - risk * lgd - funding) * limit - rules.running_cost_yuan)
        better = earned > profit
        profit, best = np.where(better, earned, profit), np.where(better, k, best)
    none = (grade >= len(GRADES)) | (pd * PPM > rules.pd_max_ppm)
    none = none if barred is None else none | barred
    profit[(limit[None, :] > most[:, None]) | none[:, None]] = -np.inf
    return Offers(limit, rates, profit, best, grade, most, pd)


def realised_profit(
    limit_yuan: Ints, rate_ppm: Ints, kept: Values, bad: npt.NDArray[np.int8], rules: OfferRules
) -> Values:
    """Yuan a year per firm once the outcome is known; customers lost at the rate still count by their share."""
    limit, rate = limit_yuan.astype(np.float64), rate_ppm / PPM
    good = 1 - bad.astype(np.float64)
    line = good * rate * limit - (1 - good) * rules.lgd_ppm / PPM * limit - rules.funding_ppm / PPM * limit
    return np.where(limit_yuan > 0, kept * (line - rules.running_cost_yuan), 0.0)
