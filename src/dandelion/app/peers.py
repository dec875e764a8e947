"""Peers of a house: monthly tables of groups of merchants, kept beside the fund-flow snapshots and read like them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dandelion.app.fund_flow import together
from dandelion.indicators import Definitions, PeerTable, Whose, peer_tables, whose_tables
from dandelion.indicators.peers import MARK, settings
from dandelion.indicators.whose import MARK as WHOSE
from dandelion.indicators.whose import parts
from dandelion.vault import Monthly, Vault, flows

PURPOSE = "training"  # others are compared with those who agreed that lessons are drawn from their record
_KEPT_OPEN = 40


class PeerStore:
    """The tables of one tenant in one folder; a row reads the latest boundary that is not after it."""

    def __init__(self, folder: Path | str) -> None:
        self._kept = Monthly(folder, "table of peers")
        self._open: OrderedDict[int, tuple[str, PeerTable]] = OrderedDict()

    def save(self, table: PeerTable) -> str:
        """Keep a table and return its content hash.  One of the same boundary is replaced."""
        groups = sum(len(one.keys) for one in table.by.values())
        parts = {"groups": table.to_arrow()}
        if table.whose is not None:
            parts["whose"] = table.whose.to_arrow()
        return self._kept.save(table.boundary, parts, {"groups": groups})

    def boundaries(self) -> Sequence[int]:
        """Boundaries held, oldest first."""
        return self._kept.boundaries()

    def table(self, boundary: int) -> PeerTable:
        """Errors: NotFound."""
        written = self._kept.content_hash(boundary)
        digest, table = self._open.get(boundary, ("", None))
        if table is not None and digest == written:
            self._open.move_to_end(boundary)
            return table
        others = self._kept.part(boundary, "whose") if self._kept.has(boundary, "whose") else None
        table = PeerTable.from_arrow(self._kept.part(boundary, "groups"), others)
        self._open[boundary] = (written, table)
        while len(self._open) > _KEPT_OPEN:
            self._open.popitem(last=False)
        return table

    def named(self, as_of: int) -> str:
        """Content hash of the table that a decision at `as_of` reads; empty while there is none."""
        return self._kept.named(as_of)


def build(
    vault: Vault, store: PeerStore, tenant: str, recipient: str, definitions: Definitions, columns: Sequence[str],
    boundaries: Sequence[int],
) -> dict[int, str]:  # fmt: skip
    """Build and keep the tables of `boundaries`; returns their content hashes.

    `columns` are those that somebody reads; the shipped ones are in every table.  What counterparties do is read from
    everybody's payments, as the fund flow is, and kept as aggregates over at least five.  Who consents to training now is in the
    tables of the past too, as in a training frame; each holds only what had arrived before its own boundary.
    """
    if not boundaries:
        return {}
    asked = tuple(dict.fromkeys((*settings().ids(), *columns)))
    with vault.bulk(tenant, purpose=PURPOSE, recipient=recipient) as record:
        needed = definitions.needs(name for name in asked if MARK in name)
        events = {key: record.events(*key, history=True) for key in needed}
        subjects = list(record.subjects)
    made = peer_tables(definitions, events, subjects, boundaries, asked)
    others = _whose(vault, tenant, definitions, asked, boundaries)
    found = (replace(made.table(at), whose=others.get(at)) for at in made.boundaries())
    return {table.boundary: store.save(table) for table in found}


def _whose(
    vault: Vault, tenant: str, definitions: Definitions, columns: Sequence[str], boundaries: Sequence[int]
) -> dict[int, Whose]:
    """What is known of counterparties, a year of months from one reading."""
    made: dict[int, Whose] = {}
    both = [one for name in columns if WHOSE in name for one in parts(name)[:2]]
    reach = list(definitions.needs(both).values())
    for group in together(sorted(boundaries)) if both else ():
        since = 0 if None in reach else group[0] - max(filter(None, reach))
        payments = flows(vault, tenant, "payment", since_us=max(0, since), until_us=group[-1])
        made |= whose_tables(definitions, payments, group, columns)
    return made
