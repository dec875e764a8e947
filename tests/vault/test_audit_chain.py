import threading

import pytest
import sqlalchemy as sa

from dandelion.core import HOUR_US, ManualClock
from dandelion.vault import Actor, Vault
from dandelion.vault.tables import audit_heads, audit_records, audit_roots

T = "acme"
ENGINE = Actor("engine", "service")
ANA = Actor("ana", "analyst", is_human=True)


def fill(vault: Vault, clock: ManualClock) -> None:
    for hour in range(3):
        for n in range(6):
            with vault.unit_of_work(T) as work:
                work.audit(ENGINE, "decision.made", f"m{n}", {"decision": f"d{hour}{n}"})
                work.audit(ANA if n == 3 else ENGINE, "line.opened", f"m{n}", {"limit_fen": 5})
        clock.move_to(clock.now() + HOUR_US)


def test_the_chain_holds_and_counts_the_people(vault: Vault, clock: ManualClock) -> None:
    fill(vault, clock)
    report = vault.audit.verify(T)
    assert report.holds and (report.records, report.roots) == (36, 3)
    assert vault.audit.people(T, subject="m3") == {"ana"}
    assert vault.audit.people(T, subject="m3", actions=["decision.made"]) == set()
    assert vault.audit.people(T, subject="m1") == set()
    assert len(vault.audit.records(T, subject="m1", actions=["line.opened"])) == 3
    assert vault.audit.verify("empty").holds


def _last(connection: sa.Connection):
    r = audit_records.c
    return connection.execute(sa.select(audit_records).order_by(r.shard.desc(), r.seq.desc()).limit(1)).one()


def _where(row):
    r = audit_records.c
    return (r.tenant == row.tenant, r.shard == row.shard, r.seq == row.seq)


def alter_detail(c):
    c.execute(sa.update(audit_records).where(*_where(_last(c))).values(detail='{"limit_fen":6}'))


def alter_detail_into_nonsense(c):
    c.execute(sa.update(audit_records).where(*_where(_last(c))).values(detail="{1.5"))


def alter_actor(c):
    c.execute(sa.update(audit_records).where(*_where(_last(c))).values(is_human=True, actor="bob"))


def drop_from_the_middle(c):
    row = _last(c)
    r = audit_records.c
    c.execute(sa.delete(audit_records).where(r.tenant == row.tenant, r.shard == row.shard, r.seq == row.seq - 1))


def cut_off_the_end(c):
    c.execute(sa.delete(audit_records).where(*_where(_last(c))))


def cut_off_the_end_and_hide_it(c):
    row = _last(c)
    r, h = audit_records.c, audit_heads.c
    c.execute(sa.delete(audit_records).where(r.tenant == row.tenant, r.shard == row.shard, r.seq > 2))
    kept = c.execute(sa.select(r.hash).where(r.tenant == row.tenant, r.shard == row.shard, r.seq == 2)).scalar_one()
    c.execute(sa.update(audit_heads).where(h.tenant == row.tenant, h.shard == row.shard).values(seq=2, hash=kept))


def alter_a_root(c):
    first = c.execute(sa.select(sa.func.min(audit_roots.c.hour))).scalar_one()
    c.execute(sa.update(audit_roots).where(audit_roots.c.hour == first).values(heads="[]"))


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        (alter_detail, "was altered"), (alter_detail_into_nonsense, "was altered"), (alter_actor, "was altered"),
        (drop_from_the_middle, "is missing"), (cut_off_the_end, "its head says"),
        (cut_off_the_end_and_hide_it, "is gone, the root"), (alter_a_root, "root of hour"),
    ],
)  # fmt: skip
def test_any_tampering_is_named(vault: Vault, clock: ManualClock, harm, named: str) -> None:
    fill(vault, clock)
    with vault.database.write() as connection:
        harm(connection)
    report = vault.audit.verify(T)
    assert not report.holds and named in report.broken


def test_many_threads_chain_on_without_a_gap(vault: Vault) -> None:
    def run(number: int) -> None:
        for n in range(5):
            with vault.unit_of_work(T) as work:
                for subject in range(4):
                    work.audit(ENGINE, "seen", f"m{(number + subject * n) % 9}")

    threads = [threading.Thread(target=run, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report = vault.audit.verify(T)
    assert report.holds and report.records == 120
