"""The state in LMDB: one folder, one writer, any number of reading processes.

An append adds one small key per touched subject and never rewrites what is there; `put_many` joins them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any

import lmdb

from dandelion.core import TooLarge, Unavailable
from dandelion.indicators.online.store import SUBJECT_BYTES_MAX, Chunks, checked_subject, checked_tenant, must_be_at

MAP_BYTES = 64 * 2**30  # address space, not disk: the file grows as it is used
PUTS_AT_ONCE = 200_000  # bounds the pages one transaction holds in memory
_SEQUENCE = 8


class LmdbStore:
    """A `Store` in the folder `path`.  `map_bytes` bounds its file.  Errors: Unavailable, TooLarge when full."""

    lasting = True

    def __init__(self, path: Path | str, tenant: str, *, map_bytes: int = MAP_BYTES, readonly: bool = False) -> None:
        self._prefix = checked_tenant(tenant).encode() + b"\x00"
        self._path, self._map_bytes = Path(path), map_bytes
        try:
            self._env = lmdb.open(
                str(path), map_size=map_bytes, readonly=readonly, create=not readonly, readahead=False, max_readers=512
            )
        except lmdb.Error as error:
            raise Unavailable(f"the store at {path} does not open ({error}); check the folder and that no other "
                              "part of this process has it open", field="store") from error  # fmt: skip

    def get_many(self, table: str, subjects: Sequence[str]) -> list[bytes]:
        out = []
        with self._reading() as transaction:
            cursor = transaction.cursor()
            for subject in subjects:
                prefix = self._key(table, subject)
                out.append(b"".join(value for _, value in _run(cursor, prefix)))
        return out

    def put_many(self, table: str, states: Iterable[tuple[str, bytes]]) -> None:
        for some in _portions(states):
            with self._writing() as transaction:
                cursor = transaction.cursor()
                for subject, state in some:
                    prefix = self._key(table, subject)
                    for key in [bytes(key) for key, _ in _run(cursor, prefix)]:
                        transaction.delete(key)
                    if state:
                        transaction.put(prefix + bytes(_SEQUENCE), state)

    def append(self, chunks: Chunks, *, after: int, position: int) -> None:
        sequence = position.to_bytes(_SEQUENCE, "big")
        place = self._prefix + b"\x00position"
        for table, pairs in chunks.items():
            start, end = self._prefix + table.encode() + b"\x00", b"\x00" + sequence
            ordered = sorted(pairs, key=itemgetter(0))
            for subject in [subject for subject, _ in ordered if not 0 < len(subject) <= SUBJECT_BYTES_MAX // 4]:
                checked_subject(subject)
            for i in range(0, len(ordered), PUTS_AT_ONCE):
                some = [(start + subject.encode() + end, chunk) for subject, chunk in ordered[i : i + PUTS_AT_ONCE]]
                with self._writing() as transaction:
                    must_be_at(int(transaction.get(place, b"0")), after)
                    transaction.cursor().putmulti(some)
        with self._writing() as transaction:
            must_be_at(int(transaction.get(place, b"0")), after)
            transaction.put(place, str(position).encode())

    def scan(self, table: str) -> Iterator[tuple[str, bytes]]:
        start = self._prefix + table.encode() + b"\x00"
        with self._reading() as transaction:
            cursor = transaction.cursor()
            found = cursor.set_range(start)
            whose = b""
            parts: list[bytes] = []
            while found and cursor.key().startswith(start):
                subject = cursor.key()[len(start) : -_SEQUENCE - 1]
                if subject != whose and parts:
                    yield whose.decode(), b"".join(parts)
                    parts = []
                whose = subject
                parts.append(cursor.value())
                found = cursor.next()
            if parts:
                yield whose.decode(), b"".join(parts)

    def position(self) -> int:
        with self._reading() as transaction:
            return int(transaction.get(self._prefix + b"\x00position", b"0"))

    def stamp(self, given: str) -> str:
        with self._reading() as transaction:
            found = transaction.get(self._prefix + b"\x00stamp")
        if found is None and not self._env.flags()["readonly"]:
            with self._writing() as transaction:
                transaction.put(self._prefix + b"\x00stamp", given.encode())
        return given if found is None else bytes(found).decode()

    def note(self, name: str, value: str | None = None) -> str | None:
        key = self._prefix + b"\x00note/" + name.encode()
        if value is not None:
            with self._writing() as transaction:
                transaction.put(key, value.encode())
            return value
        with self._reading() as transaction:
            found = transaction.get(key)
        return None if found is None else bytes(found).decode()

    def clear(self) -> None:
        with self._writing() as transaction:
            cursor = transaction.cursor()
            found = cursor.set_range(self._prefix)
            while found and cursor.key().startswith(self._prefix):
                found = cursor.delete()

    def close(self) -> None:
        self._env.close()

    def _key(self, table: str, subject: str) -> bytes:
        return self._prefix + table.encode() + b"\x00" + checked_subject(subject) + b"\x00"

    @contextmanager
    def _reading(self) -> Iterator[Any]:
        try:
            with self._env.begin(buffers=False) as transaction:
                yield transaction
        except lmdb.Error as error:
            raise Unavailable(f"the store at {self._path} cannot be read: {error}", field="store") from error

    @contextmanager
    def _writing(self) -> Iterator[Any]:
        try:
            with self._env.begin(write=True) as transaction:
                yield transaction
        except (lmdb.MapFullError, lmdb.DiskError) as error:
            raise TooLarge(f"the store at {self._path} is full at {self._map_bytes:,} bytes or its disk is; free disk, or "
                           "open it with more map_bytes", field="store") from error  # fmt: skip
        except lmdb.Error as error:
            raise Unavailable(f"the store at {self._path} cannot be written: {error}", field="store") from error


def _run(cursor: Any, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of one subject.  A longer subject's keys may fall between; they have another length."""
    found = cursor.set_range(prefix)
    while found:
        key = cursor.key()  # by itself: the value behind another's key may be large
        if not key.startswith(prefix):
            return
        if len(key) == len(prefix) + _SEQUENCE:
            yield key, cursor.value()
        found = cursor.next()


def _portions(pairs: Iterable[tuple[Any, bytes]]) -> Iterator[list[tuple[Any, bytes]]]:
    some: list[tuple[Any, bytes]] = []
    for pair in pairs:
        some.append(pair)
        if len(some) == PUTS_AT_ONCE:
            yield some
            some = []
    if some:
        yield some
