"""Polars' side: the same columns from the same file, several ways; the bench quotes the fastest.

`plain`: one group-by with a filtered aggregate a column, its conditions written out, as most would write it.  `wide`: the
same, conditions worked out once as flags.  `passes`: the same, 500 columns at a time.  `cells`: one group-by a filter, joined.  `rings`: nested windows
as disjoint ages, added up afterwards, distinct payers by the age of their newest payment (the same trick as ours).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from indicators_runs import Clock, answer
from indicators_spec import AS_OF_US, DAY_US, DAYS, HOURS, SIZES, TZ_SHIFT_US, WINDOW_DAYS, Ask, Cell, columns


def condition(dimension: str, level: str) -> pl.Expr:
    if dimension == "channel":
        return pl.col("channel") == level
    low, high = {"hours": HOURS, "days": DAYS, "size": SIZES}[dimension][level]  # type: ignore[index]
    return (pl.col(dimension) >= low) & (pl.col(dimension) < high) if high is not None else pl.col(dimension) >= low


def payments(file: str) -> pl.LazyFrame:
    """Payments that count, of the longest window, with what filters and windows are asked of."""
    at, local = pl.col("at").to_physical(), pl.col("at").to_physical() + TZ_SHIFT_US
    age = (AS_OF_US - 1 - at) // DAY_US  # whole days back: inside a window of w days if below w
    ring = sum((age >= days).cast(pl.Int8) for days in WINDOW_DAYS[:-1])
    known = (at < AS_OF_US) & (pl.col("arrived").to_physical() < AS_OF_US)
    return pl.scan_parquet(file).filter(known, at >= AS_OF_US - WINDOW_DAYS[-1] * DAY_US).select(
        "payee", pl.col("payer").cast(pl.Categorical).to_physical(), pl.col("amount_fen").alias("size"),
        pl.col("channel").cast(pl.Categorical),
        ((local // 3_600_000_000) % 24).cast(pl.Int8).alias("hours"),
        ((local // DAY_US + 3) % 7 + 1).cast(pl.Int8).alias("days"), ring.alias("ring"),
    )  # fmt: skip


def aggregate(ask: Ask, keep: pl.Expr | None) -> pl.Expr:
    def of(name: str) -> pl.Expr:
        return pl.col(name) if keep is None else pl.col(name).filter(keep)

    made = {
        "count": lambda: of("size").len(), "sum": lambda: of("size").sum(), "mean": lambda: of("size").mean(),
        "max": lambda: of("size").max(), "deviation": lambda: of("size").std(ddof=0),
        "distinct": lambda: of("payer").n_unique(),
    }[ask.aggregate]()  # fmt: skip
    return made.cast(pl.Float32).alias(ask.id)


def within(days: int) -> pl.Expr | None:
    return None if days == WINDOW_DAYS[-1] else pl.col("ring") <= WINDOW_DAYS.index(days)


def both(a: pl.Expr | None, b: pl.Expr | None) -> pl.Expr | None:
    return a if b is None else b if a is None else a & b


def by_cell(asked: list[Ask]) -> dict[Cell, list[Ask]]:
    cells: dict[Cell, list[Ask]] = {}
    for ask in asked:
        cells.setdefault(ask.cell, []).append(ask)
    return cells


def mask(cell: Cell) -> pl.Expr | None:
    return pl.all_horizontal([condition(*pair) for pair in cell]) if cell else None


def plain(file: str, asked: list[Ask]) -> pl.DataFrame:
    rows = payments(file)
    exprs = [aggregate(ask, both(mask(ask.cell), within(ask.days))) for ask in asked]
    return rows.group_by("payee").agg(exprs).sort("payee").collect()


def wide(file: str, asked: list[Ask], engine: str, at_once: int | None) -> pl.DataFrame:
    """`at_once` columns a pass (None: all in one pass)."""
    cells = by_cell(asked)
    flags = {cell: f"cell{i}" for i, cell in enumerate(cells) if cell}
    base = payments(file).with_columns([mask(cell).alias(name) for cell, name in flags.items()])  # type: ignore[union-attr]
    exprs = [
        aggregate(ask, both(pl.col(flags[ask.cell]) if ask.cell else None, within(ask.days))) for ask in asked
    ]  # fmt: skip
    if at_once is None:
        return base.group_by("payee").agg(exprs).sort("payee").collect(engine=engine)
    held = base.collect().lazy()
    parts = [
        held.group_by("payee").agg(exprs[i : i + at_once]).sort("payee").collect(engine=engine)
        for i in range(0, len(exprs), at_once)
    ]
    return pl.concat([parts[0], *(part.drop("payee") for part in parts[1:])], how="horizontal")


def joined(file: str, asked: list[Ask], rings: bool) -> pl.DataFrame:
    held = payments(file).collect()
    subjects = held.select(pl.col("payee").unique().sort())
    parts = []
    for cell, some in by_cell(asked).items():
        rows = held.lazy() if not cell else held.lazy().filter(mask(cell))
        parts.append(ring_sums(rows, some) if rings else
                     rows.group_by("payee").agg([aggregate(ask, within(ask.days)) for ask in some]))  # fmt: skip
    done = []
    for start in range(0, len(parts), 8):
        for part in pl.collect_all(parts[start : start + 8]):
            done.append(subjects.join(part, on="payee", how="left", maintain_order="left").drop("payee"))
    return pl.concat([subjects, *done], how="horizontal")


def ring_sums(rows: pl.LazyFrame, some: list[Ask]) -> pl.LazyFrame:
    size = pl.col("size")
    states = rows.group_by("payee", "ring").agg(
        size.len().alias("n"), size.sum().alias("sum"), size.max().alias("max"),
        (size.cast(pl.Float64) ** 2).sum().alias("squares"),
    )  # fmt: skip
    payers = (
        rows.group_by("payee", "payer").agg(pl.col("ring").min()).group_by("payee", "ring").agg(pl.len().alias("who"))
    )
    together = states.join(payers, on=["payee", "ring"], how="left")

    def total(name: str, days: int) -> pl.Expr:
        keep = within(days)
        column = pl.col(name) if keep is None else pl.col(name).filter(keep)
        return column.max() if name == "max" else column.sum()

    exprs = []
    for ask in some:
        n, total_sum = total("n", ask.days), total("sum", ask.days)
        made = {
            "count": lambda n=n: n, "sum": lambda s=total_sum: s, "mean": lambda n=n, s=total_sum: s / n,
            "max": lambda d=ask.days: total("max", d), "distinct": lambda d=ask.days: total("who", d),
            "deviation": lambda d=ask.days, n=n, s=total_sum: (
                (total("squares", d) / n - (s / n) ** 2).clip(lower_bound=0.0)
            ).sqrt(),
        }[ask.aggregate]()  # fmt: skip
        exprs.append(made.cast(pl.Float32).alias(ask.id))
    return together.group_by("payee").agg(exprs)


FORMS = {
    "plain": plain,
    "wide": lambda file, asked: wide(file, asked, "in-memory", None),
    "streaming": lambda file, asked: wide(file, asked, "streaming", None),
    "passes": lambda file, asked: wide(file, asked, "in-memory", 500),
    "cells": lambda file, asked: joined(file, asked, rings=False),
    "rings": lambda file, asked: joined(file, asked, rings=True),
}


def compute(job: dict[str, Any]) -> dict[str, Any]:
    asked = columns(job["set"])
    clock = Clock()
    frame = FORMS[job["form"]](job["file"], asked)
    facts = clock.stop()
    if job.get("out"):
        values = frame.select([ask.id for ask in asked]).to_numpy()
        np.save(job["out"] + ".npy", np.ascontiguousarray(values, np.float32))
        frame.select("payee").write_parquet(job["out"] + ".parquet")
    return {**facts, "rows": frame.height}


if __name__ == "__main__":
    answer({"columns": compute})
