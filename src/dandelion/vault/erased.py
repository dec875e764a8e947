"""Who was erased.  Asked by everything that stores or hands out events."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from dandelion.core import Erased
from dandelion.vault.prepared import Prepared, among, given
from dandelion.vault.tables import erasures

_OF_TENANT = erasures.c.tenant == sa.bindparam("of_tenant")
_ONE = Prepared(sa.select(erasures.c.at).where(_OF_TENANT, erasures.c.subject == sa.bindparam("of_subject")))
_AMONG = among([erasures.c.subject], _OF_TENANT, erasures.c.subject, "subjects")


def erased_subjects(connection: sa.Connection, tenant: str) -> frozenset[str]:
    """Every erased subject of a tenant."""
    query = sa.select(erasures.c.subject).where(erasures.c.tenant == tenant)
    return frozenset(subject for (subject,) in connection.execute(query))


def erased_among(connection: sa.Connection, tenant: str, subjects: Iterable[str]) -> frozenset[str]:
    """The erased ones of a few subjects."""
    found = _AMONG.rows(connection, {"of_tenant": tenant, "subjects": given(connection, sorted(set(subjects)))})
    return frozenset(subject for (subject,) in found)


def refuse_erased(connection: sa.Connection, tenant: str, subject: str) -> None:
    """Errors: Erased."""
    if _ONE.rows(connection, {"of_tenant": tenant, "of_subject": subject}):
        raise Erased(f"subject {subject} was erased; its data is no longer kept", field="subject")
