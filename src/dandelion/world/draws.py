"""Reproducible luck: generators keyed by what they are for, and hashes that act as common random numbers.

A generator is named by (seed, purpose, block, month), so a batch comes out the same whatever was drawn before it or beside
it.  A hash of (seed, stream, merchant, month) gives the same luck to the same merchant under every policy compared.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Float32s = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Hashes = npt.NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


class Purpose(IntEnum):
    """What a generator is for; the number is part of its key, so it never changes once given."""

    PEOPLE = 1
    STREETS = 2
    MERCHANTS = 3
    CASTING = 4
    HEALTH = 5
    DEBT = 6
    TRADE = 7
    ORDERS = 8
    SOCIAL = 9
    COLLECTORS = 10
    RINGS = 11
    FIRMS = 12
    INVOICES = 13
    TAX = 14
    LOGINS = 15
    INQUIRIES = 16
    BOOK = 17
    CONSENTS = 18
    NAMES = 19
    ARRIVALS = 21
    PROMOTIONS = 22
    SUPPLIES = 23
    SYNTHETIC = 24
    CROWDS = 25
    SCHEMES = 26


def generator(seed: int, purpose: Purpose, *block: int) -> np.random.Generator:
    """A generator of its own for (seed, purpose, block...)."""
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=(int(purpose), *block))))


def scramble(values: Hashes) -> Hashes:
    """SplitMix64 finaliser (Steele, Lea, Flood 2014): neighbouring inputs become unrelated 64-bit outputs."""
    mixed = values + _GOLDEN
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX_1
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX_2
    return mixed ^ (mixed >> np.uint64(31))


def luck(seed: int, stream: str, *keys: npt.ArrayLike) -> Hashes:
    """64 hashed bits per row of the broadcast integer `keys`, different for each seed and stream."""
    start = int.from_bytes(stream.encode()[:32].ljust(32, b"\0"), "little")
    folded = np.uint64((start ^ (start >> 64) ^ (start >> 128) ^ (start >> 192)) & (2**64 - 1))
    state = scramble(np.asarray([np.uint64(seed & (2**64 - 1)) ^ folded], np.uint64))
    for key in keys:
        state = scramble(state ^ np.asarray(key).astype(np.uint64))
    return state


def uniform(bits: Hashes) -> Floats:
    """Hashes to floats strictly between 0 and 1."""
    return ((bits >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def quantile_table(weights: npt.ArrayLike, size: int = 4096) -> npt.NDArray[np.int16]:
    """`table[random bits]` draws an index with the given weights (rows of weights give rows of table).

    Probabilities are exact to 1/size, which is far below what any month of a shop can show.
    """
    shares = np.atleast_2d(np.asarray(weights, np.float64))
    ends = np.cumsum(shares, axis=1)
    ends /= ends[:, -1:]
    middle = (np.arange(size) + 0.5) / size
    return np.stack([np.searchsorted(row, middle, side="right") for row in ends]).astype(np.int16)


def time_order(at: Ints) -> Ints:
    """Rows in order of `at`, ties in row order; packs time and row into one integer where both fit, which sorts fastest."""
    rows = len(at)
    if rows < 2 or bool((at[1:] >= at[:-1]).all()):
        return np.arange(rows)
    row_bits = max(int(rows - 1).bit_length(), 1)
    low = int(at.min())
    if (int(at.max()) - low).bit_length() + row_bits > 63:
        return np.argsort(at, kind="stable")
    packed = ((at - low) << row_bits) | np.arange(rows)
    packed.sort()
    return np.asarray(packed & ((1 << row_bits) - 1), np.int64)


def chunks(rng: np.random.Generator, total: int, low: int, high: int) -> Ints:
    """Starts of consecutive groups of `low`..`high` members covering [0, total); last entry is `total`."""
    sizes = rng.integers(low, high + 1, size=total // low + 2)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    return np.concatenate([starts[starts < total], [total]]).astype(np.int64)


def spread(counts: npt.NDArray[np.integer]) -> tuple[Ints, Ints]:
    """(owner row, place within the owner's run) for `counts[i]` items of row i."""
    owner = np.repeat(np.arange(len(counts)), counts)
    ends = np.cumsum(counts)
    return owner, np.arange(len(owner)) - np.repeat(ends - counts, counts)
