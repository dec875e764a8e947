"""One row out of the JSON of a request, without a Python object for each of its columns.

Reads ``{"product": text, "entity": text, "columns": {column: number}}``, as most requests are written, and gives up, with
nothing said, on all else: other members, escapes, letters beyond ASCII, numbers that are long, huge or hard to round,
text that is no JSON.  Who gives up lets the JSON library read it; where this reads a row, the library would read the same
one (tests/policy/test_row_text.py), in three times the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from dandelion.core.frame import Floats
from dandelion.policy.rulings.kernel import Bytes

MEMBERS_MAX = 4_096  # columns of one request; more are read by the library
PRODUCT, ENTITY, COLUMNS = range(3)
_HALF = np.int64(1 << 28)  # what float32 drops of a float64, where it lies half-way
_DROPPED = np.int64((1 << 29) - 1)
_UNSURE = np.int64(8)  # units in the last place of a float64; two roundings move it by two at most
_EXACT = np.uint64(1 << 53)
_DIGITS_MAX, _TEN_MAX = 19, 22  # of a uint64; powers of ten that a float64 holds exactly
_TENS = 10.0 ** np.arange(_TEN_MAX + 1)
_LARGEST = 3.4e38  # a little less than what a float32 holds
_QUOTE, _COLON, _COMMA, _OPEN, _CLOSE, _BACKSLASH = (ord(c) for c in '":,{}\\')
_MINUS, _PLUS, _POINT, _ZERO, _NINE, _E, _SMALL_E = (ord(c) for c in "-+.09Ee")
_TRUE, _FALSE, _NULL = (np.frombuffer(word, np.uint8) for word in (b"true", b"false", b"null"))
_T, _F, _N = map(ord, "tfn")
_NAMES = tuple(np.frombuffer(name, np.uint8) for name in (b"product", b"entity", b"columns"))


@dataclass(frozen=True, slots=True)
class RowText:
    """What was read: `key` (n, 2) are the bytes [begin, end) of each column's name, `number` (n,) its value."""

    text: Bytes
    product: str
    entity: str
    key: npt.NDArray[np.int32]
    number: Floats

    @classmethod
    def of(cls, body: bytes) -> RowText | None:
        """None where the JSON library has to read it."""
        text = np.frombuffer(body, np.uint8)
        spans, key = np.empty((2, 2), np.int64), np.empty((MEMBERS_MAX, 2), np.int32)
        number = np.empty(MEMBERS_MAX, np.float32)
        count = _scan(text, spans, key, number)
        if count < 0:
            return None
        product, entity = (body[begin:end].decode("ascii") for begin, end in spans.tolist())
        if not product:
            return None
        return cls(text, product, entity, key[:count], number[:count])


@dataclass(frozen=True)
class Finder:
    """Finds columns by the bytes of their names.  The one that follows the last found is looked at first."""

    columns: Sequence[str]
    _names: Bytes = field(init=False, repr=False)
    _at: npt.NDArray[np.int32] = field(init=False, repr=False)
    _slots: npt.NDArray[np.int32] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        names = [column.encode() for column in self.columns]
        slots = np.full(1 << (4 * len(names)).bit_length(), -1, np.int32)
        at = np.concatenate([[0], np.cumsum([len(name) for name in names])]).astype(np.int32)
        whole = np.frombuffer(b"".join(names), np.uint8)
        _fill(whole, at, slots)
        for name, value in (("_names", whole), ("_at", at), ("_slots", slots)):
            object.__setattr__(self, name, value)

    def row(self, read: RowText) -> Floats | None:
        """(1, columns), missing where not named; None where a name is no column's."""
        out = np.empty((1, len(self.columns)), np.float32)
        known = _place(read.text, read.key, read.number, self._names, self._at, self._slots, out[0])
        return out if known else None


# ---- the text ----
@njit(nogil=True)
def _gap(text: Any, at: int) -> int:
    """Past white space."""
    while at < len(text) and (text[at] == 32 or text[at] == 10 or text[at] == 13 or text[at] == 9):
        at += 1
    return at


@njit(nogil=True)
def _string(text: Any, at: int) -> int:
    """Past the closing quote of the text that begins after `at`; -1 for none, an escape, or a byte beyond plain ASCII."""
    if at >= len(text) or text[at] != _QUOTE:
        return -1
    for i in range(at + 1, len(text)):
        byte = text[i]
        if byte == _QUOTE:
            return i + 1
        if byte < 32 or byte > 126 or byte == _BACKSLASH:
            return -1
    return -1


@njit(nogil=True)
def _is(text: Any, at: int, end: int, word: Any) -> bool:
    if end - at != len(word) or end > len(text):
        return False
    for i in range(len(word)):  # noqa: SIM110 - compiled
        if text[at + i] != word[i]:
            return False
    return True


@njit(nogil=True)
def _is_digit(text: Any, at: int) -> bool:
    return at < len(text) and _ZERO <= text[at] <= _NINE


@njit(nogil=True)
def _number(text: Any, at: int) -> tuple[int, float]:
    """(past it, as float32 rounds it) of a number of JSON's grammar; -1 where that is not certain."""
    negative = at < len(text) and text[at] == _MINUS
    at += negative
    if not _is_digit(text, at) or (text[at] == _ZERO and _is_digit(text, at + 1)):
        return -1, 0.0
    digits, ten, whole = 0, 0, np.uint64(0)
    is_float = False
    while _is_digit(text, at):
        digits += digits > 0 or text[at] != _ZERO
        whole = whole * np.uint64(10) + np.uint64(text[at] - _ZERO)
        at += 1
    if at < len(text) and text[at] == _POINT:
        is_float, begin = True, at + 1
        at = begin
        while _is_digit(text, at):
            digits += digits > 0 or text[at] != _ZERO
            whole = whole * np.uint64(10) + np.uint64(text[at] - _ZERO)
            at += 1
        if at == begin:
            return -1, 0.0
        ten = begin - at
    if at < len(text) and (text[at] == _E or text[at] == _SMALL_E):
        is_float = True
        at += 1
        below = at < len(text) and text[at] == _MINUS
        at += at < len(text) and (text[at] == _MINUS or text[at] == _PLUS)
        begin, power = at, 0
        while _is_digit(text, at) and at < begin + 4:
            power = power * 10 + (text[at] - _ZERO)
            at += 1
        if at == begin or _is_digit(text, at):
            return -1, 0.0
        ten += -power if below else power
    if digits > _DIGITS_MAX or (digits == 0 and negative and not is_float):  # -0 is whole, and so loses its sign
        return -1, 0.0
    if digits == 0:
        return at, (-0.0 if negative else 0.0)
    if ten < -_TEN_MAX or ten > _TEN_MAX:
        return -1, 0.0
    value = np.float64(whole)
    value = value / _TENS[-ten] if ten < 0 else value * _TENS[ten]
    if value > _LARGEST:
        return -1, 0.0
    if whole > _EXACT and abs((np.float64(value).view(np.int64) & _DROPPED) - _HALF) <= _UNSURE:
        return -1, 0.0  # rounded twice: a little to one side or the other would be another float32
    return at, (-value if negative else value)


@njit(nogil=True)
def _value(text: Any, at: int) -> tuple[int, float]:
    """(past it, what a column gets) of a number, true, false or null; -1 for anything else."""
    first = text[at] if at < len(text) else np.uint8(0)
    if first == _T and _is(text, at, at + 4, _TRUE):
        return at + 4, 1.0
    if first == _F and _is(text, at, at + 5, _FALSE):
        return at + 5, 0.0
    if first == _N and _is(text, at, at + 4, _NULL):
        return at + 4, np.nan
    return _number(text, at)


@njit(nogil=True)
def _columns(text: Any, at: int, key: Any, number: Any) -> tuple[int, int]:
    """(past the closing brace, how many members) of the object that begins at `at`; -1 for anything else."""
    if at >= len(text) or text[at] != _OPEN:
        return -1, 0
    at, count = _gap(text, at + 1), 0
    if at < len(text) and text[at] == _CLOSE:
        return at + 1, 0
    while count < len(key):
        end = _string(text, at)
        if end < 0:
            return -1, 0
        key[count, 0], key[count, 1] = at + 1, end - 1
        at = _gap(text, end)
        if at >= len(text) or text[at] != _COLON:
            return -1, 0
        at, value = _value(text, _gap(text, at + 1))
        if at < 0:
            return -1, 0
        number[count] = value
        count += 1
        at = _gap(text, at)
        if at >= len(text) or (text[at] != _COMMA and text[at] != _CLOSE):
            return -1, 0
        if text[at] == _CLOSE:
            return at + 1, count
        at = _gap(text, at + 1)
    return -1, 0


@njit(cache=True, nogil=True)
def _scan(text: Any, spans: Any, key: Any, number: Any) -> int:
    """How many columns were read; -1 where the text is anything but the three members, each once."""
    at = _gap(text, 0)
    if at >= len(text) or text[at] != _OPEN:
        return -1
    seen, count = 0, 0
    while True:
        at = _gap(text, at + 1)
        end = _string(text, at)
        if end < 0:
            return -1
        member = -1
        if _is(text, at + 1, end - 1, _NAMES[PRODUCT]):
            member = PRODUCT
        elif _is(text, at + 1, end - 1, _NAMES[ENTITY]):
            member = ENTITY
        elif _is(text, at + 1, end - 1, _NAMES[COLUMNS]):
            member = COLUMNS
        if member < 0 or seen & (1 << member):
            return -1
        seen |= 1 << member
        at = _gap(text, end)
        if at >= len(text) or text[at] != _COLON:
            return -1
        at = _gap(text, at + 1)
        if member == COLUMNS:
            at, count = _columns(text, at, key, number)
        else:
            spans[member, 0] = at + 1
            at = _string(text, at)
            spans[member, 1] = at - 1
        if at < 0:
            return -1
        at = _gap(text, at)
        if at >= len(text) or (text[at] != _COMMA and text[at] != _CLOSE):
            return -1
        if text[at] == _CLOSE:
            return count if seen == 7 and _gap(text, at + 1) == len(text) else -1


# ---- the columns ----
@njit(nogil=True)
def _same(text: Any, begin: int, end: int, names: Any, name_at: Any, column: int) -> bool:
    first = name_at[column]
    if end - begin != name_at[column + 1] - first:
        return False
    for i in range(end - begin):  # noqa: SIM110 - compiled
        if text[begin + i] != names[first + i]:
            return False
    return True


@njit(nogil=True)
def _slot(text: Any, begin: int, end: int, slots: Any) -> Any:
    """Where a name is looked for first (FNV-1a, Fowler, Noll and Vo)."""
    hashed = np.uint64(14695981039346656037)
    for i in range(begin, end):
        hashed = (hashed ^ np.uint64(text[i])) * np.uint64(1099511628211)
    return np.int64((hashed ^ (hashed >> np.uint64(32))) & np.uint64(len(slots) - 1))


@njit(cache=True, nogil=True)
def _fill(names: Any, name_at: Any, slots: Any) -> None:
    for column in range(len(name_at) - 1):
        at = _slot(names, name_at[column], name_at[column + 1], slots)
        while slots[at] >= 0:
            at = (at + 1) & (len(slots) - 1)
        slots[at] = column


@njit(nogil=True)
def _find(text: Any, begin: int, end: int, names: Any, name_at: Any, slots: Any) -> int:
    at = _slot(text, begin, end, slots)
    while slots[at] >= 0:
        if _same(text, begin, end, names, name_at, slots[at]):
            return int(slots[at])
        at = (at + 1) & (len(slots) - 1)
    return -1


@njit(cache=True, nogil=True)
def _place(text: Any, key: Any, number: Any, names: Any, name_at: Any, slots: Any, row: Any) -> bool:
    """Put each number into its column of row (columns,); False where a name is no column's.  Of two, the last counts."""
    columns = len(name_at) - 1
    for j in range(columns):
        row[j] = np.nan
    following = 0
    for k in range(len(key)):
        begin, end = key[k, 0], key[k, 1]
        column = -1
        for ahead in range(
            following, min(following + 2, columns)
        ):  # most callers write them in our order, some missing
            if _same(text, begin, end, names, name_at, ahead):
                column = ahead
                break
        if column < 0:
            column = _find(text, begin, end, names, name_at, slots)
        if column < 0:
            return False
        row[column] = number[k]
        following = column + 1
    return True
