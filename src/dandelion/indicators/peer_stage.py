"""Columns against peers from a merchant's own columns, its group and the month's table.

The same few lines serve a training frame, one applicant and the monthly job's own check, so that all give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dandelion.core.frame import Floats, Ints
from dandelion.indicators.block import Block
from dandelion.indicators.declare import Derive
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.peer_groups import groups_of
from dandelion.indicators.peer_tables import PeerHistory, PeerTable
from dandelion.indicators.peers import BY, OP, parts_of, settings
from dandelion.indicators.plan import Key
from dandelion.indicators.rows import Rows


@dataclass(frozen=True, slots=True)
class PeerColumn:
    """`own` is the column that is held against the group's, `definition` its hash."""

    name: str
    own: str
    parts: tuple[str, ...]
    definition: str


@dataclass(frozen=True)
class PeerStage:
    """`inner` are the columns that the kernel must give beside those asked for."""

    definitions: Definitions
    columns: tuple[PeerColumn, ...]
    inner: tuple[str, ...]
    history: PeerHistory

    @classmethod
    def of(cls, definitions: Definitions, names: Iterable[str], history: PeerHistory) -> PeerStage:
        """`names` are columns against peers."""
        made, inner = [], {}
        for name in names:
            definition = definitions.definition(name)
            assert isinstance(definition, Derive) and definition.op == OP, "only columns against peers come here"
            own = definition.of[0]
            made.append(PeerColumn(name, own, parts_of(definition), definitions.column(own).definition_hash))
            inner.update(dict.fromkeys(definition.of))
        return cls(definitions, tuple(made), tuple(inner), history)

    def fill(
        self, at: Mapping[str, int], values: Floats, blocks: Mapping[Key, Block], rows: Rows,
        where: Mapping[str, Sequence[int]], out: Floats, places: Mapping[Key, Ints] | None,
    ) -> None:  # fmt: skip
        """Put each column where `where` has it in `out` (rows, columns); `values` (rows, columns) are those of `at`."""
        held = self.history.boundaries()
        which = np.searchsorted(np.array(held, np.int64), np.minimum(rows.as_of, rows.known_at), side="right") - 1
        parts = frozenset(part for column in self.columns for part in column.parts)
        size = settings().size.column
        receipts = values[:, at[size]] if size in at else None
        keys, known = groups_of(self.definitions, parts, blocks, rows, receipts, places)
        tables = {month: self.history.table(held[month]) for month in np.unique(which[which >= 0]).tolist()}
        for group in dict.fromkeys(column.parts for column in self.columns):
            use = np.array([name in group for name in BY])
            fits = known[:, use].all(axis=1)
            found = {
                month: _places(table, group, np.where(use, keys, 0), np.flatnonzero((which == month) & fits))
                for month, table in tables.items()
            }
            for column in self.columns:
                if column.parts == group:
                    held_against = self._against(column, values[:, at[column.own]], tables, found)
                    for place in where[column.name]:
                        out[:, place] = held_against

    def _against(
        self, column: PeerColumn, own: Floats, tables: Mapping[int, PeerTable], found: Mapping[int, tuple[Ints, Ints]]
    ) -> Floats:
        result = np.full(len(own), np.nan, np.float32)
        for month, (mine, place) in found.items():
            table = tables[month]
            if table.columns.get(column.own) != column.definition or not len(mine):
                continue  # measured otherwise, or not at all, in that month
            low, middle, high = (
                table.by[".".join(column.parts)].quartiles[:, place, table.line[column.own]].astype(np.float64)
            )
            spread = high - low
            with np.errstate(divide="ignore", invalid="ignore"):
                told = (own[mine].astype(np.float64) - middle) / spread
            result[mine] = np.where(spread > 0, told, np.nan).astype(np.float32)
        return result


def _places(table: PeerTable, parts: tuple[str, ...], keys: Ints, rows: Ints) -> tuple[Ints, Ints]:
    """(rows whose group is in the table, its place)."""
    groups = table.by.get(".".join(parts))
    if groups is None or not len(rows):
        return rows[:0], rows[:0]
    place = np.array([groups.place.get(tuple(key), -1) for key in keys[rows].tolist()], np.int64)
    return rows[place >= 0], place[place >= 0]
