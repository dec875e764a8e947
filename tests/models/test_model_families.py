"""What every model of every family keeps: order, monotony, missing values, bytes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_samples import column, dataset, frame_of, spec

from dandelion.core import PPM, BadInput
from dandelion.models import Model, train_booster, train_logit, train_prior, train_scorecard
from dandelion.models.metrics import auc
from dandelion.models.points import Points

FAMILIES = {"prior": train_prior, "scorecard": train_scorecard, "logit": train_logit, "booster": train_booster}


@pytest.fixture(scope="module")
def data():
    return dataset(2500, 5)


@pytest.fixture(scope="module")
def trained(data):
    return {name: train(data, spec(), 7) for name, train in FAMILIES.items()}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_rows_in_any_order_give_the_same_bytes(family, data, trained):
    shuffled = data.take(np.random.default_rng(0).permutation(len(data)))
    again = FAMILIES[family](shuffled, spec(), 7)
    assert again.to_bytes() == trained[family].to_bytes() and again.hash == trained[family].hash
    assert Model.from_bytes(again.to_bytes()).to_bytes() == again.to_bytes()


def test_another_seed_gives_another_booster(data, trained):
    assert train_booster(data, spec(), 8).hash != trained["booster"].hash


@pytest.mark.parametrize("family", FAMILIES)
def test_a_row_scores_the_same_alone_in_any_order_and_beside_other_columns(family, data, trained):
    model, frame = trained[family], data.frame
    whole = model.score(frame)
    assert whole.dtype == np.int64 and ((whole > 0) & (whole < PPM)).all()
    order = np.random.default_rng(1).permutation(len(frame))
    assert (model.score(frame.take(order)) == whole[order]).all()
    assert all(model.score(frame.take([i]))[0] == whole[i] for i in (0, 17, 99))
    wider = frame_of({"sample/zz": np.ones(len(frame)), **{n: frame[n] for n in reversed(frame.names)}})
    assert (model.score(wider) == whole).all()


@pytest.mark.parametrize("family", ["scorecard", "logit", "booster"])
@settings(max_examples=40, deadline=None)
@given(values=st.lists(st.floats(width=32, allow_nan=True, allow_infinity=True), min_size=10, max_size=10))
def test_any_float_scores_and_its_contributions_add_up(family, values, trained):
    frame = frame_of({f"sample/c{j}": np.array([v], np.float32) for j, v in enumerate(values)})
    model = trained[family]
    assert 0 < model.score(frame)[0] < PPM
    c = model.contributions(frame)
    assert abs(c.micro[0].sum() + c.base_micro - model.raw(frame)[0]) <= len(c.columns)
    assert [m for _, m in c.worst(0)] == sorted((m for _, m in c.worst(0)), reverse=True)


@pytest.mark.parametrize("family", ["scorecard", "logit", "booster"])
def test_declared_signs_hold_everywhere_even_against_the_data(family, data):
    wanted = {"sample/c0": "-", "sample/c1": "-", "sample/c4": "+"}
    model = FAMILIES[family](data, spec(signs=wanted), 7)
    rows = data.frame.take(np.arange(60))
    for name, sign in wanted.items():
        if name not in model.columns:
            continue
        j = rows.names.index(name)
        swept = np.repeat(rows.values, 41, axis=0)
        swept[:, j] = np.tile(np.linspace(-4, 4, 41), 60)
        frame = frame_of({n: swept[:, k] for k, n in enumerate(rows.names)})
        for scale in (model.raw(frame), model.score(frame)):
            steps = np.diff(scale.reshape(60, 41), axis=1)
            assert (steps >= 0).all() if sign == "+" else (steps <= 0).all()


def test_signs_are_derived_and_a_u_stays_free(data):
    from dandelion.models.signs import signs_of

    signs = signs_of(dataset(12_000, 6), spec())
    assert signs["sample/c0"] == 1 and signs["sample/c1"] == -1
    assert signs["sample/c2"] == 0 and signs["sample/c4"] == 0


def test_scorecard_and_booster_beat_the_prior_on_fresh_rows(trained):
    fresh = dataset(3000, 77)
    results = {name: auc(fresh.label, model.score(fresh.frame)) for name, model in trained.items()}
    assert results["prior"] == 0.5 and results["scorecard"] > 0.7 and results["booster"] > 0.7


def test_the_scorecard_agrees_with_a_row_by_row_reading_of_its_own_table(data, trained):
    model = trained["scorecard"]
    assert isinstance(model.body, Points)
    values = model.inputs.values(data.frame)[:200]
    for row in range(200):
        total = model.body.base_micro
        for j, table in enumerate(model.body.tables):
            x = values[row, j]
            total += table.missing_micro if np.isnan(x) else table.points_micro[sum(x >= e for e in table.edges)]
        assert model.body.raw(values[row : row + 1])[0] == total


def test_weights_move_the_level(data):
    heavy = replace(data, weight=np.where(data.label == 1, 3.0, 1.0))
    assert train_prior(heavy, spec()).score(data.frame)[0] > 2 * train_prior(data, spec()).score(data.frame)[0]


def test_a_changed_definition_and_an_absent_column_are_named(data, trained):
    frame = data.frame
    changed = replace(frame, catalogue={**frame.catalogue, "sample/c1": column("sample/c1", "another")})
    with pytest.raises(BadInput, match=r"sample/c1.*another"):
        trained["booster"].score(changed)
    with pytest.raises(BadInput, match="no column 'sample/c0'"):
        trained["booster"].score(frame.select(["sample/c1"]))


def test_one_class_cannot_train(data):
    with pytest.raises(BadInput, match="one class"):
        train_booster(data.take(data.label == 0), spec())


def test_a_booster_reads_only_columns_that_move_it(data):
    wide = {f"sample/n{j}": np.random.default_rng(j).normal(size=len(data)) for j in range(40)}
    frame = frame_of({**{n: data.frame[n] for n in data.names}, **wide}, data.frame.as_of)
    model = train_booster(replace(data, frame=frame), spec(booster={"columns_max": 12}), 7)
    assert len(model.columns) <= 12 and {"sample/c0", "sample/c1", "sample/c2"} <= set(model.columns)
    assert (model.contributions(data.frame.beside(frame.select(list(wide)))).micro != 0).any(axis=0).all()
