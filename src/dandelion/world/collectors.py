"""Private people whose accounts look like shops: landlords, organisers of group buys, bill-splitters, treasurers, tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dandelion.world.almanac import CLOCK_NAMES, STREET
from dandelion.world.cast import Accounts, Merchants
from dandelion.world.draws import Ints, Purpose, generator, spread
from dandelion.world.flows import MINUTE_US, QR, RED_PACKET, TRANSFER, MonthClock, Pays
from dandelion.world.people import Order, People
from dandelion.world.trades import Case, Role

SORTS = (
    # case, per thousand people, members low, high
    (Case.LANDLORD, 7.0, 3, 20),
    (Case.GROUP_BUY_ORGANISER, 3.0, 20, 60),
    (Case.BILL_SPLITTER, 6.0, 8, 24),
    (Case.CLASS_TREASURER, 3.0, 25, 46),
    (Case.MAHJONG_PLAYER, 3.0, 3, 3),
)
SCHOOL_MONTHS = (2, 9)  # calendar months with the large fees


@dataclass(frozen=True)
class Collectors:
    """One row a collector; `members[starts[i]:starts[i + 1]]` are the people around it, all of one town."""

    case: Ints
    centre: Ints  # person
    town: Ints
    starts: Ints
    members: Ints
    usual_fen: Ints

    def rows(self, case: Case, town: int) -> Ints:
        return np.flatnonzero((self.case == case) & (self.town == town))

    def sizes(self, rows: Ints) -> Ints:
        return self.starts[rows + 1] - self.starts[rows]


def gather(seed: int, people: People, merchants: Merchants) -> Collectors:
    """Cast collectors among people without a trade; their members live near or work with them."""
    rng = generator(seed, Purpose.COLLECTORS)
    trader = np.zeros(people.count, bool)
    trader[merchants.owner] = True
    free = rng.permutation(np.flatnonzero(~trader))
    case, centre, members, sizes, usual = [], [], [], [], []
    used = 0
    for sort, per_thousand, low, high in SORTS:
        for _ in range(max(4, round(people.count * per_thousand / 1000))):
            person = int(free[used])
            used += 1
            around = _around(rng, people, person, int(rng.integers(low, high + 1)), sort)
            case.append(int(sort))
            centre.append(person)
            members.append(around)
            sizes.append(len(around))
            usual.append(_usual_fen(rng, sort))
    where = np.array(centre)
    return Collectors(
        np.array(case), where, np.searchsorted(people.town_starts, where, side="right") - 1,
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), np.concatenate(members), np.array(usual),
    )  # fmt: skip


def _around(rng: np.random.Generator, people: People, person: int, size: int, sort: Case) -> Ints:
    town = int(np.searchsorted(people.town_starts, person, side="right") - 1)
    low, high = int(people.town_starts[town]), int(people.town_starts[town + 1])
    if sort == Case.LANDLORD:
        pool = rng.integers(low, high, size * 2)
    elif sort == Case.BILL_SPLITTER:
        pool = _group(people.colleagues, person, size)
    elif sort == Case.MAHJONG_PLAYER:
        pool = _group(people.circle, person, size)
    elif sort == Case.GROUP_BUY_ORGANISER:  # friends and colleagues first, then the neighbours: they know each other
        near = np.arange(max(low, person - size // 2), min(high, person + size // 2))
        pool = np.concatenate([_group(people.circle, person, 0), _group(people.colleagues, person, 0), near])
    else:
        pool = np.arange(max(low, person - 3 * size), min(high, person + 3 * size))
    pool = np.unique(pool[pool != person])
    if len(pool) < size:
        pool = np.setdiff1d(np.arange(max(low, person - 2 * size), min(high, person + 2 * size)), [person])
    return np.asarray(rng.choice(pool, size, replace=False), np.int64)


def _group(order: Order, person: int, least: int) -> Ints:
    """Members of a person's group, and the next in line where it has not `least` besides the person."""
    place = int(order.place[person])
    start = int(order.start[place])
    return np.asarray(order.members[start : start + max(int(order.size[place]), least + 1)], np.int64)


def _usual_fen(rng: np.random.Generator, sort: Case) -> int:
    middle = {
        Case.LANDLORD: 90_000, Case.GROUP_BUY_ORGANISER: 3_600, Case.BILL_SPLITTER: 2_600,
        Case.CLASS_TREASURER: 12_000, Case.MAHJONG_PLAYER: 2_500,
    }[sort]  # fmt: skip
    return int(middle * np.exp(rng.normal(0, 0.35))) // 100 * 100 + 100


@dataclass(frozen=True)
class Neighbours:
    """Where collectors spend what they collected: shops of the town, and outside companies."""

    shops: Ints
    outside: Ints


def spending_places(merchants: Merchants, accounts: Accounts, town: int) -> Neighbours:
    low, high = int(merchants.town_starts[town]), int(merchants.town_starts[town + 1])
    shops = merchants.account[low:high][merchants.role[low:high] == Role.STREET_SHOP]
    return Neighbours(shops, accounts.outside_start + np.arange(accounts.outside))


def collect(
    rng: np.random.Generator, collectors: Collectors, town: int, clock: MonthClock, month: int, places: Neighbours
) -> Pays:
    """One month of what the collectors of a town take in, and pay on.  `month` is the calendar month, 1 to 12."""
    parts = [_rents(rng, collectors, town, clock)]
    parts += _rounds(rng, collectors, collectors.rows(Case.GROUP_BUY_ORGANISER, town), clock, 7.0, 0.4, 150, places)
    parts += _rounds(rng, collectors, collectors.rows(Case.BILL_SPLITTER, town), clock, 7.0, 0.3, 40, places)
    fees = 1.6 if month in SCHOOL_MONTHS else 0.35
    parts += _rounds(rng, collectors, collectors.rows(Case.CLASS_TREASURER, town), clock, fees, 0.93, 3_000, places)
    parts.append(_tables(rng, collectors, collectors.rows(Case.MAHJONG_PLAYER, town), clock))
    return Pays.join(parts)


def _rents(rng: np.random.Generator, collectors: Collectors, town: int, clock: MonthClock) -> Pays:
    rows = collectors.rows(Case.LANDLORD, town)
    who, place = spread(collectors.sizes(rows))
    row = rows[who]
    tenant = collectors.members[collectors.starts[row] + place]
    day = tenant % 8
    hour = rng.uniform(8, 23, len(row))
    at = clock.start_us + ((day * 24 + hour) * 3_600_000_000).astype(np.int64)
    fen = collectors.usual_fen[row] * (8 + tenant % 7) // 10 // 1000 * 1000
    paid = rng.random(len(row)) < 0.94
    return Pays.of(at, collectors.centre[row], tenant, fen, TRANSFER).take(paid)


def _rounds(
    rng: np.random.Generator, collectors: Collectors, rows: Ints, clock: MonthClock, rounds: float, joining: float,
    minutes: int, places: Neighbours,
) -> list[Pays]:  # fmt: skip
    """Rounds in which part of the members pay near-equal sums within `minutes`; then the centre pays on 94 % of it."""
    if len(rows) == 0:
        return [Pays.none()]
    of, _ = spread(rng.poisson(rounds, len(rows)))
    row = rows[of]
    lunch = collectors.case[row] == Case.BILL_SPLITTER
    opened = np.where(
        lunch,
        clock.instants(rng, STREET, CLOCK_NAMES.index("meals"), len(row)),
        clock.evenings(rng, len(row), 18.0, 21.5),
    )
    share_fen = (collectors.usual_fen[row] * np.exp(rng.normal(0, 0.3, len(row)))).astype(np.int64) // 10 * 10 + 10
    round_of, place = spread(collectors.sizes(row))
    join = rng.random(len(round_of)) < joining
    round_of, place = round_of[join], place[join]
    payer = collectors.members[collectors.starts[row[round_of]] + place]
    at = opened[round_of] + (rng.random(len(round_of)) ** 2 * minutes * MINUTE_US).astype(np.int64)
    varied = collectors.case[row[round_of]] == Case.GROUP_BUY_ORGANISER
    fen = np.where(varied, share_fen[round_of] * rng.integers(1, 4, len(round_of)), share_fen[round_of])
    channel = np.where(rng.random(len(round_of)) < 0.35, RED_PACKET, np.where(varied, QR, TRANSFER)).astype(np.int8)
    taken = np.bincount(round_of, fen, len(row)).astype(np.int64)
    lag = np.where(lunch, -20 * MINUTE_US, (minutes + 600) * MINUTE_US)
    spent = (taken > 0) & (opened + lag < clock.end_us) & (opened + lag >= clock.start_us)
    to_shop = lunch[spent] & (len(places.shops) > 0)
    shop = places.shops[rng.integers(0, max(len(places.shops), 1), int(spent.sum()))] if len(places.shops) else 0
    payee = np.where(to_shop, shop, places.outside[rng.integers(0, len(places.outside), int(spent.sum()))])
    paid_on = Pays.of(
        (opened + lag)[spent], payee, collectors.centre[row[spent]], taken[spent] * 94 // 100,
        np.where(to_shop, QR, TRANSFER).astype(np.int8),
    )  # fmt: skip
    inside = at < clock.end_us
    return [Pays.of(at, collectors.centre[row[round_of]], payer, fen, channel).take(inside), paid_on]


def _tables(rng: np.random.Generator, collectors: Collectors, rows: Ints, clock: MonthClock) -> Pays:
    """Four people who pay each other all evening: everyone is payer and payee."""
    if len(rows) == 0:
        return Pays.none()
    of, _ = spread(rng.poisson(5.0, len(rows)))
    row = rows[of]
    opened = clock.evenings(rng, len(row), 13.0, 20.0)
    session, _ = spread(rng.integers(6, 18, len(row)))
    seats = np.column_stack(
        [collectors.centre[rows], collectors.members[collectors.starts[rows][:, None] + np.arange(3)]]
    )
    winner = rng.integers(0, 4, len(session))
    loser = (winner + rng.integers(1, 4, len(session))) % 4
    at = opened[session] + (rng.random(len(session)) * 220 * MINUTE_US).astype(np.int64)
    fen = collectors.usual_fen[row[session]] * rng.integers(1, 6, len(session)) // 2
    pays = Pays.of(at, seats[of[session], winner], seats[of[session], loser], fen, TRANSFER)
    return pays.take(at < clock.end_us)
