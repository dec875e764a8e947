"""Many requests at once: strategies evaluated over all rows in one pass, then each ruled on as if it stood alone.

The bytes are those of `decide` one by one: both run the same compiled strategies, the one by row, the other by tile.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from dandelion.core import new_id
from dandelion.policy.book import Book
from dandelion.policy.decide import Decision, compose
from dandelion.policy.engine import Codes, Engine
from dandelion.policy.facts import DecisionInput
from dandelion.policy.judge import Case, Ruling, case_of, rule
from dandelion.policy.lists import Lists
from dandelion.policy.product import Product


def decide_many(book: Book, product: Product, lists: Lists, requests: Sequence[DecisionInput]) -> list[Decision]:
    """A decision for each request, in order, with bodies equal to those of `decide`."""
    cases = [case_of(book, product, lists, request) for request in requests]
    table = codes_of(book.roster(product.id).engine, cases)
    out = []
    for request, case, codes in zip(requests, cases, table, strict=True):
        started = time.process_time_ns()
        meeting = book.meeting(product.id, request.as_of, request.tenant, request.entity)
        body = compose(book, product, lists, request, case, meeting, codes, None)
        out.append(Decision(body, {"decision_id": new_id(), "cpu_us": (time.process_time_ns() - started) // 1000}))
    return out


def rule_many(book: Book, product: Product, lists: Lists, requests: Sequence[DecisionInput]) -> list[Ruling]:
    """Outcome and offer only, without reasons: for backtests and portfolios."""
    cases = [case_of(book, product, lists, request) for request in requests]
    table = codes_of(book.roster(product.id).engine, cases)
    rulings = []
    for request, case, codes in zip(requests, cases, table, strict=True):
        live, _ = book.meeting(product.id, request.as_of, request.tenant, request.entity)
        rulings.append(rule(product, live, case, codes))
    return rulings


def codes_of(engine: Engine, cases: Sequence[Case]) -> Codes:
    """(cases, strategies) the truths of every strategy in every case, as `Engine.one` says them."""
    width = len(engine.columns)
    values = np.empty((len(cases), width), np.float32)
    for at, case in enumerate(cases):
        row = case.row()
        values[at] = engine.row(row.numbers, row.flags)
    true, not_false = engine.fired(values).mask(), engine.not_false(values).mask()
    return np.ascontiguousarray((true.view(np.uint8) | not_false.view(np.uint8) << 1).T)
