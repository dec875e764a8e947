"""Two books side by side on one cohort: approval, bad rate, profit, who is swapped in and out, fairness by group."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput
from dandelion.core.frame import Ints
from dandelion.policy.backtest import ASK, YES, Backtest, profit_fen
from dandelion.policy.history import History
from dandelion.policy.product import Bools
from dandelion.policy.worth import Overlap, Worth, overlaps_of, worth_of

RESAMPLES, SEED, LEVEL = 2_000, 310, 0.95
FOUR_FIFTHS = (
    0.8  # the selection-rate rule of the US Uniform Guidelines (29 CFR 1607.4 D): a signal to look, no verdict
)
GROUP_MIN = 30
Z = 1.959964


@dataclass(frozen=True, slots=True)
class Summary:
    """One book on the cohort.  `bad_rate` and profit are of approved rows whose outcome is known (`known` of them)."""

    book: str
    version: str
    hash: str
    strategies: int
    rows: int
    approved: int
    referred: int
    approval_rate: float
    mean_limit_fen: float
    volume_fen: int
    mean_rate_ppm: float
    known: int
    bad: int
    bad_rate: float
    profit_fen: int


@dataclass(frozen=True, slots=True)
class Swap:
    """Rows that both books treat alike or not: ``both``, ``in`` (new book only), ``out`` (live only), ``neither``."""

    name: str
    rows: int
    mean_limit_fen: float
    known: int
    bad: int
    bad_rate: float
    profit_fen: int


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group under one book: approval with a 95 % Wilson interval; `ratio` to the best-approved group of its kind."""

    kind: str
    group: str
    rows: int
    approval_rate: float
    low: float
    high: float
    live_approval_rate: float
    mean_limit_fen: float
    known: int
    bad_rate: float
    ratio: float
    look: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """`gain_fen` is the new book's profit less the live one's, with a bootstrap interval paired by row."""

    new: Summary
    live: Summary
    gain_fen: int
    gain_low_fen: float
    gain_high_fen: float
    swaps: tuple[Swap, ...]
    groups: tuple[GroupRow, ...]
    worth: tuple[Worth, ...]
    overlaps: tuple[Overlap, ...]
    changed: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        plain = asdict(self)
        for told, worth in zip(plain["worth"], self.worth, strict=True):
            told["verdict"] = worth.verdict
        return plain


def compare_books(new: Backtest, live: Backtest, history: History, changed: tuple[str, ...] = ()) -> Comparison:
    """Errors: BadInput where the two did not run over the same rows."""
    if new.rows != live.rows or new.rows != len(history):
        raise BadInput("both books must run over the same rows", field="frame")
    known, bad = history.bad >= 0, history.bad == 1
    profit = [np.where(known, profit_fen(b.product, b.limit_fen, b.rate_ppm, bad), 0) for b in (new, live)]
    gap = (profit[0] - profit[1]).astype(np.float64)
    low, high = _bootstrap(gap)
    yes, was = new.outcome == YES, live.outcome == YES
    swaps = tuple(
        _swap(
            name, rows, new if name in ("both", "in") else live, profit[0 if name in ("both", "in") else 1], known, bad
        )
        for name, rows in (("both", yes & was), ("in", yes & ~was), ("out", ~yes & was), ("neither", ~yes & ~was))
    )
    return Comparison(
        _summary(new, profit[0], known, bad), _summary(live, profit[1], known, bad), int(gap.sum()), low, high, swaps,
        tuple(_groups(new, live, history)), tuple(worth_of(new, history)), tuple(overlaps_of(new)), changed,
    )  # fmt: skip


def _summary(b: Backtest, profit: Ints, known: Bools, bad: Bools) -> Summary:
    yes = b.outcome == YES
    count, told = int(yes.sum()), int((yes & known).sum())
    return Summary(
        book=b.book.name, version=b.book.version, hash=b.book.hash, strategies=len(b.strategies), rows=b.rows,
        approved=count, referred=int((b.outcome == ASK).sum()), approval_rate=count / max(b.rows, 1),
        mean_limit_fen=_mean(b.limit_fen[yes]), volume_fen=int(b.limit_fen.sum()), mean_rate_ppm=_mean(b.rate_ppm[yes]),
        known=told, bad=int((yes & bad).sum()), bad_rate=int((yes & bad).sum()) / max(told, 1),
        profit_fen=int(profit.sum()),
    )  # fmt: skip


def _swap(name: str, rows: Bools, b: Backtest, profit: Ints, known: Bools, bad: Bools) -> Swap:
    told, went = int((rows & known).sum()), int((rows & bad).sum())
    return Swap(
        name, int(rows.sum()), _mean(b.limit_fen[rows]), told, went, went / max(told, 1), int(profit[rows].sum())
    )


def _groups(new: Backtest, live: Backtest, history: History) -> list[GroupRow]:
    out = []
    for kind, words in history.groups.items():
        column = np.array(words, object)
        yes = {g: _share(new.outcome[column == g] == YES) for g in sorted(set(words))}
        big = [rate for g, rate in yes.items() if int((column == g).sum()) >= GROUP_MIN]
        best = max(big, default=0.0)
        for group, rate in yes.items():
            rows = column == group
            count, approved = int(rows.sum()), rows & (new.outcome == YES)
            told = approved & (history.bad >= 0)
            low, high = wilson(rate, count)
            ratio = rate / best if best else math.nan
            out.append(
                GroupRow(
                    kind, str(group), count, rate, low, high, _share(live.outcome[rows] == YES),
                    _mean(new.limit_fen[approved]), int(told.sum()), _share(history.bad[told] == 1), ratio,
                    count >= GROUP_MIN and ratio < FOUR_FIFTHS,
                )
            )  # fmt: skip
    return out


def wilson(share: float, count: int) -> tuple[float, float]:
    """The 95 % score interval of a share (Wilson 1927).

    >>> [round(x, 3) for x in wilson(0.5, 100)]
    [0.404, 0.596]
    """
    if count == 0:
        return 0.0, 1.0
    middle = (share + Z * Z / (2 * count)) / (1 + Z * Z / count)
    half = Z / (1 + Z * Z / count) * math.sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)


def _bootstrap(gap: npt.NDArray[np.float64]) -> tuple[float, float]:
    rng = np.random.default_rng(SEED)
    sums = np.array([gap[rng.integers(0, len(gap), len(gap))].sum() for _ in range(RESAMPLES)])
    low, high = np.quantile(sums, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _mean(values: Ints) -> float:
    return float(values.mean()) if len(values) else 0.0


def _share(values: Bools) -> float:
    return float(values.mean()) if len(values) else 0.0
