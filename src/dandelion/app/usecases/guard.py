"""Guard: hold a challenger to its guardrails, and stop it where one is passed or where it cannot decide at all."""

from __future__ import annotations

import json
import logging
from dataclasses import fields
from typing import Any

from dandelion.app.house import House
from dandelion.app.usecases.publish import standing_now, stop
from dandelion.core import DAY_US, Conflict
from dandelion.lending import LineView
from dandelion.policy import Guard, Watched
from dandelion.vault import SYSTEM

log = logging.getLogger("dandelion.guard")
PAGE = 500
GUARD_EVERY = 20
LOOKED_AT_MAX = 5_000


def watched(house: House, *, lines: bool = True) -> Watched:
    """What the decisions since the challenger's salt began say of it, at most the latest 5,000; and the lines they opened."""
    now, found = standing_now(house), Watched()
    if not now.challenger:
        return found
    bounds, before = _bounds(house), None
    for _ in range(LOOKED_AT_MAX // PAGE):
        page, before = house.vault.decisions.page(house.tenant, subject=None, before=before, at_most=PAGE)
        for kept in page:
            body = json.loads(kept.body)
            told = body.get("publication")
            if told is None or told["salt"] != now.salt:
                continue
            found = found.plus(body)
            old_enough = kept.at <= house.clock.now() - bounds.lines_age_days * DAY_US
            if lines and old_enough and body["outcome"] == "approved":
                line = _opened_by(house, kept.subject, kept.decision_id)
                if line is not None:
                    late = line.days_past_due >= bounds.arrears_days or line.written_off_fen > 0
                    found = found.plus_line(told["mode"], late=late)
        if before is None or (page and page[-1].at < now.since_us):
            break
    return found.held_to(bounds)


def guard(house: House, *, lines: bool = True) -> Watched:
    """Stop the challenger where a guardrail is passed.  `lines`: look at what was repaid too, some 2 ms a line."""
    found = watched(house, lines=lines)
    if found.why:
        stop(house, SYSTEM, f"guardrail: the challenger {found.why}")
    return found


def guard_now_and_then(house: House) -> None:
    """Run the guard after every `GUARD_EVERY` decisions of this process, while a challenger stands; lines wait for the night."""
    if house.policy.rollout is not None and next(house.decisions_made) % GUARD_EVERY == 0:
        guard(house, lines=False)


def guard_at_night(house: House) -> None:
    """Run the whole guard, lines and all, while a challenger stands."""
    if house.policy.rollout is not None:
        guard(house)


def challenger_failed(house: House, error: Exception) -> None:
    """Stop a challenger that raised where the champion decided.  What it said stays in the log, only its kind on record."""
    log.error("the challenger failed where the champion decides; it is stopped", exc_info=error)
    try:
        stop(house, SYSTEM, f"guardrail: the challenger failed with {type(error).__name__}")
    except Conflict:  # somebody was quicker
        house.reload_policy()


def _opened_by(house: House, subject: str, decision_id: str) -> LineView | None:
    """The line that a decision opened, if anything was ever drawn on it."""
    with house.vault.database.read() as connection:
        for line in house.lending.lines_of(connection, house.tenant, subject, house.clock.now()):
            if line.decision_id == decision_id:
                state = house.lending.replayed(connection, house.tenant, line.line_id)
                return line if state.drawdowns or state.interest_total_fen or state.written_off_fen else None
    return None


def _bounds(house: House) -> Guard:
    told: dict[str, Any] = {f.name: getattr(house.settings.publication, f.name) for f in fields(Guard)}
    return Guard(**told)
