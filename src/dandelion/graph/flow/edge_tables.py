"""Edges by name as Arrow tables: what Spark sums up comes in this way, and any graph goes out."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from dandelion.core import SECOND_US, BadInput
from dandelion.graph.flow.compact import CompactGraph, large_of, span_of
from dandelion.graph.flow.fold_kernel import COUNT_MAX, FEN_MAX
from dandelion.graph.flow.names import Names
from dandelion.graph.payments import instants

COLUMNS = ("payer", "payee", "count", "fen", "first", "last", "spread")


def to_table(graph: CompactGraph, names: Names) -> pa.Table:
    """payer, payee (text), count, fen, first, last, spread; sorted by the numbers of payer and payee."""
    table = graph.to_arrow()
    who = pa.array(names.text(np.arange(len(names))), pa.string())
    for place, side in enumerate(("payer", "payee")):
        table = table.set_column(place, side, who.take(table.column(side)))
    return table


def from_table(table: pa.Table, names: Names, *, since: int, until: int) -> CompactGraph:
    """A graph of edges told by name, each pair once, in any order; new names are added to `names`.

    Errors (BadInput): a column missing or null, a pair twice, a count or sum of zero or less, an instant outside.
    """
    for name in COLUMNS:
        if name not in table.column_names:
            raise BadInput(f"edges lack column {name!r}; they have {', '.join(table.column_names)}", field=name)
        if table.column(name).null_count:
            raise BadInput(f"edges have {table.column(name).null_count:,} rows without {name}", field=name)
    count, fen = (np.asarray(table.column(name).to_numpy(), np.int64) for name in ("count", "fen"))
    for name, values in (("count", count), ("fen", fen)):
        if len(values) and int(values.min()) <= 0:
            raise BadInput(f"an edge has {name} {int(values.min())}; give sums of payments above zero", field=name)
    payer, payee = (names.encode(table.column(name)) for name in ("payer", "payee"))
    order = np.lexsort((payee, payer))
    payer, payee, count, fen = payer[order], payee[order], count[order], fen[order]
    again = np.flatnonzero((payer[1:] == payer[:-1]) & (payee[1:] == payee[:-1]))
    if len(again):
        a, b = names.text([payer[again[0]], payee[again[0]]])
        raise BadInput(f"{len(again):,} pairs come twice, such as the one in sorted row {int(again[0])} (names of "
                       f"{len(a)} and {len(b)} letters); sum them up first", field="payee")  # fmt: skip
    seconds = [(instants(table.column(name))[order] - since) // SECOND_US for name in ("first", "last")]
    span = span_of(since, until)
    if len(order) and (int(seconds[0].min()) < 0 or since + int(seconds[1].max()) * SECOND_US >= until):
        raise BadInput("edges reach outside since to until; sum up the payments in between", field="first")
    start = np.concatenate([[0], np.cumsum(np.bincount(payer, minlength=len(names)))]).astype(np.uint32)
    return CompactGraph(
        since, span, start, payee, np.minimum(count, COUNT_MAX).astype(np.uint16),
        np.minimum(fen, FEN_MAX).astype(np.uint32), seconds[0].astype(np.uint32), seconds[1].astype(np.uint32),
        np.asarray(table.column("spread").to_numpy())[order].astype(np.uint16), large_of(count, fen),
    )  # fmt: skip
