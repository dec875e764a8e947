"""List: lines and decisions, newest first, a page at a time.  A merchant finds its own and nobody else's."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from dandelion.app.access import Caller
from dandelion.app.house import House
from dandelion.core import BadInput, iso
from dandelion.lending import LineView
from dandelion.vault import KeptDecision

LIMIT_MAX = 200
_CURSOR = re.compile(r"[A-Za-z0-9_\-]{1,64}")


@dataclass(frozen=True, slots=True)
class Page:
    """At most `limit` rows after `cursor` (the `next` of the page before); `subject` narrows to one merchant."""

    limit: int = 50
    cursor: str | None = None
    subject: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= LIMIT_MAX:
            raise BadInput(f"limit is {self.limit}; give 1 to {LIMIT_MAX}", field="limit")
        if self.cursor is not None and not _CURSOR.fullmatch(self.cursor):
            raise BadInput("cursor is not one of ours; give the `next` of the page before", field="cursor")
        if self.subject is not None and ("\0" in self.subject or len(self.subject) > 256):
            raise BadInput("subject is not an id; give one of at most 256 characters", field="subject")


def lines(house: House, caller: Caller, page: Page) -> dict[str, Any]:
    """Credit lines with what is owed today.  Another merchant's are as if they did not exist."""
    if _anothers(caller, page):
        return {"lines": [], "next": None}
    with house.vault.database.read() as connection:
        found, more = house.lending.page(
            connection, caller.tenant, house.clock.now(), subject=_subject(caller, page), before=page.cursor,
            at_most=page.limit,
        )  # fmt: skip
    return {"lines": [_line(one) for one in found], "next": more}


def decisions(house: House, caller: Caller, page: Page) -> dict[str, Any]:
    """Decisions in short; `GET /v1/decisions/{decision}` tells all.  None of the erased."""
    if _anothers(caller, page):
        return {"decisions": [], "next": None}
    found, more = house.vault.decisions.page(
        caller.tenant, subject=_subject(caller, page), before=page.cursor, at_most=page.limit
    )
    return {"decisions": [_decision(one) for one in found], "next": more}


def _anothers(caller: Caller, page: Page) -> bool:
    return caller.role == "merchant" and page.subject not in (None, caller.subject)


def _subject(caller: Caller, page: Page) -> str | None:
    return caller.subject if caller.role == "merchant" else page.subject


def _line(one: LineView) -> dict[str, Any]:
    return {
        "line": one.line_id, "subject": one.subject, "product": one.product, "decision": one.decision_id,
        "status": one.status, "annual_rate_ppm": one.rate_ppm, "limit_fen": one.limit_fen,
        "available_fen": one.available_fen, "owed_fen": one.payoff_fen, "due_fen": one.due_fen,
        "next_due": one.next_due, "days_past_due": one.days_past_due,
    }  # fmt: skip


def _decision(one: KeptDecision) -> dict[str, Any]:
    body = json.loads(one.body)  # a ruling has neither rate nor limit: it offers nothing
    return {
        "decision": one.decision_id, "subject": one.subject, "product": body["product"], "outcome": body["outcome"],
        "annual_rate_ppm": body.get("rate_ppm", 0), "limit_fen": body.get("limit_fen", 0), "decided_at": iso(one.at),
        "body_sha256": one.body_sha256,
    }  # fmt: skip
