"""Payments as arrays: accounts numbered, corrections applied, only what was known at the boundary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dandelion.core import BadInput
from dandelion.core.frame import Ints
from dandelion.graph import kernel

Small = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]
NEEDED = ("payer", "payee", "at", "amount_fen")
NOBODY = -1


@dataclass(frozen=True, slots=True)
class Payments:
    """Payments sorted by (payer, payee, at): codes into `accounts` (sorted text), instants, fen, device codes."""

    accounts: pa.Array
    payer: Small
    payee: Small
    at: Ints
    fen: Ints
    device: Small  # NOBODY where none is named
    devices: pa.Array
    gift: Bools  # a red packet

    def __len__(self) -> int:
        return len(self.at)

    def keep(self, rows: Bools) -> Payments:
        """The same accounts, fewer payments."""
        return Payments(self.accounts, self.payer[rows], self.payee[rows], self.at[rows], self.fen[rows],
                        self.device[rows], self.devices, self.gift[rows])  # fmt: skip


def read_payments(table: pa.Table, as_of: int, known_at: int | None = None, *, since: int | None = None) -> Payments:
    """Payments with ``since <= at < as_of`` known before `known_at` (default: `as_of`), replaced ones gone.

    `table` needs payer, payee, at, amount_fen; arrived, event_id, replaces, channel and device are used where present.
    Errors (BadInput): a column missing or null, an amount of zero or less.
    """
    refuse_gaps(table)
    known_at = as_of if known_at is None else known_at
    keep = visible(table, as_of, known_at)
    at = instants(table.column("at"))
    if since is not None:
        keep &= at >= since
    if not keep.all():
        table, at = table.filter(pa.array(keep)), at[keep]
    fen = amounts(table)
    payers, payees = encode(table.column("payer")), encode(table.column("payee"))
    accounts = pc.unique(pa.concat_arrays([payers[1], payees[1]]))
    accounts = accounts.take(pc.sort_indices(accounts))
    payer, payee = renumber(payers, accounts), renumber(payees, accounts)
    device, devices = np.full(len(at), NOBODY, np.int32), pa.array([], pa.string())
    if "device" in table.column_names:
        codes, devices = encode(table.column("device"))
        device = codes.astype(np.int32)
    gift = np.zeros(len(at), np.bool_)
    if "channel" in table.column_names:
        gift = pc.fill_null(pc.equal(table.column("channel"), "red_packet"), False).to_numpy()
    order = np.argsort(at)
    order = kernel.order_by(payer, kernel.order_by(payee, order, len(accounts)), len(accounts))
    order = _ties_by_amount(order, payer, payee, at, fen)
    return Payments(accounts, payer[order], payee[order], at[order], fen[order], device[order], devices, gift[order])


def _ties_by_amount(order: Ints, payer: Small, payee: Small, at: Ints, fen: Ints) -> Ints:
    """Payments between the same two at the same instant follow by amount, so that their order in a file says nothing."""
    now, before = order[1:], order[:-1]
    tied = (at[now] == at[before]) & (payee[now] == payee[before]) & (payer[now] == payer[before])
    if tied.any():
        place = np.flatnonzero(np.concatenate([tied, [False]]) | np.concatenate([[False], tied]))
        rows = order[place]
        order[place] = rows[np.lexsort((fen[rows], at[rows], payee[rows], payer[rows]))]
    return order


def refuse_gaps(table: pa.Table) -> None:
    """Errors (BadInput): a column that every payment needs is missing, or null somewhere."""
    for name in NEEDED:
        if name not in table.column_names:
            raise BadInput(f"payments lack column {name!r}; they have {', '.join(table.column_names)}", field=name)
        if table.column(name).null_count:
            raise BadInput(f"payments have {table.column(name).null_count:,} rows without {name}; fill or drop them",
                           field=name)  # fmt: skip


def amounts(table: pa.Table) -> Ints:
    """Fen of every payment.  Errors (BadInput): an amount of zero or less."""
    fen = np.asarray(table.column("amount_fen").to_numpy(), np.int64)
    if len(fen) and int(fen.min()) <= 0:
        raise BadInput(f"payment amount_fen is {int(fen.min())}; give whole fen above zero", field="amount_fen")
    return fen


def visible(table: pa.Table, as_of: int, known_at: int) -> Bools:
    """Rows with ``at < as_of``, arrived before `known_at`, and no correction that had arrived by then."""
    keep = instants(table.column("at")) < as_of
    if "arrived" not in table.column_names:
        return np.asarray(keep)
    known = instants(table.column("arrived")) < known_at
    keep &= known
    if "replaces" in table.column_names and table.column("replaces").null_count < table.num_rows:
        replaced = table.column("replaces").filter(pa.array(known)).drop_null().combine_chunks()
        keep &= ~pc.is_in(table.column("event_id"), value_set=replaced).to_numpy()
    return np.asarray(keep)


def instants(column: Any) -> Ints:
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", tz=column.type.tz)).cast(pa.int64())
    return np.asarray(column.to_numpy(), np.int64)


def encode(column: Any) -> tuple[Ints, pa.Array]:
    """(codes, distinct values); null is NOBODY."""
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    codes = pc.fill_null(column.indices, NOBODY).to_numpy(zero_copy_only=False).astype(np.int64)
    return codes, column.dictionary.cast(pa.string())


def renumber(encoded: tuple[Ints, pa.Array], accounts: pa.Array) -> Small:
    """Codes into `accounts`; NOBODY for strangers."""
    codes, values = encoded
    place = pc.fill_null(pc.index_in(values, value_set=accounts), NOBODY).to_numpy(zero_copy_only=False)
    return np.where(codes >= 0, place[codes], NOBODY).astype(np.int32) if len(place) else codes.astype(np.int32)


def distinct(keys: Ints) -> Ints:
    """Sorted distinct values; sorting beats numpy's hashing here several times over."""
    keys = np.sort(keys)
    return keys[np.concatenate([[True], keys[1:] != keys[:-1]])] if len(keys) else keys
