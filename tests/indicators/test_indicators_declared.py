"""Declarations: what they expand to, what they refuse, what a workspace may add."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from dandelion.core import BadInput, NotFound
from dandelion.indicators import Base, Cube, Definitions, Derive, Level, Measure, Stream, load, standard, trend
from dandelion.indicators.declare import Dimension

PAID = Stream(
    "my.paid", "payment", "payee", "收款", "receipts", counterparty="payer", people=True,
    measures=(Measure("amount", "amount_fen", "fen", "金额", "amount"),),
    dimensions=(Dimension("channel", (Level("qr", "扫码", "by QR", "qr"), Level("card", "刷卡", "by card", "card")),
                          field="channel"),),
)  # fmt: skip
WORKSPACE = """
from dandelion.indicators import Cube, Derive, standard
received = standard().streams["payment.received"]
lunches = [Cube(received, ("45d",), ("count", "sum"))]
mine = Derive("mine/lunch_ratio", "ratio", ("payment.received/45d/count", "payment.received/30d/count"), "午", "lunch")
"""


def test_the_standard_set_covers_its_streams_with_a_few_hundred_columns() -> None:
    definitions = standard()
    assert 250 <= len(definitions) <= 600
    kinds = {base.stream.kind for name in definitions.columns for base in definitions.bases_of(name)}
    assert kinds == {"payment", "order", "refund", "review", "invoice", "tax_filing", "login", "credit_inquiry",
                     "outside_loan", "placement"}  # fmt: skip
    assert "turnover.verified/180d" in definitions.money


def test_every_column_has_a_full_catalogue_entry_and_its_own_hash() -> None:
    entries = standard().catalogue
    for entry in entries.values():
        assert entry.purpose == "credit"
        assert entry.room == "indicators"
        assert entry.data_kinds
        assert re.search(r"[\u4e00-\u9fff]", entry.zh), entry.id
        assert entry.en[0].isupper(), entry.id
        assert "{" not in entry.zh + entry.en, entry.id
    assert len({entry.definition_hash for entry in entries.values()}) == len(entries)


def test_ids_read_as_paths_in_the_order_of_the_declaration() -> None:
    cube = Cube(PAID, ("7d", "30d"), ("count", "distinct"), by=("channel",))
    assert [base.id for base in cube.bases()][:5] == [
        "my.paid/channel=qr/7d/count", "my.paid/channel=qr/7d/distinct_payers",
        "my.paid/channel=qr/30d/count", "my.paid/channel=qr/30d/distinct_payers", "my.paid/channel=card/7d/count",
    ]  # fmt: skip


def test_a_hash_changes_with_the_definition_and_with_nothing_else() -> None:
    one = Definitions.of([Cube(PAID, ("30d",), ("count",))])
    same = Definitions.of([Cube(PAID, ("30d", "90d"), ("count", "sum"))])
    other_zone = Definitions.of([Cube(PAID, ("30d",), ("count",))], tz="Europe/Berlin")
    name = "my.paid/30d/count"
    assert one.catalogue[name].definition_hash == same.catalogue[name].definition_hash
    assert one.catalogue[name].definition_hash != other_zone.catalogue[name].definition_hash
    assert one.hash != same.hash


def test_any_path_over_a_declared_stream_is_understood() -> None:
    found = Definitions.of([PAID]).definition("my.paid/channel=card/12h/amount_deviation")
    assert isinstance(found, Base)
    assert (found.aggregate, found.measure, found.window) == ("deviation", "amount", "12h")
    for wrong in (
        "my.paid/30d/amount",
        "my.paid/channel/30d/count",
        "my.paid/channel=cash/30d/count",
        "no.such/30d/count",
    ):
        with pytest.raises(BadInput):
            Definitions.of([PAID]).definition(wrong)


def test_needs_names_the_tables_and_the_longest_window_to_read() -> None:
    needs = standard().needs(["payment.received/7d/count", "payment.received/90d/amount_sum", "place.held/ever/count"])
    assert needs == {("payment", "payee"): 90 * 86_400_000_000, ("placement", "merchant"): None}
    assert ("role", "firm") in standard().needs(["turnover.verified/30d"])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Cube(PAID, ("0d",), ("count",)), "empty"),
        (lambda: Cube(PAID, ("30",), ("count",)), "not a duration"),
        (lambda: Cube(PAID, ("30d",), ("median",)), "not an aggregate"),
        (lambda: Cube(PAID, ("30d",), ("sum",), ("profit",)), "no measure 'profit'"),
        (lambda: Cube(PAID, ("30d",), ("count",), by=("colour",)), "no dimension 'colour'"),
        (lambda: Cube(PAID, tuple(f"{i}d" for i in range(1, 600_000)), ("count",), by=("channel",)), "expands to"),
        (lambda: Stream("x y", "payment", "payee", "", ""), "words joined by dots"),
        (lambda: Stream("x", "payment", "seller", "", ""), "no role"),
        (lambda: Stream("x", "payment", "payee", "", "", counterparty="buyer"), "no column 'buyer'"),
        (lambda: Stream("x", "payment", "payee", "", "", measures=(Measure("c", "channel", "", "", ""),)), "not a whole"),
        (lambda: Derive("a:b", "ratio", ("x", "y"), "", ""), "words, digits"),
        (lambda: Derive("a/b", "median", ("x", "y"), "", ""), "not an operation"),
        (lambda: Derive("a/b", "ratio", ("x",), "", ""), "exactly 2"),
        (lambda: trend("my.paid/{window}/count", "90d", "30d", "", ""), "longer window"),
    ],
)  # fmt: skip
def test_a_wrong_declaration_says_what_is_wrong(make: object, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        make()  # type: ignore[operator]


def test_clashing_cyclic_and_unknown_columns_are_refused_when_the_set_is_made() -> None:
    derive = Derive("a/ratio", "ratio", ("my.paid/30d/count", "my.paid/90d/count"), "", "")
    other = Derive("a/ratio", "ratio", ("my.paid/90d/count", "my.paid/30d/count"), "", "")
    with pytest.raises(BadInput, match="two different definitions claim the id 'a/ratio'"):
        Definitions.of([PAID, derive, other])
    there, back = Derive("a/x", "ratio", ("a/y", "a/y"), "", ""), Derive("a/y", "ratio", ("a/x", "a/x"), "", "")
    with pytest.raises(BadInput, match="derived from itself: a/x -> a/y -> a/x"):
        Definitions.of([PAID, there, back])
    with pytest.raises(BadInput, match="neither a declared column"):
        Definitions.of([PAID, Derive("a/x", "ratio", ("a/z", "a/z"), "", "")])
    with pytest.raises(BadInput, match="growing windows"):
        Definitions.of([PAID, Derive("a/t", "trend", ("my.paid/90d/count", "my.paid/30d/count"), "", "")])
    with pytest.raises(BadInput, match="a trend is by the day; name windows of whole days"):
        Definitions.of([PAID, Derive("a/t", "trend", ("my.paid/36h/count", "my.paid/30d/count"), "", "")])


def test_a_workspace_adds_its_own_columns_beside_the_standard_ones(tmp_path: Path) -> None:
    file = tmp_path / "indicators.py"
    file.write_text(WORKSPACE)
    definitions = load(file)
    assert len(definitions) == len(standard()) + 3
    assert "mine/lunch_ratio" in definitions.catalogue


BIG = """
levels = tuple(Level(f"v{i}", "", "", low=i, high=i + 1) for i in range(1000))
dims = tuple(Dimension(f"d{i}", levels, "hour") for i in range(3))
wide = Stream("own.wide", "payment", "payee", "收款", "receipts", dimensions=dims)
all_of_it = Cube(wide, ("30d",), ("count",), by=("d0", "d1", "d2"), up_to=3)
"""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = (", r"indicators.py:1: .*; correct the line"),
        ("y = 1\nx = 1 / 0", r"indicators.py:2: ZeroDivisionError"),
        ("x = 1", "declares no Cube, Each or Derive; assign at least one"),
        (WORKSPACE.replace('"45d"', '"0d"'), r"indicators.py:4: window '0d' is empty; give a length above zero"),
        (WORKSPACE.replace('"sum"', '"total"'), r"indicators.py:4: 'total' is not an aggregate; use one of count"),
        (WORKSPACE.replace('"sum"))]', '"sum"), by=("colour",))]'),
         r"indicators.py:4: stream 'payment.received' has no dimension 'colour'; it has channel"),
        (WORKSPACE + 'bad = Derive("b/c", "ratio", ("nope/30d/count", "mine/lunch_ratio"), "", "")',
         r"indicators.py:6: 'nope/30d/count' is neither a declared column nor a path over a declared stream; the streams"),
        (WORKSPACE + '\nbad = [Derive("b/c", "ratio",\n  ("payment.received/30d/profit", "mine/lunch_ratio"), "", "")]',
         r"indicators.py:8: 'payment.received/30d/profit' does not name a figure .* it has count"),
        (WORKSPACE + 'bad = Derive("turnover.verified/30d", "ratio", mine.of, "", "")',
         r"indicators.py:6: two different definitions claim the id 'turnover.verified/30d'; rename one"),
        (WORKSPACE + 'bad = Derive("payment.received/7d/count.trend.30d", "ratio", mine.of, "", "")',
         r"indicators.py:6: two different definitions claim .*: as a path it means trend of .*; rename it"),
        (WORKSPACE + 'a = Derive("b/x", "ratio", ("b/y", "b/y"), "", "")\nb = Derive("b/y", "ratio", ("b/x",) * 2, "", "")',
         r"indicators.py:[67]: column 'b/x' is derived from itself: b/x -> b/y -> b/x; derive it from other columns"),
        (WORKSPACE + 'bad = Derive("b:c", "ratio", mine.of, "", "")', r"indicators.py:6: id 'b:c' may hold words, digits"),
        (WORKSPACE.replace("Cube, Derive", "Cube, Derive, Dimension, Level, Stream") + BIG,
         r"indicators.py:10: a cube over 'own.wide' expands to 1,003,003,001 columns, above 1,000,000; name fewer"),
        (WORKSPACE.replace("Cube, Derive", "Cube, Derive, Each") + 'bad = Each(lunches[0], "trend", to=("30d",))',
         r"indicators.py:6: trend for each column of a cube over 'payment.received' fits none of them: .*longer one"),
        (WORKSPACE.replace("Cube, Derive", "Cube, Derive, Each") + 'bad = Each(lunches[0], "new", to=("90d",))',
         r"indicators.py:6: new for each column .* fits none of them: it is of distinct, and the cube has .*; add one"),
        (WORKSPACE + 'bad = Derive("b/c", "ratio", ("payment.received/30d/cuont", "mine/lunch_ratio"), "", "")',
         r"indicators.py:6: .* does not name a figure of .*; did you mean 'count'\?"),
        (WORKSPACE + 'bad = Derive("payment.received/7d/count", "ratio", mine.of, "", "")',
         r"indicators.py:6: two different definitions claim .*: as a path it means count; rename it"),
        (WORKSPACE + 'bad = Derive("b/c", "new", ("payment.received/30d/count", "payment.received/90d/count"), "", "")',
         r"indicators.py:6: 'b/c': new is told of a path .*; use the path, like payment.received/30d/distinct_payers.new.90d"),
        (WORKSPACE + 'bad = Derive("b/c", "difference", ("order.sold/7d/count.same_weekdays.10d", "order.sold/7d/count"), "", "")',
         r"indicators.py:6: order.sold/7d/count: same_weekdays takes .* whole weeks, like 1d and 56d"),
        (WORKSPACE + 'bad = Derive("b/c", "ratio", "order.sold/7d/count", "", "")',
         r"indicators.py:6: of is the text 'order.sold/7d/count'; write a list of them, with a comma even for one"),
        (WORKSPACE.replace('"sum"))]', '"sum"), only=("hours", "night"))]'),
         r"indicators.py:4: only is \('hours', 'night'\); write pairs of dimension and level"),
        (WORKSPACE.replace('["payment.received"]', '["payment.recieved"]'),
         r"indicators.py:3: KeyError: 'payment.recieved' \(did you mean 'payment.received'\?\); correct the line"),
        (WORKSPACE + 'bad = Cube(received, window=("7d",), aggregates=("count",))',
         r"indicators.py:6: TypeError: .*'window' \(a Cube takes stream, windows, .*\); correct the line"),
    ],
)  # fmt: skip
def test_a_workspace_file_that_is_wrong_is_refused_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "indicators.py"
    file.write_text(text)
    with pytest.raises(BadInput, match=says):
        load(file)


def test_a_thousand_million_columns_are_refused_without_expanding_any(tmp_path: Path) -> None:
    file = tmp_path / "indicators.py"
    file.write_text(WORKSPACE.replace("Cube, Derive", "Cube, Derive, Dimension, Level, Stream") + BIG)
    started = time.process_time()
    with pytest.raises(BadInput, match="expands to"):
        load(file)
    assert time.process_time() - started < 2.0  # expanding them would take hours


def test_a_missing_workspace_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"nowhere\.py"):
        load(tmp_path / "nowhere.py")
