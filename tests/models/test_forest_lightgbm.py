"""Forests read from LightGBM against LightGBM: NaN, infinities, zeros, ties, categories, several classes."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest
from forest_oracle import agree_everywhere, ties

from dandelion.models.forest import CannotPack, from_lightgbm

ONE = {"num_threads": 1, "verbosity": -1, "deterministic": True, "force_row_wise": True, "min_data_in_leaf": 3}


def table(seed: int, rows: int = 800, missing: bool = True):
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 6)).astype(np.float32)
    x[:, 1] = np.round(x[:, 1] * 2)
    x[:, 2][random.random(rows) < 0.4] = 0
    x[:, 3] = random.integers(0, 40, rows)
    x[:, 4] *= np.float32(1e-35)  # LightGBM reads what is within 1e-35 of zero as zero
    if missing:
        x[random.random(x.shape) < 0.15] = np.nan
    z = np.nan_to_num(x)
    y = z[:, 0] + z[:, 1] * (z[:, 2] > 0) + np.isin(z[:, 3], (1, 5, 8, 33)) * 2 + (z[:, 4] > 0) + np.isnan(x[:, 0])
    return x, y + random.normal(0, 0.3, rows)


KINDS = {
    "missing seen": {},
    "missing never seen": {"missing": False},
    "zero as missing": {"zero_as_missing": True},
    "missing not used": {"use_missing": False},
    "categories": {"categorical_feature": [3], "cat_smooth": 1, "cat_l2": 1, "min_data_per_group": 2},
    "categories without missing": {
        "categorical_feature": [3],
        "missing": False,
        "cat_smooth": 1,
        "min_data_per_group": 2,
    },
    "one against the rest": {"categorical_feature": [3], "max_cat_to_onehot": 64, "min_data_per_group": 2},
    "random forest": {"boosting": "rf", "bagging_fraction": 0.6, "bagging_freq": 1},
    "dart": {"boosting": "dart"},
    "200 leaves": {"num_leaves": 200, "min_data_in_leaf": 1},
    "100 leaves": {"num_leaves": 100, "min_data_in_leaf": 1},
    "two leaves": {"num_leaves": 2},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [1, 2])
def test_every_row_scores_as_in_lightgbm(kind, seed):
    more = {"num_leaves": 24, **KINDS[kind]}
    x, y = table(seed, missing=more.pop("missing", True))
    categorical = more.pop("categorical_feature", [])
    data = lightgbm.Dataset(x, y, categorical_feature=categorical, params={**ONE, **more})
    model = lightgbm.train({"objective": "regression", **ONE, **more}, data, 12)
    grove = from_lightgbm(model.model_to_string())
    odd = np.concatenate([x[:150], ties(grove, 400, seed)])
    odd[::29] = np.nan
    theirs = model.predict(odd, raw_score=kind != "random forest")  # its raw score forgets to average
    assert np.abs(agree_everywhere(grove, odd)[:, 0] / 1e9 - theirs).max() < 1e-6


def test_several_classes_are_several_outputs():
    x, y = table(5)
    label = np.digitize(y, np.quantile(y, [0.3, 0.6]))
    model = lightgbm.train({"objective": "multiclass", "num_class": 3, **ONE}, lightgbm.Dataset(x, label), 7)
    grove = from_lightgbm(model.model_to_string())
    assert grove.outputs == 3
    odd = ties(grove, 200, 5)
    assert np.abs(agree_everywhere(grove, odd) / 1e9 - model.predict(odd, raw_score=True)).max() < 1e-6


def test_a_model_that_learnt_nothing_is_its_base():
    x, _ = table(6, 100)
    model = lightgbm.train({"objective": "regression", **ONE}, lightgbm.Dataset(x, np.full(100, 2.5)), 3)
    nano = agree_everywhere(from_lightgbm(model.model_to_string()), x[:9])
    assert np.abs(nano[:, 0] / 1e9 - model.predict(x[:9], raw_score=True)).max() < 1e-6


def test_linear_leaves_are_refused_by_name():
    x, y = table(7, missing=False)
    model = lightgbm.train({"objective": "regression", "linear_tree": True, **ONE}, lightgbm.Dataset(x, y), 2)
    with pytest.raises(CannotPack, match="linear_tree=false"):
        from_lightgbm(model.model_to_string())
