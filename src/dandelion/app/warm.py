"""Warm-up: one decision on a made-up record before the first real one, so that no merchant waits for a compiler.

``python -m dandelion.app.warm`` does it in a throw-away workspace: set-up runs it once, and the compiled kernels stay
beside the code until the code changes.
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
from dandelion.core import DAY_US, HOUR_US, arrow_schema

PAYMENTS = 400


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


if __name__ == "__main__":
    compile_kernels()
