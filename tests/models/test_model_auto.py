"""Automatic modelling from rows to card."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from model_samples import dataset, spec

from dandelion.core import BadInput
from dandelion.models import Spec, train_pd
from dandelion.models.gates import broken_signs


@pytest.fixture(scope="module")
def trained():
    data = dataset(9000, 23, extra=lambda y, x, t, r: {"sample/note": y * 10 + r.normal(0, 2, len(y))})
    return train_pd(data, spec())


def test_the_leak_is_set_aside_and_the_rest_is_learnt(trained):
    assert [s.column for s in trained.quarantine.suspects] == ["sample/note"]
    assert "sample/note" not in trained.champion.columns + trained.challenger.columns
    figures = trained.card.out_of_time
    assert 0.7 < figures.auc.low < figures.auc.mean < 0.9
    assert trained.card.gain_over_prior.low > 0.1


def test_the_booster_wins_where_a_u_matters_because_its_gain_is_sure(trained):
    assert trained.champion.family == "booster" and trained.comparison.low > 0
    assert trained.challenger.family == "scorecard"


def test_the_card_tells_everything_and_is_json_and_a_page(trained):
    card = json.loads(trained.card.to_bytes())
    assert card["model"] == trained.champion.hash and card["seed"] == 310
    assert {g["name"] for g in card["gates"]} == {"auc_drop", "ece", "level_gap", "psi", "signs"}
    assert card["passed"] == all(g["passed"] for g in card["gates"]) is True
    assert card["quarantine"]["set_aside"][0]["column"] == "sample/note"
    assert card["data"]["split"]["embargoed"] > 0 and card["spec"]["gates"]["ece_max"] == 0.01
    page = trained.card.to_markdown()
    assert "Set aside for a person" in page and trained.champion.hash[:12] in page


def test_the_whole_pipeline_gives_the_same_bytes_again(trained):
    data = dataset(9000, 23, extra=lambda y, x, t, r: {"sample/note": y * 10 + r.normal(0, 2, len(y))})
    again = train_pd(data.take(np.random.default_rng(3).permutation(9000)), spec())
    assert again.champion.hash == trained.champion.hash and again.card.to_bytes() == trained.card.to_bytes()


def test_where_nothing_can_be_learnt_nothing_is_gained():
    covered, means = 0, []
    for seed in range(4):
        null = train_pd(dataset(5000, seed, strength=0), spec())
        figures = null.card.out_of_time.auc
        covered += figures.low <= 0.5 <= figures.high
        means.append(figures.mean)
        assert null.champion.family == "scorecard" and null.comparison.low <= 0  # the booster shows no sure gain
        rate = null.prior.score(dataset(9).frame)[0] / 1e6
        assert all(abs(d.mean_pd - rate) < 0.05 for d in null.card.out_of_time.deciles)
    assert covered >= 3 and abs(np.mean(means) - 0.5) < 0.03


def test_a_world_that_worsens_after_the_cut_fails_the_level_gate():
    data = dataset(8000, 31)
    late = data.observed_at >= np.quantile(data.observed_at, 0.75)
    flip = late & (data.label == 0) & (np.random.default_rng(0).random(8000) < 0.25)
    worse = replace(data, label=np.where(flip, 1, data.label).astype(np.int8))
    card = train_pd(worse, spec()).card
    assert not card.passed and not next(g for g in card.gates if g.name == "level_gap").passed
    assert "NOT passed" in card.to_markdown()


def test_a_broken_sign_is_named(trained):
    data = dataset(500, 4)
    assert broken_signs(trained.champion, data.frame, {"sample/c0": 1, "sample/c1": -1}) == ()
    assert broken_signs(trained.champion, data.frame, {"sample/c0": -1}) == ("sample/c0",)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"sedd": 1}, "sedd is not a training setting"), ({"booster": {"leafs": 3}}, r"booster\.leafs"),
        ({"seed": "x"}, "seed is 'x'"), ({"signs": {"a": "up"}}, r"signs\.a"), ({"threads": 0}, "threads"),
        ({"gates": {"ece_max": "low"}}, r"gates\.ece_max"), ({"split": {"by": "luck"}}, r"split\.by"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named(layer, message):
    with pytest.raises(BadInput, match=message):
        Spec.load(overrides=layer)
