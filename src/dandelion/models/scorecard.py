"""The points scorecard: optimal monotone bins, weight of evidence, logistic regression, whole points.

optbinning (Navas-Palencia, arXiv 2001.08025) finds the cuts offline with one solver thread and a fixed seed; the stored
model is bins and points, so that serving never imports it.  A cut that the solver could not prove optimal in time is
not used (it would depend on how busy the machine was): the plain prebins are merged instead.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput
from dandelion.models.calibration import MICRO, pool_adjacent, uncalibrated
from dandelion.models.dataset import Dataset
from dandelion.models.logistic import fit_logistic
from dandelion.models.model import Inputs, Model
from dandelion.models.points import Points, PointsTable
from dandelion.models.signs import signs_of
from dandelion.models.spec import ScorecardSpec, Spec

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Woe:
    """One column binned: log-odds of bad against the average, per bin; the last entry is the missing bin."""

    column: str
    edges: Floats
    log_odds: Floats
    iv: float

    def __call__(self, x: npt.NDArray[np.float32]) -> Floats:
        at = np.searchsorted(self.edges, x.astype(np.float64), side="right")
        return np.asarray(self.log_odds[np.where(np.isnan(x), len(self.edges) + 1, at)], np.float64)


def train_prior(dataset: Dataset, spec: Spec, seed: int | None = None) -> Model:
    """The bad rate for everybody: what any model must beat."""
    weight = dataset.weights()
    rate = (float(weight @ (dataset.label == 1)) + 0.5) / (float(weight.sum()) + 1)
    body = Points(round(math.log(rate / (1 - rate)) * MICRO), ())
    return Model("prior", Inputs((), ()), body, uncalibrated(spec.calibration), "none", provenance(dataset, spec, seed))


def train_scorecard(dataset: Dataset, spec: Spec, seed: int | None = None) -> Model:
    """A scorecard on the matured rows of `dataset`, not yet calibrated (see `calibration.calibrate`).

    Raises BadInput with immature rows or one class only.  Columns whose weight would point against their own bins are
    dropped; without any useful column the scorecard is the prior.
    """
    rows = trainable(dataset)
    x, y, weight = rows.frame.values, rows.label.astype(np.float64), rows.weights()
    signs = signs_of(rows, spec)
    chosen = _shortlist(rows, spec.scorecard)
    binned = [_bin(name, x[:, rows.names.index(name)], y, weight, signs[name], spec, seed) for name in chosen]
    binned = sorted((w for w in binned if w.iv >= _iv_bound(w, y, spec.scorecard)), key=lambda w: (-w.iv, w.column))
    woes = {w.column: w(x[:, rows.names.index(w.column)]) for w in binned}
    kept = _uncorrelated(binned, woes, spec.scorecard)[: spec.scorecard.columns_max]
    while True:
        matrix = np.column_stack([woes[w.column] for w in kept]) if kept else np.empty((len(y), 0))
        intercept, slopes = fit_logistic(matrix, y, weight, spec.scorecard.l2)
        if not len(slopes) or slopes.min() > 0:
            break
        kept = [w for j, w in enumerate(kept) if j != int(np.argmin(slopes))]
    order = sorted(range(len(kept)), key=lambda j: kept[j].column)
    tables = [_table(kept[j], float(slopes[j]), woes[kept[j].column], weight) for j in order]
    return Model(
        "scorecard", Inputs.of(rows.frame, [kept[j].column for j in order]),
        Points(round(intercept * MICRO), tuple(tables)), uncalibrated(spec.calibration), "none",
        provenance(dataset, spec, seed),
    )  # fmt: skip


def provenance(dataset: Dataset, spec: Spec, seed: int | None) -> dict[str, str | int]:
    return {
        "data": dataset.content_hash(), "label": dataset.label_definition, "seed": spec.seed if seed is None else seed,
    }  # fmt: skip


def trainable(dataset: Dataset) -> Dataset:
    """The rows in canonical order.  Raises BadInput when a label is immature or a class is missing."""
    if (dataset.label < 0).any():
        raise BadInput("an immature label cannot train a model; call matured() first", field="label")
    if not 0 < dataset.bads < len(dataset):
        raise BadInput("training needs goods and bads; the rows hold one class only", field="label")
    return dataset.in_order()


def _shortlist(rows: Dataset, spec: ScorecardSpec) -> list[str]:
    """The columns with the most information value by plain quantile bins: a cheap sieve before the exact solver."""
    y, weight = rows.label.astype(np.float64), rows.weights()
    values = []
    for j, name in enumerate(rows.names):
        x = rows.frame.values[:, j]
        known = x[~np.isnan(x)]
        if len(known) == 0 or np.ptp(known) == 0:
            continue
        edges = np.unique(np.quantile(known.astype(np.float64), np.arange(1, 10) / 10, method="lower"))
        values.append((-_woe(name, edges, x, y, weight, 0, spec).iv, name))
    return [name for _, name in sorted(values)[: 2 * spec.columns_max]]


def _iv_bound(woe: Woe, y: Floats, spec: ScorecardSpec) -> float:
    """What chance alone would reach: the chi-square quantile (Wilson and Hilferty 1931) in units of IV."""
    free = max(1, len(np.unique(woe.log_odds)) - 1)
    z = NormalDist().inv_cdf(spec.iv_level)
    chance = free * (1 - 2 / (9 * free) + z * math.sqrt(2 / (9 * free))) ** 3
    return max(spec.iv_min, chance * (1 / float(y.sum()) + 1 / float((1 - y).sum())))


def _bin(
    name: str, x: npt.NDArray[np.float32], y: Floats, weight: Floats, sign: int, spec: Spec, seed: int | None
) -> Woe:
    from optbinning import OptimalBinning  # 6 s to import: offline only

    known = ~np.isnan(x)
    s = spec.scorecard
    rows_min = max(s.bin_share_min, min(0.5, 5 / max(1, int(y.sum()))))
    binning = OptimalBinning(
        name, solver="cp", max_n_bins=s.bins_max, min_bin_size=rows_min, max_n_prebins=s.prebins_max,
        min_prebin_size=rows_min, monotonic_trend={1: "ascending", -1: "descending", 0: "auto_asc_desc"}[sign],
        time_limit=s.solver_seconds, random_state=spec.seed if seed is None else seed,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        binning.fit(x[known].astype(np.float64), y[known].astype(np.int64))
    proved = binning.status == "OPTIMAL"
    edges = np.asarray(binning.splits if proved else np.unique(np.quantile(x[known], np.arange(1, 5) / 5)), np.float64)
    return _woe(name, edges, x, y, weight, sign, s, monotone=True)


def _woe(
    name: str, edges: Floats, x: npt.NDArray[np.float32], y: Floats, weight: Floats, sign: int, spec: ScorecardSpec,
    *, monotone: bool = False,
) -> Woe:  # fmt: skip
    """Smoothed weight of evidence per bin; with `monotone`, bins that break the order are pooled."""
    at = np.searchsorted(edges, x.astype(np.float64), side="right")
    at[np.isnan(x)] = len(edges) + 1
    bad = np.bincount(at, weight * y, len(edges) + 2)
    good = np.bincount(at, weight * (1 - y), len(edges) + 2)
    share_bad = (bad + spec.smoothing) / (bad.sum() + spec.smoothing * len(bad))
    share_good = (good + spec.smoothing) / (good.sum() + spec.smoothing * len(good))
    log_odds = np.log(share_bad / share_good)
    if np.isnan(x).sum() < spec.missing_rows_min:
        log_odds[-1] = 0.0
    if monotone:
        mass = np.maximum((bad + good)[:-1], 1e-9)
        if len(mass) > 1:
            centre = np.average(np.arange(len(mass)), weights=mass)
            rising = sign or (1 if float((np.arange(len(mass)) - centre) @ (mass * log_odds[:-1])) >= 0 else -1)
            block = pool_adjacent(rising * log_odds[:-1], mass)
            log_odds[:-1] = (np.bincount(block, mass * log_odds[:-1]) / np.bincount(block, mass))[block]
    iv = float(np.sum((share_bad - share_good) * np.log(share_bad / share_good)))
    return Woe(name, edges, log_odds, iv)


def _uncorrelated(binned: list[Woe], woes: dict[str, Floats], spec: ScorecardSpec) -> list[Woe]:
    kept: list[Woe] = []
    for one in binned:
        x = woes[one.column]
        if x.std() == 0:
            continue
        if all(abs(float(np.corrcoef(x, woes[k.column])[0, 1])) <= spec.correlation_max for k in kept):
            kept.append(one)
    return kept


def _table(woe: Woe, slope: float, values: Floats, weight: Floats) -> PointsTable:
    points = np.rint(slope * woe.log_odds * MICRO).astype(np.int64)
    usual = round(slope * float(np.average(values, weights=weight)) * MICRO)
    return PointsTable(woe.edges, points[:-1], int(points[-1]), usual)
