"""After the line is open: early warning (cut, freeze) at once, and the raise on its day with affordability run again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dandelion.core import PPM, BadInput
from dandelion.policy.book import Book
from dandelion.policy.decide import Decision, bits_of, decide
from dandelion.policy.facts import DecisionInput, LineState
from dandelion.policy.judge import case_of
from dandelion.policy.lists import Lists
from dandelion.policy.product import Product
from dandelion.policy.progress import Progress, rule_of
from dandelion.policy.strategy import Strategy

FREEZE, CUT, RAISE, NONE = "freeze", "cut", "raise", "none"


@dataclass(frozen=True, slots=True)
class LineAction:
    """What should happen to a line.  `limit_fen` is the limit after it; `body` is fit for canonical JSON and audit."""

    kind: str
    line: str
    limit_fen: int
    reason_code: str
    zh: str
    en: str
    body: Mapping[str, Any]


def watch(book: Book, product: Product, lists: Lists, request: DecisionInput) -> list[LineAction]:
    """Early-warning actions for the line in `request`: at most one freeze and one cut, the freeze first.

    Cuts multiply and the lowest cap holds; the limit never rises here and never falls below the principal owed, so that
    undrawn money is held back first.  Errors: BadInput where the request names no line.
    """
    line = _line_of(request)
    live, _ = book.meeting(product.id, request.as_of, request.tenant, request.entity)
    case = case_of(book, product, lists, request)
    fired = live.fired(live.codes(case.row()), "warning")
    values = {alias: bits_of(case.columns[alias]) for s in fired for alias in s.aliases & book.columns.keys()}
    return _actions(book, product, line, fired, {"as_of": request.as_of, "columns": values, "book": book.hash})


def _actions(
    book: Book, product: Product, line: LineState, fired: list[Strategy], context: Mapping[str, Any]
) -> list[LineAction]:
    out = []
    freezes = [s for s in fired if s.action.kind == "freeze"]
    if freezes and not line.frozen:
        out.append(_action(book, FREEZE, line, line.limit_fen, freezes, context))
    cuts = [s for s in fired if s.action.kind in ("limit_times_ppm", "limit_cap_fen")]
    target = line.limit_fen
    for strategy in cuts:
        if strategy.action.kind == "limit_cap_fen":
            target = min(target, strategy.action.amount)
        else:
            target = min(target, target * strategy.action.amount // PPM)
    target = max(product.snap(target), line.principal_fen)
    if cuts and target < line.limit_fen:
        out.append(_action(book, CUT, line, target, cuts, context))
    return out


def _action(
    book: Book, kind: str, line: LineState, limit_fen: int, because: list[Strategy], context: Mapping[str, Any]
) -> LineAction:
    reason = book.reasons[because[0].reason]
    body = {
        **context, "kind": kind, "line": line.line, "limit_before_fen": line.limit_fen, "limit_fen": limit_fen,
        "reason": reason.code, "strategies": [strategy.id for strategy in because],
    }  # fmt: skip
    own = because[0] if because[0].zh else reason
    return LineAction(kind, line.line, limit_fen, reason.code, own.zh, own.en, body)


@dataclass(frozen=True, slots=True)
class Raise:
    """A raise, or why there is none.  `decision` is the affordability run of the day; `blocked_by` is empty on a raise.

    After a raise the next span of progress begins at the `settled_until_us` of the progress it was paid for.

    `blocked_by`: ``not_due``, ``no_progress``, ``frozen``, ``flagged``, ``warned``, ``declined`` or ``at_limit``.
    """

    limit_fen: int
    steps: int
    blocked_by: str
    decision: Decision | None


def propose_raise(book: Book, product: Product, lists: Lists, request: DecisionInput, earned: Progress) -> Raise:
    """The raise of the raise day: ripe steps, capped by a fresh decision with today's facts.

    Nothing rises before its day, on a frozen line, or inside a fraud flag or a warning; and never above what would be
    approved today.
    """
    line, rule = _line_of(request), rule_of(product)
    if request.as_of < earned.next_raise_us:
        return Raise(line.limit_fen, 0, "not_due", None)
    if line.frozen or line.days_past_due > 0:
        return Raise(line.limit_fen, 0, "frozen", None)
    steps = min(earned.ripe_steps, rule.steps_per_raise_max)
    if steps == 0:
        return Raise(line.limit_fen, 0, "no_progress", None)
    if watch(book, product, lists, request):
        return Raise(line.limit_fen, 0, "warned", None)
    decision = decide(book, product, lists, request)
    if any(fired["stage"] == "fraud" for fired in decision.body["strategies"]):
        return Raise(line.limit_fen, 0, "flagged", decision)
    if not decision.approved:
        return Raise(line.limit_fen, 0, "declined", decision)
    limit_fen = min(line.limit_fen + steps * rule.step_fen, decision.limit_fen)
    if limit_fen <= line.limit_fen:
        return Raise(line.limit_fen, 0, "at_limit", decision)
    return Raise(limit_fen, steps, "", decision)


def _line_of(request: DecisionInput) -> LineState:
    if request.line is None:
        raise BadInput("the request names no line; give its LineState", field="line")
    return request.line
