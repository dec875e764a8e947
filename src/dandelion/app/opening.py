"""Opening a record: the merchant's own, and with it the owner's where the registry names one who has consented too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pyarrow as pa
import pyarrow.compute as pc

from dandelion.app.house import House
from dandelion.core import ConsentMissing, Erased
from dandelion.vault import Record

OWNER = "owner"


@contextmanager
def opened(house: House, tenant: str, subject: str, purpose: str = "credit") -> Iterator[Record]:
    """The record under its live consent.  Errors: ConsentMissing, Erased (the merchant's own; the owner's is optional)."""
    with ExitStack() as doors:
        record = doors.enter_context(house.vault.open(tenant, subject, purpose=purpose, recipient=house.recipient))
        owner = owner_in(record.events("role", "firm"))
        if owner is not None and owner != subject:
            try:
                own = house.vault.open(
                    tenant,
                    owner,
                    purpose=purpose,
                    recipient=house.recipient,
                    as_of=record.as_of,
                    known_at=record.known_at,
                )
                record.beside_owner(doors.enter_context(own))
            except (ConsentMissing, Erased):
                pass  # the owner's data stay closed; the columns that need them are missing
        yield record


def owner_in(roles: pa.Table) -> str | None:
    """The person named owner last; ties go to the later event id."""
    owners = roles.filter(pc.equal(roles.column("role"), OWNER))
    if owners.num_rows == 0:
        return None
    return str(owners.sort_by([("at", "ascending"), ("event_id", "ascending")]).column("person")[-1].as_py())
