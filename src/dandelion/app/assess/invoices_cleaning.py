"""From rows to invoices: exact duplicates collapsed, one invoice under two partner codes collapsed, void and zero
invoices told apart, red-letter invoices netted against the invoice they undo.  Every step is counted.

A red-letter invoice undoes the latest earlier (or same-day) invoice of the same firm, side, partner and amount that is
still standing; both leave the turnover, so that a sale taken back never counts on its first day.  One without such an
original stays as a negative amount on its own day.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

EPOCH = date(1970, 1, 1)
STATES = ("valid", "void", "zero", "undone", "red_matched", "red_alone")
VALID, VOID, ZERO, UNDONE, RED_MATCHED, RED_ALONE = range(6)


@dataclass(frozen=True, slots=True)
class CleaningReport:
    """What the cleaning met.  Rows are rows of the file before `as_of`; invoices are what was left of them."""

    rows: int
    exact_duplicate_rows: int
    second_partner_rows: int
    invoices: int
    void: int
    void_fen: int
    zero_total: int
    red_letters: int
    red_letters_matched: int
    red_letters_alone: int
    red_letter_fen: int
    net_plus_tax_differs: int
    net_plus_tax_differs_fen: int
    same_number_other_content: int

    def as_json(self) -> dict[str, int]:
        return asdict(self)


def clean_invoices(db: duckdb.DuckDBPyConnection, table: pa.Table) -> CleaningReport:
    """Leave the table `invoice` in `db`: firm, sale, number, day, counterparty, net_fen, tax_fen, total_fen, state.

    `table` is the typed table of the reader.  Memory: DuckDB spills beyond its limit.
    """
    db.register("read_rows", table)
    db.execute(
        """
        create or replace table one as
        with once as (select *, count(*) as copies from read_rows group by all)
        select firm, sale, number, day, min(counterparty) as counterparty, net_fen, tax_fen, total_fen, void,
               sum(copies)::bigint as copies, count(*) as partners
        from once group by firm, sale, number, day, net_fen, tax_fen, total_fen, void
        """
    )
    db.unregister("read_rows")
    db.execute(
        f"""
        create or replace table invoice as
        select firm, sale, number, day, counterparty, net_fen, tax_fen, total_fen,
               (case when void then {VOID} when total_fen = 0 then {ZERO} when total_fen < 0 then {RED_ALONE}
                else {VALID} end)::tinyint as state
        from one
        """  # noqa: S608 - constants of this module
    )
    undone, red = _pairs(db)
    _mark(db, undone, UNDONE)
    _mark(db, red, RED_MATCHED)
    report = _report(db, table.num_rows, len(red))
    db.execute("drop table one")
    return report


def _pairs(db: duckdb.DuckDBPyConnection) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(ids of undone invoices, ids of the red-letter invoices that undo them), aligned."""
    rows = db.execute(
        f"""
        with red as (select distinct firm, sale, counterparty, -total_fen as amount
                     from invoice where state = {RED_ALONE})
        select i.rowid as id, total_fen,
               dense_rank() over (order by firm, sale, counterparty, amount) as heap
        from invoice i join red using (firm, sale, counterparty)
        where abs(total_fen) = amount and state in ({VALID}, {RED_ALONE})
        order by heap, day, total_fen desc, number, net_fen
        """  # noqa: S608
    ).fetchnumpy()
    return match_red_letters(
        np.asarray(rows["id"], np.int64), np.asarray(rows["total_fen"], np.int64), np.asarray(rows["heap"], np.int64)
    )


def match_red_letters(
    ids: npt.NDArray[np.int64], total_fen: npt.NDArray[np.int64], heap: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows in (heap, day, positive first) order; each negative takes the last standing positive of its heap.

    >>> match_red_letters(np.array([7, 8, 9]), np.array([5, 5, -5]), np.array([1, 1, 1]))
    (array([8]), array([9]))
    """
    undone: list[int] = []
    red: list[int] = []
    standing: list[int] = []
    current = -1
    for row, total, group in zip(ids.tolist(), total_fen.tolist(), heap.tolist(), strict=True):
        if group != current:
            current, standing = group, []
        if total > 0:
            standing.append(row)
        elif standing:
            undone.append(standing.pop())
            red.append(row)
    return np.array(undone, np.int64), np.array(red, np.int64)


def _mark(db: duckdb.DuckDBPyConnection, ids: npt.NDArray[np.int64], state: int) -> None:
    if len(ids) == 0:
        return
    db.register("marked", pa.table({"id": ids}))
    db.execute(f"update invoice set state = {state} where rowid in (select id from marked)")  # noqa: S608 - a constant
    db.unregister("marked")


def _report(db: duckdb.DuckDBPyConnection, rows: int, matched: int) -> CleaningReport:
    collapsed = _row(
        db,
        "select coalesce(sum(copies - partners), 0) as a, coalesce(sum(partners - 1), 0) as b, count(*) as c from one",
    )
    kinds = _row(
        db,
        f"""
        select count(*) filter (state = {VOID}) as void,
               coalesce(sum(abs(total_fen)) filter (state = {VOID}), 0) as void_fen,
               count(*) filter (total_fen = 0) as zero_total,
               count(*) filter (total_fen < 0 and state <> {VOID}) as red,
               coalesce(-sum(total_fen) filter (total_fen < 0 and state <> {VOID}), 0) as red_fen,
               count(*) filter (net_fen + tax_fen <> total_fen) as differs,
               coalesce(sum(abs(net_fen + tax_fen - total_fen)), 0) as differs_fen
        from invoice
        """,  # noqa: S608 - constants of this module
    )
    twins = _row(
        db,
        "select coalesce(sum(n), 0) as n from "
        "(select count(*) as n from invoice group by firm, sale, number having count(*) > 1)",
    )
    return CleaningReport(
        rows=rows, exact_duplicate_rows=collapsed["a"], second_partner_rows=collapsed["b"], invoices=collapsed["c"],
        void=kinds["void"], void_fen=kinds["void_fen"], zero_total=kinds["zero_total"], red_letters=kinds["red"],
        red_letters_matched=matched, red_letters_alone=kinds["red"] - matched, red_letter_fen=kinds["red_fen"],
        net_plus_tax_differs=kinds["differs"], net_plus_tax_differs_fen=kinds["differs_fen"],
        same_number_other_content=twins["n"],
    )  # fmt: skip


def _row(db: duckdb.DuckDBPyConnection, sql: str) -> dict[str, int]:
    got: dict[str, Any] = db.execute(sql).fetchnumpy()
    return {key: int(values[0]) for key, values in got.items()}
