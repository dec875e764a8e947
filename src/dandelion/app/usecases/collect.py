"""Collect more, lend more: progress shows at once; the raise comes on the raise day, with affordability run again."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pyarrow as pa

from dandelion.app.access import Caller
from dandelion.app.house import House
from dandelion.app.opening import opened
from dandelion.app.usecases.decide import request_of
from dandelion.core import DAY_US, ConsentMissing, Erased, iso
from dandelion.lending import LineView, active_lines
from dandelion.policy import Progress, Raise, Span, progress, propose_raise
from dandelion.vault import NewDecision, Record

PRODUCT = "shop-line"
REASON = "COLLECTED_MORE"
BACK_DAYS = 30  # money given back to its payer within this time went in a circle


def progress_of(house: House, record: Record, line: LineView) -> Progress:
    """What the receipts since the last raise (or the opening) have earned so far."""
    opened_us = house.vault.decisions.get(record.tenant, line.decision_id).at
    since_us, raised_us = opened_us, opened_us
    for kept in house.vault.decisions.of(record.tenant, record.subject):
        raised = kept.meta.get("raise")
        if raised and raised["line"] == line.line_id:
            since_us, raised_us = int(raised["settled_until_us"]), kept.at
    product = house.policy.product(line.product)
    reach = min(since_us, record.as_of) - 2 * BACK_DAYS * DAY_US
    payments, refunds = record.events("payment", "payee", reach), record.events("refund", "payee", reach)
    made = record.events("payment", "payer", reach)
    span = Span(
        merchant=record.subject, since_us=min(since_us, record.as_of), raised_us=raised_us, as_of_us=record.as_of,
        timezone=house.pack.time_zone,
    )  # fmt: skip
    excluded = (house.household(record.subject) - {record.subject}) | paid_back(payments, made)
    return progress(product, span, payments, refunds, excluded_payers=excluded)


def paid_back(received: pa.Table, made: pa.Table) -> frozenset[str]:
    """Payers to whom the merchant paid money within `BACK_DAYS` after they had paid: their payments go in a circle."""
    last_paid: dict[str, int] = {}
    rows = [
        (at, payer, True) for at, payer in zip(_micros(received), received.column("payer").to_pylist(), strict=True)
    ]
    rows += [(at, payee, False) for at, payee in zip(_micros(made), made.column("payee").to_pylist(), strict=True)]
    found = set()
    for at, other, came_in in sorted(rows):
        if came_in:
            last_paid[other] = at
        elif at - last_paid.get(other, at - BACK_DAYS * DAY_US - 1) <= BACK_DAYS * DAY_US:
            found.add(other)
    return frozenset(found)


def _micros(table: pa.Table) -> list[int]:
    return list(table.column("at").cast(pa.int64()).to_pylist())


def shown(earned: Progress) -> dict[str, Any]:
    """Progress as the merchant reads it."""
    return {
        "valid_payments": earned.payments,
        "payers": earned.payers,
        "collected_fen": earned.net_fen,
        "steps": earned.steps,
        "to_next_step": {
            "payments": earned.payments_to_go, "fen": earned.fen_to_go, "payers": earned.payers_to_go,
            "raises_limit_by_fen": earned.next_step_fen,
        },
        "next_raise_day": iso(earned.next_raise_us),
    }  # fmt: skip


def raise_day(house: House, caller: Caller) -> dict[str, Any]:
    """Grant every raise that is due; running it twice grants nothing twice."""
    caller.must_have_role("service", "operator")
    raised, held = [], []
    with house.vault.database.read() as connection:
        waiting = active_lines(connection, caller.tenant, PRODUCT)
    for line_id, subject in waiting:
        try:
            found = _raise_one(house, caller, line_id, subject)
        except (ConsentMissing, Erased) as error:
            held.append({"line": line_id, "why": error.code})
            continue
        if found.blocked_by:
            held.append({"line": line_id, "why": found.blocked_by})
        else:
            raised.append({"line": line_id, "limit_fen": found.limit_fen, "steps": found.steps})
    return {"raised": raised, "held": held}


def _raise_one(house: House, caller: Caller, line_id: str, subject: str) -> Raise:
    with opened(house, caller.tenant, subject) as record:
        with house.vault.database.read() as connection:
            line = house.lending.line(connection, caller.tenant, line_id, record.as_of)
        earned = progress_of(house, record, line)
        policy = house.policy
        request = request_of(house, record, line.product)
        found = propose_raise(policy.book, policy.product(line.product), policy.lists, request, earned)
        if found.blocked_by or found.decision is None:
            return found
        with record.unit_of_work() as work:
            now = house.lending.line(work.connection, caller.tenant, line_id, work.now)
            if (now.limit_fen, now.status) != (line.limit_fen, line.status):  # cut, frozen or raised meanwhile
                return replace(found, limit_fen=now.limit_fen, steps=0, blocked_by="changed_meanwhile")
            detail = {"line": line_id, "settled_until_us": earned.settled_until_us, "steps": found.steps}
            meta = {**found.decision.meta, "raise": detail, "progress": asdict(earned)}
            work.keep(NewDecision(found.decision.id, subject, found.decision.body_bytes, meta))
            actor = house.actor(caller)
            house.lending.change_limit(work, line_id, "raised", REASON, limit_fen=found.limit_fen, actor=actor)
            told = {"decision": found.decision.id, "body_sha256": found.decision.body_hash}
            work.audit(actor, "limit.raised", subject, {"line": line_id, "limit_fen": found.limit_fen, **told})
    return found
