"""A sum of rising or falling lines, one per column: points that change smoothly instead of by bin.

For data too small to be cut into bins.  Each column is worth points at a few knots, whole micro-log-odds, with straight
pieces between them; beyond the ends it is flat, so that no outlier runs away with a score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Slope:
    """One column.  `knots` rise strictly, float64 (k,), k >= 2; `points_micro` int64 (k,) are its worth there."""

    knots: npt.NDArray[np.float64]
    points_micro: Ints
    missing_micro: int
    usual_micro: int

    def __post_init__(self) -> None:
        ordered = len(self.knots) == len(self.points_micro) >= 2 and (np.diff(self.knots) > 0).all()
        if not ordered or not np.isfinite(self.knots).all():
            raise BadInput("a slope needs two or more finite knots that rise, and points for each", field="knots")

    def __call__(self, x: npt.NDArray[np.float32]) -> Ints:
        known = ~np.isnan(x)
        held = np.clip(np.where(known, x, self.knots[0]).astype(np.float64), self.knots[0], self.knots[-1])
        at = np.minimum(np.searchsorted(self.knots, held, side="right") - 1, len(self.knots) - 2)
        part = (held - self.knots[at]) / (self.knots[at + 1] - self.knots[at])
        y0, y1 = self.points_micro[at], self.points_micro[at + 1]
        points = y0 + np.rint(part * (y1 - y0)).astype(np.int64)
        return np.where(known, points, self.missing_micro)

    def as_json(self) -> dict[str, Any]:
        return {
            "knots": [repr(float(k)) for k in self.knots], "points_micro": self.points_micro.tolist(),
            "missing_micro": self.missing_micro, "usual_micro": self.usual_micro,
        }  # fmt: skip

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Slope:
        return cls(
            np.array([float(k) for k in plain["knots"]], np.float64), np.array(plain["points_micro"], np.int64),
            int(plain["missing_micro"]), int(plain["usual_micro"]),
        )  # fmt: skip


@dataclass(frozen=True)
class Slopes:
    """Log-odds of bad = `base_micro` + the points of every column."""

    base_micro: int
    slopes: tuple[Slope, ...]

    def raw(self, values: npt.NDArray[np.float32]) -> Ints:
        """Micro-log-odds, int64 (n,), of float32 values (n, k)."""
        total = np.full(len(values), self.base_micro, np.int64)
        for j, slope in enumerate(self.slopes):
            total += slope(values[:, j])
        return total

    def contributions(self, values: npt.NDArray[np.float32]) -> tuple[Ints, int]:
        """Points against the usual row, int64 (n, k), and the base they add up from."""
        out = np.empty((len(values), len(self.slopes)), np.int64)
        for j, slope in enumerate(self.slopes):
            out[:, j] = slope(values[:, j]) - slope.usual_micro
        return out, self.base_micro + sum(s.usual_micro for s in self.slopes)

    def as_json(self) -> dict[str, Any]:
        return {"base_micro": self.base_micro, "slopes": [s.as_json() for s in self.slopes]}

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Slopes:
        return cls(int(plain["base_micro"]), tuple(Slope.from_json(s) for s in plain["slopes"]))
