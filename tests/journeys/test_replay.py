"""Replay: the same bytes in a fresh process, or the altered event, strategy, model or list called by its name."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from dandelion.app.house import House
from dandelion.app.replaying import Replay, replay
from dandelion.policy.lists import key_id, seal
from dandelion.vault import tables
from support.shop import Town, town


@dataclass
class Decided:
    """A workspace with one decision, closed; each test works on a copy of its own."""

    root: Path
    decision: str


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Decided]:
    root = tmp_path_factory.mktemp("replay") / "lender"
    with town(root, "sqlite:///state/record.sqlite", ["m1"]) as place:
        place.report(place.payments("m1", 5, name="tail"))  # some events in the tail, the rest in the lake
        place.later(seconds=60)
        told = place.approved("m1")
    yield Decided(root, told["decision"])


@pytest.fixture
def copy(decided: Decided, tmp_path: Path) -> Decided:
    shutil.copytree(decided.root, tmp_path / "copy")
    return Decided(tmp_path / "copy", decided.decision)


def again(copy: Decided) -> Replay:
    house = House.open(copy.root, deciding=False)
    try:
        return replay(house, house.tenant, copy.decision)
    finally:
        house.close()


def database(copy: Decided) -> sa.Engine:
    return sa.create_engine(f"sqlite:///{copy.root / 'state' / 'record.sqlite'}")


def named(found: Replay, what: str) -> list[str]:
    assert not found.same
    return [one.name for one in found.differences if one.what == what]


def body_of(copy: Decided) -> dict[str, Any]:
    with database(copy).connect() as connection:
        stored = connection.execute(sa.select(tables.decisions.c.body)).scalar_one()
    return dict(json.loads(stored))


def fresh_process(copy: Decided) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "dandelion", "replay", copy.decision, "--workspace", str(copy.root), "--json"]
    done = subprocess.run(command, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=120)
    assert done.stdout, done.stderr.decode()
    return done.returncode, json.loads(done.stdout.decode().splitlines()[-1])


def test_a_fresh_process_recomputes_the_same_bytes(copy: Decided) -> None:
    status, found = fresh_process(copy)
    assert (status, found["same"], found["differences"]) == (0, True, [])
    assert found["recomputed_sha256"] == found["stored_sha256"]


def test_a_stored_answer_that_claims_another_limit_is_not_echoed(copy: Decided) -> None:
    body = body_of(copy)
    honest = again(copy).recomputed_sha256
    for key, lie in (("limit_fen", 99_000_000), ("outcome", "declined"), ("reasons", []), ("rate_ppm", 1)):
        forged = json.dumps({**body, key: lie}, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        with database(copy).begin() as connection:
            values = {"body": forged, "body_sha256": hashlib.sha256(forged).hexdigest()}
            connection.execute(sa.update(tables.decisions).values(**values))
        found = again(copy)
        assert named(found, "body") == [key]
        assert found.recomputed_sha256 == honest  # nothing of the forged answer went into it
    status, told = fresh_process(copy)
    assert status == 1 and not told["same"]


def test_a_forged_fact_that_replay_must_repeat_is_caught_by_the_audit_chain(copy: Decided) -> None:
    body = body_of(copy)
    money = {**body["money"], "household_exposure_fen": 123_400}  # a fact no store keeps by date
    forged = json.dumps({**body, "money": money}, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    with database(copy).begin() as connection:
        values = {"body": forged, "body_sha256": hashlib.sha256(forged).hexdigest()}
        connection.execute(sa.update(tables.decisions).values(**values))
    assert named(again(copy), "decision") == [copy.decision]


def test_a_body_that_lost_its_hash_is_said(copy: Decided) -> None:
    body = body_of(copy)
    forged = json.dumps({**body, "limit_fen": 1}, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    with database(copy).begin() as connection:
        connection.execute(sa.update(tables.decisions).values(body=forged))
    assert named(again(copy), "decision") == [copy.decision]


def test_an_event_altered_in_the_tail_is_named(copy: Decided) -> None:
    with database(copy).begin() as connection:
        row = connection.execute(sa.select(tables.events).where(tables.events.c.kind == "payment")).first()
        assert row is not None
        payload = json.loads(row.payload) | {"amount_fen": 3_001}
        at_row = tables.events.c.event_id == row.event_id
        connection.execute(sa.update(tables.events).where(at_row).values(payload=json.dumps(payload)))
    assert named(again(copy), "event") == [row.event_id]


def test_an_event_gone_from_the_tail_is_named(copy: Decided) -> None:
    with database(copy).begin() as connection:
        row = connection.execute(sa.select(tables.events).where(tables.events.c.kind == "payment")).first()
        assert row is not None
        for table in (tables.event_subjects, tables.events):
            connection.execute(sa.delete(table).where(table.c.event_id == row.event_id))
    assert named(again(copy), "event") == [row.event_id]


def test_an_event_altered_in_the_lake_is_named_even_by_a_forger_who_mends_the_manifest(copy: Decided) -> None:
    with database(copy).begin() as connection:
        of_payee = sa.select(tables.lake_files).where(
            tables.lake_files.c.kind == "payment", tables.lake_files.c.role == "payee"
        )
        file = connection.execute(of_payee.order_by(tables.lake_files.c.month.desc())).first()
        assert file is not None
        path = next((copy.root / "state" / "lake").rglob(Path(file.path).name))
        table = pq.ParquetFile(path).read()
        amounts = table.column("amount_fen").to_pylist()
        victim, amounts[0] = table.column("event_id")[0].as_py(), amounts[0] + 1
        place = table.column_names.index("amount_fen")
        forged = table.set_column(place, table.schema.field("amount_fen"), pa.array(amounts, pa.int64()))
        pq.write_table(forged, path)
        data = path.read_bytes()
        mended = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        connection.execute(
            sa.update(tables.lake_files).where(tables.lake_files.c.file_id == file.file_id).values(**mended)
        )
    assert victim in named(again(copy), "event")


def test_an_event_altered_in_the_kept_snapshot_is_said(copy: Decided) -> None:
    with database(copy).begin() as connection:
        part = connection.execute(
            sa.select(tables.snapshot_parts).where(
                tables.snapshot_parts.c.kind == "payment", tables.snapshot_parts.c.rows > 0
            )
        ).first()
        assert part is not None
        with pa.ipc.open_stream(part.content) as reader:
            table = reader.read_all()
        amounts = table.column("amount_fen").to_pylist()
        amounts[0] += 1
        victim = table.column("event_id")[0].as_py()
        place = table.column_names.index("amount_fen")
        forged = table.set_column(place, table.schema.field("amount_fen"), pa.array(amounts, pa.int64()))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, forged.schema) as writer:
            writer.write_table(forged)
        at_part = (tables.snapshot_parts.c.kind == part.kind) & (tables.snapshot_parts.c.role == part.role)
        values = {"content": sink.getvalue().to_pybytes()}
        connection.execute(sa.update(tables.snapshot_parts).where(at_part).values(**values))
    assert named(again(copy), "event") == [victim]


def test_an_altered_strategy_is_named(copy: Decided) -> None:
    book = copy.root / "state" / "archive" / "book" / body_of(copy)["names"]["book"]
    file, strategy = strategy_in(book)
    text = file.read_text()
    at = text.index(f"id: {strategy}")
    changed = text[:at] + text[at:].replace("priority: ", "priority: 1", 1)
    file.write_text(changed)
    assert named(again(copy), "strategy") == [strategy]


def strategy_in(book: Path) -> tuple[Path, str]:
    """The first strategy of the eligibility file, by its id."""
    file = book / "eligibility.yaml"
    line = next(line for line in file.read_text().splitlines() if "id:" in line)
    return file, line.split("id:")[1].strip()


def test_a_strategy_changed_in_the_workspace_does_not_touch_what_was_decided(copy: Decided) -> None:
    file, strategy = strategy_in(copy.root / "strategies")
    text = file.read_text()
    at = text.index(f"id: {strategy}")
    file.write_text(text[:at] + text[at:].replace("priority: ", "priority: 1", 1))
    assert again(copy).same


def test_one_altered_byte_of_the_model_is_named(copy: Decided) -> None:
    model = body_of(copy)["names"]["models"]["pd"]
    file = next((copy.root / "state" / "models").rglob(f"{model}/model.json"))
    data = bytearray(file.read_bytes())
    at = next(i for i in range(len(data) // 2, len(data)) if chr(data[i]).isdigit())
    data[at] = ord("1") if data[at] != ord("1") else ord("2")
    file.chmod(0o644)
    file.write_bytes(bytes(data))
    assert named(again(copy), "model") == [f"pd {model[:12]}"]
    status, told = fresh_process(copy)
    assert status == 1 and [one["what"] for one in told["differences"]] == ["model"]


def test_an_altered_list_is_named(copy: Decided) -> None:
    lists = copy.root / "state" / "archive" / "lists" / body_of(copy)["names"]["lists"]
    house = House.open(copy.root)
    key = house.list_key
    house.close()
    row = {"kind": "subject", "value": "m1", "reason": "forged", "source": "nobody"}
    row |= {"added": "2025-01-01", "expires": "2030-01-01", "confidence_ppm": "1000000"}
    (lists / "black.csv").write_text(seal([row], key))
    declared = lists / "lists.yaml"
    declared.write_text(f'key_id: "{key_id(key)}"\n' + declared.read_text())  # quoted: it may be all digits
    found = again(copy)
    assert named(found, "list") == ["black"]
    assert "outcome" in named(found, "body")  # with m1 blacklisted the answer would have been another


def test_changed_product_terms_are_named(copy: Decided) -> None:
    terms = copy.root / "state" / "archive" / "product" / body_of(copy)["names"]["product"] / "shop-line.credit.yaml"
    terms.write_text(terms.read_text().replace("profit_min_fen: 100", "profit_min_fen: 101"))
    assert named(again(copy), "product") == ["shop-line"]


def test_a_missing_archive_is_named_not_a_traceback(copy: Decided) -> None:
    book = body_of(copy)["names"]["book"]
    shutil.rmtree(copy.root / "state" / "archive" / "book" / book)
    (copy.root / "strategies" / "book.yaml").write_text(
        (copy.root / "strategies" / "book.yaml").read_text().replace('version: "1"', 'version: "2"')
    )
    assert named(again(copy), "book")


def test_the_api_replays_in_a_process_of_its_own(copy: Decided) -> None:
    place = Town(copy.root)
    try:
        told = place.call("m1").post(f"/v1/decisions/{copy.decision}/replay", status=200)
        assert told["same"] and told["decision"] == copy.decision
    finally:
        place.close()
