"""What others do, from plain files of events: the table of the month that a row at one instant reads, without a workspace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dandelion.app.event_files import Events
from dandelion.app.fund_flow import month_starts
from dandelion.core import DAY_US
from dandelion.indicators import Definitions, PeerTable, PeerTables, peer_tables, whose_tables
from dandelion.indicators.peers import MARK
from dandelion.indicators.whose import MARK as WHOSE
from dandelion.indicators.whose_build import PAYMENT_ROLES


def month_of(as_of: int, known_at: int, tz: str) -> int:
    """The local start of the month that a row reads its table of, as in a workspace's record."""
    last = min(as_of, known_at)
    return month_starts(last - 40 * DAY_US, last, tz)[-1]


def of_files(
    definitions: Definitions, tables: Events, subjects: Sequence[str], columns: Sequence[str], month: int, workers: int
) -> PeerTables | None:
    """The table of `month`, if a column reads one: everybody who has a row is compared with everybody else, and what
    counterparties do is told of all payments of the file."""
    against, others = any(MARK in name for name in columns), any(WHOSE in name for name in columns)
    if not against and not others:
        return None
    table = PeerTable(month, {}, {})
    if against:
        table = peer_tables(definitions, tables, subjects, [month], columns, workers=workers).table(month)
    if others:
        payments = next(tables[key] for key in PAYMENT_ROLES if key in tables)
        table = replace(table, whose=whose_tables(definitions, payments, [month], columns, workers=workers)[month])
    return PeerTables({month: table})
