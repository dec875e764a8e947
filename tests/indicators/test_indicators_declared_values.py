"""Any column recomputed by someone who has only its structured definition: plain Python, nothing of the room."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import chinese_calendar
import numpy as np
import pyarrow as pa
import pytest

from dandelion.core import arrow_schema
from dandelion.indicators import Base, evaluate, full
from dandelion.indicators.declare import OWN_KINDS
from dandelion.indicators.structure import structure
from dandelion.vault.consents import OWN_RECORDS

NOW = 1_750_000_000_000_000  # mid June 2025
DAY = 86_400_000_000
SUBJECTS = ("ann", "bob")
OTHERS = tuple(f"p{i}" for i in range(12))
EVERYTHING = full()
KINDS = {"payment": ("payee", "payer"), "order": ("seller", "buyer"), "invoice": ("seller", "buyer"),
         "refund": ("payee", "payer"), "review": ("seller", "buyer")}  # fmt: skip


def _history(seed: int) -> dict[str, list[dict[str, Any]]]:
    dice = random.Random(seed)

    def event(kind: str, number: int) -> dict[str, Any]:
        at = NOW - int(dice.random() ** 2 * 800 * DAY) - 1
        row: dict[str, Any] = {"event_id": f"{kind}{number:05}", "source": "s", "at": at,
                               "arrived": at + dice.choice([0, 0, 3 * DAY])}  # fmt: skip
        mine, other = KINDS[kind] if dice.random() < 0.8 else KINDS[kind][::-1]
        row |= {mine: dice.choice(SUBJECTS), other: dice.choice(OTHERS)}
        fen = dice.choice([900, 1500, 4000, 9900, 20_000, 64_000, 150_000, 700_000, 12_000_000])
        return row | {
            "payment": {"amount_fen": fen, "channel": dice.choice(["qr", "online", "transfer", "card", "red_packet"])},
            "order": {"order_id": f"o{number}", "amount_fen": fen, "deposit_fen": dice.choice([0, 500]),
                      "category": "x", "status": dice.choice(["completed", "completed", "cancelled"])},
            "invoice": {"invoice_no": f"n{number}", "net_fen": fen, "tax_fen": fen // 10,
                        "total_fen": dice.choice([1, 1, 1, -1]) * fen, "status": dice.choice(["valid", "valid", "void"])},
            "refund": {"amount_fen": fen}, "review": {"stars": dice.randint(1, 5)},
        }[kind]  # fmt: skip

    return {kind: [event(kind, i) for i in range(400)] for kind in KINDS}


HISTORY = _history(5)
TABLES = {
    (kind, role): pa.Table.from_pylist(
        sorted(rows, key=lambda e: (e[role], e["at"], e["event_id"])), schema=arrow_schema(kind)
    )
    for kind, rows in HISTORY.items()
    for role in KINDS[kind]
}


@cache
def clock(at: int, tz: str) -> dict[str, int]:
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)).astimezone(ZoneInfo(tz))
    off, name = chinese_calendar.get_holiday_detail(local.date())
    return {"hour": local.hour, "weekday": local.isoweekday(), "holiday.cn": int(off and name is not None)}


def passes(row: dict[str, Any], told: dict[str, Any]) -> bool:
    for column, value in told["filter"].items():
        held = clock(row["at"], told["tz"]).get(column, row.get(column))
        if column == "standing":  # nobody is related here, and nobody pays oneself
            held = "gift" if row.get("channel") == "red_packet" else "trade"
        if isinstance(value, dict):
            low = -math.inf if value["from"] is None else value["from"]
            below = math.inf if value["below"] is None else value["below"]
            if not (held >= low or held < below if low > below else low <= held < below):
                return False
        elif held != value:
            return False
    return True


def rows_of(told: dict[str, Any], subject: str) -> list[dict[str, Any]]:
    rows = [e for e in HISTORY[told["stream"]] if e[told["role"]] == subject and e["at"] < NOW and e["arrived"] < NOW]
    if told["window_s"] is not None:
        rows = [e for e in rows if e["at"] >= NOW - told["window_s"] * 1_000_000]
    return sorted((e for e in rows if passes(e, told)), key=lambda e: (e["at"], e["event_id"]))


def recomputed(told: dict[str, Any], subject: str) -> float:
    rows = rows_of(told, subject)
    values = [e[told["measure"]] for e in rows] if told["measure"] else []
    times = [e["at"] for e in rows]
    by_other: dict[str, int] = {}
    for e in rows:
        other = e[told["counterparty"]]
        by_other[other] = by_other.get(other, 0) + (e[told["measure"]] if told["measure"] else 0)
    match told["aggregate"]:
        case "count":
            return len(rows)
        case "sum":
            return sum(values)
        case "distinct":
            return len(by_other)
        case "active_days":
            zone = ZoneInfo(told["tz"])
            return len({datetime.fromtimestamp(t // 1_000_000, zone).date() for t in times})
        case "longest_gap":
            return max(b - a for a, b in itertools.pairwise(times)) / DAY if len(times) > 1 else math.nan
        case "top_share" | "entropy":
            positive = [fen for fen in by_other.values() if fen > 0]
            if len(by_other) < told["people_min"] or not positive:
                return math.nan
            if told["aggregate"] == "top_share":
                return max(positive) / sum(values) if sum(values) > 0 else math.nan
            return -sum(fen / sum(positive) * math.log(fen / sum(positive)) for fen in positive)
    if not rows:
        return math.nan
    match told["aggregate"]:
        case "mean":
            return sum(values) / len(values)
        case "min" | "max":
            return min(values) if told["aggregate"] == "min" else max(values)
        case "deviation":
            n = len(values)
            return math.sqrt(n * sum(v * v for v in values) - sum(values) ** 2) / n
        case "last":
            return values[-1]
        case "q10" | "q50" | "q90":
            rank = -(-int(told["aggregate"][1:]) * len(values) // 100)
            return sorted(values)[rank - 1]
        case "days_since_first":
            return (NOW - times[0]) / DAY
        case "days_since_last":
            return (NOW - times[-1]) / DAY
    raise AssertionError(told["aggregate"])


SEEN_BEFORE = ("new", "returning", "new_share", "returning_share")


def retold(name: str) -> bool:
    """Of newcomers, of the same weekdays, of holidays."""
    return "/holiday=" in name or name.rpartition("/")[2].split(".")[1:2] in [
        [x] for x in (*SEEN_BEFORE, "same_weekdays")
    ]


def seen_before(told: dict[str, Any], subject: str) -> float:
    """By who came in the window, and who had come in the part of the longer one before it."""
    near, far = (rows_of(structure(EVERYTHING, one), subject) for one in told["of"])
    other = structure(EVERYTHING, told["of"][0])["counterparty"]
    now, known = {e[other] for e in near}, {e["event_id"] for e in near}
    before = {e[other] for e in far if e["event_id"] not in known}
    some = now & before if told["op"].startswith("returning") else now - before
    if not told["op"].endswith("share"):
        return len(some)
    return len(some) / len(now) if now else math.nan


def _ids(seed: int, size: int, derived: bool) -> list[str]:
    mine = [name for name, grid in EVERYTHING.wide.grids.items() if grid.stream.kind in KINDS]
    ids = [
        name for name in EVERYTHING.wide.ids(mine) if ("." in name.rpartition("/")[2]) == derived and not retold(name)
    ]
    return random.Random(seed).sample(ids, size)


def value(name: str, subject: str) -> float:
    """From structured definitions alone."""
    told = structure(EVERYTHING, name)
    if "op" not in told:
        return recomputed(told, subject)
    if told["op"] in SEEN_BEFORE:
        return seen_before(told, subject)
    parts = [value(one, subject) for one in told["of"]]
    if any(math.isnan(part) for part in parts):
        return math.nan
    match told["op"]:
        case "difference":
            return parts[0] - sum(parts[1:])
        case "share":
            return parts[0] / parts[1] if parts[1] > 0 else math.nan
        case "ratio":
            return parts[0] / parts[1] if parts[1] != 0 else math.nan
    days = [structure(EVERYTHING, one)["window_s"] / 86_400 for one in told["of"]]
    if told["op"] == "trend":
        before = (parts[1] - parts[0]) / (days[1] - days[0])
        return parts[0] / days[0] / before - 1 if before > 0 else math.nan
    if told["op"] == "same_weekdays":
        usual = np.mean(np.diff(parts[1:])[::2])  # each week's span, from the two windows that end at its sides
        return float(parts[0] / usual - 1) if usual > 0 else math.nan
    spans = [parts[0], *(b - a for a, b in itertools.pairwise(parts))]
    past = spans if told["op"] == "volatility" else spans[1:]
    mean, spread = float(np.mean(past)), float(np.std(past))
    if told["op"] == "volatility":
        return spread / mean if mean > 0 else math.nan
    return (spans[0] - mean) / spread if spread > 0 else math.nan


def _held_to_plain(names: list[str]) -> int:
    """Values that say something; every one is what the structured definition alone gives."""
    frame = evaluate(EVERYTHING, TABLES, SUBJECTS, NOW, NOW, columns=names)
    seen = 0
    for row, subject in enumerate(SUBJECTS):
        for name in names:
            got, wanted = float(frame[name][row]), value(name, subject)
            seen += not math.isnan(got) and got != 0
            assert got == pytest.approx(wanted, rel=2e-6, abs=2e-6, nan_ok=True), (name, subject)
    return seen


@pytest.mark.parametrize("derived", [False, True], ids=["base", "derived"])
def test_any_column_can_be_recomputed_from_its_structured_definition(derived: bool) -> None:
    assert _held_to_plain(_ids(11, 1200, derived)) > 400, "most columns say something about these histories"


def test_newcomers_weekdays_and_holidays_are_listed_and_can_be_recomputed() -> None:
    listed = [name for name in EVERYTHING.wide.ids() if retold(name)]
    ops = Counter(structure(EVERYTHING, name).get("op", "base") for name in listed)
    assert {*SEEN_BEFORE, "same_weekdays", "base", "share", "ratio"} == set(ops) and min(ops.values()) > 50
    mine = [name for name in listed if name.partition(".")[0] in KINDS]
    assert _held_to_plain(random.Random(12).sample(mine, 400)) > 300


def test_every_aggregate_and_family_is_among_those_recomputed() -> None:
    bases = {EVERYTHING.definition(name).aggregate for name in _ids(11, 1200, False)}  # type: ignore[union-attr]
    assert {"count", "sum", "mean", "min", "max", "deviation", "distinct", "active_days", "days_since_first",
            "days_since_last", "longest_gap", "q10", "q50", "q90"} <= bases  # fmt: skip
    families = {name.rpartition("/")[2].split(".")[1] for name in _ids(11, 1200, True)}
    assert {"part", "of_all", "within", "trend", "acceleration", "per", "against", "year_on_year"} <= families


def test_the_lenders_own_ledger_is_read_under_any_grant() -> None:
    def repaid(number: int, days: int, principal: int, interest: int) -> dict[str, Any]:
        at = NOW - days * DAY
        return {"event_id": f"r{number}", "source": "lending", "at": at, "arrived": at, "merchant": "ann", "line": "l",
                "amount_fen": principal + interest, "principal_fen": principal, "interest_fen": interest}  # fmt: skip

    late = {"event_id": "d1", "source": "lending", "at": NOW - 5 * DAY, "arrived": NOW - 5 * DAY, "merchant": "ann",
            "line": "l", "days_past_due": 3, "bucket": "1"}  # fmt: skip
    tables = {
        ("repaid", "merchant"): pa.Table.from_pylist(
            [repaid(1, 40, 900, 20), repaid(2, 8, 800, 10)], schema=arrow_schema("repaid")
        ),
        ("delinquency_moved", "merchant"): pa.Table.from_pylist([late], schema=arrow_schema("delinquency_moved")),
    }
    names = ["ledger.repaid/30d/amount_sum", "ledger.repaid/90d/interest_sum", "ledger.late/late=yes/90d/past_due_last",
             "ledger.drawn/90d/count"]  # fmt: skip
    frame = evaluate(EVERYTHING, tables, ["ann"], NOW, NOW, columns=names, granted=["payments"])
    assert frame.values[0][:3].tolist() == [810, 30, 3]
    assert frame.catalogue[names[3]].null_policy == "not_supplied"
    assert set(OWN_KINDS) == set(OWN_RECORDS)


def test_a_span_over_two_filters_of_one_column_is_what_lies_in_both() -> None:
    told = structure(EVERYTHING, "invoice.sold/status=valid/sign=blue/size=1000_to_10000/90d/count")
    assert told["filter"] == {"status": "valid", "total_fen": {"from": 100_000, "below": 1_000_000}}
    assert (told["stream"], told["role"], told["window_s"], told["aggregate"]) == (
        "invoice",
        "seller",
        7_776_000,
        "count",
    )
    definition = EVERYTHING.definition("invoice.sold/90d/buyer_entropy")
    assert isinstance(definition, Base)
    assert structure(EVERYTHING, definition.id)["measure"] == "total_fen"
