"""The hidden condition of every merchant, month by month, and the debts it has elsewhere.

Health z is a fixed quality plus an AR(1) process plus rare blows (illness, theft, a lost partner) plus what happens on the
street.  Behaviour follows a lagged and noisy copy of it; default follows z itself.  Nobody outside this room sees either.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dandelion.world.almanac import BEYOND, Almanac
from dandelion.world.cast import Merchants
from dandelion.world.draws import Bools, Float32s, Floats, Ints, Purpose, generator
from dandelion.world.trades import HARVEST, INDUSTRIES, Role

PERSISTENCE = 0.93
SWING = 0.95  # standard deviation of the moving part
BLOW_CHANCE = 0.012  # a month
BLOW_SIZE = 1.6
BLOW_KEPT = 0.82  # part of a blow left a month later
STREET_WEIGHT = 1.1
SHOWN_NOW, SHOWN_LATER, SHOWN_NOISE = 0.6, 0.4, 0.25  # behaviour = now + a month later + noise
CLOSING_LN_ODDS, CLOSING_BY_HEALTH = -5.4, -1.05
TURNOVER_BY_HEALTH = 0.28


@dataclass(frozen=True)
class Paths:
    """(merchants, months + BEYOND): condition, what behaviour shows of it, expected payments; and month of closing."""

    health: Float32s
    shown: Float32s
    payments: Float32s  # expected payments in the month, zero while closed
    turnover_fen: Floats  # expected turnover of a month, true business only
    closes: Ints  # first month closed for good; beyond the table if never


@dataclass(frozen=True)
class Debts:
    """Loans at other lenders, one row each, in merchant order; `informal` ones are in no credit report."""

    merchant: Ints
    taken: Ints  # month, may be before the record
    months: Ints
    amount_fen: Ints
    due_fen: Ints  # each month
    lender: Ints
    informal: Bools
    load: Float32s  # (merchants, months + BEYOND) sum of monthly dues over true monthly turnover


def live(seed: int, merchants: Merchants, streets: Floats, almanac: Almanac) -> Paths:
    """Draw the paths.  `streets` is (streets, months + BEYOND) pressure on turnover."""
    rng = generator(seed, Purpose.HEALTH)
    count, months = len(merchants), almanac.months + BEYOND
    exposure = np.where(merchants.role == Role.STREET_SHOP, 1.0, 0.0)
    exposure = np.where((merchants.role == Role.FAMILY_BUSINESS) | (merchants.role == Role.PART_TIME), 0.4, exposure)
    exposure = exposure * rng.uniform(0.5, 1.3, count)
    local = (exposure[:, None] * streets[merchants.street]).astype(np.float32)
    health = np.empty((count, months), np.float32)
    shown = np.empty_like(health)
    swing = rng.normal(0, SWING, count)
    blow = np.zeros(count)
    before = merchants.quality + swing
    for month in range(months):
        swing = PERSISTENCE * swing + np.sqrt(1 - PERSISTENCE**2) * SWING * rng.normal(0, 1, count)
        blow = BLOW_KEPT * blow + BLOW_SIZE * (rng.random(count) < BLOW_CHANCE) * rng.uniform(0.5, 1.5, count)
        now = merchants.quality + swing - blow + STREET_WEIGHT * local[:, month]
        health[:, month] = now
        shown[:, month] = SHOWN_NOW * now + SHOWN_LATER * before + rng.normal(0, SHOWN_NOISE, count)
        before = now
    closes = _closing(rng, health, merchants.opened)
    payments = _payments(merchants, shown, local, closes, almanac)
    ticket = np.exp(merchants.ticket_ln + merchants.ticket_sd**2 / 2)
    return Paths(health, shown, payments, payments.astype(np.float64) * ticket[:, None], closes)


def _closing(rng: np.random.Generator, health: Float32s, opened: Ints) -> Ints:
    odds = np.exp(CLOSING_LN_ODDS + CLOSING_BY_HEALTH * health.astype(np.float64))
    shut = rng.random(health.shape) < odds / (1 + odds)
    shut &= np.arange(health.shape[1])[None, :] > opened[:, None] + 2
    first = np.argmax(shut, axis=1)
    return np.where(shut.any(axis=1), first, health.shape[1] + 1).astype(np.int64)


def _payments(merchants: Merchants, shown: Float32s, local: Float32s, closes: Ints, almanac: Almanac) -> Float32s:
    """Expected payments: size x season x condition x street x ramp of a young shop, zero before and after its life."""
    months = shown.shape[1]
    season = np.stack([almanac.month_factor(min(m, len(almanac.month_days) - 2)) for m in range(months)], axis=1)
    factor = season[merchants.rhythm()].astype(np.float32)
    for number, industry in enumerate(INDUSTRIES):
        if industry.text in HARVEST:
            year = np.array(HARVEST[industry.text])
            rows = merchants.industry == number
            factor[rows] *= year[[almanac.month_days[m].month - 1 for m in range(months)]].astype(np.float32)
    month = np.arange(months)[None, :]
    age = month - merchants.opened[:, None]
    ramp = np.clip(0.45 + 0.14 * age, 0, 1).astype(np.float32)
    alive = (age >= 0) & (month < closes[:, None])
    moved = np.exp(TURNOVER_BY_HEALTH * shown + 0.8 * local)
    return np.asarray(merchants.payments[:, None] * factor * ramp * moved * alive, np.float32)


def borrow_elsewhere(seed: int, merchants: Merchants, paths: Paths, almanac: Almanac, lenders: int) -> Debts:
    """Loans taken elsewhere: more often when health is low, sized by turnover; a third are informal."""
    rng = generator(seed, Purpose.DEBT)
    count, months = paths.health.shape
    ambient = np.concatenate([np.repeat(paths.health[:, :1], 12, axis=1), paths.health], axis=1).astype(np.float64)
    chance = 0.028 * np.exp(-0.45 * np.clip(ambient, -3, 3))
    merchant, column = np.nonzero(rng.random(ambient.shape) < chance)
    taken = column - 12
    typical = np.exp(np.log(np.maximum(paths.turnover_fen, 1e4)).mean(axis=1))
    term = rng.choice([6, 12, 12, 24, 36], len(merchant))
    amount = typical[merchant] * np.exp(rng.normal(0.55, 0.8, len(merchant)))
    amount_fen = (np.clip(amount, 100_000, 80_000_000) // 10_000 * 10_000).astype(np.int64)
    due_fen = (amount_fen * (1 + 0.008 * term) / term).astype(np.int64)
    load = np.zeros((count, months + 1))
    np.add.at(load, (merchant, np.clip(taken, 0, months)), due_fen)
    np.add.at(load, (merchant, np.clip(taken + term, 0, months)), -due_fen)
    dues = np.cumsum(load, axis=1)[:, :months]
    return Debts(
        merchant, taken, term, amount_fen, due_fen, rng.integers(0, lenders, len(merchant)),
        rng.random(len(merchant)) < 0.33, (dues / np.maximum(typical, 1e4)[:, None]).astype(np.float32),
    )  # fmt: skip
