"""DuckDB's side, written from the meaning of the columns: `GROUP BY CUBE` over disjoint ages, added up to windows, and
exact distinct payers by the age of each payer's newest payment.  Also the point-in-time oracle for some labels."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from indicators_runs import THREADS, Clock, answer
from indicators_spec import (
    AGGREGATES,
    AS_OF_US,
    CHANNELS,
    DAY_US,
    DAYS,
    HOURS,
    LEVELS,
    SIZES,
    TZ_SHIFT_US,
    WINDOW_DAYS,
    Ask,
    columns,
)

DIMENSIONS = tuple(LEVELS)
LAST = len(WINDOW_DAYS) - 1


def bands(expression: str, levels: dict[str, Any]) -> str:
    """CASE that gives the place of the level an expression falls into."""
    cases = [
        f"WHEN {expression} >= {low}" + ("" if high is None else f" AND {expression} < {high}") + f" THEN {place}"
        for place, (low, high) in enumerate(levels.values())
    ]
    return f"CAST(CASE {' '.join(cases)} END AS TINYINT)"


def payments_sql(file: str, labels: str | None) -> str:
    """Payments that count, with the place of their level in each dimension and the ring of their age: of each payee at
    one moment, or of each row (subject, as_of) of the labels, which then takes the payee's place as `subject@as_of`."""
    as_of = str(AS_OF_US) if labels is None else "epoch_us(as_of)"
    payee = "payee" if labels is None else "subject || '@' || epoch_us(as_of)"
    source = f"read_parquet('{file}')"
    if labels is not None:
        source = f"read_parquet('{labels}') JOIN {source} ON payee = subject"
    local = f'(epoch_us("at") + {TZ_SHIFT_US})'
    age = f'(({as_of} - 1 - epoch_us("at")) // {DAY_US})'
    rings = {str(days): (low, days) for low, days in zip((0, *WINDOW_DAYS), WINDOW_DAYS, strict=False)}
    channel = " ".join(f"WHEN '{name}' THEN {place}" for place, name in enumerate(CHANNELS))
    return f"""
        SELECT {payee} AS payee, payer, amount_fen AS amount, CAST(CASE channel {channel} END AS TINYINT) AS channel,
               {bands(f"({local} // 3600000000 % 24)", HOURS)} AS hours,
               {bands(f"(({local} // {DAY_US} + 3) % 7 + 1)", DAYS)} AS days,
               {bands("amount_fen", SIZES)} AS size, {bands(age, rings)} AS ring
        FROM {source}
        WHERE epoch_us("at") < {as_of} AND epoch_us("at") >= {as_of} - {WINDOW_DAYS[-1] * DAY_US}
          AND epoch_us(arrived) < {as_of}"""


def window_sums(columns_of: str) -> str:
    """One column a window of (name, aggregate) pairs, from rows of single rings."""
    pairs = [pair.split(":") for pair in columns_of.split()]
    return ", ".join(
        f"{how}({name})" + ("" if w == LAST else f" FILTER (ring <= {w})") + f" AS {name}{w}"
        for name, how in pairs for w in range(LAST + 1)
    )  # fmt: skip


def finished() -> str:
    """The six aggregates of every window from n, total, greatest, squares and who."""
    out = []
    for w in range(LAST + 1):
        n, s, q = f"n{w}", f"total{w}", f"squares{w}"
        formulas = {
            "count": f"COALESCE({n}, 0)", "sum": f"COALESCE({s}, 0)", "mean": f"{s}::DOUBLE / {n}", "max": f"greatest{w}",
            "deviation": f"sqrt(({n} * {q} - {s} * {s})::DOUBLE) / {n}", "distinct": f"COALESCE(who{w}, 0)",
        }  # fmt: skip
        out += [f"CAST({formulas[aggregate]} AS FLOAT) AS {aggregate}{w}" for aggregate in AGGREGATES]
    return ", ".join(out)


def cube(connection: duckdb.DuckDBPyConnection, file: str, labels: str | None = None) -> None:
    """Table `values_of`: a row for each merchant and cell with a payment, a column for each window and aggregate."""
    dims = ", ".join(DIMENSIONS)
    connection.execute(f"CREATE TEMP TABLE raw AS {payments_sql(file, labels)}")
    connection.execute("CREATE TEMP TABLE payers AS SELECT payer, row_number() OVER ()::INTEGER AS code "
                       "FROM (SELECT DISTINCT payer FROM raw)")  # fmt: skip
    connection.execute("CREATE TEMP TABLE payees AS SELECT payee, row_number() OVER (ORDER BY payee)::INTEGER - 1 AS m "
                       "FROM (SELECT DISTINCT payee FROM raw)")  # fmt: skip
    connection.execute(f"CREATE TEMP TABLE events AS SELECT m, code AS p, amount, {dims}, ring "
                       "FROM raw JOIN payees USING (payee) JOIN payers USING (payer)")  # fmt: skip
    connection.execute(f"""
        CREATE TEMP TABLE states AS
        SELECT m, {dims}, {window_sums("n:sum total:sum greatest:max squares:sum")} FROM (
            SELECT m, ring, {dims}, count(*) AS n, sum(amount)::HUGEINT AS total, max(amount) AS greatest,
                   sum(amount::HUGEINT * amount) AS squares
            FROM events GROUP BY m, ring, CUBE ({dims})
        ) GROUP BY m, {dims}""")
    connection.execute(f"""
        CREATE TEMP TABLE distincts AS
        SELECT m, {dims}, {window_sums("who:sum")} FROM (
            SELECT m, {dims}, ring, count(*) AS who FROM (
                SELECT m, p, {dims}, min(ring) AS ring FROM events GROUP BY m, p, CUBE ({dims})
            ) GROUP BY m, {dims}, ring
        ) GROUP BY m, {dims}""")
    same = " AND ".join(f"s.{name} IS NOT DISTINCT FROM d.{name}" for name in DIMENSIONS)
    keys = ", ".join(f"s.{name}" for name in DIMENSIONS)
    connection.execute(f"CREATE TEMP TABLE values_of AS SELECT s.m, {keys}, {finished()} FROM states s "
                       f"JOIN distincts d ON s.m = d.m AND {same}")  # fmt: skip


def compute_cube(job: dict[str, Any]) -> dict[str, Any]:
    connection = duckdb.connect()
    connection.execute(f"SET threads = {THREADS}")
    clock = Clock()
    cube(connection, job["file"], job.get("labels"))
    facts = clock.stop()
    rows = connection.execute("SELECT count(*) FROM values_of").fetchall()[0]
    if job.get("out"):
        save(connection, job["out"], columns(job["set"]))
    return {**facts, "rows": rows[0]}


def save(connection: duckdb.DuckDBPyConnection, out: str, asked: list[Ask]) -> None:
    """Dense (merchants, columns) float32 for the comparison."""
    payees = connection.sql("SELECT payee FROM payees ORDER BY m").to_arrow_table()
    table = connection.sql("SELECT * FROM values_of").to_arrow_table()
    radix, code = 1, np.zeros(table.num_rows, np.int64)
    place_of: dict[str, tuple[int, int]] = {}
    for name, levels in LEVELS.items():
        place_of[name] = (radix, len(levels))
        column = table.column(name).cast(pa.int64()).fill_null(-1).to_numpy() + 1
        code, radix = code + radix * column, radix * (len(levels) + 1)
    rows = table.column("m").to_numpy().astype(np.int64)
    values = np.lib.format.open_memmap(f"{out}.npy", "w+", np.float32, (payees.num_rows, len(asked)))
    wanted: dict[int, list[int]] = {}
    for j, ask in enumerate(asked):
        at = sum(place_of[name][0] * (LEVELS[name].index(level) + 1) for name, level in ask.cell)
        wanted.setdefault(at, []).append(j)
    order = np.argsort(code, kind="stable")
    starts = np.searchsorted(code[order], np.arange(radix + 1))
    held = {name: table.column(name).to_numpy() for name in table.column_names[1 + len(LEVELS) :]}
    for cell, places in wanted.items():
        some = order[starts[cell] : starts[cell + 1]]
        for j in places:
            ask = asked[j]
            line = np.full(
                payees.num_rows, 0.0 if ask.aggregate in ("count", "sum", "distinct") else np.nan, np.float32
            )
            line[rows[some]] = held[f"{ask.aggregate}{WINDOW_DAYS.index(ask.days)}"][some]
            values[:, j] = line
    values.flush()
    pq.write_table(payees, f"{out}.parquet")


if __name__ == "__main__":
    answer({"cube": compute_cube})
