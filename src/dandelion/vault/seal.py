"""Making seals: build the sealed files of a kind, then list them in one transaction if nothing changed meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import sqlalchemy as sa

from dandelion.core import DAY_US, Clock, event_class
from dandelion.vault import manifest, sealed
from dandelion.vault.database import Database
from dandelion.vault.erased import erased_subjects
from dandelion.vault.lake import Lake
from dandelion.vault.sealed import Seal
from dandelion.vault.tables import replacements, seals
from dandelion.vault.work import Work, unit_of_work

DAYS = 4000  # memory-mapped, so length costs disk only; columns that look at all history stay one slice


@dataclass(frozen=True, slots=True)
class SealReport:
    """`sealed` lists what was made; `skipped` the kinds that writers changed meanwhile (reads fall back to the lake)."""

    sealed: tuple[Seal, ...]
    skipped: tuple[str, ...]


def seal(
    database: Database, lake: Lake, clock: Clock, tenant: str, kinds: Sequence[str] | None = None, *, days: int = DAYS
) -> SealReport:
    """Bring the recent store up to date with the lake.  Safe beside readers and writers."""
    made: list[Seal] = []
    skipped: list[str] = []
    with database.read() as connection:
        found = manifest.kinds(connection, tenant)
    for kind in found if kinds is None else [kind for kind in found if kind in set(kinds)]:
        new = _seal_kind(database, lake, clock, tenant, kind, max(0, clock.now() - days * DAY_US))
        made += new
        if not new:
            skipped.append(kind)
    return SealReport(tuple(made), tuple(skipped))


def _seal_kind(database: Database, lake: Lake, clock: Clock, tenant: str, kind: str, from_us: int) -> list[Seal]:
    with database.read() as connection:
        version = manifest.version(connection, tenant, kind)
        files = {role: manifest.files(connection, tenant, kind, role) for role in event_class(kind).ROLES}
        erased = erased_subjects(connection, tenant)
        query = sa.select(
            replacements.c.replaced, replacements.c.arrived, replacements.c.by_event, replacements.c.sealed
        )
        known = connection.execute(query.where(replacements.c.tenant == tenant, replacements.c.kind == kind)).all()
    hidden = pa.table(
        {
            "replaced": pa.array([row.replaced for row in known], pa.string()),
            "arrived": pa.array([row.arrived for row in known], pa.int64()),
        }
    )
    built = [sealed.build(lake, tenant, kind, role, version, files[role], from_us, hidden, erased) for role in files]
    with unit_of_work(database, clock, tenant) as work:
        work.lock(f"lake/{kind}")
        if manifest.version(work.connection, tenant, kind) == version:
            _list(work, built)
            _baked(work, kind, [row.by_event for row in known if not row.sealed])
            return built
    for one in built:
        (lake.folder / one.path).unlink(missing_ok=True)
    return []


def _list(work: Work, built: Sequence[Seal]) -> None:
    for one in built:
        where = (seals.c.tenant == work.tenant, seals.c.kind == one.kind, seals.c.role == one.role)
        old = [str(path) for (path,) in work.connection.execute(sa.select(seals.c.path).where(*where))]
        work.connection.execute(sa.delete(seals).where(*where))
        manifest.discard(work.connection, work.tenant, [p for path in old for p in (path, f"{path}.npy")], work.now)
        work.connection.execute(
            sa.insert(seals).values(
                tenant=work.tenant,
                kind=one.kind,
                role=one.role,
                version=one.version,
                path=one.path,
                rows=one.rows,
                from_us=one.from_us,
                built=work.now,
            )
        )


def _baked(work: Work, kind: str, by_events: Sequence[str]) -> None:
    """These corrections are in the sealed rows now."""
    for start in range(0, len(by_events), 500):
        work.connection.execute(
            sa.update(replacements)
            .where(
                replacements.c.tenant == work.tenant,
                replacements.c.kind == kind,
                replacements.c.by_event.in_(by_events[start : start + 500]),
            )
            .values(sealed=True)
        )
