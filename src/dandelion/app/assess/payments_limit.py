"""The indicative limit: the product's own caps on what the file verifies, with no probability of default anywhere.

Limit = the largest limit of the product's grid within (a) its multiple of a verified month, lowered by what the file
shows against it, and (b) an instalment that the weakest recent month can carry at the product's dearest rate.
"""

from __future__ import annotations

import functools
from bisect import bisect_right
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from dandelion.app.assess.payments_result import IndicativeLimit, Payers, Reason, Shape
from dandelion.core import PPM, plain_yaml
from dandelion.policy import Adjustments, MoneyFacts, Product, capacity, fixed_caps

REASONS_MAX = 4


@functools.cache
def rules() -> dict[str, Any]:
    return _yaml("payments_rules.yaml")


@functools.cache
def _sentences() -> dict[str, dict[str, str]]:
    return _yaml("payments_reasons.yaml")


def _yaml(name: str) -> dict[str, Any]:
    return dict(plain_yaml(resources.files("dandelion.app.assess").joinpath(name).read_text("utf-8")))


@functools.cache
def product() -> Product:
    """The product whose caps are used, from the package's defaults."""
    folder = resources.files("dandelion").joinpath("defaults", "products")
    return Product.load(Path(str(folder)) / f"{rules()['product']}.credit.yaml")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the limit is read from; shares and changes are ratios, money exact fen."""

    history_days: int
    quiet_days: int
    payments_365d: int
    payers: Payers
    month_fen: int
    prudent_fen: int
    whole_spans: int
    change_90d: float | None
    refund_share_90d: float
    circular_share: float
    shape: Shape


def indicative_limit(evidence: Evidence) -> IndicativeLimit:
    """Never an error: what is missing is a reason."""
    stops = _stops(evidence)
    if stops:
        return IndicativeLimit(0, {}, stops[0].code, max(0, evidence.month_fen), max(0, evidence.prudent_fen),
                               tuple(stops[:REASONS_MAX]))  # fmt: skip
    terms, holds = product(), _holds(evidence)
    money = MoneyFacts(turnover_month_fen=evidence.month_fen, forecast_q10_fen=6 * evidence.prudent_fen)
    caps = fixed_caps(terms, money, Adjustments(times_ppm=tuple(times for _, times in holds)), rules()["licence"])
    caps = {name: fen for name, fen in caps.items() if name in ("turnover", "licence", "product_max")}
    caps["affordability"] = affordable_fen(terms, capacity(terms, money), dearest_rate_ppm(terms))
    binding = min(("turnover", "affordability", "licence", "product_max"), key=lambda name: caps[name])
    fen = terms.snap(caps[binding])
    reasons = [_cap_reason(terms, binding, caps, evidence, fen), *(reason for reason, _ in holds)]
    if evidence.whole_spans < rules()["prudent_month"]["whole_spans_min"]:
        reasons.append(say("short_record", spans=evidence.whole_spans))
    return IndicativeLimit(fen, caps, binding, evidence.month_fen, evidence.prudent_fen, tuple(reasons[:REASONS_MAX]))


def dearest_rate_ppm(terms: Product) -> int:
    """The conservative assumption of the instalment: the highest rate the licence lets the product charge."""
    cap = terms.licence_rate_cap_ppm.get(rules()["licence"], 0)
    within = terms.rates[terms.rates <= cap]
    return int(within[-1]) if len(within) else int(terms.rates[0])


def affordable_fen(terms: Product, room_fen: int, rate_ppm: int) -> int:
    """The largest limit of the grid whose monthly instalment (as the offer counts it) is at most `room_fen`."""
    fits = bisect_right(terms.limits.tolist(), room_fen, key=lambda limit: instalment_fen(terms, limit, rate_ppm))
    return int(terms.limits[fits - 1]) if fits else 0


def say(code: str, **figures: object) -> Reason:
    texts = _sentences()[code]
    return Reason(code, *(texts[key].format(**figures) for key in ("zh", "en", "change_zh", "change_en")))


def _stops(e: Evidence) -> list[Reason]:
    needs, stops = rules()["needs"], []
    if e.circular_share > rules()["stops"]["circular_ppm"] / PPM:
        stops.append(say("circular_stop", share=_pct(e.circular_share)))
    if e.shape.kind == "yarn_ball":
        stops.append(say("yarn_ball", share=_pct(e.shape.tie_share or 0.0)))
    if e.history_days < needs["history_days"]:
        stops.append(say("history_short", days=e.history_days, need=needs["history_days"] - e.history_days))
    if e.payments_365d < needs["payments"]:
        stops.append(say("payments_few", payments=e.payments_365d, need=needs["payments"] - e.payments_365d))
    if e.quiet_days > needs["quiet_days_max"]:
        stops.append(say("quiet", days=e.quiet_days))
    elif e.payers.people_90d < needs["payers"]:
        stops.append(say("payers_few", floor=needs["payers"]))
    if not stops and e.month_fen <= 0:
        stops.append(say("nothing_verified"))
    return stops


def _holds(e: Evidence) -> list[tuple[Reason, int]]:
    holds = rules()["holds"]
    found: list[tuple[Reason, int]] = []

    def hold(code: str, share: float, goal: int) -> None:
        found.append((say(code, share=_pct(share), goal=_pct(goal / PPM)), holds[code]["times_ppm"]))

    if e.shape.kind == "between":
        found.append((say("between"), holds["between"]["times_ppm"]))
    if e.circular_share > holds["circular"]["above_ppm"] / PPM:
        hold("circular", e.circular_share, holds["circular"]["above_ppm"])
    if e.payers.top_share is not None and e.payers.top_share > holds["top_payer"]["above_ppm"] / PPM:
        hold("top_payer", e.payers.top_share, holds["top_payer"]["above_ppm"])
    if e.change_90d is not None and e.change_90d < holds["falling"]["below_ppm"] / PPM:
        hold("falling", -e.change_90d, holds["falling"]["below_ppm"])
    if e.refund_share_90d > holds["refunds"]["above_ppm"] / PPM:
        hold("refunds", e.refund_share_90d, holds["refunds"]["above_ppm"])
    return found


def _cap_reason(terms: Product, binding: str, caps: dict[str, int], e: Evidence, fen: int) -> Reason:
    if fen == 0:
        goal = -(-terms.limit_min_fen * PPM // terms.turnover_multiple_ppm)
        goal = max(goal, _scaled(e.month_fen, terms.limit_min_fen, caps[binding]))
        return say("below_smallest", amount=_yuan(caps[binding]), smallest=_yuan(terms.limit_min_fen), goal=_yuan(goal))
    following = terms.next_limit(fen)
    if binding in ("product_max", "licence") or following is None:
        return say(f"cap_{binding}" if binding in ("product_max", "licence") else "cap_product_max")
    if binding == "turnover":
        goal = _scaled(e.month_fen, following, caps["turnover"])
        return say("cap_turnover", turnover=_yuan(e.month_fen), goal=_yuan(goal), next=_yuan(following))
    goal = _prudent_goal(terms, e, following)
    return say("cap_affordability", prudent=_yuan(e.prudent_fen), goal=_yuan(goal), next=_yuan(following))


def _scaled(now_fen: int, wanted_fen: int, allowed_fen: int) -> int:
    """The turnover at which a cap that is proportional to it would reach `wanted_fen` (rounded up to whole yuan)."""
    return -(-now_fen * wanted_fen // max(allowed_fen, 1) // 100) * 100 if now_fen > 0 else wanted_fen


def _prudent_goal(terms: Product, e: Evidence, following: int) -> int:
    """The weakest month (whole yuan) at which the next limit becomes affordable, by halving."""
    wanted = instalment_fen(terms, following, dearest_rate_ppm(terms))
    low, high = e.prudent_fen, max(e.prudent_fen, 100) * 64
    while high - low > 100:
        middle = (low + high) // 2
        money = MoneyFacts(turnover_month_fen=max(e.month_fen, middle), forecast_q10_fen=6 * middle)
        low, high = (low, middle) if capacity(terms, money) >= wanted else (middle, high)
    return -(-high // 100) * 100


def instalment_fen(terms: Product, limit_fen: int, rate_ppm: int) -> int:
    """Principal over the product's months, rounded up, and a month's interest on all of it: as the offer counts it."""
    return -(-limit_fen // terms.affordability.instalment_months) + limit_fen * rate_ppm // PPM // 12


def _pct(share: float) -> str:
    return f"{share * 100:.0f} %"


def _yuan(fen: int) -> str:
    return f"¥{fen / 100:,.0f}"
