"""Real SIGKILLs at the worst moments, and readers beside writers."""

import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from dandelion.core import DAY_US, SystemClock, from_table, to_table
from dandelion.vault import SYSTEM, NewGrant, Vault
from support.records import LENDER, TENANT, TERMS, payment


@pytest.fixture
def live(database_url: str, tmp_path: Path):
    """A vault on the real clock, because two processes share no standing one."""
    opened = Vault.connect(database_url, lake=tmp_path / "lake", clock=SystemClock())
    with opened.unit_of_work(TENANT) as work:
        until = work.now + DAY_US
        opened.consents.grant(work, NewGrant("m1", "credit", ("payments",), LENDER, until, TERMS), SYSTEM)
    yield opened
    opened.close()


def killed(url: str, lake: Path, body: str) -> None:
    """Run `body` in another process that ends by killing itself."""
    code = f"""
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from dandelion.core import DAY_US, to_table
from dandelion.vault import Vault, manifest
from support.records import TENANT, payment
def die(*_args, **_kw):
    os.kill(os.getpid(), signal.SIGKILL)
vault = Vault.connect({url!r}, lake=Path({str(lake)!r}))
{textwrap.dedent(body)}
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120, check=False)
    assert found.returncode == -signal.SIGKILL, found.stderr.decode()


def numbers(vault: Vault) -> list[int]:
    with vault.open(TENANT, "m1", purpose="credit", recipient=LENDER) as record:
        return [int(event.event_id, 16) for event in from_table("payment", record.events("payment", "payee"))]


def test_a_crash_between_the_files_and_the_commit_leaves_the_old_state_and_orphans_that_are_swept(
    live: Vault, database_url: str
) -> None:
    t = live.clock.now() - 100 * DAY_US
    rows = [payment(n, t + n * DAY_US) for n in range(40)]
    loading = """
        rows = [payment(n, %d + n * DAY_US) for n in range(40)]
        manifest.swap = die
        vault.ingest(TENANT, "payment", to_table(rows), source="bank")
    """
    killed(database_url, live.lake.folder, loading % t)
    orphans = list(live.lake.folder.rglob("*.parquet"))
    assert orphans and numbers(live) == []
    assert live.ingest(TENANT, "payment", to_table(rows[:20]), source="bank").added == 20
    live.append(TENANT, rows[20:])
    killed(database_url, live.lake.folder, "manifest.swap = die\nvault.compact(TENANT)")
    assert numbers(live) == list(range(40))
    report = live.compact(TENANT, grace_s=0)
    assert (report.folded, numbers(live)) == (21, list(range(40)))  # twenty payments and a consent
    assert not any(path.exists() for path in orphans)
    time.sleep(0.01)
    live.compact(TENANT, grace_s=0)
    listed = {str(live.lake.folder / file.path) for role in ("payee", "payer") for file in _files(live, role)}
    assert {str(path) for path in (live.lake.folder / TENANT / "payment").rglob("*.parquet")} == listed
    assert live.audit.verify(TENANT).holds


def _files(vault: Vault, role: str):
    from dandelion.vault import manifest

    with vault.database.read() as connection:
        return manifest.files(connection, TENANT, "payment", role)


def test_a_killed_worker_gives_its_rows_back_when_the_lease_ends(live: Vault, database_url: str) -> None:
    with live.unit_of_work(TENANT) as work:
        for n in range(3):
            work.emit("payout", f"k{n}", {"n": n})
    killed(database_url, live.lake.folder, "assert len(vault.outbox.claim('payout', 2, 2)) == 2\ndie()")
    [left] = live.outbox.claim("payout", 10, 60)
    assert (left.key, left.attempts) == ("k2", 1)
    deadline, again = time.monotonic() + 20, []
    while len(again) < 2 and time.monotonic() < deadline:
        again += live.outbox.claim("payout", 10, 60)
        time.sleep(0.05)
    assert [(row.key, row.attempts) for row in again] == [("k0", 2), ("k1", 2)]
    for row in (left, *again):
        live.outbox.done(row)
        live.outbox.done(row)
    assert live.outbox.waiting("payout") == 0


def test_a_work_killed_before_its_commit_never_was(live: Vault, database_url: str) -> None:
    body = """
        with vault.unit_of_work(TENANT) as work:
            work.emit("payout", "k", {})
            work.append([payment(1, work.now - DAY_US)])
            die()
    """
    killed(database_url, live.lake.folder, body)
    assert live.outbox.waiting("payout") == 0 and numbers(live) == []


def test_readers_in_flight_stay_right_while_files_are_folded_under_them(live: Vault) -> None:
    t = live.clock.now() - 100 * DAY_US
    stop = threading.Event()
    wrong: list[object] = []

    def reader() -> None:
        last = 0
        while not stop.is_set():
            try:
                seen = numbers(live)
            except Exception as error:
                wrong.append(error)
                return
            if seen != list(range(len(seen))) or len(seen) < last:
                wrong.append(seen)
            last = len(seen)

    readers = [threading.Thread(target=reader) for _ in range(3)]
    for thread in readers:
        thread.start()
    for n in range(24):
        if n % 3:
            live.append(TENANT, [payment(n, t + n * DAY_US)])
        else:
            live.ingest(TENANT, "payment", to_table([payment(n, t + n * DAY_US)]), source="bank")
        if n % 5 == 4:
            live.compact(TENANT)
    stop.set()
    for thread in readers:
        thread.join()
    assert wrong == [] and numbers(live) == list(range(24))


def test_several_processes_may_create_the_same_database_at_once(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from dandelion.vault import Vault; "
    code += "Vault.connect('sqlite:///' + sys.argv[1], lake=Path(sys.argv[1] + '.lake'))"
    run = [sys.executable, "-c", code, str(tmp_path / "one.db")]
    started = [subprocess.Popen(run, stderr=subprocess.PIPE) for _ in range(3)]
    assert [(process.communicate()[1], process.returncode) for process in started] == [(b"", 0)] * 3
