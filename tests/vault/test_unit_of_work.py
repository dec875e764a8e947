import contextlib
import threading

import pytest
import sqlalchemy as sa

from dandelion.core import Conflict, canonical
from dandelion.core.events import Login
from dandelion.vault import Actor, NewDecision, Vault, metadata
from dandelion.vault.tables import audit_records, decisions, events, outbox

T = "acme"
BOT = Actor("engine", "service")


def login(n: int, at: int) -> Login:
    return Login(event_id=f"e{n}", source="app", at=at, arrived=at, person="p1", device="d1")


def count(vault: Vault, table: sa.Table) -> int:
    with vault.database.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def test_everything_in_a_work_happens_or_nothing_does(vault: Vault) -> None:
    def fill(work):
        work.keep(NewDecision("d1", "m1", canonical({"a": 1}), {"cost_us": 1.5}))
        work.audit(BOT, "decision.made", "m1", {"decision": "d1"})
        work.emit("payout", "k1", {"fen": 5})
        work.append([login(1, work.now)])

    with pytest.raises(ZeroDivisionError), vault.unit_of_work(T) as work:
        fill(work)
        _ = 1 // 0
    assert [count(vault, t) for t in (decisions, audit_records, outbox, events)] == [0, 0, 0, 0]
    with vault.unit_of_work(T) as work:
        fill(work)
    assert [count(vault, t) for t in (decisions, audit_records, outbox, events)] == [1, 1, 1, 1]


def test_a_work_inside_a_work_is_refused(vault: Vault) -> None:
    with pytest.raises(RuntimeError, match="already open"), vault.unit_of_work(T), vault.unit_of_work(T):
        pass
    with vault.unit_of_work(T) as work:  # and the refusal left nothing locked
        work.emit("t", "k", {})


def test_the_same_key_and_request_get_the_stored_answer_and_another_request_a_conflict(vault: Vault) -> None:
    with vault.unit_of_work(T) as work:
        assert work.seen("k", "hash") is None
        work.answer("k", "hash", 201, b"body")
    with vault.unit_of_work(T) as work:
        stored = work.seen("k", "hash")
        assert stored is not None and (stored.status, stored.body) == (201, b"body")
        with pytest.raises(Conflict):
            work.seen("k", "other")
    with vault.unit_of_work("other") as work:
        assert work.seen("k", "other") is None


def test_of_many_simultaneous_requests_with_one_key_exactly_one_does_the_work(vault: Vault) -> None:
    done, answers = [], []
    start = threading.Barrier(8)

    def request(number: int) -> None:
        start.wait()
        with vault.unit_of_work(T) as work:
            stored = work.seen("k", "h")
            if stored is None:
                done.append(number)
                work.emit("payout", f"by{number}", {})
                work.answer("k", "h", 200, str(number).encode())
                answers.append(str(number).encode())
            else:
                answers.append(stored.body)

    threads = [threading.Thread(target=request, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 1 and answers == [str(done[0]).encode()] * 8
    assert count(vault, outbox) == 1


def test_a_named_lock_lets_one_in_at_a_time(vault: Vault) -> None:
    inside, most = 0, 0
    guard = threading.Lock()

    def enter() -> None:
        nonlocal inside, most
        for _ in range(5):
            with vault.unit_of_work(T) as work:
                work.lock("line-1")
                with guard:
                    inside += 1
                    most = max(most, inside)
                work.connection.execute(sa.select(1))
                with guard:
                    inside -= 1

    threads = [threading.Thread(target=enter) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_the_migrations_end_where_the_tables_of_all_rooms_say(database_url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with contextlib.suppress(ModuleNotFoundError):
        import dandelion.lending.tables
        import dandelion.vault.contests  # noqa: F401 - both register their tables on the same metadata
    from dandelion.vault.database import Database

    database = Database(database_url)
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    database.close()


def test_tenant_leads_every_key_and_index() -> None:
    for table in metadata.tables.values():
        assert next(iter(table.primary_key.columns)).name == "tenant", table.name
        assert all(next(iter(index.columns)).name == "tenant" for index in table.indexes), table.name
