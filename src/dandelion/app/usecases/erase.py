"""Erase: forget a subject; what is owed and what the law keeps stays, pseudonymous."""

from __future__ import annotations

from dataclasses import asdict

from dandelion.app.access import Caller
from dandelion.app.answer import Answer, once, told_before
from dandelion.app.command import Command
from dandelion.app.house import House
from dandelion.core import NotAllowed


def erase(house: House, caller: Caller, command: Command, subject: str) -> Answer:
    """By the subject itself, or by an operator on its written wish."""
    if not (caller.role == "merchant" and caller.subject == subject) and caller.role != "operator":
        raise NotAllowed("only the subject itself or an operator may erase it", field="subject")

    if (stored := told_before(house, caller, command)) is not None:
        return stored
    report = house.vault.erase(caller.tenant, subject, actor=house.actor(caller))  # twice is harmless
    with house.vault.unit_of_work(caller.tenant) as work:
        return once(work, command, lambda _work: (200, asdict(report)))
