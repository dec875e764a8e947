"""The slow, obvious evaluator: event dicts, Python lists and whole numbers, one formula per aggregate.

It shares nothing with the room but the declarations.
"""

from __future__ import annotations

import decimal
import itertools
import math
import statistics
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from dandelion.indicators import Base, Definitions, Derive

DAY = 86_400_000_000
Row = dict[str, Any]
Events = dict[tuple[str, str], list[Row]]
RELATIONS = {("role", "firm"): "person", ("role", "person"): "firm",
             ("shareholding", "firm"): "holder", ("shareholding", "holder"): "firm"}  # fmt: skip


def local(at: int, tz: str) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)).astimezone(ZoneInfo(tz))


def visible(rows: list[Row], as_of: int, known_at: int) -> list[Row]:
    known = [e for e in rows if e["arrived"] < known_at]
    replaced = {e["replaces"] for e in known if e.get("replaces")}
    return [e for e in known if e["at"] < as_of and e["event_id"] not in replaced]


def close_to(events: Events, subject: str, as_of: int, known_at: int) -> set[str]:
    out = set()
    for (kind, role), other in RELATIONS.items():
        for fact in visible(events.get((kind, role), []), as_of, known_at):
            if fact[role] == subject and fact.get("share_ppm", 1) > 0:
                out.add(fact[other])
    return out


def standing(event: Row, other: str, subject: str, related: set[str]) -> set[str]:
    """Every standing the event has (a gift from a relative is both)."""
    if event[other] == subject:
        return {"self"}
    found = {"gift"} if event.get("channel") == "red_packet" else set()
    found |= {"related"} if event[other] in related else set()
    return found or {"trade"}


def in_level(event: Row, base: Base, name: str, value: str, subject: str, related: set[str], tz: str) -> bool:
    dimension = base.stream.dimension(name)
    level = dimension.level(value)
    if dimension.source == "standing":
        return value in standing(event, base.stream.counterparty, subject, related)
    moment = local(event["at"], tz)
    held = {"hour": moment.hour, "weekday": moment.isoweekday()}.get(dimension.source, event.get(dimension.field or ""))
    if level.equals is not None:
        return held == level.equals
    low = -math.inf if level.low is None else level.low
    high = math.inf if level.high is None else level.high
    return held >= low or held < high if low > high else low <= held < high


def base_value(base: Base, events: Events, subject: str, as_of: int, known_at: int, tz: str) -> float | int:
    stream = base.stream
    rows = sorted(
        (e for e in visible(events[stream.kind, stream.role], as_of, known_at) if e[stream.role] == subject),
        key=lambda e: (e["at"], e["event_id"]),
    )
    if base.window != "ever":
        rows = [e for e in rows if e["at"] >= as_of - int(base.window[:-1]) * DAY]
    if stream.latest_by:
        rows = [
            e for i, e in enumerate(rows) if e[stream.latest_by] not in {x[stream.latest_by] for x in rows[i + 1 :]}
        ]
    related = close_to(events, subject, as_of, known_at)
    rows = [e for e in rows if all(in_level(e, base, d, v, subject, related, tz) for d, v in base.filters)]
    values = [e[stream.measure(base.measure).field] for e in rows] if base.measure else []
    who = [e[stream.counterparty] for e in rows] if stream.counterparty else []
    times = [e["at"] for e in rows]
    match base.aggregate:
        case "count":
            return len(rows)
        case "sum":
            return sum(values)
        case "distinct":
            return len(set(who))
        case "active_days":
            return len({local(t, tz).date() for t in times})
        case "longest_gap":
            return max(b - a for a, b in itertools.pairwise(times)) / DAY if len(rows) > 1 else math.nan
        case "top_share":
            parts = {w: sum(v for v, x in zip(values, who, strict=True) if x == w) for w in who}
            if sum(values) <= 0 or (stream.people and len(parts) < 5):
                return math.nan
            return max(*parts.values(), 0) / sum(values)
        case "entropy":
            parts = {w: sum(v for v, x in zip(values, who, strict=True) if x == w) for w in who}
            above = [part for part in parts.values() if part > 0]
            if not above or (stream.people and len(parts) < 5):
                return math.nan
            return _entropy(above)
    if not rows:
        return math.nan
    match base.aggregate:
        case "mean":
            return sum(values) / len(values)
        case "min":
            return min(values)
        case "max":
            return max(values)
        case "last":
            return values[-1]
        case "deviation":
            n = len(values)
            return math.sqrt(n * sum(v * v for v in values) - sum(values) ** 2) / n
        case "q10" | "q50" | "q90":
            return sorted(values)[math.ceil(Fraction(int(base.aggregate[1:]), 100) * len(values)) - 1]
        case "days_since_first":
            return (as_of - times[0]) / DAY
        case "days_since_last":
            return (as_of - times[-1]) / DAY
    raise AssertionError(base.aggregate)


def _entropy(parts: list[int]) -> float:
    """To fifty digits, then in steps of 2**-24 nats."""
    with decimal.localcontext() as context:
        context.prec = 50
        total = decimal.Decimal(sum(parts))
        exact = -sum((Decimal(part) / total) * (Decimal(part) / total).ln() for part in parts)
        return float((exact * 2**24).to_integral_value()) / 2**24


def value(definitions: Definitions, name: str, events: Events, subject: str, as_of: int, known_at: int) -> float | int:
    definition = definitions.definition(name)
    if isinstance(definition, Base):
        return base_value(definition, events, subject, as_of, known_at, definitions.tz)
    return derived(definitions, definition, events, subject, as_of, known_at)


def derived(
    definitions: Definitions, derive: Derive, events: Events, subject: str, as_of: int, known_at: int
) -> float | int:
    parts = [value(definitions, name, events, subject, as_of, known_at) for name in derive.of]
    if any(isinstance(p, float) and math.isnan(p) for p in parts):
        return math.nan
    if derive.op == "difference":
        return parts[0] - sum(parts[1:])
    if derive.op in ("ratio", "share"):
        bottom = parts[1]
        return parts[0] / bottom if (bottom > 0 if derive.op == "share" else bottom != 0) else math.nan
    days = [int(definitions.definition(name).window[:-1]) for name in derive.of]
    if derive.op == "trend":
        earlier = (parts[1] - parts[0]) / (days[1] - days[0])
        return (parts[0] / days[0]) / earlier - 1 if earlier > 0 else math.nan
    buckets = [parts[0], *(b - a for a, b in itertools.pairwise(parts))]
    past = buckets if derive.op == "volatility" else buckets[1:]
    mean, spread = statistics.fmean(past), _spread(past)
    if derive.op == "volatility":
        return spread / mean if mean > 0 else math.nan
    return (buckets[0] - mean) / spread if spread > 0 else math.nan


def _spread(values: list[int]) -> float:
    exact = [Fraction(v) for v in values]
    mean = sum(exact) / len(exact)
    return math.sqrt(sum((v - mean) ** 2 for v in exact) / len(exact))


def as_float32(number: float | int) -> np.float32:
    return np.float32(float(number))
