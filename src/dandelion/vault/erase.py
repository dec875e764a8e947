"""Erasure (PIPL art. 47): what can go goes at once, what the law keeps is locked away, and the rest says "erased".

Mapping and key are dropped, so no surrogate leads back to a person; tail rows and live consents end; the lake's rows go
with the next compaction and cannot be opened until then; decisions within legal retention stay for audit and dispute
only, older ones keep nothing but their hash.  What is owed stays in the ledger.  The audit is pseudonymous and stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from dandelion.vault import consents, entities
from dandelion.vault.actor import Actor
from dandelion.vault.contests import contests
from dandelion.vault.database import Database
from dandelion.vault.retention import Periods, erase_bodies
from dandelion.vault.tables import decisions, erasures, event_subjects, events
from dandelion.vault.work import Work


@dataclass(frozen=True, slots=True)
class ErasureReport:
    """What went: events of the tail, decision bodies removed, and decisions locked until their retention ends."""

    subject: str
    tail_rows: int
    decisions_erased: int
    decisions_retained: int


def erase(database: Database, work: Work, periods: Periods, subject: str, actor: Actor) -> ErasureReport:
    """Erase `subject`, in the caller's transaction.  Erasing twice is harmless."""
    entities.erase(work, subject)
    row = {"tenant": work.tenant, "subject": subject, "at": work.now, "lake_clean": False}
    database.insert_new(work.connection, erasures, [row])
    tail_rows = _forget_tail(work, subject)
    live = [g for g in consents.of_subject(work.connection, work.tenant, subject) if g.withdrawn_us is None]
    consents.end(work, live)
    _forget_words(work, subject)
    mine = (decisions.c.tenant == work.tenant, decisions.c.subject == subject, decisions.c.body.is_not(None))
    limit = periods.limit("decision", work.now)
    gone = 0 if limit is None else erase_bodies(work, *mine, decisions.c.at <= limit)
    retained = work.connection.execute(sa.select(sa.func.count()).select_from(decisions).where(*mine)).scalar_one()
    report = ErasureReport(subject, tail_rows, gone, int(retained))
    detail = {"tail_rows": tail_rows, "decisions_erased": gone, "decisions_retained": report.decisions_retained}
    work.audit(actor, "subject.erased", subject, detail)
    return report


def _forget_words(work: Work, subject: str) -> None:
    """What the subject wrote when it contested may name people; that it contested, and the outcome, stay."""
    work.connection.execute(
        sa.update(contests)
        .where(contests.c.tenant == work.tenant, contests.c.subject == subject)
        .values(statement="", note=None)
    )


def _forget_tail(work: Work, subject: str) -> int:
    """Drop the subject's side of each event; drop the event where nobody else's side is left."""
    s = event_subjects
    mine = sa.select(s.c.event_id).where(s.c.tenant == work.tenant, s.c.subject == subject)
    ids = sorted({id_ for (id_,) in work.connection.execute(mine)})
    work.connection.execute(sa.delete(s).where(s.c.tenant == work.tenant, s.c.subject == subject))
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        left = sa.select(s.c.event_id).where(s.c.tenant == work.tenant, s.c.event_id.in_(some))
        held = {id_ for (id_,) in work.connection.execute(left)}
        lonely = [id_ for id_ in some if id_ not in held]
        work.connection.execute(sa.delete(events).where(events.c.tenant == work.tenant, events.c.event_id.in_(lonely)))
    return len(ids)
