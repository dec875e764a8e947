"""What each strategy is worth: how often it fires, where it alone makes a difference, and what that earned.

A strategy that never fires, or whose every effect another one has too, is named, so that it is dropped or justified.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dandelion.core.frame import Ints
from dandelion.policy.backtest import YES, Backtest, profit_fen, without
from dandelion.policy.files import action_text
from dandelion.policy.history import History

PAIRS_MAX = 30
ACTS = ("decline", "refer", "limit_times_ppm", "limit_cap_fen", "price_add_ppm", "score_add")


@dataclass(frozen=True, slots=True)
class Worth:
    """`hits` rows it fired in; `alone` rows that come out otherwise without it; `profit_fen` what it earned there, on
    rows whose outcome is known (`known` of them); `stopped` rows it alone kept from an offer, of which `bad` went bad."""

    strategy: str
    table: str
    action: str
    reason: str
    hits: int
    alone: int
    known: int
    profit_fen: int
    stopped: int
    bad: int

    @property
    def verdict(self) -> str:
        if self.hits == 0:
            return "never fires"
        if self.alone == 0:
            return "adds nothing" if not self.action.startswith(("tag", "freeze")) else "tells"
        return "earns" if self.profit_fen >= 0 else "costs"


@dataclass(frozen=True, slots=True)
class Overlap:
    """Of the rows in which `strategy` fires, this share also sees `other`."""

    strategy: str
    other: str
    rows: int
    share: float


def worth_of(found: Backtest, history: History) -> list[Worth]:
    """One entry a strategy, in the book's order."""
    known = history.bad >= 0
    bad = history.bad == 1
    hits, out = found.hits(), []
    for i, strategy in enumerate(found.strategies):
        moved = list(without(found, history, i)) if hits[i] and strategy.action.kind in ACTS else []
        rows = np.array([row for row, *_ in moved], np.int64)
        limit = np.array([limit for _, _, limit, _ in moved], np.int64)
        rate = np.array([rate for *_, rate in moved], np.int64)
        gained = _profit(found, rows, found.limit_fen[rows], found.rate_ppm[rows], bad)
        lost = _profit(found, rows, limit, rate, bad)
        stopped = rows[(limit > 0) & (found.outcome[rows] != YES)] if len(rows) else rows
        out.append(
            Worth(
                strategy.id, strategy.table.rsplit("/", 1)[-1], action_text(strategy.action), strategy.reason,
                int(hits[i]), len(rows), int(known[rows].sum()), int((gained - lost)[known[rows]].sum()), len(stopped),
                int(bad[stopped].sum()),
            )
        )  # fmt: skip
    return out


def overlaps_of(found: Backtest, *, least: int = 5) -> list[Overlap]:
    """The pairs that act alike and fire together most: the narrower one, and the share of its rows in the other's."""
    hits = found.hits()
    places = np.flatnonzero((hits >= least) & np.array([s.action.kind in ACTS for s in found.strategies]))
    if not len(places):
        return []
    mask = np.unpackbits(found.fired[places], axis=1, count=found.rows).astype(np.float32)
    both = mask @ mask.T
    pairs = []
    for a, b in zip(*np.nonzero(np.triu(both >= least, 1)), strict=True):
        one, two = found.strategies[places[a]], found.strategies[places[b]]
        if one.action.kind != two.action.kind:
            continue
        narrow, wide = (a, b) if hits[places[a]] <= hits[places[b]] else (b, a)
        share = float(both[a, b]) / float(hits[places[narrow]])
        pairs.append(
            Overlap(found.strategies[places[narrow]].id, found.strategies[places[wide]].id, int(both[a, b]), share)
        )
    return sorted(pairs, key=lambda p: (-p.share, -p.rows, p.strategy, p.other))[:PAIRS_MAX]


def _profit(
    found: Backtest, rows: Ints, limit: Ints, rate: Ints, bad: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
) -> Ints:
    return profit_fen(found.product, limit, rate, bad[rows])
