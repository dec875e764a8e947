"""`Growing`: a subject with very many events, and those that came since, so that nothing is made anew for each of them.

The older events are a block that stays as it is, with its tiles; the newer ones, few, are a block of their own, made anew with
every event.  `Serving` takes one in place of a block and gives the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dandelion.core import BadInput
from dandelion.core.frame import Ints
from dandelion.indicators.block import Block, Hashes
from dandelion.indicators.layout import AT, GONE, Layout
from dandelion.indicators.prepare import micros

YOUNG_MIN = 512  # events that are kept out of the tiles, so that one that comes late still finds its place
YOUNG_MAX = 8_192  # newer events from which on `settled` is due


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

    @classmethod
    def of(cls, layout: Layout, table: pa.Table) -> Growing:
        """One subject's events.  Errors (BadInput): as `Block.of`; events of several subjects."""
        role = layout.role
        table = table.sort_by([("at", "ascending"), ("event_id", "ascending")])
        if table.num_rows and pc.count_distinct(table.column(role)).as_py() > 1:
            raise BadInput(f"these events have several in the role {role!r}; give those of one", field=role)
        wide = replace(layout, named=frozenset(layout.parties))
        whole = Block.of(wide, table)
        cut = _cut(table)
        older = _first(whole, cut)
        return cls._with(wide, older, _known(older), _correcting(table.slice(0, cut)), table.slice(cut))

    @classmethod
    def _with(
        cls,
        layout: Layout,
        older: Block,
        known: tuple[tuple[Hashes, Ints], ...],
        corrections: pa.Table,
        recent: pa.Table,
    ) -> Growing:
        newer = Block.of(layout, recent)
        if corrections.num_rows and recent.num_rows:
            at = pc.index_in(corrections.column("replaces"), value_set=recent.column("event_id").combine_chunks())
            here = pc.fill_null(at, -1).to_numpy(zero_copy_only=False)
            np.minimum.at(newer.data[GONE], here[here >= 0], micros(corrections.column("arrived"))[here >= 0])
        numbers = []
        for (hashes, places), mine in zip(known, newer.hashes, strict=True):
            at = np.minimum(np.searchsorted(hashes, mine), max(0, len(hashes) - 1))
            old = hashes[at] == mine if len(hashes) else np.zeros(len(mine), np.bool_)
            found = np.empty(len(mine), np.int64)
            found[old] = places[at[old]]
            found[~old] = len(hashes) + np.arange(len(mine) - int(old.sum()))
            numbers.append(found)
        return cls(layout, older, known, corrections, recent, newer, tuple(numbers))

    def add(self, events: pa.Table) -> Growing | None:
        """With these events; those that came before, by their id, are left out.

        None where one of them is not after all older ones (late beyond measure, or an older one that comes again), or corrects
        one of those: then make it anew, from all events, each once.
        """
        known = self.recent.column("event_id").combine_chunks()
        recent, fresh = _alike(
            self.recent, events.filter(pc.invert(pc.is_in(events.column("event_id"), value_set=known)))
        )
        if not fresh.num_rows:
            return self
        if len(self.older) and micros(fresh.column("at")).min() <= self.older.data[AT, -1]:
            return None
        recent = pa.concat_tables([recent, fresh])
        if "replaces" in recent.column_names:
            corrected = pc.drop_null(fresh.column("replaces"))
            if not pc.all(
                pc.is_in(corrected, value_set=recent.column("event_id").combine_chunks()), min_count=0
            ).as_py():
                return None
        order = pc.sort_indices(recent, [("at", "ascending"), ("event_id", "ascending")])
        return Growing._with(self.layout, self.older, self.known, self.corrections, recent.take(order))

    @property
    def due(self) -> bool:
        """Whether so many came since that `settled` is worth its while."""
        return len(self.newer) > YOUNG_MAX

    def settled(self) -> Growing:
        """The same events, most of the newer ones among the older.  Tiles have to be made anew: let another thread do both."""
        cut = _cut(self.recent)
        older = _first(self.block, len(self.older) + cut)
        corrections = pa.concat_tables([self.corrections, _correcting(self.recent.slice(0, cut))])
        return Growing._with(self.layout, older, _known(older), corrections, self.recent.slice(cut))

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

    @cached_property
    def block(self) -> Block:
        """All events as one block."""
        newer = self.newer.data.copy()
        for name, numbers in zip(self.layout.parties, self.numbers, strict=True):
            line = self.layout.party_line(name)
            newer[line] = numbers[newer[line]]
        data = np.concatenate([self.older.data, newer], axis=1)
        bounds = tuple(np.array([0, len(hashes)], np.int64) for hashes in self.hashes)
        subjects = self.older.subjects if len(self.older.subjects) else self.newer.subjects
        return Block(self.layout, subjects, np.array([0, data.shape[1]], np.int64), data, bounds, self.hashes)


def _known(block: Block) -> tuple[tuple[Hashes, Ints], ...]:
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


def _correcting(table: pa.Table) -> pa.Table:
    if "replaces" not in table.column_names:
        return pa.table({"replaces": pa.array([], pa.string()), "arrived": table.column("arrived").slice(0, 0)})
    return table.select(["replaces", "arrived"]).filter(pc.is_valid(table.column("replaces")))


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
