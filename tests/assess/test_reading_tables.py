"""The tabular reader finds the table in any file, numbers its rows as a person would, and says what is wrong."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dandelion.app.assess import reading_book, reading_csv
from dandelion.app.assess.reading import Sheet, batches, clean, open_sheet
from dandelion.app.assess.reading_text import text_facts
from dandelion.core import BadInput, TooLarge

MOMENT = datetime.fromisoformat("2025-01-02 03:04:05")
NAMES = {"时间", "金额", "付款方", "time", "amount"}


def score(cells: list[str] | tuple[str, ...]) -> int:
    return sum(cell in NAMES for cell in cells)


def table(path: Path) -> tuple[Sheet, list[tuple[int, ...]], list[list[str]]]:
    """(sheet, rows with their numbers, ragged) read whole."""
    sheet = open_sheet(path, score)
    rows, ragged = [], []
    for batch in batches(sheet, range(len(sheet.columns))):
        for i, number in enumerate(batch.rows.tolist()):
            rows.append((number, *(column[i].as_py() for column in batch.columns)))
        ragged += [(one.row, one.cells, one.footer) for one in batch.ragged]
    return sheet, rows, ragged


def written(tmp_path: Path, data: bytes, name: str = "file.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_encoding_and_delimiter_are_found(tmp_path: Path, encoding: str, delimiter: str) -> None:
    text = "某某银行流水\n时间,金额,付款方\n2025-01-01,3.00,王五\n".replace(",", delimiter)
    sheet, rows, _ = table(written(tmp_path, text.encode(encoding)))
    assert (sheet.encoding, sheet.delimiter, sheet.header_row) == (encoding, delimiter, 2)
    assert rows == [(3, "2025-01-01", "3.00", "王五")]
    assert sheet.preamble == ("某某银行流水",)


def test_row_numbers_stay_true_around_blank_ragged_and_quoted_rows(tmp_path: Path) -> None:
    text = '# note\n时间,金额\n1,a\n2,b,too many\n\n"5",e\n#total,9\n7,g\n'
    _, rows, ragged = table(written(tmp_path, text.encode()))
    assert rows == [(3, "1", "a"), (5, "", ""), (6, "5", "e"), (8, "7", "g")]
    assert sorted(ragged) == [(4, 3, False), (7, 2, True)]


def test_a_quoted_line_break_stays_inside_its_cell(tmp_path: Path) -> None:
    _, rows, _ = table(written(tmp_path, '时间,金额\n1,"a\nb"\n2,c\n'.encode()))
    assert rows == [(2, "1", "a\nb"), (3, "2", "c")]


def test_row_numbers_hold_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_csv, "CSV_BLOCK_BYTES", 256)
    lines = ["时间,金额"] + [f"{i},{i}" + (",x" if i % 7 == 0 else "") for i in range(2, 500)]
    _, rows, ragged = table(written(tmp_path, "\n".join(lines).encode()))
    assert all(number == int(at) for number, at, _ in rows)
    assert [row for row, _, _ in ragged] == [i for i in range(2, 500) if i % 7 == 0]


def test_summary_lines_after_the_rows_are_no_rows(tmp_path: Path) -> None:
    text = "时间,金额\n1,2\n总交易单数,应结订单总金额,退款总金额\n`1,`2.00,`0.00\n"
    _, rows, ragged = table(written(tmp_path, text.encode()))
    assert rows == [(2, "1", "2")]
    assert [footer for _, _, footer in ragged] == [True, True]


def test_a_workbook_reads_like_the_same_table_in_csv(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (["流水"], ["时间", "金额"], [MOMENT, 0.1 + 0.2], [datetime.fromisoformat("2025-01-03"), 12], []):
        book.active.append(row)
    path = tmp_path / "file.xlsx"
    book.save(path)
    sheet, rows, _ = table(path)
    assert (sheet.format, sheet.header_row) == ("xlsx", 2)
    assert rows[:2] == [(3, "2025-01-02 03:04:05", "0.3"), (4, "2025-01-03 00:00:00", "12")]


def test_a_parquet_file_keeps_timestamps_and_turns_numbers_into_text(tmp_path: Path) -> None:
    path = tmp_path / "file.parquet"
    at = pa.array([MOMENT], pa.timestamp("ms"))
    pq.write_table(pa.table({"time": at, "amount": pa.array([0.1 + 0.2])}), path)
    sheet, rows, _ = table(path)
    assert sheet.format == "parquet"
    assert rows == [(1, MOMENT, "0.3")]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("`4200001\t", "4200001"),
        ('="0012"', "0012"),
        ("\ufeff时间", "时间"),
        ("\u3000x ", "x"),
        (None, ""),
        ("'08", "08"),
    ],
)
def test_the_marks_that_exports_put_around_values_come_off(cell: str | None, text: str) -> None:
    assert clean(cell) == text


def test_gb18030_that_happens_to_be_utf8_in_places_is_still_gb18030(tmp_path: Path) -> None:
    """联通 in GB18030 is valid UTF-8 of another text; one such line must not be called a mixture."""
    path = written(tmp_path, "时间,金额\n1,联通\n2,面馆\n".encode("gb18030"))
    assert text_facts(path).encoding == "gb18030"


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        (b"", "a.csv", "a.csv is empty; export it again"),
        (b"\n \n", "a.csv", "a.csv is empty; export it again"),
        (b"\xff\xfea\x00", "a.csv", "a.csv is written in UTF-16; save it as CSV UTF-8 (or GB18030) and try again"),
        (b"a\x00b", "a.csv", "a.csv is not text (it holds zero bytes); give CSV, Excel .xlsx or Parquet"),
        (
            b"time,amount\n",
            "a.xlsx",
            "a.xlsx ends in .xlsx but is not an Excel workbook; save it again as .xlsx, or as CSV",
        ),
        (b"time,amount\n", "a.parquet", "a.parquet ends in .parquet but is not a Parquet file; write it again"),
        (b"\xd0\xcf\x11\xe0....", "a.xls", "a.xls is an old .xls workbook; save it as .xlsx or CSV"),
        (b"PK\x03\x04broken", "a.xlsx", "a.xlsx is a damaged workbook or archive; save it again"),
        (b"PAR1broken", "a.parquet", "a.parquet is a damaged Parquet file; write it again"),
    ],
)
def test_a_file_that_is_not_a_table_says_what_it_is(tmp_path: Path, data: bytes, name: str, message: str) -> None:
    with pytest.raises(BadInput) as error:
        open_sheet(written(tmp_path, data, name), score)
    assert error.value.message == message


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"there is no file .*nothing.csv; check the path"):
        open_sheet(tmp_path / "nothing.csv", score)


def test_an_encoding_that_changes_half_way_is_refused_with_its_line(tmp_path: Path) -> None:
    start = "时间,金额,付款方\n1,2,王五五\n".encode()
    path = written(tmp_path, start + "3,4,面馆老顾客\n".encode("gb18030"))
    with pytest.raises(BadInput) as error:
        open_sheet(path, score)
    assert error.value.message == (
        "file.csv mixes encodings: line 3 is not UTF-8 but line 1 is; save the whole file in one encoding (UTF-8 is best)"
    )


def test_bytes_of_no_encoding_are_refused_with_their_line(tmp_path: Path) -> None:
    path = written(tmp_path, "时间,金额\n1,面馆\n".encode("gb18030") + b"2,\xff\xff\n")
    with pytest.raises(BadInput, match="line 1 is not UTF-8 and line 3 is not GB18030"):
        open_sheet(path, score)


def test_limits_of_size_are_told_before_anything_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, b"time,amount\n1,2\n")
    monkeypatch.setattr(reading_csv, "CSV_BYTES_MAX", 4)
    with pytest.raises(TooLarge, match=r"file.csv holds .* GiB; a CSV may hold .* split it by month"):
        open_sheet(path, score)
    book = openpyxl.Workbook()
    book.save(tmp_path / "b.xlsx")
    monkeypatch.setattr(reading_book, "XLSX_UNPACKED_BYTES_MAX", 4)
    with pytest.raises(TooLarge, match=r"b.xlsx holds .* MiB .* save it as CSV"):
        open_sheet(tmp_path / "b.xlsx", score)
