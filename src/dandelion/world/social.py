"""What private people pay each other: family, shared bills, red packets, rent, acquaintances; and what strangers owe."""

from __future__ import annotations

import numpy as np

from dandelion.world.almanac import CLOCK_NAMES, SOCIAL, days_from_new_year
from dandelion.world.draws import Ints, Purpose, generator, luck, spread
from dandelion.world.economy import Economy
from dandelion.world.flows import MINUTE_US, RED_PACKET, TRANSFER, MonthClock, Pays

PAYMENTS_A_MONTH = 0.95  # per person, without shared bills and festivals
BILLS_A_MONTH = 0.16  # per person who pays for a table and is paid back
RED_PACKETS_AT_NEW_YEAR = 3.2
TENANTS = 0.10


def between_people(economy: Economy, town: int, month: int, clock: MonthClock, block: int) -> Pays:
    """One month of private payments inside a town."""
    rng = generator(economy.seed, Purpose.SOCIAL, block)
    people = economy.people
    low, high = int(people.town_starts[town]), int(people.town_starts[town + 1])
    person = np.arange(low, high)
    parts = [
        _single(
            economy, rng, low + spread(rng.poisson(PAYMENTS_A_MONTH * people.activity[low:high]))[0], clock, low, high
        ),
        _bills(economy, rng, low + spread(rng.poisson(BILLS_A_MONTH * people.activity[low:high]))[0], clock),
        _rents(economy, rng, person, clock, low, high),
    ]
    festival = _festival_share(economy, month)
    if festival > 0:
        giver = low + spread(rng.poisson(RED_PACKETS_AT_NEW_YEAR * festival * people.activity[low:high]))[0]
        parts.append(_red_packets(economy, rng, giver, clock))
    return Pays.join(parts)


def _single(economy: Economy, rng: np.random.Generator, payer: Ints, clock: MonthClock, low: int, high: int) -> Pays:
    people = economy.people
    rows = len(payer)
    bits = rng.integers(0, 2**63, rows).astype(np.uint64)
    kind = rng.random(rows)
    payee = low + (bits % np.uint64(high - low)).astype(np.int64)
    for order, floor, ceiling in (
        (people.household, 0.0, 0.34),
        (people.circle, 0.34, 0.72),
        (people.colleagues, 0.72, 0.9),
    ):
        chosen = (kind >= floor) & (kind < ceiling)
        payee[chosen] = order.mate(payer[chosen], bits[chosen])
    middle = np.where(kind < 0.34, 60_000, np.where(kind < 0.72, 9_000, 5_000))
    fen = middle * people.means[payer] * np.exp(rng.normal(0, 1.1, rows))
    fen = np.maximum(fen.astype(np.int64) // 500 * 500, 100)
    at = clock.instants(rng, SOCIAL, CLOCK_NAMES.index("screen"), rows)
    channel = np.where(rng.random(rows) < 0.25, RED_PACKET, TRANSFER).astype(np.int8)
    return Pays.of(at, payee, payer, fen, channel).take(payee != payer)


def _bills(economy: Economy, rng: np.random.Generator, host: Ints, clock: MonthClock) -> Pays:
    """A table of friends or colleagues: each guest pays the host the same sum within an hour or two."""
    people = economy.people
    at_table = clock.instants(rng, SOCIAL, CLOCK_NAMES.index("evening"), len(host))
    share = (5_500 * people.means[host] * np.exp(rng.normal(0, 0.5, len(host)))).astype(np.int64) // 10 * 10 + 10
    friends = rng.random(len(host)) < 0.6
    of, _ = spread(rng.integers(2, 7, len(host)))
    bits = rng.integers(0, 2**63, len(of)).astype(np.uint64)
    guest = np.where(friends[of], people.circle.mate(host[of], bits), people.colleagues.mate(host[of], bits))
    at = at_table[of] + (rng.exponential(25, len(of)) * MINUTE_US).astype(np.int64)
    pays = Pays.of(at, host[of], guest, share[of], TRANSFER)
    return pays.take((guest != host[of]) & (at < clock.end_us))


def _rents(economy: Economy, rng: np.random.Generator, person: Ints, clock: MonthClock, low: int, high: int) -> Pays:
    """Tenants of small private landlords: the same sum to the same person every month."""
    bits = luck(economy.seed, "tenant", person)
    tenant = person[(bits & np.uint64(0xFFFF)).astype(np.int64) < TENANTS * 65536]
    own = luck(economy.seed, "rent", tenant)
    landlord = low + ((own >> np.uint64(20)) % np.uint64(high - low)).astype(np.int64)
    fen = 60_000 + (own % np.uint64(24)).astype(np.int64) * 10_000
    at = clock.start_us + ((own >> np.uint64(8)) % np.uint64(9)).astype(np.int64) * 86_400_000_000
    at = at + (rng.uniform(8, 23, len(tenant)) * 3_600_000_000).astype(np.int64)
    keep = (rng.random(len(tenant)) < 0.95) & (landlord != tenant)
    return Pays.of(at, landlord, tenant, fen, TRANSFER).take(keep)


def _red_packets(economy: Economy, rng: np.random.Generator, giver: Ints, clock: MonthClock) -> Pays:
    people = economy.people
    bits = rng.integers(0, 2**63, len(giver)).astype(np.uint64)
    family = rng.random(len(giver)) < 0.45
    taker = np.where(family, people.household.mate(giver, bits), people.circle.mate(giver, bits))
    lucky = np.array([888, 1_800, 6_600, 8_800, 10_000, 20_000, 60_000])
    fen = lucky[rng.integers(0, len(lucky), len(giver))]
    at = clock.instants(rng, SOCIAL, CLOCK_NAMES.index("evening"), len(giver))
    return Pays.of(at, taker, giver, fen, RED_PACKET).take(taker != giver)


def _festival_share(economy: Economy, month: int) -> float:
    first = economy.almanac.month_days[month].toordinal()
    days = [type(economy.almanac.month_days[month]).fromordinal(first + i) for i in range(economy.almanac.days(month))]
    return sum(-1 <= days_from_new_year(day) <= 6 for day in days) / 8
