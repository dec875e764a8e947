"""`train_logit`: a ridge logit on ranks, for data with tens of bads, where bins and trees would only learn noise.

Every column is first replaced by its place among the training rows (so that a firm a thousand times larger is a few
places higher, not a thousand times), then a ridge logit with its strength chosen by inner cross-validation weighs the
columns that separate goods from bads beyond chance.  A column whose weight would point against its own ranking is
dropped: with few rows, opposite signs are noise, and nobody can explain them.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from dandelion.models.calibration import MICRO, uncalibrated
from dandelion.models.dataset import Dataset
from dandelion.models.logistic import Floats, fit_logistic, sigmoid
from dandelion.models.metrics import auc, log_loss
from dandelion.models.model import Inputs, Model
from dandelion.models.scorecard import provenance, trainable
from dandelion.models.slopes import Slope, Slopes
from dandelion.models.spec import LogitSpec, Spec


def train_logit(dataset: Dataset, spec: Spec, seed: int | None = None) -> Model:
    """A logit on ranks, on the matured rows of `dataset`, not yet calibrated.

    Everything (choice of columns, ranks, ridge) is learnt from these rows only, so it may stand inside `repeated_cv`.
    Raises BadInput with immature rows or one class only.
    """
    rows = trainable(dataset)
    y, weight = rows.label.astype(np.float64), rows.weights()
    seed = spec.seed if seed is None else seed
    chosen = _chosen(rows, spec)
    knots = [_knots(rows.frame.values[:, j], spec.logit) for j, _ in chosen]
    x = np.column_stack([_place(rows.frame.values[:, j], k) for (j, _), k in zip(chosen, knots, strict=True)]) if (
        chosen
    ) else np.empty((len(y), 0))  # fmt: skip
    directed = x * np.array([sign for _, sign in chosen], np.float64)
    ridge = _ridge(directed, y, weight, spec.logit, seed)
    kept, intercept, slopes = _same_way(directed, y, weight, ridge)
    parts = []
    for at, slope in zip(kept, slopes, strict=True):
        sign = chosen[at][1]
        places = np.linspace(-1, 1, len(knots[at]))
        points = np.rint(sign * slope * places * MICRO).astype(np.int64)
        parts.append(
            Slope(knots[at], points, 0, round(sign * slope * float(np.average(x[:, at], weights=weight)) * MICRO))
        )
    names = [rows.names[chosen[at][0]] for at in kept]
    return Model(
        "logit", Inputs.of(rows.frame, names), Slopes(round(intercept * MICRO), tuple(parts)),
        uncalibrated(spec.calibration), "none", provenance(dataset, spec, seed),
    )  # fmt: skip


def _chosen(rows: Dataset, spec: Spec) -> list[tuple[int, int]]:
    """(column, sign) of those that rank beyond chance, strongest first; declared signs win."""
    found = []
    for j, name in enumerate(rows.names):
        x = rows.frame.values[:, j]
        known = np.isfinite(x)
        y = rows.label[known]
        bads, goods = int(y.sum()), int(len(y) - y.sum())
        if min(bads, goods) < 3 or len(np.unique(x[known])) < 3:
            continue
        gap = auc(y, x[known]) - 0.5
        declared = {"+": 1, "-": -1}.get(spec.signs.get(name, ""), 0)
        error = math.sqrt((bads + goods + 1) / (12 * bads * goods))
        if abs(gap) >= spec.logit.gap_errors_min * error and gap * (declared or gap) > 0:
            found.append((-abs(gap) / error, j, 1 if gap > 0 else -1))
    return [(j, sign) for _, j, sign in sorted(found)[: spec.logit.columns_max]]


def _knots(x: npt.NDArray[np.float32], spec: LogitSpec) -> Floats:
    """Strictly rising quantiles; where many rows share a value the line is steeper there."""
    known = x[np.isfinite(x)].astype(np.float64)
    return np.unique(np.quantile(known, np.linspace(0, 1, spec.knots)))


def _place(x: npt.NDArray[np.float32], knots: Floats) -> Floats:
    """From -1 at the lowest knot to +1 at the highest; 0 where missing."""
    place = np.interp(x.astype(np.float64), knots, np.linspace(-1, 1, len(knots)))
    return np.where(np.isnan(x), 0.0, place)


def _ridge(x: Floats, y: Floats, weight: Floats, spec: LogitSpec, seed: int) -> float:
    """The strength with the least inner cross-validated log-loss; the stronger one when nearly equal."""
    if x.shape[1] == 0:
        return max(spec.l2_choices)
    random = np.random.default_rng(seed)
    fold = np.empty(len(y), np.int64)
    for value in (0.0, 1.0):
        at = random.permutation(np.flatnonzero(y == value))
        fold[at] = np.arange(len(at)) % spec.inner_folds
    losses = []
    for l2 in spec.l2_choices:
        out = np.empty(len(y))
        for k in range(spec.inner_folds):
            test = fold == k
            intercept, slopes = fit_logistic(x[~test], y[~test], weight[~test], l2)
            out[test] = sigmoid(intercept + x[test] @ slopes)
        losses.append(log_loss(y, out))
    near = [l2 for l2, loss in zip(spec.l2_choices, losses, strict=True) if loss <= min(losses) + 1e-3]
    return max(near)


def _same_way(x: Floats, y: Floats, weight: Floats, l2: float) -> tuple[list[int], float, Floats]:
    """Fit, dropping the most negative slope until all point the way their column ranks."""
    kept = list(range(x.shape[1]))
    while True:
        intercept, slopes = fit_logistic(x[:, kept], y, weight, l2)
        if not len(slopes) or slopes.min() > 0:
            return kept, intercept, slopes
        kept.pop(int(np.argmin(slopes)))
