"""The walk: one merchant through the whole line over HTTP, against a server in a process of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from dandelion.app.access import issue_token
from dandelion.app.cli.demo.cast import Cast, days_of, feed_of
from dandelion.app.cli.demo.timeline import Timeline, yuan
from dandelion.app.client import Client, NoAnswer, Refused
from dandelion.app.config import Settings
from dandelion.app.fund_flow import TZ
from dandelion.core import DAY_US, HOUR_US, DandelionError, iso, start_of_day

KINDS = ["payments", "orders", "invoices", "tax", "logins", "credit_reports", "registry", "places"]
LINKED = (".parquet", ".arrow", ".json", ".yaml", ".md", ".csv")
PATIENCE_S = 60
START_PATIENCE_S = 180  # kernels are compiled the first time; a busy machine takes its time


def fresh_run(prepared: Path, run: Path, live_us: int) -> Path:
    """A copy of the prepared house to live in: immutable files are linked, the database is copied, the clock is set."""
    shutil.rmtree(run, ignore_errors=True)

    def put(source: str, target: str) -> None:
        if "/state/" in source and source.endswith(LINKED):
            os.link(source, target)
        else:
            shutil.copy2(source, target)

    shutil.copytree(prepared, run, copy_function=put)
    (run / "state" / "clock.json").unlink(missing_ok=True)
    settings = (run / "dandelion.toml").read_text()
    old = next(line for line in settings.splitlines() if line.startswith("start = "))
    (run / "dandelion.toml").write_text(settings.replace(old, f'start = "{iso(live_us + HOUR_US)}"'))
    return run


@contextmanager
def served(root: Path, port: int) -> Iterator[str]:
    """`dandelion serve` as a separate process; stopped, drained, at the end."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            port = 0
    if port == 0:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
    log = (root / "server.log").open("wb")
    command = [sys.executable, "-m", "dandelion", "serve", "--workspace", str(root), "--port", str(port)]
    process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - ourselves
    url, began = f"http://127.0.0.1:{port}", time.monotonic()
    probe_client = Client(url, token="", timeout_s=2)
    try:
        while True:
            if process.poll() is not None or time.monotonic() - began > START_PATIENCE_S:
                raise DandelionError(f"the server did not come up; see {root / 'server.log'}")
            try:
                probe_client.get("/health")
                break
            except (NoAnswer, Refused):
                time.sleep(0.1)
        yield url
    finally:
        probe_client.close()
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
        log.close()


@dataclass
class Walk:
    """Tokens and clients of everybody in the play."""

    url: str
    settings: Settings
    line: Timeline
    world: Path
    live_us: int
    end_us: int

    def client(self, subject: str, role: str = "merchant") -> Client:
        tenant = self.settings.lender.tenant
        return Client(self.url, issue_token(self.settings.secret(), tenant=tenant, subject=subject, role=role))

    def merchant(self, cast: Cast) -> dict[str, Any]:
        """The straight line for the hero; returns what the summary needs."""
        me, feed, bank = (
            self.client(cast.hero),
            self.client("payment-feed", "service"),
            self.client("bank-feed", "service"),
        )
        step, say = self.line.step, self.line
        identity = {"name": "王小明", "id_number": "110101199001011237", "phone": "13800000000"}
        step(
            "identity",
            lambda: me.post("/v1/identity", identity),
            lambda a: f"proves identity ({a['method']}, simulated)",
        )
        wish = {"purpose": "credit", "data_kinds": KINDS, "days": 365}
        grant = step(
            "consent",
            lambda: me.post("/v1/consents", wish),
            lambda a: f"consents: {a['purpose']}, until {a['until'][:10]}",
        )
        decision = step(
            "apply", lambda: me.post("/v1/applications", {"product": "shop-line"}),
            lambda a: f"applies: [bold]{a['outcome']}[/bold], {a['annual_rate_ppm'] / 1e4:.2f} % a year, limit {yuan(a['limit_fen'])}",
        )  # fmt: skip
        say.reasons(decision)
        if decision["outcome"] != "approved":
            raise DandelionError(f"the hero was {decision['outcome']}; try another seed")
        line, limit = decision["line"], decision["limit_fen"]
        step("account", lambda: me.post("/v1/payout-account", {"account_number": "6222000012345678", "bank": "ICBC"}),
             lambda a: f"proves the payout account is theirs ({a['method']})")  # fmt: skip
        shown = me.get(f"/v1/lines/{line}/contract")
        step("contract", lambda: me.post(f"/v1/lines/{line}/contract", {"sha256": shown["sha256"]}),
             lambda a: f"accepts the contract {a['accepted'][:12]}")  # fmt: skip
        step(
            "use", lambda: me.post(f"/v1/lines/{line}/use", {"use": "stock"}), lambda a: f"declares the use: {a['use']}"
        )
        amount = max(50_000, limit // 2 // 10_000 * 10_000)
        step("quote", lambda: me.post("/v1/quotes", {"line": line, "amount_fen": amount, "days": 50}),
             lambda a: f"asks the price: {yuan(amount)} for 50 days costs {yuan(a['total_cost_fen'])}, nothing else")  # fmt: skip
        drawn = step(
            "draw",
            lambda: me.post("/v1/draws", {"line": line, "amount_fen": amount}),
            lambda a: f"draws {yuan(a['amount_fen'])}",
        )
        step(
            "paid",
            lambda: self._until_paid(me, drawn["drawdown"]),
            lambda a: f"is paid by the (simulated) rail: {a['payout_status']}",
        )
        raised = self._collect(me, feed, bank, cast.hero, line)
        self._repay(me, bank, feed, line)
        why = step("explain", lambda: me.get(f"/v1/decisions/{decision['decision']}/explanation"),
                   lambda a: f"asks why: {len(a['reasons'])} reasons, looked at {', '.join(a['looked_at'][:4])} ...")  # fmt: skip
        replayed = step("replay", lambda: me.post(f"/v1/decisions/{decision['decision']}/replay", {}),
                        lambda a: f"replay in a fresh process: [bold]{'same bytes' if a['same'] else a['differences']}[/bold]")  # fmt: skip
        step("withdraw", lambda: self._withdraw_all(me), lambda n: f"withdraws consent ({n} grants)")
        step("draw_after", lambda: self._refused(me, "/v1/draws", {"line": line, "amount_fen": amount}),
             lambda said: f"a new draw is refused: {said}")  # fmt: skip
        return {
            "decision": decision["decision"], "grant": grant["grant"], "limit_fen": limit, "raised_to_fen": raised,
            "replay_same": replayed["same"], "reasons": len(why["reasons"]),
        }  # fmt: skip

    def _until_paid(self, me: Client, drawdown: str) -> Any:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            found = me.get(f"/v1/draws/{drawdown}")
            if found["payout_status"] != "waiting":
                return found
            time.sleep(0.003)
        raise DandelionError("the payout did not settle in time")

    def _collect(self, me: Client, feed: Client, bank: Client, hero: str, line: str) -> int:
        """Customers pay in day by day; progress shows at once; the raise comes on its day."""
        step, before = self.line.step, me.get(f"/v1/lines/{line}")["limit_fen"]
        payments = days_of(
            feed_of(self.world, "payment", self.live_us + 2 * HOUR_US, self.end_us), hero, "payee", self.live_us
        )
        refunds = days_of(
            feed_of(self.world, "refund", self.live_us + 2 * HOUR_US, self.end_us), hero, "payee", self.live_us
        )
        limit, counted = before, 0
        due_us = start_of_day(date.fromisoformat(me.get(f"/v1/lines/{line}")["next_due"]), TZ)
        for day in range((min(due_us, self.end_us) - self.live_us) // DAY_US):
            feed.post("/v1/clock", {"now": iso(self.live_us + (day + 1) * DAY_US)})
            for kind, found in (("payment", payments), ("refund", refunds)):
                if day in found:
                    rows = _rows(found[day])
                    counted += feed.post("/v1/activity", {"kind": kind, "source": "world", "events": rows})["accepted"]
            if day in (0, 6, 13, 27):
                step(f"progress_{day + 1}", lambda: me.get(f"/v1/lines/{line}")["progress"],
                     lambda p, d=day: f"day {d + 1}: {p['valid_payments']} valid payments, {p['steps']} steps; next: "  # type: ignore[misc]
                     f"{p['to_next_step']['payments']} payments -> +{yuan(p['to_next_step']['raises_limit_by_fen'])}")  # fmt: skip
            if day >= 7:
                done = feed.post("/v1/rounds/raise-day", {})
                for raised in (one for one in done["raised"] if one["line"] == line):
                    self.line.note(
                        f"raise day {day + 1}: limit {yuan(limit)} -> [bold]{yuan(raised['limit_fen'])}[/bold] (affordability run again)"
                    )
                    limit = raised["limit_fen"]
        self.line.note(f"{counted} events came in over HTTP; limit now {yuan(limit)}")
        return int(limit)

    def _repay(self, me: Client, bank: Client, feed: Client, line: str) -> None:
        step = self.line.step
        due = me.get(f"/v1/lines/{line}")["next_due"]
        feed.post("/v1/clock", {"now": f"{due}T02:00:00+00:00"})
        closed = feed.post("/v1/rounds/end-of-day", {})
        for warned in (one for one in closed["warned"] if one["line"] == line):
            self.line.note(f"end of day, {closed['lines_watched']} lines watched: {warned['en']}")
        state = step("due", lambda: me.get(f"/v1/lines/{line}"),
                     lambda a: f"due date {due}: {yuan(a['due_fen'])} due, {yuan(a['owed_fen'])} owed in all")  # fmt: skip
        if state["due_fen"] > 0:
            step("repay_due", lambda: bank.post(f"/v1/lines/{line}/repayments", {"amount_fen": state["due_fen"], "source_ref": f"bank-{line[:8]}-1"}),
                 lambda a: f"pays what is due: interest {yuan(a['interest_fen'])}, principal {yuan(a['principal_fen'])}")  # fmt: skip
        rest = me.get(f"/v1/lines/{line}")["owed_fen"]
        step("repay_early", lambda: bank.post(f"/v1/lines/{line}/repayments", {"amount_fen": rest, "source_ref": f"bank-{line[:8]}-2"}),
             lambda a: f"repays the rest early, no fee: {yuan(a['amount_fen'])}")  # fmt: skip
        left = me.get(f"/v1/lines/{line}")
        again = f"available again: {yuan(left['available_fen'])}" if left["status"] == "active" else "drawing pauses"
        self.line.note(f"owed now: {yuan(left['owed_fen'])}; {again}")

    def others(self, cast: Cast) -> dict[str, str]:
        """One declined, one caught in a ring, one who contests and is heard by a person."""
        told: dict[str, str] = {}
        decisions: dict[str, dict[str, Any]] = {}
        for part, subject in (("declined", cast.declined), ("ring", cast.ring)):
            me = self.client(subject)
            me.post("/v1/consents", {"purpose": "credit", "data_kinds": KINDS, "days": 365})
            found = self.line.step(part, lambda m=me: m.post("/v1/applications", {"product": "shop-line"}),  # type: ignore[misc]
                                   lambda a, p=part: f"{p} applicant: [bold]{a['outcome']}[/bold]")  # type: ignore[misc]  # fmt: skip
            self.line.reasons(found)
            told[part], decisions[part] = found["outcome"], found
        me, analyst = self.client(cast.declined), self.client("analyst-1", "analyst")
        statement = {"statement": "My market stall was closed for repaving; it is open again and the takings are back."}
        contest = self.line.step("contest", lambda: me.post(f"/v1/decisions/{decisions['declined']['decision']}/contests", statement),
                                 lambda a: f"contests the decision: {a['status']}")  # fmt: skip
        answer = {"outcome": "overturned", "note": "Repaving order seen; takings of the last week checked.",
                  "limit_fen": 100_000, "rate_ppm": 144_000}  # fmt: skip
        found = self.line.step("overturn", lambda: analyst.post(f"/v1/contests/{contest['contest']}/resolution", answer),
                               lambda a: f"a person looks again: {a['outcome']}, line {'opened' if a['line'] else 'none'} (recorded)")  # fmt: skip
        told["contest"] = found["outcome"]
        return told

    def _withdraw_all(self, me: Client) -> int:
        live = [g for g in me.get("/v1/consents") if g["purpose"] == "credit" and g["withdrawn"] is None]
        for one in live:
            me.delete(f"/v1/consents/{one['grant']}")
        return len(live)

    def _refused(self, me: Client, path: str, body: dict[str, Any]) -> str:
        try:
            me.post(path, body)
        except Refused as refused:
            return refused.message
        raise DandelionError(f"{path} was allowed after consent was withdrawn")


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    """Events as the activity feed takes them."""
    out = []
    for row in table.to_pylist():
        kept = {k: v for k, v in row.items() if k not in ("source", "arrived", "replaces") and v is not None}
        out.append({**kept, "at": row["at"].isoformat()})
    return out
