"""The kill test: a real server is killed again and again in the middle of its work; nothing may be lost or doubled.

Customers apply, draw and repay over HTTP and repeat every unanswered request under its key.  SIGKILL falls a seeded
random moment after somebody began to apply, to draw, to repay or to wait for a payout, in turn.  When the last customer
is done the books are opened and compared with what the customers were told and with what the (simulated) bank rail, on a
bad day, really moved.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from dandelion.app import workspace
from dandelion.app.access import issue_token
from dandelion.app.client import Client, NoAnswer, Refused
from dandelion.app.config import Settings
from dandelion.app.house import House
from support.payments import shop_payments

PATIENCE_S = 90.0  # for a server to come up
PAYOUT_PATIENCE_S = 400.0  # for one answer or payout once the killing is over; before, the server is away mostly
WORK_PATIENCE_S = 20.0  # for the wished kind of work to begin before a kill falls into whatever is going on
LOADED = [  # by a server that has warmed up
    "dandelion.app.serve", "alembic.command", "numba.np.arraymath", "pandas", "scipy.linalg.cython_blas",
]  # fmt: skip
MOMENTS = ("draw", "repay", "payout")  # in turn, and "apply" whenever somebody new comes


class Patience:
    """Runs only once `enough` is set: as long as the server is being killed, a customer asks again and again."""

    def __init__(self, enough: threading.Event) -> None:
        self.enough, self.until = enough, float("inf")

    def is_over(self) -> bool:
        if self.until == float("inf") and self.enough.is_set():
            self.until = time.monotonic() + PAYOUT_PATIENCE_S
        return time.monotonic() > self.until


@dataclass
class Told:
    """What one customer was told, by idempotency key: the exact answer to every write."""

    answers: dict[str, tuple[str, dict[str, Any], Any]] = field(default_factory=dict)
    limit_fen: int = 0
    drawn_fen: int = 0
    repaid_fen: int = 0
    line: str = ""
    failure: str = ""


@dataclass
class Outcome:
    """What the harness saw: kills done, requests repeated, and every broken promise in words (none is success).

    `busy_kills` fell while somebody waited for an answer or a payout; `hit` counts what was going on at those moments.
    """

    kills: int
    busy_kills: int
    hit: dict[str, int]
    customers: int
    answers: int
    repeated: int
    drawn_fen: int
    moved_by_rail_fen: int
    restart_s: list[float]
    broken: list[str]


def _serve(root: Path, port: int, environment: dict[str, str]) -> None:
    os.setsid()
    log = os.open(root / "server.log", os.O_WRONLY | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.update(environment)
    from dandelion.app.serve import serve

    serve(root, port=port)


class Forked:
    """A server forked from a process that has loaded it, to be asked and told what `subprocess.Popen` is."""

    def __init__(self, root: Path, port: int, environment: dict[str, str]) -> None:
        ready = get_context("forkserver")
        ready.set_forkserver_preload(LOADED)
        self._process = ready.Process(target=_serve, args=(root, port, environment), daemon=True)
        self._process.start()
        self.pid = self._process.pid or 0

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait(self, timeout: float | None = None) -> int | None:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("dandelion serve", timeout or 0)
        return self._process.exitcode


class Server:
    """`dandelion serve` in its own process group on a free port.

    With `forks`, every start after the first is a fork of a process that has loaded the program and nothing else: the
    same server, without two seconds of importing.
    """

    def __init__(self, root: Path, database_url: str, *, forks: bool = False) -> None:
        self.root, self.forks = root, forks
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.environment = {**os.environ, "DANDELION_DATABASE_URL": database_url, "OMP_NUM_THREADS": "1"}
        self.process: subprocess.Popen[bytes] | Forked | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> float:
        """Start and wait until healthy; returns the seconds it took."""
        began = time.monotonic()
        if self.forks and self.process is not None:
            self.process = Forked(self.root, self.port, self.environment)
        else:
            log = (self.root / "server.log").open("ab")
            command = [sys.executable, "-m", "dandelion", "serve", "-w", str(self.root), "--port", str(self.port)]
            self.process = subprocess.Popen(
                command, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        probe = Client(self.url, token="", timeout_s=2)
        while True:
            if self.process.poll() is not None or time.monotonic() - began > PATIENCE_S:
                self.stop()
                raise RuntimeError(f"the server did not come up; its log ends:\n{self.log_tail()}")
            try:
                probe.get("/health")
                return time.monotonic() - began
            except (NoAnswer, Refused):
                time.sleep(0.05)

    def kill(self) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self.kill()

    def log_tail(self) -> str:
        return "\n".join((self.root / "server.log").read_text(errors="replace").splitlines()[-25:])


def prepare(root: Path, database_url: str, customers: int, seed: int, faults: str) -> list[str]:
    """A workspace whose merchants have a record good enough to be approved by the expert scorecard."""
    workspace.init(root, clock_start="2025-06-30T04:00:00Z")
    for table in (root / "strategies").glob("*.csv"):  # without its tables the book loads at once, at every restart
        table.unlink()
    settings = (root / "dandelion.toml").read_text()
    for name, value in {
        "apply_burst": 1000,
        "apply_per_minute": 60000,
        "draw_burst": 1000,
        "draw_per_minute": 60000,
        "faults": json.dumps(faults),
        "seed": seed,
    }.items():
        old = next(line for line in settings.splitlines() if line.startswith(f"{name} ="))
        settings = settings.replace(old, f"{name} = {value}")
    (root / "dandelion.toml").write_text(settings)
    with _house(root, database_url) as house:
        merchants = [f"shop{n:03d}" for n in range(customers)]
        table = shop_payments(merchants, until_us=house.clock.now() - 60_000_000_000, days=240, seed=seed)
        house.vault.ingest(house.tenant, "payment", table, source="test")
        house.vault.seal(house.tenant)
    return merchants


class Customer(threading.Thread):
    """One merchant: consents, applies, proves, then draws and repays until `enough`; repeats what was not answered.

    `doing` names the step whose answer, or payout, is being waited for.
    """

    def __init__(self, url: str, secret: bytes, tenant: str, subject: str, told: Told, enough: threading.Event) -> None:
        super().__init__(name=subject, daemon=True)
        token = issue_token(secret, tenant=tenant, subject=subject, role="merchant", ttl_s=3600)
        bank = issue_token(secret, tenant=tenant, subject="bank-feed", role="service", ttl_s=3600)
        self.me, self.bank = Client(url, token, timeout_s=20), Client(url, bank, timeout_s=20)
        self.subject, self.told, self.enough = subject, told, enough
        self.repeated = 0
        self.doing = ""

    def run(self) -> None:
        try:
            self._live()
        except Exception as error:  # the harness reports it with the other broken promises
            self.told.failure = f"{self.subject}: {type(error).__name__}: {error}"

    def _live(self) -> None:
        me, told = self.me, self.told
        wish = {
            "purpose": "credit",
            "data_kinds": ["payments", "orders", "logins", "credit_reports", "registry"],
            "days": 300,
        }
        self._say(me, "/v1/consents", wish, "consent")
        decision = self._say(me, "/v1/applications", {"product": "shop-line"}, "apply")
        if decision["outcome"] != "approved":
            raise AssertionError(f"was declined: {decision['reasons']}")
        line = told.line = decision["line"]
        told.limit_fen = decision["limit_fen"]
        identity = {"name": "王小明", "id_number": "110101199001011237", "phone": "13800000000"}
        self._say(me, "/v1/identity", identity, "identity")
        self._say(
            me, "/v1/payout-account", {"account_number": "62220000" + self.subject[-3:] * 3, "bank": "ICBC"}, "account"
        )
        contract = self._ask(me, f"/v1/lines/{line}/contract")
        self._say(me, f"/v1/lines/{line}/contract", {"sha256": contract["sha256"]}, "contract")
        self._say(me, f"/v1/lines/{line}/use", {"use": "stock"}, "use")
        for round_ in itertools.count():
            amount = told.limit_fen // 5 // 100 * 100
            drawn = self._say(me, "/v1/draws", {"line": line, "amount_fen": amount}, f"draw-{round_}")
            told.drawn_fen += self._wait_paid(drawn["drawdown"], amount)
            owed = self._ask(me, f"/v1/lines/{line}")["owed_fen"]
            if owed > 0:
                part = max(1, owed // 2)
                body = {"amount_fen": part, "source_ref": f"bank-{self.subject}-{round_}"}
                self._say(self.bank, f"/v1/lines/{line}/repayments", body, f"repay-{round_}")
                told.repaid_fen += part
            if self.enough.is_set():
                return

    def _wait_paid(self, drawdown: str, amount: int) -> int:
        patience = Patience(self.enough)
        while not patience.is_over():
            self.doing = "payout"
            status = self._ask(self.me, f"/v1/draws/{drawdown}")["status"]
            if status in ("paid", "closed"):
                return amount
            if status == "failed":
                return 0
            time.sleep(0.05)
        raise AssertionError(f"drawdown {drawdown} was never paid")

    def _say(self, client: Client, path: str, body: dict[str, Any], name: str) -> Any:
        key = f"{self.subject}-{name}-key"
        self.doing = name.split("-")[0]
        answer = self.insist(lambda: client.post(path, body, key=key))
        self.doing = ""
        self.told.answers[key] = (path, body, answer)
        return answer

    def _ask(self, client: Client, path: str) -> Any:
        return self.insist(lambda: client.get(path))

    def insist(self, send: Any) -> Any:
        patience = Patience(self.enough)
        while True:
            try:
                return send()
            except NoAnswer:
                self.repeated += 1
                time.sleep(0.05)
            except Refused as refused:
                if refused.http_status not in (429, 500, 503):
                    raise
                if refused.http_status == 500:
                    raise
                time.sleep(0.1)
            if patience.is_over():
                raise AssertionError("no answer in time")


def torment(
    root: Path,
    database_url: str,
    *,
    kills: int,
    customers: int = 6,
    seed: int = 1,
    faults: str = "rough",
    forks: bool = False,
) -> Outcome:
    """Run customers against a server killed `kills` times; returns what held and what did not.  `forks` as in `Server`."""
    chance = random.Random(seed)
    merchants = prepare(root, database_url, customers, seed, faults)
    settings = Settings.load(root)
    told = {merchant: Told() for merchant in merchants}
    server, enough = Server(root, database_url, forks=forks), threading.Event()
    threads = [
        Customer(server.url, settings.secret(), settings.lender.tenant, merchant, told[merchant], enough)
        for merchant in merchants
    ]
    hit: Counter[str] = Counter()
    busy, started, restart_s = 0, 0, [server.start()]
    try:
        for kill in range(kills):
            wish = MOMENTS[kill % len(MOMENTS)]
            if started * kills <= kill * customers:  # newcomers all the way, so that kills fall into applications too
                threads[started].start()
                started, wish = started + 1, "apply"
            _await_moment(wish, threads[:started], chance)
            doing = [thread.doing for thread in threads[:started] if thread.is_alive() and thread.doing]
            server.kill()
            hit.update(doing)
            busy += bool(doing)
            restart_s.append(server.start())
        enough.set()
        for thread in threads[started:]:
            thread.start()
        for thread in threads:
            thread.join(PAYOUT_PATIENCE_S)
        broken = [f"{thread.subject} never came to an end" for thread in threads if thread.is_alive()]
        broken += [t.failure for t in told.values() if t.failure]
        broken += _repeat_every_answer(threads, told)
        _drain(root, database_url)
    finally:
        enough.set()
        server.stop()
    moved, more = _open_the_books(root, database_url, told)
    return Outcome(
        kills=kills, busy_kills=busy, hit=dict(hit), customers=customers,
        answers=sum(len(t.answers) for t in told.values()), repeated=sum(thread.repeated for thread in threads),
        drawn_fen=sum(t.drawn_fen for t in told.values()), moved_by_rail_fen=moved, restart_s=restart_s,
        broken=broken + more,
    )  # fmt: skip


def _await_moment(wish: str, threads: list[Customer], chance: random.Random) -> None:
    """A random moment after somebody began what is wished and while somebody still does it, or the end of patience."""
    until = time.monotonic() + WORK_PATIENCE_S
    while time.monotonic() < until and any(thread.is_alive() for thread in threads):
        if any(thread.doing == wish for thread in threads):
            time.sleep(chance.uniform(0.0, 0.012 if wish in ("draw", "repay") else 0.05))
            if any(thread.doing == wish for thread in threads):
                return
        time.sleep(0.0005)


def _repeat_every_answer(threads: list[Customer], told: dict[str, Told]) -> list[str]:
    """Every write, sent again under its key, gets the same answer."""
    broken = []
    for thread in threads:
        for key, (path, body, first) in told[thread.subject].answers.items():
            client = thread.bank if path.endswith("/repayments") else thread.me
            again = thread.insist(lambda c=client, p=path, b=body, k=key: c.post(p, b, key=k))
            if again != first:
                broken.append(f"{key}: told {first}, later {again}")
    return broken


def _drain(root: Path, database_url: str, patience_s: float = 60.0) -> None:
    """Wait until the outbox of payouts is empty."""
    with _house(root, database_url) as house:
        until = time.monotonic() + patience_s
        while house.vault.outbox.waiting("lending.payout", tenant=house.tenant) and time.monotonic() < until:
            time.sleep(0.1)


@contextmanager
def _house(root: Path, database_url: str) -> Iterator[House]:
    before = os.environ.get("DANDELION_DATABASE_URL")
    os.environ["DANDELION_DATABASE_URL"] = database_url
    house = House.open(root)
    try:
        yield house
    finally:
        house.close()
        if before is None:
            del os.environ["DANDELION_DATABASE_URL"]
        else:
            os.environ["DANDELION_DATABASE_URL"] = before


def _open_the_books(root: Path, database_url: str, told: dict[str, Told]) -> tuple[int, list[str]]:
    """(fen the rail moved, broken promises): the ledger, the decisions and the audit against what was told and moved."""
    broken: list[str] = []
    with _house(root, database_url) as house:
        moved = sum(answer.amount_fen for _order, answer in house.rail.transfers() if answer.outcome == "settled")
        references = [order.reference for order, _answer in house.rail.transfers()]
        if len(set(references)) != len(references):
            broken.append("the rail holds a payout twice")
        with house.vault.database.read() as connection:
            if not house.lending.trial_balance(connection, house.tenant).holds:
                broken.append("the trial balance does not hold")
            drawn = 0
            for merchant, said in told.items():
                kept = house.vault.decisions.of(house.tenant, merchant)
                lines = house.lending.lines_of(connection, house.tenant, merchant, house.clock.now())
                approved = [d for d in kept if json.loads(d.body)["outcome"] == "approved"]
                if {d.decision_id for d in approved} != {line.decision_id for line in lines}:
                    broken.append(f"{merchant}: {len(approved)} approvals, {len(lines)} lines")
                if len(lines) != 1:
                    broken.append(f"{merchant} has {len(lines)} lines")
                    continue
                line, state = lines[0], house.lending.replayed(connection, house.tenant, lines[0].line_id)
                drawn += said.drawn_fen
                if state.principal_fen != line.principal_fen or state.limit_fen != line.limit_fen:
                    broken.append(f"{merchant}: the line folded from its steps differs from the stored one")
                if line.hold_fen:
                    broken.append(f"{merchant}: a payout is still on its way")
                statement = house.lending.statement(connection, house.tenant, line.line_id, house.clock.now())
                cash = [e.amount_fen for row in statement.rows for e in row.entries if e.code == "cash_at_rail"]
                paid_in = sum(fen for fen in cash if fen > 0)
                if not statement.reconciles:
                    broken.append(f"{merchant}: the statement does not reconcile")
                if paid_in != said.repaid_fen:
                    broken.append(f"{merchant}: repaid {said.repaid_fen} fen, the ledger took in {paid_in}")
        if drawn != moved:
            broken.append(f"customers were told of {drawn} fen paid out, the rail moved {moved}")
        audit = house.vault.audit.verify(house.tenant)
        if not audit.holds:
            broken.append(f"audit: {audit.broken}")
    return moved, broken
