"""Averaged boosters, and the comparison across folds."""

from __future__ import annotations

import numpy as np
from model_samples import dataset, spec

from dandelion.models import Model, train_booster, train_pd
from dandelion.models.booster import fits, parameters
from dandelion.models.trees import Trees


def test_the_mean_of_bags_is_the_mean_of_their_scores_and_of_their_contributions():
    data = dataset(1500, 5)
    x = data.frame.values
    settings = spec()
    texts = fits(x, data.label, data.weights(), parameters(settings, len(data), [0] * 10, 7), 20, 3)
    bags = [Trees.from_lightgbm(text, 10) for text in texts]
    assert len(set(texts)) == 3, "every bag draws its own rows and columns"
    whole = Trees.mean(bags)
    alone = np.mean([bag.nano(x) for bag in bags], axis=0)
    assert np.abs(whole.nano(x) - alone).max() <= 20 * 3  # each leaf is rounded to a billionth once
    parts = np.mean([bag.contributions(x[:50])[0] for bag in bags], axis=0)
    assert np.abs(whole.contributions(x[:50])[0] - parts).max() <= 3  # millionths


def test_bags_read_more_columns_give_the_same_bytes_again_and_survive_being_written():
    data = dataset(1500, 6)
    settings = spec(booster={"bags": 3, "leaves": 3, "column_share": 0.2})
    model = train_booster(data, settings, 7)
    assert model.to_bytes() == train_booster(data.take(np.arange(1499, -1, -1)), settings, 7).to_bytes()
    again = Model.from_bytes(model.to_bytes())
    assert (again.score(data.frame) == model.score(data.frame)).all()
    one = train_booster(data, spec(booster={"bags": 1, "leaves": 3, "column_share": 0.2}), 7)
    assert set(one.columns) <= set(model.columns)


def test_rows_split_by_group_are_compared_across_folds_and_every_development_row_counts_once():
    data = dataset(2000, 8)
    small = {"split": {"by": "group"}, "booster": {"rounds_max": 40, "leaves": 4}, "scorecard": {"columns_max": 3}}
    part = train_pd(data, spec(**small))
    folded = train_pd(data, spec(**small, comparison={"folds": 4}))
    assert folded.split.as_json() == part.split.as_json(), "folds change what is compared, not what is learnt from"
    narrow, wide = (one.comparison.high - one.comparison.low for one in (folded, part))
    assert narrow < 0.75 * wide, "four times the rows: about half the interval"


def test_values_already_in_order_score_as_the_frame_does():
    data = dataset(300, 9)
    model = train_booster(data, spec(), 7)
    assert (model.score_values(model.inputs.values(data.frame)) == model.score(data.frame)).all()
