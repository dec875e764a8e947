"""A book run over a past cohort, as if it had decided then: every row's outcome and offer, and what each strategy did.

Strategies run in tiles over all rows at once; the offer is the engine's own, row by row, only where one is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from dandelion.core import PPM
from dandelion.core.frame import Ints
from dandelion.policy.book import Book
from dandelion.policy.history import History
from dandelion.policy.judge import APPROVED, DECLINED, REFERRED
from dandelion.policy.offer import Adjustments, solve
from dandelion.policy.portfolio import expected_use
from dandelion.policy.product import Bools, Product
from dandelion.policy.roster import DECIDING_STAGES
from dandelion.policy.strategy import Strategy

OUTCOMES = (DECLINED, REFERRED, APPROVED)
NO, ASK, YES = 0, 1, 2  # places in OUTCOMES
CHUNK = 65_536
Bits = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Backtest:
    """What a book would have done with n rows.  `fired` is packed bits (strategies, n), `outcome` places in `OUTCOMES`."""

    book: Book
    product: Product
    strategies: tuple[Strategy, ...]
    fired: Bits
    rows: int
    outcome: npt.NDArray[np.int8]
    limit_fen: Ints
    rate_ppm: Ints
    licence_type: str

    def hits(self) -> Ints:
        return np.bitwise_count(self.fired).sum(axis=1, dtype=np.int64)

    def rows_of(self, strategy: int) -> Ints:
        """Rows in which a strategy fired."""
        return np.flatnonzero(np.unpackbits(self.fired[strategy], count=self.rows))

    def columns(self, rows: Ints) -> Bools:
        """(strategies, len(rows)) who fired there."""
        return (self.fired[:, rows >> 3] >> (7 - (rows & 7)).astype(np.uint8) & 1).astype(bool)


def backtest(
    book: Book, product: Product, history: History, *, licence_type: str = "bank", threads: int = 1,
    tell: Callable[[int], None] = lambda rows: None,
) -> Backtest:  # fmt: skip
    """Run the live strategies of `product` over `history`.  Shares and arms are those of each row's entity."""
    roster = book.roster(product.id)
    places = [i for i, s in enumerate(roster.strategies) if s.mode == "live" and s.stage in DECIDING_STAGES]
    strategies = tuple(roster.strategies[i] for i in places)
    values = history.values(book, roster.engine.columns)
    count = len(history)
    fired = np.zeros((len(strategies), -(-count // 8)), np.uint8)
    outcome, limit, rate = np.zeros(count, np.int8), np.zeros(count, np.int64), np.zeros(count, np.int64)
    for start in range(0, count, CHUNK):
        rows = np.arange(start, min(start + CHUNK, count))
        mask = roster.engine.fired(values[rows[0] : rows[-1] + 1], threads=threads).mask()[places]
        mask &= _met(book, strategies, history, rows)
        fired[:, start // 8 : start // 8 + -(-len(rows) // 8)] = np.packbits(mask, axis=1)
        outcome[rows], limit[rows], rate[rows] = _decided(product, strategies, mask, history, rows, licence_type)
        tell(int(rows[-1]) + 1)
    return Backtest(book, product, strategies, fired, count, outcome, limit, rate, licence_type)


def _met(book: Book, strategies: Sequence[Strategy], history: History, rows: Ints) -> Bools:
    """(strategies, rows) whether a strategy meets the row at all: its dates, its share, its arm."""
    out = np.ones((len(strategies), len(rows)), bool)
    at = history.as_of[rows]
    if at.any():
        spans = np.array([(s.from_us, s.to_us) for s in strategies], np.int64).reshape(-1, 2)
        out &= (spans[:, :1] <= at) & (at < spans[:, 1:])
    for i, strategy in enumerate(strategies):
        if strategy.share_ppm < PPM or strategy.arm != "*":
            out[i] &= [
                strategy.in_share("", history.entity[r]) and strategy.arm in ("*", book.arm("", history.entity[r])[0])
                for r in rows.tolist()
            ]
    return out


def _decided(
    product: Product, strategies: Sequence[Strategy], mask: Bools, history: History, rows: Ints, licence_type: str
) -> tuple[npt.NDArray[np.int8], Ints, Ints]:
    kinds = np.array([s.action.kind for s in strategies])
    declined = mask[kinds == "decline"].any(axis=0) | (history.pd_ppm[rows] < 0)
    asked = ~declined & mask[kinds == "refer"].any(axis=0)
    outcome = np.where(asked, ASK, NO).astype(np.int8)
    limit, rate = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)
    for j in np.flatnonzero(~declined & ~asked).tolist():
        found = offered(
            product, [strategies[i] for i in np.flatnonzero(mask[:, j]).tolist()], history, int(rows[j]), licence_type
        )
        limit[j], rate[j] = found
        outcome[j] = YES if found[0] else NO
    return outcome, limit, rate


def offered(
    product: Product, fired: Sequence[Strategy], history: History, row: int, licence_type: str
) -> tuple[int, int]:
    """(limit in fen, rate in ppm) of a row on which nothing stops the loan; (0, 0) where nothing can be offered."""
    adjust, score = adjusted(fired)
    pd_ppm = min(max(int(history.pd_ppm[row]) + score, 0), PPM)
    offer = solve(product, pd_ppm, history.money[row], adjust, licence_type=licence_type, full=False)
    return (offer.limit_fen, offer.rate_ppm) if offer.limit_fen else (0, 0)


def adjusted(fired: Sequence[Strategy]) -> tuple[Adjustments, int]:
    """What the fired strategies do to an offer, and what they add to the PD."""
    by_kind: dict[str, list[int]] = {"limit_cap_fen": [], "limit_times_ppm": [], "price_add_ppm": [], "score_add": []}
    for strategy in fired:
        if strategy.action.kind in by_kind:
            by_kind[strategy.action.kind].append(strategy.action.amount)
    caps = by_kind["limit_cap_fen"]
    adjust = Adjustments(
        times_ppm=tuple(by_kind["limit_times_ppm"]), cap_fen=min(caps) if caps else None,
        price_add_ppm=sum(by_kind["price_add_ppm"]),
    )  # fmt: skip
    return adjust, sum(by_kind["score_add"])


def profit_fen(product: Product, limit_fen: Ints, rate_ppm: Ints, bad: Bools) -> Ints:
    """Profit over the product's horizon of each row, by the product's own economics; see `portfolio`."""
    cost = product.economics
    used = limit_fen * expected_use(product, rate_ppm) // PPM
    lost = (used + (limit_fen - used) * cost.ccf_ppm // PPM) * cost.lgd_ppm // PPM
    earned = used * rate_ppm // PPM * cost.horizon_days // cost.year_days
    carried = used * cost.funding_ppm // PPM + used * cost.capital_ratio_ppm // PPM * cost.capital_cost_ppm // PPM
    costs = carried * cost.horizon_days // cost.year_days + cost.opex_line_fen + used * cost.opex_used_ppm // PPM
    return np.where(limit_fen > 0, np.where(bad, earned // 2 - lost, earned) - costs, 0).astype(np.int64)


def without(found: Backtest, history: History, strategy: int) -> Iterator[tuple[int, int, int, int]]:
    """(row, outcome, limit, rate) of every row that comes out otherwise with one strategy away."""
    rows = found.rows_of(strategy)
    beside = found.columns(rows)
    beside[strategy] = False
    dropped = found.strategies[strategy].action.kind
    stops = np.array([s.action.kind == "decline" for s in found.strategies])
    asks = np.array([s.action.kind == "refer" for s in found.strategies])
    stopped, asked = beside[stops].any(axis=0) | (history.pd_ppm[rows] < 0), beside[asks].any(axis=0)
    for j, row in enumerate(rows.tolist()):
        if stopped[j] or (asked[j] and dropped != "decline"):
            continue
        if asked[j]:
            yield row, ASK, 0, 0
            continue
        others = [found.strategies[i] for i in np.flatnonzero(beside[:, j]).tolist()]
        if dropped not in ("decline", "refer") and adjusted(others) == adjusted([*others, found.strategies[strategy]]):
            continue
        limit, rate = offered(found.product, others, history, row, found.licence_type)
        then = YES if limit else NO
        if (then, limit, rate) != (found.outcome[row], found.limit_fen[row], found.rate_ppm[row]):
            yield row, then, limit, rate


def only(found: Backtest, rows: Ints) -> Backtest:
    """The same backtest on some of its rows."""
    kept = np.packbits(found.columns(rows), axis=1)
    return replace(
        found, fired=kept, rows=len(rows), outcome=found.outcome[rows], limit_fen=found.limit_fen[rows],
        rate_ppm=found.rate_ppm[rows],
    )  # fmt: skip
