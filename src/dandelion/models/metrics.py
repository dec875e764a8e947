"""How good a score is, and how sure we are.

A *label* is 1 for bad and 0 for good; a higher *score* means more risk.  Scores may be (n,) or (repeats, n): with
repeats (out-of-fold scores of repeated cross-validation) every figure is the mean over the repeats and the intervals
treat the row, not the repeat, as the unit that varies.

Sources: DeLong, DeLong, Clarke-Pearson (Biometrics 1988) for the variance of AUCs and of their difference; its
structural components are averaged over the repeats, which is exact for the mean AUC because that is still a
two-sample U-statistic.  Intervals on out-of-fold scores do not contain the luck of the training draw.

>>> import numpy as np
>>> auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
0.75
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its two-sided interval (95 % unless asked otherwise)."""

    mean: float
    low: float
    high: float

    def as_json(self) -> dict[str, float]:
        return {"mean": round(self.mean, 6), "low": round(self.low, 6), "high": round(self.high, 6)}


@dataclass(frozen=True, slots=True)
class Decile:
    """One tenth of the rows by score: how many, how many bads, mean predicted PD, observed bad rate."""

    rows: int
    bads: int
    mean_pd: float
    bad_rate: float


def auc(label: npt.ArrayLike, score: npt.ArrayLike) -> float:
    """Area under the ROC curve; ties count one half.  Raises BadInput unless both classes are there."""
    return float(_placements(label, score)[1].mean())


def auc_interval(label: npt.ArrayLike, score: npt.ArrayLike, level: float = 0.95) -> Interval:
    """AUC with its DeLong interval, clipped to [0, 1]."""
    good, bad = _placements(label, score)
    around = _normal(float(bad.mean()), _variance(good, bad), level)
    return Interval(around.mean, max(0.0, around.low), min(1.0, around.high))


def paired_auc_gain(label: npt.ArrayLike, a: npt.ArrayLike, b: npt.ArrayLike, level: float = 0.95) -> Interval:
    """AUC of `b` minus AUC of `a` on the same rows, with the paired DeLong interval.

    >>> import numpy as np
    >>> label = np.array([0, 1] * 50)
    >>> paired_auc_gain(label, np.arange(100), np.arange(100))
    Interval(mean=0.0, low=0.0, high=0.0)
    """
    good_a, bad_a = _placements(label, a)
    good_b, bad_b = _placements(label, b)
    good, bad = good_b - good_a, bad_b - bad_a
    return _normal(float(bad.mean()), _variance(good, bad), level)


def ks(label: npt.ArrayLike, score: npt.ArrayLike) -> float:
    """Largest distance between the score distributions of bads and goods, in [0, 1]."""
    y = labels(label)
    return float(np.mean([_ks_one(y, row) for row in _rows(y, score)]))


def brier(label: npt.ArrayLike, pd: npt.ArrayLike) -> float:
    """Mean squared error of the PD."""
    y = labels(label, both=False)
    return float(np.mean([np.mean((row - y) ** 2) for row in _rows(y, pd)]))


def log_loss(label: npt.ArrayLike, pd: npt.ArrayLike) -> float:
    """Mean negative log-likelihood in nats; PDs are held within [1e-12, 1 - 1e-12]."""
    y = labels(label, both=False)
    held = np.clip(np.stack(_rows(y, pd)), 1e-12, 1 - 1e-12)
    return float(-np.mean(np.where(y == 1, np.log(held), np.log1p(-held))))


def deciles(label: npt.ArrayLike, pd: npt.ArrayLike, bins: int = 10) -> tuple[Decile, ...]:
    """Rows cut into `bins` equal parts by PD, lowest first; rows with equal PD stay together."""
    y = labels(label, both=False)
    p = _rows(y, pd)[0]
    part = _equal_parts(p, bins)
    out = []
    for k in np.unique(part):
        here = part == k
        out.append(Decile(int(here.sum()), int(y[here].sum()), round(float(p[here].mean()), 9), float(y[here].mean())))
    return tuple(out)


def ece(label: npt.ArrayLike, pd: npt.ArrayLike, bins: int = 10) -> float:
    """Expected calibration error: mean over equal-count bins of |mean PD - bad rate|, weighted by rows."""
    y = labels(label, both=False)
    return float(np.mean([_ece_one(y, row, bins) for row in _rows(y, pd)]))


def ece_critical(pd: npt.ArrayLike, bins: int = 10, level: float = 0.95, draws: int = 200, seed: int = 0) -> float:
    """The ECE that a *perfectly* calibrated PD exceeds only 1 - level of the time with these rows."""
    p = np.asarray(pd, np.float64)
    part = _equal_parts(p, bins)
    random = np.random.default_rng(seed)
    drawn = []
    for _ in range(draws):
        gap = (random.random(len(p)) < p) - p
        drawn.append(np.abs(np.bincount(part, gap)).sum() / len(p))
    return float(np.quantile(drawn, level))


def calibration_in_the_large(label: npt.ArrayLike, pd: npt.ArrayLike) -> float:
    """Mean PD over bad rate, less one: +0.10 says that the model expects a tenth more bads than came."""
    y = labels(label, both=False)
    if not y.any():
        raise BadInput("there is no bad among the rows; calibration cannot be judged", field="label")
    return float(np.mean(np.stack(_rows(y, pd)))) / float(y.mean()) - 1


def level_gap(label: npt.ArrayLike, pd: npt.ArrayLike, level: float, draws: int = 400) -> tuple[float, float]:
    """(`calibration_in_the_large`, how far from zero a perfect model's would lie by chance at `level`)."""
    gap, p = calibration_in_the_large(label, pd), np.asarray(pd, np.float64)
    random = np.random.default_rng(0)
    bads = np.array([(random.random(len(p)) < p).sum() for _ in range(draws)])
    return gap, float(np.quantile(np.abs(p.sum() / np.maximum(bads, 1) - 1), level))


def psi(expected: npt.ArrayLike, actual: npt.ArrayLike, bins: int = 10) -> float:
    """Population stability index of `actual` against `expected`, cut at the quantiles of `expected`.

    NaN is a bin of its own; empty bins count half a row.  Judge it against :func:`psi_critical`, not a fixed 0.1: the
    fixed bounds alarm too often with few rows and miss shifts with many (Yurdakul; Du Pisanie arXiv 2303.01227).
    """
    before, after = _shares_by(np.asarray(expected, np.float64), np.asarray(actual, np.float64), bins)
    return _psi_of(before, after)


def psi_critical(
    expected: npt.ArrayLike, rows: int, bins: int = 10, level: float = 0.99, draws: int = 500, seed: int = 0
) -> float:
    """The PSI exceeded only 1 - level of the time when `rows` new rows come from the same population."""
    before, _ = _shares_by(np.asarray(expected, np.float64), np.asarray(expected, np.float64), bins)
    random = np.random.default_rng(seed)
    shares = before / before.sum()
    drawn = [
        _psi_of(random.multinomial(int(before.sum()), shares), random.multinomial(rows, shares)) for _ in range(draws)
    ]
    return float(np.quantile(drawn, level))


def labels(label: npt.ArrayLike, *, both: bool = True) -> npt.NDArray[np.int8]:
    """The label as int8 of 0 and 1.  Raises BadInput on other values, and with `both` when a class is missing."""
    y = np.asarray(label)
    if y.ndim != 1 or len(y) == 0 or not np.isin(y, (0, 1)).all():
        raise BadInput(
            "labels must be a non-empty row of 0 (good) and 1 (bad); drop immature rows first", field="label"
        )
    if both and (y.all() or not y.any()):
        raise BadInput("labels hold one class only; goods and bads are both needed", field="label")
    return y.astype(np.int8)


def _rows(y: npt.NDArray[np.int8], score: npt.ArrayLike) -> list[Floats]:
    rows = np.atleast_2d(np.asarray(score, np.float64))
    if rows.ndim != 2 or rows.shape[1] != len(y):
        raise BadInput(f"scores have shape {rows.shape}, labels {len(y)} rows; they must match", field="score")
    if np.isnan(rows).any():
        raise BadInput("a score is NaN; every judged row needs a score", field="score")
    return list(rows)


def _placements(label: npt.ArrayLike, score: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Structural components, averaged over repeats: per good the share of bads above it, per bad of goods below."""
    y = labels(label)
    good, bad = np.zeros(int((y == 0).sum())), np.zeros(int(y.sum()))
    rows = _rows(y, score)
    for row in rows:
        goods, bads = row[y == 0], row[y == 1]
        in_order = np.sort(goods)
        bad += (np.searchsorted(in_order, bads, "left") + np.searchsorted(in_order, bads, "right")) / (2 * len(goods))
        in_order = np.sort(bads)
        below = np.searchsorted(in_order, goods, "left") + np.searchsorted(in_order, goods, "right")
        good += 1 - below / (2 * len(bads))
    return good / len(rows), bad / len(rows)


def _variance(good: Floats, bad: Floats) -> float:
    if len(good) < 2 or len(bad) < 2:
        raise BadInput("an interval needs at least two goods and two bads", field="label")
    return float(good.var(ddof=1)) / len(good) + float(bad.var(ddof=1)) / len(bad)


def _normal(mean: float, variance: float, level: float) -> Interval:
    half = NormalDist().inv_cdf(0.5 + level / 2) * math.sqrt(variance)
    return Interval(mean, mean - half, mean + half)


def _ks_one(y: npt.NDArray[np.int8], score: Floats) -> float:
    order = np.argsort(score, kind="stable")
    last_of_tie = np.append(np.diff(score[order]) > 0, True)
    bads, goods = np.cumsum(y[order]) / y.sum(), np.cumsum(1 - y[order]) / (len(y) - y.sum())
    return float(np.abs(bads - goods)[last_of_tie].max())


def _equal_parts(p: Floats, bins: int) -> npt.NDArray[np.int64]:
    cuts = np.unique(np.quantile(p, np.arange(1, bins) / bins, method="lower"))
    return np.searchsorted(cuts, p, side="left").astype(np.int64)


def _ece_one(y: npt.NDArray[np.int8], p: Floats, bins: int) -> float:
    return float(np.abs(np.bincount(_equal_parts(p, bins), y - p)).sum() / len(y))


def _shares_by(expected: Floats, actual: Floats, bins: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    seen = expected[~np.isnan(expected)]
    cuts = np.unique(np.quantile(seen, np.arange(1, bins) / bins, method="lower")) if len(seen) else np.empty(0)

    def counts(values: Floats) -> npt.NDArray[np.int64]:
        part = np.searchsorted(cuts, values, side="left")
        part[np.isnan(values)] = len(cuts) + 1
        return np.bincount(part, minlength=len(cuts) + 2)

    return counts(expected), counts(actual)


def _psi_of(before: npt.NDArray[np.int64], after: npt.NDArray[np.int64]) -> float:
    used = (before + after) > 0
    p, q = np.maximum(before[used], 0.5), np.maximum(after[used], 0.5)
    p, q = p / p.sum(), q / q.sum()
    return float(np.sum((q - p) * np.log(q / p)))
