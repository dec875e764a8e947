"""Repeated, stratified, grouped, nested cross-validation, and figures that belong to it.

Inside every training part an inner, repeated cross-validation picks the penalty (by log loss) and fits the calibration, so
that nothing reported was chosen on the fold it is reported on.  AUC is taken inside each fold and averaged: pooling
scores of models with different intercepts understates it (Forman and Scholz, SIGKDD Explorations 2010).  Intervals use
the firms as units (DeLong's components inside folds; LeDell, Petersen and van der Laan, EJS 2015); the luck of the
training draw is added by the corrected resampled t (Nadeau and Bengio 2003), reported beside it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

from dandelion.app.assess.invoices_model import Model, NormalScores, calibrate, fit
from dandelion.app.assess.invoices_settings import Validation
from dandelion.models import Interval, log_loss

Values = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Labels = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """Of each labelled firm in each repeat: its fold, its raw log-odds and its calibrated PD; (repeats, firms)."""

    fold: Ints
    margin: Values
    pd: Values
    penalties: tuple[float, ...]  # chosen, one per outer fold


@dataclass(frozen=True, slots=True)
class Learner:
    """Chooses a penalty by inner cross-validation, fits, and calibrates on inner out-of-fold log-odds."""

    scores: NormalScores
    penalties: tuple[float, ...]
    inner_folds: int
    inner_repeats: int

    def learn(self, z: Values, bad: Labels, group: Ints, seed: int) -> Model:
        folds = [grouped_folds(bad, group, self.inner_folds, 1000 * seed + r) for r in range(self.inner_repeats)]
        tried = []
        for penalty in self.penalties:
            margin = np.zeros((len(folds), len(bad)))
            for r, fold in enumerate(folds):
                for k in range(self.inner_folds):
                    test = fold == k
                    margin[r, test] = fit(z[~test], bad[~test], self.scores, penalty).margin(z[test])
            tried.append((log_loss(bad, 1 / (1 + np.exp(-margin))), penalty, margin.mean(axis=0)))
        _, penalty, margin = min(tried, key=lambda item: (item[0], -item[1]))
        return dataclasses.replace(fit(z, bad, self.scores, penalty), calibration=calibrate(margin, bad))


def out_of_fold(
    z: Values,
    bad: Labels,
    group: Ints,
    learner: Learner,
    rules: Validation,
    told: Callable[[float], None] | None = None,
) -> OutOfFold:
    """Every labelled firm scored by models that never saw it or a firm of its group, once per named seed."""
    shape = (len(rules.seeds), len(bad))
    fold, margin, pd = np.zeros(shape, np.int64), np.zeros(shape), np.zeros(shape)
    penalties = []
    for r, seed in enumerate(rules.seeds):
        fold[r] = grouped_folds(bad, group, rules.folds, seed)
        for k in range(rules.folds):
            test = fold[r] == k
            model = learner.learn(z[~test], bad[~test], group[~test], seed)
            margin[r, test], pd[r, test] = model.margin(z[test]), model.pd(z[test])
            penalties.append(model.penalty)
        if told is not None:
            told((r + 1) / len(rules.seeds))
    return OutOfFold(fold, margin, pd, tuple(penalties))


def grouped_folds(bad: Labels, group: Ints, folds: int, seed: int) -> Ints:
    """Fold of every firm: firms of one group together, groups with a bad dealt out first, then the others."""
    random = np.random.default_rng(seed)
    groups, member = np.unique(group, return_inverse=True)
    any_bad = np.bincount(member, bad, minlength=len(groups)) > 0
    dealt = np.concatenate([random.permutation(np.flatnonzero(any_bad)), random.permutation(np.flatnonzero(~any_bad))])
    fold_of = np.empty(len(groups), np.int64)
    fold_of[dealt] = np.arange(len(groups)) % folds
    return fold_of[member]


@dataclass(frozen=True, slots=True)
class Placements:
    """Per bad firm the share of goods of its fold ranked below it, per good firm of bads above it; repeats averaged."""

    good: Values
    bad: Values
    fold_auc: Values

    @property
    def auc(self) -> float:
        return float(self.bad.mean())


def placements(bad: Labels, score: Values, fold: Ints) -> Placements:
    """`score` (repeats, firms) or (firms,), higher riskier; `fold` (repeats, firms)."""
    score = np.broadcast_to(score, fold.shape)
    total, by_fold = np.zeros(len(bad)), []
    for r in range(len(fold)):
        for k in np.unique(fold[r]):
            goods = np.flatnonzero((fold[r] == k) & (bad == 0))
            bads = np.flatnonzero((fold[r] == k) & (bad == 1))
            if len(goods) == 0 or len(bads) == 0:
                continue
            s_bad, s_good = score[r, bads][:, None], score[r, goods][None, :]
            wins = (s_bad > s_good) + 0.5 * (s_bad == s_good)
            total[bads] += wins.mean(axis=1)
            total[goods] += wins.mean(axis=0)
            by_fold.append(wins.mean())
    total /= len(fold)
    return Placements(total[bad == 0], total[bad == 1], np.array(by_fold))


def auc_in_folds(of: Placements, level: float = 0.95) -> Interval:
    around = _interval(of.auc, _variance(of.good, of.bad), level)
    return Interval(around.mean, max(around.low, 0.0), min(around.high, 1.0))


def gain_in_folds(base: Placements, ours: Placements, level: float = 0.95) -> Interval:
    """AUC of `ours` minus AUC of `base`, paired by firm."""
    return _interval(ours.auc - base.auc, _variance(ours.good - base.good, ours.bad - base.bad), level)


def gain_resampled(base: Placements, ours: Placements, folds: int, level: float = 0.95) -> Interval:
    """The same gain with the corrected resampled t over the folds of all repeats."""
    gain = ours.fold_auc - base.fold_auc
    scale = math.sqrt((1 / len(gain) + 1 / (folds - 1)) * float(gain.var(ddof=1)))
    half = float(student.ppf(0.5 + level / 2, len(gain) - 1)) * scale
    return Interval(float(gain.mean()), float(gain.mean()) - half, float(gain.mean()) + half)


def _variance(good: Values, bad: Values) -> float:
    return float(good.var(ddof=1)) / len(good) + float(bad.var(ddof=1)) / len(bad)


def _interval(mean: float, variance: float, level: float) -> Interval:
    half = NormalDist().inv_cdf(0.5 + level / 2) * math.sqrt(variance)
    return Interval(mean, mean - half, mean + half)
