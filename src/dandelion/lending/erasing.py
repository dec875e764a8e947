"""Erasure in this room: proofs are emptied, lines take no new draws; the ledger keeps its surrogate ids under retention."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from dandelion.lending.days import date_of
from dandelion.lending.opening import change_limit
from dandelion.lending.packs import Packs
from dandelion.lending.store import lines_of, locked
from dandelion.lending.tables import conditions
from dandelion.vault import Actor, Work


@dataclass(frozen=True, slots=True)
class ErasureReport:
    """`lines_kept` stay in the ledger until `keep_until` (empty if the subject has no line)."""

    proofs_emptied: int
    lines_kept: tuple[str, ...]
    keep_until: str


def erase(work: Work, packs: Packs, subject: str, actor: Actor) -> ErasureReport:
    """Forget what the law lets us forget about `subject`.  Twice is harmless."""
    kept = tuple(lines_of(work.connection, work.tenant, subject))
    until = ""
    for line_id in kept:
        with locked(work, line_id) as line:
            pack = packs.by_id(line.record.pack_id)
            change_limit(line, pack, "frozen", "SUBJECT_ERASED", actor)
            until = max(until, str(date_of(line.today + pack.retention_days)))
    emptied = work.connection.execute(
        sa.update(conditions)
        .where(conditions.c.tenant == work.tenant, conditions.c.subject == subject, conditions.c.proof != "{}")
        .values(proof="{}", met=False)
    )
    work.audit(actor, "lending.erased", subject, {"lines_kept": len(kept), "keep_until": until})
    return ErasureReport(int(emptied.rowcount), kept, until)
