"""A program over blocks: rows shared between threads, each subject's events found, values as the kernel gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dandelion.core.frame import Floats, Ints
from dandelion.indicators.block import Block
from dandelion.indicators.definitions import RELATION_TABLES
from dandelion.indicators.kernel import run_rows
from dandelion.indicators.plan import Key
from dandelion.indicators.program import Program, Work
from dandelion.indicators.relations import Added, related_of
from dandelion.indicators.rows import Rows

ROWS_EACH = 256  # rows a thread takes at a time
FEW = 64


def compute(
    program: Program, blocks: Mapping[Key, Block], rows: Rows, related: Added | None = None, workers: int = 1, *,
    columnar: bool = False, out: Floats | None = None,
) -> tuple[Floats, Ints]:  # fmt: skip
    """(values, exact fen (money columns, rows)) of a program over blocks that hold its tables.

    Values are (rows, columns), or (columns, rows) if `columnar`; in the order of ``program.names``, into `out` if given.
    """
    shape = (len(rows), len(program.names))
    if out is None:
        out = np.empty(shape[::-1] if columnar else shape, np.float32)
    fen = np.empty((len(program.money), len(rows)), np.int64)
    keys = [*program.tables, *(key for key in RELATION_TABLES if key in blocks and key not in program.tables)]
    places = places_of({key: blocks[key] for key in keys}, rows.names)
    low, high = np.zeros((2, len(program.tables), len(rows)), np.int64)
    for t, key in enumerate(program.tables):
        low[t], high[t] = spans_of(blocks[key], places[key])
    offsets, codes = _related(program, blocks, rows, places, related)
    used = [blocks[key] for key in program.tables]
    extents = np.array([block.extent for block in used], np.int64).reshape(len(used), 3)
    room = int((high - low).max(initial=0)) + 1

    nothing = program.nothing

    def run(start: int) -> None:
        run_rows(start, min(start + step, len(rows)), extents, low, high, rows.as_of, rows.known_at, offsets, codes,
                 room, *program.arrays, nothing, *Work.of(program), program.none_given, columnar, out, fen)  # fmt: skip

    step = len(rows) if workers == 1 else min(ROWS_EACH, -(-len(rows) // workers))
    share(run, range(0, len(rows), max(1, step)), workers)
    return out, fen


def spans_of(block: Block, places: Ints) -> tuple[Ints, Ints]:
    """(first, end) of the events of the subjects at these places of a block; nothing where a place is -1."""
    known = places >= 0
    return block.bounds[places * known], block.bounds[places * known + known]


def share(run: Callable[[int], None], starts: Sequence[int], workers: int) -> None:
    """Run over portions of the rows, in threads; rows do not touch each other."""
    if workers == 1 or len(starts) < 2:
        for start in starts:
            run(start)
        return
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(run, starts))


def places_of(blocks: Mapping[Key, Block], names: npt.NDArray[np.object_]) -> dict[Key, Ints]:
    """Place of each row's subject in each block, -1 where it has no events."""
    if len(names) <= FEW and all(len(block.subjects) <= FEW for block in blocks.values()):
        return {key: block.slices(names) for key, block in blocks.items()}
    wanted = pa.array(names, pa.string())
    return {key: _index(wanted, block) for key, block in blocks.items()}


def _index(wanted: pa.Array, block: Block) -> Ints:
    found = pc.fill_null(pc.index_in(wanted, value_set=block.subjects.cast(pa.string())), -1)
    return np.asarray(found.to_numpy(zero_copy_only=False), np.int64)


def _related(
    program: Program, blocks: Mapping[Key, Block], rows: Rows, places: Mapping[Key, Ints], added: Added | None
) -> tuple[Ints, Ints]:
    """(offsets (relations, rows + 1), codes) for the kernel."""
    offsets = np.zeros((len(program.relations), len(rows) + 1), np.int64)
    if not program.relations:
        return offsets, np.empty(0, np.int64)
    close = related_of(blocks, rows.names, places, rows.as_of, rows.known_at, added)
    codes: list[Ints] = []
    total = 0
    for j, (table, party) in enumerate(program.relations):
        key = program.tables[table]
        which = blocks[key].layout.parties.index(party)
        ends, found = close.codes(blocks[key], which, places[key])
        offsets[j] = ends + total
        total += len(found)
        codes.append(found)
    return offsets, np.concatenate(codes)
