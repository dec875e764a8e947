"""A whole house for tests: a rehearsal workspace with seeded shops, its HTTP API in process, and callers with tokens."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from dandelion.app import workspace
from dandelion.app.access import issue_token
from dandelion.app.api.application import create_app
from dandelion.app.house import House
from dandelion.core import SECOND_US, iso, new_id
from dandelion.lending import PayoutWorker
from support.payments import shop_payments

START = "2025-06-30T04:00:00Z"
KINDS = ["payments", "orders", "logins", "credit_reports", "registry"]
IDENTITY = {"name": "王小明", "id_number": "11010519491231002X", "phone": "13800000000"}
ACCOUNT = {"account_number": "6222000011112222", "bank": "ICBC"}
DAY_S = 86_400


def lay_out(root: Path, database_url: str, **settings: str | int) -> Path:
    """A workspace at `root` on `database_url`; `settings` replace lines of dandelion.toml by their key."""
    workspace.init(root, clock_start=START)
    file = root / "dandelion.toml"
    text = file.read_text()
    wanted: dict[str, str | int] = {
        "url": database_url, "apply_burst": 1000, "apply_per_minute": 60_000, "draw_burst": 1000,
        "draw_per_minute": 60_000,
    }  # fmt: skip
    for name, value in {**wanted, **settings}.items():
        old = next(line for line in text.splitlines() if line.startswith(f"{name} ="))
        text = text.replace(old, f"{name} = {json.dumps(value)}")
    file.write_text(text)
    return root


@dataclass
class Caller:
    """One caller of the API; every write gets a fresh key unless one is given."""

    http: TestClient
    token: str | None

    def send(self, method: str, path: str, body: Any = None, key: str | None = None) -> Any:
        headers = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        if method != "GET":
            headers["Idempotency-Key"] = key or new_id()
        return self.http.request(method, path, json=body, headers=headers)

    def get(self, path: str, status: int = 200) -> Any:
        return self._checked(self.send("GET", path), status)

    def post(self, path: str, body: Any = None, status: int = 201, key: str | None = None) -> Any:
        return self._checked(self.send("POST", path, body, key), status)

    def delete(self, path: str, status: int = 200, key: str | None = None) -> Any:
        return self._checked(self.send("DELETE", path, None, key), status)

    @staticmethod
    def _checked(response: Any, status: int) -> Any:
        assert response.status_code == status, f"{response.status_code} {response.text}"
        return response.json()


class Town:
    """The open house, its shops and whoever calls it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.house = House.open(root)
        self.http = TestClient(create_app(self.house), raise_server_exceptions=False)
        self.worker = PayoutWorker(self.house.vault, self.house.lending, self.house.rail)

    def close(self) -> None:
        self.house.close()

    def reopen(self) -> Town:
        """The same workspace opened anew, as after a restart."""
        self.close()
        return Town(self.root)

    def settle(self, merchants: Iterable[str], days: int = 240, seed: int = 7) -> None:
        """Give `merchants` a past of honest payments up to a minute ago."""
        until = self.house.clock.now() - 60 * SECOND_US
        table = shop_payments(list(merchants), until_us=until, days=days, seed=seed)
        self.house.vault.ingest(self.house.tenant, "payment", table, source=f"test-{seed}")

    def call(self, subject: str, role: str = "merchant", tenant: str | None = None) -> Caller:
        token = issue_token(self.house.secret, tenant=tenant or self.house.tenant, subject=subject, role=role)
        return Caller(self.http, token)

    @property
    def service(self) -> Caller:
        return self.call("core-systems", "service")

    def pay_out(self) -> None:
        """Run the payout worker until nothing is owed to the rail."""
        for _ in range(60):
            self.worker.run_once(tenant=self.house.tenant)
            if not self.house.vault.outbox.waiting("lending.payout", tenant=self.house.tenant):
                return
            self.later(seconds=2)
        raise AssertionError("payouts never came to an end")

    def later(self, days: float = 0, seconds: float = 0) -> None:
        """Move the business clock forward."""
        now = self.house.clock.now() + int((days * DAY_S + seconds) * 1_000_000)
        self.service.post("/v1/clock", {"now": iso(now)}, status=200)

    def consent(self, subject: str, kinds: list[str] | None = None) -> str:
        wish = {"purpose": "credit", "data_kinds": kinds or KINDS, "days": 365}
        return str(self.call(subject).post("/v1/consents", wish)["grant"])

    def approved(self, subject: str) -> dict[str, Any]:
        """Consent and apply; the decision, which is a yes."""
        self.consent(subject)
        told: dict[str, Any] = self.call(subject).post("/v1/applications", {"product": "shop-line"})
        assert told["outcome"] == "approved", told
        return told

    def prove(self, subject: str, line: str) -> None:
        """Meet every condition before a first draw."""
        me = self.call(subject)
        me.post("/v1/identity", IDENTITY)
        me.post("/v1/payout-account", ACCOUNT)
        shown = me.get(f"/v1/lines/{line}/contract")
        me.post(f"/v1/lines/{line}/contract", {"sha256": shown["sha256"]})
        me.post(f"/v1/lines/{line}/use", {"use": "stock"})

    def payments(self, merchant: str, count: int, payers: int = 40, fen: int = 3_000, name: str = "new") -> list[Any]:
        """`count` fresh payments to `merchant` over the last hour, as a feed would report them."""
        now = self.house.clock.now()
        return [
            {
                "source_id": f"{merchant}-{name}-{n}", "at": iso(now - (count - n) * 1_000_000), "payee": merchant,
                "payer": f"{name}-payer-{n % payers}", "amount_fen": fen, "channel": "qr",
            }
            for n in range(count)
        ]  # fmt: skip

    def report(self, rows: list[Any]) -> dict[str, Any]:
        body = {"kind": "payment", "source": "feed", "events": rows}
        found: dict[str, Any] = self.service.post("/v1/activity", body, status=202)
        return found


@contextmanager
def town(root: Path, database_url: str, merchants: Iterable[str] = (), **settings: str | int) -> Any:
    """A fresh town with some shops; closed at the end."""
    opened = Town(lay_out(root, database_url, **settings))
    try:
        if merchants:
            opened.settle(merchants)
        yield opened
    finally:
        opened.close()
