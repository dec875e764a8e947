"""`Reader`: columns from a state that some process writes; `Online` is the reader that also writes."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence

import numpy.typing as npt

from dandelion.core import Conflict, Frame
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.online import reading
from dandelion.indicators.online.hot import HotSubjects
from dandelion.indicators.online.layout import Layout, Table
from dandelion.indicators.online.served import CACHED_BYTES, Blocks, Served
from dandelion.indicators.online.store import Store
from dandelion.indicators.peer_tables import PeerHistory

ERASED = "erased"  # the remark that tells other processes that somebody was erased


class Reader:
    """Reads a lasting store in any process: what the writer has flushed.

    Errors: Conflict where the store holds the state of other columns.
    """

    def __init__(
        self,
        definitions: Definitions,
        store: Store,
        *,
        columns: Sequence[str] | None = None,
        cached_bytes: int = CACHED_BYTES,
    ) -> None:
        self.definitions, self.store = definitions, store
        self.columns = None if columns is None else tuple(columns)
        self.layout = Layout.of(definitions, self.columns)
        self._state = threading.Lock()
        self._changes = 0  # counts what may make a block stale
        self._blocks = Blocks(definitions, self.columns, cached_bytes)
        self._hot: HotSubjects | None = None  # the process that writes has them
        self._known: tuple[int, str | None] = (-1, None)
        if type(self) is Reader:
            self._stamped()
            self.refresh()

    def refresh(self) -> int:
        """Take notice of what the writer flushed since; returns the store's position."""
        position, erased = self.store.position(), self.store.note(ERASED)
        if (position, erased) != self._known:
            corrections = reading.load_corrections(self.layout, self.store.get_many)
            with self._state:
                self._corrections, self._horizons = corrections, self._trimmed()
                self._changes += 1
                self._blocks.clear()
                self._position, self._known = position, (position, erased)
        return position

    @property
    def position(self) -> int:
        """Sequence number of the last batch that reads count."""
        return self._position

    def frame(
        self,
        subjects: Sequence[str],
        as_of: int | npt.ArrayLike,
        known_at: int | npt.ArrayLike | None = None,
        *,
        columns: Sequence[str] | None = None,
        granted: Collection[str] | None = None,
        related: Mapping[str, Collection[str]] | None = None,
        workers: int = 1,
        peers: PeerHistory | None = None,
    ) -> Frame:
        """One row per subject at `as_of`, from what arrived before `known_at` (None: the same instant).

        `columns` None gives those the state was opened with.  Without a grant for its data kind a column is missing and
        its catalogue entry says "not_consented"; `peers` as for `evaluate`.  Errors (BadInput): a column outside the state, or an `as_of` whose
        windows reach before what was trimmed.
        """
        return reading.frame(
            self.definitions, self.layout, self._gather, self._corrections, self._horizons, subjects, as_of,
            as_of if known_at is None else known_at, self._checked(columns), granted, related, workers, peers,
        )  # fmt: skip

    def row(self, subject: str, as_of: int, known_at: int | None = None, *, columns: Sequence[str] | None = None,
            granted: Collection[str] | None = None) -> Frame:  # fmt: skip
        """A frame of one row.  For many requests of the same columns take `serve`."""
        return self.frame([subject], as_of, known_at, columns=columns, granted=granted)

    def serve(self, columns: Sequence[str] | None = None, *, peers: PeerHistory | None = None) -> Served:
        """The same columns again and again, one subject at a time, without Arrow where the subject was read before.

        The first call works out what blocks hold for all columns of the state: some seconds where it was opened without
        `columns` and a quarter of a million are declared.

        >>> served = online.serve(["payment.received/30d/count"])       # doctest: +SKIP
        >>> served.row("m1", as_of=now)                                 # doctest: +SKIP
        array([12.], dtype=float32)
        """
        return Served(self, self._checked(columns), peers)

    def close(self) -> None:
        self.store.close()

    def _checked(self, columns: Sequence[str] | None) -> Sequence[str]:
        if columns is None:
            return tuple(self.definitions.columns) if self.columns is None else self.columns
        self.layout.covers(self.definitions, columns)
        return columns

    def _stamped(self) -> None:
        found = self.store.stamp(self.layout.stamp)
        if found != self.layout.stamp:
            raise Conflict(
                f"the store holds the state of other columns (stamp {found[:12]}, these need {self.layout.stamp[:12]}); "
                "open it with the columns it was made for, or with rebuild=True to make it anew from the log",
                field="store",
            )

    def _trimmed(self) -> dict[tuple[str, str], int]:
        return {key: int(self.store.note(f"horizon/{table.name}") or 0) for key, table in self.layout.tables.items()}

    def _gather(self, table: Table, subjects: Sequence[str]) -> list[bytes]:
        return self.store.get_many(table.name, subjects)
