"""Packed trees against LightGBM itself and against a slow obvious Shapley sum."""

from __future__ import annotations

import itertools
import math

import lightgbm
import numpy as np
import pytest

from dandelion.core import BadInput
from dandelion.models.trees import Trees

COLUMNS = 6


def booster(seed: int, rows: int = 1500, rounds: int = 25, leaves: int = 9, missing: bool = True, **more):
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, COLUMNS)).astype(np.float32)
    x[:, 1] = np.round(x[:, 1])
    x[:, 5] = x[:, 0] + random.normal(0, 0.1, rows)
    if missing:
        x[random.random(x.shape) < 0.15] = np.nan
    y = (np.nan_to_num(x[:, 0]) * np.nan_to_num(x[:, 1]) + np.isnan(x[:, 2]) > random.normal(0, 0.5, rows)).astype(int)
    params = {
        "objective": "binary", "num_leaves": leaves, "num_threads": 1, "verbosity": -1, "seed": seed,
        "deterministic": True, "force_row_wise": True, "min_data_in_leaf": 5, **more,
    }  # fmt: skip
    model = lightgbm.train(params, lightgbm.Dataset(x, y), rounds)
    return model, x, Trees.from_lightgbm(model.model_to_string(), COLUMNS)


@pytest.mark.parametrize("seed", range(4))
def test_scores_equal_lightgbm_for_ordinary_missing_and_infinite_values(seed):
    model, x, trees = booster(seed)
    odd = x[:300].copy()
    odd[::7, 0], odd[::11, 1], odd[::13] = np.inf, -np.inf, np.nan
    for values in (x, odd):
        assert np.abs(trees.nano(values) / 1e9 - model.predict(values, raw_score=True)).max() < 1e-6


def test_values_on_a_threshold_go_the_same_way_as_in_lightgbm():
    model, _, trees = booster(11, missing=False)
    cuts = np.unique(trees.threshold)
    cuts = cuts[np.abs(cuts) > 1e-30]  # LightGBM reads anything within 1e-35 of zero as zero; no money is that small
    near = np.concatenate([cuts, np.nextafter(cuts, np.float32(np.inf)), np.nextafter(cuts, np.float32(-np.inf))])
    values = np.random.default_rng(0).choice(near, (500, COLUMNS)).astype(np.float32)
    assert np.abs(trees.nano(values) / 1e9 - model.predict(values, raw_score=True)).max() < 1e-6


def test_contributions_equal_lightgbms_and_add_up_to_the_score():
    model, x, trees = booster(5)
    micro, base = trees.contributions(x[:200])
    theirs = model.predict(x[:200], pred_contrib=True)
    assert np.abs(micro / 1e6 - theirs[:, :-1]).max() < 2e-6
    assert abs(base / 1e6 - theirs[0, -1]) < 2e-6
    assert np.abs(micro.sum(axis=1) + base - trees.raw(x[:200])).max() <= COLUMNS


def expected(trees: Trees, x: np.ndarray, known: frozenset[int], node: int) -> float:
    """Mean of the tree when only the columns in `known` may be looked at."""
    if node < 0:
        return trees.leaf_nano[~node] / 1e9
    j, left, right = trees.feature[node], trees.left[node], trees.right[node]
    if j in known:
        goes_left = trees.nan_left[node] if np.isnan(x[j]) else x[j] <= trees.threshold[node]
        return expected(trees, x, known, left if goes_left else right)
    rows = [trees.leaf_rows[~c] if c < 0 else trees.node_rows[c] for c in (left, right)]
    return (rows[0] * expected(trees, x, known, left) + rows[1] * expected(trees, x, known, right)) / sum(rows)


def slow_shapley(trees: Trees, x: np.ndarray) -> np.ndarray:
    def worth(known):
        return sum(expected(trees, x, frozenset(known), int(r)) for r in trees.roots)

    out = np.zeros(COLUMNS)
    for j in range(COLUMNS):
        others = [k for k in range(COLUMNS) if k != j]
        for size in range(COLUMNS):
            share = 1 / (COLUMNS * math.comb(COLUMNS - 1, size))
            out[j] += sum(share * (worth({*s, j}) - worth(s)) for s in itertools.combinations(others, size))
    return out


@pytest.mark.parametrize("missing", [True, False])
def test_contributions_are_shapley_values(missing):
    _, x, trees = booster(6, rows=400, rounds=4, leaves=16, missing=missing)
    probe = x[:5].copy()
    probe[0, 3] = probe[2, 0] = np.nan  # never missing in training when `missing` is False
    micro, _ = trees.contributions(probe)
    for row in range(5):
        assert np.abs(micro[row] / 1e6 - slow_shapley(trees, probe[row])).max() < 1e-6


def test_a_value_missing_only_in_service_goes_with_the_heavier_child():
    _, x, trees = booster(7, rounds=1, leaves=2, missing=False)
    j = int(trees.feature[0])
    probe = np.repeat(x[:1], 2, axis=0)
    probe[0, j] = np.nan
    heavy = int(np.argmax([trees.leaf_rows[~trees.left[0]], trees.leaf_rows[~trees.right[0]]]))
    child = (trees.left[0], trees.right[0])[heavy]
    assert trees.nano(probe)[0] == trees.leaf_nano[~child]


def test_trees_survive_json_bit_for_bit_and_trees_of_one_leaf_work():
    _, x, trees = booster(8, rounds=6)
    again = Trees.from_json(trees.as_json())
    assert (again.nano(x) == trees.nano(x)).all() and (again.contributions(x)[0] == trees.contributions(x)[0]).all()
    model, x, stump = booster(9, rounds=3, min_data_in_leaf=100_000)
    assert np.abs(stump.nano(x) / 1e9 - model.predict(x, raw_score=True)).max() < 1e-6
    assert (stump.contributions(x)[0] == 0).all()


def test_categorical_splits_are_refused():
    x = np.repeat(np.arange(8.0), 50)[:, None]
    y = np.isin(x[:, 0], (1, 4, 6)).astype(int)
    data = lightgbm.Dataset(x, y, categorical_feature=[0])
    text = lightgbm.train({"objective": "binary", "verbosity": -1, "num_threads": 1}, data, 2).model_to_string()
    with pytest.raises(BadInput, match="categorical"):
        Trees.from_lightgbm(text, 1)
