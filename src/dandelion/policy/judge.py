"""From facts to outcome: the strategies that fire, then the offer.  No words here; `decide` finds those.

The same function judges a real request, a what-if of it, and a row of a bulk run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from dandelion.core import PPM
from dandelion.policy.book import Book
from dandelion.policy.engine import Codes
from dandelion.policy.facts import DecisionInput, LineState, MoneyFacts, given_numbers
from dandelion.policy.industries import UNDECLARED
from dandelion.policy.lists import Lists
from dandelion.policy.offer import Adjustments, Offer, solve
from dandelion.policy.product import Product
from dandelion.policy.roster import DECIDING_STAGES, Meeting
from dandelion.policy.scalar import Row, truth_of
from dandelion.policy.strategy import Strategy

APPROVED, DECLINED, REFERRED = "approved", "declined", "referred-to-evidence"


@dataclass(frozen=True, slots=True)
class Case:
    """One request as policy sees it: columns and scores by alias (float32), exact money, flags."""

    columns: Mapping[str, float]
    pd_ppm: int | None
    money: MoneyFacts
    flags: Mapping[str, bool | None]
    line: LineState | None
    licence_type: str
    rate_cap_ppm: int | None
    industry: float = 0.0
    _row: list[Row] = field(default_factory=list, init=False, compare=False, repr=False)  # worked out once

    def row(self) -> Row:
        if not self._row:
            given = given_numbers(self.pd_ppm, self.money, self.line, self.industry)
            self._row.append(Row({**self.columns, **given}, self.flags))
        return self._row[0]

    def with_column(self, alias: str, value: float) -> Case:
        moved = replace(self, columns={**self.columns, alias: value})
        moved._row.append(Row({**self.row().numbers, alias: value}, self.flags))
        return moved


@dataclass(frozen=True, slots=True)
class Ruling:
    """`fired` are live, in order of priority; `unknown` could not be told for want of data; `pd_ppm` is after score_add."""

    outcome: str
    fired: tuple[Strategy, ...]
    unknown: tuple[Strategy, ...]
    pd_ppm: int | None
    offer: Offer | None

    def of_kind(self, *kinds: str) -> list[Strategy]:
        return [strategy for strategy in self.fired if strategy.action.kind in kinds]

    @property
    def limit_fen(self) -> int:
        return self.offer.limit_fen if self.outcome == APPROVED and self.offer is not None else 0


def case_of(book: Book, product: Product, lists: Lists, request: DecisionInput) -> Case:
    """Errors: BadInput where the frame lacks a column the book uses, or a list the book asks about is not loaded."""
    frame, row = request.frame, request.row
    at = {name: j for j, name in enumerate(frame.names)}
    used = book.aliases(product.id)
    values = frame.values[row].tolist()
    columns = {}
    for alias, use in book.columns.items():
        if use.id in at:
            columns[alias] = values[at[use.id]]
        elif alias in used:
            frame[use.id]  # raises, naming the column
        else:
            columns[alias] = math.nan
    for alias, name in book.scores.items():
        columns[alias] = float(request.scores.get(name, math.nan))
    return Case(
        columns, request.scores.get("pd"), request.money, flags_of(book, lists, request), request.line,
        request.licence_type, request.rate_cap_ppm, code_of(book, request.industry),
    )  # fmt: skip


def code_of(book: Book, industry: str) -> float:
    """The number conditions know a declared industry by; that of *undeclared* for one the book does not know."""
    group = book.industries.get(industry)
    return float(UNDECLARED.code if group is None else group.code)


def flags_of(book: Book, lists: Lists, request: DecisionInput) -> dict[str, bool | None]:
    """Every flag a strategy of the book asks about."""
    out: dict[str, bool | None] = {}
    for key in book.flag_keys:
        function, name = key[:-1].split("(")
        if function == "in_list":
            out[key] = lists.hit(name, request.keys, request.as_of)
        else:
            out[key] = name in (request.granted if function == "granted" else request.vouchers)
    return out


def judge(product: Product, strategies: Sequence[Strategy], case: Case) -> Ruling:
    """The ruling of live `strategies` on a case, each condition read by the plain evaluator: what an auditor runs."""
    row = case.row()
    found = [(s, truth_of(s.condition, row)) for s in strategies if s.stage in DECIDING_STAGES]
    return _rule(
        product,
        case,
        tuple(s for s, truth in found if truth),
        tuple(s for s, truth in found if truth is None),
        full=True,
    )


def rule(product: Product, live: Meeting, case: Case, codes: Codes | None = None, *, full: bool = True) -> Ruling:
    """The same ruling through the compiled strategies; `codes` are their truths where they were worked out already."""
    fired, unknown = live.ruled(live.codes(case.row()) if codes is None else codes)
    return _rule(product, case, fired, unknown, full=full)


def _rule(
    product: Product, case: Case, fired: tuple[Strategy, ...], unknown: tuple[Strategy, ...], *, full: bool
) -> Ruling:
    """A decline outweighs a referral, which outweighs an offer.  An unknown condition does not fire: where missing data
    must stop a loan, a strategy says so with ``is_missing``.
    """
    kinds = {strategy.action.kind for strategy in fired}
    if "decline" in kinds or "refer" in kinds or case.pd_ppm is None:
        outcome = REFERRED if "decline" not in kinds and "refer" in kinds else DECLINED
        return Ruling(outcome, fired, unknown, case.pd_ppm, None)
    pd_ppm = case.pd_ppm + sum(s.action.amount for s in fired if s.action.kind == "score_add")
    pd_ppm = min(max(pd_ppm, 0), PPM)
    offer = solve(
        product, pd_ppm, case.money, adjustments(fired), licence_type=case.licence_type,
        rate_cap_ppm=case.rate_cap_ppm, full=full,
    )  # fmt: skip
    return Ruling(APPROVED if offer.limit_fen else DECLINED, fired, unknown, pd_ppm, offer)


def adjustments(fired: Sequence[Strategy]) -> Adjustments:
    """The offer side of the fired strategies, in their order."""
    caps = [s.action.amount for s in fired if s.action.kind == "limit_cap_fen"]
    return Adjustments(
        times_ppm=tuple(s.action.amount for s in fired if s.action.kind == "limit_times_ppm"),
        cap_fen=min(caps) if caps else None,
        price_add_ppm=sum(s.action.amount for s in fired if s.action.kind == "price_add_ppm"),
    )
