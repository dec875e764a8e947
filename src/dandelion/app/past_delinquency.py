"""The lender's own past book as events: lines that fell behind, and those that were brought back.

A book taken over tells its loans' lives in `loan_events.parquet` (loan, merchant, at, event, days_past_due).  What it says of
delinquency becomes the same `delinquency_moved` events that the ledger writes for its own lines.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from dandelion.lending import Pack

BEHIND = ("past_due", "written_off")
NEEDED = ("loan", "merchant", "at", "event", "days_past_due")


def delinquency_moves(loan_events: pa.Table, pack: Pack) -> pa.Table:
    """Rows of `delinquency_moved`: every step further behind, and one back to 0 days for each loan that was behind and whose
    last word is a repayment."""
    events = loan_events.select(NEEDED).sort_by([("loan", "ascending"), ("at", "ascending")])
    late = events.filter(pc.is_in(events.column("event"), value_set=pa.array(BEHIND)))
    behind = pc.is_in(events.column("loan"), value_set=pc.unique(late.column("loan")))
    last = events.filter(behind).group_by("loan", use_threads=False).aggregate(
        [(name, "last") for name in ("merchant", "at", "event")]
    )  # fmt: skip
    back = last.filter(pc.equal(last.column("event_last"), "repaid"))
    back = back.rename_columns({"merchant_last": "merchant", "at_last": "at"}).append_column(
        "days_past_due", pa.array([0] * back.num_rows, late.schema.field("days_past_due").type)
    )
    moves = pa.concat_tables([part.select(["loan", "merchant", "at", "days_past_due"]) for part in (late, back)])
    loan, at, days = (
        moves.column("loan").cast(pa.string()),
        moves.column("at"),
        moves.column("days_past_due").cast(pa.int64()),
    )
    names = {n: max((b for b in pack.buckets if b.from_days <= n), key=lambda b: b.from_days).name
             for n in pc.unique(days).to_pylist()}  # fmt: skip
    return pa.table({
        "source_id": pc.binary_join_element_wise(loan, pc.cast(at.cast(pa.int64()), pa.string()), pc.cast(days, pa.string()), "."),
        "at": at, "arrived": at,
        "merchant": moves.column("merchant").cast(pa.string()),
        "line": loan, "days_past_due": days, "bucket": pa.array([names[n] for n in days.to_pylist()], pa.string()),
    })  # fmt: skip
