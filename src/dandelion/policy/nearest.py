"""The nearest other answer: the fewest and smallest moves of a merchant's own levers, together, that would bring it.

A best-first search.  A state is a set of moves; what stands in its way (a strategy that stops the loan, or the offer itself)
says which levers could help, and only those are moved on.  Every lever stops at the values where the book's strategies can
change their mind and, where money is worked out from it, at a ladder of shares of the present value.  Over these the result is
exact: nothing with fewer levers, or as many and less effort, brings the answer.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from dandelion.core import PPM
from dandelion.policy.change import MONEY_LEVERS, Ask, move, moved_by, reachable
from dandelion.policy.declarations import Lever
from dandelion.policy.expression import And, Compare, InSet, IsMissing, Ref, Truth, walk
from dandelion.policy.judge import APPROVED, Case, Ruling
from dandelion.policy.scalar import truth_of
from dandelion.policy.strategy import Strategy

LEVERS_MAX, RULINGS_MAX = 3, 400
LADDER = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.5, 2.0, 3.0)  # shares of the present value
FILING_PPM = 50_000  # the effort of filing a paper: as much as moving a figure by a twentieth
SMALL_STEPS = 10  # a figure nearer to zero than so many of its steps is not measured by itself
TURNOVER, FORECASTS = "turnover_month_yuan", {"forecast_q10_month_yuan", "forecast_q50_month_yuan"}
Moves: TypeAlias = Mapping[str, float]  # alias or ``filed(voucher)`` -> value


@dataclass(frozen=True, slots=True)
class Nearest:
    """`moves` in the book's order of levers, with where each stands now.  `complete`: the search came to its end, so that
    nothing nearer exists; otherwise this is the nearest of what `RULINGS_MAX` rulings could look at."""

    moves: tuple[tuple[str, float, float], ...]  # alias, from, to
    outcome: str
    limit_fen: int
    effort_ppm: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Found:
    """`nearest` is None where no moves of at most three levers bring the answer (or none was found before the end)."""

    nearest: Nearest | None
    complete: bool
    rulings: int


def nearest(ask: Ask, target_fen: int = 1, *, levers_max: int = LEVERS_MAX, rulings_max: int = RULINGS_MAX) -> Found:
    """The nearest moves that bring an approval of at least `target_fen`."""
    return _Search(ask, target_fen, levers_max, rulings_max).run()


def each_alone(ask: Ask, target_fen: int, *, rulings_max: int = RULINGS_MAX) -> list[Nearest]:
    """What each lever by itself would have to become, least effort first."""
    search, found = _Search(ask, target_fen, 1, rulings_max), []
    for alias in search.order:
        for value in search.stops.get(alias, ()):
            if search.rulings >= rulings_max:
                break
            ruling = search.ruling({alias: value})
            if ruling.limit_fen >= target_fen:
                found.append(search.told({alias: value}, ruling, complete=True))
                break
    return sorted(found, key=lambda one: (one.effort_ppm, search.order[one.moves[0][0]]))


class _Search:
    def __init__(self, ask: Ask, target_fen: int, levers_max: int, rulings_max: int) -> None:
        self.ask, self.target_fen, self.levers_max, self.rulings_max = ask, target_fen, levers_max, rulings_max
        row = ask.case.row()
        self.start = {alias: row.numbers[alias] for alias in ask.book.levers}
        self.start |= {f"filed({v})": 0.0 for v in ask.book.vouchers if ask.case.flags.get(f"filed({v})") is False}
        self.order = {alias: i for i, alias in enumerate(self.start)}
        self.stops = {alias: tuple(stops_of(ask, alias)) for alias in self.start}
        self.rulings = 0

    def run(self) -> Found:
        """Cheapest first: number of levers, then effort, then the book's order of levers and values."""
        waiting: list[tuple[int, int, tuple[tuple[int, float], ...]]] = [(0, 0, ())]
        seen: set[tuple[tuple[int, float], ...]] = {()}
        names = list(self.order)
        while waiting:
            if self.rulings >= self.rulings_max:
                return Found(None, complete=False, rulings=self.rulings)
            _, _, key = heapq.heappop(waiting)
            moves = {names[i]: value for i, value in key}
            ruling = self.ruling(moves) if moves else self.ask.ruling
            if moves and ruling.outcome == APPROVED and ruling.limit_fen >= self.target_fen:
                return Found(self.told(moves, ruling, complete=True), complete=True, rulings=self.rulings)
            for alias, value in self.onward(moves, ruling):
                further = {**moves, alias: value}
                new = tuple(sorted((self.order[name], to) for name, to in further.items()))
                if new not in seen:
                    seen.add(new)
                    heapq.heappush(waiting, (len(new), self.effort(further), new))
        return Found(None, complete=True, rulings=self.rulings)

    def ruling(self, moves: Moves) -> Ruling:
        self.rulings += 1
        return self.ask.again(self.case(moves))

    def case(self, moves: Moves) -> Case:
        return moved_together(self.ask, {alias: moves[alias] for alias in self.order if alias in moves})

    def effort(self, moves: Moves) -> int:
        return sum(self.effort_of(alias, value) for alias, value in moves.items())

    def effort_of(self, alias: str, value: float) -> int:
        """How far, as a share of where one stands: parts per million, rounded down."""
        lever = self.ask.book.levers.get(alias)
        if lever is None:
            return FILING_PPM
        now = self.start[alias]
        return int(abs(value - now) * PPM / max(abs(now), SMALL_STEPS * lever.step))

    def told(self, moves: Moves, ruling: Ruling, *, complete: bool) -> Nearest:
        said = tuple((alias, self.start[alias], moves[alias]) for alias in self.order if alias in moves)
        return Nearest(said, ruling.outcome, ruling.limit_fen, self.effort(moves), complete)

    def onward(self, moves: Moves, ruling: Ruling) -> Iterator[tuple[str, float]]:
        """The next stop of every lever that could help against what stands in the way; none where one thing cannot be helped.

        Of several things in the way the one with the fewest ways past it is taken: each has to be passed anyhow.
        """
        stopping = ruling.of_kind("decline", "refer")
        if not stopping and ruling.offer is None:
            return  # no score
        row = self.case(moves).row()
        fewest: list[tuple[str, float]] | None = None
        for strategy in stopping:
            ways = []
            for alias in self.movers(strategy):
                value = self.past(strategy.condition, alias, moves, row.numbers.get(alias, 0.0))
                if value is not None:
                    ways.append((alias, value))
            if fewest is None or len(ways) < len(fewest):
                fewest = ways
        if fewest is None:
            fewest = [
                (alias, value)
                for alias in self.offer_movers(ruling)
                if (value := self.next_stop(alias, moves)) is not None
            ]
        yield from fewest

    def movers(self, strategy: Strategy) -> list[str]:
        asked = moved_by(strategy.aliases) | strategy.flags
        if asked & FORECASTS:
            asked.add(TURNOVER)  # the outlook moves with it
        through_model = self.ask.rescore is not None and "pd_ppm" in strategy.aliases
        return [alias for alias in self.order if alias in asked or (through_model and self.scored(alias))]

    def offer_movers(self, ruling: Ruling) -> list[str]:
        """Money, papers, what the model reads, and what the strategies ask about that make the offer smaller or dearer."""
        held = {"limit_times_ppm", "limit_cap_fen", "price_add_ppm", "score_add"}
        asked: set[str] = set()
        for strategy in ruling.fired:
            if strategy.action.kind in held:
                asked |= moved_by(strategy.aliases) | strategy.flags
        return [
            alias
            for alias in self.order
            if alias in asked or alias in MONEY_LEVERS or alias.startswith("filed(") or self.scored(alias)
        ]

    def scored(self, alias: str) -> bool:
        lever = self.ask.book.levers.get(alias)
        return self.ask.rescore is not None and lever is not None and bool(lever.targets)

    def past(self, condition: Truth, alias: str, moves: Moves, now: float) -> float | None:
        """The next stop of a lever; where the condition asks of it apart from all else, the first one that silences it."""
        value = self.next_stop(alias, moves)
        if value is None or not self.asks_apart(condition, alias):
            return value
        row = self.case(moves).row()
        for stop in self.stops[alias]:
            if self.is_beyond(alias, stop, moves):
                said = truth_of(condition, replace(row, numbers={**row.numbers, alias: stop}))
                if said is not True:
                    return stop
        return None

    def asks_apart(self, condition: Truth, alias: str) -> bool:
        """Whether a condition is an *and* of things, and what the lever moves in it is the lever's own figure alone."""
        if alias in MONEY_LEVERS or alias.startswith("filed("):
            return False
        whole: set[str] = set()
        for part in _parts(condition):
            about = {node.alias for node in walk(part) if isinstance(node, Ref)}
            if alias in moved_by(about) and (about != {alias} or not isinstance(part, Compare | InSet | IsMissing)):
                return False
            whole |= about
        return alias in whole and (self.ask.rescore is None or "pd_ppm" not in whole)

    def next_stop(self, alias: str, moves: Moves) -> float | None:
        if alias not in moves and len(moves) >= self.levers_max:
            return None
        return next((stop for stop in self.stops[alias] if self.is_beyond(alias, stop, moves)), None)

    def is_beyond(self, alias: str, stop: float, moves: Moves) -> bool:
        if alias not in moves:
            return True
        lever = self.ask.book.levers.get(alias)
        return lever is not None and (stop > moves[alias] if lever.up else stop < moves[alias])


def moved_together(ask: Ask, moves: Moves) -> Case:
    """The case with all moves made, in the order given; the model is asked once for all of them."""
    case = ask.case
    for alias, value in moves.items():
        case = move(case, alias, value)
    columns = {alias: value for alias, value in moves.items() if alias in case.columns}
    if ask.rescore is not None and columns:
        case = replace(case, pd_ppm=ask.rescore([columns])[0])
    return case


def stops_of(ask: Ask, alias: str) -> list[float]:
    """Where a lever may stop, nearest first: the step on either side of every threshold of the book, what the book tries
    where only a model can say, and a ladder where the lever moves a sum.  None for what is missing now."""
    if alias.startswith("filed("):
        return [1.0]
    lever, now = ask.book.levers[alias], ask.case.row().numbers[alias]
    if math.isnan(now):
        return []
    found = {value for threshold in ask.live.thresholds(alias) for value in _beside(threshold, lever)}
    found.update(lever.targets)
    if alias in MONEY_LEVERS or ask.live.is_in_a_sum(alias):
        sign = 1 if lever.up else -1
        found.update(_snapped(now + sign * abs(now) * share, lever) for share in LADDER)
    return sorted((value for value in found if reachable(now, value, lever)), reverse=not lever.up)


def _parts(condition: Truth) -> Sequence[Truth]:
    if not isinstance(condition, And):
        return (condition,)
    return [part for item in condition.items for part in _parts(item)]


def _beside(threshold: float, lever: Lever) -> tuple[float, float]:
    """The steps at or just past a threshold, on either side of its equality, in the lever's direction."""
    whole = threshold / lever.step
    near = math.floor(whole + 1e-6) if not lever.up else math.ceil(whole - 1e-6)
    return lever.at(near), lever.at(near + (1 if lever.up else -1))


def _snapped(value: float, lever: Lever) -> float:
    steps = value / lever.step
    return lever.at(math.ceil(steps) if lever.up else math.floor(steps))
