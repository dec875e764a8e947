"""`Online`: events in, in any order and any number of times; columns out, equal to the batch evaluation to the last bit."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from dandelion.core import BadInput, Clock, SystemClock, TooLarge, Unavailable, validate
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.online import reading
from dandelion.indicators.online.erased import Erased
from dandelion.indicators.online.hot import DISK_BYTES, HOT_BYTES, HotSubjects, Now, State
from dandelion.indicators.online.hot_files import HotFiles
from dandelion.indicators.online.hot_tending import TENDED_SHARE, Opening, Tending, anchor
from dandelion.indicators.online.layout import Key, Table
from dandelion.indicators.online.log import EventLog
from dandelion.indicators.online.memory import MemoryStore
from dandelion.indicators.online.packing import pack, reach_of
from dandelion.indicators.online.reader import ERASED, Reader
from dandelion.indicators.online.seen import REMEMBERED, Seen
from dandelion.indicators.online.served import CACHED_BYTES
from dandelion.indicators.online.store import Store

ROWS_MAX = 1_000_000  # of one `apply`
FLUSH_CHUNKS = 1_000_000  # pieces of state held in memory before they go to a lasting store


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a batch: `new` + `duplicate` rows; `corrected` of the new ones name an event they replace.
    `position` is the sequence number under which the new ones are on the disk."""

    new: int
    duplicate: int
    corrected: int
    position: int


class Online(Reader):
    """Online state of one partition of subjects: one process writes it.

    `log` is the folder of the append-only log; `store` keeps the states (None: memory).  `columns` bounds what is kept
    (None: everything published).  Opening reads the log after the store's position, so that it also recovers.

    A subject whose records pass `hot_bytes` gets files beside the log (`hot_tending`), at most `disk_bytes` of all; tending them
    takes at most `tended_share` of the time.

    >>> from dandelion.indicators import standard
    >>> online = Online(standard(), "state/log", columns=["payment.received/30d/count"])    # doctest: +SKIP
    >>> online.apply("payment", payments)                                                   # doctest: +SKIP
    Applied(new=1000, duplicate=0, corrected=3, position=1)
    >>> online.frame(["m1"], as_of=now)["payment.received/30d/count"]                       # doctest: +SKIP
    array([12.], dtype=float32)

    Errors: Conflict where the store holds the state of other columns, or another process writes; Unavailable where log
    or store are damaged or do not belong together.
    """

    def __init__(
        self,
        definitions: Definitions,
        log: Path | str,
        store: Store | None = None,
        *,
        columns: Sequence[str] | None = None,
        clock: Clock | None = None,
        flush_chunks: int = FLUSH_CHUNKS,
        remembered: int = REMEMBERED,
        cached_bytes: int = CACHED_BYTES,
        hot_bytes: int = HOT_BYTES,
        disk_bytes: int = DISK_BYTES,
        tended_share: float = TENDED_SHARE,
        rebuild: bool = False,
    ) -> None:
        beside = cached_bytes // 4  # for what came since of subjects with very many events
        super().__init__(
            definitions, MemoryStore() if store is None else store, columns=columns, cached_bytes=cached_bytes - beside
        )
        self._clock: Clock = clock or SystemClock()
        self._flush_chunks, self._remembered = flush_chunks, remembered
        self._writing = threading.Lock()
        self.log = EventLog(log)
        me = weakref.proxy(self)  # so that one that nobody holds any more is gone at once, with its files
        state = State(
            self._state, self.layout.tables, lambda: me._blocks.lines, lambda table, names: me._gather(table, names),
            lambda kind: me._corrections[kind], lambda key: Now(me._position, me._logged, me._horizons[key]),
        )  # fmt: skip
        files = HotFiles(self.log.folder / "hot", self.layout.stamp)
        self._hot = self._hots = HotSubjects(files, state, room=beside, hot_bytes=hot_bytes, disk_bytes=disk_bytes)
        self._tending = Tending(self._hots, tended_share)
        try:
            self._open(rebuild)
        except BaseException:
            self.log.close()
            raise

    def _open(self, rebuild: bool) -> None:
        position = self.store.position()
        if position > self.log.last:
            raise Unavailable(
                f"the store is at position {position} and the log ends at {self.log.last}: this is not its log, or the "
                "log was lost; give the right folder, or start with an empty store", field="log",
            )  # fmt: skip
        position = 0 if rebuild else position
        if position + 1 < self.log.first:
            raise Unavailable(
                f"the log begins at {self.log.first} and position {position} is asked for: what lies between was "
                "forgotten; load the events from the vault into an empty store and log", field="log",
            )  # fmt: skip
        if rebuild:
            self.store.clear()
            self._hots.files.clear()
        self._stamped()
        self._erased = Erased(self.log.folder)
        self._corrections = reading.load_corrections(self.layout, self.store.get_many)
        self._horizons = self._trimmed()
        self._seen: dict[str, Seen] = {}
        self._fresh = MemoryStore() if self.store.lasting else None
        self._flushed = self._position = position
        self._logged = 0  # checksum of the log's record there
        opening = Opening(self._hots, self.log.first, self.log.last, self._horizons, self._erased.subjects)
        for entry in self.log.read():
            self._ids(entry.kind).take(entry.events.column("event_id"))
            opening.logged(entry.sequence, entry.checksum)
            if entry.sequence > position:
                self._absorb(entry.kind, entry.events, entry.sequence, entry.checksum)
            else:
                self._logged = entry.checksum
                opening.came(entry.kind, entry.events, entry.sequence)
        opening.finish(self._corrections)
        if self._erased.unfinished:
            self._erase()

    def apply(self, kind: str, events: pa.Table) -> Applied:
        """Take in a batch of one kind, in any order; on return it is on the disk and counts in every read.

        An event is known by its id: repeated ones are left out, the first wins.  Errors (nothing is taken in):
        BadInput for a row that breaks the contract, by row and field; TooLarge above 1,000,000 rows; Unavailable.
        """
        if events.num_rows > ROWS_MAX:
            raise TooLarge(f"{events.num_rows:,} events in one batch; send at most {ROWS_MAX:,}", field="events")
        good, rejected = validate(kind, events, now_us=self._clock.now())
        if rejected:
            first = rejected[0]
            raise BadInput(f"{kind} row {first.row}: {first.reason} ({len(rejected)} of {events.num_rows} rows)",
                           field=first.field)  # fmt: skip
        with self._writing:
            new = self._ids(kind).take(good.column("event_id"))
            fresh = good if new.all() else good.filter(pa.array(new))
            if fresh.num_rows == 0:
                return Applied(0, good.num_rows, 0, self._position)
            fresh = fresh.combine_chunks()
            sequence = self.log.append(kind, fresh)
            known = None if kind not in self._corrections else self._corrections[kind].count
            self._absorb(kind, fresh, sequence, self.log.checksum)
            if self._fresh is not None and self._fresh.chunks >= self._flush_chunks:
                self._flush()
            if known is not None:
                self._tending.tend(kind, self._corrections[kind].count != known)
        corrected = fresh.num_rows - fresh.column("replaces").null_count
        return Applied(fresh.num_rows, good.num_rows - fresh.num_rows, corrected, sequence)

    def refresh(self) -> int:
        """Nothing to do: the writer's own reads count every batch."""
        return self._position

    def flush(self) -> None:
        """Bring the store up to the log, e.g. for processes that read the store."""
        with self._writing:
            self._flush()

    def trim(self, before: int) -> int:
        """Drop events that no window of an ``as_of`` at or after `before` can reach; returns the bytes freed.

        Tables with a window ``ever`` keep everything.  Reads that would need what is gone are refused from then on.
        """
        with self._writing:
            self._flush()
            return sum(self._trim(key, table, before) for key, table in self.layout.tables.items())

    def erase(self, subjects: Collection[str]) -> None:
        """Forget these subjects for good: their states, and the events of the log that are about nobody else.

        What comes about them later counts for the other side only.  The log is written anew, so erase many at once.
        """
        with self._writing:
            self._erased.begin(subjects)
            self._flush()
            self._erase()

    def forget_log(self) -> int:
        """Delete log segments that a lasting store holds wholly; returns the bytes freed.  A rebuild under other
        columns then needs the vault."""
        if not self.store.lasting:
            raise BadInput("the store does not outlive the process, so the log is all there is; keep it", field="log")
        with self._writing:
            self._flush()
            anchor(self._hots, everyone=True)
            self.log.roll()
            return self.log.forget(self._flushed)

    def close(self) -> None:
        """Flush and let go of log and store."""
        with self._writing:
            try:
                self._flush()
                anchor(self._hots, everyone=False)
            finally:
                self.log.close()
                self.store.close()

    def _ids(self, kind: str) -> Seen:
        if kind not in self._seen:
            self._seen[kind] = Seen(self._remembered)
        return self._seen[kind]

    def _absorb(self, kind: str, events: pa.Table, sequence: int, checksum: int) -> None:
        parts = {table.key: pack(table, events) for table in self.layout.of_kind(kind)}
        gone = self._erased.subjects
        chunks: dict[str, Iterable[tuple[str, bytes]]] = {
            self.layout.tables[key].name: (pair for pair in part.chunks() if pair[0] not in gone)
            if gone
            else part.chunks()
            for key, part in parts.items()
        }
        with self._state:
            self._changes += 1
            if kind in self._corrections:
                noted = self._corrections[kind].note(events)
                if noted:
                    chunks[reading.corrected_table(kind)] = [(reading.ALL, noted)]
            into = self.store if self._fresh is None else self._fresh
            into.append(chunks, after=into.position(), position=sequence)
            for key, part in parts.items():
                self._blocks.forget(key, part.subjects)
                self._hots.came(key, part, sequence)
            self._changes += 1
            self._position, self._logged = sequence, checksum
            if self._fresh is None:
                self._flushed = sequence

    def _erase(self) -> None:
        gone = sorted(self._erased.subjects)
        with self._state:
            self._changes += 1
            for key, table in self.layout.tables.items():
                self.store.put_many(table.name, [(subject, b"") for subject in gone])
                self._blocks.forget(key, gone)
                self._hots.forget(key, gone)
            self._changes += 1
        self.log.rewrite(self._erased.living)
        self._logged = self.log.checksum
        self.store.note(ERASED, str(len(gone)))
        self._erased.finish()

    def _flush(self) -> None:
        if self._fresh is None or self._position == self._flushed:
            return
        with self._state:
            chunks = self._fresh.drain()
        self.store.append(chunks, after=self._flushed, position=self._position)
        with self._state:
            self._fresh.clear()
            self._flushed = self._position

    def _trim(self, key: Key, table: Table, before: int) -> int:
        if table.reach_us is None or before - table.reach_us <= self._horizons[key]:
            return 0
        horizon = before - table.reach_us
        self.store.note(f"horizon/{table.name}", str(horizon))
        self._horizons[key] = horizon
        freed, changed = 0, []
        for subject, state in self.store.scan(table.name):
            kept = reach_of(table, state, horizon)
            if len(kept) < len(state):
                freed += len(state) - len(kept)
                changed.append((subject, kept))
        self.store.put_many(table.name, changed)
        return freed

    def _gather(self, table: Table, subjects: Sequence[str]) -> list[bytes]:
        if self._fresh is None:
            with self._state:
                return self.store.get_many(table.name, subjects)
        with self._state:  # newest first, so that a flush in between repeats records and never loses them
            fresh = self._fresh.get_many(table.name, subjects)
        states = self.store.get_many(table.name, subjects)
        return [state + more if more else state for state, more in zip(states, fresh, strict=True)]
