"""Plain loops over Arrow text buffers: hash an id, read an amount as fen, read a local time.

Each works on (offsets, bytes) of a string array and leaves what it cannot read to the slow exact path beside it
(``payments_values``), which the tests hold it to.  Nothing here rounds: an amount is read digit by digit.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

READ, EMPTY, ODD = 0, 1, 2
_BLANK = np.zeros(256, np.bool_)
_BLANK[[ord(c) for c in " \t\r\n`'"]] = True

Array = npt.NDArray[Any]


@numba.njit(cache=True, nogil=True)
def _trim(data: Array, start: int, end: int, blank: Array) -> tuple[int, int]:
    while start < end and blank[data[start]]:
        start += 1
    while end > start and blank[data[end - 1]]:
        end -= 1
    return start, end


@numba.njit(cache=True, nogil=True)
def hash_text(offsets: Array, data: Array, blank: Array) -> Array:
    """FNV-1a over the trimmed bytes, mixed at the end (splitmix64); 0 stands for empty text."""
    out = np.zeros(len(offsets) - 1, np.uint64)
    for i in range(len(out)):
        start, end = _trim(data, offsets[i], offsets[i + 1], blank)
        if start == end:
            continue
        h = np.uint64(14695981039346656037)
        for k in range(start, end):
            h = (h ^ np.uint64(data[k])) * np.uint64(1099511628211)
        h = (h ^ (h >> np.uint64(30))) * np.uint64(13787848793156543929)
        h = (h ^ (h >> np.uint64(27))) * np.uint64(10723151780598845931)
        h ^= h >> np.uint64(31)
        out[i] = h if h != np.uint64(0) else np.uint64(1)
    return out


@numba.njit(cache=True, nogil=True)
def read_amounts(offsets: Array, data: Array, blank: Array, decimals: int) -> tuple[Array, Array]:
    """(amount times 10**decimals as int64, READ | EMPTY | ODD).  Takes an optional sign, ¥ or ￥, groups of three."""
    n = len(offsets) - 1
    out, state = np.zeros(n, np.int64), np.zeros(n, np.uint8)
    for i in range(n):
        start, end = _trim(data, offsets[i], offsets[i + 1], blank)
        if start == end:
            state[i] = EMPTY
            continue
        negative = False
        if data[start] == 45 or data[start] == 43:  # - +
            negative = data[start] == 45
            start += 1
        if end - start > 2 and data[start] == 0xC2 and data[start + 1] == 0xA5:
            start += 2
        elif end - start > 3 and data[start] == 0xEF and data[start + 1] == 0xBF and data[start + 2] == 0xA5:
            start += 3
        value, whole, group, commas, fraction, point, good = 0, 0, 0, 0, 0, False, True
        for k in range(start, end):
            c = data[k]
            if 48 <= c <= 57:
                if point:
                    fraction += 1
                    if fraction <= decimals:
                        value = value * 10 + (c - 48)
                    elif c != 48:
                        good = False
                        break
                else:
                    whole += 1
                    group += 1
                    value = value * 10 + (c - 48)
            elif c == 44 and not point:
                if group == 0 or group > 3 or (commas > 0 and group != 3):
                    good = False
                    break
                commas += 1
                group = 0
            elif c == 46 and not point:
                point = True
            else:
                good = False
                break
        if not good or whole == 0 or whole > 15 or (commas > 0 and group != 3) or (point and fraction == 0):
            state[i] = ODD
            continue
        for _ in range(decimals - min(fraction, decimals)):
            value *= 10
        out[i] = -value if negative else value
    return out, state


@numba.njit(cache=True, nogil=True)
def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the proleptic Gregorian calendar (Howard Hinnant's day count)."""
    y = year - (1 if month <= 2 else 0)
    era = y // 400
    yoe = y - era * 400
    doy = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + yoe * 365 + yoe // 4 - yoe // 100 + doy - 719468


@numba.njit(cache=True, nogil=True)
def _month_days(year: int, month: int) -> int:
    if month == 2:
        return 29 if (year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)) else 28
    return 30 if month in (4, 6, 9, 11) else 31


@numba.njit(cache=True, nogil=True)
def read_times(offsets: Array, data: Array, blank: Array) -> tuple[Array, Array, Array]:
    """(local seconds since 1970, READ | EMPTY | ODD, 1 where only a date stands).

    Takes ``2025-06-30 08:15:00``, with / or T as well, one-digit month, day and hour, seconds or none, nothing behind.
    """
    n = len(offsets) - 1
    out, state, date_only = np.zeros(n, np.int64), np.zeros(n, np.uint8), np.zeros(n, np.uint8)
    part = np.zeros(6, np.int64)
    for i in range(n):
        start, end = _trim(data, offsets[i], offsets[i + 1], blank)
        if start == end:
            state[i] = EMPTY
            continue
        part[:] = 0
        which, digits, good = 0, 0, True
        blanks = 0
        for k in range(start, end):
            c = data[k]
            if 48 <= c <= 57:
                digits += 1
                part[which] = part[which] * 10 + (c - 48)
                if digits > (4 if which == 0 else 2):
                    good = False
                    break
                continue
            if which == 2 and c == 32 and digits == 0:
                blanks += 1
                continue
            fits = (which < 2 and (c == 45 or c == 47)) or (which == 2 and (c == 32 or c == 84)) or (
                (which == 3 or which == 4) and c == 58
            )  # fmt: skip
            if which == 3 and c == 32 and digits == 0:  # two blanks between date and time
                continue
            if not fits or digits == 0 or (which == 0 and digits != 4):
                good = False
                break
            which += 1
            digits = 0
        if not good or digits == 0 or which < 2 or which == 3:
            state[i] = ODD
            continue
        y, mo, d, h, mi, s = part[0], part[1], part[2], part[3], part[4], part[5]
        if y < 1970 or y > 2199 or mo < 1 or mo > 12 or d < 1 or d > _month_days(y, mo) or h > 23 or mi > 59 or s > 59:
            state[i] = ODD
            continue
        date_only[i] = 1 if which == 2 else 0
        out[i] = _days(y, mo, d) * 86400 + h * 3600 + mi * 60 + s
    return out, state, date_only


def buffers(column: Any) -> tuple[Array, Array]:
    """(offsets, bytes) of a string array, without a copy."""
    _, offsets, data = column.buffers()
    wide = np.int64 if column.type == "large_string" else np.int32
    at = np.frombuffer(offsets, wide)[column.offset : column.offset + len(column) + 1]
    return at, np.frombuffer(data, np.uint8) if data is not None else np.zeros(1, np.uint8)


def blank_table() -> Array:
    """Bytes that exports put around values: blanks, tab, backtick, apostrophe."""
    return _BLANK
