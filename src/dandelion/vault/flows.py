"""Everybody's events of one kind, under surrogate ids, for statistics over crowds only.

A merchant's consent opens the merchant's own record.  How its payers deal with one another is told by nobody's record
alone; it is computed over everybody's and leaves the house only as aggregates over at least five people (the graph
room's floor).  Each such reading is audited.  Erased subjects are gone from it.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from dandelion.core import event_class
from dandelion.vault.actor import SYSTEM, Actor
from dandelion.vault.erased import erased_subjects
from dandelion.vault.reading import Reading
from dandelion.vault.vault import Vault


def flows(
    vault: Vault, tenant: str, kind: str, *, since_us: int, until_us: int, known_us: int | None = None,
    actor: Actor = SYSTEM,
) -> pa.Table:  # fmt: skip
    """Events with ``since <= at < until`` and ``arrived < known`` (default: until), each once, corrected ones gone."""
    cls = event_class(kind)
    role, known = cls.ROLES[0], until_us if known_us is None else known_us
    with vault.database.read() as connection:
        reading = Reading.start(connection, tenant, vault.lake, vault.sealed_files)
        table = reading.of_all(kind, role, None, since_us, until_us, known, False)
        gone = pa.array(sorted(erased_subjects(connection, tenant)), pa.string())
    for name in cls.ROLES if len(gone) else ():
        table = table.filter(pc.invert(pc.is_in(table.column(name), value_set=gone)))
    with vault.unit_of_work(tenant) as work:
        work.audit(actor, "flows.read", "*", {"kind": kind, "since": since_us, "until": until_us})
    return table
