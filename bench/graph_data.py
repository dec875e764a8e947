"""Made-up money graphs for the bench: families, circles of friends, chance ties, and stores whose payers follow Zipf.

Not a town of the simulated world: only its shape matters here (hubs, triangles, nothing local in the numbering).  A pair
of accounts comes once, nobody deals with himself, the numbering and the order of the edges are shuffled.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numba import njit

CACHE = Path(__file__).parents[1] / ".bench" / "graph"
STORE_SHARE = 0.04
ZIPF = 0.75  # of payers over stores: with a million accounts the largest store has about 100,000


@dataclass(frozen=True, slots=True)
class Shape:
    """A graph of the bench.  `visits` are stores that a person pays, before repeats are dropped; `ties` by chance."""

    name: str
    accounts: int
    visits: int
    ties: float
    circles: int
    seed: int


G1 = Shape("g1", 1_000_000, 6, 2.25, 1, 20_251_101)
G5 = Shape("g5", 5_000_000, 4, 1.1, 1, 20_251_102)
SMALL = Shape("small", 50_000, 6, 2.25, 1, 20_251_103)


def edges(shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """uint32 (payer, payee), from the cache or made now."""
    files = [CACHE / f"{shape.name}-{shape.seed}-{part}.npy" for part in ("payer", "payee")]
    if not all(file.exists() for file in files):
        CACHE.mkdir(parents=True, exist_ok=True)
        for file, part in zip(files, make(shape), strict=True):
            np.save(file.with_suffix(".part.npy"), part)
            file.with_suffix(".part.npy").replace(file)
    payer, payee = (np.load(file) for file in files)
    return payer, payee


def make(shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """The edges, each once; the same for the same seed."""
    n = shape.accounts
    stores = int(n * STORE_SHARE)
    people = n - stores
    random = np.random.default_rng(shape.seed)
    weight = np.arange(1, stores + 1, dtype=np.float64) ** -ZIPF
    parts = [
        _groups(people, 2, 6, 1.0, shape.seed, random.permutation(people)),
        *(
            _groups(people, 6, 14, 0.4, shape.seed + 1 + k, random.permutation(people))
            for k in range(shape.circles)
        ),
        _chance(people, int(people * shape.ties), random),
        _visits(people, shape.visits, np.cumsum(weight) / weight.sum(), random),
    ]  # fmt: skip
    a = np.concatenate([part[0] for part in parts])
    b = np.concatenate([part[1] for part in parts])
    keys = np.minimum(a, b).astype(np.int64) * n + np.maximum(a, b)
    keys.sort()
    keys = keys[np.concatenate([[True], keys[1:] != keys[:-1]])]
    random.shuffle(keys)
    label = random.permutation(n).astype(np.uint32)
    payer, payee = label[keys // n], label[keys % n]  # a store has the larger number, so it is the payee
    back = random.random(len(keys)) < 0.05
    return np.where(back, payee, payer), np.where(back, payer, payee)


def _chance(people: int, ties: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    a = random.integers(0, people, ties, dtype=np.uint32)
    b = random.integers(0, people, ties, dtype=np.uint32)
    return a[a != b], b[a != b]


def _visits(people: int, visits: int, share: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    payer = np.repeat(np.arange(people, dtype=np.uint32), visits)
    store = np.searchsorted(share, random.random(len(payer))).astype(np.uint32)
    return payer, people + np.minimum(store, len(share) - 1).astype(np.uint32)


def _groups(
    people: int, low: int, high: int, share: float, seed: int, order: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Everybody in one group of `low` to `high` - 1; each pair of a group is tied with chance `share`."""
    room = np.empty((people * high, 2), np.uint32)
    filled = _fill(people, low, high, share, seed, order.astype(np.uint32), room)
    return room[:filled, 0].copy(), room[:filled, 1].copy()


@njit(cache=True)
def _fill(people, low, high, share, seed, order, room):  # type: ignore[no-untyped-def]
    np.random.seed(seed)  # noqa: NPY002
    filled, start = 0, 0
    while start < people:
        size = min(np.random.randint(low, high), people - start)  # noqa: NPY002
        for i in range(start, start + size):
            for j in range(i + 1, start + size):
                if np.random.random() < share:  # noqa: NPY002
                    room[filled, 0], room[filled, 1] = order[i], order[j]
                    filled += 1
        start += size
    return filled
