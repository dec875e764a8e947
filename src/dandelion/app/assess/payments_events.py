"""A bill as the house's own events: Arrow tables of payments and refunds, as the rooms of sight expect them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dandelion.app.assess.payments_bill import Bill
from dandelion.app.assess.payments_meaning import CHANNELS, OUT, PAY, REFUND

Tables = dict[tuple[str, str], pa.Table]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Accounts:
    """Every account of the file as a dense number: row i was paid by `payer[i]` to `payee[i]`; `names` are the hashes."""

    names: npt.NDArray[np.uint64]
    payer: Ints
    payee: Ints


def accounts(bill: Bill) -> Accounts:
    """Payers and payees in one numbering, so that a payer who is also paid is one account."""
    both = pa.chunked_array([pa.array(bill.payer), pa.array(bill.payee)]).dictionary_encode().unify_dictionaries()
    names = both.chunk(0).dictionary.to_numpy()
    order = np.argsort(names)
    place = np.empty(len(names), np.int64)
    place[order] = np.arange(len(names))
    payer, payee = (place[chunk.indices.to_numpy()] for chunk in both.chunks)
    return Accounts(names[order], payer, payee)


def event_tables(bill: Bill, who: Accounts, fen: Ints) -> Tables:
    """Tables by (kind, role), sorted by (subject, at, event id), with `fen` (one per row of the bill) as the amounts;
    rows of zero are left out.

    A file is history that is known at once, so an event arrived when it happened.  Columns are those the contracts of
    `Payment` and `Refund` name and the rooms read; ids are dictionary-encoded.
    """
    payments = np.flatnonzero((fen > 0) & ((bill.what == PAY) | (bill.what == OUT)))
    refunds = np.flatnonzero((fen > 0) & (bill.what == REFUND))
    return {
        ("payment", "payee"): _table(bill, who, fen, payments),
        ("refund", "payee"): _table(bill, who, fen, refunds),
    }


def _table(bill: Bill, who: Accounts, fen: Ints, rows: Ints) -> pa.Table:
    at = pa.array(bill.at_us[rows]).cast(pa.timestamp("us", tz="UTC"))
    codes = {"payee": who.payee[rows], "payer": who.payer[rows]}
    return pa.table({
        "event_id": pc.utf8_lpad(pa.array(rows).cast(pa.string()), 9, "0"),
        "at": at,
        "arrived": at,
        "payee": _ids(codes["payee"]),
        "payer": _ids(codes["payer"]),
        "amount_fen": pa.array(fen[rows]),
        "channel": pa.DictionaryArray.from_arrays(pa.array(bill.channel[rows].astype(np.int8)), pa.array(CHANNELS)),
    })  # fmt: skip


def _ids(codes: Ints) -> pa.DictionaryArray:
    """Account numbers as text, each distinct one written once."""
    present, index = np.unique(codes, return_inverse=True)
    return pa.DictionaryArray.from_arrays(pa.array(index.astype(np.int32)), pa.array(present).cast(pa.string()))
