"""Warn early: undrawn money is held back first.  At once with new activity, and every night for every standing line.

A freeze whose reason lifts by itself ends when no strategy asks for a freeze any more; every other one waits for a person.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from dandelion.app.house import House
from dandelion.app.opening import opened
from dandelion.app.usecases.decide import request_of
from dandelion.core import ConsentMissing, Erased
from dandelion.lending import Changed
from dandelion.policy import LineAction, LineState, watch
from dandelion.vault import SYSTEM, Record, Work

SUBJECTS_MAX = 100  # of one report; the others are seen at night, or when next something is reported about them
NIGHT_BATCH, NIGHT_LINES_MAX = 100, 500  # lines marked together; lines of one call: some 15 ms of processor each
LIFT = "lift"
TOLD = {"zh": "暂停的原因已经消失，可以继续支用。", "en": "What had paused drawing is over; drawing resumes."}


@dataclass(slots=True)
class Night:
    """What one call of the nightly watch did.  `unread` lines have no live consent; `left` wait for the next call."""

    watched: int = 0
    unread: int = 0
    left: int = 0
    warned: list[dict[str, Any]] = field(default_factory=list)


def watch_lines(house: House, tenant: str, subjects: Iterable[str]) -> list[dict[str, Any]]:
    """Run the warning strategies for every open line of `subjects`; returns what was done."""
    done: list[dict[str, Any]] = []
    for subject in sorted(set(subjects))[:SUBJECTS_MAX]:
        with house.vault.database.read() as connection:
            lines = house.lending.lines_of(connection, tenant, subject, house.clock.now())
        for product in sorted({line.product for line in lines}):
            done += _watch_line(house, tenant, subject, product) or []
    return done


def watch_standing(house: House, tenant: str, day: date) -> Night:
    """Look at every line that nobody has looked at for `day`, a batch a unit of work, at most `NIGHT_LINES_MAX` a call.

    A run that dies goes on where it stopped; looking twice does nothing twice.
    """
    night = Night()
    while night.watched < NIGHT_LINES_MAX:
        at_most = min(NIGHT_BATCH, NIGHT_LINES_MAX - night.watched)
        with house.vault.database.read() as connection:
            batch = house.lending.to_watch(connection, tenant, day, at_most)
        if not batch:
            return night
        unread, before = 0, len(night.warned)
        for line in batch:
            found = _watch_line(house, tenant, line.subject, line.product)
            unread += found is None
            night.warned += found or []
        with house.vault.unit_of_work(tenant) as work:
            house.lending.watched(work, [line.line_id for line in batch], day)
            counts = {"lines": len(batch), "warned": len(night.warned) - before, "unread": unread}
            work.audit(SYSTEM, "lines.watched", "night-watch", {"day": str(day), "from": batch[0].line_id, **counts})
        night.watched, night.unread = night.watched + len(batch), night.unread + unread
    with house.vault.database.read() as connection:
        night.left = house.lending.unwatched(connection, tenant, day)
    return night


def _watch_line(house: House, tenant: str, subject: str, product: str) -> list[dict[str, Any]] | None:
    """What was done to the subject's line of `product`; None where its record may not be read."""
    policy = house.policy
    if product not in policy.products:
        return []
    try:
        with opened(house, tenant, subject) as record:
            request = request_of(house, record, product)
            if request.line is None:
                return []
            thawed = replace(request, line=replace(request.line, frozen=False))  # a frozen line may come free again
            actions = watch(policy.book, policy.product(product), policy.lists, thawed)
            return _act(house, record, request.line, actions)
    except (ConsentMissing, Erased):
        return None  # without a live consent nothing is read; draws are refused anyway


def _act(house: House, record: Record, seen: LineState, actions: list[LineAction]) -> list[dict[str, Any]]:
    """Do what the strategies ask of the line as it stands now, all of it or nothing."""
    if not actions and not seen.frozen:
        return []
    freeze = next((action for action in actions if action.kind == "freeze"), None)
    done: list[dict[str, Any]] = []
    with record.unit_of_work() as work:
        work.lock(f"line:{seen.line}")
        now = house.lending.line(work.connection, record.tenant, seen.line, work.now)
        changes = house.lending.changes(work.connection, record.tenant, seen.line)
        stands = _standing_freeze(changes)
        lifts = stands is not None and _lifts(house, stands)
        if lifts and (freeze is None or not _lifts(house, freeze.reason_code)):
            assert stands is not None
            _change(house, work, record, "unfrozen", LIFT, seen.line, stands)
            stands = None
            if freeze is None:
                done.append({"line": seen.line, "kind": LIFT, **TOLD})
        if freeze is not None and stands is None:
            _change(house, work, record, "frozen", freeze.kind, seen.line, freeze.reason_code)
            done.append({"line": seen.line, "kind": freeze.kind, "zh": freeze.zh, "en": freeze.en})
        for cut in (action for action in actions if action.kind == "cut"):
            if cut.limit_fen < now.limit_fen and not _cut_stands(changes, cut.reason_code):
                _change(house, work, record, "cut", cut.kind, seen.line, cut.reason_code, cut.limit_fen)
                done.append({"line": seen.line, "kind": cut.kind, "zh": cut.zh, "en": cut.en})
    return done


def _change(
    house: House, work: Work, record: Record, change: str, kind: str, line: str, reason: str, limit_fen: int | None = None
) -> None:  # fmt: skip
    house.lending.change_limit(work, line, change, reason, limit_fen=limit_fen)
    work.audit(SYSTEM, "line.warned", record.subject, {"line": line, "kind": kind, "reason": reason})


def _standing_freeze(changes: Iterable[Changed]) -> str | None:
    """The reason of the freeze that stands, if one does."""
    last = next((step for step in reversed(list(changes)) if step.change in ("frozen", "unfrozen")), None)
    return last.reason_code if last is not None and last.change == "frozen" else None


def _lifts(house: House, reason_code: str) -> bool:
    reason = house.policy.book.reasons.get(reason_code)
    return reason is not None and reason.lifts_by_itself


def _cut_stands(changes: Iterable[Changed], reason_code: str) -> bool:
    """Whether the line was cut for this reason since it was last raised: a bad month cuts once, not at every payment."""
    since: list[Changed] = []
    for step in changes:
        since = [] if step.change == "raised" else [*since, step]
    return any(step.change == "cut" and step.reason_code == reason_code for step in since)
