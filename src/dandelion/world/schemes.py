"""Device farms and wary circles of invoices, and the honest company that looks like them.  Drawn only where asked for.

Beside farms stand families with one phone and shops whose staff share a tablet; beside circles, firms that trade both ways;
beside cash-out, shops that sell vouchers of round sums to a queue; beside fake orders, sales at one price.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from dandelion.world.cast import Merchants
from dandelion.world.draws import Bools, Ints, Purpose, generator
from dandelion.world.people import People
from dandelion.world.trades import Case, Role


class Sort(IntEnum):
    """What a scheme is; from `FAMILY` on it is honest."""

    DEVICE_FARM = 0
    WARY_CIRCLE = 1
    FAMILY = 2
    SHOP_TABLET = 3
    TWO_WAY = 4
    VOUCHERS = 5
    ONE_PRICE = 6


HONEST_FROM = Sort.FAMILY
PER_10K = {Sort.DEVICE_FARM: 7, Sort.WARY_CIRCLE: 5, Sort.FAMILY: 40, Sort.SHOP_TABLET: 20, Sort.TWO_WAY: 16,
           Sort.VOUCHERS: 12, Sort.ONE_PRICE: 12}  # fmt: skip


@dataclass(frozen=True)
class Schemes:
    """One row a scheme.  `members[starts[k]:starts[k + 1]]` are people, or merchant rows for those among firms; `store` is a
    merchant row or -1; `device` numbers belong to the members in turn (-1: their own); `orders`: a farm that orders."""

    sort: Ints
    store: Ints
    town: Ints
    starts: Ints
    members: Ints
    device: Ints
    orders: Ints
    first_month: Ints
    last_month: Ints

    def __len__(self) -> int:
        return len(self.sort)

    def of(self, scheme: int) -> Ints:
        return self.members[self.starts[scheme] : self.starts[scheme + 1]]

    def devices(self, scheme: int) -> Ints:
        return self.device[self.starts[scheme] : self.starts[scheme + 1]]

    def active(self, sort: Sort, town: int, month: int) -> Ints:
        here = (self.sort == sort) & (self.town == town)
        return np.flatnonzero(here & (self.first_month <= month) & (month < self.last_month))


def no_schemes() -> Schemes:
    empty = np.empty(0, np.int64)
    return Schemes(empty, empty, empty, np.zeros(1, np.int64), empty, empty, empty, empty, empty)


def cast_schemes(seed: int, people: People, merchants: Merchants, case: Ints, months: int, accounts: int) -> Schemes:
    """Cast among people and merchants that are no other case."""
    rng = generator(seed, Purpose.SCHEMES)
    free = np.ones(people.count, bool)
    free[merchants.owner] = False
    rows: list[tuple[int, int, int, Ints, Ints, int, int, int]] = []
    taken = case != Case.NONE
    for sort, per_10k in PER_10K.items():
        for _ in range(max(3, round(people.count * per_10k / 10_000))):
            store = _store(rng, sort, merchants, taken)
            town = int(merchants.town[store]) if store >= 0 else int(rng.integers(people.towns))
            low, high = int(people.town_starts[town]), int(people.town_starts[town + 1])
            members, device = _members(rng, sort, people, merchants, taken, free, store, low, high, accounts)
            if not len(members):
                continue
            first = int(rng.integers(0, max(months - 4, 1)))
            lasts = months if sort >= HONEST_FROM else min(first + int(rng.integers(4, 12)), months)
            rows.append((int(sort), store, town, members, device, int(rng.random() < 0.6),
                         0 if sort >= HONEST_FROM else first, lasts))  # fmt: skip
    sizes = [len(row[3]) for row in rows]
    part = [np.array([row[k] for row in rows], np.int64) for k in (0, 1, 2, 5, 6, 7)]
    joined = [np.concatenate([row[k] for row in rows]).astype(np.int64) for k in (3, 4)]
    return Schemes(part[0], part[1], part[2], np.concatenate([[0], np.cumsum(sizes)]), *joined, *part[3:])


def _store(rng: np.random.Generator, sort: Sort, merchants: Merchants, taken: Bools) -> int:
    roles = {
        Sort.DEVICE_FARM: (Role.ONLINE_SHOP,), Sort.SHOP_TABLET: (Role.STREET_SHOP,), Sort.VOUCHERS: (Role.STREET_SHOP,),
        Sort.ONE_PRICE: (Role.STREET_SHOP, Role.ONLINE_SHOP),
    }  # fmt: skip
    fits = np.flatnonzero(np.isin(merchants.role, roles.get(sort, ())) & ~taken)
    if not len(fits):
        return -1
    store = int(rng.choice(fits))
    taken[store] = True
    return store


def _members(
    rng: np.random.Generator, sort: Sort, people: People, merchants: Merchants, taken: Bools, free: Bools,
    store: int, low: int, high: int, accounts: int,
) -> tuple[Ints, Ints]:  # fmt: skip
    none = np.empty(0, np.int64), np.empty(0, np.int64)
    if sort in (Sort.WARY_CIRCLE, Sort.TWO_WAY):
        firms = np.flatnonzero((merchants.role == Role.REGISTERED_FIRM) & ~taken)
        size = int(rng.integers(3, 6)) if sort == Sort.WARY_CIRCLE else int(rng.integers(2, 4))
        if len(firms) < size:
            return none
        rows = rng.choice(firms, size, replace=False)
        taken[rows] = sort == Sort.WARY_CIRCLE
        return rows, np.full(size, -1)
    if store < 0 and sort != Sort.FAMILY:
        return none
    here = low + np.flatnonzero(free[low:high])
    if sort == Sort.FAMILY:
        head = int(rng.choice(here))
        start = int(people.household.start[people.household.place[head]])
        home = people.household.members[start : start + int(people.household.size[people.household.place[head]])]
        home = home[free[home]]
        return (home, np.full(len(home), int(home.min()))) if len(home) >= 2 else none
    if sort == Sort.SHOP_TABLET:
        staff = rng.choice(here, int(rng.integers(4, 13)), replace=False)
        return staff, np.full(len(staff), accounts + int(merchants.owner[store]))  # beside their own phones
    if sort == Sort.DEVICE_FARM:
        size = int(rng.integers(12, 41))
        farm = rng.choice(here, size, replace=False)
        free[farm] = False
        return farm, farm[np.arange(size) % max(2, size // 9)]
    return np.array([int(merchants.owner[store])]), np.array([-1])


def own_devices(schemes: Schemes, device: Ints) -> Ints:
    """Phones of all accounts with those of farms and families in place of their own."""
    out = device.copy()
    for scheme in np.flatnonzero(np.isin(schemes.sort, (Sort.DEVICE_FARM, Sort.FAMILY))).tolist():
        out[schemes.of(scheme)] = schemes.devices(scheme)
    return out
