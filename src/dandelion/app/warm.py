"""Warm-up: one decision on a made-up record before the first real one, so that no merchant waits for a compiler.

``python -m dandelion.app.warm`` does it in a throw-away workspace, and looks at a made-up file of payments as `dandelion
graph` would: set-up runs it once, and the compiled kernels stay beside the code until the code changes.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from dandelion.app import workspace
from dandelion.app.house import House
from dandelion.app.usecases.decide import decide_now
from dandelion.core import DAY_US, HOUR_US, arrow_schema, instant
from dandelion.graph import identify, plain_payments, rings, shipped_model
from dandelion.models import Panel

PAYMENTS = 400
FILE_ROWS = 5_000
ROWS_AT_ONCE = 1_000  # enough for the loops over many rows


@dataclass(frozen=True)
class MadeUp:
    """A record of invented payments; nothing of it is stored."""

    tenant: str
    as_of: int
    subject: str = "warm-up"

    @property
    def known_at(self) -> int:
        return self.as_of

    @property
    def data_kinds(self) -> frozenset[str]:
        return frozenset({"payments", "orders", "invoices", "tax", "logins", "credit_reports", "registry", "places"})

    @property
    def grants(self) -> tuple[str, ...]:
        return ()

    def snapshot_hash(self) -> str:
        return ""

    def events(self, kind: str, role: str, start_us: int | None = None) -> pa.Table:
        schema = arrow_schema(kind)
        if (kind, role) != ("payment", "payee"):
            return schema.empty_table()
        at = np.sort(self.as_of - DAY_US - (np.arange(PAYMENTS) * 11 * HOUR_US) % (300 * DAY_US))
        payer = [f"p{i % 60}" for i in range(PAYMENTS)]
        columns = {
            "event_id": [f"{i:032x}" for i in range(PAYMENTS)], "source": ["warm-up"] * PAYMENTS,
            "at": pa.array(at, schema.field("at").type), "arrived": pa.array(at, schema.field("at").type),
            "replaces": pa.nulls(PAYMENTS, pa.string()), "payee": [self.subject] * PAYMENTS, "payer": payer,
            "amount_fen": pa.array(1500 + np.arange(PAYMENTS) % 700), "channel": ["qr"] * PAYMENTS,
            "device": pa.nulls(PAYMENTS, pa.string()), "order_id": pa.nulls(PAYMENTS, pa.string()),
        }  # fmt: skip
        return pa.table(columns, schema=schema)


def warm(house: House) -> None:
    """Decide once for every product; the answer is thrown away."""
    for product in sorted(house.policy.plans):
        decide_now(house, MadeUp(house.tenant, house.clock.now()), product)
        house.policy.ruling_engine(product)


def compile_kernels() -> None:
    """Decide in a workspace that is thrown away: what a decision needs is compiled then, and kept beside the code."""
    with tempfile.TemporaryDirectory(prefix="dandelion-warm-") as folder:
        root = Path(folder) / "workspace"
        workspace.init(root)
        house = House.open(root)
        try:
            warm(house)
        finally:
            house.close()
    model = shipped_model()
    panel = Panel.pack([model])
    for rows in (1, ROWS_AT_ONCE):
        panel.raw_of(np.zeros((rows, len(panel.inputs.columns)), np.float32))
    payments = made_up_file()
    identify(payments)
    rings(payments, 2**62)


def made_up_file() -> pa.Table:
    """Payments among a few made-up accounts: a shop whose payers pay one another too, so that every path is taken."""
    n = np.arange(FILE_ROWS)
    payer, payee = n % 40, np.where(n % 3 == 0, 40 + n % 2, (n * 7 + 1) % 40)
    names = np.array([f"a{i}" for i in range(42)])
    at = instant("2025-01-01T00:00:00Z") + n * (HOUR_US // 4)
    return plain_payments(
        pa.table({"payer": names[payer], "payee": names[np.where(payee == payer, 41, payee)],
                  "at": pa.array(at, pa.timestamp("us", tz="UTC")), "amount_fen": 1500 + n % 700}),
        tz="UTC", rows_max=FILE_ROWS,
    ).table  # fmt: skip


if __name__ == "__main__":
    compile_kernels()
