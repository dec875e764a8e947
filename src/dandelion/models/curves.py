"""Many `Curve`s at once: one call for all models of a panel, each answer as its curve alone gives it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from dandelion.models.curve import Curve

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """Curve m stands in `x` and `y` from ``start[m]`` to ``start[m + 1]``."""

    start: Ints
    x: Ints
    y: Ints

    @classmethod
    def of(cls, curves: Sequence[Curve]) -> Curves:
        start = np.cumsum([0, *(len(curve.x) for curve in curves)]).astype(np.int64)
        x, y = (np.concatenate([getattr(curve, axis) for curve in curves]).astype(np.int64) for axis in ("x", "y"))
        return cls(start, x, y)

    def __call__(self, raw: Ints) -> Ints:
        """int64 (rows, curves) of int64 (rows, curves)."""
        out = np.empty_like(raw)
        _read_off(raw, self.start, self.x, self.y, out)
        return out


@njit(cache=True, nogil=True, error_model="numpy")
def _read_off(raw: Ints, start: Ints, x: Ints, y: Ints, out: Ints) -> None:
    for i in range(raw.shape[0]):
        for m in range(raw.shape[1]):
            first, last = start[m], start[m + 1] - 1
            value = min(max(raw[i, m], x[first]), x[last])
            at, left = first, last - first  # the last knot at or below the value, among all but the last
            while left > 1:
                half = left >> 1
                at += half * (x[at + half] <= value)
                left -= half
            out[i, m] = y[at] + (value - x[at]) * (y[at + 1] - y[at]) // (x[at + 1] - x[at])
