"""Columns of counterparties: a mean or quartile over at least five, from the month's table, the same everywhere."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dandelion.core import DAY_US, BadInput, arrow_schema
from dandelion.indicators import (
    PeerTable,
    PeerTables,
    StagedServing,
    evaluate,
    explain,
    read_frame,
    standard,
    whose_tables,
)
from dandelion.indicators.block import Block

MONTH = 15_000 * DAY_US
PAYERS, PAYEES = "payment.received/90d/distinct_payers", "payment.made/90d/distinct_payees"
ASKED = tuple(
    f"{near}.whose.{far}.{how}"
    for near, far in ((PAYERS, "payment.made/90d/active_days"), (PAYEES, "payment.received/30d/amount_sum"),
                      (PAYEES, "payment.received/30d/count.trend.90d"))
    for how in ("mean", "q25", "q50", "q75")
)  # fmt: skip


def payments(seed: int, count: int = 3_000) -> pa.Table:
    rng = np.random.default_rng(seed)
    rows = []
    for n in range(count):
        payee, payer = rng.integers(0, 40), rng.integers(0, 40)
        at = MONTH + int(rng.integers(-120 * DAY_US, 20 * DAY_US))
        rows.append({"event_id": f"e{n:05d}", "source": "s", "at": at, "arrived": at + int(rng.integers(0, 9 * DAY_US)),
                     "payee": f"a{payee % (1 + payer):02d}", "payer": f"a{payer:02d}",
                     "amount_fen": int(rng.integers(1, 10_000)), "channel": "qr"})  # fmt: skip
    return pa.Table.from_pylist(rows, schema=arrow_schema("payment"))


def history(table: pa.Table) -> PeerTables:
    made = whose_tables(standard(), table, (MONTH,), ASKED)
    return PeerTables({MONTH: PeerTable(MONTH, {}, {}, made[MONTH])})


def plainly(table: pa.Table, name: str, account: str) -> float:
    """From plain columns of each counterparty, one by one."""
    near, _, rest = name.partition(".whose.")
    far, _, how = rest.rpartition(".")
    mine, other = ("payee", "payer") if near == PAYERS else ("payer", "payee")
    events = {("payment", role): table for role in ("payee", "payer")}
    met = defaultdict(set)
    for row in table.to_pylist():
        at, arrived = (int(row[k].timestamp() * 1_000_000 + 0.5) for k in ("at", "arrived"))
        if MONTH - 90 * DAY_US <= at < MONTH and arrived < MONTH and row["payee"] != row["payer"]:
            met[row[mine]].add(row[other])
    if not met[account]:
        return float("nan")
    found = evaluate(standard(), events, sorted(met[account]), MONTH, MONTH, columns=[far]).values[:, 0]
    known = sorted(float(one) for one in found if not np.isnan(one))
    if len(known) < 5:
        return float("nan")
    return sum(known) / len(known) if how == "mean" else known[-(-len(known) * int(how[1:]) // 100) - 1]


def test_they_are_what_going_to_each_counterparty_finds() -> None:
    table = payments(3)
    names = [f"a{i:02d}" for i in range(0, 40, 3)]
    events = {("payment", role): table for role in ("payee", "payer")}
    frame = evaluate(standard(), events, names, MONTH + DAY_US, MONTH + DAY_US, columns=ASKED, peers=history(table))
    wanted = np.array([[plainly(table, name, one) for name in ASKED] for one in names], np.float32)
    np.testing.assert_allclose(frame.values, wanted, rtol=1e-6)
    assert np.isfinite(frame.values).any(axis=0).all() and np.isnan(frame.values).any()


def test_every_way_of_computing_gives_the_same_bytes(tmp_path: Path) -> None:
    table = payments(4)
    peers, now = history(table), MONTH + DAY_US
    events = {("payment", role): table for role in ("payee", "payer")}
    names = sorted({*table.column("payee").to_pylist(), *table.column("payer").to_pylist()})
    frame = evaluate(standard(), events, names, now, now, columns=ASKED, peers=peers)
    sources = {}
    for key in events:
        sources[key] = tmp_path / f"{key[1]}.parquet"
        pq.write_table(
            table.sort_by([(key[1], "ascending"), ("at", "ascending"), ("event_id", "ascending")]), sources[key]
        )
    read = read_frame(standard(), sources, now, now, columns=ASKED, peers=peers)
    assert read.entity.tolist() == names and read.values.tobytes() == frame.values.tobytes()
    serving = StagedServing.of(standard(), ASKED, peers=peers)
    blocks = {key: Block.of(layout, table) for key, layout in serving.layouts.items()}
    for row, name in enumerate(names):
        own = {key: block.one(name) for key, block in blocks.items()}
        assert serving.row(own, now, now, subject=name).tobytes() == frame.values[row].tobytes()


def test_a_table_keeps_them_through_arrow_and_its_hash_names_them() -> None:
    table = history(payments(5)).table(MONTH)
    assert table.whose is not None
    again = PeerTable.from_arrow(table.to_arrow(), table.whose.to_arrow())
    assert again.hash == table.hash and again.whose is not None and again.whose.columns == table.whose.columns
    assert replace(table, whose=None).hash != table.hash


def test_what_happens_after_the_month_began_changes_nothing() -> None:
    table = payments(6)
    then = table.filter(pa.compute.less(table.column("arrived").cast(pa.int64()), MONTH))
    then = then.filter(pa.compute.less(then.column("at").cast(pa.int64()), MONTH))
    assert history(then).table(MONTH).hash == history(table).table(MONTH).hash


def test_missing_says_why() -> None:
    table = payments(7)
    events = {("payment", role): table for role in ("payee", "payer")}
    without = evaluate(standard(), events, ["a00"], MONTH, MONTH, columns=ASKED[:1])
    assert np.isnan(without.values).all() and without.catalogue[ASKED[0]].null_policy == "no_peer_table"
    stranger = evaluate(standard(), events, ["nobody"], MONTH, MONTH, columns=ASKED[:1], peers=history(table))
    assert np.isnan(stranger.values).all() and stranger.catalogue[ASKED[0]].null_policy == "fewer_than_5_people"
    hidden = explain(standard(), ASKED[0], events, "a00", MONTH, MONTH, granted=(), peers=history(table))
    assert hidden.column.null_policy == "not_consented" and np.isnan(hidden.value)
    shown = explain(standard(), ASKED[0], events, "a00", MONTH, MONTH, peers=history(table))
    assert [term.id for term in shown.terms] == [PAYERS]


def test_the_catalogue_says_what_it_is() -> None:
    entry = standard().column(ASKED[0])
    assert (entry.unit, entry.null_policy, entry.data_kinds) == ("days", "fewer_than_5_people", ("payments",))
    assert entry.en == ("The mean, over the payers of payments received within 90d, of: number of days with payments made "
                        "in the last 90 days")  # fmt: skip
    assert "付出的款项" in entry.zh
    assert len({standard().column(name).definition_hash for name in ASKED}) == len(ASKED)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (f"{PAYERS}.whose.payment.made/90d/count.median", "mean, q25, q50, q75"),
        (f"{PAYERS}.whose.login.made/90d/count.mean", "only payments"),
        (f"{PAYERS}.whose.payment.made/standing=trade/90d/count.mean", "without their standing"),
        ("payment.received/90d/count.whose.payment.made/90d/count.mean", "name the counterparties"),
        ("payment.received/channel=qr/90d/distinct_payers.whose.payment.made/90d/count.mean", "without levels"),
        (f"{ASKED[0]}.peers.area", "comes last"),
    ],
)
def test_a_wrong_path_is_refused_with_the_remedy(name: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        standard().column(name)
