"""What audit and dispute may look at: the snapshot a decision was made from, held against the record as it is now.

Snapshots outlive a withdrawn consent (legal retention) and are read for no other purpose than to check a past decision.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from dandelion.core import BadInput
from dandelion.vault import snapshots
from dandelion.vault.actor import SYSTEM, Actor
from dandelion.vault.reading import Reading
from dandelion.vault.record import PERSON_ROLES, joined
from dandelion.vault.snapshots import Part, Snapshot
from dandelion.vault.vault import Vault

PURPOSES = ("audit", "dispute")
BOOKKEEPING = ("arrived", "source")  # columns a reload may change without changing what happened


@dataclass(frozen=True, slots=True)
class EventDifference:
    """One event that is not what was read: `detail` says which field, or that it is gone or new."""

    kind: str
    event_id: str
    detail: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """A stored snapshot; `intact` says whether its rows still have the name they were stored under."""

    snapshot: Snapshot
    recomputed_name: str
    differences: tuple[EventDifference, ...]

    @property
    def intact(self) -> bool:
        return self.recomputed_name == self.snapshot.name and not self.differences


def evidence(vault: Vault, tenant: str, snapshot: str, *, purpose: str, actor: Actor = SYSTEM) -> Evidence:
    """The snapshot, and every event of it that the record tells differently today.  The look is audited.

    Errors: BadInput for another purpose than audit or dispute; NotFound.
    """
    if purpose not in PURPOSES:
        raise BadInput(f"snapshots are read for {' or '.join(PURPOSES)} only", field="purpose")
    with vault.database.read() as connection:
        stored = snapshots.load(connection, tenant, snapshot)
        reading = Reading.start(connection, tenant, vault.lake, vault.sealed_files)
        found: list[EventDifference] = []
        for part in stored.parts:
            found += _differences(reading, stored, part)
    with vault.unit_of_work(tenant) as work:
        work.audit(actor, "snapshot.read", stored.header.subject, {"snapshot": snapshot, "purpose": purpose})
    return Evidence(stored, snapshots.name(stored.header, stored.parts), tuple(found))


def _differences(reading: Reading, stored: Snapshot, part: Part) -> list[EventDifference]:
    """The part against the same read of today; an erased or withdrawn subject's record is compared all the same."""
    header = stored.header
    now = reading.of_subject(part.kind, part.role, header.subject, part.start_us, header.as_of, header.known_at)
    if header.owner and (part.kind, part.role) in PERSON_ROLES:
        owners = reading.of_subject(part.kind, part.role, header.owner, part.start_us, header.as_of, header.known_at)
        now = joined(now, owners, part.role, header.subject)
    if snapshots.digest(now) == snapshots.digest(part.table):
        return []
    then_rows, now_rows = _by_id(part.table), _by_id(now)
    found = [
        EventDifference(part.kind, id_, "is in the record now, but was not read")
        for id_ in now_rows
        if id_ not in then_rows
    ]
    for id_, row in then_rows.items():
        if id_ not in now_rows:
            found.append(EventDifference(part.kind, id_, "was read, but is gone from the record"))
        elif changed := [name for name in row if name not in BOOKKEEPING and row[name] != now_rows[id_][name]]:
            found.append(EventDifference(part.kind, id_, f"{', '.join(changed)} is not what was read"))
    return found


def _by_id(table: pa.Table) -> dict[str, dict[str, object]]:
    return {row["event_id"]: row for row in table.to_pylist()}
