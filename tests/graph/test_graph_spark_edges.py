"""Edges summed up by Spark in local mode are those folded on one machine."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from graph_oracle import DAY, NOW, table

from dandelion.core import BadInput
from dandelion.graph.flow import FlowStore, Names
from dandelion.graph.flow.edge_tables import from_table, to_table
from dandelion.graph.flow.spark_edges import edges_spark

SINCE = NOW - 150 * DAY


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    if find_spec("pyspark") is None:
        pytest.skip("PySpark is not installed; pip install 'dandelion-credit[spark]'")
    if shutil.which("java") is None:
        pytest.skip("Java is not installed; `make system` installs it (apt-get install default-jre-headless)")
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    settings = {"spark.sql.shuffle.partitions": "1", "spark.driver.memory": "1g", "spark.ui.enabled": "false",
                "spark.sql.session.timeZone": "UTC", "spark.sql.codegen.wholeStage": "false",
                "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto"}  # fmt: skip
    made = SparkSession.builder.master("local[2]").appName("dandelion graph").config(map=settings).getOrCreate()
    yield made
    made.stop()


def town() -> pa.Table:
    """Late payments, corrections of which some arrive too late, payments to oneself, sums beyond 32 bits."""
    random = np.random.default_rng(11)
    rows = [(f"账户{random.integers(0, 40)}", f"账户{random.integers(0, 12)}", NOW - int(random.integers(-DAY, 160 * DAY)),
             int(random.integers(1, 2**33))) for _ in range(900)]  # fmt: skip
    arrived = [at + int(random.integers(0, 3 * DAY)) for *_, at, _ in rows]
    replaces = [f"e{random.integers(0, i)}" if i % 40 == 39 else None for i in range(900)]
    return table(rows, arrived=arrived, event_id=[f"e{i}" for i in range(900)], replaces=replaces)


def sorted_rows(edges: pa.Table) -> list[dict[str, Any]]:
    kind = pa.timestamp("us", tz="UTC")
    for name in ("first", "last"):
        edges = edges.set_column(edges.column_names.index(name), name, edges.column(name).cast(kind).cast(pa.int64()))
    return sorted(edges.to_pylist(), key=lambda edge: (edge["payer"], edge["payee"]))


def test_spark_sums_up_the_edges_of_one_machine(spark: Any, tmp_path: Path) -> None:
    payments = town()
    store = FlowStore(tmp_path / "store")
    store.append(payments.slice(0, 500))
    store.append(payments.slice(500))
    pq.write_table(payments, tmp_path / "payments.parquet")
    frame = spark.read.parquet(str(tmp_path / "payments.parquet"))
    graph = store.graph(NOW, since=SINCE, known_at=NOW + 2 * DAY)
    summed = edges_spark(frame, NOW, since=SINCE, known_at=NOW + 2 * DAY).toArrow()
    assert sorted_rows(summed) == sorted_rows(to_table(graph, store.names))
    assert len(graph) > 300
    names = Names()
    names.encode(pa.array(store.names.text(range(len(store.names)))))
    again = from_table(summed, names, since=SINCE, until=NOW)
    for part in ("start", "payee", "count", "fen", "first", "last", "spread", "large"):
        np.testing.assert_array_equal(getattr(again, part), getattr(graph, part), err_msg=part)
    assert len(again.large) and again.span_s == graph.span_s
    broken = payments.set_column(3, "amount_fen", pa.array([0, *payments.column("amount_fen").to_pylist()[1:]]))
    pq.write_table(broken, tmp_path / "broken.parquet")
    with pytest.raises(Exception, match="whole fen above zero"):
        edges_spark(spark.read.parquet(str(tmp_path / "broken.parquet")), NOW + 99 * DAY, since=0).toArrow()
    with pytest.raises(BadInput) as refused:
        edges_spark(frame.drop("payee"), NOW, since=SINCE)
    assert refused.value.field == "payee"


def edge_rows(**changes: list[object]) -> pa.Table:
    moment = pa.timestamp("us", tz="UTC")
    parts: dict[str, list[object]] = {"payer": ["a", "b"], "payee": ["b", "a"], "count": [1, 2], "fen": [5, 6],
                                      "first": [SINCE, SINCE], "last": [SINCE, NOW - 1], "spread": [1, 3]}  # fmt: skip
    parts |= changes
    return pa.table({k: pa.array(v, moment) if k in ("first", "last") else pa.array(v) for k, v in parts.items()})


def test_edges_by_name_are_checked_before_they_become_a_graph() -> None:
    assert from_table(edge_rows(), Names(), since=SINCE, until=NOW).fens().tolist() == [5, 6]
    for changes, field in (
        ({"payer": ["a", "a"], "payee": ["b", "b"]}, "payee"), ({"fen": [5, 0]}, "fen"), ({"count": [-1, 1]}, "count"),
        ({"payer": ["a", None]}, "payer"), ({"last": [SINCE, NOW]}, "first"),
    ):  # fmt: skip
        with pytest.raises(BadInput) as refused:
            from_table(edge_rows(**changes), Names(), since=SINCE, until=NOW)
        assert refused.value.field == field
    with pytest.raises(BadInput):
        from_table(edge_rows().drop_columns(["fen"]), Names(), since=SINCE, until=NOW)
