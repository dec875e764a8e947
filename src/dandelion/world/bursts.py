"""Short crowds at one till: cash-out rings and fake orders, and the honest promotions that look like them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dandelion.core import DAY_US
from dandelion.world.draws import Ints, Purpose, generator
from dandelion.world.economy import Economy
from dandelion.world.flows import MINUTE_US, ONLINE_PAY, QR, TRANSFER, MonthClock, Pays
from dandelion.world.fraud import Ring
from dandelion.world.trade import ORDER_BITS
from dandelion.world.trades import Case, Role

CASH_OUT_BURSTS, FAKE_ORDER_BURSTS = 2.2, 4.0  # a month while at work
FEE_PER_MILLE = (15, 45)  # what the store keeps of a cashed-out sum
PROMOTIONS_A_MONTH = 0.45


@dataclass(frozen=True)
class Burst:
    """Truth about one crowd: its ring (-1: honest), the store's account, and when."""

    ring: int
    store: int
    start_us: int
    end_us: int
    payments: int


@dataclass(frozen=True)
class Staged:
    """Payments of bursts, orders of the online ones, five-star reviews of the faked (row numbers into `pays`)."""

    pays: Pays
    order_of: Ints
    review_of: Ints
    review_at: Ints
    bursts: tuple[Burst, ...]


def stage(economy: Economy, town: int, month: int, clock: MonthClock, block: int) -> Staged:
    """The bursts of one town and month: rings at work, then honest promotions."""
    rng = generator(economy.seed, Purpose.PROMOTIONS, block)
    merchants, rings = economy.merchants, economy.rings
    pays: list[Pays] = [Pays.none()]
    bursts: list[Burst] = []
    for ring in rings.active(Ring.CASH_OUT, month):
        if merchants.town[rings.centre[ring]] == town:
            _cash_out(economy, rng, int(ring), clock, pays, bursts)
    rows_before = sum(len(p) for p in pays)
    for ring in rings.active(Ring.FAKE_ORDERS, month):
        if merchants.town[rings.centre[ring]] == town:
            _fake_orders(economy, rng, int(ring), clock, pays, bursts)
    faked = sum(len(p) for p in pays) - rows_before
    for ring in rings.active(Ring.SYNTHETIC, month):
        if merchants.town[rings.centre[ring]] == town:
            pays.append(_carousel(economy, rng, int(ring), clock))
    _promotions(economy, rng, town, month, clock, pays, bursts)
    joined = Pays.join(pays)
    order_of = np.flatnonzero(joined.channel == ONLINE_PAY)
    order = joined.order.copy()
    order[order_of] = (block << ORDER_BITS) + (3 << (ORDER_BITS - 2)) + np.arange(len(order_of))
    joined = Pays(joined.at, joined.payee, joined.payer, joined.fen, joined.channel, order)
    fake = (order_of >= rows_before) & (order_of < rows_before + faked)
    review_of = order_of[fake & (rng.random(len(order_of)) < 0.85)]
    review_at = joined.at[review_of] + (rng.uniform(0.5, 3, len(review_of)) * DAY_US).astype(np.int64)
    seen = review_at < economy.almanac.end_us
    return Staged(joined, order_of, review_of[seen], review_at[seen], tuple(bursts))


def _crowd(rng: np.random.Generator, clock: MonthClock, minutes: int, rows: int, low: float, high: float) -> Ints:
    start = int(clock.evenings(rng, 1, low, high)[0])
    return np.asarray(start + np.sort(rng.random(rows) * minutes * MINUTE_US).astype(np.int64), np.int64)


def _cash_out(
    economy: Economy, rng: np.random.Generator, ring: int, clock: MonthClock, pays: list[Pays], bursts: list[Burst]
) -> None:
    """Buyers pay round sums by card credit within the hour; the store sends them back less its fee the same day."""
    store = int(economy.merchants.account[economy.rings.centre[ring]])
    members = economy.rings.of(ring)
    for _ in range(int(rng.poisson(CASH_OUT_BURSTS))):
        here = members[rng.random(len(members)) < rng.uniform(0.5, 0.95)]
        if len(here) < 4:
            continue
        at = _crowd(rng, clock, int(rng.integers(18, 60)), len(here), 9.0, 21.0)
        fen = (rng.integers(8, 60, len(here)) * 10_000) - rng.integers(0, 20, len(here)) * 100
        fee = rng.integers(*FEE_PER_MILLE, len(here))
        back_at = at + ((0.3 + rng.random(len(here)) * 5) * 60 * MINUTE_US).astype(np.int64)
        inside = back_at < economy.almanac.end_us
        pays.append(Pays.of(at, np.full(len(here), store), here, fen, QR))
        returned = Pays.of(back_at, here, np.full(len(here), store), fen * (1000 - fee) // 1000, TRANSFER)
        pays.append(returned.take(inside))
        bursts.append(Burst(ring, store, int(at[0]), int(at[-1]) + 1, len(here)))


def _fake_orders(
    economy: Economy, rng: np.random.Generator, ring: int, clock: MonthClock, pays: list[Pays], bursts: list[Burst]
) -> None:
    """Hired buyers order within two hours and are paid back price and wage by the owner within two days."""
    row = int(economy.rings.centre[ring])
    store, owner = int(economy.merchants.account[row]), int(economy.merchants.owner[row])
    members = economy.rings.of(ring)
    ticket = float(np.exp(economy.merchants.ticket_ln[row]))
    for _ in range(int(rng.poisson(FAKE_ORDER_BURSTS))):
        here = members[rng.random(len(members)) < rng.uniform(0.3, 0.8)]
        if len(here) < 4:
            continue
        at = _crowd(rng, clock, int(rng.integers(40, 150)), len(here), 10.0, 22.0)
        fen = np.maximum((ticket * np.exp(rng.normal(0, 0.15, len(here)))).astype(np.int64) // 100 * 100, 100)
        back_at = at + (rng.uniform(0.1, 1.8, len(here)) * DAY_US).astype(np.int64)
        wage = rng.integers(5, 12, len(here)) * 100
        inside = back_at < economy.almanac.end_us
        pays.append(Pays.of(at, np.full(len(here), store), here, fen, ONLINE_PAY))
        pays.append(Pays.of(back_at, here, np.full(len(here), owner), fen + wage, TRANSFER).take(inside))
        bursts.append(Burst(ring, store, int(at[0]), int(at[-1]) + 1, len(here)))


def _carousel(economy: Economy, rng: np.random.Generator, ring: int, clock: MonthClock) -> Pays:
    """Synthetic identities pay each other in a circle to look like a trade."""
    accounts = economy.merchants.account[economy.rings.of(ring)]
    rows = int(rng.poisson(9.0 * len(accounts)))
    payer = rng.integers(0, len(accounts), rows)
    payee = (payer + rng.integers(1, max(len(accounts), 2), rows)) % len(accounts)
    at = clock.evenings(rng, rows, 8.0, 23.0)
    fen = rng.integers(10, 90, rows) * 1_000 + rng.integers(0, 10, rows) * 10
    return Pays.of(at, accounts[payee], accounts[payer], fen, QR).take(payee != payer)


def _promotions(
    economy: Economy, rng: np.random.Generator, town: int, month: int, clock: MonthClock, pays: list[Pays],
    bursts: list[Burst],
) -> None:  # fmt: skip
    """Anniversaries, group coupons, live sales: many different honest customers within an hour or two."""
    merchants, people = economy.merchants, economy.people
    rows = np.arange(int(merchants.town_starts[town]), int(merchants.town_starts[town + 1]))
    rows = rows[(economy.case[rows] == Case.PROMOTION) & (economy.paths.payments[rows, month] > 0)]
    low, high = int(people.town_starts[town]), int(people.town_starts[town + 1])
    for row in rows[rng.random(len(rows)) < PROMOTIONS_A_MONTH]:
        online = merchants.role[row] == Role.ONLINE_SHOP
        size = 6 + int(rng.poisson(min(0.25 * merchants.payments[row], 90)))
        at = _crowd(rng, clock, int(rng.integers(30, 140)), size, 10.0, 21.0)
        payer = rng.integers(0, people.count, size) if online else rng.integers(low, high, size)
        payer = np.where(payer == merchants.owner[row], (payer + 1) % people.count, payer)
        ticket = np.exp(merchants.ticket_ln[row] - 0.25 + 0.4 * rng.normal(0, 1, size))
        fen = np.maximum(ticket.astype(np.int64) // 100 * 100, 100)
        account = int(merchants.account[row])
        pays.append(Pays.of(at, np.full(size, account), payer, fen, ONLINE_PAY if online else QR))
        bursts.append(Burst(-1, account, int(at[0]), int(at[-1]) + 1, size))
