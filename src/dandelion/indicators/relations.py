"""Who stands close to the subject: roles and shareholdings it takes part in, and whatever the caller adds.

Once related, always related: leaving a role does not make past or later receipts trade.  Parties are matched by the
64-bit hash of their names, so that no names need to be kept beside the events.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from dandelion.core.frame import Ints
from dandelion.indicators.block import Block, Hashes
from dandelion.indicators.definitions import RELATION_TABLES
from dandelion.indicators.layout import ARRIVED, AT, GONE, RELATION_OTHER
from dandelion.indicators.text_words import text_hash

Key = tuple[str, str]
Added = Mapping[str, Collection[str]]
NOBODY = np.zeros(0, np.uint64)


@dataclass(frozen=True, slots=True)
class Related:
    """Hashes of the accounts related to each row's subject: row r has ``hashes[offsets[r]:offsets[r + 1]]``."""

    offsets: Ints
    hashes: Hashes

    def codes(self, block: Block, party: int, places: Ints) -> tuple[Ints, Ints]:
        """(offsets, codes) as parties of `block`, whose subject `places` the rows are about (-1: unknown there)."""
        if not len(self.hashes):
            return self.offsets, np.empty(0, np.int64)
        return match(self.offsets, self.hashes, places, block.party_bounds[party], block.hashes[party])


def related_of(
    blocks: Mapping[Key, Block], names: Sequence[str] | npt.NDArray[np.object_], places: Mapping[Key, Ints],
    as_of: Ints, known_at: Ints, added: Added | None,
) -> Related:  # fmt: skip
    """From facts with ``at < as_of`` and ``arrived < known_at <= gone``; `places` are the rows' subjects in each block."""
    rows: list[Ints] = []
    hashes: list[Hashes] = []
    for key in RELATION_TABLES:
        if key not in blocks or not len(blocks[key]):
            continue
        block = blocks[key]
        found = facts(block.data, block.bounds, places[key], as_of, known_at, held_line(block))
        party = block.layout.parties.index(RELATION_OTHER[key])
        code = block.data[block.layout.party_line(RELATION_OTHER[key]), found[1]]
        rows.append(found[0])
        hashes.append(block.hashes[party][block.party_bounds[party][places[key][found[0]]] + code])
    if added:
        sets = [(row, name) for row, subject in enumerate(names) for name in sorted(added.get(subject, ()))]
        rows.append(np.array([row for row, _ in sets], np.int64))
        hashes.append(np.array([name_hash(name) for _, name in sets], np.uint64))
    if not rows:
        return Related(np.zeros(len(names) + 1, np.int64), NOBODY)
    row, known = np.concatenate(rows), np.concatenate(hashes)
    order = np.argsort(row, kind="stable")
    return Related(np.searchsorted(row[order], np.arange(len(names) + 1)).astype(np.int64), known[order])


def name_hash(name: str) -> np.uint64:
    data = np.frombuffer(name.encode(), np.uint8)
    return np.uint64(text_hash(data, 0, len(data)))


def held_line(block: Block) -> int:
    """Line that must be above zero for a fact to count; a role has none."""
    shares = "share_ppm" in block.layout.measures
    return block.layout.measure_line("share_ppm") if shares else ARRIVED


@njit(cache=True, nogil=True)
def facts(data, bounds, places, as_of, known_at, held):  # type: ignore[no-untyped-def]
    """(row, event) of every fact that counts for a row."""
    rows, events = [np.int64(0) for _ in range(0)], [np.int64(0) for _ in range(0)]
    for row in range(len(places)):
        if places[row] < 0:
            continue
        for i in range(bounds[places[row]], bounds[places[row] + 1]):
            if data[AT, i] < as_of[row] and data[ARRIVED, i] < known_at[row] <= data[GONE, i] and data[held, i] > 0:
                rows.append(np.int64(row))
                events.append(np.int64(i))
    return np.array(rows, np.int64), np.array(events, np.int64)


@njit(cache=True, nogil=True)
def match(offsets, hashes, places, party_bounds, parties):  # type: ignore[no-untyped-def]
    """(offsets, codes) of the related accounts that are parties of the subject at all."""
    out = np.empty(len(hashes), np.int64)
    ends = np.zeros(len(offsets), np.int64)
    found = 0
    for row in range(len(places)):
        if places[row] >= 0:
            first, end = party_bounds[places[row]], party_bounds[places[row] + 1]
            for k in range(offsets[row], offsets[row + 1]):
                for p in range(first, end):
                    if parties[p] == hashes[k]:
                        out[found] = p - first
                        found += 1
                        break
        ends[row + 1] = found
    return ends, out[:found].copy()
