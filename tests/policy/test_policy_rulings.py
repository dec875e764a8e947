"""Rulings: the engine on given columns says what the plain evaluator says, alone and in a batch, byte for byte."""

from __future__ import annotations

import json
from dataclasses import fields
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_samples import AS_OF, DEFAULTS, GOOD_SHOP, book, catalogue
from ruling_oracle import ruling

from dandelion.core import BadInput, canonical, content_hash
from dandelion.models import ExpertScorecard, Inputs, Model, Panel
from dandelion.models.curve import Curve
from dandelion.models.curves import Curves
from dandelion.models.forest import GroveBody, from_lightgbm
from dandelion.policy import Book, Pair, Rollout
from dandelion.policy.rulings import RulingEngine, RulingPair, columns_in, kernel, read_ruling
from dandelion.policy.rulings.records import OUTCOMES, Ruled

WORDS = (
    "strategies:\n"
    "  - {id: a.decline, owner: o, purpose: p, stage: fraud, when: 'aa > 2 or in_list(black)', action: decline, reason: R1, arm: left}\n"
    "  - {id: a.refer, owner: o, purpose: p, stage: credit, when: 'bb < 0', action: {refer: lease}, reason: R2}\n"
    "  - {id: a.refer.too, owner: o, purpose: p, stage: credit, when: 'cc < -1', action: {refer: bill}, reason: R2}\n"
    "  - {id: a.times, owner: o, purpose: p, stage: limit, when: 'aa > bb', action: {limit_times_ppm: 900000}, reason: R3}\n"
    "  - {id: a.more, owner: o, purpose: p, stage: limit, when: 'bb > aa', action: {limit_times_ppm: 1100000}, reason: R3}\n"
    "  - {id: a.cap, owner: o, purpose: p, stage: limit, when: 'risk_two > 300000', action: {limit_cap_fen: 50000}, reason: R4}\n"
    "  - {id: a.price, owner: o, purpose: p, stage: price, when: 'pd_ppm > 100000', action: {price_add_ppm: 700}, reason: R5}\n"
    "  - {id: a.cheap, owner: o, purpose: p, stage: price, when: 'again < 0', action: {price_add_ppm: -50}, reason: R5}\n"
    "  - {id: a.score, owner: o, purpose: p, stage: credit, when: 'cc > 0', action: {score_add: -90000}, reason: R6, share_ppm: 500000}\n"
    "  - {id: a.strong, owner: o, purpose: p, stage: credit, when: 'is_missing(cc)', action: {tag: strength_known}, reason: R6}\n"
    "  - {id: a.shadow, owner: o, purpose: p, stage: fraud, when: 'aa > 0', action: decline, reason: R1, mode: shadow}\n"
    "  - {id: a.warn, owner: o, purpose: p, stage: warning, when: 'aa > 0', action: freeze, reason: R1}\n"
    "  - {id: a.late, owner: o, purpose: p, stage: fraud, when: 'aa > -9', action: decline, reason: R1, from: 2099-01-01}\n"
)
HEAD = (
    "book: small\nversion: '1'\nlists: [black]\nvouchers: {lease: {zh: 租约, en: lease}, bill: {zh: 账单, en: bill}}\n"
    "columns: {aa: demo/a, bb: demo/b, cc: demo/c, again: demo/a}\nscores: {risk_two: two}\n"
    "experiment: {id: half, arms: [{name: left, share_ppm: 500000}, {name: right, share_ppm: 500000}]}\n"
)


def grove(seed: int, columns: int) -> GroveBody:
    import lightgbm

    rng = np.random.default_rng(seed)
    x = rng.standard_normal((300, columns)).astype(np.float32)
    x[rng.random(x.shape) < 0.1] = np.nan
    params = {"objective": "binary", "num_leaves": 7, "verbosity": -1, "num_threads": 1, "deterministic": True}
    text = lightgbm.train(params, lightgbm.Dataset(x, np.nan_to_num(x)[:, 0] > 0), 8).model_to_string()
    return GroveBody(from_lightgbm(text, columns))


@cache
def models() -> list[Model]:
    curve = Curve.of(lambda raw: 1e6 / (1 + np.exp(-raw / 1e6)), np.arange(-5_000_000, 5_000_001, 250_000))
    named = [("demo/c", "demo/a", "demo/d"), ("demo/e", "demo/b")]
    return [
        Model("forest", Inputs(columns, ("",) * len(columns)), grove(i, len(columns)), curve, "test", {"seed": i})
        for i, columns in enumerate(named)
    ]


def small_book(folder, words: str = WORDS, head: str = HEAD) -> Book:
    folder.mkdir()
    (folder / "book.yaml").write_text(head, "utf-8")
    (folder / "some.yaml").write_text("protects_against: A test.\n" + words, "utf-8")
    known = (DEFAULTS / "strategies" / "reasons.yaml").read_text("utf-8")
    more = "".join(f"R{k}: {{zh: 理由, en: reason, otherwise_zh: 无, otherwise_en: none}}\n" for k in range(1, 7))
    (folder / "reasons.yaml").write_text(known + "\n" + more, "utf-8")
    return Book.load(folder)


@pytest.fixture(scope="module", name="small")
def _small(tmp_path_factory) -> RulingEngine:
    book = small_book(tmp_path_factory.mktemp("book") / "small")
    return RulingEngine.of(book, "shop-line", Panel.pack(models()), ["pd", "two"], definitions={})


@pytest.fixture(scope="module", name="pair")
def _pair(tmp_path_factory, small) -> RulingPair:
    """The small book, and one beside it that declines more and reads a column of its own; a third of the subjects meet it."""
    words = WORDS.replace("aa > 2 or", "aa > 1 or ff > 1 or")
    other = small_book(
        tmp_path_factory.mktemp("book") / "other", words, HEAD.replace("aa: demo/a,", "aa: demo/a, ff: demo/f,")
    )
    rollout = Rollout(small.book.hash, other.hash, 333_333, "salt-1")
    return RulingPair.of(
        Pair(small.book, other), rollout, "shop-line", Panel.pack(models()), ["pd", "two"], definitions={}
    )


@cache
def house() -> RulingEngine:
    """The book that ships, with the starting scorecard."""
    model = ExpertScorecard.load(DEFAULTS / "models/shop-starter.yaml").model()
    definitions = {name: column.definition_hash for name, column in catalogue().items()}
    return RulingEngine.of(
        book(), "shop-line", Panel.pack([model]), ["pd"], definitions=definitions, lists_hash="l" * 64
    )


SPECIAL = st.sampled_from(
    [np.nan, np.inf, -np.inf, -0.0, 0.0, 2.0, np.nextafter(np.float32(2), np.float32(3)), 1.0, -1.0]
)
VALUE = st.one_of(SPECIAL, st.floats(-4, 4, width=32))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(*[VALUE] * 5, st.sampled_from([0.0, 1.0, np.nan])), min_size=1, max_size=24),
    st.sampled_from(["m1", '值"\\', "x" * 90]),
)
def test_a_ruling_is_what_the_plain_evaluator_says_alone_and_in_a_batch(small, rows, name):
    order = {"demo/a": 0, "demo/b": 1, "demo/c": 2, "demo/d": 3, "demo/e": 4, "in_list(black)": 5}
    values = np.array(rows, np.float32)[:, [order[column] for column in small.columns]]
    entities = [f"{name}{i}" for i in range(len(rows))]
    together = small.rule(values, entities, tenant="t", as_of=AS_OF)
    for i, entity in enumerate(entities):
        alone = small.rule(values[i : i + 1], [entity], tenant="t", as_of=AS_OF)
        assert together.bodies[i] == alone.bodies[0] == ruling(small, values[i], entity, tenant="t", as_of=AS_OF)
        assert canonical(json.loads(alone.bodies[0])) == alone.bodies[0]
        assert together.hashes[i] == content_hash(alone.bodies[0])
        assert OUTCOMES[together.outcome[i]] == json.loads(alone.bodies[0])["outcome"]


ORDER = {"demo/a": 0, "demo/b": 1, "demo/c": 2, "demo/d": 3, "demo/e": 4, "demo/f": 5, "in_list(black)": 6}


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(*[VALUE] * 6, st.sampled_from([0.0, 1.0, np.nan])), min_size=1, max_size=24), st.integers(0, 99)
)
def test_a_pair_rules_as_the_book_that_each_subject_meets_and_tells_of_the_other(pair, rows, seed):
    values = np.array(rows, np.float32)[:, [ORDER[column] for column in pair.columns]]
    entities = [f"m{seed}-{i}" for i in range(len(rows))]
    together = pair.rule(values, entities, tenant="t", as_of=AS_OF)
    books = (pair.champion, pair.challenger)
    for i, entity in enumerate(entities):
        alone = pair.rule(values[i : i + 1], [entity], tenant="t", as_of=AS_OF)
        said = [json.loads(ruling(one, values[i], entity, tenant="t", as_of=AS_OF)) for one in books]
        bucket = pair.rollout.bucket("t", entity)
        mine = int(bucket < 333_333)
        rollout = {
            "mode": ("champion", "challenger")[mine], "share_ppm": 333_333, "salt": "salt-1", "bucket_ppm": bucket,
            "champion": books[0].book.hash, "challenger": books[1].book.hash,
            "other": {key: said[1 - mine][key] for key in ("outcome", "pd_ppm", "effects")},
        }  # fmt: skip
        expected = canonical({**said[mine], "rollout": rollout})
        assert together.bodies[i] == alone.bodies[0] == expected and together.book(i) == books[mine].book.hash
        assert together.hashes[i] == content_hash(expected) and together.beside.challenged[i] == bool(mine)
        passed = [one["effects"]["limit_times_ppm"] if one["outcome"] == "passed" else 0 for one in said]
        assert together.beside.limits_ppm[i].tolist() == passed
        assert [OUTCOMES[k] for k in together.beside.outcomes[i]] == [one["outcome"] for one in said]


def test_rows_of_a_pair_begin_with_the_champions_columns(small, pair):
    assert pair.columns[: len(small.columns)] == small.columns and pair.columns[len(small.columns) :] == ("demo/f",)
    assert pair.champion.layout.hash == pair.challenger.layout.hash
    same = RulingPair.of(
        Pair(small.book, small.book), pair.rollout, "shop-line", Panel.pack(models()), ["pd", "two"], definitions={}
    )
    assert same.layout.hash == small.layout.hash  # frames go on as they were where the challenger reads nothing more


def test_who_meets_a_row_is_worked_out_anew_when_a_date_passes(tmp_path):
    words = WORDS.replace("share_ppm: 500000", "priority: 9").replace("arm: left", "priority: 9")  # nobody is picked
    book = small_book(tmp_path / "dated", words)
    engine = RulingEngine.of(book, "shop-line", Panel.pack(models()), ["pd", "two"], definitions={})
    assert not book.roster("shop-line").picked
    row, late = (
        np.zeros((1, len(engine.columns)), np.float32),
        next(s for s in book.strategies if s.id == "a.late").from_us,
    )
    for as_of in (AS_OF, late - 1, late, late + 1, AS_OF):
        record = engine.rule(row, ["m"], tenant="t", as_of=as_of).bodies[0]
        assert record == ruling(engine, row[0], "m", tenant="t", as_of=as_of)
        assert ("a.late" in read_ruling(record, book).fired) == (as_of >= late)


def test_the_book_that_ships_rules_in_tiles_as_the_plain_evaluator_does():
    engine, rng = house(), np.random.default_rng(5)
    ids = {book().columns[alias].id: value for alias, value in GOOD_SHOP.items() if alias in book().columns}
    values = np.array([[ids.get(column, 0.5) for column in engine.columns]] * 130, np.float32)
    values *= rng.choice([0.5, 1, 2, np.nan], values.shape, p=[0.1, 0.7, 0.1, 0.1]).astype(np.float32)
    flags = [j for j, column in enumerate(engine.columns) if "(" in column]
    values[:, flags] = rng.choice([0, 1, np.nan], (130, len(flags)), p=[0.5, 0.4, 0.1])
    entities = [f"m{i}" for i in range(130)]
    together = engine.rule(values, entities, tenant="t", as_of=AS_OF)
    for i in range(0, 130, 13):
        assert together.bodies[i] == ruling(engine, values[i], entities[i], tenant="t", as_of=AS_OF)


def test_a_kept_ruling_tells_names_and_words_and_its_row(small):
    values = np.array([[3, -1, 0.5, np.nan, 1, 0]], np.float32)
    at = {column: j for j, column in enumerate(small.columns)}
    row = np.array([[values[0, "abcde".index(c[-1])] if c.startswith("demo") else 0 for c in at]], np.float32)
    record = small.rule(row, ["m1"], tenant="t", as_of=AS_OF)
    told = read_ruling(record.bodies[0], small.book)
    assert "a.refer" in told.fired and "a.shadow" in told.shadow and "a.late" not in told.fired
    assert told.reasons[0]["en"] == "reason" and told.reasons[0]["zh"] == "理由"
    assert np.array_equal(columns_in(json.loads(record.bodies[0])), row[0], equal_nan=True)
    with pytest.raises(BadInput, match="ruled, this is"):
        read_ruling(record.bodies[0], book())


def test_a_nan_is_one_nan_however_it_came(small):
    odd = np.full((2, len(small.columns)), np.nan, np.float32)
    odd[1].view(np.uint32)[:] = 0xFFC12345
    first, second = small.rule(odd, ["m", "m"], tenant="t", as_of=AS_OF).bodies
    assert first == second


def test_a_flag_is_yes_no_or_missing(small):
    rows = np.zeros((1, len(small.columns)), np.float32)
    rows[0, small.layout.place["in_list(black)"]] = 0.5
    with pytest.raises(BadInput, match=r"in_list\(black\) must be 1, 0 or missing"):
        small.rule(rows, ["m"], tenant="t", as_of=AS_OF)


@pytest.mark.parametrize(
    ("rows", "entities", "message"),
    [(np.zeros((1, 2), np.float32), ["m"], "float32 rows of 6"), (np.zeros((1, 6)), ["m"], "float64"), (np.zeros((2, 6), np.float32), ["m"], "2 rows, but 1")],
)  # fmt: skip
def test_rows_of_another_shape_are_refused(small, rows, entities, message):
    with pytest.raises(BadInput, match=message):
        small.rule(rows, entities, tenant="t", as_of=AS_OF)


def test_columns_are_given_by_name_and_unknown_ones_are_refused(small):
    rows = small.layout.rows([{"demo/a": 1, "in_list(black)": True, "demo/b": None}])
    at = small.layout.place
    assert rows[0, at["demo/a"]] == 1 and rows[0, at["in_list(black)"]] == 1 and np.isnan(rows[0, at["demo/b"]])
    with pytest.raises(BadInput, match="no column is called 'demo/z'"):
        small.layout.rows([{"demo/z": 1}])
    for bad in ("1", [1], 1e39):
        with pytest.raises(BadInput, match="demo/a must be a number"):
            small.layout.rows([{"demo/a": bad}])


def test_a_model_that_learnt_another_definition_is_refused(small):
    learnt = Inputs(("demo/a",), ("f" * 64,))
    one = models()[0]
    other = Model("forest", learnt, grove(1, 1), one.calibration, "test", {"seed": 9})
    with pytest.raises(BadInput, match="retrain the model"):
        RulingEngine.of(small.book, "shop-line", Panel.pack([other]), ["pd"], definitions={"demo/a": "0" * 64})


@given(st.integers(1, 3), st.integers(1, 200), st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_bits_by_strategy_turned_are_bits_by_row(words, strategies, seed):
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(64 * (words - 1) + 1, 64 * words + 1))
    given = rng.integers(0, 2**64, (strategies, words), dtype=np.uint64)
    out = np.empty((rows, -(-strategies // 64)), np.uint64)
    kernel.by_row(given, rows, out)
    wide = np.unpackbits(given.view(np.uint8), axis=1, bitorder="little")[:, :rows].T
    assert np.array_equal(np.unpackbits(out.view(np.uint8), axis=1, bitorder="little")[:, :strategies], wide)


@given(st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=20), st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_many_curves_say_what_each_alone_says(raw, seed):
    rng = np.random.default_rng(seed)
    curves = []
    for size in (2, 3, 9):
        x = np.unique(rng.integers(-(2**39), 2**39, size + 5))[:size]
        curves.append(Curve(x, np.sort(rng.integers(0, 10**6, len(x)))))
    table = np.array([[value] * 3 for value in raw], np.int64)
    table[0] = [curve.x[-1] for curve in curves]
    expected = np.stack([curve(table[:, k].copy()) for k, curve in enumerate(curves)], axis=1)
    assert np.array_equal(Curves.of(curves)(table), expected)


def test_some_of_the_rows_are_taken_of_everything_that_was_found():
    names = [one.name for one in fields(Ruled)]
    found = Ruled(**{name: np.arange(100 * k, 100 * k + 14).reshape(7, 2) for k, name in enumerate(names)})
    some = found.among(np.array([5, 0, 3]))
    for name in names:
        assert getattr(some, name).tolist() == getattr(found, name)[[5, 0, 3]].tolist(), name
