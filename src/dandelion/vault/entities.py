"""Entities: surrogate ids for everybody, identifying data encrypted beside them.

Everything else in the vault knows surrogates only.  Name, phone or licence number are sealed under the entity's own key;
a blind index finds an entity by a value without the value being stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from dandelion.core import BadInput, Conflict, Erased, NotFound, new_id
from dandelion.vault.actor import Actor
from dandelion.vault.database import Database
from dandelion.vault.erased import erased_among
from dandelion.vault.keys import KeyRing, seal, unseal
from dandelion.vault.tables import entities, entity_fields
from dandelion.vault.work import Work

KINDS = ("person", "shop", "firm")
VALUE_BYTES_MAX = 1024


@dataclass(frozen=True, slots=True)
class Entity:
    """Who is behind a surrogate id.  Personal data: never log it."""

    entity_id: str
    entity_kind: str
    fields: Mapping[str, str]


class Entities:
    """Register, find, reveal.  Errors say which field, never its value."""

    def __init__(self, database: Database, keys: KeyRing) -> None:
        self._database = database
        self._keys = keys

    def register(
        self, work: Work, entity_kind: str, fields: Mapping[str, str], actor: Actor, *, entity_id: str | None = None
    ) -> str:
        """Keep an entity's identifying data; returns its surrogate id.  Errors: BadInput, Conflict, Erased."""
        id_ = entity_id or new_id()
        _check(entity_kind, fields)
        if erased_among(work.connection, work.tenant, [id_]):
            raise Erased(f"entity {id_} was erased; register a new one", field="entity_id")
        key, wrapped = self._keys.new_key(work.tenant, id_)
        row = {
            "tenant": work.tenant, "entity_id": id_, "entity_kind": entity_kind, "wrapped_key": wrapped,
            "created": work.now,
        }  # fmt: skip
        if self._database.insert_new(work.connection, entities, [row]) == 0:
            raise Conflict(f"entity {id_} is registered already; leave entity_id out", field="entity_id")
        rows = [
            {
                "tenant": work.tenant, "entity_id": id_, "field": name,
                "sealed": seal(key, value.encode(), f"{work.tenant}\x1f{id_}\x1f{name}"),
                "blind": self._keys.blind(work.tenant, name, value),
            }
            for name, value in sorted(fields.items())
        ]  # fmt: skip
        if rows:
            work.connection.execute(sa.insert(entity_fields), rows)
        work.audit(actor, "entity.registered", id_, {"kind": entity_kind, "fields": ",".join(sorted(fields))})
        return id_

    def find(self, tenant: str, field: str, value: str) -> list[str]:
        """Surrogate ids whose `field` is exactly `value`."""
        query = sa.select(entity_fields.c.entity_id).where(
            entity_fields.c.tenant == tenant, entity_fields.c.field == field,
            entity_fields.c.blind == self._keys.blind(tenant, field, value),
        )  # fmt: skip
        with self._database.read() as connection:
            return sorted(id_ for (id_,) in connection.execute(query))

    def reveal(self, work: Work, entity_id: str, actor: Actor) -> Entity:
        """The identifying data; every look is audited.  Errors: NotFound, Erased."""
        query = sa.select(entities).where(entities.c.tenant == work.tenant, entities.c.entity_id == entity_id)
        row = work.connection.execute(query).first()
        if row is None:
            if erased_among(work.connection, work.tenant, [entity_id]):
                raise Erased(f"entity {entity_id} was erased", field="entity_id")
            raise NotFound(f"there is no entity {entity_id}", field="entity_id")
        key = self._keys.unwrap(work.tenant, entity_id, bytes(row.wrapped_key))
        found = work.connection.execute(
            sa.select(entity_fields.c.field, entity_fields.c.sealed).where(
                entity_fields.c.tenant == work.tenant, entity_fields.c.entity_id == entity_id
            )
        )
        fields = {
            name: unseal(key, bytes(sealed), f"{work.tenant}\x1f{entity_id}\x1f{name}").decode()
            for name, sealed in found
        }
        work.audit(actor, "entity.revealed", entity_id, {})
        return Entity(entity_id, row.entity_kind, fields)


def erase(work: Work, subject: str) -> None:
    """Drop the mapping and the key."""
    for table in (entity_fields, entities):
        work.connection.execute(sa.delete(table).where(table.c.tenant == work.tenant, table.c.entity_id == subject))


def _check(entity_kind: str, fields: Mapping[str, str]) -> None:
    if entity_kind not in KINDS:
        raise BadInput(f"{entity_kind!r} is not an entity kind; use one of {', '.join(KINDS)}", field="entity_kind")
    for name, value in fields.items():
        if not value or len(value.encode()) > VALUE_BYTES_MAX:
            raise BadInput(f"{name} needs 1 to {VALUE_BYTES_MAX} bytes of text", field=name)
