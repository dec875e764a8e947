"""Ask why: a decision taken apart again from its own body, literal by literal, without any other data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dandelion.core import BadInput
from dandelion.policy.book import Book
from dandelion.policy.change import Ask, Rescore
from dandelion.policy.decide import float_of
from dandelion.policy.facts import LineState, MoneyFacts
from dandelion.policy.judge import APPROVED, Case, Ruling, code_of, judge, rule
from dandelion.policy.nearest import Nearest, each_alone, nearest
from dandelion.policy.product import Product
from dandelion.policy.scalar import LiteralTrace, trace, truth_of


@dataclass(frozen=True, slots=True)
class StrategyTrace:
    """One strategy on this decision: its truth and each literal's value, threshold and distance."""

    id: str
    purpose: str
    when: str
    truth: bool | None
    literals: tuple[LiteralTrace, ...]


def case_in(body: Mapping[str, Any], book: Book) -> Case:
    """The case a decision was made from, read back out of its body."""
    columns = dict.fromkeys(book.columns, math.nan)
    columns |= {alias: float_of(entry["bits"]) for alias, entry in body["columns"].items()}
    columns |= {alias: float(body["scores"].get(name, math.nan)) for alias, name in book.scores.items()}
    line = None if body["line"] is None else LineState(**body["line"])
    return Case(
        columns, body["scores"].get("pd"), MoneyFacts(**body["money"]), body["flags"], line, body["licence_type"],
        body["rate_cap_ppm"], code_of(book, body.get("industry", "")),
    )  # fmt: skip


def explain(body: Mapping[str, Any], book: Book, strategy_ids: tuple[str, ...] | None = None) -> list[StrategyTrace]:
    """Traces of the strategies that fired (or of those asked for), in the book's order.

    Errors: BadInput where `book` is not the book of the decision (its hash differs).
    """
    _same_book(body, book)
    wanted = {entry["id"] for entry in body["strategies"]} if strategy_ids is None else set(strategy_ids)
    row = case_in(body, book).row()
    return [
        StrategyTrace(s.id, s.purpose, s.text, truth_of(s.condition, row), tuple(trace(s.condition, row)))
        for s in book.strategies
        if s.id in wanted
    ]


def rule_again(body: Mapping[str, Any], book: Book, product: Product) -> Ruling:
    """The ruling worked out again from the body alone: what an auditor without access to the data can check."""
    _same_book(body, book)
    _same_product(body, product)
    live, _ = book.active(product.id, body["as_of"], body["tenant"], body["entity"])
    return judge(product, live, case_in(body, book))


@dataclass(frozen=True, slots=True)
class Changes:
    """What would bring another answer, worked out anew: `nearest` for a yes or a higher limit, `alone` lever by lever.

    `of_yes` says that the answer is yes already, so that `target_fen`, the next limit of the product, is asked for.
    """

    of_yes: bool
    target_fen: int
    limit_fen: int
    nearest: Nearest | None
    alone: tuple[Nearest, ...]
    complete: bool


def what_would_change(body: Mapping[str, Any], book: Book, product: Product, rescore: Rescore | None) -> Changes:
    """The nearest moves of a merchant's own levers, at most three together, that would bring a yes or a higher limit.

    Errors: BadInput where book or product are not those of the decision.
    """
    _same_book(body, book)
    _same_product(body, product)
    live, _ = book.meeting(product.id, body["as_of"], body["tenant"], body["entity"])
    case = case_in(body, book)
    ruling = rule(product, live, case, full=False)
    ask = Ask(book, product, live, case, ruling, rescore)
    approved = ruling.outcome == APPROVED
    target = product.next_limit(ruling.limit_fen) if approved else 1
    if target is None:
        return Changes(approved, ruling.limit_fen, ruling.limit_fen, None, (), complete=True)
    found = nearest(ask, target)
    alone = tuple(each_alone(ask, target)) if approved else ()
    return Changes(approved, target, ruling.limit_fen, found.nearest, alone, found.complete)


def _same_product(body: Mapping[str, Any], product: Product) -> None:
    if product.hash != body["names"]["product"]:
        raise BadInput(f"the decision was made with product {body['names']['product'][:12]}", field="product")


def _same_book(body: Mapping[str, Any], book: Book) -> None:
    if body["names"]["book"] != book.hash:
        raise BadInput(
            f"the decision was made with book {body['names']['book'][:12]}, not {book.hash[:12]}; load that version",
            field="book",
        )
