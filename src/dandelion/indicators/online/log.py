"""The append-only log: every batch of new events, whole, with a checksum, on the disk before it is acknowledged.

A segment file begins with a magic word; a record is ``magic, length, sequence, kind, rows, crc32`` and then an Arrow
record batch in the contract's schema.  Sequence numbers count records from 1 without a gap.  After a crash the last
record may be torn; it was not acknowledged and is cut off.  Damage anywhere else is an error, never skipped.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from dandelion.core import BadInput, Conflict, Unavailable, arrow_schema, event_class
from dandelion.core.events import ALL_KINDS

SEGMENT_BYTES = 256 * 2**20
RECORD_BYTES_MAX = 2**31 - 1
_FILE = b"DNDLNLG1"
_HEAD = struct.Struct("<4sIQ32sHI")  # magic, length, sequence, kind, contract version, rows
_SUM = struct.Struct("<I")
_MAGIC = b"EVTS"
_HEADER = _HEAD.size + _SUM.size


@dataclass(frozen=True, slots=True)
class Entry:
    """One batch as it was logged."""

    sequence: int
    kind: str
    events: pa.Table
    checksum: int = 0


class EventLog:
    """The log in `folder`, open for writing by one process.

    Errors: Conflict where another process writes it; Unavailable where it is damaged, or after a write failed.
    """

    def __init__(self, folder: Path | str, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.folder = Path(folder)
        self._segment_bytes = segment_bytes
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = (self.folder / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise Conflict(f"another process writes the log at {folder}; one process writes a partition",
                           field="log") from None  # fmt: skip
        self._broken = False
        self._file: IO[bytes] | None = None
        self.checksum = 0  # of the record written last by this process
        self.last, self.cut_bytes = self._recover()

    @property
    def first(self) -> int:
        """Sequence number of the oldest record kept; one past the last where none is."""
        segments = self._segments()
        return _number(segments[0]) if segments else self.last + 1

    def append(self, kind: str, events: pa.Table) -> int:
        """Write one batch and force it to the disk; returns its sequence number."""
        if self._broken:
            raise Unavailable(f"a write to the log at {self.folder} failed; reopen it", field="log")
        record = _record(self.last + 1, kind, events)
        try:
            file = self._segment()
            file.write(record)
            file.flush()
            os.fsync(file.fileno())
        except OSError as error:
            self._broken = True
            raise Unavailable(f"the log at {self.folder} cannot be written ({error.strerror}); free disk and reopen",
                              field="log") from error  # fmt: skip
        self.last += 1
        self.checksum = _SUM.unpack_from(record, _HEAD.size)[0]
        return self.last

    def read(self, after: int = 0) -> Iterator[Entry]:
        """Records with a sequence number above `after`, in order."""
        segments = self._segments()
        for i, path in enumerate(segments):
            if i + 1 < len(segments) and _number(segments[i + 1]) <= after + 1:
                continue
            for record in _records(path):
                if record.sequence > after:
                    yield record.entry()

    def forget(self, upto: int) -> int:
        """Delete segments whose records are all at or below `upto`; returns the bytes freed."""
        freed = 0
        segments = self._segments()
        for path, following in itertools.pairwise(segments):
            if _number(following) - 1 > upto:
                break
            freed += path.stat().st_size
            path.unlink()
        _sync(self.folder)
        return freed

    def rewrite(self, keep: Callable[[str, pa.Table], pa.Table]) -> None:
        """Write every record again with the events that `keep` returns, under its sequence number; a segment at a time."""
        if self._file is not None:
            self._file.close()
            self._file = None
        for path in self._segments():
            part = path.with_suffix(".part")
            with part.open("wb") as file:
                file.write(_FILE)
                for record in _records(path):
                    entry = record.entry()
                    written = _record(record.sequence, record.kind, keep(entry.kind, entry.events))
                    self.checksum = _SUM.unpack_from(written, _HEAD.size)[0]
                    file.write(written)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        _sync(self.folder)

    def roll(self) -> None:
        """Begin a new segment with the next record."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self.last >= self.first:
            self._begin()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        self._lock.close()

    def _segments(self) -> list[Path]:
        return sorted(self.folder.glob("*.log"))

    def _segment(self) -> IO[bytes]:
        if self._file is not None and self._file.tell() >= self._segment_bytes:
            self._file.close()
            self._file = None
        if self._file is None:
            segments = self._segments()
            if segments and segments[-1].stat().st_size < self._segment_bytes:
                self._file = segments[-1].open("ab")
            else:
                self._begin()
        assert self._file is not None
        return self._file

    def _begin(self) -> None:
        path = self.folder / f"{self.last + 1:020d}.log"
        self._file = path.open("ab")
        if self._file.tell() == 0:
            self._file.write(_FILE)
            self._file.flush()
            os.fsync(self._file.fileno())
            _sync(self.folder)

    def _recover(self) -> tuple[int, int]:
        """(last whole record, bytes cut off the end)."""
        segments = self._segments()
        if not segments:
            return 0, 0
        path = segments[-1]
        last, end = _number(path) - 1, min(len(_FILE), path.stat().st_size)
        for record in _records(path):
            last, end = record.sequence, record.end
        cut = path.stat().st_size - end
        if cut or end < len(_FILE):
            with path.open("r+b") as file:
                file.truncate(end)
                if end < len(_FILE):
                    file.truncate(0)
                    file.write(_FILE)
                os.fsync(file.fileno())
        return last, cut


@dataclass(frozen=True, slots=True)
class _Record:
    sequence: int
    kind: str
    version: int
    rows: int
    body: Any
    end: int
    checksum: int

    def entry(self) -> Entry:
        if self.kind not in ALL_KINDS or self.version != event_class(self.kind).VERSION:
            raise Unavailable(f"log record {self.sequence} holds {self.kind} events of version {self.version}, which this "
                              "release does not read; rebuild the state from the vault", field="log")  # fmt: skip
        batch = pa.ipc.read_record_batch(pa.py_buffer(self.body), arrow_schema(self.kind))
        return Entry(self.sequence, self.kind, pa.Table.from_batches([batch]), self.checksum)


def _records(path: Path) -> Iterator[_Record]:
    """Whole records of a segment.  Errors (Unavailable): one that is not whole, unless it is the end of the log."""
    with path.open("rb") as file:
        start = file.read(len(_FILE))
        if start != _FILE:
            if len(start) == len(_FILE):
                raise Unavailable(f"{path} is not a log of events; restore it or rebuild from the vault", field="log")
            return
        expected, end = _number(path), len(_FILE)
        while True:
            head = file.read(_HEADER)
            if not head:
                return
            record = _parse(head, file, expected, end)
            if record is None:
                if any(_number(other) > expected for other in path.parent.glob("*.log")):
                    raise _damaged(path, end)
                _not_whole_after(path, end, expected)
                return
            yield record
            expected, end = expected + 1, record.end


def _parse(head: bytes, file: IO[bytes], expected: int, at: int) -> _Record | None:
    if len(head) < _HEADER:
        return None
    magic, length, sequence, kind, version, rows = _HEAD.unpack_from(head)
    if magic != _MAGIC or sequence != expected or length > RECORD_BYTES_MAX:
        return None
    body = file.read(length)
    found = zlib.crc32(body, zlib.crc32(head[: _HEAD.size]))
    if len(body) < length or found != _SUM.unpack_from(head, _HEAD.size)[0]:
        return None
    return _Record(sequence, kind.rstrip(b"\x00").decode(), version, rows, body, at + _HEADER + length, found)


def _not_whole_after(path: Path, end: int, expected: int) -> None:
    """A torn end has nothing whole behind it.  Errors (Unavailable): something has, so this is damage."""
    with path.open("rb") as file:
        file.seek(end + 1)
        rest = file.read()
    at = rest.find(_MAGIC)
    while at >= 0:
        with path.open("rb") as file:
            file.seek(end + 1 + at)
            head = file.read(_HEADER)
            later = _HEAD.unpack_from(head)[2] if len(head) == _HEADER else 0
            if later > expected and _parse(head, file, later, 0) is not None:
                raise _damaged(path, end)
        at = rest.find(_MAGIC, at + 1)


def _damaged(path: Path, at: int) -> Unavailable:
    return Unavailable(f"the log is damaged at byte {at:,} of {path}, with whole records behind it; restore that file "
                       "from a copy, or rebuild the state from the vault", field="log")  # fmt: skip


def _record(sequence: int, kind: str, events: pa.Table) -> bytes:
    """One batch as octets, head and checksum first.  Errors (BadInput): it is too large for one record."""
    batches = events.cast(arrow_schema(kind)).combine_chunks().to_batches()
    batch = batches[0] if batches else pa.RecordBatch.from_pylist([], schema=arrow_schema(kind))
    body = bytes(batch.serialize())
    if len(body) > RECORD_BYTES_MAX:
        raise BadInput(f"{events.num_rows:,} events in one batch; send fewer at a time", field="events")
    head = _HEAD.pack(_MAGIC, len(body), sequence, kind.encode(), event_class(kind).VERSION, events.num_rows)
    return b"".join([head, _SUM.pack(zlib.crc32(body, zlib.crc32(head))), body])


def _number(path: Path) -> int:
    return int(path.stem)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
