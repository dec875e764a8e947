"""What goes on between requests: payouts are sent as soon as they are wanted, and again until the rail answers."""

from __future__ import annotations

import logging
import threading

from dandelion.app.house import House
from dandelion.lending import PayoutWorker

log = logging.getLogger("dandelion.background")
IDLE_S = 0.25  # a row given back for a retry waits at most this long past its time


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
