"""Subjects with very many events: their older events and tiles lie in files, what came since is kept beside them.

A read takes in what came since the read before it.  What the writer does for them is in `hot_tending`.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from dandelion.core.frame import Ints
from dandelion.indicators import growing, tile_growth
from dandelion.indicators.growing import Growing, facts, wide_layout
from dandelion.indicators.layout import AT, GONE
from dandelion.indicators.layout import Layout as Lines
from dandelion.indicators.online import kernel
from dandelion.indicators.online.corrections import Corrections, holds
from dandelion.indicators.online.hot_files import Corrected, HotFiles, Kept, Older
from dandelion.indicators.online.layout import Key, Table
from dandelion.indicators.online.packing import Packed, Words64, octets_of, pack, unpack, whole
from dandelion.indicators.prepare import NEVER, micros
from dandelion.indicators.program import Program

HOT_BYTES = 256 * 2**10  # of records, from which on a subject has files: some 4,800 payments
DISK_BYTES = 16 * 2**30  # of all files
AWAKE_MAX = 64  # subjects whose files are mapped at a time: each takes a few of the process's open files
SINCE_BYTES_MAX = 16 * 2**20  # of records that came since; a subject with more is given up until it is asked for


@dataclass(frozen=True)
class Hot:
    """What a read of one subject needs.  Nothing in it changes while others come."""

    kept: Kept
    older: Older
    growing: Growing
    taken: int  # of what came since the files were written
    corrections: int  # batches it knows of

    @property
    def nbytes(self) -> int:
        """Beside what lies in files."""
        return int(self.growing.newer.data.nbytes + self.growing.recent.nbytes) + 4_000


@dataclass(slots=True)
class Subject:
    """`since` are the records that came after `kept.position`.  Changed under the state's lock; a read that takes them in holds
    `bringing`."""

    kept: Kept | None = None  # None: it is being made
    since: list[bytes] = field(default_factory=list)
    rows: int = 0  # in `since`
    held: int = 0  # its bytes
    late: bool = False  # something of `since` belongs among the older events
    checked: int = 0  # batches of corrections known to correct none of the older events
    size: int = 0  # of its files
    awake: Hot | None = None
    asked: int = 0
    bringing: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Now:
    """Up to which record of the log reads count, that record's checksum, from when on a table is whole."""

    position: int
    logged: int
    horizon: int


@dataclass(frozen=True)
class State:
    """What the subjects are a part of.  `now` is asked under `lock`."""

    lock: threading.Lock
    tables: Mapping[Key, Table]
    lines: Callable[[], Mapping[Key, Lines]]
    gather: Callable[[Table, list[str]], list[bytes]]
    corrections: Callable[[str], Corrections]
    now: Callable[[Key], Now]


class HotSubjects:
    """By (table, subject).  The process that writes has them."""

    def __init__(
        self, files: HotFiles, state: State, *, room: int, hot_bytes: int = HOT_BYTES, disk_bytes: int = DISK_BYTES
    ) -> None:  # fmt: skip
        self.files, self.state, self.hot_bytes = files, state, hot_bytes
        self._room, self._disk_bytes = room, disk_bytes
        self.subjects: dict[Key, dict[str, Subject]] = {key: {} for key in state.tables}
        self._awake: dict[int, Subject] = {}
        self.due: set[tuple[Key, str]] = set()  # whose files should be made anew
        self._ticks = itertools.count(1 << 32)  # after those of before the start

    # what the state tells, under its lock

    def came(self, key: Key, part: Packed, sequence: int) -> None:
        """New records, in the log under this number."""
        known = self.subjects[key]
        for subject in known.keys() & set(part.subjects) if known else ():
            entry, place = known[subject], part.subjects.index(subject)
            if entry.kept is not None and sequence <= entry.kept.position:
                continue
            chunk = part.data[part.bounds[place] : part.bounds[place + 1]]
            rows, earliest = kernel.told_by(np.frombuffer(chunk, np.uint8))
            entry.since.append(chunk)
            entry.rows, entry.held = entry.rows + rows, entry.held + len(chunk)
            entry.late |= entry.kept is not None and earliest <= entry.kept.last_at
            if entry.held > SINCE_BYTES_MAX:
                self.forget(key, [subject])
            elif entry.late or entry.rows > growing.YOUNG_MAX:
                self.due.add((key, subject))

    def forget(self, key: Key, subjects: Iterable[str]) -> None:
        """Their files are gone when this returns."""
        for subject in list(subjects):
            self.drop(key, subject)
            self.files.remove(self.files.name(key, subject))

    # reading

    def get(self, key: Key, subject: str) -> Hot | None:
        """With everything that came.  None where it has no files, or they do for older events no longer."""
        entry = self.subjects[key].get(subject)
        if entry is None:
            return None
        entry.asked = next(self._ticks)
        found = self._ready(entry, key)
        if found is not None:
            return found
        with entry.bringing:
            return self.brought(entry, key, subject)

    def asked_last(self, keys: Iterable[Key]) -> list[tuple[Key, str]]:
        """As many as may be awake, in the order in which they were asked for."""
        with self.state.lock:
            all_of = [(entry.asked, key, subject) for key in keys if key in self.subjects
                      for subject, entry in self.subjects[key].items() if entry.kept is not None]  # fmt: skip
        return [(key, subject) for _, key, subject in sorted(all_of)[-AWAKE_MAX:]]

    def make(self, key: Key, subject: str, like: Hot | None = None) -> Hot | None:
        """Files of a subject that has none, with tiles for the programs that `like` has some for.

        None where its events leave nothing to be kept, or the disk has no room.
        """
        entry = Subject(asked=next(self._ticks))
        with entry.bringing:
            with self.state.lock:
                other = self.subjects[key].setdefault(subject, entry)
                now, seen = self.state.now(key), self.state.corrections(key[0]).count
            if other is entry:
                try:
                    return self._made(entry, key, subject, now, seen, like)
                finally:
                    if entry.kept is None:
                        with self.state.lock:
                            self.drop(key, subject, entry)
        return self.get(key, subject)

    def brought(self, entry: Subject, key: Key, subject: str) -> Hot | None:
        """As `get`; the caller holds `entry.bringing`."""
        found = self._ready(entry, key)
        if found is not None:
            return found
        with self.state.lock:
            kept, awake, late, checked = entry.kept, entry.awake, entry.late, entry.checked
            since, seen = entry.since[:], self.state.corrections(key[0]).count
            here = self.subjects[key].get(subject) is entry
        if kept is None or not here:
            return None
        made = None if late else self._with(kept, awake, since, key, subject, checked, seen)
        with self.state.lock:
            if made is None and entry.kept is kept:
                self.drop(key, subject, entry)
            elif made is not None and entry.kept is kept:
                self._wake(entry, made, seen)
        return made

    def lend_tiles(self, hot: Hot, program: Program, fingerprint: str) -> None:
        """Tiles from a file, where they are not at hand yet."""
        older = hot.older
        if id(program) not in older.programs:
            tiles = self.files.tiles(hot.kept, older, program, fingerprint)
            if tiles is not None:
                older.block.tiles[-id(program)] = tiles
                older.written.add(fingerprint)
            older.programs[id(program)] = program, fingerprint

    def keep_tiles(self, hot: Hot, program: Program, fingerprint: str) -> None:
        """Tiles that a read has made go to a file, once, and are its pages from then on."""
        older, tiles = hot.older, hot.older.block.tiles.get(-id(program))
        if tiles is None or fingerprint in older.written:
            return
        older.written.add(fingerprint)
        tile_growth.look_up(program, tiles)
        try:
            size = self.files.write_tiles(hot.kept, older, fingerprint, tiles)
        except OSError:
            return  # the disk is full: they stay in memory
        mapped = self.files.tiles(hot.kept, older, program, fingerprint, at_hand=True)
        if mapped is not None:
            older.block.tiles[-id(program)] = mapped
        with self.state.lock:
            entry = self.subjects[hot.kept.key].get(hot.kept.subject)
            if entry is None:  # forgotten in the meantime
                self.files.remove(hot.kept.name)
            else:
                entry.size += size
        self.fit_disk(but=hot.kept.subject)

    # inside

    def _ready(self, entry: Subject, key: Key) -> Hot | None:
        with self.state.lock:
            awake = entry.awake
            if awake is None or entry.late or awake.taken != len(entry.since):
                return None
            return awake if awake.corrections == self.state.corrections(key[0]).count else None

    def _with(
        self, kept: Kept, awake: Hot | None, since: list[bytes], key: Key, subject: str, checked: int, seen: int
    ) -> Hot | None:
        """None where an older event comes again or was corrected, or the files are not what they were."""
        corrections, table = self.state.corrections(key[0]), self.state.tables[key]
        if awake is None or awake.kept is not kept:
            older, records = self.files.older(kept, wide_layout(self.state.lines()[key])), self.files.recent(kept)
            if older is None or records is None:
                return None
            fresh, base = [records, *since], None
        else:
            older, base, fresh = awake.older, awake.growing, since[awake.taken :]
        corrected = corrections.since(checked)
        if corrected is None:  # too long ago
            if not self.files.same_corrections(kept, corrections):
                return None
        elif holds(older.ids, corrected).any():
            return None
        events, ids = unpack(table, [subject], [b"".join(fresh)])
        if holds(older.ids, ids).any() or (len(ids) and micros(events.column("at"))[0] <= older.block.data[AT, -1]):
            return None
        if base is None:
            grown: Growing | None = Growing.beside(older.block, older.known, events, told=told_of(events, corrections))
        else:
            both = pa.concat_tables([one for one in (base.recent, events) if one.num_rows] or [events])
            same = awake is not None and awake.corrections == seen and not len(ids)
            grown = base if same else base.add(events, told_of(both, corrections))
        return None if grown is None else Hot(kept, older, grown, len(since), seen)

    def _made(self, entry: Subject, key: Key, subject: str, now: Now, seen: int, like: Hot | None) -> Hot | None:
        table, corrections = self.state.tables[key], self.state.corrections(key[0])
        (state,) = self.state.gather(table, [subject])
        events, ids = unpack(table, [subject], [state])
        made = Growing.of(self.state.lines()[key], events, told_of(events, corrections, ids))
        if not len(made.older):
            return None
        ids = ids[: len(made.older)]
        corrected = corrected_of(ids, made.older.data[GONE])
        return self.written(entry, made, np.sort(ids), corrected, now, seen, 0, like, key, subject)

    def written(
        self, entry: Subject, made: Growing, ids: Words64, corrected: Corrected, now: Now, seen: int, taken: int,
        like: Hot | None, key: Key, subject: str,
    ) -> Hot | None:  # fmt: skip
        """`made` with its older events, whose ids have the hashes `ids`, in a file; the first `taken` of what came since are in
        it.  None where the disk has no room."""
        records = pack(self.state.tables[key], made.recent).data if made.recent.num_rows else b""
        try:
            kept, older = self.files.write(
                key, subject, made, ids, corrected, now.horizon, records, now.position, now.logged
            )
        except OSError:
            return None
        hot = Hot(kept, older, Growing.beside(older.block, older.known, made.recent, told=made.told), 0, seen)
        entry.size = 0
        if like is not None:
            for program, fingerprint in tuple(like.older.programs.values()):
                tile_growth.make_like(program, key, like.older.block, older.block, older.known)
                older.programs[id(program)] = program, fingerprint
                self.keep_tiles(hot, program, fingerprint)
        with self.state.lock:
            left = entry.since[taken:]
            counts = [kernel.told_by(np.frombuffer(chunk, np.uint8)) for chunk in left]
            entry.kept, entry.since, entry.size = kept, left, entry.size + kept.size
            here = self.subjects[key].get(subject) is entry
            entry.rows, entry.held = sum(rows for rows, _ in counts), sum(map(len, left))
            entry.late = any(earliest <= kept.last_at for _, earliest in counts)
            if not here:  # forgotten in the meantime
                self.files.remove(kept.name)
            else:
                self.files.tidy(kept)
                self._wake(entry, hot, seen)
        self.fit_disk(but=subject)
        return hot

    def drop(self, key: Key, subject: str, entry: Subject | None = None) -> None:
        """Under the lock."""
        found = self.subjects[key].get(subject)
        if found is not None and (entry is None or found is entry):
            del self.subjects[key][subject]
            self._awake.pop(id(found), None)

    def _wake(self, entry: Subject, hot: Hot, seen: int) -> None:
        """Under the lock.  The longest unasked go to sleep where there are too many, or they take too much."""
        entry.awake, entry.checked = hot, seen
        self._awake[id(entry)] = entry
        held = sum(one.awake.nbytes for one in self._awake.values() if one.awake is not None)
        if held <= self._room and len(self._awake) <= AWAKE_MAX:
            return
        for one in sorted(self._awake.values(), key=lambda one: (one is entry, one.asked)):
            if held <= self._room and len(self._awake) <= AWAKE_MAX:
                break
            held -= 0 if one.awake is None else one.awake.nbytes
            one.awake = None
            del self._awake[id(one)]

    def fit_disk(self, but: str) -> None:
        """The longest unasked lose their files where all together take too much."""
        with self.state.lock:
            all_of = [(one.asked, one, key, name) for key, some in self.subjects.items() for name, one in some.items()]
            held = sum(one.size for _, one, _, _ in all_of)
            if held <= self._disk_bytes:
                return
            for _, one, key, name in sorted(all_of, key=lambda each: each[0]):
                if held > self._disk_bytes and name != but:
                    held -= one.size
                    self.forget(key, [name])


def corrected_of(ids: Words64, gone: Ints) -> Corrected:
    """Of events with these ids, those that were corrected."""
    some = np.flatnonzero(gone != NEVER)
    some = some[np.lexsort((gone[some], ids[some]))]
    return ids[some], gone[some]


def told_of(events: pa.Table, corrections: Corrections, ids: Words64 | None = None) -> pa.Table | None:
    """What is known to be corrected of these events, as `Growing` takes it."""
    if not corrections.known:
        return None
    named = events.column("event_id")
    hashes = ids if ids is not None else kernel.hash_raw(*octets_of(whole(named)))
    return facts(*corrections.of(named, hashes))
