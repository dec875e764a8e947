"""The demo's world as the room wants it: one table a (kind, role), sorted, with event ids.  Built once and kept."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from dandelion.core import arrow_schema, event_class, event_ids
from dandelion.indicators import Definitions
from dandelion.world import build

SEED, PEOPLE, MONTHS = 310, 20_000, 30  # as `dandelion demo` builds it
Tables = dict[tuple[str, str], pa.Table]


def world(folder: Path, people: int = PEOPLE) -> Path:
    path = folder / f"world-{SEED}-{people}-{MONTHS}"
    if not (path / "world.json").is_file():
        build(path, people=people, months=MONTHS, seed=SEED)
    return path


def merchants(path: Path) -> list[str]:
    return sorted(pq.read_table(path / "truth" / "merchants.parquet", columns=["account"]).column(0).to_pylist())


def tables(path: Path, definitions: Definitions) -> Tables:
    """Every table that these definitions read."""
    return {key: _table(path, *key) for key in sorted(definitions.needs())}


def _table(path: Path, kind: str, role: str) -> pa.Table:
    assert role in event_class(kind).ROLES, f"{kind} has no role {role}"
    kept = path / "sorted" / f"{kind}-{role}.parquet"
    if not kept.is_file():
        rows = _ledger(path, kind) if event_class(kind).DATA_KIND == "ledger" else _record(path, kind)
        made = pa.array(event_ids("demo", "world", rows.column("source_id").to_pylist()), pa.string())
        rows = rows.drop_columns(["source_id"]).append_column("event_id", made)
        rows = rows.sort_by([(role, "ascending"), ("at", "ascending"), ("event_id", "ascending")])
        kept.parent.mkdir(exist_ok=True)
        pq.write_table(rows, kept, compression="zstd", row_group_size=131_072)
    return pq.read_table(kept)


def _record(path: Path, kind: str) -> pa.Table:
    source = path / "record" / kind
    return ds.dataset(source if source.is_dir() else source.with_suffix(".parquet")).to_table()


def _ledger(path: Path, kind: str) -> pa.Table:
    """The lender's own ledger, from the past loans of the record; limits were not kept there, so that table is empty."""
    loans = pq.read_table(path / "record" / "loan_events.parquet")
    loans = loans.append_column("source_id", pa.array([f"ledger-{i}" for i in range(loans.num_rows)]))
    named = {"draw_paid": "drawn", "repaid": "repaid", "delinquency_moved": "past_due"}.get(kind, "")
    rows = loans.filter(pc.equal(loans.column("event"), named))
    principal, interest, days = (rows.column(f"{name}") for name in ("principal_fen", "interest_fen", "days_past_due"))
    fields = {
        "arrived": rows.column("at"), "line": rows.column("loan"), "drawdown": rows.column("loan"),
        "amount_fen": principal if kind == "draw_paid" else pc.add(principal, interest), "principal_fen": principal,
        "interest_fen": interest, "days_past_due": days, "bucket": rows.column("event"), "at": rows.column("at"),
        "merchant": rows.column("merchant"), "source_id": rows.column("source_id"),
    }  # fmt: skip
    empty = pa.nulls(rows.num_rows)
    columns = {field.name: fields.get(field.name, empty.cast(field.type)) for field in arrow_schema(kind)}
    return pa.table({**columns, "source_id": fields["source_id"]}).drop_columns(["event_id"])
