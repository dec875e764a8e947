"""Retention: how long what is kept, and the removal of what is past it.  The periods are data (`retention.yaml`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from dandelion.core import DAY_US, BadInput, event_class, plain_yaml
from dandelion.vault import manifest
from dandelion.vault.actor import Actor
from dandelion.vault.tables import (
    decisions,
    event_subjects,
    events,
    grants,
    idempotency,
    outbox,
    snapshot_parts,
    snapshots,
)
from dandelion.vault.work import Work

CLASSES = ("decision", "grant", "event", "idempotency", "outbox", "audit")
DEFAULT = Path(__file__).parent / "retention.yaml"


@dataclass(frozen=True, slots=True)
class Periods:
    """Days per record class; None keeps for good."""

    days: Mapping[str, int | None]

    @classmethod
    def load(cls, file: Path = DEFAULT) -> Periods:
        """Errors: BadInput that names the class at fault."""
        read = plain_yaml(file.read_text())
        days: dict[str, int | None] = {}
        for name in CLASSES:
            entry = read.get(name) if isinstance(read, dict) else None
            value = entry.get("days", -1) if isinstance(entry, dict) else -1
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
                raise BadInput(f"{file.name}: {name}.days must be a whole number of days or null", field=name)
            days[name] = value
        return cls(days)

    def limit(self, name: str, now: int) -> int | None:
        """What was made before this instant is past retention; None where nothing ever is."""
        days = self.days[name]
        return None if days is None else now - days * DAY_US


@dataclass(frozen=True, slots=True)
class RetentionReport:
    """How many records of each class were removed; for events, rows of the lake (per role) and of the tail."""

    removed: Mapping[str, int]


def apply(work: Work, periods: Periods, actor: Actor) -> RetentionReport:
    """Remove what is past retention, in one transaction; lake files go to the trash and are swept by `compact`."""
    tenant, now, run = work.tenant, work.now, work.connection.execute
    removed: dict[str, int] = dict.fromkeys(CLASSES, 0)
    limit = periods.limit("idempotency", now)
    if limit is not None:
        found = run(sa.delete(idempotency).where(idempotency.c.tenant == tenant, idempotency.c.at < limit))
        removed["idempotency"] = found.rowcount
    limit = periods.limit("outbox", now)
    if limit is not None:
        removed["outbox"] = run(sa.delete(outbox).where(outbox.c.tenant == tenant, outbox.c.done < limit)).rowcount
    limit = periods.limit("grant", now)
    if limit is not None:
        ended = sa.or_(grants.c.until_us < limit, grants.c.withdrawn_us < limit)
        removed["grant"] = run(sa.delete(grants).where(grants.c.tenant == tenant, ended)).rowcount
    limit = periods.limit("decision", now)
    if limit is not None:
        where = (decisions.c.tenant == tenant, decisions.c.at < limit, decisions.c.body.is_not(None))
        removed["decision"] = erase_bodies(work, *where)
    limit = periods.limit("event", now)
    if limit is not None:
        removed["event"] = _drop_events(work, limit)
    work.audit(actor, "retention.applied", "*", {name: count for name, count in removed.items() if count})
    return RetentionReport(removed)


def erase_bodies(work: Work, *where: sa.ColumnElement[bool]) -> int:
    """Remove body, meta and snapshot of the decisions that match; their hashes stay."""
    rows = work.connection.execute(sa.select(decisions.c.decision_id, decisions.c.snapshot).where(*where)).all()
    for row in rows:
        work.connection.execute(
            sa.update(decisions)
            .where(decisions.c.tenant == work.tenant, decisions.c.decision_id == row.decision_id)
            .values(body=None, meta="{}", snapshot=None, erased=work.now)
        )
    for name in sorted({row.snapshot for row in rows if row.snapshot}):
        still = sa.select(decisions.c.decision_id).where(
            decisions.c.tenant == work.tenant, decisions.c.snapshot == name
        )
        if work.connection.execute(still.limit(1)).first() is None:
            for table in (snapshot_parts, snapshots):
                work.connection.execute(sa.delete(table).where(table.c.tenant == work.tenant, table.c.snapshot == name))
    return len(rows)


def _drop_events(work: Work, limit: int) -> int:
    removed = 0
    for kind in manifest.kinds(work.connection, work.tenant):
        work.lock(f"lake/{kind}")
        old = [
            file
            for role in event_class(kind).ROLES
            for file in manifest.files(work.connection, work.tenant, kind, role)
            if file.at_max < limit
        ]
        if old:
            manifest.swap(work.connection, work.tenant, kind, work.now, add=[], drop=old)
            removed += sum(file.rows for file in old)
    past = (event_subjects.c.tenant == work.tenant, event_subjects.c.at < limit)
    work.connection.execute(sa.delete(event_subjects).where(*past))
    found = work.connection.execute(sa.delete(events).where(events.c.tenant == work.tenant, events.c.at < limit))
    return removed + found.rowcount
