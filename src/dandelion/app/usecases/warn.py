"""Warn early: new activity may cut or freeze an open line at once; undrawn money is held back first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dandelion.app.house import House
from dandelion.app.opening import opened
from dandelion.app.usecases.decide import request_of
from dandelion.core import ConsentMissing, Erased
from dandelion.lending.steps import Changed
from dandelion.lending.store import steps_of
from dandelion.policy import watch
from dandelion.vault import SYSTEM, Work

CHANGE = {"freeze": "frozen", "cut": "cut"}
SUBJECTS_MAX = 100  # of one report; the rest is seen when next something is reported about them


def watch_lines(house: House, tenant: str, subjects: Iterable[str]) -> list[dict[str, Any]]:
    """Run the warning strategies for every open line of `subjects`; returns what was done."""
    done: list[dict[str, Any]] = []
    for subject in sorted(set(subjects))[:SUBJECTS_MAX]:
        with house.vault.database.read() as connection:
            lines = house.lending.lines_of(connection, tenant, subject, house.clock.now())
        for line in lines:
            if line.product in house.policy.products and line.status == "active":
                done += _watch_line(house, tenant, subject, line.product)
    return done


def _cut_stands(work: Work, line: str, reason_code: str) -> bool:
    """Whether the line was cut for this reason since it was last raised: a bad month cuts once, not at every payment."""
    changes = [s for s in steps_of(work.connection, work.tenant, line) if isinstance(s, Changed)]
    raised = max((n for n, s in enumerate(changes) if s.change == "raised"), default=-1)
    return any(s.change == "cut" and s.reason_code == reason_code for s in changes[raised + 1 :])


def _watch_line(house: House, tenant: str, subject: str, product: str) -> list[dict[str, Any]]:
    policy, done = house.policy, []
    try:
        with opened(house, tenant, subject) as record:
            actions = watch(policy.book, policy.product(product), policy.lists, request_of(house, record, product))
            for action in actions:
                with record.unit_of_work() as work:
                    if action.kind == "cut" and _cut_stands(work, action.line, action.reason_code):
                        continue
                    limit_fen = action.limit_fen if action.kind == "cut" else None
                    house.lending.change_limit(
                        work, action.line, CHANGE[action.kind], action.reason_code, limit_fen=limit_fen
                    )
                    detail = {"line": action.line, "kind": action.kind, "reason": action.reason_code}
                    work.audit(SYSTEM, "line.warned", subject, detail)
                done.append({"line": action.line, "kind": action.kind, "zh": action.zh, "en": action.en})
    except (ConsentMissing, Erased):
        return done  # without a live consent nothing is read; draws are refused anyway
    return done
