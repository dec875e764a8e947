"""Eight million made-up payments with the rhythm of days and weeks, for the burst filter; seeds named, nothing tuned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from dandelion.core import DAY_US, HOUR_US, instant
from dandelion.graph import Payments

START = instant("2025-06-01")
SEED = 20_251_104


@dataclass(frozen=True, slots=True)
class Town:
    """`rings` groups of buyers meet within half an hour, four times each, at one of `stores`."""

    people: int
    stores: int
    payments: int
    days: int
    rings: int


TOWN = Town(960_000, 40_000, 8_000_000, 90, 300)


def payments(town: Town, seed: int = SEED) -> Payments:
    """As the room reads them: sorted by payer, payee and time."""
    random = np.random.default_rng(seed)
    n = town.people + town.stores
    share = np.cumsum(np.arange(1, town.stores + 1, dtype=np.float64) ** -0.75)
    store = np.searchsorted(share / share[-1], random.random(town.payments)).astype(np.int64)
    payer = random.integers(0, town.people, town.payments)
    peak = random.normal(np.where(store % 3 == 0, 19, 12), 2.5) % 24  # lunch places and supper places
    day = random.integers(0, town.days, town.payments)
    weekend = (day % 7 >= 5) & (store % 2 == 0)
    day = np.where(weekend & (random.random(town.payments) < 0.5), day - 3, day).clip(0)
    at = START + day * DAY_US + (peak * HOUR_US).astype(np.int64)
    parts = [(payer, town.people + store, at, random.integers(300, 9000, town.payments))]
    for _ in range(town.rings):
        buyers = random.choice(town.people, 25, replace=False)
        where = town.people + int(random.integers(0, town.stores))
        for _ in range(4):
            moment = START + int(random.integers(0, town.days)) * DAY_US + int(random.integers(0, 24)) * HOUR_US
            when = moment + random.integers(0, HOUR_US // 2, 25)
            parts.append((buyers, np.full(25, where), when, random.integers(90_000, 99_000, 25)))
    a, b, when, fen = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.lexsort((when, b, a))
    m = len(order)
    names = pa.array([f"a{i:07}" for i in range(n)])
    return Payments(names, a[order].astype(np.int32), b[order].astype(np.int32), when[order], fen[order].astype(np.int64),
                    np.full(m, -1, np.int32), pa.array([], pa.string()), np.zeros(m, np.bool_))  # fmt: skip
