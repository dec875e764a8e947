"""A simulated bank rail.  It is the outside world: its books live in a SQLite file of its own and survive our crashes.

It keeps a real rail's promise (one reference, one transfer) and has a real rail's faults, drawn from a seed and the
reference so that a run can be repeated: slow answers, answers lost after the money has moved, answers lost before it
has, refusals for good, and callbacks delivered more than once.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dandelion.core import PPM, BadInput, Clock, SystemClock
from dandelion.lending.rail import REFUSED, SETTLED, AnswerLost, RailAnswer, TransferOrder

_SCHEMA = """
CREATE TABLE IF NOT EXISTS transfers (
    reference TEXT PRIMARY KEY, account TEXT NOT NULL, amount_fen INTEGER NOT NULL, outcome TEXT NOT NULL,
    at INTEGER NOT NULL, reason TEXT NOT NULL, tries INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS tries (reference TEXT PRIMARY KEY, n INTEGER NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Faults:
    """Shares of calls in parts per million, and the longest delay of an answer."""

    lost_after_ppm: int = 0
    lost_before_ppm: int = 0
    refused_ppm: int = 0
    repeated_callback_ppm: int = 0
    delay_us_max: int = 0

    @classmethod
    def rough(cls) -> Faults:
        """A bad day: what tests and the demo run against."""
        return cls(250_000, 150_000, 50_000, 300_000, 2_000)


class SimulatedRail:
    """A `BankRail` on a file.  Any number of threads and processes may use one file."""

    def __init__(self, path: Path, *, seed: int = 0, faults: Faults | None = None, clock: Clock | None = None) -> None:
        self._path = path
        self._seed = seed
        self._faults = faults if faults is not None else Faults()
        self._clock = clock if clock is not None else SystemClock()
        self._local = threading.local()
        with self._books() as books:
            books.execute("PRAGMA journal_mode=WAL")
            books.executescript(_SCHEMA)

    def pay(self, order: TransferOrder) -> RailAnswer:
        """Move the money once per reference.  AnswerLost before or after it moved; BadInput if a reference is reused."""
        if order.amount_fen <= 0:
            raise BadInput(f"amount_fen is {order.amount_fen}; a transfer moves more than nothing", field="amount_fen")
        attempt = self._count_try(order.reference)
        self._wait(order.reference, attempt)
        if self._chance("before", order.reference, attempt) < self._faults.lost_before_ppm:
            raise AnswerLost("the request never reached the bank")
        with self._books() as books:
            books.execute("BEGIN IMMEDIATE")
            self._settle(books, order)
            answer = self._known(books, order.reference)
        assert answer is not None, order
        if answer.amount_fen != order.amount_fen:
            raise BadInput(f"reference {order.reference} was used for {answer.amount_fen} fen", field="reference")
        if self._chance("after", order.reference, attempt) < self._faults.lost_after_ppm:
            raise AnswerLost("the bank answered and the answer was lost")
        return answer

    def look_up(self, reference: str) -> RailAnswer | None:
        with self._books() as books:
            return self._known(books, reference)

    def callbacks(self, since_us: int = 0) -> list[RailAnswer]:
        """Answers as the bank pushes them, oldest first, some of them twice."""
        with self._books() as books:
            rows = books.execute(
                "SELECT reference, outcome, amount_fen, at, reason FROM transfers WHERE at >= ? ORDER BY at, reference",
                (since_us,),
            ).fetchall()
        answers = [RailAnswer(*row) for row in rows]
        share = self._faults.repeated_callback_ppm
        return [a for a in answers for _ in range(1 + (self._chance("callback", a.reference, 0) < share))]

    def balance(self, account: str) -> int:
        """Fen this rail has paid out to an account: the oracle's side of the books."""
        with self._books() as books:
            query = "SELECT COALESCE(SUM(amount_fen), 0) FROM transfers WHERE account = ? AND outcome = ?"
            return int(books.execute(query, (account, SETTLED)).fetchone()[0])

    def transfers(self) -> list[tuple[TransferOrder, RailAnswer]]:
        """Every transfer the rail has decided, by reference."""
        query = "SELECT reference, account, amount_fen, outcome, at, reason FROM transfers ORDER BY reference"
        with self._books() as books:
            rows = books.execute(query).fetchall()
        return [(TransferOrder(r[0], r[1], r[2]), RailAnswer(r[0], r[3], r[2], r[4], r[5])) for r in rows]

    def _settle(self, books: sqlite3.Connection, order: TransferOrder) -> None:
        refused = self._chance("refuse", order.reference, 0) < self._faults.refused_ppm
        outcome, reason = (REFUSED, "account closed") if refused else (SETTLED, "")
        books.execute(
            "INSERT OR IGNORE INTO transfers VALUES (?, ?, ?, ?, ?, ?, 0)",
            (order.reference, order.account, order.amount_fen, outcome, self._clock.now(), reason),
        )

    def _known(self, books: sqlite3.Connection, reference: str) -> RailAnswer | None:
        query = "SELECT reference, outcome, amount_fen, at, reason FROM transfers WHERE reference = ?"
        row = books.execute(query, (reference,)).fetchone()
        return None if row is None else RailAnswer(*row)

    def _count_try(self, reference: str) -> int:
        with self._books() as books:
            query = "INSERT INTO tries VALUES (?, 1) ON CONFLICT (reference) DO UPDATE SET n = n + 1 RETURNING n"
            return int(books.execute(query, (reference,)).fetchone()[0])

    def _chance(self, what: str, reference: str, attempt: int) -> int:
        """A number in [0, 1,000,000) that is the same for the same seed, question, reference and attempt."""
        digest = hashlib.blake2b(f"{self._seed}|{what}|{reference}|{attempt}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") % PPM

    def _wait(self, reference: str, attempt: int) -> None:
        if self._faults.delay_us_max:
            time.sleep(self._chance("delay", reference, attempt) * self._faults.delay_us_max / PPM / 1e6)

    @contextmanager
    def _books(self) -> Iterator[sqlite3.Connection]:
        """This thread's connection; what was begun is committed, or rolled back if something was raised."""
        books: sqlite3.Connection | None = getattr(self._local, "books", None)
        if books is None:
            books = self._local.books = sqlite3.connect(self._path, timeout=30, isolation_level=None)
            books.execute("PRAGMA synchronous=NORMAL")  # in WAL this survives a killed process, which is what we kill
        try:
            yield books
            if books.in_transaction:
                books.execute("COMMIT")
        finally:
            if books.in_transaction:
                books.execute("ROLLBACK")
