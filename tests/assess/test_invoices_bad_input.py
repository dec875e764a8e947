"""What a lender's export can get wrong: each meets one sentence that names file, row or column, and what to do."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from invoices_maker import HEADER, invoice, quick_rules, small_export

from dandelion.app.assess.invoices_reading import read_directory
from dandelion.app.assess.invoices_settings import settings
from dandelion.app.usecases.assess_invoices import assess_invoices
from dandelion.core import BadInput, DandelionError

TODAY = date(2024, 6, 1)


def read(folder, as_of=None):
    return read_directory(folder, settings().layout, as_of=as_of, today=TODAY, progress=lambda _w, _s: None)


@pytest.fixture
def export():
    return small_export(good=3, bad=2, unknown=2)


def every(export, column, value):
    place = export.header.index(column)
    for row in export.invoices:
        row[place] = value


def refused(folder, *words):
    with pytest.raises(DandelionError) as caught:
        read(folder)
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert len(message) < 400 and "Traceback" not in message
    return caught.value


def test_a_missing_column_is_named_with_the_columns_there_are(export, tmp_path):
    export.header[7] = "grand_sum"
    error = refused(export.write(tmp_path), "invoices.csv lacks column 'total_fen'", "grand_sum")
    assert error.field == "total"


def test_money_without_a_unit_is_refused_because_fen_and_yuan_differ_a_hundredfold(export, tmp_path):
    export.header[7] = "total"
    refused(export.write(tmp_path), "no unit", "total_fen or total_yuan")


def test_a_column_given_twice_is_refused(export, tmp_path):
    export.header.append("status")
    export.invoices = [[*row, "valid"] for row in export.invoices]
    refused(export.write(tmp_path), "names void twice", "void and status")


def test_text_in_amounts_is_named_with_row_and_value(export, tmp_path):
    every(export, "total_fen", "about 300")
    refused(export.write(tmp_path), "row 2", "total is 'about 300'", "whole number of fen")


def test_a_column_of_the_wrong_type_in_parquet_is_named(export, tmp_path):
    folder = export.write(tmp_path)
    table = pacsv.read_csv(folder / "invoices.csv")
    wrong = table.set_column(3, "date", pa.array([3.5] * table.num_rows))
    (folder / "invoices.csv").unlink()
    pq.write_table(wrong, folder / "invoices.parquet")
    refused(folder, "invoices.parquet", "date is '3.5'", "a date like 2019-06-30")


def test_a_nested_parquet_column_is_refused_by_name(export, tmp_path):
    folder = export.write(tmp_path)
    table = pacsv.read_csv(folder / "invoices.csv")
    wrong = table.set_column(0, "firm", pa.array([["F1"]] * table.num_rows))
    (folder / "invoices.csv").unlink()
    pq.write_table(wrong, folder / "invoices.parquet")
    refused(folder, "'firm'", "list")


def test_future_dates_are_set_aside_and_too_many_of_them_stop_the_run(export, tmp_path):
    export.invoices.append(invoice("F1", 1, date(2099, 1, 1), 500))
    got = read(export.write(tmp_path / "one"))
    assert got.set_aside_rows == 1 and "2099-01-01 lies in the future" in got.set_aside[0].reason
    assert got.as_of.year < 2021
    every(export, "date", "2099-01-01")
    refused(export.write(tmp_path / "all"), "2099-01-01 lies in the future")


def test_an_empty_file_is_named(export, tmp_path):
    folder = export.write(tmp_path)
    (folder / "invoices.csv").write_bytes(b"")
    refused(folder, "invoices.csv is empty")


def test_a_header_without_rows_is_named(export, tmp_path):
    export.invoices = []
    refused(export.write(tmp_path), "invoices.csv holds a header and no rows")


def test_mixed_encodings_are_refused_with_the_line(export, tmp_path):
    folder = export.write(tmp_path)
    rows = [",".join(export.firms_header).encode(), "F1,餐饮公司,A,0".encode(), "F2,五金公司,,1".encode("gb18030")]
    (folder / "firms.csv").write_bytes(b"\n".join(rows) + b"\n")
    refused(folder, "firms.csv", "mixes encodings", "line")


def test_gb18030_as_banks_export_it_is_read(export, tmp_path):
    got = read(export.write(tmp_path, encoding="gb18030"))
    assert got.firms.sole_trader.any() and got.set_aside_rows == 0


@pytest.mark.parametrize("flag", ["nan", "", "NULL"])
def test_a_missing_value_where_a_flag_belongs_is_no_flag(export, tmp_path, flag):
    every(export, "void", flag)
    refused(export.write(tmp_path), "row 2", "void is", "作废")


def test_an_unknown_status_is_named_with_the_words_that_are_known(export, tmp_path):
    every(export, "void", "pending")
    refused(export.write(tmp_path), "void is 'pending'", "valid")


def test_an_unknown_direction_is_named(export, tmp_path):
    every(export, "direction", "gift")
    refused(export.write(tmp_path), "direction is 'gift'", "sale", "purchase")


def test_a_firm_listed_twice_is_named_with_both_rows(export, tmp_path):
    export.firms.append(list(export.firms[1]))
    refused(export.write(tmp_path), "firm 'F2' twice", "rows 3 and 9")


def test_an_unknown_outcome_is_named(export, tmp_path):
    export.firms[0][3] = "maybe"
    refused(export.write(tmp_path), "firms.csv row 2", "default is 'maybe'", "leave it empty")


def test_a_firm_without_events_stays_in_the_list(export, tmp_path):
    export.firms.append(["F99", "某公司", "", ""])
    assert read(export.write(tmp_path)).firms.ids[-1] == "F99"


def test_invoices_of_firms_nobody_asked_about_are_counted_and_left_out(export, tmp_path):
    rows = len(export.invoices)
    export.invoices.append(invoice("STRANGER", 1, date(2019, 1, 1), 500))
    got = read(export.write(tmp_path / "one"))
    assert got.of_unknown_firms == 1 and got.invoices.num_rows == rows
    for row in export.firms:
        row[0] = f"X{row[0]}"
    refused(export.write(tmp_path / "all"), "belongs to a firm of the firms file")


def test_a_churn_share_above_one_is_named(export, tmp_path):
    export.churn[2][1] = "7.5"
    refused(export.write(tmp_path), "churn_by_rate.csv row 4", "churn_a is '7.5'", "between 0 and 1")


def test_a_rate_listed_twice_is_named(export, tmp_path):
    export.churn.append(list(export.churn[0]))
    refused(export.write(tmp_path), "lists the rate 0.04 twice")


def test_a_row_with_too_many_cells_is_set_aside_with_its_number(export, tmp_path):
    export.invoices[4].append("loose")
    got = read(export.write(tmp_path))
    assert got.set_aside_rows == 1 and got.set_aside[0].row == 6 and "cells" in got.set_aside[0].reason


def test_a_day_of_assessment_before_every_invoice_names_the_span(export, tmp_path):
    folder = export.write(tmp_path)
    with pytest.raises(BadInput, match="no invoice before 2010-01-01; its invoices run from 2018"):
        read(folder, as_of=date(2010, 1, 1))


def test_invoices_on_or_after_the_day_of_assessment_are_counted_and_not_used(export, tmp_path):
    folder = export.write(tmp_path)
    got = read(folder, as_of=date(2019, 1, 1))
    whole = read(folder)
    assert got.after_as_of > 0
    assert got.invoices.num_rows + got.after_as_of == whole.invoices.num_rows
    assert got.invoices["day"].to_numpy().max() < (date(2019, 1, 1) - date(1970, 1, 1)).days


def test_an_export_with_firms_to_decide_only_says_that_a_model_needs_outcomes(tmp_path):
    export = small_export(good=2, bad=2, unknown=6)
    for row in export.firms:
        row[3] = ""
    with pytest.raises(BadInput, match="no firm of the firms file has a known outcome"):
        assess_invoices(export.write(tmp_path), out=tmp_path / "out", rules=quick_rules())


def test_too_few_outcomes_are_counted_in_the_refusal(tmp_path):
    export = small_export(good=5, bad=2, unknown=3)
    with pytest.raises(BadInput, match="7 labelled firms with 2 defaults; at least 40 with 10"):
        assess_invoices(export.write(tmp_path), out=tmp_path / "out", rules=quick_rules())


def test_a_folder_that_is_not_there_and_a_file_that_is_not_there_are_named(export, tmp_path):
    refused(tmp_path / "nowhere", "is not a directory")
    folder = export.write(tmp_path)
    (folder / "churn_by_rate.csv").unlink()
    refused(folder, "churn_by_rate.csv or churn_by_rate.parquet")


def test_yuan_and_chinese_headers_give_the_same_table_as_fen(export, tmp_path):
    plain = read(export.write(tmp_path / "fen"))
    export.header = ["企业代号", "方向", "发票号码", "开票日期", "对方代号", "金额", "税额", "价税合计", "发票状态"]
    words = {"sale": "销项", "purchase": "进项", "true": "作废发票", "false": "有效发票"}
    for row in export.invoices:
        row[1], row[8] = words[row[1]], words[row[8]]
        row[3] = row[3].replace("-", "/")
        for place in (5, 6, 7):
            fen = int(row[place])
            row[place] = f"{fen // 100:,}.{fen % 100:02d}"
    chinese = read(export.write(tmp_path / "yuan"))
    assert chinese.set_aside_rows == 0
    assert chinese.invoices.select(HEADER_TYPED).equals(plain.invoices.select(HEADER_TYPED))


HEADER_TYPED = ["firm", "sale", "number", "day", "net_fen", "tax_fen", "total_fen", "void"]


def test_parquet_and_csv_give_the_same_table(export, tmp_path):
    folder = export.write(tmp_path)
    plain = read(folder)
    table = pacsv.read_csv(folder / "invoices.csv")
    assert table.column_names == HEADER
    (folder / "invoices.csv").unlink()
    pq.write_table(table, folder / "invoices.parquet")
    again = read(folder)
    assert again.invoices.equals(plain.invoices) and again.as_of == plain.as_of
