"""The condition language: one meaning in four evaluators, and nothing but the language."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
    number_text,
    to_float32,
    written,
)
from dandelion.policy.grammar import Names, parse
from dandelion.policy.scalar import Row, trace, truth_of

ALIASES = ("a", "b", "c")
FLAGS = ("in_list(black)", "granted(payments)", "filed(lease)")
NAMES = Names(
    columns=frozenset(ALIASES),
    constants={"half": 0.5, "ten": 10.0},
    flags={"in_list": {"black"}, "granted": {"payments"}, "filed": {"lease"}},
)
EDGES = [0.0, -0.0, 0.1, 0.5, 1.0, 10.0, 16_777_216.0, 3.4e38, -3.4e38, 1e-45, math.inf, -math.inf, math.nan]
values = st.one_of(st.sampled_from([to_float32(v) for v in EDGES]), st.floats(width=32, allow_nan=True))
literals = st.one_of(
    st.sampled_from([Literal(to_float32(v)) for v in (0.0, 0.1, 0.5, 1.0, 10.0, -3.0)]),
    st.just(Literal(0.5, "half")),
)
leaves = st.one_of(st.sampled_from([Ref(a) for a in ALIASES]), literals)
numbers = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Arithmetic, st.sampled_from("+-*/"), inner, inner),
        st.builds(lambda x: Function("abs", (x,)), inner),
        st.builds(lambda f, x, y: Function(f, (x, y)), st.sampled_from(["min", "max", "if_missing"]), inner, inner),
    ),
    max_leaves=4,
)
atoms = st.one_of(
    st.builds(Compare, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), numbers, numbers),
    st.builds(InSet, numbers, st.tuples(literals, literals)),
    st.builds(IsMissing, numbers),
    st.sampled_from([Flag("in_list", "black"), Flag("granted", "payments"), Flag("filed", "lease")]),
    st.builds(Fixed, st.booleans()),
)
conditions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)
rows = st.tuples(st.tuples(values, values, values), st.tuples(*[st.sampled_from([True, False, None])] * 3))


# ---- a third evaluator, written from the grammar's page alone: numpy scalars and a number line of 0, 1/2, 1 ----
def slow_number(node, numbers_by_alias):
    if isinstance(node, Ref):
        return np.float32(numbers_by_alias[node.alias])
    if isinstance(node, Literal):
        return np.float32(node.value)
    parts = [slow_number(p, numbers_by_alias) for p in getattr(node, "arguments", None) or (node.left, node.right)]
    if isinstance(node, Function):
        if node.name == "abs":
            return np.float32(abs(parts[0]))
        if node.name == "if_missing":
            return parts[1] if np.isnan(parts[0]) else parts[0]
        if any(np.isnan(p) for p in parts):
            return np.float32(np.nan)
        return sorted(parts)[0 if node.name == "min" else -1]
    x, y = parts
    if node.op == "/" and y == 0:
        return np.float32(np.nan)
    return np.float32({"+": lambda: x + y, "-": lambda: x - y, "*": lambda: x * y, "/": lambda: x / y}[node.op]())


def slow_truth(node, numbers_by_alias, flags_by_key):
    """0 false, 1 true, 0.5 unknown: and is the least, or the greatest, not is 1 - x (Kleene)."""
    if isinstance(node, And):
        return min(slow_truth(i, numbers_by_alias, flags_by_key) for i in node.items)
    if isinstance(node, Or):
        return max(slow_truth(i, numbers_by_alias, flags_by_key) for i in node.items)
    if isinstance(node, Not):
        return 1 - slow_truth(node.item, numbers_by_alias, flags_by_key)
    if isinstance(node, Fixed):
        return float(node.truth)
    if isinstance(node, Flag):
        return {True: 1.0, False: 0.0, None: 0.5}[flags_by_key[node.key]]
    if isinstance(node, IsMissing):
        return float(np.isnan(slow_number(node.value, numbers_by_alias)))
    if isinstance(node, InSet):
        x = slow_number(node.value, numbers_by_alias)
        return 0.5 if np.isnan(x) else float(any(x == np.float32(m.value) for m in node.members))
    x, y = slow_number(node.left, numbers_by_alias), slow_number(node.right, numbers_by_alias)
    if np.isnan(x) or np.isnan(y):
        return 0.5
    less, equal = bool(x < y), bool(x == y)
    return float({"<": less, "<=": less or equal, ">": not less and not equal, ">=": not less, "==": equal,
                  "!=": not equal}[node.op])  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(conditions, min_size=1, max_size=4), st.lists(rows, min_size=1, max_size=5))
def test_four_evaluators_give_one_truth(book, table):
    """The plain one, the slow one of this page, the kernel of one row and the kernel of many."""
    engine = Engine.of(book)
    said = [
        (dict(zip(ALIASES, map(to_float32, numbers_row), strict=True)), dict(zip(FLAGS, flags_row, strict=True)))
        for numbers_row, flags_row in table
    ]
    values = np.array([engine.row(*row) for row in said], np.float32).reshape(len(said), len(engine.columns))
    true, not_false = engine.fired(values).mask(), engine.not_false(values).mask()
    assert not (true & ~not_false).any()
    for at, (by_alias, by_key) in enumerate(said):
        with np.errstate(all="ignore"):
            slow = [{1.0: True, 0.0: False, 0.5: None}[slow_truth(c, by_alias, by_key)] for c in book]
        assert [truth_of(c, Row(by_alias, by_key)) for c in book] == slow
        codes = [{True: TRUE, None: UNKNOWN, False: FALSE}[truth] for truth in slow]
        assert engine.one(engine.row(by_alias, by_key)).tolist() == codes
        assert (true[:, at] + 2 * not_false[:, at]).tolist() == codes


@settings(max_examples=120, deadline=None)
@given(conditions, rows)
def test_a_condition_written_out_reads_back_to_the_same_truth(condition, row):
    text = written(condition)
    again = parse(text, NAMES)
    by_alias, by_key = dict(zip(ALIASES, row[0], strict=True)), dict(zip(FLAGS, row[1], strict=True))
    assert truth_of(again, Row(by_alias, by_key)) is truth_of(condition, Row(by_alias, by_key))


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_number_as_text_reads_back_to_the_same_float32(value):
    assert to_float32(float(number_text(value))) == value


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')", "a.__class__ == 1", "(lambda: 1)() == 1", "[x for x in (1,2)] == 1",
        "open('x') == 1", "a if b else c", "a < 'b'", "f'{a}' == 1", "a ** 9 > 1", "a % 2 == 1", "a // 2 == 1",
        "a @ b > 1", "a << 3 > 1", "~a > 1", "a is b", "a := 3", "print(a) > 1", "exec > 1", "eval(a) > 1",
        "a[0] > 1", "{1: 2} == a", "a, b", "*a > 1", "await a", "yield a", "a > 1; b", "a > 1 # x\nb", "True",
        "a > True", "1j > a", "min(*a) > 1", "max(a=1) > 1", "is_missing(a=a)", "in_list('black')", "in_list(nobody)",
        "in_list(black, black)", "between(a, 1)", "abs() > 1", "a", "1", "not a", "a and b", "a in ()", "a in b",
        "a in (b,)", "a > 16777217", "a > 1e39", "a > 1e-60", "unknown_column > 1", "ａ > 1", "", "   ", "a >",
        "(" * 300 + "a > 1" + ")" * 300, "a > 1" + " and a > 1" * 400, "not " * 40 + "a > 1", "a" + "+a" * 290 + "> 1",
        "a > 1\x00", "...", "None == a", "a == b''", "lambda: a", "import os", "globals()", "min(a) > 1",
    ],
)  # fmt: skip
def test_whatever_is_not_the_language_is_refused_with_a_sentence(text):
    with pytest.raises(BadInput) as caught:
        parse(text, NAMES)
    assert len(caught.value.message) > 20


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="abc <>=!().,+-*/0123456789_\"'[]{}:@#%&|~^\\\n\tnotadrismg", max_size=60))
def test_random_text_is_read_or_refused_but_never_breaks(text):
    try:
        node = parse(text, NAMES)
    except BadInput:
        return
    assert truth_of(node, Row(dict.fromkeys(ALIASES, 1.0), dict.fromkeys(FLAGS, False))) in (True, False)


def test_a_decimal_threshold_means_the_same_float32_as_the_value():
    row = Row({"a": to_float32(0.1), "b": 0.0, "c": 0.0}, {})
    assert truth_of(parse("a <= 0.1 and a >= 0.1 and a == 0.1", NAMES), row) is True


def test_less_or_equal_is_never_the_opposite_of_greater_when_the_value_is_missing():
    row = Row(dict.fromkeys(ALIASES, math.nan), {})
    assert truth_of(parse("a <= 1", NAMES), row) is None
    assert truth_of(parse("not a > 1", NAMES), row) is None
    assert truth_of(parse("a <= 1 or is_missing(a)", NAMES), row) is True
    assert truth_of(parse("a > 1 and false", NAMES), row) is False


def test_between_and_chains_are_closed_and_mean_the_same():
    for value, inside in ((1.0, True), (2.0, True), (3.0, True), (3.0000002, False), (0.9999999, False)):
        row = Row({"a": to_float32(value), "b": 0.0, "c": 0.0}, {})
        assert truth_of(parse("between(a, 1, 3)", NAMES), row) is inside
        assert truth_of(parse("1 <= a <= 3", NAMES), row) is inside


def test_a_trace_says_value_threshold_and_distance_of_every_literal():
    row = Row({"a": 7.0, "b": math.nan, "c": 0.0}, {"in_list(black)": False})
    found = trace(parse("a < ten and (b > half or in_list(black))", NAMES), row)
    assert [(t.text, t.truth, t.value, t.threshold, t.distance) for t in found] == [
        ("a < ten", True, "7", "10", "-3"),
        ("b > half", None, "missing", "0.5", ""),
        ("in_list(black)", False, "", "", ""),
    ]


def test_an_unknown_name_suggests_the_nearest_one():
    with pytest.raises(BadInput, match="did you mean 'payers_30d'"):
        parse("payrs_30d > 1", Names(columns={"payers_30d"}))
