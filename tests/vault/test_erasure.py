import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from dandelion.core import DAY_US, ConsentMissing, Erased, ManualClock, NotAllowed, canonical, from_table, to_table
from dandelion.vault import SYSTEM, Actor, NewDecision, Periods, Vault
from dandelion.vault.tables import event_subjects, events, snapshot_parts
from support.records import LENDER, TENANT, grant, payment

ANALYST = Actor("ana", "analyst", is_human=True)


def read(vault: Vault, subject: str, role: str = "payee"):
    with vault.open(TENANT, subject, purpose="credit", recipient=LENDER) as record:
        return from_table("payment", record.events("payment", role))


def decide(vault: Vault, subject: str, id_: str) -> None:
    with vault.open(TENANT, subject, purpose="credit", recipient=LENDER) as record:
        record.events("payment", "payee")
        with record.unit_of_work() as work:
            work.keep(NewDecision(id_, subject, canonical({"subject": subject}), {"cost_us": 3}))


def lake_subjects(vault: Vault, role: str) -> set[str]:
    return {
        name
        for path in (vault.lake.folder / TENANT / "payment" / role).rglob("*.parquet")
        for name in pq.read_table(path, partitioning=None).column(role).to_pylist()
    }


def test_an_erased_subject_is_gone_at_once_and_its_rows_with_the_next_compaction(
    vault: Vault, clock: ManualClock
) -> None:
    t = clock.now() - 40 * DAY_US
    stored = [payment(n, t + n, payee=f"m{n % 2 + 1}", payer="p1") for n in range(6)]
    late = [payment(10, t + 50, payee="m1", payer="m1"), payment(11, t + 60, payee="m2", payer="m1")]
    vault.ingest(TENANT, "payment", to_table(stored), source="bank")
    vault.append(TENANT, late)
    vault.seal(TENANT)
    for subject in ("m1", "m2"):
        grant(vault, subject)
        grant(vault, subject, purpose="training")
    with vault.unit_of_work(TENANT) as work:
        vault.entities.register(work, "person", {"phone": "13800000000"}, SYSTEM, entity_id="m1")
    report = vault.erase(TENANT, "m1", actor=SYSTEM)
    assert report.tail_rows == 4  # two payments, and two consents given
    with pytest.raises(Erased):
        read(vault, "m1")
    with vault.bulk(TENANT, recipient=LENDER) as bulk:
        assert bulk.subjects == ("m2",)
        assert set(bulk.events("payment", "payee").column("payee").to_pylist()) == {"m2"}
    assert vault.entities.find(TENANT, "phone", "13800000000") == []
    with pytest.raises(Erased), vault.unit_of_work(TENANT) as work:
        vault.entities.reveal(work, "m1", ANALYST)
    with vault.database.read() as connection:
        assert {s for (s,) in connection.execute(sa.select(event_subjects.c.subject).distinct())} == {"m2"}
        held = [i for (i,) in connection.execute(sa.select(events.c.event_id).where(events.c.kind == "payment"))]
        assert held == [late[1].event_id]
    assert "m1" in lake_subjects(vault, "payee")
    compacted = vault.compact(TENANT, grace_s=0)
    assert compacted.erased_rows == 3
    clock.move_to(clock.now() + 1)
    vault.compact(TENANT, grace_s=0)
    assert lake_subjects(vault, "payee") == {"m2"} and lake_subjects(vault, "payer") == {"p1"}
    assert [e.event_id for e in read(vault, "m2")] == [e.event_id for e in (*stored[1::2], late[1])]
    assert vault.audit.verify(TENANT).holds
    assert vault.erase(TENANT, "m1", actor=SYSTEM).tail_rows == 0


def test_what_arrives_about_an_erased_subject_is_not_kept_again(vault: Vault, clock: ManualClock) -> None:
    t = clock.now() - DAY_US
    vault.erase(TENANT, "m1", actor=SYSTEM)
    assert vault.append(TENANT, [payment(1, t, payee="m1", payer="m1")]).added == 0
    vault.append(TENANT, [payment(2, t, payee="m1", payer="m2")])
    vault.ingest(TENANT, "payment", to_table([payment(3, t, payee="m1"), payment(4, t, payee="m3")]), source="bank")
    assert lake_subjects(vault, "payee") == {"m3"}
    with vault.database.read() as connection:
        assert [s for (s,) in connection.execute(sa.select(event_subjects.c.subject))] == ["m2"]


def test_within_retention_an_erased_decision_is_for_audit_and_dispute_only(vault: Vault, clock: ManualClock) -> None:
    vault.append(TENANT, [payment(1, clock.now() - DAY_US)])
    grant(vault, "m1")
    decide(vault, "m1", "d1")
    assert vault.decisions.get(TENANT, "d1").body == canonical({"subject": "m1"})
    report = vault.erase(TENANT, "m1", actor=SYSTEM)
    assert (report.decisions_erased, report.decisions_retained) == (0, 1)
    with pytest.raises(Erased):
        vault.decisions.get(TENANT, "d1")
    assert vault.decisions.of(TENANT, "m1") == []
    with pytest.raises(NotAllowed, match="operator"):
        vault.decisions.get(TENANT, "d1", purpose="audit", actor=Actor("op", "operator"))
    with pytest.raises(NotAllowed, match="audit and dispute"):
        vault.decisions.get(TENANT, "d1", purpose="marketing", actor=ANALYST)
    assert vault.decisions.get(TENANT, "d1", purpose="dispute", actor=ANALYST).subject == "m1"
    snapshot = vault.decisions.snapshot(TENANT, "d1", purpose="audit", actor=ANALYST)
    assert [part.table.num_rows for part in snapshot.parts] == [1]


def test_after_retention_nothing_but_the_hash_of_a_decision_is_left(vault: Vault, clock: ManualClock) -> None:
    vault.periods = Periods({**Periods.load().days, "decision": 10})
    vault.append(TENANT, [payment(1, clock.now() - DAY_US)])
    for subject in ("m1", "p1"):
        grant(vault, subject)
        decide(vault, subject, f"d-{subject}")
    digest = vault.decisions.get(TENANT, "d-m1").body_sha256
    clock.move_to(clock.now() + 11 * DAY_US)
    report = vault.erase(TENANT, "m1", actor=SYSTEM)
    assert (report.decisions_erased, report.decisions_retained) == (1, 0)
    with pytest.raises(Erased, match=digest):
        vault.decisions.get(TENANT, "d-m1", purpose="audit", actor=ANALYST)
    assert vault.decisions.get(TENANT, "d-p1").subject == "p1"
    assert vault.apply_retention(TENANT).removed["decision"] == 1
    with pytest.raises(Erased):
        vault.decisions.get(TENANT, "d-p1")
    with vault.database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(snapshot_parts)).scalar_one() == 0
    assert vault.audit.verify(TENANT).holds


def test_a_snapshot_outlives_withdrawal_for_those_who_may_look(vault: Vault, clock: ManualClock) -> None:
    rows = [payment(n, clock.now() - n * DAY_US) for n in range(1, 5)]
    vault.append(TENANT, rows)
    id_ = grant(vault, "m1")
    decide(vault, "m1", "d1")
    vault.compact(TENANT)
    with vault.unit_of_work(TENANT) as work:
        vault.consents.withdraw(work, id_, SYSTEM)
    with pytest.raises(ConsentMissing):
        read(vault, "m1")
    with pytest.raises(NotAllowed):
        vault.decisions.snapshot(TENANT, "d1", purpose="audit", actor=Actor("m2", "merchant", is_human=True))
    vault.decisions.snapshot(TENANT, "d1", purpose="dispute", actor=Actor("m1", "merchant", is_human=True))
    snapshot = vault.decisions.snapshot(TENANT, "d1", purpose="audit", actor=ANALYST)
    assert from_table("payment", snapshot.parts[0].table) == sorted(rows, key=lambda e: e.at)
    assert snapshot.header.subject == "m1" and snapshot.header.grants == (id_,)


def test_retention_removes_what_is_past_its_period_and_nothing_else(vault: Vault, clock: ManualClock) -> None:
    days = {"decision": 100, "grant": 100, "event": 100, "idempotency": 5, "outbox": 5, "audit": None}
    vault.periods = Periods(days)
    t = clock.now()
    old, young = payment(1, t - 300 * DAY_US), payment(2, t - DAY_US)
    vault.ingest(TENANT, "payment", to_table([old, young]), source="bank")
    vault.append(TENANT, [payment(3, t - 200 * DAY_US), payment(4, t - 2 * DAY_US)])
    with vault.unit_of_work(TENANT) as work:
        work.answer("k", "h", 200, b"")
        work.emit("payout", "done", {})
        work.emit("payout", "open", {})
    vault.outbox.done(next(row for row in vault.outbox.claim("payout") if row.key == "done"))
    grant(vault, "m1", days=400)
    clock.move_to(t + 6 * DAY_US)
    assert vault.apply_retention(TENANT).removed == {
        "decision": 0, "grant": 0, "event": 3, "idempotency": 1, "outbox": 1, "audit": 0,
    }  # fmt: skip
    assert [int(e.event_id, 16) for e in read(vault, "m1")] == [4, 2]
    assert vault.outbox.waiting("payout") == 1
