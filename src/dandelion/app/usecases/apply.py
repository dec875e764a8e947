"""Apply: caller proved, record opened under consent, decided, kept with its line or neither; then told."""

from __future__ import annotations

import json
from typing import Any

from dandelion.app.access import Caller
from dandelion.app.answer import Answer, once, told_before
from dandelion.app.command import Command
from dandelion.app.house import House
from dandelion.app.opening import opened
from dandelion.app.usecases.decide import decide_now
from dandelion.app.usecases.guard import guard_now_and_then
from dandelion.core import Conflict, iso
from dandelion.policy import Decision
from dandelion.vault import NewDecision, Work


def apply(house: House, caller: Caller, command: Command, product: str, trade: str = "") -> Answer:
    """Decide one application and, if approved, open its line.  `trade` is what the merchant says the business does.

    Errors: NotAllowed, NotFound (product), ConsentMissing, Conflict (a line is open already), TooMany.
    """
    caller.must_have_role("merchant")
    if (stored := told_before(house, caller, command)) is not None:
        return stored
    house.limits.take("apply", caller.tenant, caller.subject)
    house.policy.product(product)
    with opened(house, caller.tenant, caller.subject) as record:
        decision = decide_now(house, record, product, trade)
        with record.unit_of_work() as work:  # decision and line, or neither
            answer = once(work, command, lambda inside: _keep(house, caller, inside, product, decision))
    guard_now_and_then(house)
    return answer


def _keep(house: House, caller: Caller, work: Work, product: str, decision: Decision) -> tuple[int, dict[str, Any]]:
    work.lock(f"application:{caller.subject}:{product}")
    open_lines = house.lending.lines_of(work.connection, caller.tenant, caller.subject, work.now)
    if any(line.product == product for line in open_lines):
        raise Conflict(f"you already have a {product}; draw on it instead of applying again", field="product")
    actor = house.actor(caller)
    work.keep(NewDecision(decision.id, caller.subject, decision.body_bytes, {**decision.meta, "told_at": work.now}))
    detail = {
        "decision": decision.id,
        "product": product,
        "outcome": decision.outcome,
        "body_sha256": decision.body_hash,
    }
    work.audit(actor, "decision.made", caller.subject, detail)
    line = None
    if decision.approved:
        line = house.lending.open_line(
            work, subject=caller.subject, product=product, decision_id=decision.id, limit_fen=decision.limit_fen,
            rate_ppm=decision.rate_ppm, licence_type=house.licence, actor=actor,
        ).line_id  # fmt: skip
    return 201, told(json.loads(decision.body_bytes), decision.id, line)


def told(body: dict[str, Any], decision_id: str, line: str | None) -> dict[str, Any]:
    """What the merchant reads of a decision: no scores, no strategies, nothing about a counterparty."""
    return {
        "decision": decision_id,
        "product": body["product"],
        "outcome": body["outcome"],
        "as_of": iso(body["as_of"]),
        "annual_rate_ppm": body["rate_ppm"],
        "limit_fen": body["limit_fen"],
        "term_days": body["term_days"],
        "line": line,
        "reasons": body["reasons"],
        "if_all_changed": body["if_all_changed"],
        "evidence": body["evidence"],
        "contestable": body["contestable"],
    }
