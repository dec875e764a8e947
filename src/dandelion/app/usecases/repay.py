"""Repay: book money that came in; the statement shows every posting."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Any

from dandelion.app.access import Caller
from dandelion.app.answer import Answer, once
from dandelion.app.command import Command
from dandelion.app.house import House
from dandelion.app.usecases.lines import own_line
from dandelion.app.usecases.warn import watch_lines
from dandelion.vault import Work


def repay(
    house: House, caller: Caller, command: Command, line: str, amount_fen: int, source_ref: str, value_date: date | None
) -> Answer:
    """Only the lender's own systems say that money has arrived; once per `source_ref`, whatever the key."""
    caller.must_have_role("service")

    def act(work: Work) -> tuple[int, dict[str, Any]]:
        own_line(house, caller, work.connection, line)
        booked = house.lending.repay(
            work, line, amount_fen, source_ref, value_date=value_date, actor=house.actor(caller)
        )
        return 201, asdict(booked)

    with house.vault.unit_of_work(caller.tenant) as work:
        answer = once(work, command, act)
    with house.vault.database.read() as connection:
        subject = house.lending.line(connection, caller.tenant, line, house.clock.now()).subject
    watch_lines(house, caller.tenant, [subject])  # a pause for being late ends at once
    return answer


def statement(house: House, caller: Caller, line: str) -> dict[str, Any]:
    """Every posting of the line with running balances."""
    with house.vault.database.read() as connection:
        own_line(house, caller, connection, line)
        return asdict(house.lending.statement(connection, caller.tenant, line, house.clock.now()))
