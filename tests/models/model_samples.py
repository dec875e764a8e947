"""Small made-up data sets shared by the tests of this room."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from dandelion.core import DAY_US, Column, Frame
from dandelion.models import Dataset, Spec

DATA = Path(os.environ.get("DANDELION_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
WINDOW = 180 * DAY_US
FAST = {
    "quarantine": {"rows_max": 4000, "lift_columns": 3}, "booster": {"rounds_max": 120, "leaves": 7},
    "scorecard": {"columns_max": 8},
}  # fmt: skip


def spec(**overrides) -> Spec:
    return Spec.load(overrides={**FAST, **overrides})


def column(name: str, definition: str = "d1", purpose: str = "credit") -> Column:
    return Column(name, "1", (None, None), "no_events", "sample", purpose, definition, "列", name)


def frame_of(columns: dict[str, np.ndarray], as_of=None, entity=None) -> Frame:
    rows = len(next(iter(columns.values())))
    at = np.zeros(rows, np.int64) if as_of is None else as_of
    names = [f"m{i:06d}" for i in range(rows)] if entity is None else entity
    return Frame.of(names, at, at, columns, {name: column(name) for name in columns})


def dataset(rows: int = 4000, seed: int = 1, *, strength: float = 1.0, extra=None, days: int = 720) -> Dataset:
    """Ten columns: c0 rises and c1 falls with risk, c2 is a U, c3 mostly missing, c4 noise, c5 to c9 help a little.

    No honest column lifts the AUC by .05.  `strength` 0: nothing to learn.
    """
    random = np.random.default_rng(seed)
    as_of = np.sort(random.integers(0, days * DAY_US, rows))
    x = random.normal(size=(rows, 10)).astype(np.float32)
    x[random.random(rows) < 0.6, 3] = np.nan
    x[random.random(rows) < 0.1, 0] = np.nan
    weight = np.array([0.6, -0.6, 0, 0.4, 0, 0.5, -0.5, 0.5, -0.5, 0.4])
    risk = np.nan_to_num(x) @ weight + 0.35 * (x[:, 2] ** 2 - 1)
    label = (random.random(rows) < 1 / (1 + np.exp(1.7 - strength * risk))).astype(np.int8)
    columns = {f"sample/c{j}": x[:, j] for j in range(10)}
    if extra is not None:
        columns |= extra(label, x, as_of, random)
    return Dataset(frame_of(columns, as_of), label, as_of, as_of + WINDOW, int(as_of.max() + WINDOW), "made up")
