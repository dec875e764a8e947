"""The door to a bank rail.  A real adapter and the simulated one keep the same promise: one reference, one transfer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

SETTLED, REFUSED, PENDING = "settled", "refused", "pending"


class AnswerLost(Exception):  # noqa: N818 - it reads as what happened
    """No answer, or none that can be read: the transfer may or may not have happened.  Ask again, same reference."""


@dataclass(frozen=True, slots=True)
class TransferOrder:
    """Pay `amount_fen` to `account`.  `reference` is the idempotency key the rail keeps."""

    reference: str
    account: str
    amount_fen: int


@dataclass(frozen=True, slots=True)
class RailAnswer:
    """`settled` and `refused` are definite and never change; `pending` is not an answer yet.  `at` in UTC microseconds."""

    reference: str
    outcome: str
    amount_fen: int
    at: int
    reason: str = ""


class BankRail(Protocol):
    """What a rail must do.  Both calls may raise AnswerLost."""

    def pay(self, order: TransferOrder) -> RailAnswer:
        """Send once; the same reference again answers with what happened the first time."""
        ...

    def look_up(self, reference: str) -> RailAnswer | None:
        """What the rail knows of `reference`; None if it never heard of it."""
        ...
