"""How far the firms to decide differ from the labelled ones: the first thing that can make every figure wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion.app.assess.invoices_columns import PREFIX, Spec
from dandelion.app.assess.invoices_validation import grouped_folds
from dandelion.core import Frame
from dandelion.models import auc, psi, psi_critical

BINS = 5


@dataclass(frozen=True, slots=True)
class ColumnShift:
    """PSI of the firms to decide against the labelled, the PSI chance alone exceeds 1 time in 100, and both medians."""

    id: str
    zh: str
    psi: float
    critical: float
    median_labelled: float
    median_others: float

    @property
    def shifted(self) -> bool:
        return self.psi > self.critical


@dataclass(frozen=True, slots=True)
class Shift:
    """`told_apart` is the out-of-fold AUC of telling the two groups apart from the inputs: 0.5 is alike."""

    columns: tuple[ColumnShift, ...]
    told_apart: float
    sole_traders_labelled: int
    sole_traders_others: int
    labelled: int
    others: int


def measure_shift(
    frame: Frame, z: npt.NDArray[np.float64], labelled: npt.NDArray[np.bool_], sole_trader: npt.NDArray[np.bool_],
    group: npt.NDArray[np.int64], specs: tuple[Spec, ...],
) -> Shift:  # fmt: skip
    rows = []
    for spec in specs:
        values = frame[PREFIX + spec.id].astype(np.float64)
        before, after = values[labelled], values[~labelled]
        rows.append(
            ColumnShift(
                spec.id, spec.zh, psi(before, after, BINS), psi_critical(before, len(after), BINS),
                float(np.nanmedian(before)), float(np.nanmedian(after)),
            )
        )  # fmt: skip
    return Shift(
        tuple(sorted(rows, key=lambda row: -row.psi)), _told_apart(z, labelled, group),
        int(sole_trader[labelled].sum()), int(sole_trader[~labelled].sum()), int(labelled.sum()), int((~labelled).sum()),
    )  # fmt: skip


def _told_apart(z: npt.NDArray[np.float64], labelled: npt.NDArray[np.bool_], group: npt.NDArray[np.int64]) -> float:
    """Ridge regression on normal scores, five grouped folds, AUC inside folds averaged."""
    side = (~labelled).astype(np.int8)
    fold = grouped_folds(side, group, 5, 310)
    aucs = []
    for k in range(5):
        test = fold == k
        x, y = z[~test], side[~test] - side[~test].mean()
        weights = np.linalg.solve(x.T @ x + 10.0 * np.eye(x.shape[1]), x.T @ y)
        if 0 < side[test].sum() < test.sum():
            aucs.append(auc(side[test], z[test] @ weights))
    return float(np.mean(aucs))
