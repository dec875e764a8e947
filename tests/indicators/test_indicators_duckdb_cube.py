"""An independent check: DuckDB's GROUP BY CUBE, written from what the columns mean, on every value of a small cube.

The bench does the same on hundreds of millions of values (`make bench NAME=indicators`).
"""

from __future__ import annotations

import itertools

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from dandelion.core import arrow_schema
from dandelion.indicators import Cube, Definitions, Dimension, Level, Measure, Stream, evaluate

DAY = 86_400_000_000
AS_OF = 1_751_241_600_000_000  # 2025-06-30T00:00:00Z
KNOWN_AT = AS_OF + 2 * DAY  # known two days later: some of the late ones are in, some are not
WINDOWS = {"1d": 1, "7d": 7, "45d": 45, "365d": 365}
CHANNELS, SHOPS = ("qr", "online", "transfer", "card", "red_packet"), 30
WHOLE = ("count", "sum", "min", "max", "last", "q10", "q50", "q90", "distinct", "active_days")
ROUNDED = ("mean", "deviation", "days_since_first", "days_since_last", "longest_gap", "top_share", "entropy")
SUFFIX = {
    "sum": "amount_sum", "mean": "amount_mean", "min": "amount_min", "max": "amount_max", "last": "amount_last",
    "deviation": "amount_deviation", "q10": "amount_q10", "q50": "amount_q50", "q90": "amount_q90",
    "distinct": "distinct_payers", "longest_gap": "longest_gap_days", "top_share": "top_payer_share",
    "entropy": "payer_entropy",
}  # fmt: skip
LEVELS = {
    "channel": CHANNELS[:3],
    "hours": ("night", "day"),
    "days": ("weekend",),
    "size": ("small", "middle", "large"),
}

RECEIVED = Stream(
    "payment.received", "payment", "payee", "收到的付款", "payments received", counterparty="payer", people=True,
    measures=(Measure("amount", "amount_fen", "fen", "金额", "amount"),),
    dimensions=(
        Dimension("channel", tuple(Level(name, name, name, name) for name in CHANNELS[:3]), field="channel"),
        Dimension("hours", (Level("night", "夜", "night", low=22, high=6), Level("day", "日", "day", low=6, high=22)),
                  "hour"),
        Dimension("days", (Level("weekend", "周末", "weekend", low=6, high=8),), "weekday"),
        Dimension("size", (Level("small", "小", "small", high=1_000), Level("middle", "中", "middle", low=1_000, high=5_000),
                           Level("large", "大", "large", low=5_000)), field="amount_fen"),
    ),
)  # fmt: skip

COUNTED = f"""
    CREATE TABLE counted AS
    SELECT *, CASE WHEN channel IN ('qr', 'online', 'transfer') THEN channel ELSE 'other' END AS the_channel,
           CASE WHEN hour >= 22 OR hour < 6 THEN 'night' ELSE 'day' END AS the_hours,
           CASE WHEN weekday IN (6, 7) THEN 'weekend' ELSE 'week' END AS the_days,
           CASE WHEN amount_fen < 1000 THEN 'small' WHEN amount_fen < 5000 THEN 'middle' ELSE 'large' END AS the_size
    FROM (
        SELECT event_id, payee, payer, amount_fen, channel, epoch_us("at") AS moment,
               (epoch_us("at") + 28800000000) // 3600000000 % 24 AS hour,
               (epoch_us("at") + 28800000000) // 86400000000 AS local_day,
               isodow(make_timestamp(epoch_us("at") + 28800000000)) AS weekday
        FROM payments AS event
        WHERE epoch_us("at") < {AS_OF} AND epoch_us(arrived) < {KNOWN_AT} AND NOT EXISTS (
            SELECT 1 FROM payments AS correction
            WHERE correction.replaces = event.event_id AND epoch_us(correction.arrived) < {KNOWN_AT})
    )"""

CELLS = "payee, the_channel, the_hours, the_days, the_size"
CUBE = "payee, CUBE (the_channel, the_hours, the_days, the_size)"
OF_WINDOW = f"""
    WITH inside AS (SELECT * FROM counted WHERE moment >= {AS_OF} - $days * {DAY}),
    events AS (
        SELECT {CELLS}, count(*) AS count, sum(amount_fen) AS sum, min(amount_fen) AS min, max(amount_fen) AS max,
               avg(amount_fen) AS mean, stddev_pop(amount_fen) AS deviation,
               last(amount_fen ORDER BY moment, event_id) AS last,
               list_sort(list(amount_fen)) AS sorted, list_sort(list(moment)) AS moments,
               count(DISTINCT payer) AS distinct, count(DISTINCT local_day) AS active_days,
               ({AS_OF} - min(moment)) / {DAY} AS days_since_first, ({AS_OF} - max(moment)) / {DAY} AS days_since_last
        FROM inside GROUP BY {CUBE}
    ),
    payers AS (SELECT {CELLS}, payer, sum(amount_fen) AS paid FROM inside GROUP BY payer, {CUBE}),
    shares AS (
        SELECT {CELLS}, max(paid) / sum(paid) AS top_share,
               ln(sum(paid)) - sum(paid * ln(paid)) / sum(paid) AS entropy
        FROM payers GROUP BY {CELLS} HAVING count(*) >= 5
    )
    SELECT events.*,
           sorted[(count * 10 + 99) // 100] AS q10, sorted[(count * 50 + 99) // 100] AS q50,
           sorted[(count * 90 + 99) // 100] AS q90,
           list_max([moments[i + 1] - moments[i] FOR i IN range(1, count)]) / {DAY} AS longest_gap,
           top_share, entropy
    FROM events LEFT JOIN shares ON {{same}}""".replace(
    "{same}",
    " AND ".join(f"events.{name} IS NOT DISTINCT FROM shares.{name}" for name in CELLS.split(", ")),
)


@pytest.fixture(scope="module")
def payments() -> pa.Table:
    """Ties, parties that return, late arrivals and corrections; a heavy shop and a silent one."""
    random = np.random.default_rng(20250630)
    size = 6_000
    back = (random.exponential(60, size) * 86_400).astype(np.int64) * 1_000_000 + 1
    at = AS_OF - back
    at[: size // 10] = at[size // 10 : 2 * (size // 10)]  # ties
    late = np.where(random.random(size) < 0.3, random.integers(0, 10 * DAY, size), 1)
    ids = np.array([f"{number:032x}" for number in random.permutation(size)], object)
    replaces = np.where(random.random(size) < 0.05, ids[random.integers(0, size, size)], None)
    shop = (SHOPS * random.random(size) ** 2).astype(int)
    table = {
        "event_id": ids, "source": ["test"] * size, "at": at, "arrived": at + late, "replaces": replaces,
        "payee": [f"shop{number}" for number in shop], "payer": [f"p{n}" for n in random.integers(0, 40, size)],
        "amount_fen": np.maximum(1, random.lognormal(7.5, 1.2, size)).astype(np.int64),
        "channel": random.choice(CHANNELS, size), "device": [None] * size, "order_id": [None] * size,
    }  # fmt: skip
    schema = arrow_schema("payment")
    arrays = [
        pa.array(table[field.name], pa.int64() if pa.types.is_timestamp(field.type) else field.type) for field in schema
    ]
    return pa.Table.from_arrays([a.cast(f.type) for a, f in zip(arrays, schema, strict=True)], schema=schema)


def test_every_value_of_a_cube_is_what_duckdb_finds(payments: pa.Table) -> None:
    by_id = {}
    for cell in itertools.product(*([None, *levels] for levels in LEVELS.values())):
        where = "".join(f"/{name}={level}" for name, level in zip(LEVELS, cell, strict=True) if level)
        for window in WINDOWS:
            for aggregate in (*WHOLE, *ROUNDED):
                by_id[f"payment.received{where}/{window}/{SUFFIX.get(aggregate, aggregate)}"] = (
                    cell,
                    window,
                    aggregate,
                )
    cubes = [
        Cube(RECEIVED, tuple(WINDOWS), (*WHOLE, *ROUNDED), by=by)
        for size in range(5)
        for by in itertools.combinations(LEVELS, size)
    ]
    subjects = [f"shop{number}" for number in range(SHOPS)] + ["silent"]
    frame = evaluate(
        Definitions.of(cubes), {("payment", "payee"): payments}, subjects, AS_OF, KNOWN_AT, columns=list(by_id)
    )
    theirs = _by_duckdb(payments, subjects)
    differing = []
    for place, (cell, window, aggregate) in enumerate(by_id.values()):
        empty = 0.0 if aggregate in ("count", "sum", "distinct", "active_days") else np.nan
        expected = theirs.get((cell, window), {}).get(aggregate, np.full(len(subjects), empty))
        expected = np.where(np.isnan(expected), empty, expected).astype(np.float32)
        got = frame.values[:, place]
        close = np.isclose(got, expected, rtol=0 if aggregate in WHOLE else 1e-5, atol=0 if aggregate in WHOLE else 1e-6,
                           equal_nan=True)  # fmt: skip
        differing += [(frame.names[place], subjects[row], got[row], expected[row]) for row in np.flatnonzero(~close)]
    assert frame.values.size > 200_000
    assert np.count_nonzero(np.nan_to_num(frame.values)) > 100_000, "the check must have something to check"
    assert not differing, f"{len(differing)} of {frame.values.size} values differ, first {differing[:3]}"


def _by_duckdb(
    payments: pa.Table, subjects: list[str]
) -> dict[tuple[tuple[str | None, ...], str], dict[str, np.ndarray]]:
    connection = duckdb.connect()
    connection.execute("SET threads = 1")
    connection.register("payments", payments)
    connection.execute(COUNTED)
    found: dict[tuple[tuple[str | None, ...], str], dict[str, np.ndarray]] = {}
    for window, days in WINDOWS.items():
        rows = connection.execute(OF_WINDOW, {"days": days})
        names = [column[0] for column in rows.description]
        for row in rows.fetchall():
            of = dict(zip(names, row, strict=True))
            cell = (of["the_channel"], of["the_hours"], of["the_days"], of["the_size"])
            values = found.setdefault((cell, window), {})
            for aggregate in (*WHOLE, *ROUNDED):
                if of[aggregate] is not None:
                    line = values.setdefault(aggregate, np.full(len(subjects), np.nan))
                    line[subjects.index(of["payee"])] = float(of[aggregate])
    connection.close()
    return found
