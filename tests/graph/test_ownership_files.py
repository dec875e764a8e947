"""Holdings as they come: CSV, Parquet, BODS; what cannot be true is named and set aside, never guessed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion.core import BadInput, DandelionError, NotFound
from dandelion.graph.ownership import (
    Kind,
    OwnerLine,
    Statement,
    benefit,
    exposure,
    groups,
    holdings,
    of_events,
    ownership,
    ppm_of_percent,
    read_statements,
    tree,
)

LINE = OwnerLine(250_000, True, "a test")
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "holdings.csv"


def told(*rows: tuple[str, str, float], **more: Any) -> list[Statement]:
    return [Statement(n, f, h, round(p * 10_000), **more) for n, (f, h, p) in enumerate(rows, start=2)]


def written(tmp_path: Path, text: str, name: str = "holdings.csv") -> Path:
    file = tmp_path / name
    file.write_text(text, "utf-8")
    return file


def test_control_and_benefit_of_the_example_are_told_apart() -> None:
    held = holdings(read_statements(EXAMPLE)[0])
    found = ownership(held, "noodle-kitchen", LINE)
    assert (found.control, found.controller, found.chain) == (
        "sole", "wang-fang", ("wang-fang", "sichuan-foods", "noodle-kitchen"),
    )  # fmt: skip
    assert [owner.party for owner in found.beneficial] == ["wang-fang", "li-wei"]
    shares = dict(found.benefit.shares_ppb)
    assert shares["wang-fang"] == 375_000_000  # 0.55 / (1 - 0.3 x 0.4) x 0.6: the cycle counts
    assert held.kind[held.place["li-wei"]] == Kind.PERSON


def test_half_is_not_more_than_half_and_two_halves_decide_together() -> None:
    found = ownership(holdings(told(("tea", "a", 50), ("tea", "b", 50))), "tea", LINE)
    assert (found.control, found.controller, found.together) == ("joint", None, 2)


def test_many_small_holders_are_dispersed_and_unknown_ones_undisclosed() -> None:
    many = holdings(told(*(("plc", f"p{i:02d}", 4.0) for i in range(25))))
    assert ownership(many, "plc", LINE).control == "dispersed"
    few = ownership(holdings(told(("plc", "a", 30), ("plc", "b", 20))), "plc", LINE)
    assert few.control == "undisclosed" and few.benefit.undisclosed_ppb == 500_000_000
    assert "50 % of the benefit goes to holders nobody told of" in few.notes[0]


def test_holders_who_act_in_concert_decide_as_one() -> None:
    rows = [Statement(2, "tea", "a", 300_000, concert="pact"), Statement(3, "tea", "b", 250_000, concert="pact"),
            Statement(4, "tea", "c", 450_000)]  # fmt: skip
    found = ownership(holdings(rows), "tea", LINE)
    assert (found.control, found.controller, found.together) == ("joint", "concert:pact", 2)
    assert {o.party for o in found.beneficial} == {"a", "b", "c"}  # a and b control together, c passes by shares


def test_votes_may_differ_from_shares_and_treasury_shares_have_none() -> None:
    rows = [Statement(2, "tea", "a", 900_000, 400_000), Statement(3, "tea", "b", 100_000, 600_000)]
    found = ownership(holdings(rows), "tea", LINE)
    assert found.controller == "b" and dict(found.benefit.shares_ppb) == {"a": 900_000_000, "b": 100_000_000}
    own = ownership(holdings(told(("tea", "tea", 20), ("tea", "a", 41), ("tea", "b", 39))), "tea", LINE)
    assert own.controller == "a" and dict(own.benefit.shares_ppb)["a"] == 512_500_000  # 41 of the 80 that are out
    assert "holds 20 % of itself" in own.notes[0]


def test_where_nobody_passes_the_line_the_manager_stands_in() -> None:
    shares = pa.table({"firm": ["plc"] * 5, "holder": list("abcde"), "share_ppm": [200_000] * 5, "at": [1] * 5})
    roles = pa.table(
        {"firm": ["plc", "plc"], "person": ["boss", "clerk"], "role": ["legal_representative", "finance"], "at": [1, 1]}
    )
    statements, offices = of_events(shares, roles)
    found = ownership(holdings(statements), "plc", LINE, offices)
    assert [(o.party, o.interests[0].type) for o in found.beneficial] == [("boss", "seniorManagingOfficial")]


def test_a_sole_trader_without_shareholders_on_file_belongs_to_its_owner() -> None:
    none = pa.table({"firm": pa.array([], pa.string()), "holder": pa.array([], pa.string()),
                     "share_ppm": pa.array([], pa.int64()), "at": pa.array([], pa.int64())})  # fmt: skip
    roles = pa.table({"firm": ["stall"], "person": ["li"], "role": ["owner"], "at": [5]})
    found = ownership(holdings(of_events(none, roles)[0]), "stall", LINE)
    assert found.controller == "li" and dict(found.benefit.shares_ppb) == {"li": 1_000_000_000}
    assert of_events(none, roles, as_of=5)[0] == []  # not known yet


def test_the_later_of_two_dated_statements_counts_and_only_what_had_been_told_by_then() -> None:
    shares = pa.table({"firm": ["tea"] * 3, "holder": ["a", "a", "b"], "share_ppm": [1_000_000, 0, 1_000_000], "at": [10, 20, 20],
                       "arrived": [11, 30, 30]})  # fmt: skip
    before = ownership(holdings(of_events(shares, as_of=25, known_at=25)[0]), "tea", LINE)
    after = ownership(holdings(of_events(shares, as_of=25, known_at=31)[0]), "tea", LINE)
    assert (before.controller, after.controller) == ("a", "b")


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([("tea", "a", 60), ("tea", "b", 60)], "shares of tea sum to 120 %"),
        ([("tea", "a", 101)], "a is told to hold 101 % of the shares of tea; give 0 to 100 %"),
        ([("tea", "a", -5)], "a is told to hold -5 % of the shares of tea"),
        ([("tea", "a", 40), ("tea", "a", 50)], "a is told to hold 40 % and 50 % of tea; keep one, or date both"),
    ],
)
def test_what_cannot_be_true_sets_its_firm_aside_and_the_rest_stands(rows: list[Any], says: str) -> None:
    held = holdings(told(*rows, ("under", "tea", 60), ("fine", "x", 100)))
    assert says in str(held.problems[0]) and "1 firm is set aside" in held.notes[0]
    assert ownership(held, "fine", LINE).controller == "x"
    for firm in ("tea", "under"):  # what stands on it cannot be answered either
        with pytest.raises(BadInput, match="cannot be answered"):
            ownership(held, firm, LINE)


def test_rounded_percents_and_repeated_lines_are_taken_as_meant() -> None:
    held = holdings(told(("tea", "a", 33.34), ("tea", "b", 33.33), ("tea", "c", 33.34), ("tea", "c", 33.34)))
    assert sorted(held.share_ppm.tolist()) == [333_300, 333_300, 333_400]
    assert "repeated word for word" in held.notes[0] and "rounding" in held.notes[1]


def test_an_unknown_firm_is_said_to_be_unknown() -> None:
    with pytest.raises(NotFound, match="nothing is told of 'nobody'; there are 2 parties"):
        benefit(holdings(told(("tea", "a", 100))), "nobody")


def test_a_person_is_not_asked_who_holds_him() -> None:
    with pytest.raises(NotFound, match="nobody is told to hold a; it is known as a holder only"):
        ownership(holdings(told(("tea", "a", 100))), "a", LINE)


def test_the_example_of_the_page_prints_what_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    page = (EXAMPLE.parents[1] / "graph-owners.md").read_text("utf-8")
    code = page.split("```python\n")[1].split("```")[0]
    exec(code, {})
    assert capsys.readouterr().out == page.split("prints\n\n```\n")[1].split("```")[0]


def test_an_empty_register_answers_nothing_and_breaks_nothing() -> None:
    held = holdings([])
    assert len(held) == 0 and groups(held, LINE).members("x") == ("x",)
    with pytest.raises(NotFound):
        tree(held, "x")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "lacks column 'firm'"),
        ("firm,holder\na,b\n", "lacks column 'share_percent'"),
        ("firm,holder,share_percent\n", "holds no holding"),
        ("firm,holder,share_percent\na,b,much\n", "line 2: share is 'much'; write a percent"),
        ("firm,holder,share_percent\na,b,nan\n", "line 2: share is 'nan'"),
        ("firm,holder,share_percent\na,b,\n", "line 2: share is empty"),
        ("firm,holder,share_percent\na,,5\n", "line 2: holder is empty"),
        ("firm,holder,share_percent\na,b,5,6\n", "line 2 of .* has 4 cells, the header 3"),
        ("firm,holder,share_percent,holder_kind\na,b,5,dog\n", "holder_kind is 'dog'"),
        ("firm,holder,share_percent,at\na,b,5,soon\n", "at is 'soon'"),
        ("firm,subject,holder,share_percent\na,a,b,5\n", "column 'firm' twice"),
        ("firm,holder,share_ppm\na,b,1.5\n", "share_ppm is '1.5'; write whole parts"),
    ],
)
def test_a_file_that_cannot_be_read_says_which_line_and_what_to_write(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        read_statements(written(tmp_path, text))


def test_files_in_other_clothes_say_the_same(tmp_path: Path) -> None:
    plain = read_statements(written(tmp_path, "firm,holder,share_percent\ntea,a,33.5\n"))[0][0]
    dressed = read_statements(written(tmp_path, "\ufeffsubject, interestedParty ,shareholding\n tea , a ,33.5 %\n\n"))[
        0
    ][0]
    pq.write_table(pa.table({"firm": ["tea"], "holder": ["a"], "share_ppm": [335_000]}), tmp_path / "h.parquet")
    packed = read_statements(tmp_path / "h.parquet")[0][0]
    assert {(s.firm, s.holder, s.share_ppm) for s in (plain, dressed, packed)} == {("tea", "a", 335_000)}
    (tmp_path / "bad.parquet").write_bytes(b"no")
    (tmp_path / "bad.csv").write_bytes(b"\xff\xfe")
    for name in ("bad.parquet", "bad.csv"):
        with pytest.raises(BadInput):
            read_statements(tmp_path / name)
    with pytest.raises(NotFound):
        read_statements(tmp_path / "none.csv")


def newest(record: str, kind: str, date: str = "2024-01-01", status: str = "new", **details: Any) -> dict[str, Any]:
    return {"statementId": f"{record}-{date}", "recordId": record, "recordType": kind, "recordStatus": status,
            "statementDate": date, "recordDetails": details}  # fmt: skip


def interest(share: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    return [{"type": "shareholding", "directOrIndirect": "direct", "share": share, **more}]


def test_bods_of_today_is_read_by_record_newest_first(tmp_path: Path) -> None:
    rows = [
        newest("tea", "entity", name="Tea"), newest("p", "person"), newest("q", "person"),
        newest("r1", "relationship", subject="tea", interestedParty="p", interests=interest({"exact": 80})),
        newest("r1", "relationship", "2024-06-01", "updated", subject="tea", interestedParty="p", interests=interest({"exact": 33.5})),
        newest("r2", "relationship", subject="tea", interestedParty="q",
               interests=interest({"minimum": 25, "exclusiveMinimum": True, "maximum": 50})),
        newest("r3", "relationship", subject="tea", interestedParty="x", interests=interest({"exact": 9})),
        newest("r3", "relationship", "2024-07-01", "closed", subject="tea", interestedParty="x", interests=interest({"exact": 9})),
        newest("r4", "relationship", subject="tea", interestedParty="p", interests=interest({"exact": 70}, directOrIndirect="indirect")),
        newest("r5", "relationship", subject="tea", interestedParty={"reason": "unknown"}, interests=interest({"exact": 1})),
    ]  # fmt: skip
    file = written(tmp_path, "\n".join(json.dumps(row) for row in rows), "told.jsonl")
    statements, notes = read_statements(file)
    assert {(s.holder, s.share_ppm, s.holder_kind) for s in statements} == {
        ("p", 335_000, Kind.PERSON), ("q", 250_001, Kind.PERSON),
    }  # fmt: skip
    assert [note.split(" ", 1)[1] for note in notes] == [
        "shares are told as a range; the lower end is taken",
        "indirect interests are left out; the direct ones say the same",
        "statements name no interested party; their share stays undisclosed",
    ]


def test_bods_of_before_is_read_too(tmp_path: Path) -> None:
    def owned(number: str, party: dict[str, str], share: float, **more: Any) -> dict[str, Any]:
        return {"statementID": number, "statementType": "ownershipOrControlStatement", "statementDate": "2019-01-01",
                "subject": {"describedByEntityStatement": "tea"}, "interestedParty": party,
                "interests": interest({"exact": share}), **more}  # fmt: skip

    rows = [
        {"statementID": "p", "statementType": "personStatement"}, {"statementID": "tea", "statementType": "entityStatement"},
        owned("1", {"describedByPersonStatement": "p"}, 90),
        owned("2", {"describedByPersonStatement": "p"}, 55, replacesStatements=["1"]),
    ]  # fmt: skip
    statements, _ = read_statements(written(tmp_path, json.dumps(rows), "told.json"))
    assert [(s.firm, s.holder, s.share_ppm) for s in statements] == [("tea", "p", 550_000)]


@settings(max_examples=80, deadline=None)
@given(
    st.one_of(st.binary(max_size=60), st.text(max_size=60).map(lambda t: t.encode("utf-8", "ignore"))),
    st.sampled_from(["csv", "json"]),
)
def test_no_odd_file_is_a_traceback(tmp_path_factory: pytest.TempPathFactory, content: bytes, suffix: str) -> None:
    file = tmp_path_factory.mktemp("odd") / f"odd.{suffix}"
    file.write_bytes(content)
    with pytest.raises(DandelionError):
        read_statements(file)


def test_percents_are_read_exactly() -> None:
    assert [ppm_of_percent(t) for t in ("100", "0.0001", "33.33335", " 7 % ")] == [1_000_000, 1, 333_334, 70_000]


def test_a_tree_is_bounded_shows_cycles_once_and_says_what_is_left_out() -> None:
    held = holdings(read_statements(EXAMPLE)[0])
    whole = tree(held, "sichuan-foods")
    assert whole.levels == {"sichuan-foods": 0, "wang-fang": 1, "golden-spoon": 1, "li-wei": 2, "noodle-kitchen": -1}
    assert len(whole.edges) == 5 and whole.left_out == 0
    small = tree(held, "noodle-kitchen", nodes=2)
    assert set(small.levels) == {"noodle-kitchen", "sichuan-foods"} and small.left_out > 0
    assert tree(held, "noodle-kitchen", depth=1).left_out == 2
    for bad in ({"nodes": 0}, {"nodes": 10_000}, {"depth": 0}):
        with pytest.raises(BadInput):
            tree(held, "noodle-kitchen", **bad)


def test_firms_under_one_roof_are_one_group_and_owe_together() -> None:
    rows = told(
        ("a", "boss", 60), ("b", "a", 20), ("c", "a", 70), ("b", "c", 40), ("other", "stranger", 100), ("d", "boss", 30)
    )
    found = groups(holdings(rows), LINE)
    assert found.members("b") == (
        "a",
        "b",
        "boss",
        "c",
        "d",
    )  # b: 20 % and 40 % through controlled firms; d by the line
    assert {p for p, g in found.control.items() if g == found.control["boss"]} == {"a", "b", "boss", "c"}
    owed = exposure(found, {"a": 500, "d": 70, "other": 9}, "b")
    assert owed.total_fen == 570 and dict(owed.members)["b"] == 0


def test_a_fund_that_holds_a_piece_of_everything_ties_nothing_together() -> None:
    rows = told(*((f"f{i}", "fund", 30) for i in range(60)), *((f"f{i}", f"p{i}", 60) for i in range(60)))
    found = groups(holdings(rows), LINE)
    assert found.members("f1") == ("f1", "p1")
