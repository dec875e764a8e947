"""One batch of rows to exact arrays: times, fen, who and whom, and for every row set aside the field and the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion.app.assess import payments_meaning as mean
from dandelion.app.assess.payments_columns import ColumnMap, plain
from dandelion.app.assess.payments_kernel import EMPTY, READ
from dandelion.app.assess.payments_values import Amounts, Times, amounts, cut_short, hashes, times
from dandelion.app.assess.reading import Batch, clean
from dandelion.core import Rejection, iso
from dandelion.core.schema import EARLIEST_US

HOLDER = np.uint64(1)
REJECTIONS_KEPT = 200_000
_FELL_THROUGH = {plain(word) for word in ("FAIL", "FAILED", "CLOSED", "CHANGE", "退款失败", "退款关闭")}

Ints = npt.NDArray[np.int64]
Names = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]


@dataclass(slots=True)
class Heap:
    """What piles up while a file streams by.  A part is (row, at_us, fen, what, payer, payee, order, refund id, channel)."""

    parts: list[tuple[npt.NDArray[Any], ...]] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    rejections: list[Rejection] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    pointed: bool = False

    def reject(self, row: int, name: str, reason: str) -> None:
        self.counts["rejected"] += 1
        if len(self.rejections) < REJECTIONS_KEPT:
            self.rejections.append(Rejection(row, name, f"{name}: {reason}"))


@dataclass(frozen=True, slots=True)
class Rules:
    """How to read the cells of one file."""

    found: ColumnMap
    place: dict[int, int]  # header index -> index within a batch
    unit: str
    tz: str
    now_us: int

    def columns(self, batch: Batch, role: str) -> list[pa.Array]:
        return [batch.columns[self.place[j]] for j in self.found.roles.get(role, ())]


@dataclass(frozen=True, slots=True)
class _Cells:
    """The batch as read: `what` per row, `fen` without sign, `given` back out of a payment, and both sides."""

    when: Times
    money: Amounts
    unknown: npt.NDArray[np.object_]
    what: Ints
    fen: Ints
    given: Ints
    payer: Names
    payee: Names
    channel: npt.NDArray[np.uint8]
    cut: Mapping[str, Mask]  # ids that a spreadsheet cut short, by role


def take(heap: Heap, batch: Batch, rules: Rules) -> None:
    """Add a batch to the heap: good rows as a part, bad ones as rejections, the rest as counts."""
    n = len(batch.rows)
    heap.counts["rows"] += n
    for line in batch.ragged:
        heap.counts["footer" if line.footer else "rows"] += 1
        if not line.footer:
            heap.reject(line.row, "row", f"has {line.cells} cells where the header has {rules.found.width}")
    if n == 0:
        return
    cells = _read(heap, batch, rules)
    blank = (cells.when.state == EMPTY) & (cells.money.state == EMPTY)
    heap.counts["rows"] -= int(blank.sum())
    heap.counts["without_hour"] += cells.when.date_only
    heap.pointed = heap.pointed or cells.money.pointed
    good = ~blank
    for mask, name, reason in _complaints(cells, rules.now_us):
        bad = np.flatnonzero(good & mask)
        if not len(bad):
            continue
        good[bad] = False
        _set_aside(heap, batch, rules, bad, name, reason, cells.when.at_us)
    for code, text in mean.NOT_COUNTED.items():
        heap.counts[text] += int((good & (cells.what == code)).sum())
    _keep(heap, batch, rules, cells, good)


def _keep(heap: Heap, batch: Batch, rules: Rules, cells: _Cells, good: Mask) -> None:
    n = len(batch.rows)
    order, refund_id = _first_hash(rules.columns(batch, "order"), n), _first_hash(rules.columns(batch, "refund_id"), n)
    heap.counts["cut_orders"] += int(cells.cut["order"].sum())
    order = np.where(cells.cut["order"], np.uint64(0), order)
    kept = np.flatnonzero(good & np.isin(cells.what, (mean.PAY, mean.REFUND, mean.OUT)))
    given = kept[(cells.what[kept] == mean.PAY) & (cells.given[kept] > 0)]
    refunds = np.full(len(given), mean.REFUND)
    for index, what, fen in ((kept, cells.what[kept], cells.fen[kept]), (given, refunds, cells.given[given])):
        heap.parts.append((
            batch.rows[index], cells.when.at_us[index], fen, what.astype(np.uint8), cells.payer[index],
            cells.payee[index], order[index], np.where(what == mean.REFUND, refund_id[index], 0).astype(np.uint64), cells.channel[index],
        ))  # fmt: skip
    if rules.found.has("payee"):
        _remember_names(heap, rules.columns(batch, "payee"), cells.payee, kept)


def _read(heap: Heap, batch: Batch, rules: Rules) -> _Cells:
    n = len(batch.rows)
    when = _first_time([times(column, rules.tz) for column in rules.columns(batch, "at")])
    status, kind = _only(rules.columns(batch, "status")), _only(rules.columns(batch, "kind"))
    side: pa.Array | Ints | None = _only(rules.columns(batch, "direction"))
    if rules.found.has("income"):
        income = _money(rules.columns(batch, "income"), rules.unit, n)
        expense = _money(rules.columns(batch, "expense"), rules.unit, n)
        money, side = _either(income, expense), mean.sides(income.fen, expense.fen)
    else:
        money = _money(rules.columns(batch, "amount"), rules.unit, n)
    meant = mean.meaning(n, status, side, kind, rules.unit)
    what, fen = meant.what.copy(), money.fen
    back = _money(rules.columns(batch, "refund"), rules.unit, n)
    named = (back.state == READ) & (back.fen != 0)
    what[(what == mean.REFUND) & _fell_through(rules.columns(batch, "refund_status"), n)] = mean.FAILED
    fen = np.where((what == mean.REFUND) & named, back.fen, fen)
    what[(what == mean.PAY) & (fen < 0)] = mean.REFUND
    fen = np.abs(fen)
    given = np.where(meant.all_back, fen, np.minimum(meant.back_fen, fen))
    given = np.where(named & ~(meant.all_back & (back.fen == 0)), np.minimum(np.abs(back.fen), fen), given)
    payer, payee = _who(batch, rules, n, what)
    cut = {role: _cut(rules.columns(batch, role), n) for role in ("payer", "payee", "counterparty", "order")}
    return _Cells(when, money, meant.unknown, what, fen, given, payer, payee, meant.channel, cut)


def _complaints(cells: _Cells, now_us: int) -> Iterator[tuple[Mask, str, str]]:
    """What can be wrong with a row, the most telling first; a row is set aside for the first one that fits."""
    when, money, what = cells.when, cells.money, cells.what
    counts = np.isin(what, (mean.PAY, mean.REFUND, mean.OUT))
    read = when.state == READ
    yield when.state == EMPTY, "at", "is empty; a payment needs its time"
    yield when.state > EMPTY, "at", "{value} is not a time; write it like 2025-06-30 08:15:00"
    yield read & (when.at_us > now_us), "at", "{when} lies in the future; check clock and time zone"
    yield read & (when.at_us < EARLIEST_US), "at", "{when} is before 1980; check the column"
    yield cells.unknown == "status", "status", "{value} is not a status this reader knows"
    yield cells.unknown == "direction", "direction", "{value} says neither in nor out"
    yield counts & (money.state == EMPTY) & (cells.fen == 0), "amount", "is empty; a payment needs its amount"
    yield counts & (money.state > EMPTY), "amount", "{value} is not an amount; write it like 1234.56"
    yield counts & (cells.fen == 0), "amount", "is zero; nothing was paid"
    for role in ("payee", "payer", "counterparty"):
        yield counts & cells.cut[role], role, "{value} is a number that a spreadsheet cut short; export ids as text"
    yield counts & (cells.payee == 0), "payee", "is empty; a payment needs who was paid"
    yield counts & (cells.payer == 0), "payer", "is empty; a payment needs who paid"


def _set_aside(heap: Heap, batch: Batch, rules: Rules, bad: Ints, name: str, reason: str, at_us: Ints) -> None:
    if "{value}" not in reason and "{when}" not in reason:
        room = max(0, REJECTIONS_KEPT - len(heap.rejections))
        for row in batch.rows[bad[:room]]:
            heap.reject(int(row), name, reason)
        heap.counts["rejected"] += len(bad[room:])
        return
    role = "income" if name == "amount" and rules.found.has("income") else name
    column = rules.columns(batch, role)[0]
    for i in bad:
        value = f"{clean(column[int(i)].as_py())[:40]!r}" if "{value}" in reason else ""
        heap.reject(int(batch.rows[i]), name, reason.format(value=value, when=iso(int(at_us[i]))[:19] + "Z"))


def _only(columns: Sequence[pa.Array]) -> pa.Array | None:
    return columns[0] if columns else None


def _first_time(read: Sequence[Times]) -> Times:
    best = read[0]
    for other in read[1:]:
        use = best.state == EMPTY
        best = Times(
            np.where(use, other.at_us, best.at_us), np.where(use, other.state, best.state).astype(np.uint8),
            best.date_only + (other.date_only if use.any() else 0),
        )  # fmt: skip
    return best


def _money(columns: Sequence[pa.Array], unit: str, n: int) -> Amounts:
    """The first column that holds something; EMPTY where there is none."""
    best = Amounts(np.zeros(n, np.int64), np.full(n, EMPTY, np.uint8), pointed=False)
    for column in columns:
        if not (best.state == EMPTY).any():
            break
        other = amounts(column, unit)
        use = best.state == EMPTY
        best = Amounts(
            np.where(use, other.fen, best.fen), np.where(use, other.state, best.state).astype(np.uint8),
            best.pointed or other.pointed,
        )  # fmt: skip
    return best


def _cut(columns: Sequence[pa.Array], n: int) -> Mask:
    return np.logical_or.reduce([cut_short(column) for column in columns]) if columns else np.zeros(n, bool)


def _either(income: Amounts, expense: Amounts) -> Amounts:
    """One amount from an income and an expense column; the sign is told by the side, not by the number."""
    fen = np.where(income.fen > 0, income.fen, np.abs(expense.fen))
    unread = np.maximum(np.where(income.state > EMPTY, 2, 0), np.where(expense.state > EMPTY, 2, 0))
    both_empty = (income.state == EMPTY) & (expense.state == EMPTY)
    state = np.where(unread > 0, unread, np.where(both_empty, EMPTY, READ)).astype(np.uint8)
    return Amounts(fen, state, income.pointed or expense.pointed)


def _fell_through(columns: Sequence[pa.Array], n: int) -> Mask:
    if not columns:
        return np.zeros(n, bool)
    encoded = columns[0].fill_null("").dictionary_encode()
    fell = np.array([plain(text) in _FELL_THROUGH for text in encoded.dictionary.to_pylist()], bool)
    return fell[encoded.indices.to_numpy(zero_copy_only=False)] if len(fell) else np.zeros(n, bool)


def _who(batch: Batch, rules: Rules, n: int, what: Ints) -> tuple[Names, Names]:
    """(payer, payee) of each row.  In one holder's bill the other side pays, unless the money goes out."""
    if rules.found.has("payee"):
        payers = rules.columns(batch, "payer") or rules.columns(batch, "counterparty")
        return _first_hash(payers, n), _first_hash(rules.columns(batch, "payee"), n, skip_zero=True)
    other = _first_hash(rules.columns(batch, "counterparty"), n)
    out = what == mean.OUT
    return np.where(out & (other != 0), HOLDER, other), np.where(out, other, HOLDER)


def _first_hash(columns: Sequence[pa.Array], n: int, *, skip_zero: bool = False) -> Names:
    """64-bit names; the first column that holds something (and, for merchant numbers, is not the digit 0)."""
    best = np.zeros(n, np.uint64)
    zero = hashes(pa.array(["0"]))[0] if skip_zero and len(columns) > 1 else None
    for column in columns:
        other = hashes(column)
        if zero is not None:
            other = np.where(other == zero, np.uint64(0), other)
        best = np.where(best == 0, other, best)
    return best


def _remember_names(heap: Heap, columns: Sequence[pa.Array], payee: Names, kept: Ints) -> None:
    distinct, first = np.unique(payee[kept], return_index=True)
    for name, i in zip(distinct.tolist(), kept[first].tolist(), strict=True):
        if name not in heap.names:
            texts = (clean(column[i].as_py()) for column in columns)
            heap.names[name] = next((text for text in texts if text and (text != "0" or len(columns) == 1)), "")
