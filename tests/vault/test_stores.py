"""Entities, consents, decisions and the outbox, each on both databases."""

import dataclasses
import stat
import threading
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa

from dandelion.core import (
    DAY_US,
    SECOND_US,
    BadInput,
    Conflict,
    ManualClock,
    NotFound,
    Unavailable,
    canonical,
    content_hash,
    from_table,
)
from dandelion.vault import SYSTEM, Actor, NewDecision, NewGrant, Vault
from dandelion.vault.tables import entity_fields, snapshot_parts
from support.records import LENDER, TENANT, TERMS, grant, payment

PHONE = {"name": "王芳", "phone": "13800000000"}


def test_identifying_data_is_found_and_revealed_but_never_stored_in_clear(
    vault: Vault, database_url: str, tmp_path: Path
) -> None:
    with vault.unit_of_work(TENANT) as work:
        id_ = vault.entities.register(work, "person", PHONE, SYSTEM)
        other = vault.entities.register(work, "person", {"phone": "13900000000"}, SYSTEM)
    assert vault.entities.find(TENANT, "phone", "13800000000") == [id_] != [other]
    assert vault.entities.find("another", "phone", "13800000000") == []
    analyst = Actor("ana", "analyst", is_human=True)
    with vault.unit_of_work(TENANT) as work:
        assert vault.entities.reveal(work, id_, analyst).fields == PHONE
    assert [r.actor.id for r in vault.audit.records(TENANT, actions=["entity.revealed"])] == ["ana"]
    with vault.database.read() as connection:
        everything = repr(connection.execute(sa.select(entity_fields)).all()).encode()
        columns = connection.execute(sa.select(entity_fields.c.sealed)).scalars().all()
    assert b"13800000000" not in everything + b"".join(columns)
    key = tmp_path / "lake.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    stranger = Vault.connect(database_url, lake=tmp_path / "lake", secret=bytes(32))
    with pytest.raises(Unavailable), stranger.unit_of_work(TENANT) as work:
        stranger.entities.reveal(work, id_, analyst)
    stranger.close()
    with pytest.raises(Conflict), vault.unit_of_work(TENANT) as work:
        vault.entities.register(work, "person", PHONE, SYSTEM, entity_id=id_)
    with pytest.raises(NotFound), vault.unit_of_work(TENANT) as work:
        vault.entities.reveal(work, "nobody", analyst)


def test_a_receipt_says_who_may_read_what_for_which_purpose_until_when(vault: Vault, clock: ManualClock) -> None:
    id_ = grant(vault, "m1", kinds=("payments", "orders"), days=30)
    receipt = vault.consents.receipt(TENANT, id_)
    assert canonical(receipt)
    assert receipt["record_metadata"]["schema_version"] == "ISO/IEC TS 27560:2023"
    assert receipt["record_metadata"]["state"] == "given"
    processing = receipt["pii_processing"]
    assert (processing["purpose"], processing["pii_categories"]) == ("credit", ["orders", "payments"])
    assert processing["valid_until"] == "2025-07-31T04:00:00.000000Z"
    assert processing["privacy_notice"]["sha256"] == TERMS.notice_sha256
    clock.move_to(clock.now() + 30 * DAY_US)
    assert vault.consents.receipt(TENANT, id_)["record_metadata"]["state"] == "expired"
    with pytest.raises(NotFound):
        vault.consents.receipt("another", id_)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"purpose": "curiosity"}, "purpose"), ({"data_kinds": ("payments", "dreams")}, "data_kinds"),
        ({"data_kinds": ()}, "data_kinds"), ({"until_us": 0}, "until"), ({"subject": ""}, "subject"),
        ({"from_us": 2**61, "until_us": 2**62}, "from_us"),
    ],
)  # fmt: skip
def test_a_grant_that_makes_no_sense_is_refused(vault: Vault, clock: ManualClock, wrong: dict, field: str) -> None:
    good = NewGrant("m1", "credit", ("payments",), LENDER, clock.now() + DAY_US, TERMS)
    with pytest.raises(BadInput) as refused, vault.unit_of_work(TENANT) as work:
        vault.consents.grant(work, dataclasses.replace(good, **wrong), SYSTEM)
    assert refused.value.field == field and vault.consents.grants(TENANT, "m1") == []


def test_grants_taken_over_from_elsewhere_count_like_others(vault: Vault, clock: ManualClock) -> None:
    begin = clock.now() - 100 * DAY_US
    news = [
        NewGrant(f"m{n}", "training", ("payments",), LENDER, clock.now() + DAY_US, TERMS, from_us=begin)
        for n in range(50)
    ]
    with vault.unit_of_work(TENANT) as work:
        assert vault.consents.grant_many(work, news, SYSTEM) == 50
    with vault.bulk(TENANT, recipient=LENDER) as bulk:
        assert len(bulk.subjects) == 50
        assert bulk.events("consent_given", "subject").num_rows == 50
    assert len(vault.audit.records(TENANT)) == 1


def test_a_decision_keeps_exactly_the_rows_it_read(vault: Vault, clock: ManualClock) -> None:
    rows = [payment(n, clock.now() - n * DAY_US, device="d" if n % 2 else None) for n in range(1, 9)]
    vault.append(TENANT, rows)
    grant(vault, "m1")
    body = canonical({"outcome": "approved", "limit_fen": 500_000})
    with vault.open(TENANT, "m1", purpose="credit", recipient=LENDER) as record:
        first = record.events("payment", "payee", clock.now() - 3 * DAY_US)
        wide = record.events("payment", "payee")
        narrow = record.events("payment", "payee", clock.now() - 2 * DAY_US)
        assert [t.num_rows for t in (first, wide, narrow)] == [3, 8, 2]
        name = record.snapshot_hash()
        with record.unit_of_work() as work:
            assert work.keep(NewDecision("d1", "m1", body, {"cost_us": 1.5})) == content_hash(body)
    kept = vault.decisions.get(TENANT, "d1")
    assert (kept.body, kept.meta, kept.snapshot, kept.at) == (body, {"cost_us": 1.5}, name, clock.now())
    assert [d.decision_id for d in vault.decisions.of(TENANT, "m1")] == ["d1"]
    snapshot = vault.decisions.snapshot(TENANT, "d1", purpose="audit", actor=Actor("a", "auditor", is_human=True))
    assert from_table("payment", snapshot.parts[0].table) == sorted(rows, key=lambda e: e.at)
    with pytest.raises(NotFound):
        vault.decisions.get("another", "d1")
    with pytest.raises(BadInput, match="canonical"), vault.unit_of_work(TENANT) as work:
        work.keep(NewDecision("d2", "m1", b'{"b": 1}', {}))
    with vault.database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(snapshot_parts)).scalar_one() == 1


def test_the_name_of_a_snapshot_follows_the_rows_and_not_their_packing(vault: Vault, clock: ManualClock) -> None:
    from dandelion.core import to_table
    from dandelion.vault.snapshots import digest

    rows = [payment(n, clock.now() - n, device="é" if n % 2 else None) for n in range(1, 40)]
    table = to_table(rows)
    chunked = pa.concat_tables([table.slice(0, 7), table.slice(7, 11), table.slice(18)])
    assert digest(table) == digest(chunked) == digest(pa.concat_tables([table, table]).slice(39))
    for change in ({"amount_fen": 1}, {"device": None}, {"device": ""}, {"at": rows[0].at - 1}, {"payer": "p2"}):
        assert digest(to_table([dataclasses.replace(rows[0], **change), *rows[1:]])) != digest(table), change


def test_an_outbox_row_is_claimed_once_and_given_back_when_asked(vault: Vault, clock: ManualClock) -> None:
    with vault.unit_of_work(TENANT) as work:
        ids = [work.emit("payout", f"k{n}", {"fen": n}) for n in range(4)]
        assert work.emit("payout", "k0", {"fen": 0}) == ids[0]
        with pytest.raises(Conflict):
            work.emit("payout", "k0", {"fen": 9})
    with vault.unit_of_work("other") as work:
        work.emit("payout", "k0", {"fen": 7})
    assert {row.tenant for row in vault.outbox.claim("payout", 10, 60, tenant="other")} == {"other"}
    first = vault.outbox.claim("payout", 3, 60)
    assert [row.key for row in first] == ["k0", "k1", "k2"]
    assert [row.key for row in vault.outbox.claim("payout", 3, 60)] == ["k3"]
    assert vault.outbox.claim("payout", 3, 60) == vault.outbox.claim("mail", 3, 60) == []
    vault.outbox.done(first[0])
    vault.outbox.retry(first[1], clock.now() + 10 * SECOND_US)
    with pytest.raises(NotFound):
        vault.outbox.retry(first[0], clock.now())
    clock.move_to(clock.now() + 10 * SECOND_US)
    assert [(row.key, row.attempts) for row in vault.outbox.claim("payout", 9, 60)] == [("k1", 2)]
    clock.move_to(clock.now() + 50 * SECOND_US)
    assert {(row.key, row.attempts) for row in vault.outbox.claim("payout", 9, 60)} == {("k2", 2), ("k3", 2), ("k0", 2)}


def test_workers_side_by_side_never_hold_the_same_row(vault: Vault) -> None:
    with vault.unit_of_work(TENANT) as work:
        for n in range(60):
            work.emit("payout", f"k{n}", {})
    held: list[str] = []

    def worker() -> None:
        while rows := vault.outbox.claim("payout", 4, 600):
            held.extend(row.key for row in rows)

    threads = [threading.Thread(target=worker) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(held) == sorted(f"k{n}" for n in range(60))


@pytest.mark.parametrize("url", ["mysql://x", "sqlite://", "not a url"])
def test_a_database_we_do_not_know_is_refused_in_words(url: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as refused:
        Vault.connect(url, lake=tmp_path / "lake")
    assert refused.value.field == "url"


def test_a_tenant_that_is_no_path_is_refused(vault: Vault) -> None:
    with pytest.raises(BadInput, match="tenant"), vault.unit_of_work("../etc"):
        pass


def test_what_the_database_cannot_hold_is_bad_input_and_not_a_crash(vault: Vault) -> None:
    with pytest.raises(BadInput), vault.unit_of_work(TENANT) as work:
        work.answer("k", "h", 2**70, b"")
    with vault.unit_of_work(TENANT) as work:
        work.keep(NewDecision("d1", "m1", canonical({}), {}))
    with pytest.raises(Conflict), vault.unit_of_work(TENANT) as work:
        work.keep(NewDecision("d1", "m1", canonical({"a": 1}), {}))
