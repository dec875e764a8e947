"""The kernels against the plain evaluator, on thousands of generated books: bit for bit, whatever the input."""

from __future__ import annotations

import math
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from policy_samples import book as default_book

from dandelion.core import BadInput
from dandelion.policy.engine import FALSE, TRUE, UNKNOWN, Engine
from dandelion.policy.expression import (
    And,
    Arithmetic,
    Compare,
    Fixed,
    Flag,
    Function,
    InSet,
    IsMissing,
    Literal,
    Not,
    Or,
    Ref,
    to_float32,
)
from dandelion.policy.grammar import Names, parse
from dandelion.policy.kernel import TILE
from dandelion.policy.scalar import Row, truth_of

ALIASES = tuple(f"c{i:02d}" for i in range(12))
FLAGS = ("in_list(black)", "granted(payments)", "filed(lease)")
SAID = {True: TRUE, None: UNKNOWN, False: FALSE}
LARGEST = float(np.finfo(np.float32).max)
SMALLEST = float(np.nextafter(np.float32(0), np.float32(1)))
ENDS = [np.float32(-np.inf), np.float32(np.inf)]
THRESHOLDS = [to_float32(v) for v in (0, 0.1, 0.5, 1, -1, 3, 10, 16_777_216, LARGEST, -LARGEST, SMALLEST, -SMALLEST)]


class Dice(random.Random):
    """Conditions and rows that like to meet: thresholds, their neighbours, infinities, missing values."""

    def literal(self):
        value = self.choice(THRESHOLDS) if self.random() < 0.8 else to_float32(self.gauss(0, 3))
        return Literal(value, self.choice([None, "limit"]))

    def number(self, depth=2):
        kind = self.random()
        if depth == 0 or kind < 0.55:
            return Ref(self.choice(ALIASES)) if self.random() < 0.8 else self.literal()
        if kind < 0.8:
            return Arithmetic(self.choice("+-*/"), self.number(depth - 1), self.number(depth - 1))
        name = self.choice(["abs", "min", "max", "if_missing"])
        count = {"abs": 1, "if_missing": 2}.get(name) or self.randint(2, 4)
        return Function(name, tuple(self.number(depth - 1) for _ in range(count)))

    def atom(self):
        kind = self.random()
        if kind < 0.6:
            sides = [Ref(self.choice(ALIASES)), self.literal()]
            self.shuffle(sides)
            return Compare(self.choice(["<", "<=", ">", ">=", "==", "!="]), *sides)
        if kind < 0.75:
            return Compare(self.choice(["<", "<=", ">", ">=", "==", "!="]), self.number(), self.number())
        if kind < 0.85:
            return InSet(self.number(1), tuple(self.literal() for _ in range(self.choice([1, 2, 4, 5, 9]))))
        if kind < 0.92:
            return IsMissing(self.number(1))
        if kind < 0.98:
            function, name = self.choice(FLAGS)[:-1].split("(")
            return Flag(function, name)
        return Fixed(self.random() < 0.5)

    def condition(self, depth=3):
        kind = self.random()
        if depth == 0 or kind < 0.35:
            return self.atom()
        if kind < 0.5:
            return Not(self.condition(depth - 1))
        many = tuple(self.condition(depth - 1) for _ in range(self.choice([2, 2, 2, 3, 4, 10])))
        return And(many) if kind < 0.8 else Or(many)

    def value(self):
        kind = self.random()
        if kind < 0.2:
            return math.nan
        if kind < 0.3:
            return self.choice([math.inf, -math.inf, 0.0, -0.0])
        if kind < 0.55:
            return self.choice(THRESHOLDS)
        if kind < 0.8:
            with np.errstate(over="ignore"):
                return float(np.nextafter(np.float32(self.choice(THRESHOLDS)), self.choice(ENDS)))
        return to_float32(self.gauss(0, 5))

    def row(self):
        return {a: self.value() for a in ALIASES}, {f: self.choice([True, False, None]) for f in FLAGS}


def agree(book, table):
    """Both kernels say of every condition in every row what the plain evaluator says."""
    engine = Engine.of(book)
    want = [[SAID[truth_of(condition, Row(*row))] for condition in book] for row in table]
    values = np.array([engine.row(*row) for row in table], np.float32).reshape(len(table), len(engine.columns))
    assert [engine.one(row).tolist() for row in values] == want
    true, not_false = engine.fired(values).mask(), engine.not_false(values).mask()
    assert (true + 2 * not_false).T.tolist() == want
    assert np.array_equal(engine.fired(np.asfortranarray(values)).mask(), true)


@pytest.mark.parametrize("seed", range(4))
def test_five_hundred_generated_books_a_seed_agree_on_every_row(seed):
    """Two thousand books in all; `bench/decisions.py` runs ten thousand."""
    dice = Dice(seed)
    for _ in range(500):
        agree([dice.condition() for _ in range(dice.choice([1, 3, 6]))], [dice.row() for _ in range(4)])


def test_a_book_of_a_thousand_strategies_agrees_over_several_tiles_and_threads():
    dice = Dice(99)
    book = [dice.condition() for _ in range(1_000)]
    engine = Engine.of(book)
    table = [dice.row() for _ in range(2 * TILE + 77)]
    values = np.array([engine.row(*row) for row in table], np.float32)
    alone = engine.fired(values)
    assert np.array_equal(alone.words, engine.fired(values, threads=3).words)
    mask = alone.mask()
    for at in (0, 1, TILE - 1, TILE, 2 * TILE - 1, 2 * TILE, 2 * TILE + 76):
        codes = [SAID[truth_of(condition, Row(*table[at]))] for condition in book]
        assert engine.one(values[at]).tolist() == codes
        assert mask[:, at].tolist() == [code == TRUE for code in codes]
    assert alone.hits().tolist() == mask.sum(axis=1).tolist()
    assert np.unpackbits(alone.words.view(np.uint8), axis=1, bitorder="little")[:, alone.rows :].sum() == 0


@pytest.mark.parametrize("rows", [0, 1, 63, 64, 65, TILE - 1, TILE, TILE + 1])
def test_every_number_of_rows_comes_back_whole(rows):
    engine = Engine.of([parse("a >= 1", Names(columns={"a"})), parse("is_missing(a)", Names(columns={"a"}))])
    values = np.arange(rows, dtype=np.float32)[:, None]
    fired = engine.fired(values)
    assert fired.mask().shape == (2, rows)
    assert fired.hits().tolist() == [max(rows - 1, 0), 0]


def test_columns_are_found_by_name_in_any_order_and_one_that_is_not_given_is_missing():
    names = Names(columns={f"c{i}" for i in range(40)})
    engine = Engine.of([parse(f"c{i} > 5", names) for i in range(40)] + [parse("is_missing(c7)", names)])
    values = np.random.default_rng(1).uniform(0, 10, (300, 50)).astype(np.float32)
    order = np.random.default_rng(2).permutation(50)
    given = [f"c{i}" for i in order]
    fired = engine.fired(values, given).mask()
    for i in range(40):
        assert np.array_equal(fired[i], values[:, given.index(f"c{i}")] > 5)
    assert np.array_equal(engine.fired(np.asfortranarray(values), given).mask(), fired)
    assert np.array_equal(engine.fired(values[:, np.argsort(order)], [f"c{i}" for i in range(50)]).mask(), fired)
    without = [j for j, name in enumerate(given) if name != "c7"]
    fired = engine.fired(values[:, without], [given[j] for j in without])
    assert fired.hits()[7] == 0 and fired.hits()[40] == 300


def test_the_default_book_agrees_on_rows_at_its_own_thresholds():
    conditions = [s.condition for s in default_book().strategies]
    roster = default_book().roster("shop-line")
    dice = Dice(5)
    names = sorted({alias for s in default_book().strategies for alias in s.aliases})
    keys = default_book().flag_keys

    def value(alias):
        values = roster.thresholds.get(alias, (np.array([0.0], np.float32),))[0]
        near = np.float32(dice.choice(values.tolist()))
        up = np.float32(dice.choice([-np.inf, np.inf]))
        return dice.choice([math.nan, float(near), float(np.nextafter(near, up)), 0.0, 1e9, -1e9])

    table = [
        ({a: value(a) for a in names}, {k: dice.choice([True, False, None]) for k in keys}) for _ in range(300)
    ]  # fmt: skip
    agree(conditions, table)


def test_a_processor_without_wide_vectors_gives_the_same_answers():
    code = (
        "from dandelion.policy import lanes\nfrom test_policy_engine import Dice, agree\nassert not lanes.PACKED\n"
        "dice = Dice(3)\nagree([dice.condition() for _ in range(60)], [dice.row() for _ in range(300)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, capture_output=True, text=True, check=False,
        env={**os.environ, "NUMBA_CPU_NAME": "generic"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_strategies_that_share_a_comparison_share_its_literal():
    names = Names(columns={"a", "b"})
    engine = Engine.of([parse(f"a >= 1 and b < {i}", names) for i in range(1, 101)])
    assert engine.circuit.literals == 101
    again = Engine.of([parse("a >= 1 and b < 2", names)] * 500)
    assert (again.circuit.literals, again.circuit.nodes) == (2, 3)


def test_a_row_or_frame_of_another_shape_or_type_is_refused_with_its_name():
    engine = Engine.of([parse("a >= 1", Names(columns={"a"}))])
    with pytest.raises(BadInput, match="1 float32"):
        engine.one(np.zeros(2, np.float32))
    with pytest.raises(BadInput, match="float32"):
        engine.fired(np.zeros((3, 1)))
    with pytest.raises(BadInput, match="2 names"):
        engine.fired(np.zeros((3, 1), np.float32), ["a", "b"])
