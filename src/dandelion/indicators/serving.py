"""`Serving`: one subject's columns now, from its blocks.  No Arrow and no per-column Python at request time.

>>> from dandelion.indicators import standard
>>> from dandelion.indicators.block import Block
>>> serving = Serving.of(standard(), ["payment.received/30d/count", "payment.received/30d/amount_mean"])
>>> serving.row({("payment", "payee"): Block.empty(serving.layouts["payment", "payee"])}, as_of=9, known_at=9).tolist()
[0.0, nan]
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

import numpy as np
import numpy.typing as npt
from numba import njit

from dandelion.core import BadInput
from dandelion.core.frame import Floats, Ints
from dandelion.indicators import tile_growth
from dandelion.indicators.block import Block, Hashes
from dandelion.indicators.definitions import RELATION_TABLES, Definitions
from dandelion.indicators.growing import Growing
from dandelion.indicators.kernel import VIEW_TABLE, run_rows
from dandelion.indicators.layout import ARRIVED, AT, GONE, RELATION_OTHER, Layout
from dandelion.indicators.plan import Key
from dandelion.indicators.program import Program, Work, compiled
from dandelion.indicators.relations import held_line, name_hash
from dandelion.indicators.tiles import AT_ONCE_MIN, EVENTS_MIN, STATE_LARGE, Tiles

_NO_CODES = np.empty(0, np.int64)
_NO_HASHES = np.empty(0, np.uint64)


@dataclass(frozen=True)
class Serving:
    """A program bound to layouts.  Safe to share between threads: each has room of its own to work in, and nothing of a
    request is told to the next."""

    columns: tuple[str, ...]
    program: Program
    kinds: dict[str, npt.NDArray[np.bool_]]  # data kind -> the columns that need it
    empty: dict[Key, Block]
    order: (
        npt.NDArray[np.int32] | None
    )  # where each column is in the kernel's order; None: the columns are in that order
    _no_offsets: Ints
    _no_codes: Ints
    _threads: threading.local = field(default_factory=threading.local, compare=False)

    @classmethod
    def of(
        cls, definitions: Definitions, columns: Sequence[str], held: Mapping[Key, Layout] | None = None, *,
        own_order: bool = False,
    ) -> Serving:  # fmt: skip
        """`held` are the layouts that stored blocks have; by default those of exactly these columns.  With `own_order`
        the values come in the order that is quickest to compute, named by `columns`: of use for very many columns.

        Errors (BadInput): unknown column, a column named twice, a held layout that lacks what a column needs.
        """
        names = tuple(columns)
        if len(set(names)) < len(names):
            raise BadInput("a column is named twice; name it once", field="columns")
        program = compiled(definitions, names, dict(held) if held else None)
        of_kind: dict[str, npt.NDArray[np.bool_]] = {}
        at = {name: place for place, name in enumerate(program.names)}
        order = None if own_order or program.names == names else np.array([at[name] for name in names], np.int32)
        names = program.names if order is None else names
        for place, name in enumerate(names):
            for base in definitions.bases_of(name):
                of_kind.setdefault(base.stream.data_kind, np.zeros(len(names), np.bool_))[place] = True
        empty = {key: Block.empty(layout) for key, layout in program.layouts.items()}
        assert len(program.nothing) == len(names), "worked out here, so that no request waits for it"
        return cls(names, program, of_kind, empty, order, np.zeros((len(program.relations), 2), np.int64), _NO_CODES)

    @cached_property
    def _low(self) -> Ints:
        """Every table's events begin at its first."""
        return np.zeros((len(self.program.tables), 1), np.int64)

    @property
    def layouts(self) -> Mapping[Key, Layout]:
        """What blocks must be made with: ``Block.of(serving.layouts[key], table)``."""
        return self.program.layouts

    def row(
        self, blocks: Mapping[Key, Block | Growing], as_of: int, known_at: int, *, related: Collection[str] = (),
        granted: Collection[str] | None = None, into: Floats | None = None,
    ) -> Floats:  # fmt: skip
        """Values of one subject, in the order of `columns`; `blocks` hold that subject only.

        A table that is not among `blocks` has no events; one that grows has most of its events in tiles.  `related` are more accounts close to the subject.  Columns
        that need a data kind outside `granted` (None: all are granted) are NaN.  `into` is room for the values, if there is some.
        """
        return self.row_with_money(blocks, as_of, known_at, related=related, granted=granted, into=into)[0]

    def row_with_money(
        self, blocks: Mapping[Key, Block | Growing], as_of: int, known_at: int, *, related: Collection[str] = (),
        granted: Collection[str] | None = None, into: Floats | None = None,
    ) -> tuple[Floats, Ints]:  # fmt: skip
        """Values, and exact fen of ``program.money`` (of use only where the value is not NaN)."""
        program, work = self.program, self._work()
        held = [self.empty[key] if (block := blocks.get(key)) is None else block for key in program.tables]
        offsets, codes = self._no_offsets, self._no_codes
        close = self._close(blocks, as_of, known_at, related) if program.relations else _NO_HASHES
        if len(close):
            offsets, codes = self._codes(held, close)
        given, used = program.none_given, cast(list[Block], held)
        if Growing in map(type, held):
            used = []
            for table, block in enumerate(held):
                if isinstance(block, Growing):
                    grown = self._grown(table, block, as_of, known_at, offsets, codes, close, work)
                    given = given | grown
                    used.append(block.newer if grown.any() else block.block)
                else:
                    used.append(block)
        places = [block.extent for block in used]
        most = max([events for _, _, events in places], default=0)
        room, least = most + 1, EVENTS_MIN if program.arrays[-1][0] < STATE_LARGE else EVENTS_MIN // 2
        if most >= least:
            given = given | self._hot(used, as_of, known_at, offsets, codes, least, work, given)
            room = max((len(used[table]) for table in program.arrays[0][~given, VIEW_TABLE]), default=0) + 1
        extents, moments = np.array(places, np.int64).reshape(len(places), 3), np.array((as_of, known_at), np.int64)
        high = extents[:, 2:].copy()
        mine = into is not None and self.order is None
        out = into[None] if into is not None and mine else np.empty((1, len(program.names)), np.float32)
        fen = np.empty((len(program.money), 1), np.int64)
        run_rows(0, 1, extents, self._low, high, moments[:1], moments[1:], offsets, codes, room, *program.arrays, program.nothing, *work, given, False, out, fen)  # fmt: skip
        values = out[0] if self.order is None else pick(out, self.order)
        if granted is not None:
            for kind, mask in self.kinds.items():
                if kind not in granted:
                    values[mask] = np.nan
        if into is not None and not mine:
            into[:] = values
        return values, fen[:, 0]

    def prepare(self, blocks: Mapping[Key, Block | Growing], as_of: int, known_at: int) -> None:
        """Make the tiles that a first request of this subject would make.  For another thread, as soon as blocks are read."""
        for _ in range(2):  # a block that is not very large gets its tiles when it is asked for again
            self.row(blocks, as_of, known_at)

    def _hot(
        self, used: Sequence[Block], as_of: int, known_at: int, offsets: Ints, codes: Ints, least: int, work: Work,
        given: npt.NDArray[np.bool_],
    ) -> npt.NDArray[np.bool_]:  # fmt: skip
        """Views whose state is given: from the tiles of blocks with many events, made when a block is asked for the second
        time, and at once where its events are very many."""
        program = self.program
        given = given.copy()
        for table, block in enumerate(used):
            if len(block) < least or given[program.arrays[0][:, VIEW_TABLE] == table].any():
                continue
            related = self._related(table, offsets, codes)
            if len(block) < AT_ONCE_MIN and id(program) not in block.tiles:
                block.tiles[id(program)] = None
                continue
            tiles = block.tiles.get(id(program))
            if tiles is None or not tiles.hold(block, as_of, known_at, related):
                tiles = Tiles.of(program, table, block, related, as_of, known_at)
                if tiles is None:
                    continue
                block.tiles[id(program)] = tiles
            tiles.fill(program, as_of, work.state)
            given[[tiled.view for tiled in tiles.views]] = True
        return given

    def _grown(
        self,
        table: int,
        growing: Growing,
        as_of: int,
        known_at: int,
        offsets: Ints,
        codes: Ints,
        close: Hashes,
        work: Work,
    ) -> npt.NDArray[np.bool_]:
        """Views whose state is given: all of the table's, or none where tiles do not do for these moments or columns."""
        program = self.program
        given = program.none_given.copy()
        tiles = tile_growth.tiles_of(program, table, growing, self._related(table, offsets, codes), as_of, known_at)
        if tiles is not None:
            of_newer = _NO_CODES
            for at, party in program.relations:
                if at == table and len(close):
                    of_newer = parties_among(close, growing.newer.hashes[growing.layout.parties.index(party)])
            tile_growth.fill(program, tiles, growing, as_of, known_at, of_newer, work.state, self._spare())
            given[[tiled.view for tiled in tiles.views]] = True
        return given

    def _related(self, table: int, offsets: Ints, codes: Ints) -> Ints:
        """Numbers of the parties of a table that are close to the subject."""
        for j, (at, _) in enumerate(self.program.relations):
            if at == table:
                return codes[offsets[j, 0] : offsets[j, 1]]
        return _NO_CODES

    def _spare(self) -> Ints:
        """Room for a second state, of this thread."""
        found = getattr(self._threads, "spare", None)
        if found is None:
            found = self._threads.spare = np.empty(self.program.arrays[-1][0], np.int64)
        return cast(Ints, found)

    def _work(self) -> Work:
        """Of this thread."""
        found = getattr(self._threads, "work", None)
        if found is None:
            found = self._threads.work = Work.of(self.program)
        return cast(Work, found)

    def _close(
        self, blocks: Mapping[Key, Block | Growing], as_of: int, known_at: int, related: Collection[str]
    ) -> Hashes:
        """Hashes of the accounts related to the subject."""
        found = [name_hash(name) for name in related]
        parts = [np.array(found, np.uint64)] if found else []
        for key in RELATION_TABLES:
            given = blocks.get(key)
            block = given.block if isinstance(given, Growing) else given
            if block is not None and len(block):
                other = RELATION_OTHER[key]
                line, party = block.layout.party_line(other), block.layout.parties.index(other)
                parts.append(related_now(block.data, block.hashes[party], line, held_line(block), as_of, known_at))
        return np.concatenate(parts) if parts else _NO_HASHES

    def _codes(self, used: Sequence[Block | Growing], close: Hashes) -> tuple[Ints, Ints]:
        offsets = np.empty((len(self.program.relations), 2), np.int64)
        codes, total = [], 0
        for j, (table, party) in enumerate(self.program.relations):
            block = used[table]
            found = parties_among(close, block.hashes[block.layout.parties.index(party)])
            offsets[j] = total, total + len(found)
            total += len(found)
            codes.append(found)
        return offsets, np.concatenate(codes)


@njit(cache=True, nogil=True)
def pick(row, order):  # type: ignore[no-untyped-def]
    """The values of the one row in another order."""
    out = np.empty(len(order), np.float32)
    for j in range(len(order)):
        out[j] = row[0, order[j]]
    return out


@njit(cache=True, nogil=True)
def related_now(data, hashes, line, held, as_of, known_at):  # type: ignore[no-untyped-def]
    """Hashes of the other sides of the facts that count."""
    out = np.empty(data.shape[1], np.uint64)
    found = 0
    for i in range(data.shape[1]):
        if data[AT, i] < as_of and data[ARRIVED, i] < known_at <= data[GONE, i] and data[held, i] > 0:
            out[found] = hashes[data[line, i]]
            found += 1
    return out[:found].copy()


@njit(cache=True, nogil=True)
def parties_among(close, parties):  # type: ignore[no-untyped-def]
    """Numbers of the parties whose hash is in `close`."""
    out = np.empty(len(parties), np.int64)
    found = 0
    for p in range(len(parties)):
        for k in range(len(close)):
            if parties[p] == close[k]:
                out[found] = p
                found += 1
                break
    return out[:found].copy()
