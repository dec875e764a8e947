"""What a row is: money in, money back, money out, or nothing that counts; read from status, direction and kind."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion.app.assess.payments_columns import plain, table
from dandelion.app.assess.payments_values import exact_fen

PAY, REFUND, OUT = 1, 2, 3
FAILED, PENDING, NEUTRAL, UNKNOWN = 10, 11, 12, 20
NOT_COUNTED = {FAILED: "failed", PENDING: "pending", NEUTRAL: "neutral"}
_S_PAID, _S_REFUND, _S_REFUNDED, _S_PART, _S_AMOUNT = 1, 2, 3, 4, 5
_D_IN, _D_OUT, _D_NEUTRAL = 1, 2, 3
_K_ANY, _K_REFUND, _K_NEUTRAL, _K_GIFT, _K_TRANSFER = 0, 1, 2, 3, 4
CHANNELS = ("qr", "red_packet", "transfer")  # as the payment contract names them; `channel` indexes it

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Meaning:
    """Per row: `what` (PAY, REFUND, OUT, FAILED, PENDING, NEUTRAL or UNKNOWN) and how much of it was given back.

    `all_back` marks payments that were refunded in full, `back_fen` the amount where the status itself names it.
    `unknown` names the field that nobody could read ("status", "direction"), "" elsewhere.
    """

    what: Codes
    all_back: npt.NDArray[np.bool_]
    back_fen: Codes
    unknown: npt.NDArray[np.object_]
    channel: npt.NDArray[np.uint8]


def meaning(
    rows: int, status: pa.Array | None, direction: pa.Array | Codes | None, kind: pa.Array | None, unit: str
) -> Meaning:
    """Meaning of `rows` rows.  A missing column leaves its question open: every row is then a payment that succeeded."""
    s, back = _status(status, rows, unit)
    d = direction if isinstance(direction, np.ndarray) else _coded(direction, rows, _direction_code, _D_IN)
    k = _coded(kind, rows, _kind_code, _K_ANY)
    known_side = direction is not None
    what = np.where(d == _D_OUT, OUT, np.where(d == _D_NEUTRAL, NEUTRAL, PAY))
    returned = (k == _K_REFUND) | (s == _S_REFUND)
    if known_side:
        what = np.where(returned, np.where(d == _D_OUT, REFUND, NEUTRAL), what)
    else:
        what = np.where(returned, REFUND, what)
    what = np.where(k == _K_NEUTRAL, NEUTRAL, what)
    for code in (FAILED, PENDING, NEUTRAL):
        what = np.where(s == code, code, what)
    undone = np.isin(s, (_S_REFUNDED, _S_PART, _S_AMOUNT))
    what = np.where(undone & (what == OUT), NEUTRAL, what)
    unknown = np.where(s == UNKNOWN, "status", np.where(d == UNKNOWN, "direction", "")).astype(object)
    what = np.where(unknown != "", UNKNOWN, what)
    all_back = np.isin(s, (_S_REFUNDED, _S_PART)) & (what == PAY)
    channel = np.where(k == _K_GIFT, 1, np.where(k == _K_TRANSFER, 2, 0)).astype(np.uint8)
    return Meaning(what, all_back, np.where(what == PAY, back, 0), unknown, channel)


def _distinct(column: pa.Array) -> tuple[Codes, list[str]]:
    encoded = column.fill_null("").dictionary_encode()
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64), encoded.dictionary.to_pylist()


def _coded(column: pa.Array | None, rows: int, code: Callable[[str], int], default: int) -> Codes:
    if column is None:
        return np.full(rows, default, np.int64)
    indices, texts = _distinct(column)
    return np.array([code(text) for text in texts], np.int64)[indices] if texts else np.zeros(0, np.int64)


def _status(column: pa.Array | None, rows: int, unit: str) -> tuple[Codes, Codes]:
    if column is None:
        return np.full(rows, _S_PAID, np.int64), np.zeros(rows, np.int64)
    indices, texts = _distinct(column)
    if not texts:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    pairs = np.array([_status_code(text, unit) for text in texts], np.int64)[indices]
    return pairs[:, 0], pairs[:, 1]


@functools.cache
def _codes(section: str) -> dict[str, str]:
    return {plain(str(text)): name for name, texts in table()[section].items() for text in texts}


def _status_code(text: str, unit: str) -> tuple[int, int]:
    value = plain(text)
    name = _codes("status").get(value)
    if name is not None:
        return {
            "paid": _S_PAID, "refund": _S_REFUND, "refunded": _S_REFUNDED, "part_refunded": _S_PART,
            "failed": FAILED, "pending": PENDING, "neutral": NEUTRAL,
        }[name], 0  # fmt: skip
    for start in table()["status_starts"]["refunded_amount"]:
        begin = plain(start)
        if value.startswith(begin):
            back = exact_fen(value[len(begin) :].rstrip(")"), unit)
            return (_S_AMOUNT, back) if back is not None else (_S_PART, 0)
    return UNKNOWN, 0


def _direction_code(text: str) -> int:
    name = _codes("direction").get(plain(text))
    return {"in": _D_IN, "out": _D_OUT, "neutral": _D_NEUTRAL}[name] if name else UNKNOWN


def _kind_code(text: str) -> int:
    value, names = plain(text), table()["kind"]
    if value in {plain(one) for one in names["neutral"]} or value.startswith(tuple(names["neutral_starts"])):
        return _K_NEUTRAL
    refund = value in {plain(one) for one in names["refund"]} or value.endswith(tuple(names["refund_ends"]))
    if refund or any(part in value for part in names["refund_contains"]):
        return _K_REFUND
    for code, section in ((_K_GIFT, "red_packet"), (_K_TRANSFER, "transfer")):
        if value in {plain(one) for one in names[section]}:
            return code
    return _K_ANY


def sides(income: npt.NDArray[Any], expense: npt.NDArray[Any]) -> Codes:
    """The direction that an income and an expense column say together."""
    return np.where(income > 0, _D_IN, np.where(expense != 0, _D_OUT, _D_NEUTRAL)).astype(np.int64)
