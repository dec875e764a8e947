"""What others report about people in one month: logins with devices, credit inquiries, snapshots of outside loans."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dandelion.core import DAY_US, HOUR_US
from dandelion.world.almanac import CLOCK_NAMES, SOCIAL
from dandelion.world.draws import Ints, Purpose, generator, luck, spread
from dandelion.world.economy import Economy
from dandelion.world.flows import MonthClock

LOGINS_A_MONTH = 7.0
NIGHT_LOGINS, NIGHT_LOGINS_BY_HEALTH = 0.08, -0.65
NEW_DEVICE, NEW_DEVICE_BY_HEALTH = 0.012, -0.45
INQUIRIES_A_MONTH, INQUIRIES_BY_HEALTH = 0.15, -0.80
REASONS = ("loan", "card", "guarantee", "review")


@dataclass(frozen=True)
class Logins:
    at: Ints
    person: Ints
    device: Ints

    def joined(self, at: Ints, person: Ints, device: Ints) -> Logins:
        if not len(at):
            return self
        parts = ((self.at, at), (self.person, person), (self.device, device))
        return Logins(*(np.concatenate(part) for part in parts))


@dataclass(frozen=True)
class Inquiries:
    at: Ints
    arrived: Ints
    person: Ints
    lender: Ints
    reason: Ints


@dataclass(frozen=True)
class Snapshots:
    """State of outside loans on a reporting day: `debt` is the row in Debts."""

    at: Ints
    arrived: Ints
    debt: Ints
    balance_fen: Ints
    days_past_due: Ints


def log_in(economy: Economy, town: int, month: int, clock: MonthClock, block: int) -> Logins:
    """Owners open the application several times a month; the struggling at night and from other phones."""
    rng = generator(economy.seed, Purpose.LOGINS, block)
    merchants, people = economy.merchants, economy.people
    rows = np.arange(int(merchants.town_starts[town]), int(merchants.town_starts[town + 1]))
    rows = rows[(merchants.opened[rows] <= month + 2) & (economy.paths.closes[rows] > month - 3)]
    shown = np.clip(economy.paths.shown[rows, month].astype(np.float64), -4, 4)
    habit = np.exp(0.5 * _normal(economy, merchants.owner[rows]))
    who, _ = spread(rng.poisson(LOGINS_A_MONTH * habit * np.exp(-0.08 * shown)))
    at = clock.instants(rng, SOCIAL, CLOCK_NAMES.index("screen"), len(who))
    night = rng.random(len(who)) < (NIGHT_LOGINS * np.exp(NIGHT_LOGINS_BY_HEALTH * shown))[who]
    day = (at - clock.start_us) // DAY_US
    small_hours = clock.start_us + day * DAY_US + (rng.uniform(0, 5, len(who)) * HOUR_US).astype(np.int64)
    at = np.where(night, small_hours, at)
    device = economy.device[merchants.account[rows]][who]
    other = rng.random(len(who)) < (NEW_DEVICE * np.exp(NEW_DEVICE_BY_HEALTH * shown))[who]
    strange = len(economy.accounts) + (rng.random(len(who)) * people.count).astype(np.int64)
    low, high = int(people.town_starts[town]), int(people.town_starts[town + 1])
    visitor = rng.integers(low, high, max(1, (high - low) // 25))
    visits = clock.instants(rng, SOCIAL, CLOCK_NAMES.index("screen"), len(visitor))
    return Logins(
        np.concatenate([at, visits]),
        np.concatenate([merchants.owner[rows][who], visitor]),
        np.concatenate([np.where(other, strange, device), economy.device[visitor]]),
    )


def _normal(economy: Economy, person: Ints) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A fixed habit of a person, roughly normal: the sum of a hash's eight bytes."""
    bits = luck(economy.seed, "habit", person)
    total = np.zeros(len(person))
    for shift in range(0, 64, 8):
        total += ((bits >> np.uint64(shift)) & np.uint64(255)).astype(np.float64)
    return np.asarray((total - 8 * 127.5) / (np.sqrt(8) * 73.9))


def inquire(economy: Economy, town: int, month: int, clock: MonthClock, block: int) -> Inquiries:
    """Other lenders look at owners who ask them for money: more when health is low; and at some private people."""
    rng = generator(economy.seed, Purpose.INQUIRIES, block)
    merchants, people, debts = economy.merchants, economy.people, economy.debts
    first, last = int(merchants.town_starts[town]), int(merchants.town_starts[town + 1])
    rows = np.arange(first, last)
    shown = np.clip(economy.paths.shown[rows, month].astype(np.float64), -4, 4)
    asked, _ = spread(rng.poisson(INQUIRIES_A_MONTH * np.exp(INQUIRIES_BY_HEALTH * shown)))
    taken = (debts.taken == month) & ~debts.informal & (debts.merchant >= first) & (debts.merchant < last)
    low, high = int(people.town_starts[town]), int(people.town_starts[town + 1])
    private = rng.integers(low, high, max(1, (high - low) // 60))
    person = np.concatenate([merchants.owner[rows[asked]], merchants.owner[debts.merchant[taken]], private])
    lender = np.concatenate([
        rng.integers(0, 24, len(asked)), debts.lender[taken], rng.integers(0, 24, len(private))
    ])  # fmt: skip
    at = clock.instants(rng, SOCIAL, CLOCK_NAMES.index("office"), len(person))
    reason = rng.choice(4, len(person), p=[0.68, 0.2, 0.03, 0.09])
    arrived = at + (rng.exponential(1.2, len(person)) * DAY_US).astype(np.int64)
    return Inquiries(at, arrived, person, lender, reason)


def snapshot(economy: Economy, town: int, month: int, clock: MonthClock, block: int) -> Snapshots:
    """Monthly state of formal outside loans, known some days after the reporting day."""
    rng = generator(economy.seed, Purpose.DEBT, 1, block)
    merchants, debts = economy.merchants, economy.debts
    first, last = int(merchants.town_starts[town]), int(merchants.town_starts[town + 1])
    age = month - debts.taken
    live = (age >= 0) & (age <= debts.months) & ~debts.informal & (debts.merchant >= first) & (debts.merchant < last)
    debt = np.flatnonzero(live)
    age = age[debt]
    shown = np.clip(economy.paths.shown[debts.merchant[debt], month].astype(np.float64), -4, 4)
    load = np.minimum(economy.debts.load[debts.merchant[debt], month].astype(np.float64), 3)
    odds = np.exp(-4.3 - 0.9 * shown + 0.4 * load)
    behind = rng.random(len(debt)) < odds / (1 + odds)
    days = np.where(behind, rng.integers(1, 75, len(debt)), 0)
    balance = debts.amount_fen[debt] * np.maximum(debts.months[debt] - age, 0) // debts.months[debt]
    at = clock.start_us + (2 + debts.lender[debt] % 20) * DAY_US + rng.integers(0, DAY_US, len(debt))
    arrived = at + ((1 + rng.exponential(2.0, len(debt))) * DAY_US).astype(np.int64)
    return Snapshots(at, arrived, debt, balance, days)
