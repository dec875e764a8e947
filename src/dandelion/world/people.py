"""People of towns: households, friend circles, colleagues, neighbourhoods and villages.

A person is a number; every group is a run of consecutive places in some order of the people of one town, so that a friend
is found by arithmetic and no edge is ever stored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dandelion.world.draws import Bools, Floats, Hashes, Ints, Purpose, chunks, generator

TOWN_PEOPLE = 25_000
VILLAGE_SHARE = 0.15


@dataclass(frozen=True)
class Order:
    """People in some order, cut into groups: `members[starts[g]:starts[g + 1]]`; `place[p]` finds p."""

    members: Ints
    place: Ints
    start: Ints  # of the group of each place
    size: Ints

    def mate(self, person: Ints, bits: Hashes) -> Ints:
        """Another member of each person's group (the person itself only where the group has one member)."""
        place = self.place[person]
        start, size = self.start[place], self.size[place]
        step = 1 + (bits % np.maximum(size - 1, 1).astype(np.uint64)).astype(np.int64)
        return self.members[start + (place - start + step) % size]


@dataclass(frozen=True)
class People:
    """All private persons.  Towns and neighbourhoods are runs of person numbers."""

    count: int
    town_starts: Ints  # (towns + 1,)
    street_starts: Ints  # (streets + 1,) neighbourhoods, one street each
    street_town: Ints
    village: Bools  # per street: a village whose people all know each other
    household: Order
    circle: Order
    colleagues: Order
    activity: Floats  # relative number of private payments
    means: Floats  # relative size of what a person spends

    @property
    def towns(self) -> int:
        return len(self.town_starts) - 1

    def street_of(self, person: Ints) -> Ints:
        return np.searchsorted(self.street_starts, person, side="right") - 1


def settle(seed: int, count: int) -> People:
    """Settle `count` people in towns of about 25,000, streets of about 300 and households of 1 to 5."""
    rng = generator(seed, Purpose.PEOPLE)
    towns = max(1, round(count / TOWN_PEOPLE))
    town_starts = np.linspace(0, count, towns + 1).astype(np.int64)
    streets, street_town, village = [], [], []
    for town in range(towns):
        low, high = int(town_starts[town]), int(town_starts[town + 1])
        cuts = low + chunks(rng, high - low, 180, 420)[:-1]
        rural = cuts >= high - VILLAGE_SHARE * (high - low)
        rural[-1] = True
        streets.append(cuts)
        village.append(rural)
        street_town.append(np.full(len(cuts), town))
    street_starts = np.concatenate([*streets, [count]])
    villages = np.concatenate(village)
    home = np.repeat(np.arange(len(villages)), np.diff(street_starts))
    town_of = np.repeat(np.arange(towns), np.diff(town_starts))
    rural_home = np.where(villages[home], home + towns, town_of)  # villagers mix within the village, others in town
    return People(
        count=count,
        town_starts=town_starts,
        street_starts=street_starts,
        street_town=np.concatenate(street_town),
        village=villages,
        household=_grouped(rng, np.arange(count), 1, 5),
        circle=_grouped(rng, _mixed(rng, rural_home), 7, 16),
        colleagues=_grouped(rng, _mixed(rng, town_of), 8, 30),
        activity=rng.gamma(1.6, 1 / 1.6, count),
        means=np.exp(rng.normal(0, 0.45, count)),
    )


def _mixed(rng: np.random.Generator, cell: Ints) -> Ints:
    """People in random order within their cell, cells in order."""
    return np.lexsort((rng.random(len(cell)), cell))


def _grouped(rng: np.random.Generator, members: Ints, low: int, high: int) -> Order:
    starts = chunks(rng, len(members), low, high)
    sizes = np.diff(starts)
    place = np.empty(len(members), np.int64)
    place[members] = np.arange(len(members))
    return Order(members, place, np.repeat(starts[:-1], sizes), np.repeat(sizes, sizes))
