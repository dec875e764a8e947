"""Forests read from XGBoost's JSON against XGBoost."""

from __future__ import annotations

import numpy as np
import pytest
from forest_oracle import agree_everywhere, ties

from dandelion.core import BadInput
from dandelion.models.forest import CannotPack, from_xgboost

xgboost = pytest.importorskip("xgboost")
ONE = {"nthread": 1, "verbosity": 0, "max_depth": 5, "seed": 3}


def table(seed: int, rows: int = 700):
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 5)).astype(np.float32)
    x[:, 1] = np.round(x[:, 1] * 2)
    x[:, 3] = random.integers(0, 30, rows)
    x[random.random(x.shape) < 0.15] = np.nan
    z = np.nan_to_num(x)
    return x, z[:, 0] + z[:, 1] * (z[:, 2] > 0) + np.isin(z[:, 3], (1, 5, 8, 22)) + random.normal(0, 0.3, rows)


def trained(x, y, rounds: int, types=None, **params):
    data = xgboost.DMatrix(x, y, feature_types=types, enable_categorical=types is not None)
    model = xgboost.train({**ONE, **params}, data, rounds)
    return model, from_xgboost(bytes(model.save_raw("json")))


def margins(model, x, types=None):
    data = xgboost.DMatrix(x, feature_types=types, enable_categorical=types is not None)
    return model.predict(data, output_margin=True).reshape(len(x), -1)


KINDS = {
    "squared error": {"objective": "reg:squarederror"},
    "logistic": {"objective": "binary:logistic", "base_score": 0.2},
    "logistic, base from the data": {"objective": "binary:logistic"},
    "poisson": {"objective": "count:poisson"},
    "three classes": {"objective": "multi:softprob", "num_class": 3},
    "dart": {"objective": "reg:squarederror", "booster": "dart", "rate_drop": 0.3},
    "parallel trees": {"objective": "reg:squarederror", "num_parallel_tree": 3, "subsample": 0.5},
    "by loss": {"objective": "reg:squarederror", "grow_policy": "lossguide", "max_leaves": 31, "max_depth": 0},
    "large": {"objective": "reg:squarederror", "max_depth": 9, "min_child_weight": 0},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_row_scores_as_in_xgboost(kind):
    x, y = table(1)
    target = {"b": y > 1, "c": np.maximum(np.round(y), 0), "m": np.digitize(y, [0, 1])}.get(
        KINDS[kind]["objective"][0], y
    )
    model, grove = trained(x, target, 8, **KINDS[kind])
    odd = np.concatenate([x[:150], ties(grove, 300, 1, finite=True)])
    theirs = margins(model, odd)  # their sums are float32
    assert np.abs(agree_everywhere(grove, odd) / 1e9 - theirs).max() < 1e-6 * max(1, np.abs(theirs).max())


@pytest.mark.parametrize("onehot", [1, 100])
def test_categories_seen_unseen_and_missing_go_as_in_xgboost(onehot):
    x, y = table(2)
    types = ["q", "q", "q", "c", "q"]
    model, grove = trained(x, y, 8, types, objective="reg:squarederror", max_cat_to_onehot=onehot, tree_method="hist")
    assert (grove.ranges_at >= 0).any()
    odd = np.concatenate([x[:200], x[:200]])
    odd[200:, 3] = np.random.default_rng(0).choice(np.float32([0, 1, 5, 8, 29, 30, 31, 77, np.nan]), 200)
    theirs = model.inplace_predict(odd, predict_type="margin", validate_features=False)
    assert np.abs(agree_everywhere(grove, odd)[:, 0] / 1e9 - theirs).max() < 1e-6 * max(1, np.abs(theirs).max())


def test_what_is_not_a_tree_model_is_refused_with_the_reason():
    x, y = table(3, 100)
    linear = xgboost.train({"booster": "gblinear", **ONE}, xgboost.DMatrix(np.nan_to_num(x), y), 2)
    with pytest.raises(CannotPack, match="gblinear"):
        from_xgboost(bytes(linear.save_raw("json")))
    with pytest.raises(BadInput, match=r"save_model\('model.json'\)"):
        from_xgboost(b"binf")
    with pytest.raises(CannotPack, match="one_output_per_tree"):
        trained(x, np.stack([y, -y], 1), 2, multi_strategy="multi_output_tree", tree_method="hist")
