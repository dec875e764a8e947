"""What the labelled firms say about the rule: AUC, calibration and realised profit, each beside *total sales alone*.

The profit of a repeat is that of the very rule that decides the others (`offers` and `spend`), run on out-of-fold PDs of
the labelled firms with the budget in proportion, and settled with their known outcomes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion.app.assess.invoices_offers import RateTable, offers, realised_profit
from dandelion.app.assess.invoices_portfolio import spend
from dandelion.app.assess.invoices_settings import Settings
from dandelion.app.assess.invoices_validation import (
    OutOfFold,
    Placements,
    auc_in_folds,
    gain_in_folds,
    gain_resampled,
    placements,
)
from dandelion.models import Interval, auc_interval, brier, ece, ece_critical, paired_auc_gain

Values = npt.NDArray[np.float64]
BOOTSTRAP_DRAWS = 4000
BOOTSTRAP_SEED = 310


@dataclass(frozen=True, slots=True)
class ProfitJudged:
    """Yuan a year over the labelled firms: mean over repeats and a bootstrap interval over firms."""

    ours: Interval
    base: Interval
    gain: Interval
    approved: float
    defaults_approved: float
    budget_yuan: int
    largest_firm: int  # index among the labelled of the firm that moves the gain most
    largest_yuan: float  # and by how much


@dataclass(frozen=True, slots=True)
class Judgement:
    auc: Interval
    auc_base: Interval
    auc_gain: Interval
    auc_gain_resampled: Interval
    auc_pooled: Interval
    auc_gain_pooled: Interval
    auc_pooled_pd: Interval
    brier: float
    brier_base: float
    ece: float
    ece_critical: float
    profit: ProfitJudged


def judge(
    bad: npt.NDArray[np.int8], total_sales: Values, ours: OutOfFold, base: OutOfFold, profit: ProfitJudged, folds: int
) -> Judgement:
    """`total_sales` (firms,): the baseline score needs no fit, more sales is safer."""
    a, b = placements(bad, ours.margin, ours.fold), placements(bad, -total_sales, ours.fold)
    return Judgement(
        auc_in_folds(a), auc_in_folds(b), gain_in_folds(b, a), gain_resampled(b, a, folds),
        auc_interval(bad, ours.margin), paired_auc_gain(bad, -total_sales, ours.margin),
        auc_interval(bad, ours.pd),
        brier(bad, ours.pd), brier(bad, base.pd), ece(bad, ours.pd), ece_critical(ours.pd.mean(axis=0)), profit,
    )  # fmt: skip


def profit_of(
    bad: npt.NDArray[np.int8], yearly_sales_fen: npt.NDArray[np.int64], group: npt.NDArray[np.int64], ours: OutOfFold,
    base: OutOfFold, rates: RateTable, settings: Settings, budget_yuan: int,
) -> ProfitJudged:  # fmt: skip
    """Decide the labelled firms by each model's out-of-fold PDs, settle by outcome, compare firm by firm."""
    settled = {}
    approved, defaults = [], []
    for name, scored in (("ours", ours), ("base", base)):
        by_repeat = []
        for pd in scored.pd:
            made = offers(pd, yearly_sales_fen, rates, settings.offer, settings.grades)
            book = spend(made, group, budget_yuan)
            by_repeat.append(realised_profit(book.limit_yuan, book.rate_ppm, book.kept, bad, settings.offer))
            if name == "ours":
                approved.append(int((book.limit_yuan > 0).sum()))
                defaults.append(int(bad[book.limit_yuan > 0].sum()))
        settled[name] = np.mean(by_repeat, axis=0)
    gain = settled["ours"] - settled["base"]
    most = int(np.abs(gain).argmax())
    return ProfitJudged(
        _summed(settled["ours"]), _summed(settled["base"]), _summed(gain), float(np.mean(approved)),
        float(np.mean(defaults)), budget_yuan, most, float(gain[most]),
    )  # fmt: skip


def _summed(per_firm: Values) -> Interval:
    """Sum over firms with a bootstrap interval; the same draws every time, so that pairs stay pairs."""
    random = np.random.default_rng(BOOTSTRAP_SEED)
    drawn = random.multinomial(len(per_firm), np.full(len(per_firm), 1 / len(per_firm)), size=BOOTSTRAP_DRAWS)
    low, high = np.quantile(drawn @ per_firm, [0.025, 0.975])
    return Interval(float(per_firm.sum()), float(low), float(high))


def roc_points(bad: npt.NDArray[np.int8], score: Values, grid: Values) -> Values:
    """Share of bads caught at each share of goods refused (`grid`), for one score, higher riskier."""
    order = np.argsort(-score, kind="stable")
    caught = np.concatenate([[0], np.cumsum(bad[order]) / bad.sum()])
    refused = np.concatenate([[0], np.cumsum(1 - bad[order]) / (1 - bad).sum()])
    return np.interp(grid, refused, caught)


__all__ = ["Judgement", "Placements", "ProfitJudged", "judge", "profit_of", "roc_points"]
