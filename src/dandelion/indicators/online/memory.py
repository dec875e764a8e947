"""The state in this process: gone with it, and rebuilt from the log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from dandelion.core import TooLarge
from dandelion.indicators.online.store import STATE_BYTES_MAX, SUBJECT_BYTES_MAX, Chunks, checked_subject, must_be_at


class MemoryStore:
    """A `Store` in dictionaries.

    >>> store = MemoryStore()
    >>> store.append({"payment/payee": [("m1", b"ab")]}, after=0, position=1)
    >>> store.append({"payment/payee": [("m1", b"c")]}, after=1, position=2)
    >>> store.get_many("payment/payee", ["m1", "m2"]), store.position()
    ([b'abc', b''], 2)
    """

    lasting = False

    def __init__(self) -> None:
        self._tables: dict[str, dict[str, list[bytes]]] = {}
        self._notes: dict[str, str] = {}
        self._position = 0
        self.chunks = 0  # appended since it was last cleared

    def get_many(self, table: str, subjects: Sequence[str]) -> list[bytes]:
        states = self._tables.get(table, {})
        return [_joined(states.get(subject)) for subject in subjects]

    def put_many(self, table: str, states: Iterable[tuple[str, bytes]]) -> None:
        held = self._tables.setdefault(table, {})
        for subject, state in states:
            if state:
                held[subject] = [state]
            else:
                held.pop(subject, None)

    def append(self, chunks: Chunks, *, after: int, position: int) -> None:
        must_be_at(self._position, after)
        for table, pairs in chunks.items():
            held = self._tables.setdefault(table, {})
            for subject, chunk in pairs:
                known = held.get(subject)
                if known is None:
                    if not 0 < len(subject) <= SUBJECT_BYTES_MAX // 4:  # a character has at most 4 bytes
                        checked_subject(subject)
                    held[subject] = [chunk]
                else:
                    known.append(chunk)
                self.chunks += 1
        self._position = position

    def scan(self, table: str) -> Iterator[tuple[str, bytes]]:
        for subject, chunks in list(self._tables.get(table, {}).items()):
            yield subject, _joined(chunks)

    def drain(self) -> dict[str, list[tuple[str, bytes]]]:
        """Everything at once, for another store to append."""
        join = b"".join
        return {
            table: [(subject, chunks[0] if len(chunks) == 1 else join(chunks)) for subject, chunks in states.items()]
            for table, states in self._tables.items()
        }

    def position(self) -> int:
        return self._position

    def stamp(self, given: str) -> str:
        return self._notes.setdefault("stamp", given)

    def note(self, name: str, value: str | None = None) -> str | None:
        if value is not None:
            self._notes[f"note/{name}"] = value
        return self._notes.get(f"note/{name}")

    def clear(self) -> None:
        self._tables.clear()
        self._notes.clear()
        self._position = self.chunks = 0

    def close(self) -> None:
        self.clear()


def _joined(chunks: list[bytes] | None) -> bytes:
    """The chunks as one, kept that way."""
    if not chunks:
        return b""
    if len(chunks) > 1:
        if sum(map(len, chunks)) > STATE_BYTES_MAX:
            raise TooLarge(f"one subject's events pass {STATE_BYTES_MAX:,} bytes; give the account its own tiles",
                           field="subject")  # fmt: skip
        chunks[:] = [b"".join(chunks)]
    return chunks[0]
