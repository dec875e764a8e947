"""The demo's world as the room wants it: one table a (kind, role), sorted, with event ids.  Built once and kept."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from dandelion.core import event_class, event_ids
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
        source = path / "record" / kind
        rows = ds.dataset(source if source.is_dir() else source.with_suffix(".parquet")).to_table()
        made = pa.array(event_ids("demo", "world", rows.column("source_id").to_pylist()))
        rows = rows.drop_columns(["source_id"]).append_column("event_id", made)
        rows = rows.sort_by([(role, "ascending"), ("at", "ascending"), ("event_id", "ascending")])
        kept.parent.mkdir(exist_ok=True)
        pq.write_table(rows, kept, compression="zstd", row_group_size=131_072)
    return pq.read_table(kept)
