"""Contest: a person looks again; the decision stays as it was, the person's answer stands beside it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from dandelion.app.access import Caller
from dandelion.app.answer import Answer, once
from dandelion.app.command import Command
from dandelion.app.house import House
from dandelion.core import BadInput, Conflict, NotFound
from dandelion.policy.rulings import is_ruling
from dandelion.vault import Work, contests


@dataclass(frozen=True, slots=True)
class Resolution:
    """`overturned` names the limit and rate the person grants; `upheld` names neither."""

    outcome: str
    note: str
    limit_fen: int | None = None
    rate_ppm: int | None = None


def open_contest(house: House, caller: Caller, command: Command, decision: str, statement: str) -> Answer:
    """The merchant contests its own decision."""
    caller.must_have_role("merchant")
    kept = house.vault.decisions.get(caller.tenant, decision)
    if kept.subject != caller.subject:
        raise NotFound(f"there is no decision {decision} of yours", field="decision")
    if is_ruling(json.loads(kept.body)):
        raise Conflict("a ruling offers nothing yet; contest the decision you were told", field="decision")

    def act(work: Work) -> tuple[int, dict[str, Any]]:
        made = contests.open_contest(work, decision, caller.subject, statement, house.actor(caller))
        return 201, {"contest": made.contest_id, "decision": decision, "status": "open"}

    with house.vault.unit_of_work(caller.tenant) as work:
        return once(work, command, act)


def resolve(house: House, caller: Caller, command: Command, contest_id: str, answer: Resolution) -> Answer:
    """An analyst upholds, or overturns with an offer inside product and law; then the line is opened or raised."""
    caller.must_have_role("analyst")
    if (answer.outcome == "overturned") != (answer.limit_fen is not None and answer.rate_ppm is not None):
        raise BadInput("give limit_fen and rate_ppm exactly when the outcome is overturned", field="limit_fen")

    def act(work: Work) -> tuple[int, dict[str, Any]]:
        found = contests.resolve(work, contest_id, answer.outcome, answer.note, house.actor(caller))
        line = None
        if answer.outcome == "overturned":
            assert answer.limit_fen is not None and answer.rate_ppm is not None
            line = _grant(house, caller, work, found, answer.limit_fen, answer.rate_ppm)
        told = asdict(found)
        return 201, {
            "contest": told["contest_id"],
            "decision": told["decision_id"],
            "outcome": answer.outcome,
            "line": line,
        }

    with house.vault.unit_of_work(caller.tenant) as work:
        return once(work, command, act)


def _grant(house: House, caller: Caller, work: Work, found: contests.Contest, limit_fen: int, rate_ppm: int) -> str:
    """Open the line a person grants.  The product's and the licence's ceilings bind a person too."""
    body = json.loads(house.vault.decisions.get(caller.tenant, found.decision_id).body)
    product = house.policy.product(body["product"])
    ceiling_fen = min(product.limit_max_fen, product.licence_max_fen.get(house.licence, 0))
    if limit_fen > ceiling_fen:
        raise BadInput(f"limit_fen is {limit_fen}; {product.id} goes up to {ceiling_fen}", field="limit_fen")
    cap_ppm = product.licence_rate_cap_ppm.get(house.licence, 0)
    if rate_ppm > cap_ppm:
        raise BadInput(f"rate_ppm is {rate_ppm}; {product.id} goes up to {cap_ppm}", field="rate_ppm")
    lines = house.lending.lines_of(work.connection, caller.tenant, found.subject, work.now)
    if any(line.product == product.id for line in lines):
        raise Conflict("this merchant has a line of the product already; change its limit instead", field="product")
    opened = house.lending.open_line(
        work, subject=found.subject, product=product.id, decision_id=found.decision_id, limit_fen=limit_fen,
        rate_ppm=rate_ppm, licence_type=house.licence, actor=house.actor(caller),
    )  # fmt: skip
    return opened.line_id
