"""Counts and exact sums of each firm's cleaned invoices, from the indicators room.

What cleaning made of an invoice (valid, void, undone by a red letter, ...) is told to the room as its status, so that one
declaration gives every figure by state and side, and the same kernel counts them as counts a lender's own columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion.app.assess.invoices_cleaning import RED_ALONE, RED_MATCHED, STATES, UNDONE, VALID, VOID
from dandelion.core import DAY_US
from dandelion.indicators import Cube, Definitions, Dimension, Level, Measure, Stream, evaluate

Values = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_SAID = {
    "valid": ("有效", "that stand"), "void": ("作废", "that are void"), "zero": ("零金额", "of nothing"),
    "undone": ("已被红冲", "undone by a red letter"), "red_matched": ("冲销原票的红字", "that undo an earlier one"),
    "red_alone": ("无对应原票的红字", "in red without an original"),
}  # fmt: skip
_STATE = Dimension("state", tuple(Level(name, *_SAID[name], equals=name) for name in STATES), field="status")
_MEASURES = (
    Measure("total", "total_fen", "fen", "含税金额", "amount with tax"),
    Measure("net", "net_fen", "fen", "不含税金额", "amount without tax"),
    Measure("tax", "tax_fen", "fen", "税额", "tax"),
)
SOLD = Stream("cleaned.sold", "invoice", "seller", "清理后的销项发票", "cleaned sales invoices", counterparty="buyer",
              measures=_MEASURES, dimensions=(_STATE,), zh_count="张数")  # fmt: skip
BOUGHT = Stream("cleaned.bought", "invoice", "buyer", "清理后的进项发票", "cleaned purchase invoices",
                counterparty="seller", measures=_MEASURES, dimensions=(_STATE,), zh_count="张数")  # fmt: skip
SIDES = {True: SOLD, False: BOUGHT}


@lru_cache(maxsize=1)
def definitions() -> Definitions:
    """Everything by state and side, over all the invoices there are; dates are days of the calendar, so the zone is UTC."""
    cubes = (
        Cube(stream, ("ever",), ("count", "sum", "max"), ("total", "net", "tax"), by=("state",), money=True)
        for stream in SIDES.values()
    )
    return Definitions.of([*SIDES.values(), *cubes], tz="UTC")


def invoice_figures(
    db: duckdb.DuckDBPyConnection, ids: tuple[str, ...], as_of_us: int
) -> Mapping[bool, Mapping[str, Values]]:
    """By side (True: sales) and figure, one value a firm in the order of `ids`; missing for a firm without invoices.

    `issued`, `void`, `counted` are numbers of invoices; `gross` (with tax, red letters left out), `red`, `net`, `tax`
    and `largest` (without tax) are fen.
    """
    return {sale: _figures(stream, _table(db, ids, sale, stream), ids, as_of_us) for sale, stream in SIDES.items()}


def _figures(stream: Stream, table: pa.Table, ids: tuple[str, ...], as_of_us: int) -> dict[str, Values]:
    frame = evaluate(definitions(), {(stream.kind, stream.role): table}, ids, as_of_us, as_of_us)

    def number(state: int) -> Values:
        return frame[f"{stream.name}/state={STATES[state]}/ever/count"].astype(np.float64)

    def fen(figure: str, *states: int) -> Values:
        columns = (frame.money[f"{stream.name}/state={STATES[state]}/ever/{figure}"] for state in states)
        return np.asarray(sum(np.where(c.valid, c.fen, 0).astype(np.float64) for c in columns))

    issued = np.asarray(sum(number(state) for state in range(len(STATES))))
    found = {
        "issued": issued, "void": number(VOID), "counted": number(VALID) + number(RED_ALONE),
        "gross": fen("total_sum", VALID, UNDONE), "red": -fen("total_sum", RED_MATCHED, RED_ALONE),
        "net": fen("net_sum", VALID, RED_ALONE), "tax": fen("tax_sum", VALID, RED_ALONE),
        "largest": fen("net_max", VALID),
    }  # fmt: skip
    return {name: np.where(issued > 0, values, np.nan) for name, values in found.items()}


def _table(db: duckdb.DuckDBPyConnection, ids: tuple[str, ...], sale: bool, stream: Stream) -> pa.Table:
    """One side's invoices as events, in order of (firm, day); the database hands them out in any order."""
    db.execute("select firm, day, total_fen, net_fen, tax_fen, state from invoice where sale = ?", [sale])
    rows = pa.table(db.fetchnumpy()).sort_by([("firm", "ascending"), ("day", "ascending")])
    firm = pa.DictionaryArray.from_arrays(rows.column("firm").combine_chunks().cast(pa.int32()), pa.array(ids))
    state = pa.DictionaryArray.from_arrays(rows.column("state").combine_chunks().cast(pa.int32()), pa.array(STATES))
    day = rows.column("day").to_numpy().astype(np.int64) * DAY_US
    at = pa.array(day, pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    event_id = pa.array(np.arange(rows.num_rows))  # no figure here hangs on the order within a day
    columns = {name: rows.column(name).cast(pa.int64()) for name in ("total_fen", "net_fen", "tax_fen")}
    return pa.table({
        "event_id": event_id, "at": at, "arrived": at, stream.role: firm, "status": state, **columns,
    })  # fmt: skip
