"""Which group a subject belongs to at a moment: its trade, its district, its size, from its own events.

A district or category is known by the 64-bit hash of its name, as parties are everywhere in this room, so that a table
in Arrow, a packed block and a record read just now all say the same.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from numba import njit

from dandelion.core.frame import Floats, Ints
from dandelion.indicators.block import Block
from dandelion.indicators.compute import places_of
from dandelion.indicators.declare import Base, window_us
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.layout import ARRIVED, AT, GONE
from dandelion.indicators.peers import BY, settings
from dandelion.indicators.plan import Key
from dandelion.indicators.rows import Rows

Bools = npt.NDArray[np.bool_]
INDUSTRY, AREA, SIZE = range(len(BY))


def groups_of(
    definitions: Definitions,
    parts: frozenset[str],
    blocks: Mapping[Key, Block],
    rows: Rows,
    receipts: Floats | None,
    places: Mapping[Key, Ints] | None = None,
) -> tuple[Ints, Bools]:
    """(keys (rows, 3), known (rows, 3)) in the order of `peers.BY`; parts that nobody asks for are not known.

    `receipts` are the rows' values of the size column; `places` the rows' subjects in each block (default: by name).
    """
    keys, known = np.zeros((len(rows), len(BY)), np.int64), np.zeros((len(rows), len(BY)), np.bool_)
    for place in (INDUSTRY, AREA):
        if BY[place] in parts:
            base = definitions.definition(settings().column_of(BY[place]))
            assert isinstance(base, Base), "a grouping is told by a column straight from events"
            keys[:, place], known[:, place] = _told(base, blocks, rows, places, newest=place == AREA)
    if "size" in parts and receipts is not None:
        known[:, SIZE] = np.isfinite(receipts)
        edges = np.array(settings().size.edges_fen, np.float64)
        keys[:, SIZE] = np.where(known[:, SIZE], np.searchsorted(edges, receipts.astype(np.float64), side="right"), 0)
    return keys, known


def _told(
    base: Base, blocks: Mapping[Key, Block], rows: Rows, known: Mapping[Key, Ints] | None, *, newest: bool
) -> tuple[Ints, Bools]:
    """Name hashes: of the newest event, or of the name that most events of the window have."""
    key = base.stream.kind, base.stream.role
    out, found = np.zeros(len(rows), np.uint64), np.zeros(len(rows), np.bool_)
    block = blocks.get(key)
    if block is None or not len(block):
        return out.view(np.int64), found
    party = str(base.stream.counterparty)
    which = block.layout.parties.index(party)
    places = places_of({key: block}, rows.names)[key] if known is None else known[key]
    most_told(
        block.data, block.bounds, places, rows.as_of, rows.known_at, window_us(base.window), block.layout.party_line(party),
        block.party_bounds[which], block.hashes[which], newest, out, found,
    )  # fmt: skip
    return out.view(np.int64), found


@njit(cache=True, nogil=True)
def most_told(  # type: ignore[no-untyped-def]
    data, bounds, places, as_of, known_at, window, line, party_bounds, hashes, newest, out, found,
):  # fmt: skip
    """Each row's name: the newest event's, or the commonest in the window; of names alike common the smaller hash."""
    most = 1
    for s in range(len(party_bounds) - 1):
        most = max(most, party_bounds[s + 1] - party_bounds[s])
    counts = np.zeros(most, np.int64)
    for row in range(len(places)):
        s = places[row]
        if s < 0:
            continue
        first, parties = party_bounds[s], party_bounds[s + 1] - party_bounds[s]
        counts[:parties] = 0
        last = -1
        for i in range(bounds[s], bounds[s + 1]):
            if as_of[row] - window <= data[AT, i] < as_of[row] and data[ARRIVED, i] < known_at[row] <= data[GONE, i]:
                counts[data[line, i]] += 1
                last = data[line, i]
        if last < 0:
            continue
        best = last
        if not newest:
            for p in range(parties):
                more = counts[p] > counts[best]
                tied = counts[p] == counts[best] and hashes[first + p] < hashes[first + best]
                if more or tied:
                    best = p
        out[row], found[row] = hashes[first + best], True
