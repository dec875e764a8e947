"""`graph watch` and `graph schemes` on plain files, and a house under watch whose analysts see its alerts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from dandelion.app.cli import app
from dandelion.app.ring_watching import RingWatching
from dandelion.core import DAY_US, HOUR_US, BadInput, NotAllowed
from support.shop import Town, town

MINUTE = HOUR_US // 60
TIME = pa.timestamp("us", tz="UTC")
Row = tuple[str, str, int, int]


def trade(rng: np.random.Generator, start: int, days: int) -> list[Row]:
    hours = np.array([4, 4, 10, 11])
    return [(f"c{rng.integers(40)}", f"s{store}", start + day * DAY_US + int(hours[rng.integers(4)]) * HOUR_US + int(rng.integers(60)) * MINUTE,
             int(rng.integers(5, 90)) * 100) for store in range(3) for day in range(days) for _ in range(6)]  # fmt: skip


def cash_out(rng: np.random.Generator, at: int) -> list[Row]:
    pays = [(f"r{i}", "s1", at + int(rng.integers(30)) * MINUTE, int(rng.integers(200, 900)) * 100) for i in range(12)]
    return pays + [
        ("s1", who, when + int(rng.integers(30, 100)) * MINUTE, fen * 97 // 100) for who, _, when, fen in pays
    ]


def table(rows: list[Row]) -> pa.Table:
    payer, payee, at, fen = zip(*sorted(rows, key=lambda row: row[2]), strict=True)
    return pa.table({"payer": payer, "payee": payee, "at": pa.array(at, pa.int64()).cast(TIME), "amount_fen": fen})


START = 1_748_736_000_000_000  # 2025-06-01 UTC


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    rng = np.random.default_rng(2)
    return trade(rng, START, 25) + cash_out(rng, START + 25 * DAY_US + 19 * HOUR_US)


def run(*words: str) -> str:
    result = CliRunner().invoke(app, ["graph", *words])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_a_file_is_watched_in_order_of_time_and_alerts_name_kind_store_and_evidence(
    rows: list[Row], tmp_path: Path
) -> None:
    pq.write_table(table(rows), tmp_path / "payments.parquet")
    out = tmp_path / "alerts.jsonl"
    said = run("watch", str(tmp_path / "payments.parquet"), "--since", "2025-06-20", "--out", str(out))
    assert "flagged" in said and "cash_out" in said and "s1" in said
    alerts = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [one["level"] for one in alerts][:2] == ["suspected", "flagged"]
    assert {name for one in alerts if one["level"] != "suspected" for name in one["new"]} == {
        "s1",
        *(f"r{i}" for i in range(12)),
    }
    assert "r3" not in said, "members are in the file, not on the screen"
    counts = json.loads(run("watch", str(tmp_path / "payments.parquet"), "--json").splitlines()[-1])
    assert counts["flagged"] == 1


def test_one_source_is_asked_for_and_a_day_must_be_a_day(tmp_path: Path, rows: list[Row]) -> None:
    with pytest.raises(BadInput, match="one of both"):
        run("watch")
    pq.write_table(table(rows[:50]), tmp_path / "payments.parquet")
    with pytest.raises(BadInput, match="2025-06-01"):
        run("watch", str(tmp_path / "payments.parquet"), "--since", "June")


def test_farms_and_circles_are_found_in_files(tmp_path: Path) -> None:
    logins = [(f"f{i}", "phone", START + day * DAY_US + i * MINUTE) for day in (3, 9, 15) for i in range(8)]
    person, device, at = zip(*logins, strict=True)
    pq.write_table(
        pa.table({"person": person, "device": device, "at": pa.array(at).cast(TIME)}), tmp_path / "logins.parquet"
    )
    turns = [
        ("abc"[k], "bca"[k], START + (day + k) * DAY_US, 500_000 - k * 900) for day in (2, 19, 40) for k in range(3)
    ]
    seller, buyer, when, fen = zip(*turns, strict=True)
    pq.write_table(pa.table({"seller": seller, "buyer": buyer, "at": pa.array(when).cast(TIME), "total_fen": fen}),
                   tmp_path / "invoices.parquet")  # fmt: skip
    said = run(
        "schemes",
        str(tmp_path / "logins.parquet"),
        str(tmp_path / "invoices.parquet"),
        "--out",
        str(tmp_path / "o.parquet"),
    )
    assert "1 device farms, 1 circles" in said
    kinds = pq.read_table(tmp_path / "o.parquet").select(["account", "kind"]).to_pylist()
    assert {r["account"] for r in kinds if r["kind"] == "circular_invoices"} == set("abc")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with town(tmp_path_factory.mktemp("watched") / "lender", "sqlite:///state/record.sqlite", ["s0"]) as opened:
        yield opened


def told(place: Town, rows: list[Row], name: str) -> None:
    paid = table(rows)
    arrive(place, "payment", paid.append_column("channel", pa.array(["qr"] * paid.num_rows)), name)


def arrive(place: Town, kind: str, rows: pa.Table, name: str) -> None:
    arrived = pa.array([place.house.clock.now() - 1] * rows.num_rows).cast(TIME)
    place.house.vault.ingest(place.house.tenant, kind, rows.append_column("arrived", arrived), source=name)


def test_a_house_under_watch_tells_its_analysts_once_and_nobody_else(place: Town) -> None:
    rng, now = np.random.default_rng(3), place.house.clock.now()
    start = (now // DAY_US - 30) * DAY_US
    told(place, trade(rng, start, 28), "history")
    watching = RingWatching(place.house)
    assert [one for one in watching.look() if one.level == "flagged"] == []
    held = watching.payments_held
    told(place, cash_out(rng, now - 8 * HOUR_US), "today")
    found = watching.look()
    assert [one.stores for one in found if one.level == "flagged"] == [("s1",)]
    assert watching.payments_held == held + 24
    assert watching.look() == [], "an alert is given once"
    assert RingWatching(place.house).look() == [], "also after a restart, which reads the record anew"
    shown = place.call("ana", "analyst").get("/v1/graph/alerts")
    newest = next(one for one in shown["alerts"] if one["level"] == "flagged")
    assert (newest["store"], newest["kind"]) == ("s1", "cash_out")
    assert not any(f"r{i}" in str(shown) for i in range(12))
    looks = place.house.vault.audit.records(place.house.tenant, actions=["graph.explored"])
    assert looks[-1].detail["what"] == "ring alerts"
    with pytest.raises((AssertionError, NotAllowed)):
        place.call("s0", "merchant").get("/v1/graph/alerts")


@pytest.mark.parametrize("logins_come", ["before the first look", "between two looks", "never"])
def test_a_crowd_on_one_phone_is_seen_by_a_house_that_was_told_of_its_logins(logins_come: str, tmp_path: Path) -> None:
    with town(tmp_path / "lender", "sqlite:///state/record.sqlite") as place:
        rng, now = np.random.default_rng(3), place.house.clock.now()
        start, people = (now // DAY_US - 30) * DAY_US, [f"f{i}" for i in range(6)]
        logins = pa.table({"person": people, "device": ["phone"] * 6, "at": pa.array([now - DAY_US] * 6).cast(TIME)})

        def crowd(at: int) -> list[Row]:
            return [(one, "s2", at + int(rng.integers(40)) * MINUTE, int(rng.integers(5, 90)) * 100) for one in people]

        came = [row for day in (12, 16, 20) for row in crowd(start + (day * 24 + 19) * HOUR_US)]
        watching, flagged = RingWatching(place.house), []
        told(place, trade(rng, start, 28) + came, "history")
        if logins_come == "before the first look":
            arrive(place, "login", logins, "phones")
        flagged.append([(one.kind, one.stores) for one in watching.look() if one.level == "flagged"])
        if logins_come == "between two looks":
            arrive(place, "login", logins, "phones")
        told(place, crowd(now - 9 * HOUR_US), "today")
        flagged.append([(one.kind, one.stores) for one in watching.look() if one.level == "flagged"])
    farm = [("device_farm", ("s2",))]
    assert (
        flagged
        == {"before the first look": [farm, []], "between two looks": [[], farm], "never": [[], []]}[logins_come]
    )
