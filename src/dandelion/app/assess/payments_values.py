"""Cells to exact values: the fast kernel for the usual, a slow exact reading for the odd, a reason for the rest."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dandelion.app.assess import payments_kernel as kernel
from dandelion.app.assess.reading import clean
from dandelion.core import SECOND_US, BadInput, Money

AMOUNT_FEN_MAX = 10**13  # 100 billion yuan: beyond it something else stands in the column
_AMOUNT = re.compile(r"([+-]?)(\d{1,3}(?:,\d{3})+|\d{1,15})(?:\.(\d+))?")
_CUT = r"^[`'\s]*\d(\.\d+)?[eE]\+\d+[\s]*$"
_WORDS = re.compile(r"¥|人民币|rmb|cny|元|圆", re.IGNORECASE)
_DATE_WORDS = str.maketrans(
    {"年": "-", "月": "-", "日": " ", "时": ":", "点": ":", "分": ":", "秒": "", "號": " ", "号": " "}
)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})[ t]?(?:(\d{2}):?(\d{2}):?(\d{2}))?")

Ints = npt.NDArray[np.int64]
Marks = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Amounts:
    """`fen` holds the value where `state` is READ; EMPTY cells hold 0; ODD ones could not be read at all."""

    fen: Ints
    state: Marks
    pointed: bool  # a decimal point was seen


@dataclass(frozen=True, slots=True)
class Times:
    """`at_us` is UTC where `state` is READ; `date_only` counts rows without an hour."""

    at_us: Ints
    state: Marks
    date_only: int


def hashes(column: pa.Array) -> npt.NDArray[np.uint64]:
    """A 64-bit name of each id; 0 for empty.  Ids are never kept as text beyond this (payees apart)."""
    offsets, data = kernel.buffers(column.fill_null("") if column.null_count else column)
    return kernel.hash_text(offsets, data, kernel.blank_table())


def cut_short(column: pa.Array) -> npt.NDArray[np.bool_]:
    """Ids that a spreadsheet turned into numbers, such as 4.2E+27: different ones have become one text.

    >>> cut_short(pa.array(["4.2E+27", "42E", "4200"])).tolist()
    [True, False, False]
    """
    head = pc.match_substring_regex(column.slice(0, 1000), _CUT)
    if not pc.any(head).as_py():
        return np.zeros(len(column), np.bool_)
    return np.asarray(pc.fill_null(pc.match_substring_regex(column, _CUT), False).to_numpy(zero_copy_only=False))


def amounts(column: pa.Array, unit: str) -> Amounts:
    """Fen of a text column written in `unit`.  Exact: no float is ever made."""
    column = column.fill_null("") if column.null_count else column
    offsets, data = kernel.buffers(column)
    fen, state = kernel.read_amounts(offsets, data, kernel.blank_table(), 2 if unit == "yuan" else 0)
    for i in np.flatnonzero(state == kernel.ODD):
        value = exact_fen(column[int(i)].as_py(), unit)
        if value is not None:
            fen[i], state[i] = value, kernel.READ
    state[np.abs(fen) > AMOUNT_FEN_MAX] = kernel.ODD
    used = data[offsets[0] : offsets[-1]] if len(offsets) else data[:0]
    return Amounts(fen, state, bool((used == ord(".")).any()))


def exact_fen(text: str, unit: str) -> int | None:
    """The slow reading of one amount, also of full-width digits, 元, commas, +; None where it is no amount.

    >>> exact_fen("￥１，２３４.50元", "yuan"), exact_fen("12.345", "yuan"), exact_fen("1,2", "yuan")
    (123450, None, None)
    """
    plain = re.sub(r"\s+", "", _WORDS.sub("", unicodedata.normalize("NFKC", clean(text)))).replace("−", "-")
    if plain.startswith("(") and plain.endswith(")"):
        plain = "-" + plain[1:-1]
    match = _AMOUNT.fullmatch(plain)
    if match is None:
        return None
    sign, whole, fraction = match[1], match[2].replace(",", ""), (match[3] or "").rstrip("0")
    if len(fraction) > (2 if unit == "yuan" else 0):
        return None
    if unit == "fen":
        return -int(whole) if sign == "-" else int(whole)
    value = Money.yuan(f"{whole}.{fraction}" if fraction else whole).fen
    return -value if sign == "-" else value


def times(column: pa.Array, tz: str) -> Times:
    """UTC microseconds of a column of text (read in `tz` where it names no offset) or of timestamps."""
    if pa.types.is_timestamp(column.type):
        return _typed_times(column, tz)
    column = column.fill_null("") if column.null_count else column
    offsets, data = kernel.buffers(column)
    local, state, date_only = kernel.read_times(offsets, data, kernel.blank_table())
    at_us = to_utc_us(local, tz)
    bare = int(date_only[state == kernel.READ].sum())
    for i in np.flatnonzero(state == kernel.ODD):
        value = exact_time_us(column[int(i)].as_py(), tz)
        if value is not None:
            at_us[i], state[i] = value, kernel.READ
    return Times(at_us, state, bare)


def _typed_times(column: pa.Array, tz: str) -> Times:
    micros = column.cast(pa.timestamp("us", tz=column.type.tz), safe=False)
    state = np.where(micros.is_null().to_numpy(zero_copy_only=False), kernel.EMPTY, kernel.READ).astype(np.uint8)
    at_us = micros.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False).copy()
    if column.type.tz is None:
        at_us = to_utc_us(at_us // SECOND_US, tz) + at_us % SECOND_US
    return Times(at_us, state, 0)


def to_utc_us(local_s: Ints, tz: str) -> Ints:
    """Local wall-clock seconds to UTC microseconds; the offset is looked up once per quarter of an hour."""
    return (local_s - _offsets(local_s // 900, lambda quarter: _offset_of_wall(quarter, tz))) * SECOND_US


def local_seconds(at_us: Ints, tz: str) -> Ints:
    """UTC microseconds to wall-clock seconds since 1970 in `tz`."""
    seconds = at_us // SECOND_US
    return seconds + _offsets(seconds // 900, lambda quarter: _offset_of_utc(quarter, tz))


def _offsets(quarter: Ints, offset_s: Callable[[int], int]) -> Ints:
    """`offset_s` of every quarter of an hour, asked once for each that occurs."""
    if len(quarter) == 0:
        return quarter
    first, last = int(quarter.min()), int(quarter.max())
    if last - first < 4_000_000:  # a century: a table is quicker than sorting
        present = np.zeros(last - first + 1, np.bool_)
        present[quarter - first] = True
        found = np.zeros(last - first + 1, np.int64)
        for one in np.flatnonzero(present).tolist():
            found[one] = offset_s(one + first)
        return found[quarter - first]
    distinct, inverse = np.unique(quarter, return_inverse=True)
    return np.array([offset_s(int(one)) for one in distinct], np.int64)[inverse]


@functools.lru_cache(maxsize=200_000)
def _offset_of_wall(quarter: int, tz: str) -> int:
    wall = datetime(1970, 1, 1) + timedelta(minutes=15 * quarter)  # noqa: DTZ001 - a wall clock on purpose
    offset = wall.replace(tzinfo=zone(tz)).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


@functools.lru_cache(maxsize=200_000)
def _offset_of_utc(quarter: int, tz: str) -> int:
    offset = datetime.fromtimestamp(quarter * 900, zone(tz)).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def zone(tz: str) -> ZoneInfo:
    """Errors: BadInput for a name that is no time zone."""
    try:
        return ZoneInfo(tz)
    except (KeyError, ValueError, OSError):
        raise BadInput(f"{tz!r} is no time zone; write it like Asia/Shanghai", field="tz") from None


def exact_time_us(text: str, tz: str) -> int | None:
    """The slow reading of one time: ISO 8601 with offset, 年月日, 20250630081500, seconds or milliseconds since 1970."""
    plain = unicodedata.normalize("NFKC", clean(text)).translate(_DATE_WORDS).strip().rstrip(":-").strip()
    plain = re.sub(r"\s+", " ", plain).replace("/", "-")
    if re.fullmatch(r"1\d{9}|1\d{12}", plain):
        return int(plain) * (SECOND_US if len(plain) == 10 else 1000)
    compact = _COMPACT.fullmatch(plain.lower())
    if compact:
        y, mo, d, h, mi, s = (int(part or 0) for part in compact.groups())
        return _moment(lambda: datetime(y, mo, d, h, mi, s), tz)  # noqa: DTZ001 - the zone is added below
    loose = re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T]+(\d{1,2}):(\d{1,2})(?::(\d{1,2})(\.\d+)?)?)?", plain)
    if loose:
        y, mo, d, h, mi, s = (int(part or 0) for part in loose.groups()[:6])
        micros = int((loose[7] or ".0")[1:7].ljust(6, "0"))
        return _moment(lambda: datetime(y, mo, d, h, mi, s, micros), tz)  # noqa: DTZ001
    return _moment(lambda: datetime.fromisoformat(plain), tz)


def _moment(make: Callable[[], Any], tz: str) -> int | None:
    try:
        moment = make()
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone(tz))
    gone = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (gone.days * 86_400 + gone.seconds) * SECOND_US + int(gone.microseconds)
