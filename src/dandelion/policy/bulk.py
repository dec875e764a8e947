"""Many requests at once: strategies evaluated over all rows in numpy, then each ruled on as if it stood alone.

The bytes are those of `decide` one by one; only the way the conditions are evaluated differs, and tests hold the two
evaluators to each other.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from dandelion.core import new_id
from dandelion.policy.book import Book
from dandelion.policy.decide import Decision, compose
from dandelion.policy.evaluate import Rows, Truths, evaluate
from dandelion.policy.facts import DecisionInput
from dandelion.policy.judge import Case, Ruling, case_of, judge
from dandelion.policy.lists import Lists
from dandelion.policy.product import Product
from dandelion.policy.strategy import Strategy


def decide_many(book: Book, product: Product, lists: Lists, requests: Sequence[DecisionInput]) -> list[Decision]:
    """A decision for each request, in order, with bodies equal to those of `decide`."""
    cases = [case_of(book, product, lists, request) for request in requests]
    table = truth_table(book, product, cases)
    out = []
    for at, (request, case) in enumerate(zip(requests, cases, strict=True)):
        started = time.process_time_ns()
        live, shadow = book.active(product.id, request.as_of, request.tenant, request.entity)
        ruling = judge(product, live, case, [_at(table[s.id], at) for s in live])
        body = compose(book, product, lists, request, case, live, ruling, shadow, None)
        out.append(Decision(body, {"decision_id": new_id(), "cpu_us": (time.process_time_ns() - started) // 1000}))
    return out


def rule_many(book: Book, product: Product, lists: Lists, requests: Sequence[DecisionInput]) -> list[Ruling]:
    """Outcome and offer only, without reasons: for backtests and portfolios."""
    cases = [case_of(book, product, lists, request) for request in requests]
    table = truth_table(book, product, cases)
    rulings = []
    for at, (request, case) in enumerate(zip(requests, cases, strict=True)):
        live, _ = book.active(product.id, request.as_of, request.tenant, request.entity)
        rulings.append(judge(product, live, case, [_at(table[s.id], at) for s in live]))
    return rulings


def truth_table(book: Book, product: Product, cases: Sequence[Case]) -> dict[str, Truths]:
    """Truths of every strategy of the product that is not a draft, by id, over the rows given."""
    strategies = [s for s in book.strategies if s.mode != "draft" and s.product in ("*", product.id)]
    rows = rows_of(cases, strategies)
    return {strategy.id: evaluate(strategy.condition, rows) for strategy in strategies}


def rows_of(cases: Sequence[Case], strategies: Sequence[Strategy]) -> Rows:
    given = [case.row().numbers for case in cases]
    aliases = sorted({alias for strategy in strategies for alias in strategy.aliases})
    keys = sorted({key for strategy in strategies for key in strategy.flags})
    numbers = {alias: np.array([row[alias] for row in given], np.float32) for alias in aliases}
    flags = {
        key: (
            np.array([case.flags[key] is True for case in cases], bool),
            np.array([case.flags[key] is None for case in cases], bool),
        )
        for key in keys
    }
    return Rows(len(cases), numbers, flags)


def _at(truths: Truths, row: int) -> bool | None:
    return None if truths.unknown[row] else bool(truths.true[row])
