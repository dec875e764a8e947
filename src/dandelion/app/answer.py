"""How a write is answered: once, stored with its effects, the same bytes for every repetition."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dandelion.app.access import Caller
from dandelion.app.command import Command
from dandelion.vault import Work

if TYPE_CHECKING:  # the house itself hands out answers
    from dandelion.app.house import House

Act = Callable[[Work], tuple[int, dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status and the JSON bytes that were stored under the command's key."""

    status: int
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def told_before(house: House, caller: Caller, command: Command) -> Answer | None:
    """The stored answer of a repeated command, before anything is read or limited.  Errors: Conflict for a reused key."""
    with house.vault.unit_of_work(caller.tenant) as work:
        stored = work.seen(command.key, command.request_hash)
    return None if stored is None else Answer(stored.status, stored.body)


def once(work: Work, command: Command, act: Act) -> Answer:
    """Run `act` inside `work` unless the command was answered before.  Errors: Conflict for a reused key."""
    stored = work.seen(command.key, command.request_hash)
    if stored is not None:
        return Answer(stored.status, stored.body)
    status, plain = act(work)
    body = json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode()
    work.answer(command.key, command.request_hash, status, body)
    return Answer(status, body)
