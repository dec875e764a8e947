"""Spark in local mode gives the bytes of one machine: one session, the Arrow path only."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from online_histories import NOW, assert_same_bytes
from peer_town import ASKED, NEXT, subjects_of, tables_for, town
from typer.testing import CliRunner

from dandelion.app.cli import app
from dandelion.core import DAY_US, BadInput, arrow_schema
from dandelion.indicators import PeerTable, PeerTables, evaluate, standard, whose_tables
from dandelion.indicators.scale import compute_spark, session
from dandelion.vault.lake import layout
from support.feed_online import batch

PAID, MADE, REFUND, ROLE = ("payment", "payee"), ("payment", "payer"), ("refund", "payee"), ("role", "firm")
COLUMNS = [
    "payment.received/30d/count", "payment.received/180d/amount_deviation", "payment.made/90d/distinct_payees",
    "payment.received/standing=trade/180d/amount_sum", "refund.given/90d/amount_sum", "turnover.verified/180d",
    "payment.received/ever/days_since_first", "invoice.sold/90d/count",
]  # fmt: skip


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    if find_spec("pyspark") is None:
        pytest.skip("PySpark is not installed; pip install 'dandelion-credit[spark]'")
    if shutil.which("java") is None:
        pytest.skip("Java is not installed; `make system` installs it (apt-get install default-jre-headless)")
    quick = {"spark.sql.shuffle.partitions": "2", "spark.driver.memory": "1g",
             "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto"}  # fmt: skip
    made = session("local[2]", quick)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def tables() -> dict[tuple[str, str], pa.Table]:
    """Two subjects' worth of everything: corrections across subjects, an owner's payments, refunds."""
    sent = pa.concat_tables([batch(i) for i in range(3)])
    ids = [int(id_[1:]) for id_ in sent.column("event_id").to_pylist()]
    once = sent.take(pa.array(np.unique(ids, return_index=True)[1]))
    given = (
        once.slice(0, 500)
        .drop_columns(["channel", "device", "order_id"])
        .append_column("payment_id", pa.nulls(500, pa.string()))
    )
    given = given.select(arrow_schema("refund").names).cast(arrow_schema("refund"))
    owner = pa.Table.from_pylist([{"event_id": f"r{i}", "source": "s", "at": NOW - 500 * DAY_US, "arrived": NOW - 499 * DAY_US,
                                   "firm": f"m{i}", "person": f"m{i + 1}", "role": "owner"} for i in range(9)],
                                 schema=arrow_schema("role"))  # fmt: skip
    return {PAID: once, MADE: once, REFUND: given, ROLE: owner}


@pytest.fixture(scope="module")
def frames(
    spark: Any, tables: dict[tuple[str, str], pa.Table], tmp_path_factory: pytest.TempPathFactory
) -> dict[Any, Any]:
    """As Spark reads them from the lake's Parquet."""
    folder: Path = tmp_path_factory.mktemp("lake")
    out = {}
    for key, table in tables.items():
        pq.write_table(table, folder / f"{key[0]}.parquet", **layout(table.schema))
        out[key] = spark.read.parquet(str(folder / f"{key[0]}.parquet"))
    return out


def test_spark_gives_the_bytes_of_the_embedded_engine(frames: dict[Any, Any], tables: dict[Any, Any]) -> None:
    who = [f"m{i}" for i in (*range(60), 3, 3)] + ["nobody"]
    as_of = np.array([NOW - i * DAY_US for i in range(len(who))])
    known_at = as_of + 2 * DAY_US
    wanted = evaluate(standard(), tables, who, as_of, known_at, columns=COLUMNS, related={"m5": ["m6"]})
    computed = compute_spark(
        standard(), frames, who, as_of, known_at, columns=COLUMNS, related={"m5": ["m6"]}, buckets=5
    )
    assert_same_bytes(computed.collect(), wanted)
    assert np.isnan(wanted["invoice.sold/90d/count"]).all()
    assert wanted["payment.received/30d/count"].sum() > 100


def test_a_column_without_a_grant_is_missing_on_spark_too(
    frames: dict[Any, Any], tables: dict[Any, Any], tmp_path: Path
) -> None:
    who, columns = ["m1", "m2"], ["payment.received/30d/count", "turnover.verified/180d"]
    computed = compute_spark(standard(), frames, who, NOW, NOW, columns=columns, granted=["invoices"], buckets=2)
    assert_same_bytes(
        computed.collect(), evaluate(standard(), tables, who, NOW, NOW, columns=columns, granted=["invoices"])
    )
    assert {entry.null_policy for entry in computed.nobody.catalogue.values()} == {"not_consented"}


def test_newcomers_weekdays_and_counterparties_are_the_same_on_spark(
    frames: dict[Any, Any], tables: dict[Any, Any]
) -> None:
    """What counterparties do is worked out on Spark too, from the same payments, as of two months."""
    payers, payees = "payment.received/90d/distinct_payers", "payment.made/365d/distinct_payees"
    columns = [
        f"{payers}.new.365d", f"{payers}.returning_share.ever", f"{payees}.new.ever",
        "payment.received/channel=qr/30d/distinct_payers.new_share.90d", "payment.received/7d/amount_sum.same_weekdays.28d",
        "payment.received/holiday=no/365d/count", f"{payers}.whose.payment.made/365d/amount_sum.mean",
        f"{payees}.whose.payment.received/365d/active_days.q25", "payment.made/90d/count",
    ]  # fmt: skip
    months = [NOW - 60 * DAY_US, NOW - 20 * DAY_US]
    who = [*(f"m{i}" for i in range(40)), "nobody"]
    as_of = np.array([NOW - (i % 3) * 31 * DAY_US for i in range(len(who))])  # the newest month, the one before, none
    told = whose_tables(standard(), tables[PAID], months, columns)
    peers = PeerTables({at: PeerTable(at, {}, {}, whose=told[at]) for at in months})
    wanted = evaluate(standard(), tables, who, as_of, as_of, columns=columns, peers=peers)
    computed = compute_spark(standard(), frames, who, as_of, as_of, columns=columns, buckets=3, whose=months)
    assert_same_bytes(computed.collect(), wanted)
    assert (np.isfinite(wanted.values) & (wanted.values != 0)).sum(axis=0).min() > 3


def test_columns_against_peers_are_the_same_on_spark(spark: Any, tmp_path: Path) -> None:
    events = town(12, 7)
    names, peers, at = subjects_of(events), tables_for(events), NEXT + DAY_US
    lake = {}
    for key in (PAID, ("order", "seller"), ("placement", "merchant")):
        pq.write_table(events[key], tmp_path / f"{key[0]}.parquet")
        lake[key] = spark.read.parquet(str(tmp_path / f"{key[0]}.parquet"))
    wanted = evaluate(standard(), events, names, at, at, columns=ASKED[:5], peers=peers)
    computed = compute_spark(standard(), lake, names, at, at, columns=ASKED[:5], peers=peers, buckets=2)
    assert_same_bytes(computed.collect(), wanted)
    assert np.isfinite(wanted.values).any(axis=0).sum() >= 3


def test_the_command_writes_the_same_file_with_either_engine(
    spark: Any, tables: dict[Any, Any], tmp_path: Path
) -> None:
    assert spark.version
    plain = tables[PAID].select(["payer", "payee", "at", "amount_fen"]).append_column(
        "channel", pa.array(["qr", "barter"] * (tables[PAID].num_rows // 2)))  # fmt: skip
    pq.write_table(plain, tmp_path / "payments.parquet")
    ids = "payment.received/30d/count,payment.received/channel=qr/90d/amount_sum,payment.made/90d/distinct_payees"
    ids += ",payment.received/30d/distinct_payers.new.90d,payment.received/365d/distinct_payers.whose.payment.made/365d/count.q50"
    asked = ["indicators", "compute", "--stream", "payment", "--events", str(tmp_path / "payments.parquet"), "--as-of",
             "2025-06-15T00:00:00Z", "--columns", ids]  # fmt: skip
    for out, more in (("one", []), ("other", ["--engine", "spark", "--master", "local[2]"])):
        said = CliRunner().invoke(app, [*asked, *more, "--out", str(tmp_path / out)])
        assert said.exit_code == 0, said.output
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    assert pq.read_table(tmp_path / "one").num_rows == 90
    told = pq.read_table(tmp_path / "one").column(ids.split(",")[-1]).to_numpy()
    assert np.isfinite(told).sum() > 10
    refused = CliRunner().invoke(app, [*asked, "--master", "local[2]", "--out", str(tmp_path / "no")])
    assert "--engine spark" in str(refused.exception)
    against = [*asked[:-1], "payment.received/30d/count.peers.size", "--engine", "spark", "--out", str(tmp_path / "no")]
    assert "which one machine makes" in str(CliRunner().invoke(app, against).exception)


def test_what_cannot_be_computed_is_refused_before_anything_runs(frames: dict[Any, Any]) -> None:
    for given, columns, said in (
        (frames, ["payment.received/no/such"], "payment.received"),
        ({PAID: frames[PAID].drop("amount_fen")}, ["payment.received/30d/amount_sum"], "amount_fen"),
        ({PAID: frames[PAID].drop("event_id")}, ["payment.received/30d/count"], "event_id"),
        ({REFUND: frames[REFUND]}, ["payment.received/30d/count"], "give payment"),
    ):
        with pytest.raises(BadInput, match=said):
            compute_spark(standard(), given, ["m1"], NOW, NOW, columns=columns)
    with pytest.raises(BadInput, match="buckets"):
        compute_spark(standard(), frames, ["m1"], NOW, NOW, columns=COLUMNS, buckets=0)
