"""The fund-flow graph of a house: monthly snapshots built from everybody's payments, read by training and serving."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date

import numpy as np

from dandelion.app.fund_flow_record import FlowRecord
from dandelion.core import DAY_US, Column, Frame, MoneyColumn, NotFound, day_of, start_of_day
from dandelion.graph import GraphStore, catalogue, rules_hash, standard_rules
from dandelion.vault import Vault

ROOM = "graph."
TZ = "Asia/Shanghai"  # of the days and hours in the graph room's columns; part of their definition


def month_starts(first_us: int, last_us: int, tz: str) -> list[int]:
    """Local month starts in (first, last], UTC microseconds."""
    day, found = day_of(first_us, tz).replace(day=1), []
    while (at := start_of_day(day, tz)) <= last_us:
        if at > first_us:
            found.append(at)
        day = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return found


def build(vault: Vault, store: GraphStore, tenant: str, boundaries: Sequence[int], tz: str) -> dict[int, str]:
    """Build and keep the snapshots of `boundaries`; returns their content hashes.

    Boundaries close together are built from one reading of the record; each snapshot still holds only what had arrived
    before its own boundary.
    """
    made: dict[int, str] = {}
    for group in together(sorted(boundaries)):
        told = FlowRecord.read(vault, tenant, group[0], group[-1])
        for at in group:
            made[at] = store.save(told.snapshot(at, tz))
    return made


def together(boundaries: Sequence[int]) -> list[list[int]]:
    """Runs of boundaries that share most of what they look back over, at most a year long."""
    groups: list[list[int]] = []
    for at in boundaries:
        if groups and at - groups[-1][-1] <= 45 * DAY_US and at - groups[-1][0] <= 370 * DAY_US:
            groups[-1].append(at)
        else:
            groups.append([at])
    return groups


def look(
    store: GraphStore, names: Sequence[str], subjects: Sequence[str], as_of: Sequence[int], known_at: Sequence[int],
    granted: Collection[str] | None = None,
) -> Frame:  # fmt: skip
    """Graph columns of each row from the latest snapshot not after it; missing while there is none."""
    try:
        return store.columns(
            subjects,
            list(as_of),
            list(known_at),
            names=list(names),
            granted=None if granted is None else sorted(granted),
        )
    except NotFound:
        return _missing(names, subjects, as_of, known_at)


def window_days(name: str) -> int:
    """How far a graph column looks back; those without a window of their own use the longest one.

    What the register alone tells stands until something else is told: it looks back over no time.
    """
    own = re.search(r"/(\d+)d/", name)
    if own:
        return int(own[1])
    return 0 if columns()[name].data_kinds == ("registry",) else max(standard_rules().windows_days)


def named(store: GraphStore, as_of: int) -> str:
    """Content hash of the snapshot a decision at `as_of` reads; empty while there is none."""
    held = [at for at in store.boundaries() if at <= as_of]
    return store.content_hash(held[-1]) if held else ""


def columns() -> Mapping[str, Column]:
    """Catalogue of the graph room under the standard rules."""
    rules = standard_rules()
    return catalogue(rules.windows_days, rules_hash(rules, TZ))


def _missing(names: Sequence[str], subjects: Sequence[str], as_of: Sequence[int], known_at: Sequence[int]) -> Frame:
    entries, rows = columns(), len(subjects)
    none = MoneyColumn(np.zeros(rows, np.int64), np.zeros(rows, np.bool_))
    return Frame.of(
        list(subjects), list(as_of), list(known_at), {name: np.full(rows, np.nan) for name in names},
        {name: entries[name] for name in names}, {name: none for name in names if entries[name].unit == "fen"},
    )  # fmt: skip
