"""Sets of small numbers as bits of 64-bit words: counting them, and finding the k-th."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

_ONE = np.uint64(1)


@intrinsic
def ones(_context: Any, word: Any) -> Any:
    """How many bits of a word are set."""

    def generate(_: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), generate


@intrinsic
def lowest(_context: Any, word: Any) -> Any:
    """Place of the lowest bit that is set; 64 where none is."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], context.get_constant(types.boolean, False))

    return types.int64(types.uint64), generate


@njit(cache=True, nogil=True)
def kth(word, k):  # type: ignore[no-untyped-def]
    """Place of the bit that has k set ones below it (k from 0)."""
    place, width = 0, 32
    while width:
        below = word & ((_ONE << np.uint64(width)) - _ONE)
        count = ones(below)
        if k >= count:
            k -= count
            word >>= np.uint64(width)
            place += width
        else:
            word = below
        width >>= 1
    return place
