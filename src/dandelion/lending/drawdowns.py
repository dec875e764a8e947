"""Look-ups across lines: one drawdown by its id, open or closed; the lines of a product that are in use."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from dandelion.core import NotFound
from dandelion.lending.state import ACTIVE
from dandelion.lending.tables import drawdowns, lines, payouts


@dataclass(frozen=True, slots=True)
class DrawdownStanding:
    """`status` is in_flight, paid, failed, closed or written_off; money in fen."""

    drawdown_id: str
    line_id: str
    subject: str
    status: str
    amount_fen: int
    principal_fen: int
    payout_id: str
    payout_status: str
    payout_reason: str
    drawn: int
    settled: int | None


def drawdown(connection: sa.Connection, tenant: str, drawdown_id: str) -> DrawdownStanding:
    """Errors: NotFound."""
    query = (
        sa.select(drawdowns, lines.c.subject, payouts.c.payout_id, payouts.c.status.label("payout_status"),
                  payouts.c.reason, payouts.c.settled)
        .join(lines, sa.and_(lines.c.tenant == drawdowns.c.tenant, lines.c.line_id == drawdowns.c.line_id))
        .join(payouts, sa.and_(payouts.c.tenant == drawdowns.c.tenant,
                               payouts.c.drawdown_id == drawdowns.c.drawdown_id))
        .where(drawdowns.c.tenant == tenant, drawdowns.c.drawdown_id == drawdown_id)
    )  # fmt: skip
    row = connection.execute(query).first()
    if row is None:
        raise NotFound(f"there is no drawdown {drawdown_id}", field="drawdown")
    return DrawdownStanding(
        row.drawdown_id, row.line_id, row.subject, row.status, row.amount_fen, row.principal_fen, row.payout_id,
        row.payout_status, row.reason, row.drawn, row.settled,
    )  # fmt: skip


def page_of_lines(
    connection: sa.Connection, tenant: str, *, subject: str | None, before: str | None, at_most: int
) -> list[str]:
    """Line ids, newest first (ids sort by time), those before `before`; of one subject or of everybody."""
    query = sa.select(lines.c.line_id).where(lines.c.tenant == tenant)
    if subject is not None:
        query = query.where(lines.c.subject == subject)
    if before is not None:
        query = query.where(lines.c.line_id < before)
    return list(connection.scalars(query.order_by(lines.c.line_id.desc()).limit(at_most)))


def active_lines(connection: sa.Connection, tenant: str, product: str) -> list[tuple[str, str]]:
    """(line, subject) of every active line of a product, by line."""
    query = sa.select(lines.c.line_id, lines.c.subject).where(
        lines.c.tenant == tenant, lines.c.product == product, lines.c.status == ACTIVE
    )
    return [(row.line_id, row.subject) for row in connection.execute(query.order_by(lines.c.line_id))]
