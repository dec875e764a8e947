"""The recent tail: single events in SQL, one row per event and one per role it is about.

One subject's events, of one kind in one role or all of them, are one range of `event_subjects`.  A batch that is appended twice
changes nothing; a correction is remembered in `replacements` and hides what it names from the moment it arrived.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dandelion.core import BadInput, canonical, event_class, fields_of
from dandelion.core.events import Event
from dandelion.core.schema import EARLIEST_US, TEXT_BYTES_MAX, Field
from dandelion.vault.database import Database
from dandelion.vault.erased import erased_among
from dandelion.vault.tables import event_subjects, events, replacements

COMMON = ("event_id", "source", "at", "arrived", "replaces")
BATCH_MAX = 10_000


@dataclass(frozen=True, slots=True)
class AppendReport:
    """How many events were new, and how many were there already (or are about erased subjects only)."""

    added: int
    duplicates: int


def append(
    database: Database, connection: sa.Connection, tenant: str, now: int, batch: Sequence[Event]
) -> AppendReport:
    """Add events that are new by id.  `arrived` may lie in the past (backfill), never after `now`."""
    if len(batch) > BATCH_MAX:
        raise BadInput(f"{len(batch):,} events in one append; ingest bulk instead", field="events")
    for event in batch:
        _check(event, now)
    fresh = list(_unknown(connection, tenant, batch).values())
    gone = erased_among(connection, tenant, {getattr(event, role) for event in fresh for role in event.ROLES})
    fresh = [event for event in fresh if any(getattr(event, role) not in gone for role in event.ROLES)]
    added = database.insert_new(connection, events, [_row(tenant, event) for event in fresh])
    sides = [side for event in fresh for side in _subjects(tenant, event) if side["subject"] not in gone]
    database.insert_new(connection, event_subjects, sides)
    corrections = [_replacement(tenant, event) for event in fresh if event.replaces is not None]
    database.insert_new(connection, replacements, corrections)
    return AppendReport(added, len(batch) - added)


def _check(event: Event, now: int) -> None:
    if event_class(event.KIND) is not type(event):
        raise BadInput(f"{type(event).__name__} is not the contract of kind {event.KIND!r}", field="kind")
    for field in fields_of(event.KIND):
        value = getattr(event, field.name)
        if value is None and field.optional:
            continue
        wrong = _wrong(field, value, now)
        if wrong:
            raise BadInput(f"{event.KIND}: {field.name} {wrong}", field=field.name)


def _wrong(field: Field, value: object, now: int) -> str | None:
    """What is wrong with a value, or None."""
    kind = field.kind
    if kind.name in ("ident", "text", "choice"):
        if not isinstance(value, str) or not value:
            return "must be text that is not empty"
        if len(value.encode(errors="replace")) > TEXT_BYTES_MAX or "\x00" in value:
            return f"must be at most {TEXT_BYTES_MAX} bytes of text without NUL"
        if kind.choices and value not in kind.choices:
            return f"is {value!r}; use one of {', '.join(kind.choices)}"
        return None
    if kind.name == "flag":
        return None if isinstance(value, bool) else "must be true or false"
    if not isinstance(value, int) or isinstance(value, bool) or not -(2**63) <= value < 2**63:
        return "must be a whole number of 64 bits"
    if (kind.low is not None and value < kind.low) or (kind.high is not None and value > kind.high):
        return f"is {value}; it must lie in {kind.low}..{kind.high}"
    if kind.name == "instant":
        if value < EARLIEST_US:
            return "is before 1980; check the time unit"
        if value > now and field.name not in ("until", "starts", "ends"):
            return "lies in the future; check clock and time zone"
    return None


def _unknown(connection: sa.Connection, tenant: str, batch: Sequence[Event]) -> dict[str, Event]:
    """First occurrence per id of the events that the tail does not hold."""
    fresh: dict[str, Event] = {}
    for event in batch:
        fresh.setdefault(event.event_id, event)
    ids = list(fresh)
    for start in range(0, len(ids), 500):
        held = sa.select(events.c.event_id).where(
            events.c.tenant == tenant, events.c.event_id.in_(ids[start : start + 500])
        )
        for (id_,) in connection.execute(held):
            del fresh[id_]
    return fresh


def _row(tenant: str, event: Event) -> dict[str, Any]:
    payload = {f.name: getattr(event, f.name) for f in fields_of(event.KIND) if f.name not in COMMON}
    return {
        "tenant": tenant, "event_id": event.event_id, "kind": event.KIND, "at": event.at, "arrived": event.arrived,
        "source": event.source, "replaces": event.replaces, "payload": canonical(payload).decode(),
    }  # fmt: skip


def _subjects(tenant: str, event: Event) -> list[dict[str, Any]]:
    return [
        {
            "tenant": tenant, "kind": event.KIND, "role": role, "subject": getattr(event, role), "at": event.at,
            "event_id": event.event_id,
        }
        for role in event.ROLES
    ]  # fmt: skip


def _replacement(tenant: str, event: Event) -> dict[str, Any]:
    return {
        "tenant": tenant, "kind": event.KIND, "replaced": event.replaces, "by_event": event.event_id,
        "arrived": event.arrived, "sealed": False,
    }  # fmt: skip
