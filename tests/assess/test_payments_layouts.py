"""One noodle stall in every layout: the same money whichever company wrote the bill."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import noodle_stall as stall
import openpyxl
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from dandelion.app.assess.payments_columns import parse_map, recognise
from dandelion.app.assess.payments_result import PaymentsResult
from dandelion.app.usecases.assess_payments import assess_payments
from dandelion.core import BadInput, ManualClock, instant

CLOCK = ManualClock(instant("2025-12-01T00:00:00", "Asia/Shanghai"))
ROWS = stall.rows()
MEALS = [row for row in ROWS if row.kind == "二维码收款"]
REFUNDED = [row for row in ROWS if row.kind == "二维码收款-退款"]


def assess(path: Path, **options: object) -> PaymentsResult:
    return assess_payments(path, out=path.parent / "out", clock=CLOCK, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("write", [stall.wechat_merchant, stall.alipay_business, stall.plain_csv])
def test_receipts_and_refunds_are_exact_in_every_layout_and_encoding(
    tmp_path: Path, write: Callable[[list[stall.Row]], str], encoding: str
) -> None:
    path = tmp_path / "bill.csv"
    path.write_bytes(write(ROWS).encode(encoding))
    result = assess(path)
    turnover = result.merchants[0].turnover
    assert result.read.layout == {"plain_csv": "named_columns"}.get(write.__name__, write.__name__)
    assert result.read.encoding == encoding
    assert turnover.received_fen == sum(row.fen for row in MEALS)
    assert turnover.refunded_fen == sum(row.fen for row in REFUNDED)
    assert turnover.verified_fen == turnover.received_fen - turnover.refunded_fen
    assert (result.read.rejected, result.read.duplicates) == (0, 0)


def test_a_personal_statement_leaves_out_gifts_withdrawals_and_money_that_came_back(tmp_path: Path) -> None:
    path = tmp_path / "bill.csv"
    path.write_bytes(stall.wechat_personal(ROWS).encode("gb18030"))
    result = assess(path)
    turnover = result.merchants[0].turnover
    gifts = sum(row.fen for row in ROWS if row.kind == "微信红包")
    assert result.read.header_row == 8
    assert result.read.one_holder
    assert (turnover.gift_fen, turnover.circular_fen) == (gifts, 300_000)  # the brothers' loan went and came back
    assert turnover.verified_fen == sum(row.fen for row in MEALS) - sum(row.fen for row in REFUNDED)
    assert result.read.not_counted["neutral"] == sum(row.kind == "零钱提现" for row in ROWS)
    assert result.merchants[0].shape.kind == "cannot_see"


def test_a_ledger_of_income_and_expense_agrees_with_the_statement(tmp_path: Path) -> None:
    for name, write in (("ledger", stall.alipay_ledger), ("statement", stall.wechat_personal)):
        (tmp_path / f"{name}.csv").write_text(write([row for row in ROWS if row.kind != "微信红包"]), "utf-8")
    ledger, statement = (assess(tmp_path / f"{name}.csv") for name in ("ledger", "statement"))
    assert ledger.read.layout == "alipay_ledger"
    assert ledger.merchants[0].turnover == statement.merchants[0].turnover
    assert ledger.read.footer_rows == 2


def test_csv_workbook_and_parquet_give_the_same_merchants(tmp_path: Path) -> None:
    text = stall.plain_csv(ROWS)
    (tmp_path / "bill.csv").write_text(text, "utf-8")
    book = openpyxl.Workbook()
    for line in text.splitlines():
        cells: list[object] = list(line.split(","))
        if cells[4] != "amount":
            cells[4] = float(str(cells[4]))
        book.active.append(cells)
    book.save(tmp_path / "bill.xlsx")
    as_text = pacsv.ConvertOptions(column_types={"order_id": "string"})
    pq.write_table(pacsv.read_csv(tmp_path / "bill.csv", convert_options=as_text), tmp_path / "bill.parquet")
    csv, xlsx, parquet = (
        assess(tmp_path / f"bill.{kind}", unit="yuan").merchants for kind in ("csv", "xlsx", "parquet")
    )
    assert csv == xlsx == parquet


def test_the_hours_are_those_of_the_time_zone_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "bill.csv"
    path.write_text("paid_at,payer,payee,amount\n" + "".join(
        f"2025-03-{day:02d}T22:30:00Z,c{day % 9},stall,5.50\n" for day in range(1, 29)
    ))  # fmt: skip
    for tz, hour in (("Asia/Shanghai", 6), ("UTC", 22)):
        heat = assess(path, tz=tz).merchants[0].rhythm.heat
        assert heat is not None
        assert {h for row in heat for h, count in enumerate(row) if count} == {hour}


def test_a_file_of_days_says_that_hours_cannot_be_seen(tmp_path: Path) -> None:
    path = tmp_path / "bill.csv"
    path.write_text("date,payer,payee,amount\n" + "".join(f"2025-03-{d:02d},c{d},stall,5.50\n" for d in range(1, 29)))
    result = assess(path)
    assert result.merchants[0].rhythm.heat is None
    assert any("name a day but no hour" in en for _, en in result.notes)


def test_the_example_in_the_docs_is_what_the_seed_makes() -> None:
    assert stall.EXAMPLE.read_text("utf-8") == stall.wechat_personal(stall.rows())
    assert "SYNTHETIC" in stall.EXAMPLE.read_text("utf-8")[:600]


def test_a_merchant_platform_bill_of_several_shops_keeps_them_apart(tmp_path: Path) -> None:
    lines = stall.wechat_merchant(ROWS).splitlines()
    body = [line.replace("`1900000001,`0,", f"`1900000001,`{190 + i % 3},") for i, line in enumerate(lines[1:-2])]
    path = tmp_path / "bill.csv"
    path.write_text("\n".join([lines[0], *body, *lines[-2:]]), "utf-8")
    assert sorted(one.name for one in assess(path).merchants) == ["190", "191", "192"]


def test_map_reads_pairs_and_refuses_what_is_none() -> None:
    assert parse_map("payee=收款方，amount=金额,") == {"payee": "收款方", "amount": "金额"}
    with pytest.raises(BadInput, match="--map part 'payee' does not read; write it like payee=收款方,amount=金额"):
        parse_map("payee")


def test_a_unit_in_brackets_is_read_from_the_header() -> None:
    for name, unit in (("金额（元）", "yuan"), ("金额(分)", "fen"), ("total_fee", "fen"), ("金额", None)):
        assert recognise(["时间", "付款方", "收款方", name], None, "f").unit == unit


def test_order_ids_that_a_spreadsheet_cut_short_collapse_nothing(tmp_path: Path) -> None:
    """Re-saving a bill in a spreadsheet turns 4200001234567890123 into 4.2E+18: all orders would look like one."""
    plain, cut = tmp_path / "plain.csv", tmp_path / "cut.csv"
    plain.write_text(stall.plain_csv(ROWS), "utf-8")
    cut.write_text("\n".join(
        line if line.startswith("order") else "1.0001E+21" + line[line.index(",") :] for line in plain.read_text("utf-8").splitlines()
    ), "utf-8")  # fmt: skip
    result = assess(cut)
    assert result.merchants[0].turnover == assess(plain).merchants[0].turnover
    assert (result.read.cut_orders, result.read.duplicates) == (len(MEALS) + len(REFUNDED), 0)
    assert any("cut short by a spreadsheet" in en for _, en in result.notes)


def test_a_payer_that_a_spreadsheet_cut_short_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "bill.csv"
    lines = stall.plain_csv(ROWS[:300]).splitlines()
    path.write_text("\n".join([*lines, "zz,2025-03-09 08:00:00,1.38E+10,noodle stall,5.50,success"]), "utf-8")
    result = assess(path)
    assert result.files["quarantine"].read_text("utf-8-sig").splitlines()[1] == (
        f"{len(lines) + 1},payer,payer: '1.38E+10' is a number that a spreadsheet cut short; export ids as text"
    )
