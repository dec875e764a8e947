"""Opening a record: the merchant's own, and with it the owner's where the registry names one who has consented too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from dandelion.app.house import House
from dandelion.app.sight import owner_in
from dandelion.core import ConsentMissing, Erased
from dandelion.vault import Record


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
