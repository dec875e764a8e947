"""The double-entry ledger: postings of two or more entries that sum to zero, appended once and never changed.

Amounts are int64 fen, debits positive.  Accounts are (code, party, line), so that no two lines share a row and a general
ledger balance is a sum.  A reference is posted once: the same reference again changes nothing and returns the first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dandelion.core import Conflict, new_id
from dandelion.core.money import FEN_MAX
from dandelion.lending.tables import accounts, entries, postings

CASH = "cash_at_rail"
IN_FLIGHT = "payout_in_flight"
PRINCIPAL = "loan_principal"
INTEREST_DUE = "interest_receivable"
INCOME = "interest_income"
PARTICIPATION = "funder_participation"
FUNDER_INTEREST = "funder_interest"
SETTLEMENT = "funder_settlement"
CREDIT = "customer_credit"
WRITE_OFF = "write_off"
RECOVERY = "recovery_income"
CODES = (
    CASH, IN_FLIGHT, PRINCIPAL, INTEREST_DUE, INCOME, PARTICIPATION, FUNDER_INTEREST, SETTLEMENT, CREDIT, WRITE_OFF,
    RECOVERY,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """One side: account code, party (a funder, or "") and fen, debit positive."""

    code: str
    party: str
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Posting:
    """One balanced posting of a line.  `seq` is the line's step that caused it."""

    reference: str
    kind: str
    line_id: str
    at: int
    day: int
    seq: int
    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        assert len(self.entries) >= 2, f"{self.reference}: a posting has at least two entries"
        assert sum(entry.amount_fen for entry in self.entries) == 0, f"{self.reference}: entries must sum to zero"
        for entry in self.entries:
            assert entry.code in CODES, entry.code
            assert 0 < abs(entry.amount_fen) <= FEN_MAX, f"{self.reference}: {entry}"


@dataclass(frozen=True, slots=True)
class Posted:
    """What stands in the ledger under a reference; `seq` tells which step of the line made it."""

    posting_id: str
    reference: str
    line_id: str
    seq: int
    is_new: bool


def find(connection: sa.Connection, tenant: str, reference: str) -> Posted | None:
    """The posting that stands under `reference`, if any."""
    row = connection.execute(
        sa.select(postings.c.posting_id, postings.c.line_id, postings.c.seq).where(
            postings.c.tenant == tenant, postings.c.reference == reference
        )
    ).first()
    return None if row is None else Posted(row.posting_id, reference, row.line_id, int(row.seq), False)


def post(connection: sa.Connection, tenant: str, posting: Posting) -> Posted:
    """Post once.  The caller holds the line's lock.  Conflict where the reference stands for another line."""
    first = find(connection, tenant, posting.reference)
    if first is not None:
        if first.line_id != posting.line_id:
            raise Conflict(
                f"reference {posting.reference!r} belongs to another line; use a fresh one", field="reference"
            )
        return first
    return post_new(connection, tenant, [posting])[0]


def post_new(connection: sa.Connection, tenant: str, batch: Sequence[Posting]) -> list[Posted]:
    """Post many whose references are new (the unique index refuses the batch otherwise); one upsert per account."""
    if not batch:
        return []
    ids = [new_id() for _ in batch]
    connection.execute(
        sa.insert(postings),
        [
            {
                "tenant": tenant, "posting_id": id_, "reference": p.reference, "kind": p.kind, "line_id": p.line_id,
                "at": p.at, "day": p.day, "seq": p.seq,
            }
            for id_, p in zip(ids, batch, strict=True)
        ],
    )  # fmt: skip
    connection.execute(
        sa.insert(entries),
        [
            {"tenant": tenant, "posting_id": id_, "n": n, "code": e.code, "party": e.party, "amount_fen": e.amount_fen}
            for id_, p in zip(ids, batch, strict=True)
            for n, e in enumerate(p.entries)
        ],
    )
    moved: Counter[tuple[str, str, str]] = Counter()
    for posting in batch:
        for entry in posting.entries:
            moved[posting.line_id, entry.code, entry.party] += entry.amount_fen
    rows = [
        {"tenant": tenant, "line_id": line_id, "code": code, "party": party, "balance_fen": fen}
        for (line_id, code, party), fen in sorted(moved.items())
    ]
    connection.execute(_add_to_balance(connection), rows)
    return [Posted(id_, p.reference, p.line_id, p.seq, True) for id_, p in zip(ids, batch, strict=True)]


def _add_to_balance(connection: sa.Connection) -> Any:
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as sqlite_insert

        upsert: Any = sqlite_insert(accounts)
    else:
        from sqlalchemy.dialects.postgresql import insert as postgres_insert

        upsert = postgres_insert(accounts)
    return upsert.on_conflict_do_update(
        index_elements=["tenant", "line_id", "code", "party"],
        set_={"balance_fen": accounts.c.balance_fen + upsert.excluded.balance_fen},
    )


def balances(connection: sa.Connection, tenant: str, line_id: str) -> dict[tuple[str, str], int]:
    """(code, party) -> fen of one line, zero balances left out."""
    rows = connection.execute(
        sa.select(accounts.c.code, accounts.c.party, accounts.c.balance_fen).where(
            accounts.c.tenant == tenant, accounts.c.line_id == line_id, accounts.c.balance_fen != 0
        )
    )
    return {(row.code, row.party): int(row.balance_fen) for row in rows}


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """Balances by account code and party; `difference_fen` must be zero and `faults` empty."""

    rows: tuple[tuple[str, str, int], ...]
    difference_fen: int
    postings: int
    faults: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return self.difference_fen == 0 and not self.faults

    def total_fen(self, code: str) -> int:
        return sum(fen for one, _, fen in self.rows if one == code)


def trial_balance(connection: sa.Connection, tenant: str) -> TrialBalance:
    """Recomputed from the entries: every posting sums to zero, every stored balance is the sum of its entries."""
    of_entries = (
        sa.select(
            postings.c.line_id, entries.c.code, entries.c.party,
            sa.cast(sa.func.sum(entries.c.amount_fen), sa.BigInteger).label("fen"),
        )
        .join(postings, sa.and_(postings.c.tenant == entries.c.tenant, postings.c.posting_id == entries.c.posting_id))
        .where(entries.c.tenant == tenant)
        .group_by(postings.c.line_id, entries.c.code, entries.c.party)
    )  # fmt: skip
    summed = {(r.line_id, r.code, r.party): int(r.fen) for r in connection.execute(of_entries) if int(r.fen)}
    kept = {
        (r.line_id, r.code, r.party): int(r.balance_fen)
        for r in connection.execute(sa.select(accounts).where(accounts.c.tenant == tenant))
        if int(r.balance_fen)
    }
    faults = [f"account {key} holds {kept.get(key, 0)} fen, its entries {summed.get(key, 0)}"
              for key in sorted(kept.keys() | summed.keys()) if kept.get(key, 0) != summed.get(key, 0)]  # fmt: skip
    uneven = (
        sa.select(entries.c.posting_id)
        .where(entries.c.tenant == tenant)
        .group_by(entries.c.posting_id)
        .having(sa.or_(sa.func.sum(entries.c.amount_fen) != 0, sa.func.count() < 2))
    )
    faults += [f"posting {row.posting_id} does not sum to zero" for row in connection.execute(uneven)]
    count = connection.execute(
        sa.select(sa.func.count()).select_from(postings).where(postings.c.tenant == tenant)
    ).scalar_one()
    by_code: Counter[tuple[str, str]] = Counter()
    for (_, code, party), fen in kept.items():
        by_code[code, party] += fen
    rows = tuple((code, party, fen) for (code, party), fen in sorted(by_code.items()))
    return TrialBalance(rows, sum(fen for _, _, fen in rows), int(count), tuple(faults))
