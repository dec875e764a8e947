"""The contract of labelled data and the honesty of the split."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_samples import WINDOW, column, dataset, frame_of, spec

from dandelion.core import DAY_US, BadInput
from dandelion.models import Dataset, repeated_cv, stratified_folds, time_split, train_logit, train_scorecard
from dandelion.models.metrics import auc_interval


def test_a_label_that_has_not_matured_is_refused_and_minus_one_is_taken():
    data = dataset(50)
    with pytest.raises(BadInput, match="label of row 49 matures after"):
        replace(data, drawn_at=data.drawn_at - 1)
    label = data.label.copy()
    label[49] = -1
    young = replace(data, drawn_at=data.drawn_at - 1, label=label)
    assert len(young.matured()) == 49
    with pytest.raises(BadInput, match="immature"):
        train_scorecard(young, spec())


def test_columns_that_saw_past_the_decision_are_refused():
    data = dataset(20)
    with pytest.raises(BadInput, match="as_of of row 0 is after its observed_at"):
        replace(data, observed_at=data.observed_at - 1)
    late = replace(data.frame, known_at=data.frame.known_at + DAY_US)
    with pytest.raises(BadInput, match="known_at of row 0"):
        replace(data, frame=late)
    assert replace(data, frame=late, late_arrivals=True).late_arrivals


def test_a_column_whose_purpose_was_not_granted_is_named():
    data = dataset(20)
    marketing = {**data.frame.catalogue, "sample/c2": column("sample/c2", purpose="marketing")}
    with pytest.raises(BadInput, match=r"sample/c2.*marketing"):
        replace(data, frame=replace(data.frame, catalogue=marketing))
    with pytest.raises(BadInput, match="training"):
        replace(data, consent=frozenset({"credit"}))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("label", np.zeros(3, np.int8)), ("label", np.full(20, 2, np.int8)), ("weight", np.zeros(20)),
        ("weight", np.full(20, np.nan)), ("groups", np.array(["a"], object)), ("observed_at", np.zeros(20)),
    ],
)  # fmt: skip
def test_a_malformed_part_is_named(field, value):
    with pytest.raises(BadInput) as error:
        replace(dataset(20), **{field: value})
    assert error.value.field == field


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_the_data_hash_does_not_hang_on_the_order_of_rows(seed):
    data = dataset(60)
    shuffled = data.take(np.random.default_rng(seed).permutation(60))
    assert shuffled.content_hash() == data.content_hash()
    other = data.label.copy()
    other[seed % 60] ^= 1
    assert replace(data, label=other).content_hash() != data.content_hash()


def many_loans(rows: int, borrowers: int, seed: int) -> Dataset:
    data = dataset(rows, seed)
    who = np.random.default_rng(seed).integers(0, borrowers, rows)
    frame = frame_of({n: data.frame[n] for n in data.names}, data.frame.as_of, [f"b{w}" for w in who])
    return replace(data, frame=frame)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(300, 3000))
def test_no_borrower_stands_on_both_sides_and_no_label_is_from_the_future(seed, borrowers):
    data = many_loans(3000, borrowers, seed)
    split = time_split(data, spec(split={"bads_per_part_min": 1}).split)
    parts = [split.fit, split.validation, split.calibration, split.oot]
    owners = [set(data.frame.entity[part]) for part in parts]
    for i in range(4):
        for j in range(i):
            assert not owners[i] & owners[j]
    past = np.concatenate(parts[:3])
    assert data.matured_at[past].max() <= split.oot_from <= data.observed_at[split.oot].min()
    assert len(past) + len(split.oot) + split.embargoed + split.straddling == 3000


def test_the_embargo_is_the_label_window():
    data = dataset(3000)
    split = time_split(data, spec().split)
    early = data.observed_at < split.oot_from
    assert split.embargoed == (early & (data.observed_at + WINDOW > split.oot_from)).sum() > 0
    assert data.observed_at[split.validation].min() >= data.observed_at[split.fit].max()


def test_rows_without_dates_cannot_be_split_by_time_and_the_error_says_what_to_do():
    data = dataset(2000)
    still = replace(data, frame=frame_of({n: data.frame[n] for n in data.names}), observed_at=np.zeros(2000, np.int64))
    with pytest.raises(BadInput, match=r"split\.by to group"):
        time_split(still, spec().split)
    split = time_split(still, spec(split={"by": "group"}).split)
    assert len(split.dev) + len(split.calibration) + len(split.oot) == 2000


def test_too_few_bads_in_a_part_is_an_error_that_names_the_part():
    with pytest.raises(BadInput, match="part has") as error:
        time_split(dataset(200, strength=0), spec(split={"bads_per_part_min": 40}).split)
    assert error.value.field.startswith("split.")


class RememberLabels:
    """A cheat: it knows the label of every row it was trained on."""

    def __init__(self, train):
        self.known = dict(zip(train.frame.entity, train.label, strict=True))

    def score(self, frame):
        return np.array([self.known.get(e, 0.5) for e in frame.entity])


def test_cross_validation_never_scores_a_row_it_trained_on():
    data = dataset(200)
    scores = repeated_cv(data, lambda train, seed: RememberLabels(train), folds=5, repeats=3, seed=2)
    assert scores.shape == (3, 200) and (scores == 0.5).all()


def test_folds_are_stratified_grouped_and_repeatable():
    data = many_loans(600, 150, 4)
    fold = stratified_folds(data, 5, 9)
    assert (fold == stratified_folds(data, 5, 9)).all() and (fold != stratified_folds(data, 5, 10)).any()
    for owner in set(data.frame.entity):
        assert len(set(fold[data.frame.entity == owner])) == 1
    single = dataset(300)
    counts = np.bincount(stratified_folds(single, 5, 1)[single.label == 1], minlength=5)
    assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("train", [train_scorecard, train_logit])
def test_with_few_rows_a_model_in_cross_validation_beats_chance_and_learns_nothing_from_noise(train):
    def out_of_fold(strength):
        data = dataset(300, 3, strength=strength)
        scores = repeated_cv(data, lambda rows, seed: train(rows, spec(), seed), folds=3, repeats=2)
        return auc_interval(data.label, scores)

    assert out_of_fold(1.5).low > 0.5
    null = out_of_fold(0)
    assert null.low < 0.5
