"""Edges by Spark: the payments of a cluster summed up to one row per pair, equal to `fold` on one machine.

Only sums travel, so the graph of 400 million edges that comes back fits one machine, where the counting is done.
"""

from __future__ import annotations

import importlib
from typing import Any

from dandelion.core import SECOND_US, BadInput
from dandelion.graph.flow.compact import span_of
from dandelion.graph.payments import NEEDED


def edges_spark(payments: Any, as_of: int, *, since: int, known_at: int | None = None) -> Any:
    """Spark DataFrame of payer, payee, count, fen, first, last (whole seconds), spread from one of payments.

    Payments with ``since <= at < as_of`` (UTC microseconds) that had arrived before `known_at` (default: `as_of`), replaced
    ones gone, those to oneself left out.  Nothing runs before it is read; `from_table` takes its ``toArrow()``.  Errors:
    BadInput where a column is missing; while it runs, an amount of zero or less or a missing party stops the job and says so.
    """
    for name in NEEDED:
        if name not in payments.columns:
            raise BadInput(f"payments lack column {name!r}; they have {', '.join(payments.columns)}", field=name)
    if as_of <= since:
        raise BadInput("as_of must lie after since", field="since")
    f: Any = importlib.import_module("pyspark.sql.functions")
    known_at = as_of if known_at is None else known_at
    moment = f.timestamp_micros
    seen = payments.where((f.col("at") < moment(f.lit(as_of))) & (f.col("at") >= moment(f.lit(since))))
    if "arrived" in payments.columns:
        arrived = f.col("arrived") < moment(f.lit(known_at))
        seen = seen.where(arrived)
        if {"replaces", "event_id"} <= set(payments.columns):
            gone = payments.where(arrived & f.col("replaces").isNotNull()).select(f.col("replaces").alias("event_id"))
            seen = seen.join(gone.distinct(), "event_id", "left_anti")
    fen = f.when(f.col("amount_fen") > 0, f.col("amount_fen")).otherwise(
        f.raise_error(f.lit("payment amount_fen is zero or less, or missing; give whole fen above zero"))
    )
    party = {side: f.when(f.length(side) > 0, f.col(side)).otherwise(
        f.raise_error(f.lit(f"a payment has no {side}; fill or drop it"))) for side in ("payer", "payee")}  # fmt: skip
    second = f.expr(f"(unix_micros(at) - {int(since)}) div {SECOND_US}")
    rows = seen.select(party["payer"].alias("payer"), party["payee"].alias("payee"), fen.alias("fen"),
                       second.alias("second"))  # fmt: skip
    bit = f.expr(f"shiftleft(1, cast(second div {span_of(since, as_of)} as int))")
    summed = (
        rows.where(f.col("payer") != f.col("payee")).withColumn("bit", bit)
        .groupBy("payer", "payee")
        .agg(f.count("*").alias("count"), f.sum("fen").alias("fen"), f.min("second").alias("first"),
             f.max("second").alias("last"), f.bit_or("bit").alias("spread"))
    )  # fmt: skip
    for name in ("first", "last"):
        summed = summed.withColumn(name, moment(f.lit(since) + f.col(name) * f.lit(SECOND_US)))
    return summed
