"""One subject's columns at once: blocks kept from earlier reads, thrown away when something of them changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

import numpy as np

from dandelion.core import BadInput
from dandelion.core.frame import Floats
from dandelion.indicators import tile_growth
from dandelion.indicators.block import Block
from dandelion.indicators.definitions import RELATION_TABLES, Definitions
from dandelion.indicators.late import late_columns
from dandelion.indicators.layout import Layout as Lines
from dandelion.indicators.layout import layouts
from dandelion.indicators.online.corrections import Corrections
from dandelion.indicators.online.hot import Hot, HotSubjects
from dandelion.indicators.online.layout import Key
from dandelion.indicators.online.packing import Words64, unpack
from dandelion.indicators.online.reading import checked_reach, with_corrections
from dandelion.indicators.peer_tables import PeerHistory
from dandelion.indicators.program import Program
from dandelion.indicators.serving import Serving
from dandelion.indicators.staged_serving import StagedServing
from dandelion.indicators.tile_file import fingerprint
from dandelion.indicators.tiles import Tiles

if TYPE_CHECKING:
    from dandelion.indicators.online.reader import Reader

CACHED_BYTES = 256 * 2**20
_OVERHEAD = 2_000  # of Python objects around a block, roughly


@dataclass(slots=True)
class _Kept:
    block: Block
    ids: Words64  # hashes of the event ids: a correction that names none of them changes nothing
    corrections: int  # how many the block knows of
    size: int


class Blocks:
    """Blocks by (table, subject), the longest unread ones first out.  Used under the state's lock."""

    def __init__(self, definitions: Definitions, columns: Sequence[str] | None, cached_bytes: int) -> None:
        self._definitions, self._columns, self._room = definitions, columns, cached_bytes
        self._kept: dict[Key, OrderedDict[str, _Kept]] = {}
        self._lines: dict[Key, Lines] | None = None
        self._lock = threading.Lock()
        self.held = 0

    @property
    def lines(self) -> dict[Key, Lines]:
        """What a block of each table holds: enough for all columns of the state."""
        if self._lines is None:
            self._lines = layouts(self._definitions, self._columns)
        return self._lines

    def get(self, key: Key, subject: str, corrections: Corrections) -> Block | None:
        with self._lock:
            of_table = self._kept.get(key)
            kept = None if of_table is None else of_table.get(subject)
            if of_table is None or kept is None:
                return None
            if kept.corrections != corrections.count:
                since = corrections.since(kept.corrections)
                if since is None or np.isin(since, kept.ids).any():
                    self._drop(key, subject)
                    return None
                kept.corrections = corrections.count
            of_table.move_to_end(subject)
            return kept.block

    def put(self, key: Key, subject: str, block: Block, ids: Words64, corrections: int) -> None:
        size = block.data.nbytes + ids.nbytes + _OVERHEAD
        if size > self._room:
            return
        with self._lock:
            self._drop(key, subject)
            self._kept.setdefault(key, OrderedDict())[subject] = _Kept(block, ids, corrections, size)
            self.held += size
            while self.held > self._room:
                fullest = max(self._kept, key=lambda one: len(self._kept[one]))
                self._drop(fullest, next(iter(self._kept[fullest])))

    def forget(self, key: Key, subjects: Iterable[str]) -> None:
        """These have new events."""
        with self._lock:
            known = self._kept.get(key)
            for subject in known.keys() & set(subjects) if known else ():
                self._drop(key, subject)

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()
            self.held = 0

    def _drop(self, key: Key, subject: str) -> None:
        kept = self._kept.get(key, OrderedDict()).pop(subject, None)
        if kept is not None:
            self.held -= kept.size


class Served:
    """Columns of one subject from online state.  `columns` says in which order."""

    def __init__(self, reader: Reader, columns: Sequence[str], peers: PeerHistory | None = None) -> None:
        self._reader, self._needs = reader, reader.definitions.needs(columns)
        made = (reader.definitions, tuple(columns))
        self._serving: Serving | StagedServing = (
            StagedServing.of(*made, reader._blocks.lines, peers=peers)
            if late_columns(*made)
            else Serving.of(*made, reader._blocks.lines)
        )
        program = self._serving.program
        related = bool(program.relations)
        tables = dict.fromkeys((*program.tables, *(RELATION_TABLES if related else ())))
        self._tables = tuple(key for key in tables if key in reader.layout.tables)
        self._fingerprints: dict[Key, str] = {}
        self._whole: set[tuple[Key, str]] = set()  # who has no tiles for these columns that newer events could join
        if reader._hot is not None and isinstance(self._serving, Serving):
            self._prepare(reader._hot, self._serving.program)

    @property
    def columns(self) -> tuple[str, ...]:
        return self._serving.columns

    def row(
        self, subject: str, as_of: int, known_at: int | None = None, *, related: Collection[str] = (),
        granted: Collection[str] | None = None,
    ) -> Floats:  # fmt: skip
        """Values in the order of `columns`, the bytes of `frame`; what is not granted is NaN.

        Errors (BadInput): an `as_of` whose windows reach before what was trimmed.
        """
        for key, window in self._needs.items():
            checked_reach(key, window, self._reader._horizons.get(key, 0), as_of)
        known = as_of if known_at is None else known_at
        serving, hots = self._serving, self._reader._hot
        if isinstance(serving, StagedServing):  # what comes after the kernel goes through whole blocks
            return serving.row({key: self._block(key, subject) for key in self._tables}, as_of, known, related=related,
                               granted=granted, subject=subject)  # fmt: skip
        if hots is None:
            blocks = {key: self._block(key, subject) for key in self._tables}
            return serving.row(blocks, as_of, known, related=related, granted=granted)
        program = serving.program
        found = {
            key: self._block(key, subject) if (key, subject) in self._whole
            else hots.get(key, subject) or self._block(key, subject, hots)
            for key in self._tables
        }  # fmt: skip
        tiled = [one for key, one in found.items() if isinstance(one, Hot) and key in program.tables]
        for hot in tiled:
            hots.lend_tiles(hot, program, self._fingerprint(hot.kept.key))
        grown = {key: one.growing if isinstance(one, Hot) else one for key, one in found.items()}
        row = serving.row(grown, as_of, known, related=related, granted=granted)
        for hot in tiled:
            if tile_growth.serves(program, program.tables.index(hot.kept.key), hot.growing):
                hots.keep_tiles(hot, program, self._fingerprint(hot.kept.key))
            else:
                self._whole.add((hot.kept.key, subject))
        return row

    def _prepare(self, hots: HotSubjects, program: Program) -> None:
        """Ask once for those asked for last who have tiles on the disk, so that no request is the first."""
        for key, subject in hots.asked_last(program.tables):
            hot = hots.get(key, subject)
            if hot is None:
                continue
            hots.lend_tiles(hot, program, self._fingerprint(key))
            tiles: Tiles | None = hot.older.block.tiles.get(-id(program))
            if tiles is not None:
                moment = max(tiles.as_of[0], tiles.known_at[0])
                with suppress(BadInput):  # trimmed since
                    self.row(subject, moment, moment)

    def _fingerprint(self, key: Key) -> str:
        if key not in self._fingerprints:
            program = self._serving.program
            self._fingerprints[key] = fingerprint(program, program.tables.index(key))
        return self._fingerprints[key]

    @overload
    def _block(self, key: Key, subject: str) -> Block: ...

    @overload
    def _block(self, key: Key, subject: str, hots: HotSubjects) -> Block | Hot: ...

    def _block(self, key: Key, subject: str, hots: HotSubjects | None = None) -> Block | Hot:
        """With `hots` a subject of very many events becomes one of them."""
        reader = self._reader
        corrections = reader._corrections[key[0]]
        found = reader._blocks.get(key, subject, corrections)
        if found is not None:
            return found
        table = reader.layout.tables[key]
        seen, changed = corrections.count, reader._changes
        (state,) = reader._gather(table, [subject])
        if hots is not None and len(state) >= hots.hot_bytes:
            hot = hots.make(key, subject)
            if hot is not None:
                return hot
        if not state:
            block, ids = Block.empty(reader._blocks.lines[key]), np.empty(0, np.uint64)
        else:
            events, ids = unpack(table, [subject], [state])
            block = Block.of(reader._blocks.lines[key], with_corrections(table, events, ids, corrections)).one(subject)
        with reader._state:
            if changed == reader._changes:  # else an event may have come in between; the next read makes it again
                reader._blocks.put(key, subject, block, ids, seen)
        return block
