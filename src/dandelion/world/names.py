"""Surrogate names: shuffled, so that no id tells what or when its bearer is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dandelion.core.schema import TIMESTAMP
from dandelion.world.draws import Ints, Purpose, generator


def text(values: Ints, prefix: str) -> pa.Array:
    """Numbers as text behind a prefix."""
    return pc.binary_join_element_wise(prefix, pa.array(np.asarray(values, np.int64)).cast(pa.string()), "")


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
        return self.accounts.take(pa.array(np.asarray(number, np.int32)))

    def device(self, number: Ints) -> pa.Array:
        return self.devices.take(pa.array(np.asarray(number, np.int32)))

    def _shuffled(self, count: int, which: int) -> Ints:
        width = 10 ** max(6, len(str(count)))
        return np.asarray(width + generator(self.seed, Purpose.NAMES, which).permutation(count), np.int64)
