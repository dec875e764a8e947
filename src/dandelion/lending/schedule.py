"""Due schedules.  Four ways to repay; each gives due dates with cumulative principal, and projected interest beside it.

* ``equal_instalment``: the same amount each time.  P x prod(1+f) / sum of tail products, where f is the interest factor of a
  period; the last instalment absorbs the rounding, and the amount is moved by (last - others) / n only if that brings
  the last one closer.
* ``equal_principal``: the same principal each time and the interest of the days used.
* ``interest_then_bullet``: interest each time, the principal on the final day.
* ``bullet``: both on the final day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from dandelion.core import PPM, BadInput, split_fen
from dandelion.lending.days import add_months, date_of

METHODS = ("equal_instalment", "equal_principal", "interest_then_bullet", "bullet")
PERIODS_MAX = 600


@dataclass(frozen=True, slots=True)
class Instalment:
    """One row of a schedule: day number it falls due, and what is due then, in fen."""

    day: int
    principal_fen: int
    interest_fen: int
    balance_fen: int

    @property
    def total_fen(self) -> int:
        return self.principal_fen + self.interest_fen

    @property
    def date(self) -> str:
        return str(date_of(self.day))


def due_days(start_day: int, *, periods: int, every_months: int = 0, every_days: int = 0) -> list[int]:
    """Due dates after `start_day`: the same day of each month (or the month's last), or every so many days."""
    if not 1 <= periods <= PERIODS_MAX or (every_months > 0) == (every_days > 0):
        raise BadInput(
            f"{periods} periods of {every_months} months or {every_days} days; give 1 to {PERIODS_MAX} periods and "
            "either months or days",
            field="periods",
        )
    if every_days:
        return [start_day + every_days * (i + 1) for i in range(periods)]
    anchor = date_of(start_day).day
    return [add_months(start_day, every_months * (i + 1), anchor=anchor) for i in range(periods)]


def plan(method: str, amount_fen: int, start_day: int, days: Sequence[int], rate_ppm: int, year_days: int) -> list[Instalment]:  # fmt: skip
    """The schedule of `amount_fen` paid out on `start_day`, at actual days over `year_days`.  BadInput on bad input."""
    if amount_fen <= 0:
        raise BadInput(f"amount_fen is {amount_fen}; give a whole number of fen above zero", field="amount_fen")
    if not days or days[0] <= start_day or any(b <= a for a, b in pairwise(days)):
        raise BadInput("due dates must rise and come after the day of the drawdown", field="days")
    spans = [b - a for a, b in pairwise([start_day, *days])]
    factors = [Fraction(rate_ppm * span, PPM * year_days) for span in spans]
    if method == "equal_instalment":
        return [
            Instalment(day, row.principal_fen, row.interest_fen, row.balance_fen)
            for day, row in zip(days, equal_instalments(amount_fen, factors), strict=True)
        ]
    if method == "equal_principal":
        parts = split_fen(amount_fen, [1] * len(days))
    elif method in ("interest_then_bullet", "bullet"):
        parts = [0] * (len(days) - 1) + [amount_fen]
    else:
        raise BadInput(f"repayment {method!r} is not one of {', '.join(METHODS)}", field="repayment")
    if method == "bullet":
        days, factors, parts = days[-1:], [sum(factors, Fraction(0))], [amount_fen]
    rows, balance, exact, charged = [], amount_fen, Fraction(0), 0
    for day, factor, part in zip(days, factors, parts, strict=True):
        exact += balance * factor
        interest = half_up(exact) - charged
        charged += interest
        balance -= part
        rows.append(Instalment(day, part, interest, balance))
    return rows


@dataclass(frozen=True, slots=True)
class Row:
    """One equal instalment before it has a date."""

    principal_fen: int
    interest_fen: int
    balance_fen: int

    @property
    def total_fen(self) -> int:
        return self.principal_fen + self.interest_fen


def equal_instalments(amount_fen: int, factors: Sequence[Fraction]) -> list[Row]:
    """Rows of equal amount; interest of a period is the balance times its factor, rounded half to even.

    >>> rows = equal_instalments(10_000, [Fraction(94_822, 12 * 1_000_000)] * 6)
    >>> [row.total_fen for row in rows]
    [1713, 1713, 1713, 1713, 1713, 1713]
    """
    grown, tails = Fraction(1), Fraction(0)
    for factor in factors:
        grown *= 1 + factor
    tail = Fraction(1)
    for factor in reversed(factors):
        tails += tail
        tail *= 1 + factor
    instalment = round(amount_fen * grown / tails)
    rows = _amortise(amount_fen, factors, instalment)
    gap = rows[-1].total_fen - instalment
    if abs(gap) * 2 > len(factors):
        moved = instalment + round(Fraction(gap, len(factors)))
        tried = _amortise(amount_fen, factors, moved)
        if abs(tried[-1].total_fen - moved) < abs(gap):
            return tried
    return rows


def _amortise(amount_fen: int, factors: Sequence[Fraction], instalment: int) -> list[Row]:
    rows, balance = [], amount_fen
    for index, factor in enumerate(factors):
        interest = round(balance * factor)
        last = index == len(factors) - 1
        principal = balance if last else max(0, min(balance, instalment - interest))
        balance -= principal
        rows.append(Row(principal, interest, balance))
    return rows


def half_up(value: Fraction) -> int:
    return int((2 * value.numerator + value.denominator) // (2 * value.denominator))
