"""Strategies compared with each other: what cannot matter is named with file and line, and nothing else is."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from dandelion.core import BadInput
from dandelion.policy.boxes import box_of, within
from dandelion.policy.grammar import Names, parse
from dandelion.policy.reach import check_reach
from dandelion.policy.records import Place
from dandelion.policy.scalar import Row, truth_of
from dandelion.policy.strategy import Action, Strategy
from dandelion.policy.tables import read_table

NAMES = Names(columns=frozenset({"a", "b", "c"}), constants={"three": 3.0}, flags={"in_list": frozenset({"grey"})})


def made(identity, text, action, **other):
    base = Strategy(
        identity, "owner", "a purpose of some length", "*", "credit", text, parse(text, NAMES), action, "R", 100, "live", 1_000_000, "*", 0,
        10**18, (), Place("book/x.yaml", int(identity[1:])),
    )  # fmt: skip
    return replace(base, **other)


DECLINE, CUT = Action("decline"), Action("limit_times_ppm", 500_000)


@pytest.mark.parametrize(
    ("one", "two", "said"),
    [
        (("a > 5", DECLINE), ("a > 7 and b < 1", CUT), "s2 is unreachable: wherever it fires, s1 (book/x.yaml:1) declines"),
        (("a > 5", DECLINE), ("6 < a <= 8", DECLINE), "s2 is shadowed"),
        (("a >= three", Action("limit_cap_fen", 100)), ("a in (4, 5)", Action("limit_cap_fen", 200)), "s2 is shadowed"),
        (("a > 5", CUT), ("a > 5 and in_list(grey)", Action("limit_times_ppm", 2_000_000)), "s2 contradicts s1"),
        (("a > 5", CUT), ("a > 3 and a < 2", CUT), "s2 can never fire"),
        (("a > 5", CUT), ("is_missing(b) and b > 1", CUT), "s2 can never fire"),
        (("a > 5", CUT), ("in_list(grey) and not in_list(grey)", CUT), "s2 can never fire"),
    ],
)  # fmt: skip
def test_what_cannot_matter_is_named_with_file_and_line(one, two, said):
    found = list(check_reach([made("s1", *one), made("s2", *two)]))
    assert [(f.subject, str(f.place)) for f in found] == [("s2", "book/x.yaml:2")]
    assert said in found[0].message


@pytest.mark.parametrize(
    ("one", "two", "other"),
    [
        (("a > 5", DECLINE), ("a > 4", CUT), {}),  # reaches further down
        (("a > 5", DECLINE), ("b > 7", CUT), {}),
        (("a > 5 or b > 1", DECLINE), ("a > 7", CUT), {}),  # no box: nothing is claimed
        (("a > 5", DECLINE), ("is_missing(a)", DECLINE), {}),
        (("a > 5", CUT), ("a > 7", CUT), {}),  # both multiply, and that is meant
        (("a > 5", DECLINE), ("a > 7", CUT), {"share_ppm": 10_000}),
        (("a > 5", DECLINE), ("a > 7", CUT), {"product": "firm"}),
    ],
)
def test_what_may_matter_is_left_alone(one, two, other):
    assert list(check_reach([made("s1", *one, **other), made("s2", *two)])) == []


numbers = st.sampled_from([-1.0, 0.0, 0.1, 1.0, 2.0, 3.0])
literals = st.one_of(
    st.builds("{} {} {}".format, st.sampled_from("abc"), st.sampled_from(["<", "<=", ">", ">=", "=="]), numbers),
    st.builds("is_missing({})".format, st.sampled_from("abc")),
    st.builds("not is_missing({})".format, st.sampled_from("abc")),
    st.builds("{} in (0, 1, 3)".format, st.sampled_from("abc")),
    st.sampled_from(["in_list(grey)", "not in_list(grey)"]),
)
conjunctions = st.lists(literals, min_size=1, max_size=4).map(" and ".join)
rows = st.builds(
    lambda a, b, c, grey: Row({"a": a, "b": b, "c": c}, {"in_list(grey)": grey}),
    *[st.one_of(numbers, st.just(math.nan))] * 3, st.booleans(),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(conjunctions, conjunctions, st.lists(rows, min_size=1, max_size=12))
def test_a_box_within_another_never_fires_without_it(inner, outer, some):
    one, two = parse(inner, NAMES), parse(outer, NAMES)
    boxes = box_of(one), box_of(two)
    assert boxes[0] is not None and boxes[1] is not None
    for row in some:
        if any(side.empty for side in boxes[0].values()):
            assert truth_of(one, row) is not True
        elif within(*boxes):
            assert truth_of(one, row) is not True or truth_of(two, row) is True


HEAD = [
    "# protects_against: a test of workbooks",
    "# id: t",
    "# owner: o",
    "# stage: limit",
    "# action: limit_cap_fen",
    "# reason: R",
    "# purpose: a purpose of some length",
]


def workbook(file: Path, *cells):
    book = Workbook()
    for line in HEAD:
        book.active.append([line])
    for row in (("id", "a", "b", "amount"), *cells):
        book.active.append(list(row))
    book.save(file)
    return file


def test_a_table_kept_in_excel_is_the_table_it_would_be_as_csv(tmp_path):
    found = list(
        read_table(
            workbook(tmp_path / "t.xlsx", ("x", "[1,2)", None, 50_000), ("y", 3, ">= 0.5", 70_000)),
            NAMES,
            "Asia/Shanghai",
        )
    )
    text = "\n".join([*HEAD, "id,a,b,amount", 'x,"[1,2)",,50000', "y,3,>= 0.5,70000", ""])
    (tmp_path / "t.csv").write_text(text, "utf-8")
    same = list(read_table(tmp_path / "t.csv", NAMES, "Asia/Shanghai"))
    assert [s.as_json() for s in found] == [s.as_json() for s in same]
    assert [s.text for s in found] == ["a >= 1 and a < 2", "a == 3 and b >= 0.5"] and found[0].place.line == 9


def test_a_formula_or_a_broken_workbook_is_refused_with_its_line(tmp_path):
    with pytest.raises(BadInput, match=r"t\.xlsx:9: holds the formula"):
        list(read_table(workbook(tmp_path / "t.xlsx", ("x", "[1,2)", None, "=A1+1")), NAMES, "Asia/Shanghai"))
    (tmp_path / "u.xlsx").write_bytes(b"PK\x03\x04 not a workbook")
    with pytest.raises(BadInput, match="Excel workbook"):
        list(read_table(tmp_path / "u.xlsx", NAMES, "Asia/Shanghai"))
