"""Surrogate names: shuffled, so that no id tells what or when its bearer is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from dandelion.core.schema import TIMESTAMP
from dandelion.world.draws import Bools, Ints, Purpose, generator

_DIGITS = np.frombuffer("".join(f"{i:04d}" for i in range(10_000)).encode(), np.uint32)  # four letters each


def text(values: Ints, prefix: str) -> pa.Array:
    """Numbers as text behind a prefix, padded with zeros to a common width that is a multiple of four.

    >>> text(np.array([7, 12345]), "x").to_pylist()
    ['x00000007', 'x00012345']
    """
    left = np.asarray(values, np.int64)
    left = left.astype(np.uint32) if left.max(initial=0) < 2**32 else left  # divides twice as fast
    rows, start = len(left), len(prefix.encode())
    groups = max(1, -(-len(str(int(left.max(initial=0)))) // 4))
    letters = np.empty((rows, start + 4 * groups), np.uint8)
    letters[:, :start] = np.frombuffer(prefix.encode(), np.uint8)
    for group in reversed(range(groups)):
        above = left // 10_000
        four = _DIGITS[left - above * 10_000]
        letters[:, start + 4 * group : start + 4 * group + 4] = four.view(np.uint8).reshape(rows, 4)
        left = above
    ends = np.arange(rows + 1, dtype=np.int32) * np.int32(letters.shape[1])
    return pa.StringArray.from_buffers(rows, pa.py_buffer(ends), pa.py_buffer(letters))


def text_where(values: Ints, known: Bools, prefix: str) -> pa.Array:
    """:func:`text` where `known`, null elsewhere."""
    place = np.cumsum(known) - 1
    return text(values[known], prefix).take(pa.array(place.astype(np.int32), mask=~known))


def scattered(values: Ints, bits: int) -> Ints:
    """Numbers below 2^bits put in another order, one to one, so that neighbours in a batch are not neighbours in name."""
    mixed = np.asarray(values, np.int64).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return np.asarray(mixed & np.uint64((1 << bits) - 1), np.uint64).astype(np.int64)


def instants(values: Ints) -> pa.Array:
    return pa.array(np.asarray(values, np.int64)).cast(TIMESTAMP)


def picked(choices: tuple[str, ...], index: Ints) -> pa.Array:
    """Choices by number, as a dictionary column (decoded when written)."""
    return pa.DictionaryArray.from_arrays(pa.array(np.asarray(index, np.int32)), pa.array(choices))


@dataclass(frozen=True)
class Names:
    """Text ids of accounts and devices by number."""

    seed: int
    accounts_count: int
    devices_count: int

    @cached_property
    def accounts(self) -> pa.Array:
        return text(self._shuffled(self.accounts_count, 0), "a")

    @cached_property
    def devices(self) -> pa.Array:
        return text(self._shuffled(self.devices_count, 1), "d")

    def account(self, number: Ints) -> pa.Array:
        return _compact(self.accounts, number, None)

    def device(self, number: Ints, missing: Bools | None = None) -> pa.Array:
        return _compact(self.devices, number, missing)

    def _shuffled(self, count: int, which: int) -> Ints:
        return np.asarray(generator(self.seed, Purpose.NAMES, which).permutation(count), np.int64)


def _compact(words: pa.Array, number: Ints, missing: Bools | None) -> pa.Array:
    """`words` by number as a dictionary column that holds only the words in use (Parquet writes it as it stands)."""
    used = np.zeros(len(words), bool)
    used[number] = True
    kept = np.flatnonzero(used).astype(np.int32)
    place = np.empty(len(words), np.int32)
    place[kept] = np.arange(len(kept), dtype=np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(place[number], mask=missing), words.take(pa.array(kept)))
