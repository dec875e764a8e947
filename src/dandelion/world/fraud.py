"""Who colludes: cash-out rings, fake-order rings, circles of invoices, synthetic identities; and when.

Each ring has a store (or firms), members and active months; the bursts themselves are drawn month by month elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from dandelion.world.almanac import Almanac
from dandelion.world.cast import Merchants
from dandelion.world.draws import Ints, Purpose, generator
from dandelion.world.people import People
from dandelion.world.trades import Case, Role


class Ring(IntEnum):
    """Sort of collusion."""

    CASH_OUT = 0
    FAKE_ORDERS = 1
    CIRCULAR_INVOICES = 2
    SYNTHETIC = 3


@dataclass(frozen=True)
class Rings:
    """One row a ring.  `members[starts[r]:starts[r + 1]]` are people (cash-out, fake orders) or merchant rows."""

    sort: Ints
    centre: Ints  # merchant row of the store; the first member for circles
    starts: Ints
    members: Ints
    first_month: Ints
    last_month: Ints  # half open

    def __len__(self) -> int:
        return len(self.sort)

    def of(self, ring: int) -> Ints:
        return self.members[self.starts[ring] : self.starts[ring + 1]]

    def active(self, sort: Ring, month: int) -> Ints:
        """Ring numbers of a sort that are at work in a month."""
        return np.flatnonzero((self.sort == sort) & (self.first_month <= month) & (month < self.last_month))


def conspire(seed: int, people: People, merchants: Merchants, case: Ints, almanac: Almanac) -> tuple[Rings, Ints]:
    """Cast the rings among merchants that are no other case yet: (rings, case per merchant)."""
    rng = generator(seed, Purpose.RINGS)
    case = case.copy()
    sorts: list[int] = []
    centres: list[int] = []
    members: list[Ints] = []
    plans = (
        (Ring.CASH_OUT, max(4, people.count // 650), Case.CASH_OUT_STORE),
        (Ring.FAKE_ORDERS, max(4, people.count // 900), Case.FAKE_ORDER_SHOP),
        (Ring.CIRCULAR_INVOICES, max(2, people.count // 2_500), Case.CIRCULAR_FIRM),
        (Ring.SYNTHETIC, max(2, people.count // 1_600), Case.SYNTHETIC_IDENTITY),
    )
    for sort, count, value in plans:
        for _ in range(count):
            group = _group(rng, sort, merchants, case)
            if len(group) == 0:
                continue
            case[group] = int(value)
            sorts.append(int(sort))
            centres.append(int(group[0]))
            members.append(_members(rng, sort, group, people, merchants))
    sizes = np.array([len(m) for m in members])
    rings = len(sorts)
    first = np.maximum(merchants.opened[np.array(centres)], 0) + rng.integers(0, max(almanac.months - 4, 2), rings)
    first = np.minimum(first, max(almanac.months - 4, 0))
    length = rng.integers(4, 14, rings)
    return Rings(
        np.array(sorts), np.array(centres), np.concatenate([[0], np.cumsum(sizes)]), np.concatenate(members),
        first, np.minimum(first + length, almanac.months),
    ), case  # fmt: skip


def _group(rng: np.random.Generator, sort: Ring, merchants: Merchants, case: Ints) -> Ints:
    """Merchant rows of one ring: the store alone, a circle of firms, or a cluster of made-up merchants."""
    roles: tuple[Role, ...]
    roles, low, high = {
        Ring.CASH_OUT: ((Role.STREET_SHOP, Role.PART_TIME), 1, 1),
        Ring.FAKE_ORDERS: ((Role.ONLINE_SHOP,), 1, 1),
        Ring.CIRCULAR_INVOICES: ((Role.REGISTERED_FIRM,), 3, 6),
        Ring.SYNTHETIC: ((Role.PART_TIME, Role.FAMILY_BUSINESS), 5, 11),
    }[sort]
    free = np.flatnonzero(np.isin(merchants.role, roles) & (case == Case.NONE))
    size = int(rng.integers(low, high + 1))
    if len(free) < size:
        return np.empty(0, np.int64)
    if size == 1:
        return np.asarray(rng.choice(free, 1), np.int64)
    near = free[merchants.town[free] == merchants.town[rng.choice(free)]]
    return np.sort(rng.choice(near, min(size, len(near)), replace=False))


def _members(rng: np.random.Generator, sort: Ring, group: Ints, people: People, merchants: Merchants) -> Ints:
    if sort in (Ring.CIRCULAR_INVOICES, Ring.SYNTHETIC):
        return group
    low, high = (8, 40) if sort == Ring.CASH_OUT else (18, 70)
    town = int(merchants.town[group[0]])
    start, end = int(people.town_starts[town]), int(people.town_starts[town + 1])
    chosen = rng.choice(np.arange(start, end), int(rng.integers(low, high + 1)), replace=False)
    return np.asarray(chosen[chosen != merchants.owner[group[0]]], np.int64)
