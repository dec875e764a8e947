"""Are two sides' values the same?  Counts, sums, maxima and distincts to the last bit of float32; means and deviations
to 1e-4.  A merchant without a payment in the longest window is absent on some sides: zeros and missing values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from indicators_spec import Ask

TOLERANCE = 1e-4
_ZERO = ("count", "sum", "distinct")  # of nothing; the others are missing
_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Compared:
    values: int
    differing: int
    first: str  # where the first difference is

    @property
    def equal(self) -> bool:
        return self.differing == 0 and self.values > 0


def compare(asked: list[Ask], ours: str, theirs: str) -> Compared:
    """`ours` and `theirs` are the starts of two files: .npy (rows, columns) float32, .parquet with the row's payee."""
    a, a_rows = np.load(f"{ours}.npy", mmap_mode="r"), _subjects(ours)
    b, b_rows = np.load(f"{theirs}.npy", mmap_mode="r"), _subjects(theirs)
    order = np.argsort(b_rows)
    at = np.minimum(np.searchsorted(b_rows, a_rows, sorter=order), len(order) - 1)
    found = b_rows[order[at]] == a_rows
    differing, first = int(len(b_rows) - found.sum()), ""  # rows that only they have
    for start in range(0, len(asked), _AT_ONCE):
        part = asked[start : start + _AT_ONCE]
        empty = np.array([0.0 if ask.aggregate in _ZERO else np.nan for ask in part], np.float32)
        mine = np.asarray(a[:, start : start + len(part)])
        mine = np.where(np.isnan(mine) & (empty == 0.0), np.float32(0.0), mine)
        other = np.where(found[:, None], np.asarray(b[:, start : start + len(part)])[order[at]], empty)
        other = np.where(np.isnan(other) & (empty == 0.0), np.float32(0.0), other)  # null of an outer join
        bad = ~same(mine, other, np.array([ask.aggregate in ("mean", "deviation") for ask in part]))
        if bad.any() and not first:
            row, column = np.argwhere(bad)[0]
            first = f"{a_rows[row]} {part[column].id}: {mine[row, column]} and {other[row, column]}"
        differing += int(bad.sum())
    return Compared(len(a_rows) * len(asked), differing, first)


def same(mine: np.ndarray, other: np.ndarray, rounded: np.ndarray) -> np.ndarray:
    missing = np.isnan(mine) & np.isnan(other)
    close = np.abs(mine - other) <= TOLERANCE * np.maximum(np.abs(mine), np.float32(1.0))
    return missing | np.where(rounded[None, :], close, mine == other)


def _subjects(start: str) -> np.ndarray:
    name = "payee" if "payee" in pq.read_schema(Path(f"{start}.parquet")).names else "subject"
    return np.asarray(pq.read_table(f"{start}.parquet").column(name).to_numpy(zero_copy_only=False), str)
