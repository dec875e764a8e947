"""The past loan book of a naive lender: limits are a noisy multiple of turnover, with randomised notches.

Every line falls by lot into one limit cell and one price cell with known chances, so that the effect of limit and price
can be learned honestly.  A merchant with a lost loan gets nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from dandelion.core import DAY_US
from dandelion.world.draws import Floats, Ints, Purpose, generator
from dandelion.world.fate import Ends, Fates, end_of, trailing
from dandelion.world.naive import (
    AMOUNT_MIN_FEN,
    DRAWS_A_MONTH,
    DRAWS_BY_HEALTH,
    DRAWS_SHAPE,
    FIRST_MONTH,
    LIMIT_CHANCES,
    LIMIT_MAX_FEN,
    LIMIT_MIN_FEN,
    LIMIT_NOTCHES,
    LINE_MONTHS,
    MULTIPLE,
    MULTIPLE_NOISE,
    RATE_CHANCES,
    RATE_NOTCHES_PPM,
    RECEIPTS_MIN_FEN,
    TAKE_UP,
)


@dataclass(frozen=True)
class Book:
    """Drawdowns in order of `at`; `ends` has the same rows.  Notches are indexes into the tables above."""

    merchant: Ints
    line: Ints
    decided_at: Ints
    drawn_at: Ints
    limit_fen: Ints
    rate_ppm: Ints
    limit_notch: Ints
    rate_notch: Ints
    ends: Ends

    def __len__(self) -> int:
        return len(self.merchant)


@dataclass
class _Lines:
    """State of the naive lender while months pass; one slot per merchant."""

    number: Ints
    until: Ints
    decided_at: Ints
    limit_fen: Ints
    rate_ppm: Ints
    limit_notch: Ints
    rate_notch: Ints
    barred_from: Ints
    eager: Floats


def lend(fates: Fates, receipts_fen: Ints, opened: Ints) -> Book:
    """Lend month by month to whoever shows receipts.  `receipts_fen` is (merchants, months) as the lender saw them."""
    rng = generator(fates.seed, Purpose.BOOK)
    count, months = receipts_fen.shape
    firm = fates.firm.astype(np.int64)
    zero = np.zeros(count, np.int64)
    lines = _Lines(
        zero - 1, zero.copy(), zero.copy(), zero.copy(), zero.copy(), zero.copy(), zero.copy(), zero + 10_000,
        np.asarray(rng.gamma(DRAWS_SHAPE, 1 / DRAWS_SHAPE, count)),
    )  # fmt: skip
    owed = np.zeros((count, months + 16), np.int64)
    parts: list[Book] = []
    for month in range(FIRST_MONTH, months):
        _decide(rng, fates, lines, receipts_fen, opened, firm, month)
        parts += _draw(rng, fates, lines, owed, firm, month)
    return _in_order(parts)


def _decide(
    rng: np.random.Generator, fates: Fates, lines: _Lines, receipts_fen: Ints, opened: Ints, firm: Ints, month: int
) -> None:
    everyone = np.arange(len(firm))
    receipts = trailing(receipts_fen, everyone, np.full(len(firm), month))
    fit = (receipts >= np.array(RECEIPTS_MIN_FEN)[firm]) & (opened <= month - 3) & (month < lines.barred_from)
    fit &= receipts_fen[:, month - 1] > 0
    ended = (lines.number >= 0) & (lines.until <= month)
    asks = (lines.number < 0) & (rng.random(len(firm)) < np.array(TAKE_UP)[firm])
    noise = rng.normal(0, MULTIPLE_NOISE, len(firm))
    limit_notch = rng.choice(len(LIMIT_NOTCHES), len(firm), p=LIMIT_CHANCES)
    rate_notch = rng.choice(len(RATE_CHANCES), len(firm), p=RATE_CHANCES)
    hour_us = rng.integers(0, 3 * DAY_US, len(firm))
    new = np.flatnonzero(fit & (asks | ended))
    limit = receipts * np.array(MULTIPLE)[firm] * np.exp(noise) * np.array(LIMIT_NOTCHES)[limit_notch]
    limit = np.clip(limit, np.array(LIMIT_MIN_FEN)[firm], np.array(LIMIT_MAX_FEN)[firm]).astype(np.int64)
    lines.number[new] = month * len(firm) + new
    lines.until[new] = month + LINE_MONTHS
    lines.decided_at[new] = fates.almanac.starts_us[month] + hour_us[new]
    lines.limit_fen[new] = limit[new] // 10_000 * 10_000
    lines.rate_ppm[new] = np.array(RATE_NOTCHES_PPM)[firm, rate_notch][new]
    lines.limit_notch[new], lines.rate_notch[new] = limit_notch[new], rate_notch[new]


def _draw(rng: np.random.Generator, fates: Fates, lines: _Lines, owed: Ints, firm: Ints, month: int) -> list[Book]:
    live = np.flatnonzero((lines.number >= 0) & (lines.until > month) & (month < lines.barred_from))
    rate = np.array(DRAWS_A_MONTH)[firm[live]] * lines.eager[live]
    life = fates.life(live, np.full(len(live), month))
    rate = rate * np.exp(DRAWS_BY_HEALTH * np.clip(fates.health[life, month].astype(np.float64), -3, 3))
    wishes = np.minimum(rng.poisson(rate), 4)
    start, end = int(fates.almanac.starts_us[month]) + 3 * DAY_US, int(fates.almanac.starts_us[month + 1])
    out = []
    for number in range(4):
        rows = live[wishes > number]
        rows = rows[month < lines.barred_from[rows]]
        slot = (end - start) // 4
        at = start + number * slot + rng.integers(0, slot, len(rows))
        draw_no = np.full(len(rows), number)
        limit, price = lines.limit_fen[rows], lines.rate_ppm[rows]
        wanted = end_of(fates, rows, at, limit, price, "book", draw_no).drawn_fen
        amount = np.minimum(wanted, np.maximum(limit - owed[rows, month], 0)) // 10_000 * 10_000
        taken = np.flatnonzero(amount >= AMOUNT_MIN_FEN)
        rows, at, amount, draw_no = rows[taken], at[taken], amount[taken], draw_no[taken]
        ends = end_of(fates, rows, at, limit[taken], price[taken], "book", draw_no, amount)
        _owe(owed, rows, month, at, ends, fates)
        gone = rows[ends.lost]
        barred = month + 1 + ends.missed[ends.lost]
        lines.barred_from[gone] = np.minimum(lines.barred_from[gone], barred)
        out.append(Book(
            rows, lines.number[rows], lines.decided_at[rows], at, limit[taken], price[taken], lines.limit_notch[rows],
            lines.rate_notch[rows], ends,
        ))  # fmt: skip
    return out


def _owe(owed: Ints, rows: Ints, month: int, at: Ints, ends: Ends, fates: Fates) -> None:
    """Count the whole sum as owed to the end of the month in which the last of it is repaid (for good where lost)."""
    repaid = fates.almanac.month_of(at + np.maximum(ends.repaid_days, 0) * DAY_US)
    last = np.where(ends.lost, 99, repaid - month)
    for later in range(owed.shape[1] - month):
        still = last >= later
        if not still.any():
            break
        owed[rows[still], month + later] += ends.drawn_fen[still]


def _in_order(parts: list[Book]) -> Book:
    joined = {
        f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Book) if f.name != "ends"
    }
    ends = {f.name: np.concatenate([getattr(part.ends, f.name) for part in parts]) for f in fields(Ends)}
    order = np.lexsort((joined["merchant"], joined["drawn_at"]))
    return Book(**{k: v[order] for k, v in joined.items()}, ends=Ends(**{k: v[order] for k, v in ends.items()}))
