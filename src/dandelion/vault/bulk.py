"""`BulkRecord`: everybody's events for one purpose, as training and portfolio work need them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from dandelion.core import event_class
from dandelion.vault.consents import OWN_RECORDS
from dandelion.vault.erased import erased_subjects
from dandelion.vault.reading import Reading
from dandelion.vault.record import checked_role


@dataclass(frozen=True, slots=True)
class BulkRecord:
    """Handed out by `vault.bulk`; `subjects` are those with a live grant, in byte order."""

    tenant: str
    purpose: str
    recipient: str
    as_of: int
    known_at: int
    subjects: tuple[str, ...]
    _granted: Mapping[str, frozenset[str]]
    _reading: Reading

    @classmethod
    def of(
        cls,
        reading: Reading,
        purpose: str,
        recipient: str,
        as_of: int,
        known_at: int,
        granted: Mapping[str, frozenset[str]],
    ) -> BulkRecord:
        gone = erased_subjects(reading.connection, reading.tenant)
        kept = {subject: kinds for subject, kinds in granted.items() if subject not in gone}
        return cls(reading.tenant, purpose, recipient, as_of, known_at, tuple(sorted(kept)), kept, reading)

    def events(self, kind: str, role: str, start_us: int | None = None, *, history: bool = False) -> pa.Table:
        """Rows of the subjects that granted the kind's data kind, by (subject, at, event_id).

        Corrected rows are gone.  With `history` they stay, and a column `hidden_from` (int64 microseconds, null for
        never) says since when a row no longer counts: for labels with many different `known_at`.
        """
        checked_role(kind, role)
        needed = event_class(kind).DATA_KIND
        allowed = [s for s in self.subjects if needed in self._granted[s] or needed in OWN_RECORDS]
        start = 0 if start_us is None else max(0, start_us)
        names = pa.array(allowed, pa.string())
        return self._reading.of_all(kind, role, names, start, self.as_of, self.known_at, history)
