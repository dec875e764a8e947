"""CSV as batches of text: one streaming pass of Arrow's parser, with the row number of every line kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from dandelion.app.assess.reading_sheet import HEADER_SEARCH_ROWS, Batch, HeaderScore, Ragged, Sheet, clean, pick_header
from dandelion.app.assess.reading_text import DELIMITERS, head_lines, split_line, text_facts
from dandelion.core import BadInput, TooLarge

CSV_BYTES_MAX = 8 * 2**30
CSV_BLOCK_BYTES = 16 * 2**20
FOOTER_MARKS = ("#", "--", "总交易单数")
_FOOTER_BYTES = np.array(sorted({mark.encode()[0] for mark in FOOTER_MARKS}), np.uint8)


def csv_sheet(path: Path, score: HeaderScore, least: int) -> Sheet:
    size = path.stat().st_size
    if size > CSV_BYTES_MAX:
        raise TooLarge(
            f"{path.name} holds {size / 2**30:.1f} GiB; a CSV may hold {CSV_BYTES_MAX / 2**30:.0f} GiB, so split it by "
            "month or convert it to Parquet",
            field="file",
        )
    facts = text_facts(path)
    lines = head_lines(path, facts.encoding)[:HEADER_SEARCH_ROWS]
    if not any(line.strip() for line in lines):
        raise BadInput(f"{path.name} is empty; export it again", field="file")
    found = {d: [split_line(line, d) for line in lines] for d in DELIMITERS}
    best = max(DELIMITERS, key=lambda d: max(score([clean(c) for c in row]) for row in found[d]))
    rows = found[best]
    single = ""
    if all(len(row) <= 1 for row in rows):
        single = "Every row is one single cell: separate columns by comma, tab, semicolon or |. "
    at = pick_header(rows, score, least, path.name, single)
    names = tuple(clean(cell) for cell in rows[at])
    preamble = tuple(line.strip().strip(",") for line in lines[:at])
    return Sheet(path, "csv", names, at + 1, preamble, facts.encoding, best, facts.quoted)


def csv_batches(sheet: Sheet, columns: Sequence[int]) -> Iterator[Batch]:
    ragged: list[Ragged] = []

    def note(row: pacsv.InvalidRow) -> str:
        follows = bool(ragged) and ragged[-1].footer and ragged[-1].row == row.number - 1
        footer = clean(row.text).startswith(FOOTER_MARKS) or follows
        ragged.append(Ragged(int(row.number), int(row.actual_columns), footer))
        return "skip"

    names = [f"c{j}" for j in range(len(sheet.columns))]
    wanted = [names[j] for j in columns]
    try:
        reader = pacsv.open_csv(
            sheet.path,
            read_options=pacsv.ReadOptions(
                use_threads=False,  # numbers the skipped rows; one thread already reads 300 MB a second
                block_size=CSV_BLOCK_BYTES,
                skip_rows=sheet.header_row,
                column_names=names,
                encoding="utf8" if sheet.encoding.startswith("utf-8") else sheet.encoding,
            ),
            parse_options=pacsv.ParseOptions(
                delimiter=sheet.delimiter,
                quote_char='"' if sheet.quoted else False,
                newlines_in_values=sheet.quoted,
                ignore_empty_lines=False,
                invalid_row_handler=note,
            ),
            convert_options=pacsv.ConvertOptions(
                include_columns=list(dict.fromkeys(["c0", *wanted])),
                column_types={name: pa.string() for name in names},
                strings_can_be_null=False,
            ),
        )
        yield from _numbered(reader, sheet, wanted, ragged)
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            return
        raise BadInput(
            f"{sheet.path.name} cannot be read as CSV: {str(error)[:200]}; look for an unclosed double quote",
            field="file",
        ) from None


def _numbered(
    reader: pacsv.CSVStreamingReader, sheet: Sheet, wanted: Sequence[str], ragged: list[Ragged]
) -> Iterator[Batch]:
    next_row, told = sheet.header_row + 1, 0
    for batch in reader:
        rows, told_now = _row_numbers(next_row, batch.num_rows, ragged, told)
        next_row = int(rows[-1]) + 1 if len(rows) else next_row
        data = [batch.column(batch.schema.get_field_index(name)) for name in wanted]
        beside = ragged[told:told_now]
        told = told_now
        foot = _footer_mask(batch.column(batch.schema.get_field_index("c0")))
        if foot.any():
            beside += [Ragged(int(row), len(sheet.columns), footer=True) for row in rows[foot]]
            rows, data = rows[~foot], [column.filter(pa.array(~foot)) for column in data]
        yield Batch(tuple(data), rows, tuple(beside))
    if told < len(ragged):
        yield Batch(tuple(pa.array([], pa.string()) for _ in wanted), np.empty(0, np.int64), tuple(ragged[told:]))


def _footer_mask(first: pa.Array) -> npt.NDArray[np.bool_]:
    """Summary lines that exports pad to the full width: known by their first cell."""
    mask = np.zeros(len(first), bool)
    _, offsets, data = first.buffers()
    at = np.frombuffer(offsets, np.int32)[first.offset : first.offset + len(first)]
    body = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    if not len(body) or not np.isin(body[np.minimum(at, len(body) - 1)], _FOOTER_BYTES).any():
        return mask
    for mark in FOOTER_MARKS:
        mask |= pc.starts_with(first, mark).to_numpy(zero_copy_only=False)
    return mask


def _row_numbers(first: int, count: int, ragged: list[Ragged], told: int) -> tuple[npt.NDArray[np.int64], int]:
    """Numbers of `count` good rows from `first` on, jumping over the ragged ones."""
    if told >= len(ragged):
        return np.arange(first, first + count, dtype=np.int64), told
    skipped = {item.row for item in ragged[told:]}
    span = np.arange(first, first + count + len(skipped), dtype=np.int64)
    rows = span[~np.isin(span, list(skipped))][:count]
    last = int(rows[-1]) if len(rows) else first - 1
    while told < len(ragged) and ragged[told].row <= last:
        told += 1
    return rows, told
