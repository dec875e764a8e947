"""Daily simple interest, exact: whole fen plus an integer remainder that is carried, never a day rounded by itself.

Interest of a span is ``days x (principal x rate + overdue principal x (overdue rate - rate))`` over
``1,000,000 x year_days``.  Rounding each day instead drifts by up to 1.83 yuan a loan a year.

>>> carry = Carry(0, 0)
>>> for _ in range(360):
...     carry = accrue(carry, weighted_fen_ppm=1_000_001 * 180_000, days=1, year_days=360)
>>> carry.whole_fen, charged_fen(carry, 360, "half_up")
(180000, 180000)
"""

from __future__ import annotations

from dataclasses import dataclass

from dandelion.core import PPM

ROUNDINGS = ("half_up", "down")


@dataclass(frozen=True, slots=True)
class Carry:
    """Interest so far: `whole_fen` and `rest`, in units of 1 / (1,000,000 x year_days) fen, with 0 <= rest < unit."""

    whole_fen: int
    rest: int


def accrue(carry: Carry, *, weighted_fen_ppm: int, days: int, year_days: int) -> Carry:
    """`carry` after `days` more days at a weight of sum(balance_fen x rate_ppm)."""
    assert weighted_fen_ppm >= 0, weighted_fen_ppm
    assert days >= 0, days
    more, rest = divmod(carry.rest + weighted_fen_ppm * days, PPM * year_days)
    return Carry(carry.whole_fen + more, rest)


def charged_fen(carry: Carry, year_days: int, rounding: str) -> int:
    """What may be asked for: the cumulative amount rounded once, by the pack's rule."""
    assert rounding in ROUNDINGS, rounding
    return carry.whole_fen + (1 if rounding == "half_up" and 2 * carry.rest >= PPM * year_days else 0)
