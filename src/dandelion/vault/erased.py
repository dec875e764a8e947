"""Who was erased.  Asked by everything that stores or hands out events."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from dandelion.core import Erased
from dandelion.vault.tables import erasures

_ONE = sa.select(erasures.c.at).where(
    erasures.c.tenant == sa.bindparam("tenant"), erasures.c.subject == sa.bindparam("subject")
)

_AMONG = sa.select(erasures.c.subject).where(
    erasures.c.tenant == sa.bindparam("tenant"), erasures.c.subject.in_(sa.bindparam("subjects", expanding=True))
)


def erased_subjects(connection: sa.Connection, tenant: str) -> frozenset[str]:
    """Every erased subject of a tenant."""
    query = sa.select(erasures.c.subject).where(erasures.c.tenant == tenant)
    return frozenset(subject for (subject,) in connection.execute(query))


def erased_among(connection: sa.Connection, tenant: str, subjects: Iterable[str]) -> frozenset[str]:
    """The erased ones of a few subjects."""
    wanted = sorted(set(subjects))
    out: set[str] = set()
    for start in range(0, len(wanted), 500):
        found = connection.execute(_AMONG, {"tenant": tenant, "subjects": wanted[start : start + 500]})
        out.update(subject for (subject,) in found)
    return frozenset(out)


def refuse_erased(connection: sa.Connection, tenant: str, subject: str) -> None:
    """Errors: Erased."""
    if connection.execute(_ONE, {"tenant": tenant, "subject": subject}).first() is not None:
        raise Erased(f"subject {subject} was erased; its data is no longer kept", field="subject")
