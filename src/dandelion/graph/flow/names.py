"""`Names`: account names to 32-bit numbers, given in the order of first sight and never changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dandelion.core import BadInput
from dandelion.core.frame import Ints
from dandelion.graph.flow import names_kernel
from dandelion.graph.flow.oriented import ACCOUNTS_MAX, Ids

Bytes = npt.NDArray[np.uint8]
N = TypeVar("N", np.uint8, np.int64)


class Names:
    """About 14 bytes an account beside the name itself.

    >>> names = Names()
    >>> names.encode(pa.array(["ann", "bo", "ann"])).tolist(), names.find(["bo", "cy"]).tolist(), names.text([1])
    ([0, 1, 0], [1, -1], ['bo'])
    """

    def __init__(self) -> None:
        self._data: Bytes = np.empty(1 << 12, np.uint8)
        self._bounds: Ints = np.zeros(1 << 8, np.int64)
        self._table: Ids = np.zeros(1 << 9, np.uint32)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def bytes_held(self) -> int:
        return int(self._bounds[self._count]) + 8 * (self._count + 1) + self._table.nbytes

    def encode(self, column: pa.Array | pa.ChunkedArray) -> Ids:
        """The number of each name; new names get the next ones.  Errors (BadInput): an empty name, 2^30 accounts."""
        codes, distinct = _distinct(column)
        found = self._look_up(distinct)
        new = np.flatnonzero(found < 0)
        if len(new):
            found[new] = self._add(distinct.take(pa.array(new)))
        return found[codes].astype(np.uint32)

    def find(self, names: Sequence[str] | pa.Array) -> Ints:
        """The number of each name, -1 for a stranger."""
        return self._look_up(names if isinstance(names, pa.Array) else pa.array(list(names), pa.string()))

    def text(self, numbers: npt.ArrayLike) -> list[str]:
        data, bounds = self._data, self._bounds
        return [data[bounds[k] : bounds[k + 1]].tobytes().decode() for k in np.asarray(numbers, np.int64).tolist()]

    def since(self, first: int) -> pa.Array:
        """Names from number `first` on, in order."""
        bounds = self._bounds[first : self._count + 1]
        data = self._data[bounds[0] : bounds[-1]]
        return pa.Array.from_buffers(
            pa.large_string(),
            len(bounds) - 1,
            [None, pa.py_buffer((bounds - bounds[0]).copy()), pa.py_buffer(data.copy())],
        )

    def _look_up(self, names: pa.Array) -> Ints:
        data, offsets = text_buffers(names)
        found = np.empty(len(names), np.int64)
        names_kernel.look_up(data, offsets, self._data, self._bounds, self._table, found)
        return found

    def _add(self, names: pa.Array) -> Ints:
        """`names` are distinct and all new."""
        data, offsets = text_buffers(names)
        if (np.diff(offsets) == 0).any():
            raise BadInput("an account has no name; fill payer and payee or drop the payment", field="payer")
        first, count = self._count, self._count + len(names)
        if count >= ACCOUNTS_MAX:
            raise BadInput(f"{count:,} accounts; at most {ACCOUNTS_MAX - 1:,} fit one graph", field="payer")
        end = int(self._bounds[first])
        self._data = _grown(self._data, end + int(offsets[-1] - offsets[0]))
        self._bounds = _grown(self._bounds, count + 1)
        self._data[end : end + int(offsets[-1] - offsets[0])] = data[offsets[0] : offsets[-1]]
        self._bounds[first + 1 : count + 1] = end + offsets[1:] - offsets[0]
        self._count = count
        if 5 * count > 3 * len(self._table):
            self._table = np.zeros(1 << (2 * count - 1).bit_length(), np.uint32)
            first = 0
        names_kernel.enter(self._data, self._bounds, first, count, self._table)
        return np.arange(count - len(names), count)


def text_buffers(names: pa.Array) -> tuple[Bytes, Ints]:
    """(bytes, offsets) of a text array without nulls."""
    names = names.cast(pa.large_string())
    _, offsets, data = names.buffers()
    bounds = np.frombuffer(offsets, np.int64)[names.offset : names.offset + len(names) + 1] if offsets else None
    held = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(1, np.uint8)
    return held, np.zeros(1, np.int64) if bounds is None or not len(bounds) else bounds


def _distinct(column: pa.Array | pa.ChunkedArray) -> tuple[Ints, pa.Array]:
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    given = pa.types.is_dictionary(column.type)
    if not given:
        column = column.dictionary_encode()
    if column.null_count:
        raise BadInput(f"{column.null_count:,} payments lack a party; fill payer and payee or drop them", field="payer")
    codes = column.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    words = column.dictionary.cast(pa.string())
    if not given:
        return codes, words
    distinct = pc.unique(words)  # a dictionary that was given may name one account twice
    if len(distinct) < len(words):
        codes = pc.index_in(words, value_set=distinct).to_numpy(zero_copy_only=False).astype(np.int64)[codes]
    return codes, distinct


def _grown(array: npt.NDArray[N], length: int) -> npt.NDArray[N]:
    if length <= len(array):
        return array
    wider = np.zeros(max(length, len(array) * 3 // 2), array.dtype)
    wider[: len(array)] = array
    return wider
