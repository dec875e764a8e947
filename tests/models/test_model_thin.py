"""A challenger from a book with few bads: judged where it has not looked, beside what serves, and shut out by default."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from model_samples import dataset, spec

from dandelion.core import BadInput, Conflict, ManualClock
from dandelion.models import Dataset, ExpertScorecard, Model, Registry, Thin, train_thin

POINTS = """
name: starter
source: one column, guessed
scale: {points: 600, good_per_bad: 6, points_to_double: 20}
columns:
  - {column: sample/c4, definition: d1, edges: [0], points: [-5, 5], missing: 0, usual: 0}
"""


@pytest.fixture(scope="module")
def guess() -> Model:
    """What serves: points on a column that says nothing."""
    return ExpertScorecard.parse(POINTS).model()


def thin_book(bads: int, seed: int = 5, *, strength: float = 1.0) -> tuple[Dataset, Dataset]:
    """(early, later): `bads` bads among nine times as many goods each; a borrower a row."""
    whole = dataset(4000 if bads < 100 else 8000, seed, strength=strength)
    middle = len(whole) // 2

    def part(rows: np.ndarray) -> Dataset:
        bad, good = rows[whole.label[rows] == 1][:bads], rows[whole.label[rows] == 0][: 9 * bads]
        assert len(bad) == bads and len(good) == 9 * bads
        return whole.take(np.sort(np.concatenate([bad, good])))

    return part(np.arange(middle)), part(np.arange(middle, len(whole)))


def trained(bads: int, guess: Model, **more: float) -> Thin:
    early, later = thin_book(bads, **more)
    return train_thin(early, later, guess, spec(), 3)


def test_with_enough_bads_and_a_sure_gain_it_may_serve(guess):
    found = trained(60, guess)
    card = found.card
    assert card.passed, card.to_markdown()
    assert card.folded.gain.low > 0 and card.folded.auc.low > 0.6 and 0.4 < card.folded.incumbent.mean < 0.6
    assert card.later.auc.mean > 0.65 and found.champion.family == "logit"
    assert card.calibrated_by == "platt" and card.incumbent_hash == guess.hash


def test_few_bads_keep_it_out_however_well_it_ranks(guess):
    found = trained(20, guess, strength=4.0)
    assert found.card.folded.gain.low > 0
    assert [gate.name for gate in found.card.gates if not gate.passed] == ["bads"]
    assert "20 bads to learn from, 30 are needed" in found.card.to_markdown()


def test_where_nothing_can_be_learnt_it_stays_out(guess):
    passed = [trained(60, guess, seed=seed, strength=0.0).card.passed for seed in range(5)]
    assert not any(passed)


def test_later_loans_without_a_bad_cannot_judge_and_say_so(guess):
    early, later = thin_book(60)
    good = later.take(np.flatnonzero(later.label == 0))
    card = train_thin(early, good, guess, spec(), 3).card
    assert card.later.auc is None and "nothing can be said" in card.to_markdown()
    assert {g.name for g in card.gates if not g.passed} == {"later_bads", "later_gain", "level_gap"}


def test_a_borrower_s_loans_never_judge_each_other(guess):
    early, later = thin_book(60, strength=0.0)
    random = np.random.default_rng(1)
    marks = random.normal(size=(60, len(early.names))).astype(np.float32)  # a borrower looks alike at every loan
    of = random.permutation(np.arange(len(early)) % 60)
    fate = (np.arange(60) < 20).astype(np.int8)[of]
    frame = replace(early.frame, values=marks[of], entity=np.array([f"b{n}" for n in of], object))
    same = Dataset(frame, fate, early.observed_at, early.matured_at, early.drawn_at, "made up")
    assert train_thin(same, later, guess, spec(), 3).card.folded.auc.mean < 0.75, "a leak would rank perfectly"


def test_columns_outside_learn_from_are_read_by_what_serves_only(guess):
    early, later = thin_book(60)
    names = [name for name in early.names if name not in ("sample/c0", "sample/c4")]
    found = train_thin(early, later, guess, spec(), 3, learn_from=names)
    assert not {"sample/c0", "sample/c4"} & set(found.champion.columns)


def test_the_same_rows_in_any_order_give_the_same_bytes(guess):
    early, later = thin_book(40)
    mixed = early.take(np.random.default_rng(2).permutation(len(early)))
    first, again = (train_thin(rows, later, guess, spec(), 3) for rows in (early, mixed))
    assert (first.champion.hash, first.card.to_bytes()) == (again.champion.hash, again.card.to_bytes())


def test_hardly_any_bad_borrowers_are_refused_with_numbers(guess):
    early, later = thin_book(4)
    with pytest.raises(BadInput, match="40 matured loans with 4 bad by 4 borrowers; 5 borrowers"):
        train_thin(early, later, guess, spec(), 3)


def test_it_is_registered_like_any_model_and_waits_for_a_person(guess, tmp_path):
    found = trained(20, guess)
    registry = Registry(tmp_path, ManualClock(1_700_000_000_000_000))
    ref = registry.publish("pd-firms", found.champion, found.card)
    assert registry.card("pd-firms", ref.hash)["family"] == "logit"
    assert json.loads(found.card.to_bytes())["folded"]["bads"] == 20
    with pytest.raises(Conflict, match="note"):
        registry.promote("pd-firms", ref.hash, "zhao")
