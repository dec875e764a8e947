"""A payment file as exact arrays: every row that counts, every row set aside, and what the file said about itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dandelion.app.assess import payments_meaning as mean
from dandelion.app.assess.payments_batch import HOLDER, Heap, Ints, Names, Rules, take
from dandelion.app.assess.payments_columns import header_score, recognise
from dandelion.app.assess.payments_values import zone
from dandelion.app.assess.reading import Sheet, batches, open_sheet
from dandelion.core import BadInput, Rejection

BAD_SHARE_MAX = 0.5
UNIT_ASK_ROWS = 20
HOLDER_NAME = "本账单持有人 · holder of this bill"
_TYPES = (np.int64, np.int64, np.int64, np.uint8, np.uint64, np.uint64, np.uint64, np.uint64, np.uint8)

Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class ReadFacts:
    """What was found in the file.  Counts are rows; `not_counted` names why a row is neither money in nor out."""

    file: str
    format: str
    encoding: str
    layout: str
    layout_zh: str
    layout_en: str
    one_holder: bool
    header_row: int
    columns: Mapping[str, tuple[str, ...]]
    unit: str
    unit_known: bool
    tz: str
    rows: int
    footer_rows: int
    payments: int
    refunds: int
    payments_out: int
    not_counted: Mapping[str, int]
    duplicates: int
    rejected: int
    without_hour: int
    has_order: bool
    cut_orders: int


@dataclass(frozen=True, slots=True)
class Bill:
    """Parallel arrays, sorted by (payee, at, row): `what` is PAY, REFUND or OUT; `fen` is above zero; `channel` indexes `CHANNELS`.

    A REFUND row carries the customer as payer and the merchant as payee.  An OUT row is money the holder paid: payer is
    the holder.  Ids are 64-bit names; only payees keep their text.
    """

    at_us: Ints
    fen: Ints
    what: npt.NDArray[np.uint8]
    payer: Names
    payee: Names
    channel: npt.NDArray[np.uint8]
    names: Mapping[int, str]
    facts: ReadFacts
    rejections: tuple[Rejection, ...]


def read_bill(
    path: Path,
    *,
    asked: Mapping[str, str] | None = None,
    unit: str | None = None,
    tz: str = "Asia/Shanghai",
    now_us: int,
    progress: Progress | None = None,
) -> Bill:
    """Read a payment file.  Errors: BadInput with field and remedy, TooLarge."""
    zone(tz)
    if unit not in (None, "yuan", "fen"):
        raise BadInput(f"unit is {unit!r}; it is yuan or fen", field="unit")
    names = list((asked or {}).values())
    sheet = open_sheet(path, header_score(names), header_score_min=2)
    found = recognise(sheet.columns, asked, path.name)
    wanted = sorted({j for indices in found.roles.values() for j in indices})
    rules = Rules(found, {j: k for k, j in enumerate(wanted)}, unit or found.unit or "yuan", tz, now_us)
    heap = Heap()
    for batch in batches(sheet, wanted):
        take(heap, batch, rules)
        if progress is not None:
            progress("read", heap.counts["rows"])
    _refuse_hopeless(heap, path.name)
    if unit is None and found.unit is None and not heap.pointed and heap.counts["rows"] >= UNIT_ASK_ROWS:
        raise BadInput(
            f"{path.name}: every amount is a whole number and no column says its unit; "
            "say --unit yuan or --unit fen (a mistake here is a factor of one hundred)",
            field="unit",
        )
    return _settle(heap, sheet, rules, unit_known=bool(unit or found.unit))


def _refuse_hopeless(heap: Heap, file: str) -> None:
    rows, bad = heap.counts["rows"], heap.counts["rejected"]
    if rows == 0:
        raise BadInput(f"{file} has a header but no rows; export it again with a longer period", field="file")
    if bad > rows * BAD_SHARE_MAX:
        first = heap.rejections[0]
        raise BadInput(
            f"{file}: {bad:,} of {rows:,} rows cannot be read, first row {first.row}, {first.reason}; "
            "check the columns with --map, and --unit and --tz",
            field=first.field,
        )


def _settle(heap: Heap, sheet: Sheet, rules: Rules, *, unit_known: bool) -> Bill:
    columns: list[Any] = [
        np.concatenate([part[k] for part in heap.parts]).astype(_TYPES[k], copy=False) for k in range(9)
    ]
    heap.parts.clear()
    row, at_us, fen, what, payer, payee, order, refund_id, channel = columns
    keep, duplicates = _without_duplicates(heap, row, at_us, fen, what, payer, payee, order, refund_id)
    if not len(keep):
        counted = ", ".join(f"{heap.counts[name]:,} {name}" for name in mean.NOT_COUNTED.values() if heap.counts[name])
        raise BadInput(
            f"{sheet.path.name} has no payment that counts ({counted or 'every row was set aside'}); "
            "check the status and direction columns with --map",
            field="file",
        )
    for key in (row, at_us, payee):  # stable, the last key weighs most
        if (key[keep][1:] < key[keep][:-1]).any():
            keep = keep[np.argsort(key[keep], kind="stable")]
    what = what[keep]
    found = rules.found
    facts = ReadFacts(
        sheet.path.name, sheet.format, sheet.encoding, found.layout.name, found.layout.zh, found.layout.en,
        found.one_holder, sheet.header_row, found.named, rules.unit, unit_known, rules.tz, heap.counts["rows"],
        heap.counts["footer"], int((what == mean.PAY).sum()), int((what == mean.REFUND).sum()),
        int((what == mean.OUT).sum()), {name: heap.counts[name] for name in mean.NOT_COUNTED.values()}, duplicates,
        heap.counts["rejected"], heap.counts["without_hour"], found.has("order"),
        heap.counts["cut_orders"],
    )  # fmt: skip
    names = {int(HOLDER): HOLDER_NAME} if found.one_holder else heap.names
    heap.rejections.sort(key=lambda one: (one.row, one.field))
    return Bill(
        at_us[keep], fen[keep], what, payer[keep], payee[keep], channel[keep], names, facts, tuple(heap.rejections)
    )


def _without_duplicates(
    heap: Heap, row: Ints, at_us: Ints, fen: Ints, what: npt.NDArray[np.uint8], payer: Names, payee: Names,
    order: Names, refund_id: Names,
) -> tuple[Ints, int]:  # fmt: skip
    """(rows to keep, rows that said the same again).  The same order with other content is set aside, not added."""
    golden = np.uint64(0x9E3779B97F4A7C15)
    key = (order ^ (refund_id * golden)) * golden + what + payee * np.uint64(3)
    free = (what == mean.REFUND) & (refund_id == 0)  # several refunds of one order: told apart by time and amount
    if free.any():
        key = np.where(free, key ^ (at_us.astype(np.uint64) * golden) ^ (fen.astype(np.uint64) << np.uint64(20)), key)
    at = np.flatnonzero(order != 0)
    at = at[np.argsort(key[at], kind="stable")]
    again = np.zeros(len(at), bool)
    again[1:] = key[at[1:]] == key[at[:-1]]
    if not again.any():
        return np.arange(len(row)), 0
    first = at[np.maximum.accumulate(np.where(again, 0, np.arange(len(at))))]
    later, origin = at[again], first[again]
    same = (at_us[later] == at_us[origin]) & (fen[later] == fen[origin]) & (payer[later] == payer[origin])
    for i, j in zip(later[~same].tolist(), origin[~same].tolist(), strict=True):
        heap.reject(
            int(row[i]), "order", f"is the order of row {int(row[j])} again, with another time, amount or payer"
        )
    kept = np.ones(len(row), bool)
    kept[later] = False
    return np.flatnonzero(kept), int(same.sum())
