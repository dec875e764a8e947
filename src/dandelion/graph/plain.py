"""Anybody's payments as the room's own: a table checked column by column, with a remedy in every refusal.

In: payer and payee as text (whole numbers are taken as text), `at` as timestamp, `amount_fen`; `device` and `channel` are used where
present, everything else is left alone.  Out: :class:`PlainPayments` with notes on what was assumed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dandelion.core import DAY_US, BadInput
from dandelion.graph.payments import NEEDED

ASKED = (*NEEDED, "device", "channel")
WHOLE_FLOAT = 2**53  # up to here every whole number is a float of its own
YEAR_2000_S, YEAR_2100_S = 946_684_800, 4_102_444_800
FEN_MAX = 2**62  # all amounts of a file together
_LIKE = {
    "payer": ("from", "sender", "buyer", "payer_id", "from_account", "source", "src", "debtor", "customer"),
    "payee": ("to", "receiver", "seller", "payee_id", "to_account", "target", "dst", "creditor", "merchant", "store"),
    "at": ("time", "timestamp", "date", "datetime", "ts", "paid_at", "created_at", "when"),
    "amount_fen": ("amount", "amount_cents", "cents", "value", "sum", "amt", "amount_yuan"),
}


@dataclass(frozen=True, slots=True)
class PlainPayments:
    """`table` as `read_payments` takes it; `notes` say in sentences what was assumed or left out."""

    table: pa.Table
    notes: tuple[str, ...]


def plain_payments(table: pa.Table, *, tz: str, rows_max: int, drop_bad: bool = False) -> PlainPayments:
    """Errors (BadInput): a column missing or of a wrong type, empty parties, amounts of zero or less (with `drop_bad` such
    rows are left out and counted), more than `rows_max` rows, nothing to look at."""
    too_many(table.num_rows, rows_max)
    for name in NEEDED:
        if name not in table.column_names:
            raise _missing(name, table.column_names)
    if table.num_rows == 0:
        raise _nothing()
    notes: list[str] = []
    columns = {name: table.column(name) for name in ASKED if name in table.column_names}
    for name in ("payer", "payee", "device", "channel"):
        if name in columns:
            columns[name] = _text(columns[name], name)
    columns["at"] = _instants(columns["at"], tz, notes)
    columns["amount_fen"] = _whole(columns["amount_fen"])
    clean = pa.table(columns)
    clean = _without_bad(clean, notes, drop_bad)
    _told_by_day(clean.column("at"), tz, notes)
    own = int(
        pc.sum(pc.equal(clean.column("payer").cast(pa.string()), clean.column("payee").cast(pa.string()))).as_py() or 0
    )
    if own:
        notes.append(f"{own:,} payments of an account to itself say nothing about relations and are not counted")
    if clean.num_rows - own == 0:
        raise _nothing()
    return PlainPayments(clean, tuple(notes))


def _nothing() -> BadInput:
    return BadInput(
        "there are no payments between two accounts in the file; give at least some weeks of them", field="payments"
    )


def too_many(rows: int, rows_max: int) -> None:
    """Errors (BadInput): more rows than are read at once."""
    if rows > rows_max:
        raise BadInput(
            f"the file holds {rows:,} payments and at most {rows_max:,} are read at once; give a shorter period or one region",
            field="payments",
        )


def _missing(name: str, present: list[str]) -> BadInput:
    near = [one for one in present if one.lower().strip() == name or one.lower().strip() in _LIKE[name]]
    hint = f"; is it {near[0]!r}? Rename it to {name}" if near else f"; name one of them {name}"
    if near and name == "amount_fen":
        hint = (
            f"; {near[0]!r} may be it: give whole fen (hundredths of the currency unit) and name the column amount_fen"
        )
    said = ", ".join(present[:12]) + (", ..." if len(present) > 12 else "")
    return BadInput(f"the file lacks column {name!r}; it has {said or 'no columns'}{hint}", field=name)


def _text(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind):
        return column if not pa.types.is_null(kind) else column.cast(pa.string())
    if pa.types.is_floating(kind):
        column = _whole_names(column)
        kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_string_view(kind):
        return column.cast(pa.string())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        try:
            return column.cast(pa.string())
        except pa.ArrowInvalid:
            raise BadInput(
                f"column {name!r} holds bytes that are no text; give account names as text", field=name
            ) from None
    raise BadInput(f"column {name!r} is {kind}; give account names as text", field=name)


def _whole_names(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers that became floats because some are missing; others stay as they are."""
    values = column.drop_null().to_numpy()
    values = values[~np.isnan(values)]
    if (len(values) and (values != np.floor(values)).any()) or np.abs(values).max(initial=0) > WHOLE_FLOAT:
        return column
    return pc.if_else(pc.is_nan(column), None, column).cast(pa.int64())


def _instants(column: pa.ChunkedArray, tz: str, notes: list[str]) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        column = _parsed(column)
        kind = column.type
    if pa.types.is_integer(kind):
        column = _counted(column, notes)
        kind = column.type
    if not pa.types.is_timestamp(kind):
        raise BadInput(
            f"column 'at' is {kind}; give a timestamp such as 2026-03-01T12:30:00+08:00, since the time of day is looked at",
            field="at",
        )
    if kind.tz is None:
        try:
            column = pc.assume_timezone(column, tz, ambiguous="earliest", nonexistent="earliest")
        except (pa.ArrowInvalid, ValueError):
            raise BadInput(f"{tz!r} is not a time zone; write it like Asia/Shanghai", field="tz") from None
        notes.append(f"timestamps carry no zone and are read as local time of {tz}; say another with --tz")
    return column.cast(pa.timestamp("us", tz="UTC"), safe=False)


def _counted(column: pa.ChunkedArray, notes: list[str]) -> pa.ChunkedArray:
    """Instants counted from 1970 in the unit that puts them into this century; unchanged where none does."""
    low, high = (int(one.as_py() or 0) for one in (pc.min(column), pc.max(column)))
    for unit, a_second in (("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)):
        if YEAR_2000_S * a_second <= low and high < YEAR_2100_S * a_second:
            notes.append(f"at is a number and is read as {unit} since 1970 UTC")
            return column.cast(pa.int64()).cast(pa.timestamp(unit, tz="UTC"))
    return column


def _parsed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    for kind in (pa.timestamp("us", tz="UTC"), pa.timestamp("us")):
        try:
            return column.cast(kind)
        except pa.ArrowInvalid:
            continue
    example = next((one for one in column.slice(0, 1000).to_pylist() if one), "nothing")
    raise BadInput(
        f"column 'at' is text that is no timestamp, for instance {example[:40]!r}; write 2026-03-01T12:30:00+08:00",
        field="at",
    )


def _whole(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_integer(kind):
        return column.cast(pa.int64())
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        values = np.asarray(pc.fill_null(column.cast(pa.float64(), safe=False), 0.0).to_numpy())
        odd = np.flatnonzero(values != np.floor(values))
        if len(odd):
            raise BadInput(f"amount_fen holds {values[odd[0]]:g} in row {odd[0] + 1:,}; give whole fen, that is the amount "
                           "times 100, rounded", field="amount_fen")  # fmt: skip
        return column.cast(pa.int64(), safe=False)
    raise BadInput(f"column 'amount_fen' is {kind}; give whole numbers of fen", field="amount_fen")


def _without_bad(table: pa.Table, notes: list[str], drop_bad: bool) -> pa.Table:
    bad = np.zeros(table.num_rows, np.bool_)
    for name in NEEDED:
        column = table.column(name)
        if pa.types.is_dictionary(column.type):
            column = column.cast(pa.string())
        empty = pc.is_null(column)
        if name in ("payer", "payee"):
            empty = pc.or_(empty, pc.fill_null(pc.equal(column, ""), True))
        found = np.asarray(
            empty.to_numpy(zero_copy_only=False) if isinstance(empty, pa.Array) else empty.to_numpy(), np.bool_
        )
        _bad_rows(found, f"no {name}", "fill them", name, drop_bad)
        bad |= found
    fen = np.asarray(pc.fill_null(table.column("amount_fen"), 1).to_numpy(), np.int64)
    low = fen <= 0
    if low.any():
        first = int(np.flatnonzero(low)[0])
        _bad_rows(low, f"an amount_fen of zero or less (first {fen[first]:,})",
                  "write money that goes back as a payment from payee to payer", "amount_fen", drop_bad)  # fmt: skip
    bad |= low
    if float(np.where(bad, 0, fen).astype(np.float64).sum()) > FEN_MAX:
        raise BadInput(f"all amounts together are more than {FEN_MAX:.1e} fen; give fen, that is hundredths of the currency unit",
                       field="amount_fen")  # fmt: skip
    if bad.any():
        notes.append(f"{int(bad.sum()):,} rows without a party, a time or an amount above zero are left out")
        table = table.filter(pa.array(~bad))
    return table


def _bad_rows(found: np.ndarray[tuple[int], np.dtype[np.bool_]], what: str, remedy: str, name: str, drop: bool) -> None:
    if found.any() and not drop:
        raise BadInput(f"{int(found.sum()):,} rows have {what}, the first is row {int(np.flatnonzero(found)[0]) + 1:,}; "
                       f"{remedy}, or leave such rows out with --drop-bad", field=name)  # fmt: skip


def _told_by_day(at: pa.ChunkedArray, tz: str, notes: list[str]) -> None:
    """A note where instants are days only: bursts and hours then mean nothing."""
    local = pc.local_timestamp(at.cast(pa.timestamp("us", tz=tz)))
    for place, moments in ((tz, local), ("UTC", at)):
        of_day = np.asarray(moments.cast(pa.int64()).to_numpy()) % DAY_US
        if len(of_day) and np.count_nonzero(of_day == 0) > len(of_day) / 2:
            notes.append(
                f"most payments lie at midnight ({place}): days without hours hide rings, and tell less of accounts"
            )
            return
