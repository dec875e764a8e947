"""Which lines the nightly watch has still to look at.  A watermark a line, as for interest: twice a day is once.

Whoever decides what a warning is stands above this room; here is only the queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from dandelion.lending.days import day_number
from dandelion.lending.tables import lines
from dandelion.vault import Work


@dataclass(frozen=True, slots=True)
class Standing:
    """A line that is open, active or frozen."""

    line_id: str
    subject: str
    product: str


def to_watch(connection: sa.Connection, tenant: str, day: date, at_most: int) -> list[Standing]:
    """Lines not yet looked at for `day`, those that waited longest first; at most `at_most`."""
    query = sa.select(lines.c.line_id, lines.c.subject, lines.c.product).where(*_behind(tenant, day))
    rows = connection.execute(query.order_by(lines.c.watched_day, lines.c.line_id).limit(at_most))
    return [Standing(row.line_id, row.subject, row.product) for row in rows]


def unwatched(connection: sa.Connection, tenant: str, day: date) -> int:
    """How many lines are still to be looked at for `day`."""
    query = sa.select(sa.func.count()).select_from(lines).where(*_behind(tenant, day))
    return int(connection.execute(query).scalar_one())


def watched(work: Work, line_ids: Sequence[str], day: date) -> None:
    """`line_ids` have been looked at for `day`."""
    work.connection.execute(
        sa.update(lines)
        .where(lines.c.tenant == work.tenant, lines.c.line_id.in_(line_ids))
        .values(watched_day=day_number(day) + 1)
    )


def _behind(tenant: str, day: date) -> tuple[sa.ColumnElement[bool], ...]:
    return (lines.c.tenant == tenant, lines.c.watched_day <= day_number(day))
