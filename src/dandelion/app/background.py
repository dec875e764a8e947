"""What goes on between requests: payouts are sent as soon as they are wanted, and again until the rail answers; the
database's log is carried over, so that no request waits for that."""

from __future__ import annotations

import logging
import threading

from dandelion.app.house import House
from dandelion.lending import PayoutWorker

log = logging.getLogger("dandelion.background")
IDLE_S = 0.25  # a row given back for a retry waits at most this long past its time
CARRY_OVER_S = 1.0


class Background:
    """One thread that drains the payout outbox.  `stop` waits for the payout in hand."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._worker = PayoutWorker(house.vault, house.lending, house.rail, lease_s=5)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="payouts", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._house.payout_wanted.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        wanted = self._house.payout_wanted
        while not self._stopping.is_set():
            wanted.wait(IDLE_S)
            wanted.clear()
            try:
                run = self._worker.run_once(tenant=self._house.tenant)
            except Exception:  # the database may be away for a moment; the outbox keeps what is owed
                log.exception("payout pass failed; trying again")
                self._stopping.wait(1.0)
                continue
            for result, count in (("settled", run.settled), ("again", run.again), ("held", run.held)):
                if count:
                    self._house.measures.payouts.labels(result).inc(count)


class CarryingOver:
    """One thread that empties SQLite's log into the file every second; see `Database.carry_over`."""

    def __init__(self, house: House, every_s: float = CARRY_OVER_S) -> None:
        self._house, self._every_s = house, every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="carry-over", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            try:
                self._house.vault.database.carry_over()
            except Exception:  # the log waits; at its bound a commit carries it over
                log.exception("the database's log could not be carried over; trying again")
