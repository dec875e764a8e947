"""New and returning counterparties, exactly: whose first event of the longer window lies in the shorter one, and whose does not.

`payment.received/30d/distinct_payers.new.90d` counts the payers of the last 30 days who had not paid in the 60 days before;
`.new.ever` those who never had.  A payer is new by what had arrived and not been corrected by then, like every other number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from dandelion.core.frame import Floats, Ints
from dandelion.indicators.block import Block
from dandelion.indicators.compute import places_of
from dandelion.indicators.declare import Base, Derive, window_us
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.layout import ARRIVED, AT, GONE
from dandelion.indicators.needs import where_of
from dandelion.indicators.plan import Key
from dandelion.indicators.rows import Rows

OPS = ("new", "returning", "new_share", "returning_share")


@dataclass(frozen=True, slots=True)
class NewColumn:
    """`seen` is the column of all counterparties of the window, `reach` that of the longer window."""

    name: str
    op: str
    seen: Base
    reach: Base


@dataclass(frozen=True)
class NewStage:
    """`inner` are the columns that the kernel must give beside those asked for."""

    columns: tuple[NewColumn, ...]
    inner: tuple[str, ...]

    @classmethod
    def of(cls, definitions: Definitions, names: Iterable[str]) -> NewStage:
        """`names` are columns of new or returning counterparties."""
        made, inner = [], {}
        for name in names:
            definition = definitions.definition(name)
            assert isinstance(definition, Derive) and definition.op in OPS, "only such columns come here"
            seen, reach = map(definitions.definition, definition.of)
            assert isinstance(seen, Base) and isinstance(reach, Base), (
                "new among those of a column straight from events"
            )
            made.append(NewColumn(name, definition.op, seen, reach))
            inner.update(dict.fromkeys(definition.of))
        return cls(tuple(made), tuple(inner))

    def fill(
        self, have: Mapping[str, int], values: Floats, blocks: Mapping[Key, Block], rows: Rows,
        where: Mapping[str, Sequence[int]], out: Floats, places: Mapping[Key, Ints] | None,
    ) -> None:  # fmt: skip
        """Put each column where `where` has it in `out` (rows, columns); `values` (rows, columns) are those of `have`."""
        groups: dict[Base, list[NewColumn]] = {}
        for column in self.columns:
            groups.setdefault(column.reach, []).append(column)
        for reach, columns in groups.items():
            windows = sorted({window_us(column.seen.window) for column in columns})
            counts = _counts(reach, np.array(windows, np.int64), blocks, rows, places)
            for column in columns:
                new = counts[:, windows.index(window_us(column.seen.window))].astype(np.float64)
                seen = values[:, have[column.seen.id]].astype(np.float64)
                told = seen - new if column.op.startswith("returning") else new
                if column.op.endswith("share"):
                    told = np.divide(told, seen, out=np.full(len(rows), np.nan), where=seen > 0)
                for place in where[column.name]:
                    out[:, place] = told.astype(np.float32)


def _counts(
    reach: Base, windows: Ints, blocks: Mapping[Key, Block], rows: Rows, known: Mapping[Key, Ints] | None
) -> Ints:
    """(rows, windows): counterparties whose oldest event that counts lies in the window."""
    key = reach.stream.kind, reach.stream.role
    block = blocks[key]
    places = places_of({key: block}, rows.names)[key] if known is None else known[key]
    out = np.zeros((len(rows), len(windows)), np.int64)
    if len(block):
        layout, party = block.layout, str(reach.stream.counterparty)
        parties = int(np.diff(block.party_bounds[layout.parties.index(party)]).max(initial=0))
        first_seen(block.data, block.bounds, places, rows.as_of, rows.known_at, window_us(reach.window), windows,
                   layout.party_line(party), parties, *_filters(reach, block), out)  # fmt: skip
    return out


def _filters(base: Base, block: Block) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """((filters, (line, shift, mask)), (filters, codes) that fit)."""
    where = where_of(base, block.layout)
    splits = [block.layout.splits[at] for at, _ in where]
    dims = np.array([[block.layout.word_line(s), s.shift, (1 << s.bits) - 1] for s in splits], np.int64).reshape(-1, 3)
    fits = np.zeros((len(splits), max((len(s.sets) for s in splits), default=1)), np.bool_)
    for place, (split, (_, level)) in enumerate(zip(splits, where, strict=True)):
        fits[place, : len(split.sets)] = [level in levels for levels in split.sets]
    return dims, fits


@njit(cache=True, nogil=True)
def first_seen(  # type: ignore[no-untyped-def]
    data, bounds, places, as_of, known_at, reach, windows, line, parties, dims, fits, out,
):  # fmt: skip
    """Oldest event first: a party counts once, in every window that its first event lies in."""
    seen = np.full(parties, -1, np.int64)
    for row in range(len(places)):
        s = places[row]
        if s < 0:
            continue
        for i in range(bounds[s], bounds[s + 1]):
            at = data[AT, i]
            if at >= as_of[row]:
                break
            if at < as_of[row] - reach or not data[ARRIVED, i] < known_at[row] <= data[GONE, i]:
                continue
            counts = True
            for d in range(len(dims)):
                counts &= fits[d, (data[dims[d, 0], i] >> dims[d, 1]) & dims[d, 2]]
            party = data[line, i]
            if not counts or seen[party] == row:
                continue
            seen[party] = row
            for w in range(len(windows)):
                out[row, w] += at >= as_of[row] - windows[w]
