"""`dandelion indicators`: a quarter of a million columns listed, and any of them computed from a plain file."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dandelion.core import Frame, instant
from dandelion.indicators.peers import settings
from support.shell import Shell

DAY = 86_400_000_000
AS_OF = instant("2025-06-30T00:00:00Z")
COUNT, SUM = "payment.received/channel=qr/30d/count", "payment.received/90d/amount_sum"
SPREAD, TREND = "payment.made/365d/amount_deviation", "payment.received/30d/count.trend.90d"
NIGHTS, MEDIAN = "payment.received/hours=night/90d/distinct_payers", "payment.received/90d/amount_q50"
ALL = (COUNT, SUM, SPREAD, TREND, NIGHTS, MEDIAN)


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(monkeypatch, capsys)


def payments(size: int = 3000) -> list[dict[str, Any]]:
    dice = random.Random(3)
    rows = []
    for _ in range(size):
        at = AS_OF + 5 * DAY - int(dice.random() * 500 * DAY)
        rows.append(
            {
                "payer": f"p{dice.randint(1, 40)}", "payee": f"shop{dice.randint(1, 9)}", "at": at,
                "arrived": at + dice.choice([0, 0, 4 * DAY]), "amount_fen": dice.choice([100, 2500, 9900, 123_456]),
                "channel": dice.choice(["qr", "card", "transfer"]),
            }
        )  # fmt: skip
    return rows


def write(file: Path, rows: list[dict[str, Any]], *, without: str = "") -> Path:
    table = pa.Table.from_pylist(rows)
    for name in ("at", "arrived"):
        at = table.column_names.index(name)
        table = table.set_column(at, name, table.column(name).cast(pa.timestamp("us", tz="UTC")))
    pq.write_table(table.drop_columns([without]) if without else table, file)
    return file


def compute(shell: Shell, file: Path, *words: object, columns: str = ",".join(ALL)) -> tuple[int, str, str]:
    out = file.with_name("frame.parquet")
    return shell("indicators", "compute", "--stream", "payment", "--events", file, "--as-of", "2025-06-30T00:00:00Z",
                 "--columns", columns, "--out", out, *words)  # fmt: skip


def by_hand(rows: list[dict[str, Any]], who: str) -> list[float]:
    """The six columns, plainly."""
    seen = [e for e in rows if e["at"] < AS_OF and e["arrived"] < AS_OF]

    def last(days: int, side: str = "payee") -> list[dict[str, Any]]:
        return [e for e in seen if e[side] == who and e["at"] >= AS_OF - days * DAY]

    made = [e["amount_fen"] for e in last(365, "payer")]
    mean = sum(made) / len(made) if made else 0.0
    month, quarter = len(last(30)), len(last(90))
    before = (quarter - month) / 60
    ninety = sorted(e["amount_fen"] for e in last(90))
    night = {e["payer"] for e in last(90) if (e["at"] // 3_600_000_000 + 8) % 24 in (22, 23, 0, 1, 2, 3, 4, 5)}
    nothing = float("nan")
    return [
        sum(e["channel"] == "qr" for e in last(30)),
        sum(ninety),
        (sum((fen - mean) ** 2 for fen in made) / len(made)) ** 0.5 if made else nothing,
        month / 30 / before - 1 if before else nothing,
        len(night),
        ninety[-(-len(ninety) // 2) - 1] if ninety else nothing,
    ]


def test_columns_are_computed_from_a_plain_file_without_a_workspace(shell: Shell, tmp_path: Path) -> None:
    rows = payments()
    code, out, err = compute(shell, write(tmp_path / "pay.parquet", rows))
    assert code == 0, err
    assert "frame.parquet" in out
    frame = Frame.from_arrow(pq.read_table(tmp_path / "frame.parquet"))
    everybody = {e[side] for e in rows for side in ("payer", "payee")}
    assert list(frame.entity) == sorted(everybody)
    assert set(frame.catalogue) == set(ALL)
    assert set(frame.as_of) == set(frame.known_at) == {AS_OF}
    for row, who in enumerate(frame.entity):
        assert frame.values[row].tolist() == pytest.approx(by_hand(rows, who), rel=1e-6, nan_ok=True), who


def test_what_others_do_is_told_from_the_same_file_as_of_the_start_of_the_month(shell: Shell, tmp_path: Path) -> None:
    """Against peers, of one's payers, and how many of them are new."""
    rows, month = payments(), instant("2025-05-31T16:00:00Z")  # the first of June in China
    peers, hop = (
        "payment.received/90d/amount_sum.peers.size",
        "payment.received/365d/distinct_payers.whose.payment.made/90d/amount_sum.mean",
    )
    new = "payment.received/30d/distinct_payers.new.90d"
    code, _, err = compute(shell, write(tmp_path / "pay.parquet", rows), columns=f"{peers},{hop},{new}")
    assert code == 0, err
    frame = Frame.from_arrow(pq.read_table(tmp_path / "frame.parquet"))
    assert frame.catalogue[hop].null_policy == "fewer_than_5_people"

    def within(days: int, now: int) -> list[dict[str, Any]]:
        return [e for e in rows if now - days * DAY <= e["at"] < now and e["arrived"] < now]

    def total(who: str, side: str, now: int) -> int:
        return sum(e["amount_fen"] for e in within(90, now) if e[side] == who)

    bands: dict[int, list[int]] = {}
    for who in frame.entity:
        own = total(who, "payee", month)
        bands.setdefault(band(own), []).append(own)
    for row, who in enumerate(frame.entity):
        payers = {e["payer"] for e in within(365, month) if e["payee"] == who}
        wanted = sum(total(one, "payer", month) for one in payers) / len(payers) if len(payers) >= 5 else float("nan")
        assert frame[hop][row] == pytest.approx(wanted, rel=1e-6, nan_ok=True)
        near, far = ({e["payer"] for e in within(days, AS_OF) if e["payee"] == who} for days in (30, 90))
        old = {e["payer"] for e in within(90, AS_OF) if e["payee"] == who and e["at"] < AS_OF - 30 * DAY}
        assert frame[new][row] == len(near - old) <= len(far)
        own = total(who, "payee", AS_OF)
        others = sorted(bands.get(band(own), []))
        low, middle, high = (others[-(-len(others) * k // 4) - 1] if len(others) >= 5 else 0 for k in (1, 2, 3))
        told = (own - middle) / (high - low) if high > low else float("nan")
        assert frame[peers][row] == pytest.approx(told, rel=1e-5, nan_ok=True)
    assert (frame[hop] > 0).sum() == 9 and (frame[peers] == frame[peers]).sum() > 4


def band(receipts: int) -> int:
    return sum(receipts >= edge for edge in settings().size.edges_fen)


def test_ids_may_come_from_a_file_and_portions_change_nothing(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dandelion.app import frame_files

    file = write(tmp_path / "pay.parquet", payments(800))
    assert compute(shell, file)[0] == 0
    whole = pq.read_table(tmp_path / "frame.parquet")
    (tmp_path / "ids.txt").write_text("# what the book reads\n" + "\n".join(ALL) + "\n\n", "utf-8")
    monkeypatch.setattr(frame_files, "ROWS_AT_ONCE", 7)
    assert compute(shell, file, columns=f"@{tmp_path / 'ids.txt'}")[0] == 0
    parts = pq.read_table(tmp_path / "frame.parquet")
    assert Frame.from_arrow(parts).values.tobytes() == Frame.from_arrow(whole).values.tobytes()
    assert parts.column("entity").to_pylist() == whole.column("entity").to_pylist()
    assert parts.schema.metadata == whole.schema.metadata
    assert not list(tmp_path.glob(".*.part"))


def test_without_arrived_an_event_is_known_when_it_happened(shell: Shell, tmp_path: Path) -> None:
    rows = payments(500)
    code, _, err = compute(shell, write(tmp_path / "pay.parquet", rows, without="arrived"), columns=SUM)
    assert code == 0
    assert "no column arrived" in err
    frame = Frame.from_arrow(pq.read_table(tmp_path / "frame.parquet"))
    at_once = [{**e, "arrived": e["at"]} for e in rows]
    assert frame[SUM].tolist() == [by_hand(at_once, who)[1] for who in frame.entity]


def test_how_a_file_is_written_changes_no_figure(shell: Shell, tmp_path: Path) -> None:
    """Coded text, several row groups, times without a zone or as whole numbers, rows in any order."""
    rows = payments(900)
    plain = pq.read_table(write(tmp_path / "pay.parquet", rows))
    assert compute(shell, tmp_path / "pay.parquet")[0] == 0
    wanted = Frame.from_arrow(pq.read_table(tmp_path / "frame.parquet")).values.tobytes()
    at = plain.column_names.index("at")
    instants = plain.column("at").cast(pa.int64())
    shuffled = plain.take(pa.array(random.Random(1).sample(range(900), 900)))
    for made in (
        pa.table({name: plain.column(name).dictionary_encode() if name != "at" else plain.column(name)
                  for name in plain.column_names}),
        plain.set_column(at, "at", instants.cast(pa.timestamp("us"))),
        plain.set_column(at, "at", instants),
        shuffled,
        shuffled.append_column("event_id", pa.array([f"e{i % 7}x{i}" for i in range(900)])),
    ):  # fmt: skip
        pq.write_table(made, tmp_path / "pay.parquet", row_group_size=200)
        code, _, err = compute(shell, tmp_path / "pay.parquet")
        assert code == 0, err
        assert Frame.from_arrow(pq.read_table(tmp_path / "frame.parquet")).values.tobytes() == wanted


def test_ties_are_in_order_of_the_event_id_or_else_of_the_file(shell: Shell, tmp_path: Path) -> None:
    row = {"payer": "p", "payee": "shop1", "at": AS_OF - DAY, "arrived": AS_OF - DAY, "channel": "qr"}
    rows = [{**row, "amount_fen": fen} for fen in (500, 700, 300)]
    latest = "payment.received/30d/amount_last"
    for ids, wanted in ((None, 300), (["c", "b", "a"], 500)):
        told = [{**e, **({} if ids is None else {"event_id": ids[i]})} for i, e in enumerate(rows)]
        assert compute(shell, write(tmp_path / "pay.parquet", told), columns=latest)[0] == 0
        assert pq.read_table(tmp_path / "frame.parquet").column(latest).to_pylist() == [wanted]
    code, _, err = compute(shell, write(tmp_path / "pay.parquet", told[:1]), columns=latest)
    assert code == 0, err
    pq.write_table(pq.read_table(tmp_path / "pay.parquet").slice(0, 0), tmp_path / "pay.parquet")
    code, _, err = compute(shell, tmp_path / "pay.parquet", columns=latest)
    assert code == 2
    assert "there is nobody to compute columns for" in err


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"without": "channel"}, "lacks column 'channel', which payment.received/channel=qr/30d/count is made of; add"),
        ({"without": "payee"}, "lacks column 'payee'"),
        ({"amount_fen": 1.5}, "amount_fen is double; write it as whole fen"),
        ({"payer": None}, "payer is empty in row 0; fill it in"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_by_column(
    change: dict[str, Any], says: str, shell: Shell, tmp_path: Path
) -> None:
    without = change.pop("without", "")
    rows = payments(20)
    rows[0] |= change
    code, out, err = compute(shell, write(tmp_path / "pay.parquet", rows, without=without))
    assert (code, out) == (2, "")
    assert says in err
    assert not (tmp_path / "frame.parquet").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--columns payment.received/30d/profit", "does not name a figure"),
        ("--columns order.sold/30d/count", "is made of order events; give them with --stream order --events FILE"),
        ("--columns @nowhere.txt", "there is no file nowhere.txt"),
        ("--columns ,", "no column is named"),
        ("--as-of yesterday", "--as-of: 'yesterday' is not a date"),
        ("--events nowhere.parquet", "give --stream once for every --events"),
        ("--out nowhere/frame.parquet", "there is no folder"),
        ("--threads 0", "--threads is 0"),
    ],
)
def test_a_wrong_word_is_refused_with_the_remedy(words: str, says: str, shell: Shell, tmp_path: Path) -> None:
    code, out, err = compute(shell, write(tmp_path / "pay.parquet", payments(20)), *words.split())
    assert (code, out) == (2, "")
    assert says in err


def test_the_list_is_one_line_of_json_with_a_structured_definition_each(shell: Shell) -> None:
    found = shell.json("indicators", "list", "--stream", "review.earned")
    assert len(found) > 3000
    one = next(column for column in found if column["id"] == "review.earned/grade=low/90d/count")
    assert one["definition"]["filter"] == {"stars": {"from": 1, "below": 3}}
    assert one["definition"]["window_s"] == 90 * 86_400
    assert (one["definition"]["stream"], one["definition"]["role"], one["definition"]["aggregate"]) == (
        "review", "seller", "count",
    )  # fmt: skip
    few = shell.json("indicators", "list", "--match", "review.earned/*/90d/count.part")
    assert few
    assert all(column["definition"]["op"] == "share" for column in few)
    assert shell.json("indicators", "show", few[0]["id"]) == few[0]


def test_the_list_for_people_is_a_column_a_line(shell: Shell) -> None:
    code, out, err = shell("indicators", "list", "--stream", "tax.filed")
    lines = out.splitlines()
    assert code == 0
    assert f"{len(lines):,} columns" in err
    assert len(lines) > 200
    assert all(line.count("\t") == 2 for line in lines)
    code, out, err = shell("indicators", "list", "--stream", "tax.fled")
    assert (code, out) == (2, "")
    assert "there is no stream 'tax.fled'; the streams are inquiry.made, invoice.bought" in err


def test_a_book_of_a_workspace_may_name_any_path(tmp_path: Path) -> None:
    from dandelion.app import workspace
    from dandelion.app.policy_set import catalogue, load_book, load_definitions

    workspace.init(tmp_path)
    path = "payment.received/channel=qr/hours=night/90d/count.of_all"
    definitions = load_definitions(tmp_path)
    known = catalogue(definitions)
    assert path in known
    assert "graph.payers/90d/count" in known
    book = tmp_path / "strategies" / "book.yaml"
    pin = known[path].definition_hash[:8]
    text = book.read_text("utf-8")
    assert "columns:\n" in text
    book.write_text(text.replace("columns:\n", f"columns:\n  qr_nights: {path}@{pin}\n", 1), "utf-8")
    assert load_book(book.parent, definitions).columns["qr_nights"].id == path
    assert path not in definitions.columns
