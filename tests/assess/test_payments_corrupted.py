"""Files as they really arrive: what is wrong is said in one sentence, bad rows are set aside, good rows go in."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from dandelion.app.assess.payments_result import PaymentsResult
from dandelion.app.usecases.assess_payments import assess_payments
from dandelion.core import BadInput, ManualClock, instant

CLOCK = ManualClock(instant("2025-12-01T00:00:00", "Asia/Shanghai"))
HEAD = "order_id,paid_at,payer,payee,amount,status\n"
GOOD = "".join(
    f"g{i},2025-03-{1 + i % 28:02d} 12:00:{i % 60:02d},c{i % 9},stall,{i}.50,success\n" for i in range(1, 40)
)


def assess(tmp_path: Path, text: str | bytes, **options: object) -> PaymentsResult:
    path = tmp_path / "pay.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return assess_payments(path, out=tmp_path / "out", clock=CLOCK, **options)  # type: ignore[arg-type]


def refused(tmp_path: Path, text: str | bytes, **options: object) -> str:
    with pytest.raises(BadInput) as error:
        assess(tmp_path, text, **options)
    return error.value.message


def set_aside(result: PaymentsResult) -> list[tuple[str, str, str]]:
    with result.files["quarantine"].open(encoding="utf-8-sig") as file:
        return [tuple(row) for row in csv.reader(file)][1:]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        ("x1,2025-03-05 12:00:00,c1,stall,twelve,success", "amount", "amount: 'twelve' is not an amount; write it like 1234.56"),
        ("x2,2025-03-05 12:00:00,c1,stall,12.345,success", "amount", "amount: '12.345' is not an amount; write it like 1234.56"),
        ("x3,2025-03-05 12:00:00,c1,stall,NaN,success", "amount", "amount: 'NaN' is not an amount; write it like 1234.56"),
        ("x4,2025-03-05 12:00:00,c1,stall,,success", "amount", "amount: is empty; a payment needs its amount"),
        ("x5,2025-03-05 12:00:00,c1,stall,0.00,success", "amount", "amount: is zero; nothing was paid"),
        ("x6,2025-02-30 12:00:00,c1,stall,5.00,success", "at", "at: '2025-02-30 12:00:00' is not a time; write it like 2025-06-30 08:15:00"),
        ("x7,,c1,stall,5.00,success", "at", "at: is empty; a payment needs its time"),
        ("x8,2031-01-01 00:00:00,c1,stall,5.00,success", "at", "at: 2030-12-31T16:00:00Z lies in the future; check clock and time zone"),
        ("x9,1975-01-01 00:00:00,c1,stall,5.00,success", "at", "at: 1974-12-31T16:00:00Z is before 1980; check the column"),
        ("y1,2025-03-05 12:00:00,c1,stall,5.00,perhaps", "status", "status: 'perhaps' is not a status this reader knows"),
        ("y2,2025-03-05 12:00:00,,stall,5.00,success", "payer", "payer: is empty; a payment needs who paid"),
        ("y3,2025-03-05 12:00:00,c1,,5.00,success", "payee", "payee: is empty; a payment needs who was paid"),
        ("y4,2025-03-05 12:00:00,c1,stall,5.00", "row", "row: has 5 cells where the header has 6"),
        ("g1,2025-03-05 12:00:00,c1,stall,77.00,success", "order", "order: is the order of row 2 again, with another time, amount or payer"),
    ],
)  # fmt: skip
def test_a_bad_row_is_set_aside_with_row_field_and_reason(tmp_path: Path, row: str, field: str, reason: str) -> None:
    result = assess(tmp_path, HEAD + GOOD + row + "\n" + "z9,2025-03-06 12:00:00,c1,stall,5.00,success\n")
    assert set_aside(result) == [("41", field, reason)]
    assert (result.read.rows, result.read.rejected, result.read.payments) == (41, 1, 40)


def test_the_same_row_twice_counts_once_and_is_reported(tmp_path: Path) -> None:
    once, twice = assess(tmp_path, HEAD + GOOD), assess(tmp_path, HEAD + GOOD + GOOD)
    assert (once.read.duplicates, twice.read.duplicates) == (0, 39)
    assert twice.merchants[0].turnover == once.merchants[0].turnover
    assert "quarantine" not in twice.files


def test_failed_and_pending_payments_never_reach_turnover(tmp_path: Path) -> None:
    extra = (
        "f1,2025-03-05 12:00:00,c1,stall,500.00,closed\nf2,2025-03-05 12:00:00,c1,stall,500.00,支付失败\n"
        "f3,2025-03-05 12:00:00,c1,stall,500.00,待支付\n"
    )
    plain, more = assess(tmp_path, HEAD + GOOD), assess(tmp_path, HEAD + GOOD + extra)
    assert more.merchants[0].turnover == plain.merchants[0].turnover
    assert more.read.not_counted == {"failed": 2, "pending": 1, "neutral": 0}


def test_refunds_in_every_spelling_take_the_same_off(tmp_path: Path) -> None:
    pay = "p1,2025-03-05 12:00:00,c1,stall,50.00,{}\n"
    for text in (
        HEAD + GOOD + pay.format("success") + "r1,2025-03-05 13:00:00,c1,stall,50.00,refund\n",
        HEAD + GOOD + pay.format("success") + "r1,2025-03-05 13:00:00,c1,stall,-50.00,退款成功\n",
        HEAD + GOOD + pay.format("success") + "r1,2025-03-05 13:00:00,c1,stall,-50.00,success\n",
        HEAD + GOOD + pay.format("已全额退款"),
        HEAD + GOOD + pay.format("已退款(￥50.00)"),
    ):
        turnover = assess(tmp_path, text).merchants[0].turnover
        assert turnover.refunded_fen == 5000
        assert turnover.verified_fen == assess(tmp_path, HEAD + GOOD).merchants[0].turnover.verified_fen


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "pay.csv is empty; export it again"),
        (HEAD, "pay.csv has a header but no rows; export it again with a longer period"),
        ("paid_at,payer,payee\n2025-03-05,c1,stall\n",
         "pay.csv has no column for the amount; it has paid_at, payer, payee. Name it: --map amount=..."),
        ("amount,payer,payee\n5.00,c1,stall\n",
         "pay.csv has no column for the time of a payment; it has amount, payer, payee. Name it: --map at=..."),
        ("paid_at,amount\n2025-03-05,5.00\n",
         "pay.csv has no column for who paid; it has paid_at, amount. Name it: --map payer=..."),
        ("paid_at,amount,payer,支付金额\n2025-03-05,5.00,c1,6.00\n",
         "pay.csv has 2 columns that could be the amount: amount, 支付金额; choose with --map amount=amount"),
        ("paid_at^amount^payer\n2025-03-05^5.00^c1\n",
         "pay.csv has no header row that names time and amount; the first row reads: paid_at^amount^payer. Every row is one "
         "single cell: separate columns by comma, tab, semicolon or |. Name the columns with --map at=...,amount=...,payer=...,payee=..."),
        ("a,b\n1,2\n",
         "pay.csv has no header row that names time and amount; the first row reads: a, b. "
         "Name the columns with --map at=...,amount=...,payer=...,payee=..."),
        (HEAD + "x,2025-03-05,c1,stall,five,success\n" * 3,
         "pay.csv: 3 of 3 rows cannot be read, first row 2, amount: 'five' is not an amount; write it like 1234.56; "
         "check the columns with --map, and --unit and --tz"),
        (HEAD + "x,2025-03-05,c1,stall,5.00,closed\n",
         "pay.csv has no payment that counts (1 failed); check the status and direction columns with --map"),
        ('paid_at,payer,amount\n"2025-03-05,c1,5.00\n2025-03-06,c2,6.00\n', None),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_assessed_says_why_and_what_to_do(tmp_path: Path, text: str, message: str | None) -> None:
    said = refused(tmp_path, text)
    assert said == message if message is not None else "pay.csv" in said


def test_whole_numbers_without_a_unit_are_asked_about(tmp_path: Path) -> None:
    text = "paid_at,payer,payee,amount\n" + "".join(
        f"2025-03-{i:02d} 08:00:00,c{i},stall,{i}00\n" for i in range(1, 29)
    )
    assert refused(tmp_path, text) == (
        "pay.csv: every amount is a whole number and no column says its unit; say --unit yuan or --unit fen "
        "(a mistake here is a factor of one hundred)"
    )
    yuan = assess(tmp_path, text, unit="yuan").merchants[0].turnover.received_fen
    assert yuan == 100 * assess(tmp_path, text, unit="fen").merchants[0].turnover.received_fen


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"map": {"payee": "老板"}}, "--map payee=老板: the file has no such column; it has order_id, paid_at, payer, payee, amount, status"),
        ({"map": {"boss": "payee"}}, "--map names 'boss'; it may name at, amount, payer, payee, counterparty, order, status, direction, "
                                      "kind, refund, refund_id, refund_status, income, expense"),
        ({"unit": "dollar"}, "unit is 'dollar'; it is yuan or fen"),
        ({"tz": "China"}, "'China' is no time zone; write it like Asia/Shanghai"),
        ({"as_of": "soon"}, "as_of is 'soon'; write a day like 2025-06-30"),
        ({"as_of": "2026-06-30"}, "as_of is 2026-06-30, a day in the future; give today or an earlier day"),
        ({"as_of": "2024-06-30"}, "pay.csv has no payment before 2024-06-30; its first is of 2025-03-01"),
    ],
)  # fmt: skip
def test_a_wrong_option_names_itself_and_what_is_allowed(
    tmp_path: Path, options: dict[str, object], message: str
) -> None:
    assert refused(tmp_path, HEAD + GOOD, **options) == message


def test_columns_with_names_of_their_own_are_mapped(tmp_path: Path) -> None:
    own = HEAD.replace("paid_at", "何时").replace("payer", "甲").replace("payee", "乙").replace("amount", "多少") + GOOD
    options = {"map": {"at": "何时", "payer": "甲", "payee": "乙", "amount": "多少"}}
    assert assess(tmp_path, own, **options).merchants == assess(tmp_path, HEAD + GOOD).merchants


def test_an_older_quarantine_does_not_outlive_its_file(tmp_path: Path) -> None:
    assert "quarantine" in assess(tmp_path, HEAD + GOOD + "x,2025-03-05,c1,stall,five,success\n").files
    assert "quarantine" not in assess(tmp_path, HEAD + GOOD).files
    assert not (tmp_path / "out" / "quarantine.csv").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    path = tmp_path / "pay.csv"
    path.write_text(HEAD + GOOD)
    with pytest.raises(BadInput, match=r"cannot write to .*taken .*; name another folder with --out"):
        assess_payments(path, out=tmp_path / "taken", clock=CLOCK)


def test_a_name_that_looks_like_a_formula_is_not_one_in_the_csv(tmp_path: Path) -> None:
    result = assess(tmp_path, HEAD + GOOD.replace("stall", "=cmd()"))
    assert "'=cmd()" in result.files["csv"].read_text("utf-8-sig")
