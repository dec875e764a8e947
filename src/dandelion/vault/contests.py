"""Contests: a merchant asks for a person to look at a decision again; the person's answer is recorded beside it.

The decision itself is never changed.  What the merchant writes may be personal: it goes with the subject when that
is erased.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from dandelion.core import Conflict, NotFound, new_id
from dandelion.vault.actor import Actor
from dandelion.vault.tables import metadata
from dandelion.vault.work import Work

contests = sa.Table(
    "contests", metadata,
    sa.Column("tenant", sa.String(64), primary_key=True),
    sa.Column("contest_id", sa.String(36), primary_key=True),
    sa.Column("decision_id", sa.String(64), nullable=False),
    sa.Column("subject", sa.String(256), nullable=False),
    sa.Column("opened", sa.BigInteger, nullable=False),
    sa.Column("statement", sa.Text, nullable=False),
    sa.Column("resolved", sa.BigInteger),
    sa.Column("resolved_by", sa.String(256)),
    sa.Column("outcome", sa.String(32)),
    sa.Column("note", sa.Text),
    sa.Index("contests_by_decision", "tenant", "decision_id"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Contest:
    """`outcome` is None while open, then upheld or overturned."""

    contest_id: str
    decision_id: str
    subject: str
    opened: int
    statement: str
    resolved: int | None
    resolved_by: str | None
    outcome: str | None
    note: str | None


def open_contest(work: Work, decision_id: str, subject: str, statement: str, actor: Actor) -> Contest:
    """Errors: Conflict while another contest of the decision is open."""
    work.lock(f"contest:{decision_id}")
    waiting = [c for c in of_decision(work.connection, work.tenant, decision_id) if c.outcome is None]
    if waiting:
        raise Conflict(f"contest {waiting[0].contest_id} of this decision is open already", field="decision")
    made = Contest(new_id(), decision_id, subject, work.now, statement, None, None, None, None)
    work.connection.execute(
        sa.insert(contests).values(
            tenant=work.tenant, contest_id=made.contest_id, decision_id=decision_id, subject=subject, opened=work.now,
            statement=statement,
        )
    )  # fmt: skip
    work.audit(actor, "decision.contested", subject, {"decision": decision_id, "contest": made.contest_id})
    return made


def resolve(work: Work, contest_id: str, outcome: str, note: str, actor: Actor) -> Contest:
    """Record a person's answer, once.  Errors: NotFound, Conflict where it was answered before."""
    work.lock(f"contest-answer:{contest_id}")
    found = get(work.connection, work.tenant, contest_id)
    if found.outcome is not None:
        raise Conflict(f"contest {contest_id} was {found.outcome} already", field="contest")
    work.connection.execute(
        sa.update(contests)
        .where(contests.c.tenant == work.tenant, contests.c.contest_id == contest_id)
        .values(resolved=work.now, resolved_by=actor.id, outcome=outcome, note=note)
    )
    detail = {"decision": found.decision_id, "contest": contest_id, "outcome": outcome}
    work.audit(actor, "contest.resolved", found.subject, detail)
    return get(work.connection, work.tenant, contest_id)


def get(connection: sa.Connection, tenant: str, contest_id: str) -> Contest:
    """Errors: NotFound."""
    query = sa.select(contests).where(contests.c.tenant == tenant, contests.c.contest_id == contest_id)
    row = connection.execute(query).first()
    if row is None:
        raise NotFound(f"there is no contest {contest_id}", field="contest")
    return _contest(row)


def of_decision(connection: sa.Connection, tenant: str, decision_id: str) -> list[Contest]:
    query = sa.select(contests).where(contests.c.tenant == tenant, contests.c.decision_id == decision_id)
    return [_contest(row) for row in connection.execute(query.order_by(contests.c.opened, contests.c.contest_id))]


def _contest(row: sa.Row[tuple[object, ...]]) -> Contest:
    m = row._mapping
    return Contest(
        m["contest_id"], m["decision_id"], m["subject"], m["opened"], m["statement"], m["resolved"], m["resolved_by"],
        m["outcome"], m["note"],
    )  # fmt: skip
