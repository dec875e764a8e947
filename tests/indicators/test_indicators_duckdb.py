"""An independent check: the cube written as SQL for DuckDB, GROUP BY CUBE per window, held against the kernel."""

from __future__ import annotations

import math

import duckdb
import numpy as np
import pyarrow as pa

from dandelion.indicators import Cube, Definitions, Level, Measure, Stream, evaluate
from dandelion.indicators.declare import Dimension

NOW, DAY = 1_750_000_000_000_000, 86_400_000_000
CHANNELS, WINDOWS = ("qr", "online", "card"), (1, 7, 30, 90)
FIGURES = ("count", "amount_sum", "amount_max", "amount_min", "amount_deviation", "distinct_payers", "active_days")
PAID = Stream(
    "sql.paid", "payment", "payee", "", "", counterparty="payer", measures=(Measure("amount", "amount_fen", "fen", "", ""),),
    dimensions=(
        Dimension("channel", tuple(Level(c, "", "", c) for c in CHANNELS), field="channel"),
        Dimension("hours", (Level("night", "", "", low=22, high=6), Level("day", "", "", low=6, high=22)), "hour"),
        Dimension("days", (Level("week", "", "", low=1, high=6), Level("end", "", "", low=6, high=8)), "weekday"),
    ),
)  # fmt: skip
CUBE = Cube(PAID, tuple(f"{w}d" for w in WINDOWS), ("count", "sum", "max", "min", "deviation", "distinct", "active_days"),
            by=("channel", "hours", "days"), up_to=3)  # fmt: skip
SQL = """
select payee, channel, hours, days, count(*), sum(amount_fen)::hugeint, max(amount_fen), min(amount_fen),
       sum(amount_fen::hugeint * amount_fen), count(distinct payer), count(distinct day)
from (select *, case when hour >= 22 or hour < 6 then 'night' else 'day' end as hours,
             case when isodow >= 6 then 'end' else 'week' end as days
      from (select *, extract('hour' from here) as hour, extract('isodow' from here) as isodow, here::date as day
            from (select *, make_timestamp(at_us) + interval 8 hour as here from paid
                  where at_us >= {start} and at_us < {now} and arrived_us < {now})))
group by payee, cube (channel, hours, days)
"""


def test_every_value_of_a_cube_equals_group_by_cube_in_sql() -> None:
    random = np.random.default_rng(11)
    shops, size = [f"m{n}" for n in range(60)], 9_000
    at = NOW - (random.random(size) * 95 * DAY).astype(np.int64)
    paid = pa.table({
        "event_id": [f"e{n}" for n in range(size)], "at": pa.array(at).cast(pa.timestamp("us", tz="UTC")),
        "arrived": pa.array(at + random.integers(0, 2 * DAY, size)).cast(pa.timestamp("us", tz="UTC")),
        "payee": random.choice(shops, size), "payer": [f"p{n}" for n in random.integers(0, 300, size)],
        "amount_fen": random.integers(1, 5_000_000_000, size), "channel": random.choice(CHANNELS, size),
    })  # fmt: skip
    definitions = Definitions.of([CUBE])
    frame = evaluate(definitions, {("payment", "payee"): paid}, shops, NOW, NOW)
    place = {name: j for j, name in enumerate(frame.names)}
    wanted = np.zeros_like(frame.values)
    for name, j in place.items():
        if name.endswith(("_max", "_min", "_deviation")):
            wanted[:, j] = np.nan
    with duckdb.connect() as sql:
        plain = paid.set_column(1, "at_us", paid["at"].cast(pa.int64()))
        sql.register("paid", plain.set_column(2, "arrived_us", plain["arrived"].cast(pa.int64())))
        for window in WINDOWS:
            for payee, *levels, n, total, high, low, squares, payers, days in sql.execute(
                SQL.format(start=NOW - window * DAY, now=NOW)
            ).fetchall():
                cell = "".join(f"/{d}={v}" for d, v in zip(("channel", "hours", "days"), levels, strict=True) if v)
                spread = math.sqrt(n * int(squares) - int(total) ** 2) / n
                values = (n, int(total), high, low, spread, payers, days)
                for figure, value in zip(FIGURES, values, strict=True):
                    wanted[shops.index(payee), place[f"sql.paid{cell}/{window}d/{figure}"]] = np.float32(value)
    assert frame.values.size == 60 * 4 * 3 * 3 * len(WINDOWS) * len(FIGURES)
    np.testing.assert_array_equal(frame.values, wanted)
