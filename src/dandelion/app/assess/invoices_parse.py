"""Text cells to exact values, a column at a time: whole fen, days, closed words.

Each function gives (values with null where unreadable, mask of unreadable cells).  An empty cell is unreadable too:
none of these fields may be missing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Mask = npt.NDArray[np.bool_]
Parsed = tuple[pa.Array, Mask]
_FEN = r"^-?[0-9]{1,15}$"
_YUAN = r"^-?[0-9]{1,13}(\.[0-9]{1,2})?$"
_DAY_FORMATS = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y年%m月%d日")


def whole_fen(cells: pa.Array) -> Parsed:
    """Whole numbers of fen."""
    try:
        values = cells.cast(pa.int64())
        return values, _bad(values)
    except pa.ArrowInvalid:
        return _matching(_trimmed(cells), _FEN, pa.int64())


def yuan_as_fen(cells: pa.Array) -> Parsed:
    """Yuan with at most two decimals, thousands commas and a currency sign allowed; never through float."""
    plain = pc.replace_substring_regex(_trimmed(cells), "[,，¥￥]", "")
    values, bad = _matching(plain, _YUAN, pa.decimal128(18, 2))
    fen = pc.multiply(values, pa.scalar(100, pa.decimal128(3, 0))).cast(pa.decimal128(38, 0)).cast(pa.int64())
    return fen, bad


def days(cells: pa.Array) -> Parsed:
    """Days since 1970 (int32) from a timestamp or from text; the time of day is dropped."""
    if pa.types.is_timestamp(cells.type):
        values = cells.cast(pa.date32(), safe=False).cast(pa.int32())
        return values, _bad(values)
    text = pc.replace_substring_regex(_trimmed(cells), r"[T ][0-9:.]+Z?$", "")
    found = pa.nulls(len(text), pa.int32())
    for form in _DAY_FORMATS:
        if found.null_count == 0:
            break
        parsed = pc.strptime(text, format=form, unit="s", error_is_null=True).cast(pa.date32()).cast(pa.int32())
        back = pc.strftime(parsed.cast(pa.date32()), format=form)  # strptime forgives text after the date
        same = pc.fill_null(pc.equal(_without_zeros(back), _without_zeros(text)), False)
        found = pc.coalesce(found, pc.if_else(same, parsed, pa.scalar(None, pa.int32())))
    return found, _bad(found)


def word(cells: pa.Array, yes: Sequence[str], no: Sequence[str]) -> Parsed:
    """True for a word of `yes`, False for one of `no`; case does not count."""
    text = pc.utf8_lower(_trimmed(cells))
    is_yes, is_no = (pc.is_in(text, value_set=pa.array(words, pa.string())) for words in (yes, no))
    values = pc.if_else(is_yes, True, pc.if_else(is_no, False, pa.scalar(None, pa.bool_())))
    return values, _bad(values)


def name(cells: pa.Array) -> Parsed:
    """An identifier: any text that is not empty."""
    text = _trimmed(cells)
    values = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    return values, _bad(values)


def _without_zeros(text: pa.Array) -> pa.Array:
    """2017-07-08 and 2017-7-8 are the same day."""
    return pc.replace_substring_regex(text, "([^0-9])0", r"\1")


def _trimmed(cells: pa.Array) -> pa.Array:
    text = cells if pa.types.is_string(cells.type) else cells.cast(pa.string())
    return pc.utf8_trim(pc.fill_null(text, ""), characters=" \t\r\n\ufeff\u3000`'")


def _matching(text: pa.Array, pattern: str, kind: pa.DataType) -> Parsed:
    fits = pc.match_substring_regex(text, pattern)
    values = pc.if_else(fits, text, pa.scalar(None, pa.string())).cast(kind)
    return values, _bad(values)


def _bad(values: pa.Array) -> Mask:
    return np.asarray(values.is_null().to_numpy(zero_copy_only=False), bool)
