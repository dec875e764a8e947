"""Draw: conditions met, one balanced posting and one outbox row; the payout worker sends the money."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from dandelion.app.access import Caller
from dandelion.app.answer import Answer, once
from dandelion.app.command import Command
from dandelion.app.house import House
from dandelion.app.opening import opened
from dandelion.app.usecases.collect import progress_of, shown
from dandelion.app.usecases.lines import own_line
from dandelion.core import ConsentMissing, Erased, NotFound
from dandelion.lending import LineView
from dandelion.vault import Work


def draw(house: House, caller: Caller, command: Command, line: str, amount_fen: int) -> Answer:
    """Errors: NotAllowed, NotFound, ConditionUnmet (names which; a missing consent too), Conflict (too little available)."""
    caller.must_have_role("merchant")
    house.limits.take("draw", caller.tenant, caller.subject)

    def act(work: Work) -> tuple[int, dict[str, Any]]:
        own_line(house, caller, work.connection, line)
        made = house.lending.draw(work, line, amount_fen, command.key, actor=house.actor(caller))
        return 201, {
            "drawdown": made.drawdown_id, "line": line, "amount_fen": made.amount_fen, "payout": made.payout_id,
            "payout_status": made.payout_status,
        }  # fmt: skip

    with house.vault.unit_of_work(caller.tenant) as work:
        answer = once(work, command, act)
    house.payout_wanted.set()
    return answer


def status(house: House, caller: Caller, drawdown: str) -> dict[str, Any]:
    """Where one drawdown stands, and its payout."""
    with house.vault.database.read() as connection:
        found = house.lending.drawdown(connection, caller.tenant, drawdown)
        if caller.role == "merchant" and found.subject != caller.subject:
            raise NotFound(f"there is no drawdown {drawdown} of yours", field="drawdown")
    return asdict(found)


def line(house: House, caller: Caller, line_id: str) -> dict[str, Any]:
    """The line as its owner sees it: what may be drawn, what is owed, when."""
    with house.vault.database.read() as connection:
        found = own_line(house, caller, connection, line_id)
        open_conditions = [c for c in house.lending.conditions(connection, caller.tenant, line_id) if not c.met]
    return {
        **asdict(found),
        "owed_fen": found.payoff_fen,
        "progress": _progress(house, caller, found),
        "before_a_draw": [{"condition": c.name, "what_to_do": c.what_to_do} for c in open_conditions],
    }


def _progress(house: House, caller: Caller, found: LineView) -> dict[str, Any] | None:
    """Progress towards the next raise, while a consent lets us look."""
    if house.policy.product(found.product).collect_more is None:
        return None
    try:
        with opened(house, caller.tenant, found.subject) as record:
            return shown(progress_of(house, record, found))
    except (ConsentMissing, Erased):
        return None
