"""Where the state lives: one small promise, kept by memory, LMDB and Redis.

A state is a run of packed records, so stores only join, hand out and list octets.  `append` moves the store's position in
the log in the same step as the records, or before nothing at all; repeating an append changes no number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from dandelion.core import BadInput, Conflict

STATE_BYTES_MAX = 256 * 1024 * 1024  # of one subject in one table: some four million events
SUBJECT_BYTES_MAX = 256
Chunks = Mapping[str, Iterable[tuple[str, bytes]]]  # table name -> (subject, records)


class Store(Protocol):
    """Octets by (table name, subject), and how far into the log they reach.

    Errors of every method: Unavailable where the store cannot be reached or is damaged; TooLarge where it is full.
    """

    lasting: bool  # whether it is still there after the process has gone

    def get_many(self, table: str, subjects: Sequence[str]) -> list[bytes]:
        """The state of each subject, in order; ``b""`` for one without events."""
        ...

    def put_many(self, table: str, states: Iterable[tuple[str, bytes]]) -> None:
        """Replace whole states; an empty one is removed."""
        ...

    def append(self, chunks: Chunks, *, after: int, position: int) -> None:
        """Add records to the end of states and move from position `after` to `position`.

        Errors (Conflict): the store is not at `after`, because another writer moved it.
        """
        ...

    def scan(self, table: str) -> Iterator[tuple[str, bytes]]:
        """Every subject with its state, in no order that matters."""
        ...

    def position(self) -> int:
        """Sequence number of the last log record that is wholly in here; 0 for none."""
        ...

    def stamp(self, given: str) -> str:
        """The stamp this store was made with; an empty store takes the one given."""
        ...

    def note(self, name: str, value: str | None = None) -> str | None:
        """Read a small remark, or write it where a value is given."""
        ...

    def clear(self) -> None:
        """Remove everything, stamp and position included."""
        ...

    def close(self) -> None: ...


def checked_subject(subject: str) -> bytes:
    """Errors (BadInput): an id that no event can have."""
    raw = subject.encode()
    if not 0 < len(raw) <= SUBJECT_BYTES_MAX:
        raise BadInput(f"a subject's id has 1 to {SUBJECT_BYTES_MAX} bytes, not {len(raw)}", field="subject")
    return raw


def checked_tenant(tenant: str) -> str:
    if not tenant or len(tenant.encode()) > 100 or not tenant.replace("-", "").replace("_", "").isalnum():
        raise BadInput(f"tenant {tenant!r} must be letters, digits, - and _, at most 100", field="tenant")
    return tenant


def must_be_at(found: int, after: int) -> None:
    if found != after:
        raise Conflict(
            f"the store is at position {found}, not {after}: another writer moved it; one process writes a partition",
            field="store",
        )
