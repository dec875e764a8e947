"""The monthly job: what is known of everybody's counterparties, from everybody's payments."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dandelion.core.frame import Ints
from dandelion.indicators.batch import Batch
from dandelion.indicators.block import Block
from dandelion.indicators.declare import Base, window_us
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.late import late_columns
from dandelion.indicators.prepare import micros
from dandelion.indicators.rows import Rows
from dandelion.indicators.whose import OP, Whose, folded, parts

PAYMENT_ROLES = (("payment", "payee"), ("payment", "payer"))


def whose_tables(
    definitions: Definitions,
    payments: pa.Table,
    boundaries: Sequence[int],
    columns: Collection[str],
    *,
    workers: int = 1,
) -> dict[int, Whose]:
    """By boundary, the columns of counterparties among `columns` for every account that has five of them.

    `payments` are everybody's, each once; each table holds only what had happened and arrived before its boundary.
    Errors (BadInput): unknown column.
    """
    asked = [name for name, definition in late_columns(definitions, columns).items() if definition.op == OP]
    told = {name: definitions.column(name).definition_hash for name in asked}
    far = tuple(dict.fromkeys(parts(name)[1] for name in asked))
    if not far:
        return {}
    batch = Batch.of(definitions, far, PAYMENT_ROLES, None, workers)
    blocks = {key: Block.of(layout, payments) for key, layout in batch.work.layouts.items()}
    both = pa.chunked_array([payments.column("payee").cast(pa.string()), payments.column("payer").cast(pa.string())])
    accounts = pc.unique(both).sort()
    ends = {role: _places(payments.column(role), accounts) for _, role in PAYMENT_ROLES}
    at, arrived = micros(payments.column("at")), micros(payments.column("arrived"))
    made = {}
    for boundary in sorted(boundaries):
        rows = Rows.of(np.asarray(accounts.to_pylist(), object), boundary, boundary)  # type: ignore[arg-type]
        values = np.empty((len(rows), len(far)), np.float32)
        batch.fill(blocks, rows, None, values, workers=workers)
        out = np.empty((len(accounts), len(asked)), np.float32)
        pairs: dict[str, tuple[Ints, Ints]] = {}
        for place, name in enumerate(asked):
            near, of, aggregate = parts(name)
            if near not in pairs:
                base = definitions.definition(near)
                assert isinstance(base, Base), "a column of counterparties starts from one straight from events"
                inside = (at >= boundary - window_us(base.window)) & (at < boundary) & (arrived < boundary)
                pairs[near] = _pairs(ends[base.stream.role][inside], ends[str(base.stream.counterparty)][inside])
            owner, other = pairs[near]
            out[:, place] = folded(owner, values[other, far.index(of)], len(accounts), aggregate)
        known = np.isfinite(out).any(axis=1)
        made[boundary] = Whose(told, accounts.filter(pa.array(known)), out[known])
    return made


def _places(column: pa.ChunkedArray, accounts: pa.Array) -> Ints:
    return np.asarray(pc.index_in(column.cast(pa.string()), value_set=accounts).to_numpy(), np.int64)


def _pairs(owner: Ints, other: Ints) -> tuple[Ints, Ints]:
    """Each (owner, counterparty) once; nobody is a counterparty of oneself."""
    size = int(max(owner.max(initial=0), other.max(initial=0))) + 1
    both = np.unique(owner[owner != other] * size + other[owner != other])
    return both // size, both % size
