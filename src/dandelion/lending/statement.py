"""Statement of account: every posting of a line with running balances, reconciled to the ledger."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dandelion.core import iso
from dandelion.lending import ledger as gl
from dandelion.lending.days import date_of
from dandelion.lending.ledger import Entry
from dandelion.lending.tables import entries, postings


@dataclass(frozen=True, slots=True)
class StatementRow:
    """One posting and the balances after it.  `owed_fen` is principal on the books plus interest, less credit."""

    posting_id: str
    at: str
    date: str
    kind: str
    reference: str
    entries: tuple[Entry, ...]
    principal_fen: int
    interest_fen: int
    in_flight_fen: int
    credit_fen: int

    @property
    def owed_fen(self) -> int:
        return self.principal_fen - self.in_flight_fen + self.interest_fen - self.credit_fen


@dataclass(frozen=True, slots=True)
class Statement:
    """All postings of a line before `as_of`; `reconciles` says that they add up to the ledger's own balances."""

    line_id: str
    as_of: str
    rows: tuple[StatementRow, ...]
    closing: tuple[tuple[str, str, int], ...]
    reconciles: bool


def statement(connection: sa.Connection, tenant: str, line_id: str, as_of: int) -> Statement:
    """The statement up to and including the instant `as_of`.  Interest is shown as far as it is booked."""
    query = (
        sa.select(
            postings.c.posting_id, postings.c.at, postings.c.day, postings.c.kind, postings.c.reference,
            entries.c.code, entries.c.party, entries.c.amount_fen,
        )
        .join(entries, sa.and_(entries.c.tenant == postings.c.tenant, entries.c.posting_id == postings.c.posting_id))
        .where(postings.c.tenant == tenant, postings.c.line_id == line_id)
        .order_by(postings.c.seq, postings.c.posting_id, entries.c.n)
    )  # fmt: skip
    running: dict[tuple[str, str], int] = defaultdict(int)
    everything: dict[tuple[str, str], int] = defaultdict(int)
    grouped: dict[str, list[Any]] = {}
    for row in connection.execute(query):
        everything[row.code, row.party] += row.amount_fen
        if row.at <= as_of:
            grouped.setdefault(row.posting_id, []).append(row)
    rows = []
    for posting_id, parts in grouped.items():
        for part in parts:
            running[part.code, part.party] += part.amount_fen
        head = parts[0]
        rows.append(
            StatementRow(
                posting_id=posting_id,
                at=iso(int(head.at)),
                date=str(date_of(int(head.day))),
                kind=head.kind,
                reference=head.reference,
                entries=tuple(Entry(p.code, p.party, int(p.amount_fen)) for p in parts),
                principal_fen=running[gl.PRINCIPAL, ""],
                interest_fen=running[gl.INTEREST_DUE, ""],
                in_flight_fen=-running[gl.IN_FLIGHT, ""],
                credit_fen=-running[gl.CREDIT, ""],
            )
        )
    kept = gl.balances(connection, tenant, line_id)
    closing = tuple((code, party, fen) for (code, party), fen in sorted(running.items()) if fen)
    reconciles = kept == {key: fen for key, fen in everything.items() if fen} and sum(running.values()) == 0
    return Statement(line_id, iso(as_of), tuple(rows), closing, reconciles)
