"""What a drawdown costs, before it is drawn: schedule, total, annualised simple rate first, IRR held to the cap.

The cap is tested on the internal rate of return of the cash flows as they will happen, compounded monthly and quoted for
a year (12 x monthly).  10,000 lent against 12 payments of 925 looks like 11 % and is 19.7 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyxirr

from dandelion.core import PPM, BadInput, Rate
from dandelion.lending.days import date_of
from dandelion.lending.packs import Pack
from dandelion.lending.products import Terms
from dandelion.lending.schedule import Instalment, plan


@dataclass(frozen=True, slots=True)
class Quote:
    """The offer as the law wants it read: `annual_simple_rate_ppm` first, the daily cost last.  Money in fen."""

    annual_simple_rate_ppm: int
    total_cost_fen: int
    amount_fen: int
    instalments: tuple[Instalment, ...]
    annual_irr_ppm: int
    cap_ppm: int
    daily_cost_per_10000_yuan_fen: int
    fees_fen: int
    pack: str
    disclosure: tuple[str, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """Chinese sentences in the pack's order of disclosure."""
        said = {
            "annual_simple_rate": [f"年化利率（单利）{Rate(self.annual_simple_rate_ppm)}"],
            "total_cost": [
                f"借 {_yuan(self.amount_fen)}，按期还清共付息费 {_yuan(self.total_cost_fen)}，除此以外不收任何费用"
            ],
            "schedule": [
                f"{row.date} 应还 {_yuan(row.total_fen)}（本金 {_yuan(row.principal_fen)}，利息 {_yuan(row.interest_fen)}）"
                for row in self.instalments
            ],
            "daily_cost": [
                f"可随时提前还款，不收手续费；每 1 万元每天利息约 {_yuan(self.daily_cost_per_10000_yuan_fen)}"
            ],
        }
        return tuple(sentence for item in self.disclosure for sentence in said[item])


def quote(terms: Terms, pack: Pack, amount_fen: int, rate_ppm: int, start_day: int, days: int | None = None) -> Quote:
    """The cost of `amount_fen` from `start_day`, by the product's schedule or repaid in one sum after `days`.

    Errors: BadInput for a bad amount, or where the IRR breaks the pack's cap.
    """
    dates = [start_day + days] if days is not None else terms.due_days(start_day)
    method = "bullet" if days is not None else terms.repayment
    rows = plan(method, amount_fen, start_day, dates, rate_ppm, pack.year_days)
    irr = annual_irr_ppm([(start_day, -amount_fen), *((row.day, row.total_fen) for row in rows)], pack.cap_year_days)
    return Quote(
        annual_simple_rate_ppm=rate_ppm,
        total_cost_fen=sum(row.interest_fen for row in rows),
        amount_fen=amount_fen,
        instalments=tuple(rows),
        annual_irr_ppm=irr,
        cap_ppm=pack.rate_cap_ppm,
        daily_cost_per_10000_yuan_fen=(2 * rate_ppm + pack.year_days) // (2 * pack.year_days),
        fees_fen=0,
        pack=pack.id,
        disclosure=pack.disclosure,
    )


def check_cap(offer: Quote) -> None:
    """BadInput where what the borrower really pays a year is above the cap."""
    if offer.annual_irr_ppm > offer.cap_ppm:
        raise BadInput(
            f"the cash flows cost {Rate(offer.annual_irr_ppm)} a year; pack {offer.pack} caps the internal rate of "
            f"return at {Rate(offer.cap_ppm)}: lower rate_ppm (now {offer.annual_simple_rate_ppm})",
            field="rate_ppm",
        )


def annual_irr_ppm(flows: Sequence[tuple[int, int]], year_days: int = 365) -> int:
    """Yearly rate of dated flows (day, fen; paid out negative), as 12 x the monthly internal rate, in ppm.

    >>> months = [(0, -1_000_000)] + [(round(365 * i / 12), 92_500) for i in range(1, 13)]
    >>> round(annual_irr_ppm(months) / 1000)
    197
    """
    if not any(fen < 0 for _, fen in flows) or not any(fen > 0 for _, fen in flows):
        raise BadInput("an internal rate needs money both ways", field="flows")
    dates = [date_of(day) for day, _ in flows]
    effective = pyxirr.xirr(dates, [float(fen) for _, fen in flows])
    if effective is None:
        raise BadInput("these flows have no internal rate of return", field="flows")
    monthly = (1.0 + float(effective)) ** (year_days / 365 / 12) - 1.0
    return round(monthly * 12 * PPM)


def _yuan(fen: int) -> str:
    return f"{fen // 100:,}.{fen % 100:02d} 元"
