"""Cases for the hard town only: private people whom strangers pay, and sellers whom friends pay.

The plain world leaves a gap that a count of payers nearly closes; here the gap is filled from both sides.  Nothing of this
is drawn, and no other draw changes, unless the world is built hard.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dandelion.core import DAY_US, HOUR_US
from dandelion.world.almanac import CLOCK_NAMES, SOCIAL
from dandelion.world.cast import Merchants
from dandelion.world.collectors import Collectors
from dandelion.world.draws import Bools, Ints, Purpose, generator, luck, spread
from dandelion.world.flows import ONLINE_PAY, QR, RED_PACKET, TRANSFER, MonthClock, Pays
from dandelion.world.people import People
from dandelion.world.trades import Case, Role

SORTS = ((Case.SECOND_HAND, 12.0), (Case.FEAST_HOST, 4.0), (Case.CARPOOL, 5.0))  # per thousand people
FRIEND_SELLERS = 0.35  # of part-time and family businesses that are no other case
FRIENDS_PAY = 0.8  # share of a friend seller's payments that come from people who know each other
SALES_A_MONTH = 2.2  # of somebody who sells used things


@dataclass(frozen=True)
class Crowds:
    """One row a private person with a crowd: case, person, town, and the month of the feast.  Empty in a plain world."""

    case: Ints
    person: Ints
    town: Ints
    feast_month: Ints

    def rows(self, case: Case, town: int) -> Ints:
        return np.flatnonzero((self.case == case) & (self.town == town))


def no_crowds() -> Crowds:
    return Crowds(*(np.empty(0, np.int64) for _ in range(4)))


def cast_crowds(seed: int, people: People, merchants: Merchants, collectors: Collectors, months: int) -> Crowds:
    """Cast among people who neither trade nor collect."""
    rng = generator(seed, Purpose.CROWDS)
    taken = np.zeros(people.count, bool)
    taken[merchants.owner] = True
    taken[collectors.centre] = True
    free = rng.permutation(np.flatnonzero(~taken))
    counts = [max(4, round(people.count * per_thousand / 1000)) for _, per_thousand in SORTS]
    case = np.repeat([int(sort) for sort, _ in SORTS], counts)
    person = free[: len(case)]
    town = np.searchsorted(people.town_starts, person, side="right") - 1
    return Crowds(case, person, town, rng.integers(0, months, len(case)))


def friend_sellers(seed: int, merchants: Merchants, case: Ints) -> Ints:
    """`case` with part of the small unregistered sellers turned into sellers among friends."""
    rng = generator(seed, Purpose.CROWDS, 1)
    small = np.isin(merchants.role, (Role.PART_TIME, Role.FAMILY_BUSINESS)) & (case == Case.NONE)
    return np.where(small & (rng.random(len(case)) < FRIEND_SELLERS), int(Case.FRIEND_SELLER), case)


def among_friends(
    seed: int, people: People, merchants: Merchants, case: Ints, merchant: Ints, payer: Ints, at: Ints
) -> Ints:
    """Payers of friend sellers become their friends, colleagues and friends of these; everybody else's stay."""
    rows = np.flatnonzero(case[merchant] == Case.FRIEND_SELLER)
    bits = luck(seed, "friend", merchant[rows], at[rows])
    owner = merchants.owner[merchant[rows]]
    kind = (bits >> np.uint64(50)).astype(np.int64) / 2**14
    friend = people.circle.mate(owner, bits)
    colleague = people.colleagues.mate(owner, bits)
    further = people.colleagues.mate(friend, bits >> np.uint64(20))
    chosen = np.where(kind < 0.3, friend, np.where(kind < 0.6, colleague, further))
    out = payer.copy()
    out[rows] = np.where((kind < FRIENDS_PAY) & (chosen != owner), chosen, payer[rows])
    return out


def crowd(seed: int, people: People, crowds: Crowds, town: int, month: int, clock: MonthClock, block: int) -> Pays:
    """One month of what these people take in."""
    if not len(crowds.case):
        return Pays.none()
    rng = generator(seed, Purpose.CROWDS, 2, block)
    return Pays.join([
        _second_hand(rng, people, crowds.person[crowds.rows(Case.SECOND_HAND, town)], clock),
        _feasts(rng, people, crowds, crowds.rows(Case.FEAST_HOST, town), month, clock),
        _carpools(rng, people, crowds.person[crowds.rows(Case.CARPOOL, town)], town, clock, seed),
    ])  # fmt: skip


def _second_hand(rng: np.random.Generator, people: People, seller: Ints, clock: MonthClock) -> Pays:
    """Used things sold to strangers from anywhere, each once, at any price."""
    of, _ = spread(rng.poisson(SALES_A_MONTH * rng.gamma(1.5, 1 / 1.5, len(seller))))
    buyer = rng.integers(0, people.count, len(of))
    fen = np.maximum(np.exp(rng.normal(8.8, 1.1, len(of))).astype(np.int64) // 500 * 500, 500)
    at = clock.instants(rng, SOCIAL, CLOCK_NAMES.index("screen"), len(of))
    return Pays.of(at, seller[of], buyer, fen, ONLINE_PAY).take(_others(buyer, seller[of]))


def _feasts(
    rng: np.random.Generator, people: People, crowds: Crowds, rows: Ints, month: int, clock: MonthClock
) -> Pays:
    """A wedding or a funeral: many guests, most of them strangers to each other, round gifts within three days."""
    host = crowds.person[rows[crowds.feast_month[rows] == month]]
    of, _ = spread(rng.integers(40, 130, len(host)))
    bits = rng.integers(0, 2**63, len(of)).astype(np.uint64)
    kind = rng.random(len(of))
    guest = np.where(kind < 0.15, people.circle.mate(host[of], bits), people.colleagues.mate(host[of], bits))
    guest = np.where(kind < 0.3, guest, (host[of] + rng.integers(-2_000, 2_000, len(of))) % people.count)
    opened = clock.start_us + rng.integers(0, max(clock.days - 4, 1), len(host)) * DAY_US
    at = opened[of] + (rng.beta(2, 2, len(of)) * 3 * DAY_US).astype(np.int64)
    fen = np.array([20_000, 30_000, 50_000, 60_000, 80_000, 100_000, 200_000])[rng.integers(0, 7, len(of))]
    return Pays.of(at, host[of], guest, fen, RED_PACKET).take(_others(guest, host[of]))


def _carpools(rng: np.random.Generator, people: People, driver: Ints, town: int, clock: MonthClock, seed: int) -> Pays:
    """Neighbours who do not know each other share a car to work and pay the same small sum on many days."""
    low, high = int(people.town_starts[town]), int(people.town_starts[town + 1])
    seats = 4 + (luck(seed, "seats", driver) % np.uint64(9)).astype(np.int64)
    of, seat = spread(seats)
    own = luck(seed, "rider", driver[of], seat)
    rider = low + (own % np.uint64(high - low)).astype(np.int64)
    rides, _ = spread(rng.poisson(5.0, len(of)))
    sum_fen = 600 + (luck(seed, "fare", driver) % np.uint64(15)).astype(np.int64) * 100
    morning = rng.random(len(rides)) < 0.6
    hour = np.where(morning, rng.normal(7.4, 0.4, len(rides)), rng.normal(18.2, 0.7, len(rides)))
    at = clock.start_us + rng.integers(0, clock.days, len(rides)) * DAY_US + (hour * HOUR_US).astype(np.int64)
    channel = np.where(rng.random(len(rides)) < 0.5, QR, TRANSFER).astype(np.int8)
    pays = Pays.of(at, driver[of[rides]], rider[rides], sum_fen[of[rides]], channel)
    return pays.take(_others(rider[rides], driver[of[rides]]) & (at < clock.end_us))


def _others(payer: Ints, payee: Ints) -> Bools:
    return np.asarray(payer != payee)
