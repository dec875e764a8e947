"""Warm-up: decisions on a made-up record before the first real one, so that no merchant waits for a compiler.

``python -m dandelion.app.warm`` does it in a throw-away workspace, and looks at a made-up file of payments as `dandelion
graph` would: set-up runs it once, and the compiled kernels stay beside the code until the code changes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dandelion.app import workspace
from dandelion.app.house import House
from dandelion.app.rulings.reading import one_row
from dandelion.app.usecases.decide import decide_now, request_of
from dandelion.core import DAY_US, HOUR_US, DandelionError, arrow_schema, canonical, fields_of, instant
from dandelion.core.frame import Ints
from dandelion.graph import RingWatch, identify, plain_payments, rings, shipped_model
from dandelion.models import Panel
from dandelion.policy import Decision, MoneyFacts, decide

PAYMENTS, OTHERS = 400, 40
LITTLE_RISK_PPM = 5_000
FILE_ROWS = 5_000
ROWS_TOGETHER = 20  # more than are met one by one
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
        """Some of every kind, so that every loop is compiled; most payments, as in life."""
        schema, rows = arrow_schema(kind), PAYMENTS if (kind, role) == ("payment", "payee") else OTHERS
        n = np.arange(rows)
        at = np.sort(self.as_of - DAY_US - (n * 11 * HOUR_US) % (300 * DAY_US))
        columns = {"event_id": [f"{i:032x}" for i in range(rows)], "source": ["warm-up"] * rows,
                   "at": at, "arrived": at, "replaces": [None] * rows, role: [self.subject] * rows}  # fmt: skip
        for field in fields_of(kind):
            if field.name not in columns:
                columns[field.name] = _made_up(field.kind.name, field.kind.choices, n, at)
        arrays = [pa.array(columns[name], schema.field(name).type) for name in schema.names]
        return pa.table(arrays, schema=schema)


def _made_up(kind: str, choices: Sequence[str], n: Ints, at: Ints) -> Any:
    if kind == "choice":
        return [choices[i % len(choices)] for i in n]
    if kind in ("ident", "text"):
        return [f"p{i % 60}" for i in n]
    return {"flag": n % 2 == 0, "instant": at}.get(kind, 1_500 + n % 700)


def warm(house: House) -> None:
    """Decide twice for every product, by its own strategies and by none of them; the answers are thrown away.

    A made-up merchant is declined by most books, and then no offer is worked out: hence the second time.  Rulings on rows
    of columns are made too, of one that came as text and of many.
    """
    record = MadeUp(house.tenant, house.clock.now())
    for product in sorted(house.policy.plans):
        decide_now(house, record, product)
        ruled_on(house, product, record.as_of)
        liked_by_anybody(house, record, product)


def ruled_on(house: House, product: str, as_of: int) -> None:
    """Rulings on rows of which nothing is known, kept nowhere."""
    body = canonical({"product": product, "entity": MadeUp.subject, "columns": {}})
    engine, row, entities = one_row(house.policy, body, as_of)
    for rows in (1, ROWS_TOGETHER):
        engine.rule(np.repeat(row, rows, axis=0), entities * rows, tenant=house.tenant, as_of=as_of)


def liked_by_anybody(house: House, record: MadeUp, product: str) -> Decision:
    """The decision on a made-up merchant of little risk and good trade, by a book that declines nobody."""
    policy = house.policy
    money = MoneyFacts(
        turnover_month_fen=30_000_000, forecast_q10_fen=120_000_000, forecast_q50_fen=180_000_000,
        forecast_q90_fen=240_000_000, outside_due_month_fen=0, outside_balance_fen=0,
    )  # fmt: skip
    request = replace(request_of(house, record, product), money=money, scores={"pd": LITTLE_RISK_PPM})
    return decide(replace(policy.book, strategies=()), policy.product(product), policy.lists, request)


def compile_kernels() -> None:
    """Decide in a workspace that is thrown away: what a decision needs is compiled then, and kept beside the code.

    What only files of payments need is compiled by a second process meanwhile.
    """
    other = get_context("spawn").Process(target=compile_file_kernels)
    other.start()
    with tempfile.TemporaryDirectory(prefix="dandelion-warm-") as folder:
        root = Path(folder) / "workspace"
        workspace.init(root)
        house = House.open(root)
        try:
            warm(house)
        finally:
            house.close()
    other.join()
    if other.exitcode:
        raise DandelionError("the kernels that read files of payments could not be compiled; the message is above")


def compile_file_kernels() -> None:
    """Score and look at made-up payments as `dandelion graph` does with a lender's file."""
    model = shipped_model()
    panel = Panel.pack([model])
    for rows in (1, ROWS_AT_ONCE):
        panel.raw_of(np.zeros((rows, len(panel.inputs.columns)), np.float32))
    payments = made_up_file()
    identify(payments)
    rings(payments, 2**62)
    watch = RingWatch()
    watch.absorb(payments)
    watch.look()


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
