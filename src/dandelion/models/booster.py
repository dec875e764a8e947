"""The monotone booster: LightGBM trained deterministically, served as packed trees.

Rows are put in one canonical order first, threads and seeds are fixed, so the same rows in any order give the same
bytes.  Monotone signs are declared or derived (`signs`); on public data they cost .001 of AUC and buy explanations that
a person can act on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from dandelion.models.calibration import uncalibrated
from dandelion.models.dataset import Dataset
from dandelion.models.model import Inputs, Model
from dandelion.models.scorecard import provenance, trainable
from dandelion.models.signs import signs_of
from dandelion.models.spec import Spec
from dandelion.models.split import hash_share
from dandelion.models.trees import Trees


def train_booster(dataset: Dataset, spec: Spec, seed: int | None = None) -> Model:
    """A booster on the matured rows of `dataset`, not yet calibrated.

    The number of trees is found on a share of the groups set aside by hash, then all rows are used; `booster.bags`
    boosters of that many trees, with draws of their own, are averaged into one.  Raises BadInput with immature rows or
    one class only.
    """
    rows = _strongest(trainable(dataset), spec)
    signs = _signs(rows, spec)
    params = parameters(spec, len(rows), list(signs.values()), spec.seed if seed is None else seed)
    stop = hash_share(rows.group, "stop") < spec.booster.stop_share
    bads = rows.label[stop].sum()
    rounds = spec.booster.rounds_max // 4
    if 0 < bads < stop.sum() and 0 < rows.label[~stop].sum() < (~stop).sum():
        rounds = _rounds(rows, stop, params, spec)
    texts = fits(rows.frame.values, rows.label, rows.weights(), params, rounds, spec.booster.bags)
    bags = [Trees.from_lightgbm(text, len(rows.names)) for text in texts]
    used, trees = (bags[0] if len(bags) == 1 else Trees.mean(bags)).used_columns()
    return Model(
        "booster", Inputs.of(rows.frame, [rows.names[j] for j in used]), trees,
        uncalibrated(spec.calibration), "none", provenance(dataset, spec, seed),
    )  # fmt: skip


def booster_signs(dataset: Dataset, spec: Spec) -> dict[str, int]:
    """The signs that `train_booster` holds on these rows; columns that it leaves out are free."""
    rows = _strongest(trainable(dataset), spec)
    return dict.fromkeys(dataset.names, 0) | _signs(rows, spec)


def _signs(rows: Dataset, spec: Spec) -> dict[str, int]:
    """Declared signs, and derived ones that also hold with the other columns fixed.

    A column may look safe alone and be risky given the rest (more credit lines: older customers); a sign taken from the
    bad rate alone would forbid what is true.  So the contributions of a quick free model must go the same way.
    """
    if not spec.booster.monotone:
        return dict.fromkeys(rows.names, 0)
    signs = signs_of(rows, spec)
    some = _some(rows, spec)
    values = rows.frame.values[some]
    moved = quick_trees(values, rows.label[some], rows.weights()[some], spec).contributions(values[:2000])[0]
    for j, name in enumerate(rows.names):
        if (
            signs[name]
            and name not in spec.signs
            and _way(values[:2000, j], moved[:, j]) * signs[name] < (spec.booster.monotone_agreement_min)
        ):
            signs[name] = 0
    return signs


def _way(x: npt.NDArray[np.float32], moved: npt.NDArray[np.int64]) -> float:
    """Correlation, over ten bins of a column, of the bin's place with its mean contribution; 0 where nothing varies."""
    known = ~np.isnan(x)
    if not known.any():
        return 0.0
    cuts = np.unique(np.quantile(x[known], np.arange(1, 10) / 10, method="lower"))
    part = np.unique(np.searchsorted(cuts, x[known], side="left"), return_inverse=True)[1]
    rows = np.bincount(part).astype(np.float64)
    mean = np.bincount(part, moved[known]) / rows
    place = np.arange(len(rows)) - np.average(np.arange(len(rows)), weights=rows)
    mean = mean - np.average(mean, weights=rows)
    size = float(np.sqrt((rows @ place**2) * (rows @ mean**2)))
    return float((rows * place) @ mean) / size if size > 0 else 0.0


def _some(rows: Dataset, spec: Spec) -> npt.NDArray[np.int64]:
    return np.sort(np.random.default_rng(spec.seed).permutation(len(rows))[: spec.quarantine.quick_rows_max])


def quick_trees(
    values: npt.NDArray[np.float32], target: npt.NDArray[Any], weight: npt.NDArray[np.float64], spec: Spec
) -> Trees:
    """A small unconstrained model for questions about columns, not for serving."""
    params = parameters(spec, len(values), [0] * values.shape[1], spec.seed)
    params["learning_rate"] = spec.quarantine.quick_learning_rate
    return Trees.from_lightgbm(fit(values, target, weight, params, spec.quarantine.quick_rounds), values.shape[1])


def _strongest(rows: Dataset, spec: Spec) -> Dataset:
    """The columns that move a quick model most; all of them where there are few."""
    if len(rows.names) <= spec.booster.columns_max:
        return rows
    some = _some(rows, spec)
    trees = quick_trees(rows.frame.values[some], rows.label[some], rows.weights()[some], spec)
    moved = np.abs(trees.contributions(rows.frame.values[some][:500])[0]).sum(axis=0)
    kept = set(np.argsort(-moved, kind="stable")[: spec.booster.columns_max].tolist())
    return rows.without({name for j, name in enumerate(rows.names) if j not in kept})


def parameters(spec: Spec, rows: int, signs: list[int], seed: int) -> dict[str, Any]:
    b = spec.booster
    return {
        "objective": "binary", "learning_rate": b.learning_rate, "num_leaves": b.leaves,
        "min_data_in_leaf": max(2, min(b.leaf_rows_min, int(b.leaf_share_max * rows))),
        "feature_fraction": b.column_share, "bagging_fraction": b.row_share, "bagging_freq": 1, "lambda_l2": b.l2,
        "monotone_constraints": signs, "monotone_constraints_method": "basic", "seed": seed, "deterministic": True,
        "force_row_wise": True, "num_threads": spec.threads, "verbosity": -1, "feature_pre_filter": False,
    }  # fmt: skip


def fit(
    values: npt.NDArray[np.float32], target: npt.NDArray[Any], weight: npt.NDArray[np.float64],
    params: dict[str, Any], rounds: int,
) -> str:  # fmt: skip
    """LightGBM's text form after `rounds` trees."""
    return fits(values, target, weight, params, rounds, 1)[0]


def fits(
    values: npt.NDArray[np.float32], target: npt.NDArray[Any], weight: npt.NDArray[np.float64],
    params: dict[str, Any], rounds: int, bags: int,
) -> list[str]:  # fmt: skip
    """As `fit`, `bags` times with other draws of rows and columns; the table is binned once."""
    import lightgbm  # imports pandas and scikit-learn where they are installed: offline only

    data = lightgbm.Dataset(values, target, weight=weight, params=params, free_raw_data=True)
    draws = [{}, *({"bagging_seed": params["seed"] + k, "feature_fraction_seed": params["seed"] + k}
                   for k in range(1, bags))]  # fmt: skip
    return [str(lightgbm.train({**params, **draw}, data, rounds).model_to_string()) for draw in draws]


def _rounds(rows: Dataset, stop: npt.NDArray[np.bool_], params: dict[str, Any], spec: Spec) -> int:
    import lightgbm

    x, y, w = rows.frame.values, rows.label, rows.weights()
    train = lightgbm.Dataset(x[~stop], y[~stop], weight=w[~stop], params=params)
    held = lightgbm.Dataset(x[stop], y[stop], weight=w[stop], reference=train, params=params)
    patience = lightgbm.early_stopping(spec.booster.patience, verbose=False)
    booster = lightgbm.train(
        {**params, "metric": "binary_logloss"}, train, spec.booster.rounds_max, valid_sets=[held], callbacks=[patience]
    )
    return max(1, int(booster.best_iteration))
