"""`Vault`: the front door's one class.  It composes the stores; the stores do the work."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from dandelion.core import BadInput, Clock, ConsentMissing, SystemClock
from dandelion.core.events import Event
from dandelion.vault import compact, erase, ingest, manifest, retention, seal
from dandelion.vault import consents as consent
from dandelion.vault.actor import SYSTEM, Actor
from dandelion.vault.audit import Audit
from dandelion.vault.bulk import BulkRecord
from dandelion.vault.compact import GRACE_S, CompactReport
from dandelion.vault.consents import Consents
from dandelion.vault.database import Database
from dandelion.vault.decisions import Decisions
from dandelion.vault.entities import Entities
from dandelion.vault.erase import ErasureReport
from dandelion.vault.erased import refuse_erased
from dandelion.vault.ingest import IngestReport
from dandelion.vault.keys import KeyRing
from dandelion.vault.lake import Lake
from dandelion.vault.outbox import Outbox
from dandelion.vault.reading import Reading
from dandelion.vault.record import Record
from dandelion.vault.retention import Periods, RetentionReport
from dandelion.vault.seal import SealReport
from dandelion.vault.sealed import SealedFiles
from dandelion.vault.tail import AppendReport
from dandelion.vault.work import Work, unit_of_work

_TENANT = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class Vault:
    """One SQL database and one lake folder.  Safe for many threads; several processes may open the same one."""

    def __init__(self, database: Database, lake: Lake, clock: Clock, keys: KeyRing, periods: Periods) -> None:
        self.database = database
        self.lake = lake
        self.sealed_files = SealedFiles(lake.folder)
        self.clock = clock
        self.audit = Audit(database)
        self.consents = Consents(database, clock)
        self.decisions = Decisions(database)
        self.outbox = Outbox(database, clock)
        self.entities = Entities(database, keys)
        self.periods = periods

    @classmethod
    def connect(
        cls,
        url: str,
        lake: Path,
        clock: Clock | None = None,
        *,
        secret: bytes | None = None,
        buckets: int = 8,
        periods: Periods | None = None,
    ) -> Vault:
        """Open the database at `url` (`sqlite:///file.db`, `postgresql+psycopg://...`), creating or migrating it.

        Without a master `secret` one is kept in `<lake>.key`; give one from a key store where there is such a thing.
        """
        lake.mkdir(parents=True, exist_ok=True)
        keys = KeyRing(secret) if secret else KeyRing.from_file(lake.with_name(f"{lake.name}.key"))
        files = Lake(lake, buckets=buckets)
        return cls(Database(url), files, clock or SystemClock(), keys, periods or Periods.load())

    @contextmanager
    def unit_of_work(self, tenant: str) -> Iterator[Work]:
        """One SQL transaction; rolled back on any exception.  Nested use is an error."""
        with unit_of_work(self.database, self.clock, checked_tenant(tenant)) as work:
            yield work

    def append(self, tenant: str, events: Sequence[Event]) -> AppendReport:
        """Append a few events of any kinds, idempotent by `event_id`."""
        with self.unit_of_work(tenant) as work:
            return work.append(events)

    def ingest(self, tenant: str, kind: str, table: pa.Table, *, source: str, actor: Actor = SYSTEM) -> IngestReport:
        """Load a batch of one kind into the lake.  Errors: BadInput where a required column is missing."""
        return ingest.ingest(self.database, self.lake, self.clock, checked_tenant(tenant), kind, table, source, actor)

    def compact(self, tenant: str, *, actor: Actor = SYSTEM, grace_s: int = GRACE_S) -> CompactReport:
        """Fold the tail and late files into one file per partition, drop erased rows, then seal again.

        Replaced files are deleted `grace_s` later; a grace shorter than the longest read or load is for tests only.
        """
        report = compact.compact(self.database, self.lake, self.clock, checked_tenant(tenant), actor, grace_s=grace_s)
        self.seal(tenant)
        return report

    def seal(self, tenant: str, kinds: Sequence[str] | None = None, *, days: int = seal.DAYS) -> SealReport:
        """Bring the memory-mapped recent store up to date; call it after loading.  Reads are right without, but slower."""
        return seal.seal(self.database, self.lake, self.clock, checked_tenant(tenant), kinds, days=days)

    def check_lake(self, tenant: str) -> list[str]:
        """Hash every listed file again; one sentence for each that is missing or not what was written."""
        with self.database.read() as connection:
            listed = manifest.everything(connection, checked_tenant(tenant))
        return [sentence for file in listed if (sentence := self.lake.check(file))]

    @contextmanager
    def open(
        self,
        tenant: str,
        subject: str,
        *,
        purpose: str,
        recipient: str,
        as_of: int | None = None,
        known_at: int | None = None,
    ) -> Iterator[Record]:
        """Read one subject's record, now unless an earlier instant is given.

        Consent is checked at the vault's clock, whatever `as_of`.  Errors: ConsentMissing, Erased.
        """
        now = self.clock.now()
        as_of, known_at = _not_later(now, as_of, "as_of"), _not_later(now, known_at, "known_at")
        with self.database.read() as connection:
            refuse_erased(connection, tenant, subject)
            live = consent.live(connection, tenant, subject, purpose, recipient, now)
            if not live:
                raise ConsentMissing(
                    f"no live consent of {subject} for {purpose} by {recipient}; ask for one first", field="consent"
                )
            kinds = frozenset(kind for grant in live for kind in grant.data_kinds)
            names = tuple(grant.grant_id for grant in live)
            reading = Reading.start(connection, tenant, self.lake, self.sealed_files)
            yield Record(
                tenant, subject, purpose, recipient, as_of, known_at, kinds, names, reading, self.database, self.clock
            )

    @contextmanager
    def bulk(
        self,
        tenant: str,
        *,
        purpose: str = "training",
        recipient: str,
        as_of: int | None = None,
        known_at: int | None = None,
    ) -> Iterator[BulkRecord]:
        """Read everybody who has a live grant for `purpose`, and nobody else."""
        now = self.clock.now()
        as_of, known_at = _not_later(now, as_of, "as_of"), _not_later(now, known_at, "known_at")
        with self.database.read() as connection:
            granted = self.consents.live_subjects(connection, tenant, purpose, recipient, now)
            yield BulkRecord.of(
                Reading.start(connection, tenant, self.lake, self.sealed_files),
                purpose,
                recipient,
                as_of,
                known_at,
                granted,
            )

    def erase(self, tenant: str, subject: str, *, actor: Actor) -> ErasureReport:
        """Erase a subject everywhere the vault knows it; see `erase.py` for what stays and why."""
        with self.unit_of_work(tenant) as work:
            return erase.erase(self.database, work, self.periods, subject, actor)

    def apply_retention(self, tenant: str, *, actor: Actor = SYSTEM) -> RetentionReport:
        """Remove what is past its retention period."""
        with self.unit_of_work(tenant) as work:
            return retention.apply(work, self.periods, actor)

    def close(self) -> None:
        self.database.close()


def checked_tenant(tenant: str) -> str:
    """`tenant` if it is fit for keys and paths.  Errors: BadInput."""
    if not _TENANT.fullmatch(tenant):
        raise BadInput(f"tenant {tenant!r} must be lower-case letters, digits, - and _ (at most 63)", field="tenant")
    return tenant


def _not_later(now: int, given: int | None, name: str) -> int:
    if given is not None and given > now:
        raise BadInput(f"{name} lies in the future; leave it out to read as of now", field=name)
    return now if given is None else given
