"""`Vault`: the front door's one class.  It composes the stores; the stores do the work."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dandelion.core import BadInput, Clock, SystemClock
from dandelion.core.events import Event
from dandelion.vault.audit import Audit
from dandelion.vault.database import Database
from dandelion.vault.decisions import Decisions
from dandelion.vault.outbox import Outbox
from dandelion.vault.tail import AppendReport
from dandelion.vault.work import Work, unit_of_work

_TENANT = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class Vault:
    """One SQL database and one lake folder.  Safe for many threads; several processes may open the same one."""

    def __init__(self, database: Database, lake: Path, clock: Clock) -> None:
        self.database = database
        self.lake_folder = lake
        self.clock = clock
        self.audit = Audit(database)
        self.decisions = Decisions(database)
        self.outbox = Outbox(database, clock)

    @classmethod
    def connect(cls, url: str, lake: Path, clock: Clock | None = None) -> Vault:
        """Open the database at `url` (`sqlite:///file.db`, `postgresql+psycopg://...`), creating or migrating it."""
        lake.mkdir(parents=True, exist_ok=True)
        return cls(Database(url), lake, clock or SystemClock())

    @contextmanager
    def unit_of_work(self, tenant: str) -> Iterator[Work]:
        """One SQL transaction; rolled back on any exception.  Nested use is an error."""
        with unit_of_work(self.database, self.clock, checked_tenant(tenant)) as work:
            yield work

    def append(self, tenant: str, events: Sequence[Event]) -> AppendReport:
        """Append a few events of any kinds, idempotent by `event_id`."""
        with self.unit_of_work(tenant) as work:
            return work.append(events)

    def close(self) -> None:
        self.database.close()


def checked_tenant(tenant: str) -> str:
    """`tenant` if it is fit for keys and paths.  Errors: BadInput."""
    if not _TENANT.fullmatch(tenant):
        raise BadInput(f"tenant {tenant!r} must be lower-case letters, digits, - and _ (at most 63)", field="tenant")
    return tenant
