"""How the lake encodes a file: what was put in comes out (by Spark in the indicators' tests), in fewer bytes than
dictionaries of numbers."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion.core import arrow_schema, event_ids
from dandelion.vault.lake import ROW_GROUP, Lake, layout
from dandelion.vault.partition import Part

LEAST, MOST = -(1 << 63), (1 << 63) - 1
wholes = st.lists(st.none() | st.integers(LEAST, MOST) | st.sampled_from([0, 1, LEAST, MOST]), max_size=300)


@given(fen=wholes, rows=st.integers(1, 200))
@settings(max_examples=40, deadline=None)
def test_whole_numbers_come_back_whatever_they_are(fen: list[int | None], rows: int) -> None:
    moments = [None if one is None else max(one, LEAST + 1) for one in fen]
    at = pa.array(moments, pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    table = pa.table({"event_id": [f"{i}" for i in range(len(fen))], "at": at, "fen": pa.array(fen, pa.int64()),
                      "who": pa.array([None if one is None else f"m{one % 3}" for one in fen], pa.string()),
                      "ok": pa.array([None if one is None else one > 0 for one in fen], pa.bool_())})  # fmt: skip
    out = pa.BufferOutputStream()
    pq.write_table(table, out, row_group_size=rows, **layout(table.schema))
    assert pq.read_table(pa.BufferReader(out.getvalue())).equals(table)


@pytest.fixture
def orders() -> pa.Table:
    """Orders of two sellers, of which most have no deposit and some correct others."""
    rng = np.random.default_rng([310, 1])
    size = 20_000
    at = 1_700_000_000_000_000 + np.sort(rng.integers(0, 30 * 86_400_000_000, size))
    ids = np.array(event_ids("t", "shop", [f"{i}" for i in range(size)]))
    columns = {
        "event_id": pa.array(ids), "source": pa.array(["shop"] * size), "at": pa.array(at).cast(pa.timestamp("us", tz="UTC")),
        "arrived": pa.array(at + rng.integers(0, 3_600_000_000, size)).cast(pa.timestamp("us", tz="UTC")),
        "replaces": pa.array(np.where(np.arange(size) % 97 == 96, np.roll(ids, 1), None), pa.string()),
        "seller": pa.array(np.where(np.arange(size) < size // 3, "a", "b")),
        "buyer": pa.array([f"b{i}" for i in rng.integers(0, 900, size)]), "order_id": pa.array([f"o{i}" for i in range(size)]),
        "amount_fen": pa.array(rng.integers(1, 9_000_000, size)),
        "deposit_fen": pa.array(np.where(rng.random(size) < 0.9, 0, rng.integers(1, 90_000, size))),
        "category": pa.array(["food"] * size), "status": pa.array(["paid"] * size),
    }  # fmt: skip
    schema = arrow_schema("order")
    return pa.table({name: columns[name] for name in schema.names}).cast(schema)


def test_arrow_and_duckdb_get_what_was_written(tmp_path: Path, orders: pa.Table) -> None:
    lake = Lake(tmp_path / "lake")
    file = lake.write("t", "order", "seller", Part("2023-11", 0), orders)
    assert lake.check(file) is None
    assert lake.read_file(file).equals(orders)
    assert lake.read_column(file, "amount_fen").equals(orders.column("amount_fen"))
    with duckdb.connect() as connection:
        found = connection.sql("SELECT * FROM read_parquet(?)", params=[lake.path(file)]).to_arrow_table()
        assert found.cast(orders.schema).equals(orders)
    seller = pq.read_table(lake.path(file), filters=[("seller", "=", "b")], partitioning=None)
    assert seller.num_rows == orders.num_rows - orders.num_rows // 3


def test_numbers_are_no_dictionaries_and_take_less(tmp_path: Path, orders: pa.Table) -> None:
    lake = Lake(tmp_path / "lake")
    file = lake.write("t", "order", "seller", Part("2023-11", 0), orders)
    group = pq.read_metadata(lake.path(file)).row_group(0)
    found = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    for name in ("at", "arrived", "amount_fen", "deposit_fen"):
        assert "DELTA_BINARY_PACKED" in found[name].encodings and not found[name].has_dictionary_page
    assert {found[name].compression for name in ("at", "arrived")} == {"UNCOMPRESSED"}
    assert found["buyer"].has_dictionary_page and not found["event_id"].has_dictionary_page
    assert found["seller"].statistics.max == "b"  # what a read by subject skips pages with
    plain = tmp_path / "plain.parquet"
    pq.write_table(orders, plain, compression="zstd", row_group_size=ROW_GROUP)
    told = pq.read_metadata(plain).row_group(0)
    before = {told.column(i).path_in_schema: told.column(i).total_compressed_size for i in range(told.num_columns)}
    for name in ("at", "arrived", "amount_fen"):
        assert found[name].total_compressed_size < before[name], name
