"""Grants and payments for tests, and the obvious oracle of what a read must return."""

from __future__ import annotations

from collections.abc import Iterable

from dandelion.core import DAY_US
from dandelion.core.events import Event, Payment
from dandelion.vault import SYSTEM, NewGrant, Terms, Vault

TENANT = "acme"
LENDER = "dandelion"
TERMS = Terms("Dandelion Bank", "privacy@dandelion.example", "v1", "0" * 64, "zh", "to decide on a credit line")


def grant(
    vault: Vault, subject: str, *, purpose: str = "credit", kinds: Iterable[str] = ("payments",), days: int = 365
) -> str:
    """A live grant to LENDER; returns its id."""
    with vault.unit_of_work(TENANT) as work:
        new = NewGrant(subject, purpose, tuple(kinds), LENDER, work.now + days * DAY_US, TERMS)
        return vault.consents.grant(work, new, SYSTEM).grant_id


def payment(number: int, at: int, **other: object) -> Payment:
    """A payment with obvious defaults."""
    fields: dict[str, object] = {
        "event_id": f"{number:032x}", "source": "bank", "at": at, "arrived": at, "payee": "m1", "payer": "p1",
        "amount_fen": 100 + number, "channel": "qr",
    }  # fmt: skip
    return Payment(**{**fields, **other})  # type: ignore[arg-type]


def expected(events: Iterable[Event], role: str, subject: str, start: int, as_of: int, known_at: int) -> list[Event]:
    """What a record must return: a list comprehension and nothing clever."""
    first = {event.event_id: event for event in reversed(list(events))}.values()
    hidden = {event.replaces for event in first if event.arrived < known_at}
    seen = [
        event
        for event in first
        if getattr(event, role) == subject
        and start <= event.at < as_of
        and event.arrived < known_at
        and event.event_id not in hidden
    ]
    return sorted(seen, key=lambda event: (event.at, event.event_id))
