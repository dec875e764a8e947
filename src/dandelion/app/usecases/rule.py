"""Rule: a lender's own system gives rows of columns and gets durable rulings; reading them is told by role."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dandelion.app.access import Caller
from dandelion.app.command import Command
from dandelion.app.house import House
from dandelion.app.rulings.asking import Asked, deadline
from dandelion.app.rulings.reading import FRAME_TYPE, frame, many_rows, one_row
from dandelion.core import iso

ROLES = ("service",)


def asked_for_one(house: House, caller: Caller, command: Command, body: bytes, deadline_ms: str | None) -> Asked:
    """One ruling.  Errors: NotAllowed, NotFound (product), BadInput."""
    caller.must_have_role(*ROLES)
    until = deadline(deadline_ms, house.settings.rulings.deadline_ms)
    engine, values, entities = one_row(house.policy, body, house.clock.now())
    return Asked(engine, values, entities, caller, command, until, alone=True)


def asked_for_many(
    house: House, caller: Caller, command: Command, body: bytes, kind: str, deadline_ms: str | None
) -> Asked:
    """Many rulings, from JSON or a frame.  Errors: as for one; TooLarge."""
    caller.must_have_role(*ROLES)
    settings = house.settings.rulings
    until = deadline(deadline_ms, settings.deadline_ms)
    read = frame if kind.split(";")[0].strip().lower() == FRAME_TYPE else many_rows
    engine, values, entities = read(house.policy, body, settings.rows_max)
    return Asked(engine, values, entities, caller, command, until, alone=False)


def columns(house: House, caller: Caller, product: str) -> dict[str, Any]:
    """What a row of this product is made of, in order, and what rules on it.  Errors: NotAllowed, NotFound."""
    caller.must_have_role("service", "analyst", "operator", "auditor")
    engine = house.policy.ruling_engine(product)
    layout = engine.layout
    return {
        "product": product, "layout": layout.hash,
        "columns": [{"column": c, "definition": d or None} for c, d in zip(layout.columns, layout.definitions, strict=True)],
        "scores": list(engine.scores), "strategies": sum(len(book.roster(product).strategies) for book in engine.books),
        "names": dict(engine.names), "rows_max": house.settings.rulings.rows_max,
    }  # fmt: skip


def told_ruling(house: House, body: Mapping[str, Any], decision_id: str) -> dict[str, Any]:
    """What its subject reads of a ruling: the outcome and the reasons in words."""
    known = house.policy.book.reasons
    reasons = [
        {"code": r["code"], "zh": known[r["code"]].zh, "en": known[r["code"]].en}
        for r in body["reasons"]
        if r["code"] in known
    ]
    return {
        "decision": decision_id, "product": body["product"], "outcome": body["outcome"], "as_of": iso(body["as_of"]),
        "reasons": reasons, "evidence": body["evidence"],
    }  # fmt: skip
