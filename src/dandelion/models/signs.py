"""Which way a column may push: declared by a person, or derived from the development rows."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from dandelion.models.calibration import pool_adjacent
from dandelion.models.dataset import Dataset
from dandelion.models.metrics import auc
from dandelion.models.spec import Spec

_BINS = 10


def signs_of(dataset: Dataset, spec: Spec) -> dict[str, int]:
    """+1 (more means riskier), -1 or 0 (free) for every column; declared signs win.

    A sign is derived when the column separates goods from bads beyond chance *and* a monotone line explains most of
    the variation of the bad rate between its bins; a U-shaped column stays free.
    """
    declared = {"+": 1, "-": -1, "0": 0}
    y = dataset.label
    return {
        name: declared[spec.signs[name]] if name in spec.signs else _derived(dataset.frame.values[:, j], y, spec)
        for j, name in enumerate(dataset.names)
    }


def _derived(x: npt.NDArray[np.float32], label: npt.NDArray[np.int8], spec: Spec) -> int:
    known = ~np.isnan(x)
    x, y = x[known], label[known]
    bads, goods = int(y.sum()), int(len(y) - y.sum())
    if min(bads, goods) < 2 or np.ptp(x) == 0:
        return 0
    gap = auc(y, x) - 0.5
    error = math.sqrt((bads + goods + 1) / (12 * bads * goods))
    if abs(gap) < spec.booster.monotone_gap_errors * error:
        return 0
    cuts = np.unique(np.quantile(x, np.arange(1, _BINS) / _BINS, method="lower"))
    part = np.searchsorted(cuts, x, side="left")
    rows = np.bincount(part).astype(np.float64)
    seen = rows > 0
    rate = np.bincount(part, y)[seen] / rows[seen] * (1 if gap > 0 else -1)
    rows = rows[seen]
    block = pool_adjacent(rate, rows)
    fit = (np.bincount(block, rows * rate) / np.bincount(block, rows))[block]
    spread = float(np.sum(rows * (rate - np.average(rate, weights=rows)) ** 2))
    noise = float(np.sum(np.abs(rate) * (1 - np.abs(rate))))  # what chance alone would spread over the bins
    missed = max(0.0, float(np.sum(rows * (rate - fit) ** 2)) - noise)
    return (1 if gap > 0 else -1) if spread > 0 and 1 - missed / spread >= spec.booster.monotone_fit_min else 0
