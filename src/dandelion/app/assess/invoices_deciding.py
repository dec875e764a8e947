"""One decision per firm without a known outcome: limit, rate or decline, grade, PD and reasons."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dandelion.app.assess.invoices_columns import PREFIX, Spec
from dandelion.app.assess.invoices_model import Model
from dandelion.app.assess.invoices_offers import Offers, grade_name
from dandelion.app.assess.invoices_portfolio import Portfolio
from dandelion.app.assess.invoices_reasons import REASONS_MAX, Reason, column_reasons, rule_reason
from dandelion.app.assess.invoices_settings import OfferRules
from dandelion.core import PPM, Frame
from dandelion.policy import Book

PRODUCT = "invoice-assessment"
Values = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Decision:
    """`limit_yuan` and `rate_ppm` are 0 for a decline; `expected_profit_yuan` is a year's."""

    firm: str
    approved: bool
    limit_yuan: int
    rate_ppm: int
    pd_ppm: int
    grade: str
    expected_profit_yuan: int
    reasons: tuple[Reason, ...]
    tied_to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bars:
    """Per firm the rule that stops it before any price is looked at ('' where none), with its value and target."""

    code: tuple[str, ...]
    value: tuple[str, ...]
    target: tuple[str, ...]

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        return np.array([bool(code) for code in self.code])


@functools.cache
def stops() -> Book:
    """The strategies that stop a firm before any price is looked at."""
    return Book.load(Path(__file__).with_name("invoices_stops"))


def bars(frame: Frame, tied_to_default: npt.NDArray[np.bool_], rules: OfferRules, affordable_yuan: Ints) -> Bars:
    """The first strategy that stops each firm: no history, ties to a default, too little of it, too little turnover."""
    book, window = stops(), frame[PREFIX + "window_months"]
    selling = frame[PREFIX + "selling_months_share"] * np.ceil(window)
    given = {
        "window_months": window, "selling_months": selling, "tied_to_default": tied_to_default,
        "affordable_yuan": affordable_yuan,
    }  # fmt: skip
    roster = book.roster(PRODUCT)
    values = np.stack([np.asarray(given[name], np.float32) for name in roster.engine.columns], axis=1)
    fired = roster.engine.fired(values).mask()
    first = np.where(fired.any(axis=0), fired.argmax(axis=0), -1).tolist()  # in the book's order
    code = tuple("" if place < 0 else roster.strategies[place].reason for place in first)
    months, selling_months = (f"{book.constants[name].value:g}" for name in ("months_min", "selling_months_min"))
    least_sales = f"{rules.limit_min_yuan * PPM // rules.turnover_share_max_ppm:,}"
    target = {
        "no_invoices": months, "window_too_short": months, "too_few_selling_months": selling_months,
        "turnover_too_small": least_sales,
    }  # fmt: skip
    value = tuple(_value(why, frame, float(window[i]), float(selling[i]), i) for i, why in enumerate(code))
    return Bars(code, value, tuple(target.get(why, "") for why in code))


def _value(why: str, frame: Frame, window: float, selling: float, row: int) -> str:
    """The figure behind a stop, as the report shows it."""
    if why == "window_too_short":
        return f"{window:.1f}"
    if why == "too_few_selling_months":
        return f"{np.nan_to_num(selling):.0f}"
    return f"{(frame.fen(PREFIX + 'yearly_sales_fen', row) or 0) // 100:,}" if why == "turnover_too_small" else ""


@dataclass(frozen=True, slots=True)
class Decider:
    """What is needed to put reasons to a portfolio."""

    frame: Frame
    z: Values
    model: Model
    specs: tuple[Spec, ...]
    offers: Offers
    portfolio: Portfolio
    bars: Bars
    unit: Ints
    rules: OfferRules

    def decide(self, ties: tuple[tuple[str, ...], ...]) -> tuple[Decision, ...]:
        bound = self._bound_ppm()
        return tuple(self._one(i, bound, ties[i]) for i in range(len(self.frame)))

    def _one(self, i: int, bound_ppm: int, tied: tuple[str, ...]) -> Decision:
        limit = int(self.portfolio.limit_yuan[i])
        pd_ppm = round(float(self.offers.pd[i]) * PPM)
        first = self._held_by(i, limit) if limit else (self._declined_by(i, pd_ppm, bound_ppm),)
        reasons = first
        if self.bars.code[i] not in ("no_invoices", "tied_to_default"):
            raw = self.frame.select([PREFIX + spec.id for spec in self.specs]).values[i].astype(np.float64)
            aim = bound_ppm if not limit else max(1, pd_ppm // 2)
            room = REASONS_MAX - len(first)
            reasons = first + column_reasons(self.model, self.specs, raw, self.z[i], aim, room)
        return Decision(
            str(self.frame.entity[i]), limit > 0, limit, int(self.portfolio.rate_ppm[i]), pd_ppm,
            grade_name(int(self.offers.grade[i])), round(float(self.portfolio.expected_yuan[i])), reasons, tied,
        )  # fmt: skip

    def _declined_by(self, i: int, pd_ppm: int, bound_ppm: int) -> Reason:
        value, bound = f"{pd_ppm / 10_000:.2f} %", f"{bound_ppm / 10_000:.2f} %"
        if self.bars.code[i]:
            return rule_reason(self.bars.code[i], value=self.bars.value[i], target=self.bars.target[i])
        if not np.isfinite(self.offers.profit[i]).any():
            return rule_reason("pd_too_high", value=value, target=f"{self.rules.pd_max_ppm / 10_000:.2f} %")
        if self.offers.profit[i].max() <= 0:
            return rule_reason("no_rate_pays", value=value, target=bound)
        others = (self.unit == self.unit[i]) & (self.portfolio.limit_yuan > 0)
        if others.any():
            return rule_reason("tied_to_other_line")
        return rule_reason("budget_spent", target=f"{self._budget_to_reach(i):,}")

    def _held_by(self, i: int, limit: int) -> tuple[Reason, ...]:
        """What holds an approved limit below the largest one: turnover, or the budget's price."""
        if limit >= self.rules.limit_max_yuan:
            return ()
        sales = (self.frame.fen(PREFIX + "yearly_sales_fen", i) or 0) // 100
        if limit >= self.offers.affordable_yuan[i]:
            full = self.rules.limit_max_yuan * PPM // self.rules.turnover_share_max_ppm
            return (rule_reason("limit_by_turnover", value=f"{sales:,}", target=f"{full:,}"),)
        if self.portfolio.price_ppm > 0:
            return (rule_reason("limit_by_budget"),)
        return ()

    def _budget_to_reach(self, i: int) -> int:
        """Budget beyond the present one at which the relaxation's price falls to this firm's best yield."""
        affords = np.isfinite(self.offers.profit[i])
        slope = float((self.offers.profit[i][affords] / self.offers.limit_yuan[affords]).max())
        spent = self.portfolio.spent_yuan
        previous = (0, 0.0)
        for point in self.portfolio.curve[1:]:
            if (point[1] - previous[1]) / (point[0] - previous[0]) < slope - 1e-12:
                break
            previous = point
        return max(previous[0] - spent, self.rules.limit_step_yuan)

    def _bound_ppm(self) -> int:
        """Largest PD at which some allowed rate still earns something on the smallest limit of a large firm."""
        rate = self.offers.rates.rate_ppm.max() / PPM
        lgd, funding = self.rules.lgd_ppm / PPM, self.rules.funding_ppm / PPM
        cost = self.rules.running_cost_yuan / self.rules.limit_min_yuan
        stretched = 1 + self.rules.leverage_ppm / PPM * self.rules.limit_min_yuan / self.rules.limit_max_yuan
        pays = (rate - funding - cost) / (rate + lgd) / stretched
        return min(int(pays * PPM), self.rules.pd_max_ppm)
