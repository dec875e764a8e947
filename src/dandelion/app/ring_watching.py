"""A house's payments under watch for rings: rebuilt from the record, fed with what arrives, each alert once in the audit.

Logins are fed too: who shares a phone is evidence about a ring, and never by itself a reason for a look.
Rings are looked for in everybody's payments and logins for the prevention of fraud, like the fund-flow graph; what the audit keeps of
an alert is its store, its kind and counts.  Who was erased is not read, and is forgotten when the watch is rebuilt.
"""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from dandelion.app.fund_flow import TZ
from dandelion.app.house import House
from dandelion.core import DAY_US, SECOND_US, iso
from dandelion.graph import RingAlert, RingWatch, watch_rules
from dandelion.vault import SYSTEM, flows

ALERTED = "ring.alerted"
LATE_US = (
    4 * DAY_US
)  # how long after it happened a payment may arrive and still be seen at once; later ones at the next rebuild
OVERLAP_US = 600 * SECOND_US  # arrivals are read again so far back: a slow writer may commit late
REBUILD_US = DAY_US


class RingWatching:
    """One process per house.  `look` as often as one likes; the first one reads the record."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._watch = RingWatch(tz=TZ)
        self._read_until = self._built = -(2**62)

    @property
    def payments_held(self) -> int:
        return len(self._watch)

    def look(self) -> list[RingAlert]:
        """What is new since the last look, written into the audit; the first look of a day starts from the record."""
        now = self._house.clock.now()
        found = self._rebuilt(now) if now - self._built >= REBUILD_US else self._fed(now)
        self._read_until = now
        for alert in found:
            with self._house.vault.unit_of_work(self._house.tenant) as work:
                work.audit(SYSTEM, ALERTED, alert.stores[0], {
                    "at": iso(alert.at), "level": alert.level, "ring": alert.ring, "kind": alert.kind,
                    "score_ppm": round(alert.score * 1_000_000), "stores": len(alert.stores), "buyers": len(alert.buyers),
                    "new": len(alert.new), "first_burst": iso(alert.first_burst), "returned_fen": alert.returned_fen,
                    "evidence": alert.evidence,
                })  # fmt: skip
        return found

    def _rebuilt(self, now: int) -> list[RingAlert]:
        """Everything of the horizon anew; what was alerted before is not alerted again."""
        house, self._watch, self._built = self._house, RingWatch(tz=TZ), now
        since = now - watch_rules().horizon_days * DAY_US
        self._watch.absorb_logins(_pairs(self._told("login", since, now)))
        self._watch.absorb(self._told("payment", since, now), now=now, quiet=True)
        told = {record.subject for record in house.vault.audit.records(house.tenant, actions=[ALERTED])
                if record.detail["level"] != "suspected"}  # fmt: skip
        found = self._watch.settle(now)
        return [replace(alert, stores=tuple(sorted(alert.stores, key=lambda s: s in told)))
                for alert in found if not told.issuperset(alert.stores)]  # fmt: skip

    def _fed(self, now: int) -> list[RingAlert]:
        self._watch.absorb_logins(_pairs(self._arrived("login", now)))
        return self._watch.absorb(self._arrived("payment", now), now=now)

    def _arrived(self, kind: str, now: int) -> pa.Table:
        """What has arrived since the last look, as far as it happened not long ago."""
        told = self._told(kind, now - LATE_US, now)
        return told.filter(pc.greater_equal(told.column("arrived").cast(pa.int64()), self._read_until - OVERLAP_US))

    def _told(self, kind: str, since: int, until: int) -> pa.Table:
        return flows(self._house.vault, self._house.tenant, kind, since_us=since, until_us=until)


def _pairs(logins: pa.Table) -> pa.Table:
    """Who uses which phone, each pair once: people log in every day."""
    return logins.group_by(["person", "device"]).aggregate([])
