"""What a batch is asked for: columns by id, those that cannot be had with the reason, and the arrays to compute them.

Values go straight to where they are wanted, in the order that was asked for; catalogue entries are made when looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from dandelion.core import BadInput, Column, MoneyColumn
from dandelion.core.frame import Floats, Ints
from dandelion.indicators.block import Block
from dandelion.indicators.cells import Cells, cells_of
from dandelion.indicators.columns import Events
from dandelion.indicators.compute import ROWS_EACH, compute, places_of, share, spans_of
from dandelion.indicators.definitions import RELATION_TABLES, Definitions
from dandelion.indicators.late import Late, late_columns
from dandelion.indicators.peer_tables import PeerHistory
from dandelion.indicators.peers import OP as PEERS
from dandelion.indicators.plan import Key
from dandelion.indicators.program import Program, kept, program_for
from dandelion.indicators.relations import Added
from dandelion.indicators.rows import Rows
from dandelion.indicators.whose import OP as WHOSE

WORKERS_MAX = 64


class Entries(Mapping[str, Column]):
    """Catalogue entries of some columns, made when looked at.  `why` says of missing columns why they are."""

    def __init__(self, definitions: Definitions, names: Sequence[str], why: Mapping[str, str]) -> None:
        self._definitions, self._names, self._why = definitions, dict.fromkeys(names), dict(why)

    def __getitem__(self, name: str) -> Column:
        if name not in self._names:
            raise KeyError(name)
        entry = self._definitions.column(name)
        return replace(entry, null_policy=self._why[name]) if name in self._why else entry

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@dataclass(frozen=True)
class Batch:
    """`names` as they were asked for; `work` computes those that can be had."""

    definitions: Definitions
    names: tuple[str, ...]
    catalogue: Mapping[str, Column]
    work: Cells | Program
    late: Late | None = None  # what comes after the kernel

    @classmethod
    def of(
        cls, definitions: Definitions, columns: Sequence[str] | None, supplied: Collection[Key],
        granted: Collection[str] | None, workers: int, peers: PeerHistory | None = None,
    ) -> Batch:  # fmt: skip
        """Errors (BadInput): unknown column, a number of workers that cannot be."""
        names = tuple(definitions.columns if columns is None else columns)
        if not 1 <= workers <= WORKERS_MAX:
            raise BadInput(f"workers is {workers}; give 1 to {WORKERS_MAX}", field="workers")
        plain = _kept_cells(definitions, names)
        if plain is not None and plain.key in supplied and (granted is None or _granted(definitions, plain, granted)):
            return cls(definitions, names, Entries(definitions, names, {}), plain)
        why = missing_columns(definitions, names, supplied, granted)
        wanted = tuple(dict.fromkeys(name for name in names if name not in why))
        late = late_columns(definitions, wanted)
        if not late:
            return cls(definitions, names, Entries(definitions, names, why), program_for(definitions, wanted))
        if peers is None:
            why |= {name: "no_peer_table" for name, definition in late.items() if definition.op in (PEERS, WHOSE)}
        stage = Late.of(definitions, {name: late[name] for name in late if name not in why}, peers)
        wanted = tuple(dict.fromkeys((*(name for name in wanted if name not in late), *stage.inner)))
        return cls(definitions, names, Entries(definitions, names, why), program_for(definitions, wanted), stage)

    def blocks(self, tables: Mapping[Key, pa.Table], rows: Rows) -> dict[Key, Block]:
        """Blocks of tables known to be in order, without the events that are too old for any of the rows."""
        out: dict[Key, Block] = {}
        first = int(rows.as_of.min()) if len(rows) else 0
        for key, layout in self.work.layouts.items():
            if key not in tables:
                out[key] = Block.empty(layout)
                continue
            longest = None if key in RELATION_TABLES else self.work.longest(key)
            since = None if longest is None else first - longest
            out[key] = Block.of_events(layout, Events.sorted(layout.role, tables[key], since))
        return out

    def fill(
        self, blocks: Mapping[Key, Block], rows: Rows, related: Added | None, out: Floats, *, workers: int = 1,
        columnar: bool = False, first_out: int = 0,
    ) -> Ints:  # fmt: skip
        """Values to the rows of `out` from `first_out` on, (rows, columns) or with `columnar` (columns, rows).

        Returns exact fen, (columns of ``work.money``, rows).
        """
        if isinstance(self.work, Cells):
            work, block = self.work, blocks[self.work.key]
            low, high = spans_of(block, places_of({work.key: block}, rows.names)[work.key])

            def run(start: int) -> None:
                work.run(block, low, high, rows.as_of, rows.known_at, start, min(start + step, len(rows)), out,
                         columnar=columnar, first_out=first_out)  # fmt: skip

            step = max(1, len(rows) if workers == 1 else min(ROWS_EACH, -(-len(rows) // workers)))
            share(run, range(0, len(rows), step), workers)
            return np.empty((0, len(rows)), np.int64)
        part = out[:, first_out : first_out + len(rows)] if columnar else out[first_out : first_out + len(rows)]
        if self.work.names == self.names and not columnar:
            return compute(self.work, blocks, rows, related, workers, out=part)[1]
        found, fen = compute(self.work, blocks, rows, related, workers, columnar=columnar)
        in_order(found, self.work.names, self.names, part, axis=0 if columnar else 1)
        if self.late is not None:
            turned = (found.T, part.T) if columnar else (found, part)
            self.late.fill(self.work.names, turned[0], blocks, rows, self.names, turned[1])
        return fen

    def money(self, values: Floats, fen: Ints) -> dict[str, MoneyColumn]:
        """Exact money beside `values` (rows, columns)."""
        rows = len(values)
        out = {name: MoneyColumn(np.zeros(rows, np.int64), np.zeros(rows, np.bool_))
               for name in self.names if name in self.definitions.money}  # fmt: skip
        for line, name in enumerate(self.work.money):
            if name not in out:
                continue
            valid = ~np.isnan(values[:, self.names.index(name)])
            out[name] = MoneyColumn(np.where(valid, fen[line], 0), valid)
        return out


def _kept_cells(definitions: Definitions, names: tuple[str, ...]) -> Cells | None:
    """Kept with the definitions, which never change, as programs are; under the names behind an empty one."""
    found = kept(definitions, ("", *names), lambda: cells_of(definitions, names) or "not plain cells")
    return found if isinstance(found, Cells) else None


def _granted(definitions: Definitions, cells: Cells, granted: Collection[str]) -> bool:
    return set(granted).issuperset(definitions.kinds_of(cells.names[0]))


def in_order(values: Floats, have: Sequence[str], want: Sequence[str], out: Floats, axis: int) -> None:
    """Columns as they were asked for, NaN where one was not computed."""
    place = {name: j for j, name in enumerate(have)}
    at = np.array([place.get(name, -1) for name in want], np.int64)
    lacking = np.flatnonzero(at < 0)
    if len(have):
        np.take(values, np.maximum(at, 0), axis=axis, out=out, mode="clip")
    if len(lacking) and axis:
        out[:, lacking] = np.nan
    elif len(lacking):
        out[lacking] = np.nan


def missing_columns(
    definitions: Definitions, names: Sequence[str], supplied: Collection[Key], granted: Collection[str] | None
) -> dict[str, str]:
    """Columns that cannot be computed here, with the reason."""
    kinds = None if granted is None else frozenset(granted)
    tables = frozenset(supplied)
    out: dict[str, str] = {}
    for name in names:
        if kinds is not None and not kinds.issuperset(definitions.kinds_of(name)):
            out[name] = "not_consented"
        elif not definitions.tables_of(name).issubset(tables):
            out[name] = "not_supplied"
    return out
