"""What would change it: for each reason, the nearest value of something the merchant can move, found by ruling again.

Nothing here is written by hand: a claim is made only after the case with that one value was judged once more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dandelion.core import PPM
from dandelion.policy.book import Book
from dandelion.policy.declarations import Lever
from dandelion.policy.expression import Arithmetic, Ref, walk
from dandelion.policy.judge import APPROVED, Case, Ruling, rule
from dandelion.policy.product import Product
from dandelion.policy.roster import Meeting
from dandelion.policy.scalar import truth_of
from dandelion.policy.strategy import Strategy

Rescore = Callable[[Sequence[Mapping[str, float]]], Sequence[int]]  # changed aliases of each what-if -> pd_ppm of each
MONEY_LEVERS = {
    "turnover_month_yuan": ("turnover_month_fen", 100),
    "forecast_q10_month_yuan": ("forecast_q10_fen", 600),
    "forecast_q50_month_yuan": ("forecast_q50_fen", 600),
    "outside_due_month_yuan": ("outside_due_month_fen", 100),
    "outside_balance_yuan": ("outside_balance_fen", 100),
}
_LINE_LEVERS = {"line_age_days": "age_days", "line_draws": "draws", "line_days_past_due": "days_past_due"}
_MOVED_BY = {
    "outside_due_share": ("outside_due_month_yuan", "turnover_month_yuan"),
    "outside_debt_months": ("outside_balance_yuan", "turnover_month_yuan"),
    "forecast_drop": ("forecast_q50_month_yuan",),
}
OUTCOME, LIMIT, REASON, STRENGTH = "outcome", "limit", "reason", "strength"
HALVINGS = 24


@dataclass(frozen=True, slots=True)
class Change:
    """With `alias` at `to` (missing or `start` now) the ruling would be `outcome` with `limit_fen`.

    `effect`: the *outcome* flips to approved, the *limit* rises, only this *reason* falls away, or a
    *strength* ends there.
    """

    alias: str
    start: float
    to: float
    effect: str
    outcome: str
    limit_fen: int


@dataclass(frozen=True, slots=True)
class Ask:
    """Everything needed to judge again."""

    book: Book
    product: Product
    live: Meeting
    case: Case
    ruling: Ruling
    rescore: Rescore | None = None

    def again(self, case: Case) -> Ruling:
        return rule(self.product, self.live, case, full=False)

    def moved(self, alias: str, value: float) -> Case:
        """The case with one lever at `value`; the model is asked again where it can be."""
        case = move(self.case, alias, value)
        if self.rescore is not None and alias in case.columns:
            case = replace(case, pd_ppm=self.rescore([{alias: value}])[0])
        return case


def move(case: Case, alias: str, value: float) -> Case:
    """One alias set to a value.  Money levers are yuan and become exact fen; ``filed(x)`` is 1 for filed.

    Where turnover moves, the outlook moves with it in proportion: a busier shop is not forecast to shrink.
    """
    if alias.startswith("filed("):
        return replace(case, flags={**case.flags, alias: value == 1})
    if alias in _LINE_LEVERS:
        aged: dict[str, Any] = {_LINE_LEVERS[alias]: round(value)}
        return case if case.line is None else replace(case, line=replace(case.line, **aged))
    if alias not in MONEY_LEVERS:
        return case.with_column(alias, value)
    name, unit = MONEY_LEVERS[alias]
    fen, before = round(value * unit), case.money.turnover_month_fen
    moved = {name: fen}
    if name == "turnover_month_fen" and before:
        for quantile in ("forecast_q10_fen", "forecast_q50_fen", "forecast_q90_fen"):
            was = getattr(case.money, quantile)
            if was is not None:
                moved[quantile] = was * fen // before
    return replace(case, money=replace(case.money, **moved))


def change_for_strategy(ask: Ask, strategy: Strategy, *, lose: bool = False) -> Change | None:
    """The nearest lever value at which a fired strategy no longer fires, and what the whole ruling would be then.

    Where the ruling is not approved even so, values further out are tried for an approval; if none gives one, the claim
    is only that this reason falls away.  With `lose` the levers go the other way: how far a strength reaches.
    """
    partial = None if lose else _by_filing(ask, strategy)
    if partial is not None and partial.effect != REASON:
        return partial
    for lever in levers_of(ask, strategy):
        for value in values_of(ask, strategy, _turned(lever) if lose else lever):
            case = ask.moved(lever.alias, value)
            if truth_of(strategy.condition, case.row()) is not False:
                continue
            if lose:
                return Change(lever.alias, _now(ask, lever), value, STRENGTH, ask.ruling.outcome, ask.ruling.limit_fen)
            ruling = ask.again(case)
            claim = _claim(ask, lever.alias, _now(ask, lever), value, ruling)
            if claim.effect != REASON:
                return claim
            partial = partial or claim
            if ruling.offer is not None and lever.alias in MONEY_LEVERS:
                further = _halve_to_approval(ask, lever, value)
                if further is not None:
                    return further
            if not _only_about(ruling, lever.alias):
                break
    return partial


def _by_filing(ask: Ask, strategy: Strategy) -> Change | None:
    """A voucher which, once filed, silences the strategy: the one it asks for first."""
    keys = sorted(strategy.flags, key=lambda key: (key != f"filed({strategy.action.label})", key))
    for key in keys:
        if not key.startswith("filed(") or ask.case.flags[key]:
            continue
        case = move(ask.case, key, 1)
        if truth_of(strategy.condition, case.row()) is False:
            return _claim(ask, key, 0, 1, ask.again(case))
    return None


def _turned(lever: Lever) -> Lever:
    return replace(lever, up=not lever.up, furthest=lever.furthest + 1e6 if not lever.up else 0.0)


def _now(ask: Ask, lever: Lever) -> float:
    return ask.case.row().numbers[lever.alias]


def change_for_offer(ask: Ask, binding: str, target_fen: int) -> Change | None:
    """The nearest lever value that lifts the limit to `target_fen` or more where `binding` holds it down."""
    for alias, value in _offer_levers(ask, binding, target_fen):
        lever = ask.book.levers.get(alias)
        if lever is None or (value > lever.furthest if lever.up else value < lever.furthest):
            continue
        ruling = ask.again(ask.moved(alias, value))
        if ruling.limit_fen >= target_fen:
            return _claim(ask, alias, _now(ask, lever), value, ruling)
    return None


def all_changed(ask: Ask, changes: Sequence[Change]) -> Ruling | None:
    """The ruling if every change named in the reasons were made together."""
    if len(changes) < 2:
        return None
    case = ask.case
    for change in changes:
        case = move(case, change.alias, change.to)
    columns = {change.alias: change.to for change in changes if change.alias in case.columns}
    if ask.rescore is not None and columns:
        case = replace(case, pd_ppm=ask.rescore([columns])[0])
    return ask.again(case)


def levers_of(ask: Ask, strategy: Strategy) -> list[Lever]:
    """Levers that move the strategy's condition, in the book's order; through the model where it can be asked again."""
    movers = moved_by(strategy.aliases)
    levers = [lever for alias, lever in ask.book.levers.items() if alias in movers]
    if ask.rescore is not None and "pd_ppm" in strategy.aliases:
        levers += [lever for alias, lever in ask.book.levers.items() if alias not in movers and lever.targets]
    return levers


def moved_by(aliases: Iterable[str]) -> set[str]:
    """The aliases and those that sums among them are worked out from."""
    return {other for alias in aliases for other in (alias, *_MOVED_BY.get(alias, ()))}


def values_of(ask: Ask, strategy: Strategy, lever: Lever) -> Iterator[float]:
    """Values to try, nearest first, all on the lever's steps, on its side of the present value and within its bound."""
    now = _now(ask, lever)
    if lever.alias in strategy.aliases and not _in_arithmetic(strategy, lever.alias):
        found = {value for threshold in ask.live.thresholds(lever.alias) for value in _around(threshold, lever)}
        if math.isnan(now):
            found.add(lever.furthest)
        yield from sorted((v for v in found if reachable(now, v, lever)), reverse=not lever.up)
    elif lever.alias in strategy.aliases or any(lever.alias in _MOVED_BY.get(a, ()) for a in strategy.aliases):
        value = _halve(ask, strategy, lever, now)
        if value is not None:
            yield value
    else:
        yield from (target for target in lever.targets if reachable(now, target, lever))


def _claim(ask: Ask, alias: str, start: float, value: float, ruling: Ruling) -> Change:
    effect = REASON
    if ruling.outcome == APPROVED:
        if ask.ruling.outcome != APPROVED:
            effect = OUTCOME
        elif ruling.limit_fen > ask.ruling.limit_fen:
            effect = LIMIT
    return Change(alias, start, value, effect, ruling.outcome, ruling.limit_fen)


def _only_about(ruling: Ruling, alias: str) -> bool:
    """Whether what still stops the loan asks about the same alias, so that going further could help."""
    stops = ruling.of_kind("decline", "refer")
    return bool(stops) and all(alias in strategy.aliases for strategy in stops)


def _in_arithmetic(strategy: Strategy, alias: str) -> bool:
    return any(
        isinstance(node, Arithmetic) and any(isinstance(n, Ref) and n.alias == alias for n in walk(node))
        for node in walk(strategy.condition)
    )


def _around(threshold: float, lever: Lever) -> tuple[float, ...]:
    """Steps at the threshold and one to each side of it."""
    base = math.floor(threshold / lever.step)
    return tuple(lever.at(base + k) for k in (-1, 0, 1, 2))


def reachable(now: float, value: float, lever: Lever) -> bool:
    if (value < 0 and not now < 0) or (value > lever.furthest if lever.up else value < lever.furthest):
        return False
    return math.isnan(now) or (value > now if lever.up else value < now)


def _halve(ask: Ask, strategy: Strategy, lever: Lever, now: float) -> float | None:
    """The nearest step at which the strategy is silent, by halving between the present value and the furthest."""

    def silent(steps: int) -> bool:
        row = move(ask.case, lever.alias, lever.at(steps)).row()
        return truth_of(strategy.condition, row) is False

    if math.isnan(now):
        return None
    near = math.floor(now / lever.step) if lever.up else math.ceil(now / lever.step)
    far = round(lever.furthest / lever.step)
    if (far <= near if lever.up else far >= near) or not silent(far):
        return None
    for _ in range(HALVINGS):
        if abs(far - near) <= 1:
            break
        middle = (near + far) // 2
        near, far = (near, middle) if silent(middle) else (middle, far)
    return lever.at(far)


def _halve_to_approval(ask: Ask, lever: Lever, value: float) -> Change | None:
    """Where only the offer is still missing: the nearest step beyond `value` that brings one, by halving."""
    near, far = round(value / lever.step), round(lever.furthest / lever.step)
    best = ask.again(ask.moved(lever.alias, lever.at(far)))
    if best.outcome != APPROVED:
        return None
    for _ in range(HALVINGS):
        if abs(far - near) <= 1:
            break
        middle = (near + far) // 2
        ruling = ask.again(ask.moved(lever.alias, lever.at(middle)))
        if ruling.outcome == APPROVED:
            far, best = middle, ruling
        else:
            near = middle
    return _claim(ask, lever.alias, _now(ask, lever), lever.at(far), best)


def _offer_levers(ask: Ask, binding: str, target_fen: int) -> Iterator[tuple[str, float]]:
    """(alias, value) candidates in closed form; the caller judges each again before claiming anything."""
    money, product = ask.case.money, ask.product
    offer = ask.ruling.offer
    assert offer is not None
    if binding == "turnover":
        turnover, cap = money.turnover_month_fen or 0, max(offer.caps_fen["turnover"], 1)
        guess = -(-max(turnover, 1) * target_fen // cap)
        yield from (("turnover_month_yuan", float(_up(guess * k // 1000, 1000))) for k in (1000, 1002, 1010, 1050))
    if binding == "affordability":
        terms = product.affordability
        rate = offer.rate_ppm or int(product.rates[0])
        instalment = -(-target_fen // terms.instalment_months) + target_fen * rate // PPM // 12
        need = -(-instalment * PPM // max(terms.instalment_share_ppm, 1)) + 1
        free = (money.forecast_q10_fen or 0) // 6 * terms.cash_margin_ppm // PPM
        if money.outside_due_month_fen and free >= need:
            yield "outside_due_month_yuan", float((free - need) // 1000 * 10)
        due = money.outside_due_month_fen
        if due is None:
            due = (money.turnover_month_fen or 0) * terms.assumed_due_ppm // PPM
        wanted = -(-(need + due + 1) * PPM // max(terms.cash_margin_ppm, 1))
        yield "forecast_q10_month_yuan", float(_up(wanted, 1000))
        yield "forecast_q10_month_yuan", float(_up(wanted * 105 // 100, 1000))
    if binding in ("expected_profit", "strategy", "turnover", "affordability") and ask.rescore is not None:
        for alias, lever in ask.book.levers.items():
            now = ask.case.columns.get(alias, math.nan)
            yield from ((alias, target) for target in lever.targets if reachable(now, target, lever))


def _up(fen: int, step_fen: int) -> int:
    """Fen rounded up to a step, in yuan."""
    return -(-fen // step_fen) * step_fen // 100
