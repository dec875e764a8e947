"""The payout worker: takes outbox rows, pays once each, books the rail's definite answer.  Safe to kill at any moment.

The payout id is the rail's idempotency reference.  An ambiguous answer is never booked: the row comes back after a pause,
the rail is asked what it knows, and only then the same order goes out again under the same reference.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass

from dandelion.core import SECOND_US, DandelionError, NotFound, Unavailable
from dandelion.lending.drawing import TOPIC
from dandelion.lending.lending import Lending
from dandelion.lending.rail import PENDING, AnswerLost, BankRail, RailAnswer, TransferOrder
from dandelion.vault import OutboxRow, Vault

log = logging.getLogger(__name__)
PAUSE_S, PAUSE_MAX_S, HELD_S = 1, 300, 3600


@dataclass(frozen=True, slots=True)
class PayoutRun:
    """What one pass did: settled (paid or failed), to be asked again, and held for a person."""

    settled: int
    again: int
    held: int


class PayoutWorker:
    """One pass at a time with :meth:`run_once`; any number of workers may run beside each other."""

    def __init__(self, vault: Vault, lending: Lending, rail: BankRail, *, lease_s: int = 60) -> None:
        self._vault = vault
        self._lending = lending
        self._rail = rail
        self._lease_s = lease_s

    def run_once(self, limit: int = 100, *, tenant: str | None = None) -> PayoutRun:
        """Carry out what is due, up to `limit` payouts.  Rail trouble never raises; it is tried again later."""
        settled = again = held = 0
        for row in self._vault.outbox.claim(TOPIC, limit, self._lease_s, tenant=tenant):
            answer = self._answer(row)
            if answer is None or answer.outcome == PENDING:
                pause = min(PAUSE_S * 2 ** min(row.attempts - 1, 16), PAUSE_MAX_S)
                self._again(row, pause)
                again += 1
                continue
            try:
                with self._vault.unit_of_work(row.tenant) as work:
                    self._lending.payout_result(work, str(row.payload["payout"]), answer)
            except Unavailable:
                self._again(row, PAUSE_S)
                again += 1
                continue
            except DandelionError as fault:  # a contradiction, or rules that are gone: a person looks, others go on
                log.error("payout %s held: %s", row.payload["payout"], fault.message)
                self._again(row, HELD_S)
                held += 1
                continue
            self._vault.outbox.done(row)
            settled += 1
        return PayoutRun(settled, again, held)

    def _again(self, row: OutboxRow, pause_s: int) -> None:
        with suppress(NotFound):  # another worker, taking over after our lease, has finished it meanwhile
            self._vault.outbox.retry(row, self._vault.clock.now() + pause_s * SECOND_US)

    def _answer(self, row: OutboxRow) -> RailAnswer | None:
        """The rail's answer, or None while there is none.  A row taken before is looked up before it is sent again."""
        order = TransferOrder(str(row.payload["payout"]), str(row.payload["account"]), int(row.payload["amount_fen"]))
        try:
            if row.attempts > 1:
                known = self._rail.look_up(order.reference)
                if known is not None:
                    return known
            return self._rail.pay(order)
        except AnswerLost:
            return None
        except Exception:  # whatever an adapter raises, the money may have moved: never a definite answer
            log.exception("the rail failed on payout %s; asking again", order.reference)
            return None
