"""A table of points: each column cut into bins, each bin worth whole micro-log-odds.  Serving needs numpy only.

Bins are [low, high): a value equal to an edge belongs to the bin above it.  More points mean more risk here; the trade's
"higher is better" scale is only a way of writing (see `expert`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PointsTable:
    """One column.  `edges` rise strictly, float64 (bins - 1,); `points_micro` int64 (bins,).

    `missing_micro` is what NaN is worth; `usual_micro` the points of the usual row, from which reasons are counted.
    """

    edges: npt.NDArray[np.float64]
    points_micro: Ints
    missing_micro: int
    usual_micro: int

    def __post_init__(self) -> None:
        if len(self.points_micro) != len(self.edges) + 1:
            raise BadInput(
                f"{len(self.edges)} edges make {len(self.edges) + 1} bins, but {len(self.points_micro)} points are given",
                field="points",
            )
        if not np.isfinite(self.edges).all() or (np.diff(self.edges) <= 0).any():
            raise BadInput("bin edges must be finite and rise", field="edges")

    def __call__(self, x: npt.NDArray[np.float32]) -> Ints:
        at = np.searchsorted(self.edges, x.astype(np.float64), side="right")
        return np.where(np.isnan(x), self.missing_micro, self.points_micro[np.minimum(at, len(self.edges))])

    def as_json(self) -> dict[str, Any]:
        return {
            "edges": [repr(float(e)) for e in self.edges], "points_micro": self.points_micro.tolist(),
            "missing_micro": self.missing_micro, "usual_micro": self.usual_micro,
        }  # fmt: skip

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> PointsTable:
        return cls(
            np.array([float(e) for e in plain["edges"]], np.float64), np.array(plain["points_micro"], np.int64),
            int(plain["missing_micro"]), int(plain["usual_micro"]),
        )  # fmt: skip


@dataclass(frozen=True)
class Points:
    """Log-odds of bad = `base_micro` + the points of every column.  Without tables: the same for everybody."""

    base_micro: int
    tables: tuple[PointsTable, ...]

    def raw(self, values: npt.NDArray[np.float32]) -> Ints:
        """Micro-log-odds, int64 (n,), of float32 values (n, k)."""
        total = np.full(len(values), self.base_micro, np.int64)
        for j, table in enumerate(self.tables):
            total += table(values[:, j])
        return total

    def contributions(self, values: npt.NDArray[np.float32]) -> tuple[Ints, int]:
        """Points against the usual row, int64 (n, k), and the base they add up from."""
        out = np.empty((len(values), len(self.tables)), np.int64)
        for j, table in enumerate(self.tables):
            out[:, j] = table(values[:, j]) - table.usual_micro
        return out, self.base_micro + sum(t.usual_micro for t in self.tables)

    def as_json(self) -> dict[str, Any]:
        return {"base_micro": self.base_micro, "tables": [t.as_json() for t in self.tables]}

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Points:
        tables: Sequence[dict[str, Any]] = plain["tables"]
        return cls(int(plain["base_micro"]), tuple(PointsTable.from_json(t) for t in tables))
