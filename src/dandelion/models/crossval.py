"""Repeated stratified cross-validation, for data too small to be split by time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput, Frame
from dandelion.models.dataset import Dataset


class Scorer(Protocol):
    """Anything with `score(frame) -> (n,) numbers`, higher meaning riskier: a Model, or a few lines of your own."""

    def score(self, frame: Frame, /) -> npt.NDArray[np.generic]: ...


def repeated_cv(
    dataset: Dataset, make_model: Callable[[Dataset, int], Scorer], *, folds: int = 5, repeats: int = 10, seed: int = 0
) -> npt.NDArray[np.float64]:
    """Out-of-fold scores, float64 (repeats, n), in the row order of `dataset`.

    `make_model(train, seed)` is called once per fold and repeat with the training rows only: whatever it learns
    (selection, binning, scaling) must be learnt inside it.  Rows of one group stay in one fold; classes are spread
    evenly over the folds.  Raises BadInput when a class has fewer groups than folds.
    """
    if (dataset.label < 0).any():
        raise BadInput("the data set holds immature rows; call matured() first", field="label")
    out = np.empty((repeats, len(dataset)))
    for repeat in range(repeats):
        fold = stratified_folds(dataset, folds, seed + repeat)
        for k in range(folds):
            test = np.flatnonzero(fold == k)
            model = make_model(dataset.take(np.flatnonzero(fold != k)), (seed + repeat) * folds + k)
            out[repeat, test] = np.asarray(model.score(dataset.frame.take(test)), np.float64)
    return out


def stratified_folds(dataset: Dataset, folds: int, seed: int) -> npt.NDArray[np.int64]:
    """Fold number of each row, int64 (n,).  A group counts as bad if any of its rows is."""
    groups, at = np.unique(dataset.group.astype(str), return_inverse=True)
    bad = np.zeros(len(groups), np.int64)
    np.maximum.at(bad, at, dataset.label.astype(np.int64))
    if min(bad.sum(), len(bad) - bad.sum()) < folds:
        raise BadInput(f"{folds} folds need at least {folds} good and {folds} bad groups; ask for fewer", field="folds")
    random = np.random.default_rng(seed)
    fold = np.empty(len(groups), np.int64)
    start = 0
    for value in (1, 0):
        members = random.permutation(np.flatnonzero(bad == value))
        fold[members] = (start + np.arange(len(members))) % folds
        start += len(members)
    return fold[at]
