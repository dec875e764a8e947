"""How a drawdown ends: one mechanism for the past loan book and for every policy judged later.

In each month of use a merchant is under stress: the line against true monthly turnover, hidden health, dues elsewhere,
price, collusion and a private weakness.  Stress plus luck above zero misses the instalment of that month; far enough above,
it is never made good.  Luck is hashed from (seed, stream, merchant, calendar month), so it is the same whatever line was
given: a larger or dearer line can only make things worse.  The numbers are assumptions of the economy, see docs/world.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dandelion.core import PPM
from dandelion.world.almanac import BEYOND, Almanac
from dandelion.world.draws import Bools, Float32s, Floats, Ints, luck, uniform

EXPOSURES = BEYOND  # months of use that can go wrong
INSTALMENT_DAYS = 30
BAD_DPD, BAD_WINDOW_DAYS = 90, 183
BAD_EXPOSURES = 3  # a first missed instalment on day 30, 60 or 90 is 90 days late by day 180
WRITE_OFF_DPD = 180
SHOP_TERM_DAYS, FIRM_TERM_DAYS = 180, 360

BASE = (-4.0, -4.6)  # shops, firms: a firm has reserves and books
BY_LIMIT, BY_HEALTH, BY_DEBT, BY_RATE = 0.5, 1.5, 0.4, 0.3
RATE_MIDDLE, RATE_STEP = 0.15, 0.05
ON_CLOSING = 2.0
UNCURED = 0.9  # stress beyond which a missed instalment is never made good
TURNOVER_FLOOR_FEN = 20_000
NULL_BURDEN = (0.45, 0.75)  # mean and spread of burden in the null world
USE_MEDIAN_DAYS, USE_SPREAD, USE_BY_HEALTH = (39.0, 85.0), 0.75, -0.10
RECOVERED = (0.05, 0.45)
TAKE_UP_MIDDLE, TAKE_UP_STEP = (0.26, 0.115), (0.035, 0.03)  # shops, firms: annual rate at which half walk away


@dataclass(frozen=True)
class Fates:
    """What decides outcomes, one row a merchant (months from 0, `BEYOND` past the end)."""

    seed: int
    null: bool
    almanac: Almanac
    firm: Bools
    weakness: Floats  # private weakness plus collusion
    closes: Ints
    health: Float32s  # (merchants, months + BEYOND)
    load: Float32s
    turnover_fen: Ints  # (merchants, months) what the line is measured against

    def life(self, merchant: Ints, month: Ints) -> Ints:
        """Whose hidden life decides a drawdown of `month`: the merchant's own; in the null world that of any merchant,
        drawn anew each month, so that nothing about the borrower or its past loans can tell."""
        if not self.null:
            return merchant
        bits = luck(self.seed, "null life", merchant, month)
        return np.asarray((bits % np.uint64(len(self.firm))).astype(np.int64))

    def burden(self, merchant: Ints, month: Ints, limit_fen: Ints) -> Floats:
        """ln of the limit over true monthly turnover.  In the null world a draw from its usual spread, whatever the
        limit: turnover shows in the record, so a true ratio would let a model gain."""
        if self.null:
            first, second = (luck(self.seed, name, merchant, month) for name in ("null load", "null size"))
            return NULL_BURDEN[0] + NULL_BURDEN[1] * _normal(uniform(first), uniform(second))
        turnover = trailing(self.turnover_fen, merchant, month)
        return np.asarray(np.log(np.maximum(limit_fen, 1) / np.maximum(turnover, TURNOVER_FLOOR_FEN)), np.float64)


@dataclass(frozen=True)
class Ends:
    """Ends of drawdowns, row by row.  `missed` is the instalment first missed (-1: none), `lost` if never made good."""

    drawn_fen: Ints
    bad: Bools
    lost: Bools
    missed: Ints
    max_dpd: Ints
    use_days: Ints
    outstanding_fen: Ints  # at the missed instalment, where lost
    loss_fen: Ints
    interest_fen: Ints
    repaid_days: Ints  # -1 where never


def end_of(
    fates: Fates, merchant: Ints, at_us: Ints, limit_fen: Ints, rate_ppm: Ints, stream: str, draw_no: Ints,
    drawn_fen: Ints | None = None,
) -> Ends:  # fmt: skip
    """Ends of lines of `limit_fen` at `rate_ppm` a year given at `at_us`; `drawn_fen` fixes what is drawn."""
    month = np.clip(fates.almanac.month_of(at_us), 0, fates.almanac.months)
    life = fates.life(merchant, month)
    stress = _stress(fates, merchant, life, month, limit_fen, rate_ppm, stream)
    now = np.clip(fates.health[life, month].astype(np.float64), -4, 4)
    firm = fates.firm[merchant].astype(np.int64)
    own = luck(fates.seed, stream + " draw", merchant, month, draw_no)
    normal = _normal(uniform(own), uniform(luck(fates.seed, stream + " use", merchant, month, draw_no)))
    use = np.array(USE_MEDIAN_DAYS)[fates.firm[life].astype(np.int64)] * np.exp(
        USE_SPREAD * normal + USE_BY_HEALTH * now
    )
    term = np.where(firm == 1, FIRM_TERM_DAYS, SHOP_TERM_DAYS)
    use_days = np.clip(use, 3, term).astype(np.int64)
    drawn = (
        _wanted(fates, merchant, month, limit_fen, rate_ppm, stream, draw_no, now) if drawn_fen is None else drawn_fen
    )
    exposed = np.arange(EXPOSURES)[None, :] * INSTALMENT_DAYS < use_days[:, None]
    stress = np.where(exposed, stress, -np.inf)
    gone = stress > UNCURED
    lost = gone.any(axis=1)
    first_gone = np.argmax(gone, axis=1)
    worst = np.argmax(stress, axis=1)
    peak = stress[np.arange(len(worst)), worst]
    late = (peak > 0) & ~lost
    missed = np.where(lost, first_gone, np.where(late, worst, -1))
    took = drawn > 0
    bad = lost & (first_gone < BAD_EXPOSURES) & took
    with np.errstate(invalid="ignore"):
        late_days = 1 + np.floor(np.clip(peak, 0, UNCURED) / UNCURED * (BAD_DPD - 2))
    max_dpd = np.where(lost, WRITE_OFF_DPD, np.where(late, late_days, 0)).astype(np.int64)
    stays = np.where(lost, (first_gone + 1) * INSTALMENT_DAYS, np.maximum(use_days, 0))
    paid_until = np.where(lost, first_gone * INSTALMENT_DAYS, stays)
    instalments = term // INSTALMENT_DAYS
    outstanding = np.where(lost, drawn - drawn // instalments * first_gone, 0)
    back = RECOVERED[0] + (RECOVERED[1] - RECOVERED[0]) * uniform(luck(fates.seed, stream + " back", merchant, month))
    loss = (outstanding * (1 - back)).astype(np.int64)
    interest = _interest(drawn, np.asarray(rate_ppm, np.int64), paid_until, instalments)
    repaid = np.where(
        lost, -1, np.where(late, np.maximum(use_days, (missed + 1) * INSTALMENT_DAYS + max_dpd), use_days)
    )
    lost &= took
    return Ends(
        drawn, bad, lost, np.where(took, missed, -1), np.where(took, max_dpd, 0), use_days, outstanding, loss, interest,
        np.where(took, repaid, 0),
    )  # fmt: skip


def _stress(
    fates: Fates, merchant: Ints, life: Ints, month: Ints, limit_fen: Ints, rate_ppm: Ints, stream: str
) -> Floats:
    """(rows, EXPOSURES) stress plus luck of each month of use."""
    later = np.minimum(month[:, None] + np.arange(EXPOSURES)[None, :], fates.health.shape[1] - 1)
    row = life[:, None]
    burden = fates.burden(merchant, month, limit_fen)
    price = (np.asarray(rate_ppm, np.float64) / PPM - RATE_MIDDLE) / RATE_STEP
    closed = (fates.closes[row] <= later) & (fates.closes[row] > month[:, None])
    again = month[:, None] + 1 if fates.null else 0  # luck that lasts would let past loans tell
    draw = uniform(luck(fates.seed, stream, merchant[:, None], later, again))
    return np.asarray(
        np.array(BASE)[fates.firm[life].astype(np.int64)][:, None]
        + (BY_LIMIT * burden + BY_RATE * price + fates.weakness[life])[:, None]
        - BY_HEALTH * fates.health[row, later].astype(np.float64)
        + BY_DEBT * np.minimum(fates.load[row, later].astype(np.float64), 3.0)
        + ON_CLOSING * closed
        + np.log(draw / (1 - draw))
    )


def trailing(monthly_fen: Ints, merchant: Ints, month: Ints) -> Floats:
    """Mean of the (up to) three months before `month`, per row."""
    last = np.clip(month[:, None] - 1 - np.arange(3)[None, :], 0, monthly_fen.shape[1] - 1)
    return np.asarray(monthly_fen[merchant[:, None], last].mean(axis=1), np.float64)


def _wanted(
    fates: Fates, merchant: Ints, month: Ints, limit_fen: Ints, rate_ppm: Ints, stream: str, draw_no: Ints, now: Floats
) -> Ints:
    """What is drawn: nothing if the price is refused, else a part of the limit, larger when times are bad."""
    firm = fates.firm[merchant].astype(np.int64)
    rate = np.asarray(rate_ppm, np.float64) / PPM
    step = (np.array(TAKE_UP_MIDDLE)[firm] - rate) / np.array(TAKE_UP_STEP)[firm]
    takes = uniform(luck(fates.seed, stream + " takes", merchant, month)) < 1 / (1 + np.exp(-step))
    part = uniform(luck(fates.seed, stream + " part", merchant, month, draw_no)) ** np.exp(0.2 * now)
    return np.where(takes, (limit_fen * (0.15 + 0.85 * part)).astype(np.int64) // 10_000 * 10_000, 0)


def _interest(drawn: Ints, rate_ppm: Ints, until_day: Ints, instalments: Ints) -> Ints:
    """Daily simple interest on what is still owed, equal principal every 30 days, until `until_day`; whole fen."""
    total = np.zeros(len(drawn), np.int64)
    for k in range(int(instalments.max()) if len(instalments) else 0):
        days = np.clip(until_day - k * INSTALMENT_DAYS, 0, INSTALMENT_DAYS)
        owed = np.maximum(drawn - drawn // instalments * k, 0)
        total += owed * days // 100 * rate_ppm // (365 * PPM // 100)
    return total


def _normal(first: Floats, second: Floats) -> Floats:
    """Box-Muller: a standard normal from two uniforms."""
    return np.asarray(np.sqrt(-2 * np.log(first)) * np.cos(2 * np.pi * second))
