"""What the writer does for subjects with very many events, after it has taken a batch in.

Where the newer events have become many they go into the older ones' file; where an event came that belongs among the older ones, or
one of those was corrected, the files are made anew.  Reads go on meanwhile.  It takes at most a share of the writer's time: what
does not fit in waits, and a read that cannot wait does it itself.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dandelion.indicators.layout import GONE
from dandelion.indicators.online import kernel
from dandelion.indicators.online.corrections import Corrections, holds
from dandelion.indicators.online.hot import Hot, HotSubjects, Subject, corrected_of
from dandelion.indicators.online.layout import Key
from dandelion.indicators.online.packing import octets_of, pack, whole

TENDED_SHARE = 0.1  # of the writer's time


class Tending:
    """Of one process: the one that writes calls it, while nothing else is taken in."""

    def __init__(self, hots: HotSubjects, share: float = TENDED_SHARE) -> None:
        self._hots, self._share = hots, share
        self._began, self.spent_s = time.monotonic(), 0.0

    def tend(self, kind: str, corrected: bool) -> None:
        """After a batch of this kind; `corrected` says whether it corrected something."""
        hots = self._hots
        with hots.state.lock:
            due, hots.due = hots.due, set()
        if corrected:
            due |= set(self._corrected(kind))
        for key, subject in sorted(due):
            if self.spent_s > self._share * (time.monotonic() - self._began):
                with hots.state.lock:
                    hots.due.add((key, subject))
                continue
            started = time.monotonic()
            entry = hots.subjects[key].get(subject)
            if entry is not None:
                self._one(entry, key, subject)
            self.spent_s += time.monotonic() - started

    def _corrected(self, kind: str) -> Iterator[tuple[Key, str]]:
        """Of those at hand: whose older events were corrected since."""
        hots = self._hots
        corrections = hots.state.corrections(kind)
        with hots.state.lock:
            awake = [(key, subject, entry, entry.awake, entry.checked) for key, some in hots.subjects.items()
                     if key[0] == kind for subject, entry in some.items() if entry.awake is not None]  # fmt: skip
        for key, subject, entry, hot, checked in awake:
            since = corrections.since(checked)
            if hot is None or since is None or holds(hot.older.ids, since).any():
                yield key, subject
                continue
            with hots.state.lock:
                if entry.kept is hot.kept:
                    entry.checked = corrections.count

    def _one(self, entry: Subject, key: Key, subject: str) -> None:
        hots, was = self._hots, entry.awake
        with entry.bringing:
            hot = hots.brought(entry, key, subject)
        if hot is None:
            hots.make(key, subject, like=was)
        elif hot.growing.due:
            self._settle(entry, key, subject, hot)

    def _settle(self, entry: Subject, key: Key, subject: str, hot: Hot) -> None:
        with self._hots.state.lock:
            now = self._hots.state.now(key)
        settled = hot.growing.settled()
        moved, older = len(settled.older) - len(hot.growing.older), hot.older
        fresh = kernel.hash_raw(*octets_of(whole(hot.growing.recent.column("event_id").slice(0, moved))))
        some = corrected_of(fresh, hot.growing.newer.data[GONE, :moved])
        ids = np.sort(fresh)
        ids = np.insert(older.ids, np.searchsorted(older.ids, ids), ids)
        both = corrected_of(
            np.concatenate([older.corrected[0], some[0]]), np.concatenate([older.corrected[1], some[1]])
        )
        self._hots.written(entry, settled, ids, both, now, hot.corrections, hot.taken, hot, key, subject)


class Opening:
    """Takes up the files there are, while the log is read from its beginning."""

    def __init__(
        self, hots: HotSubjects, log_first: int, log_last: int, horizons: Mapping[Key, int], gone: Collection[str]
    ) -> None:
        self._hots, self._sums = hots, dict[int, int]()
        for n, kept in enumerate(hots.files.all()):
            fits = log_first - 1 <= kept.position <= log_last and kept.horizon <= horizons.get(kept.key, 0)
            if not fits or kept.subject in gone or kept.key not in hots.subjects:
                hots.files.remove(kept.name)
            else:
                hots.subjects[kept.key][kept.subject] = Subject(kept, size=kept.size, asked=n)
        self._at = {entry.kept.position for _, _, entry in self._all() if entry.kept is not None}
        self._first = min(self._at, default=log_last)

    def logged(self, sequence: int, checksum: int) -> None:
        """A record of the log."""
        if sequence in self._at:
            self._sums[sequence] = checksum

    def came(self, kind: str, events: pa.Table, sequence: int) -> None:
        """A record that the store holds, so that nobody else tells of it."""
        if sequence <= self._first:
            return
        for key, known in self._hots.subjects.items():
            if key[0] == kind and known:
                mine = events.filter(pc.is_in(events.column(key[1]), value_set=pa.array(list(known), pa.string())))
                if mine.num_rows:
                    self._hots.came(key, pack(self._hots.state.tables[key], mine), sequence)

    def finish(self, corrections: Mapping[str, Corrections]) -> None:
        """Those of another log, or whose older events were corrected since, are removed; after this they can be read."""
        for key, subject, entry in list(self._all()):
            kept = entry.kept
            assert kept is not None, "from a file"
            same = self._sums.get(kept.position, kept.logged) == kept.logged
            if same and self._hots.files.same_corrections(kept, corrections[key[0]]):
                entry.checked = corrections[key[0]].count
            else:
                self._hots.forget(key, [subject])

    def _all(self) -> Iterator[tuple[Key, str, Subject]]:
        for key, some in self._hots.subjects.items():
            for subject, entry in some.items():
                yield key, subject, entry


def anchor(hots: HotSubjects, *, everyone: bool) -> None:
    """Write the newer events once more, so that all up to now are in files and the next opening needs no older log: of those to whom
    something came, or of everyone."""
    for key, some in hots.subjects.items():
        for entry in list(some.values()):
            with hots.state.lock:
                kept, since, now = entry.kept, entry.since[:], hots.state.now(key)
            records = None if kept is None else hots.files.recent(kept)
            if kept is None or records is None or not (since or everyone):
                continue
            after = replace(kept, position=now.position, logged=now.logged)
            try:
                hots.files.write_recent(after, b"".join([records, *since]))
            except OSError:
                continue  # it stays as it is, and right
            with hots.state.lock:
                if entry.kept is kept:
                    entry.kept, entry.since, entry.rows, entry.held = after, entry.since[len(since) :], 0, 0
                    entry.awake = None
