"""How well businesses are told from private accounts, ours beside three simple ways."""

from __future__ import annotations

from dataclasses import dataclass

import lightgbm
import numpy as np
import numpy.typing as npt

from dandelion.graph import identify, standard_rules
from dandelion.graph.edges import Edges
from dandelion.graph.payments import read_payments
from dandelion.graph.portrait_scene import Scene
from dandelion.models import auc
from graph_accuracy_towns import PLAIN, UNCLEAR, Town

Floats = npt.NDArray[np.float64]
SETTINGS = {"objective": "binary", "learning_rate": 0.06, "num_leaves": 15, "min_data_in_leaf": 40, "lambda_l2": 5.0,
            "num_threads": 1, "verbosity": -1, "seed": 310, "deterministic": True}  # fmt: skip


@dataclass(frozen=True)
class Marks:
    auc: float
    degree: float
    clustering: float
    simple: float
    classes: dict[str, float]
    classes_simple: dict[str, float]
    unregistered_recall: float
    unregistered_recall_simple: float
    calibration_error: float


@dataclass(frozen=True)
class _Counts:
    accounts: list[str]
    values: Floats  # payers, payees, receipts, payments, received, spent
    openness: Floats  # one less the clustering of payers


def _counts(town: Town) -> _Counts:
    paid = read_payments(town.payments, 2**62)
    edges = Edges.of(paid)
    scene = Scene.of(edges, standard_rules().dandelion, "Asia/Shanghai")
    values = np.stack([
        scene.payers, scene.payees, scene.received, scene.per_payer(scene.count), scene.per_payee(scene.fen), scene.per_payer(scene.fen),
    ], axis=1).astype(np.float64)  # fmt: skip
    pairs = scene.payers * (scene.payers - 1) / 2
    openness = np.where(pairs >= 1, 1 - scene.tied[:, 0] / np.maximum(pairs, 1), 0.0)
    return _Counts(edges.payments.accounts.to_pylist(), np.log1p(values), openness)


def simple_counts_model(towns: list[Town]) -> lightgbm.Booster:
    """The peer: boosted trees on how many and how much, taught on hard towns."""
    parts, labels = [], []
    for town in towns:
        counts = _counts(town)
        keep = np.array([town.case[a] not in UNCLEAR for a in counts.accounts])
        parts.append(counts.values[keep])
        labels.append(np.array([town.business[a] for a in counts.accounts])[keep])
    return lightgbm.train(SETTINGS, lightgbm.Dataset(np.concatenate(parts), np.concatenate(labels)), 250)


def judge_identification(town: Town, simple: lightgbm.Booster) -> Marks:
    scores = identify(town.payments)
    chance = dict(zip(scores["account"].to_pylist(), scores["probability"].to_pylist(), strict=True))
    counts = _counts(town)
    kept = np.array([town.case[a] not in UNCLEAR for a in counts.accounts])
    accounts = [a for a, keep in zip(counts.accounts, kept.tolist(), strict=True) if keep]
    truth = np.array([town.business[a] for a in accounts])
    case = np.array([town.case[a] for a in accounts])
    hidden = np.array([a in town.unregistered for a in accounts])
    ours = np.array([chance[a] for a in accounts])
    theirs = np.asarray(simple.predict(counts.values[kept]))
    return Marks(
        _auc(truth, ours), _auc(truth, counts.values[kept, 0]), _auc(truth, counts.openness[kept]), _auc(truth, theirs),
        _by_class(truth, case, ours), _by_class(truth, case, theirs), _recall(truth, ours, hidden), _recall(truth, theirs, hidden),
        _calibration(truth, ours),
    )  # fmt: skip


def _auc(truth: npt.NDArray[np.bool_], score: Floats) -> float:
    return float(auc(truth.astype(np.int8), np.asarray(score, np.float64)))


def _by_class(truth: npt.NDArray[np.bool_], case: npt.NDArray[np.str_], score: Floats) -> dict[str, float]:
    out = {}
    for name in sorted(set(case.tolist()) - set(PLAIN)):
        one = case == name
        if truth[one].all() or not truth[one].any():
            rows = (one | ~truth) if truth[one].all() else (one | truth)
            out[name] = _auc(truth[rows], score[rows])
    return out


def _recall(truth: npt.NDArray[np.bool_], score: Floats, hidden: npt.NDArray[np.bool_]) -> float:
    """Share of unregistered businesses above the lowest threshold at which 90 % of those called businesses are some."""
    order = np.argsort(-score, kind="stable")
    precision = np.cumsum(truth[order]) / np.arange(1, len(order) + 1)
    fine = np.flatnonzero(precision >= 0.9)
    return float((score[hidden] >= score[order[fine[-1]]]).mean()) if len(fine) else 0.0


def _calibration(truth: npt.NDArray[np.bool_], chance: Floats) -> float:
    """Mean distance between said and seen over ten equal slices of probability, weighted by accounts."""
    part = np.minimum((chance * 10).astype(np.int64), 9)
    rows = np.bincount(part, minlength=10)
    gap = np.abs(np.bincount(part, chance, 10) - np.bincount(part, truth.astype(np.float64), 10))
    return float(gap.sum() / rows.sum())
