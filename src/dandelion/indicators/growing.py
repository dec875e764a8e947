"""`Growing`: a subject with very many events, and those that came since, so that nothing is made anew for each of them.

The older events are a block that stays as it is, with its tiles; the newer ones, few, are a block of their own, made anew with
every event.  `Serving` takes one in place of a block and gives the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dandelion.core import BadInput
from dandelion.core.frame import Ints
from dandelion.indicators.block import Block, Hashes
from dandelion.indicators.layout import AT, GONE, Layout
from dandelion.indicators.prepare import micros

YOUNG_MIN = 512  # events that are kept out of the tiles, so that one that comes late still finds its place
YOUNG_MAX = 2_048  # newer events from which on `settled` is due: with more of them a request takes over 10 ms


@dataclass(frozen=True)
class Growing:
    """`older` are the events up to some moment, `recent` (Arrow, in order) and `newer` those after it.  ``numbers[j]`` are the
    numbers that `older` has for the parties of `newer`, or the next ones for those it does not know."""

    layout: Layout
    older: Block
    known: tuple[tuple[Hashes, Ints], ...]  # hashes of the older events' parties in order, and their numbers
    corrections: pa.Table  # `replaces` and `arrived` of those older events that correct one
    recent: pa.Table
    newer: Block
    numbers: tuple[Ints, ...]
    told: pa.Table | None = None  # what events elsewhere corrected of the newer ones, as `facts` has it

    @classmethod
    def of(cls, layout: Layout, table: pa.Table, corrected: pa.Table | None = None) -> Growing:
        """One subject's events.  `corrected` (as `facts` makes it) tells what events elsewhere correct of these.

        Errors (BadInput): as `Block.of`; events of several subjects.
        """
        role = layout.role
        table = _ordered(table)
        if table.num_rows and pc.count_distinct(table.column(role)).as_py() > 1:
            raise BadInput(f"these events have several in the role {role!r}; give those of one", field=role)
        wide = wide_layout(layout)
        whole = Block.of(wide, table)
        if corrected is not None:
            _correct(whole, table, corrected)
        cut = _cut(table)
        older = _first(whole, cut)
        return cls.beside(older, known_parties(older), table.slice(cut), _correcting(table.slice(0, cut)), corrected)

    @classmethod
    def beside(
        cls, older: Block, known: tuple[tuple[Hashes, Ints], ...], recent: pa.Table, corrections: pa.Table | None = None,
        told: pa.Table | None = None,
    ) -> Growing:  # fmt: skip
        """`older` made before, with its `known_parties`; `recent` events in order, all after it; what older events
        (`corrections`) and events elsewhere (`told`) correct of the recent ones."""
        layout = older.layout
        corrections = facts([], np.empty(0, np.int64)) if corrections is None else corrections
        newer = Block.of(layout, recent)
        for some in (corrections, told):
            if some is not None:
                _correct(newer, recent, some)
        numbers = []
        for (hashes, places), mine in zip(known, newer.hashes, strict=True):
            at = np.minimum(np.searchsorted(hashes, mine), max(0, len(hashes) - 1))
            old = hashes[at] == mine if len(hashes) else np.zeros(len(mine), np.bool_)
            found = np.empty(len(mine), np.int64)
            found[old] = places[at[old]]
            found[~old] = len(hashes) + np.arange(len(mine) - int(old.sum()))
            numbers.append(found)
        return cls(layout, older, known, corrections, recent, newer, tuple(numbers), told)

    def add(self, events: pa.Table, told: pa.Table | None = None) -> Growing | None:
        """With these events; those that came before, by their id, are left out.  `told` takes the place of what was told so far
        of corrections elsewhere (None: nothing new).

        None where one of them is not after all older ones (late beyond measure, or an older one that comes again), or corrects
        one of those: then make it anew, from all events, each once.
        """
        known = self.recent.column("event_id").combine_chunks()
        recent, fresh = _alike(
            self.recent, events.filter(pc.invert(pc.is_in(events.column("event_id"), value_set=known)))
        )
        told = self.told if told is None else told
        if not fresh.num_rows:
            return (
                self
                if told is self.told
                else Growing.beside(self.older, self.known, self.recent, self.corrections, told)
            )
        if len(self.older) and micros(fresh.column("at")).min() <= self.older.data[AT, -1]:
            return None
        recent = pa.concat_tables([recent, fresh]) if recent.num_rows else fresh
        if "replaces" in recent.column_names:
            corrected = pc.drop_null(fresh.column("replaces"))
            if not pc.all(
                pc.is_in(corrected, value_set=recent.column("event_id").combine_chunks()), min_count=0
            ).as_py():
                return None
        order = pc.sort_indices(recent, [("at", "ascending"), ("event_id", "ascending")])
        return Growing.beside(self.older, self.known, recent.take(order), self.corrections, told)

    @property
    def due(self) -> bool:
        """Whether so many came since that `settled` is worth its while."""
        return len(self.newer) > YOUNG_MAX

    def settled(self) -> Growing:
        """The same events, most of the newer ones among the older.  Tiles have to be made anew: let another thread do both."""
        cut = _cut(self.recent)
        older = _first(self.block, len(self.older) + cut)
        corrections = pa.concat_tables([self.corrections, _correcting(self.recent.slice(0, cut))])
        return Growing.beside(older, known_parties(older), self.recent.slice(cut), corrections, self.told)

    def __len__(self) -> int:
        return len(self.older) + len(self.newer)

    @cached_property
    def hashes(self) -> tuple[Hashes, ...]:
        """Of all parties, by number."""
        out = []
        for old, new, numbers in zip(self.older.hashes, self.newer.hashes, self.numbers, strict=True):
            fresh = numbers >= len(old)
            out.append(np.concatenate([old, new[fresh]]))
        return tuple(out)

    @property
    def block(self) -> Block:
        """All events as one block, put together anew each time: it is as large as the older events."""
        newer = self.newer.data.copy()
        for name, numbers in zip(self.layout.parties, self.numbers, strict=True):
            line = self.layout.party_line(name)
            newer[line] = numbers[newer[line]]
        data = np.concatenate([self.older.data, newer], axis=1)
        bounds = tuple(np.array([0, len(hashes)], np.int64) for hashes in self.hashes)
        subjects = self.older.subjects if len(self.older.subjects) else self.newer.subjects
        return Block(self.layout, subjects, np.array([0, data.shape[1]], np.int64), data, bounds, self.hashes)


def wide_layout(layout: Layout) -> Layout:
    """That of blocks that grow: a party of the newer events is found among the older ones by its hash."""
    return replace(layout, named=frozenset(layout.parties))


def known_parties(block: Block) -> tuple[tuple[Hashes, Ints], ...]:
    """Hashes of each party column in order, with the parties' numbers."""
    orders = [np.argsort(hashes, kind="stable") for hashes in block.hashes]
    return tuple((hashes[order], order.astype(np.int64)) for hashes, order in zip(block.hashes, orders, strict=True))


def _alike(one: pa.Table, other: pa.Table) -> tuple[pa.Table, pa.Table]:
    """With the columns of the first, and `replaces` in both where one of them has it."""
    if "replaces" in {*one.column_names, *other.column_names}:
        one, other = (
            table if "replaces" in table.column_names
            else table.append_column("replaces", pa.nulls(table.num_rows, pa.string()))
            for table in (one, other)
        )  # fmt: skip
    return one, other.select(one.column_names)


def facts(ids: Any, arrived: Ints) -> pa.Table:
    """Which events were corrected, and when the correction arrived: `replaces` and `arrived`."""
    return pa.table({"replaces": pa.array(ids, pa.string()), "arrived": pa.array(arrived, pa.int64())})


def _correcting(table: pa.Table) -> pa.Table:
    """What these events correct."""
    if "replaces" not in table.column_names:
        return facts([], np.empty(0, np.int64))
    some = table.select(["replaces", "arrived"]).filter(pc.is_valid(table.column("replaces")))
    return facts(some.column("replaces").combine_chunks(), micros(some.column("arrived")))


def _correct(block: Block, events: pa.Table, corrected: pa.Table) -> None:
    """Events that these facts name are gone from then on."""
    if corrected.num_rows and events.num_rows:
        at = pc.index_in(corrected.column("replaces"), value_set=events.column("event_id").combine_chunks())
        here = pc.fill_null(at, -1).to_numpy(zero_copy_only=False)
        np.minimum.at(block.data[GONE], here[here >= 0], micros(corrected.column("arrived"))[here >= 0])


def _ordered(table: pa.Table) -> pa.Table:
    """By (at, event id)."""
    at = micros(table.column("at"))
    if not (at[1:] <= at[:-1]).any():
        return table
    return table.sort_by([("at", "ascending"), ("event_id", "ascending")])


def _cut(table: pa.Table) -> int:
    """Events to keep as older ones: all but the newest, and none that happened when a newer one did."""
    at = micros(table.column("at"))
    cut = max(0, len(at) - YOUNG_MIN)
    while 0 < cut < len(at) and at[cut - 1] == at[cut]:
        cut -= 1
    return cut


def _first(block: Block, count: int) -> Block:
    """The first events of a block of one subject; parties keep their numbers."""
    data = np.ascontiguousarray(block.data[:, :count])
    hashes = []
    for name, all_of in zip(block.layout.parties, block.hashes, strict=True):
        line = data[block.layout.party_line(name)]
        hashes.append(all_of[: int(line.max(initial=-1)) + 1])
    bounds = tuple(np.array([0, len(known)], np.int64) for known in hashes)
    return Block(block.layout, block.subjects, np.array([0, count], np.int64), data, bounds, tuple(hashes))
