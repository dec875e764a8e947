"""Streets with districts, coordinates and stations, and the dated works, openings and rivals that change their trade."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dandelion.core import DAY_US
from dandelion.world.almanac import BEYOND, Almanac
from dandelion.world.draws import Floats, Ints, Purpose, generator
from dandelion.world.people import People

WHAT = ("subway", "pipes", "opening", "rival", "closing")
SUBWAY, PIPES, OPENING, RIVAL, CLOSING = range(5)
# effect on the ln of street turnover at full exposure, and the usual length in days (0: for good)
EFFECT = (-0.55, -0.35, 0.15, -0.25, 0.12)
DAYS = ((240, 700), (30, 120), (0, 0), (0, 0), (0, 0))
NOTICE_DAYS = ((60, 200), (10, 45), (0, 20), (0, 30), (0, 10))
EVENTS_PER_STREET_YEAR = (0.10, 0.30, 0.22, 0.40, 0.25)


@dataclass(frozen=True)
class Streets:
    """`lat_e6`, `lon_e6` are the street's middle; `station_m` the way to the nearest station."""

    district: Ints
    lat_e6: Ints
    lon_e6: Ints
    station_m: Ints


@dataclass(frozen=True)
class Happenings:
    """Dated events on streets: known from `known_us`, in force in [starts_us, ends_us)."""

    street: Ints
    what: Ints
    known_us: Ints
    starts_us: Ints
    ends_us: Ints


def lay_out(seed: int, people: People) -> Streets:
    """Place streets around their town's centre; the towns stand apart on a grid in eastern China."""
    rng = generator(seed, Purpose.STREETS)
    town = people.street_town
    streets = len(town)
    km = np.where(people.village, rng.uniform(9, 22, streets), rng.gamma(2.2, 1.3, streets))
    angle = rng.uniform(0, 2 * np.pi, streets)
    lat = 30.2 + 0.45 * (town % 12) + km * np.sin(angle) / 111.0
    lon = 116.4 + 0.55 * (town // 12) + km * np.cos(angle) / 96.0
    sector = (angle / (2 * np.pi) * 5).astype(np.int64)
    station = np.where(people.village, rng.uniform(4_000, 15_000, streets), rng.gamma(1.5, 520, streets) + 40)
    return Streets(
        town * 6 + np.where(people.village, 5, sector),
        (lat * 1e6).astype(np.int64),
        (lon * 1e6).astype(np.int64),
        station.astype(np.int64),
    )


def happen(seed: int, people: People, almanac: Almanac) -> Happenings:
    """Draw the events of every street over the record and the hidden months after it."""
    rng = generator(seed, Purpose.STREETS, 1)
    streets = len(people.street_town)
    years = (almanac.months + BEYOND) / 12
    span_us = int(almanac.starts_us[-1]) - almanac.start_us
    street, what = [], []
    for kind, per_year in enumerate(EVENTS_PER_STREET_YEAR):
        rate = np.where(people.village, 0.0 if kind == SUBWAY else 0.4, 1.0) * per_year * years
        counts = rng.poisson(rate)
        if counts.sum() == 0:
            counts[kind % streets] = 1  # the smallest world still shows each sort of event
        street.append(np.repeat(np.arange(streets), counts))
        what.append(np.full(int(counts.sum()), kind))
    at, kinds = np.concatenate(street), np.concatenate(what)
    starts = almanac.start_us + (rng.random(len(at)) * span_us).astype(np.int64)
    for kind in range(len(WHAT)):  # the record shows each sort at least once
        rows = np.flatnonzero(kinds == kind)
        if starts[rows].min() >= almanac.end_us:
            starts[rows[0]] = almanac.start_us + (almanac.end_us - almanac.start_us) * (kind + 2) // 10
    low, high = np.array(DAYS)[kinds].T
    length = (low + rng.random(len(at)) * (high - low)).astype(np.int64)
    ends = np.where(length > 0, starts + length * DAY_US, int(almanac.starts_us[-1]) + 3650 * DAY_US)
    low, high = np.array(NOTICE_DAYS)[kinds].T
    known = starts - ((low + rng.random(len(at)) * (high - low)) * DAY_US).astype(np.int64)
    order = np.lexsort((at, known))
    return Happenings(at[order], kinds[order], known[order], starts[order], ends[order])


def pressure(happenings: Happenings, streets: int, almanac: Almanac) -> Floats:
    """(streets, months + BEYOND) sum of effects in force, weighted by the part of the month they cover."""
    months = almanac.months + BEYOND
    out = np.zeros((streets, months))
    effect = np.array(EFFECT)[happenings.what]
    for month in range(months):
        low, high = int(almanac.starts_us[month]), int(almanac.starts_us[month + 1])
        inside = np.minimum(happenings.ends_us, high) - np.maximum(happenings.starts_us, low)
        part = np.clip(inside / (high - low), 0, 1)
        np.add.at(out[:, month], happenings.street, effect * part)
    return np.clip(out, -1.0, 0.45)
