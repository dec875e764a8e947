"""Take over a record: another system's export of events and consents, loaded once, whatever it is asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dandelion.app.house import House
from dandelion.app.past_delinquency import delinquency_moves
from dandelion.core import BadInput, iso
from dandelion.core.events import ALL_KINDS
from dandelion.vault import SYSTEM, NewGrant

Tell = Callable[[str], None]
TIMESTAMP = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True, slots=True)
class TakenOver:
    """What went in.  `rejected` rows lie in the lake's quarantine with row, field and reason."""

    rows: int
    duplicates: int
    rejected: int
    grants: int


def take_over(house: House, record: Path, *, until_us: int, source: str, tell: Tell = lambda _text: None) -> TakenOver:
    """Load every ``<kind>.parquet`` (or folder of parts) that had arrived before `until_us`, ``consents.parquet``, and from
    the lender's own past book (``loan_events.parquet``) what fell behind.

    Loading twice changes nothing.  Errors: BadInput for a folder that holds no kind of event.
    """
    found = {kind: path for kind in ALL_KINDS for path in (record / kind, record / f"{kind}.parquet") if path.exists()}
    if not found:
        raise BadInput(f"{record} holds no <kind>.parquet; known kinds: {', '.join(sorted(ALL_KINDS))}", field="record")
    rows = duplicates = rejected = 0
    cutoff = pa.scalar(until_us, pa.int64()).cast(TIMESTAMP)
    for kind, path in sorted(found.items()):
        for part in sorted(path.glob("*.parquet")) if path.is_dir() else [path]:
            table = pq.read_table(part, filters=pc.field("arrived") < cutoff)
            report = house.vault.ingest(house.tenant, kind, table, source=source)
            rows, duplicates = rows + report.added, duplicates + report.duplicates
            rejected += report.rejected
        tell(f"{kind}: {rows:,} events in the record")
    rows += _own_past(house, record / "loan_events.parquet", cutoff, source)
    grants = _consents(house, record / "consents.parquet", until_us)
    house.vault.seal(house.tenant)
    return TakenOver(rows, duplicates, rejected, grants)


def _own_past(house: House, file: Path, cutoff: pa.Scalar, source: str) -> int:
    """Changes of delinquency of loans that were run elsewhere until now."""
    if not file.exists():
        return 0
    moves = delinquency_moves(pq.read_table(file, filters=pc.field("at") < cutoff), house.pack)
    return house.vault.ingest(house.tenant, "delinquency_moved", moves, source=source).added if moves.num_rows else 0


def _consents(house: House, file: Path, until_us: int) -> int:
    """Grants of a book taken over; those recorded before are left alone."""
    if not file.exists():
        return 0
    table = pq.read_table(file)
    known = json.loads(_marker(house).read_text()) if _marker(house).exists() else []
    if iso(until_us) in known:
        return 0
    news = []
    for row in table.filter(pc.less(table.column("from"), pa.scalar(until_us, pa.int64()).cast(TIMESTAMP))).to_pylist():
        news.append(
            NewGrant(
                subject=row["subject"], purpose=row["purpose"],
                data_kinds=tuple(k for k in row["data_kinds"] if k != "ledger"), recipient=house.recipient,
                until_us=_micros(row["until"]), from_us=_micros(row["from"]), grant_id=row["grant"],
                terms=house.consent_terms(row["purpose"], None),
            )
        )  # fmt: skip
    with house.vault.unit_of_work(house.tenant) as work:
        made = house.vault.consents.grant_many(work, news, SYSTEM)
    _marker(house).write_text(json.dumps([*known, iso(until_us)]))
    return made


def _marker(house: House) -> Path:
    return house.settings.state / "consents-taken-over.json"


def _micros(moment: object) -> int:
    return int(pa.scalar(moment, TIMESTAMP).cast(pa.int64()).as_py())
