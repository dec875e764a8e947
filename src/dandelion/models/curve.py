"""A rising line of straight pieces in whole numbers: how raw scores become parts per million.

`exp` and `log` give different last bits on different processors, so they are used while training only; what is served
is a stored table and integer arithmetic, which gives the same bytes everywhere.

>>> import numpy as np
>>> Curve(np.array([0, 10]), np.array([100, 200]))(np.array([-5, 5, 99])).tolist()
[100, 150, 200]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Curve:
    """`x` rises strictly, `y` never falls, both int64 (k,) with k >= 2; flat beyond the ends."""

    x: Ints
    y: Ints

    def __post_init__(self) -> None:
        ordered = len(self.x) == len(self.y) >= 2 and (np.diff(self.x) > 0).all() and (np.diff(self.y) >= 0).all()
        if not ordered:
            raise BadInput("a curve needs two or more points, x rising and y never falling", field="curve")

    def __call__(self, x: Ints) -> Ints:
        held = np.clip(x, self.x[0], self.x[-1])
        at = np.minimum(np.searchsorted(self.x, held, side="right") - 1, len(self.x) - 2)
        x0, y0 = self.x[at], self.y[at]
        return np.asarray(y0 + (held - x0) * (self.y[at + 1] - y0) // (self.x[at + 1] - x0), np.int64)

    @classmethod
    def of(cls, function: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]], x: Ints) -> Curve:
        """Tabulate `function` at the knots `x`, rounding to whole numbers; knots inside a flat stretch are left out."""
        y = np.maximum.accumulate(np.rint(function(x.astype(np.float64))).astype(np.int64))
        rises = np.diff(y) > 0
        turns = np.append(True, rises) | np.append(rises, True)
        turns[[0, -1]] = True
        return cls(x[turns].astype(np.int64), y[turns])

    def as_json(self) -> dict[str, list[int]]:
        return {"x": self.x.tolist(), "y": self.y.tolist()}

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Curve:
        return cls(np.array(plain["x"], np.int64), np.array(plain["y"], np.int64))
