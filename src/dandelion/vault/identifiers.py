"""Who shares a name, a number or a telephone with whom, told by blind values: nobody's data is opened for it.

For statistics over crowds only, as `flows`.  Each reading is audited; the erased are gone from it.
"""

from __future__ import annotations

import pyarrow as pa
import sqlalchemy as sa

from dandelion.vault.actor import SYSTEM, Actor
from dandelion.vault.tables import entities, entity_fields
from dandelion.vault.vault import Vault

SORTS = {"phone": "contact", "identity_number": "account", "name": "name"}  # field of an entity: sort of identifier
_INSTANT = pa.timestamp("us", tz="UTC")


def identifiers(vault: Vault, tenant: str, *, until_us: int, actor: Actor = SYSTEM) -> pa.Table:
    """party, kind (contact, account, name), value, at, arrived; of entities registered before `until_us`, sorted."""
    query = (
        sa.select(entity_fields.c.entity_id, entity_fields.c.field, entity_fields.c.blind, entities.c.created)
        .join(entities, sa.and_(entities.c.tenant == entity_fields.c.tenant,
                                entities.c.entity_id == entity_fields.c.entity_id))
        .where(entity_fields.c.tenant == tenant, entity_fields.c.field.in_(sorted(SORTS)), entities.c.created < until_us)
        .order_by(entity_fields.c.entity_id, entity_fields.c.field)
    )  # fmt: skip
    with vault.database.read() as connection:
        rows = [tuple(row) for row in connection.execute(query)]
    with vault.unit_of_work(tenant) as work:
        work.audit(actor, "identifiers.read", "*", {"until": until_us})
    at = pa.array([row[3] for row in rows], pa.int64()).cast(_INSTANT)
    return pa.table({
        "party": pa.array([row[0] for row in rows], pa.string()),
        "kind": pa.array([SORTS[row[1]] for row in rows], pa.string()),
        "value": pa.array([row[2] for row in rows], pa.string()),
        "at": at, "arrived": at,
    })  # fmt: skip
