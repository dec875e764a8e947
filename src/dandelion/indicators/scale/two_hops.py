"""Columns of counterparties by Spark: what every account does is computed where the account is, and told along the payments.

As `whose_tables` makes on one machine.  Only the names of the accounts are collected: what is told of one travels to where its
own columns are computed, and nowhere else.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion.core import BadInput
from dandelion.core.frame import Ints
from dandelion.indicators.declare import Base, window_us
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.late import late_columns
from dandelion.indicators.online.layout import Key
from dandelion.indicators.scale.long import LONG, bucket_of, long_rows
from dandelion.indicators.whose import OP, Whose, folded, parts
from dandelion.indicators.whose_build import PAYMENT_ROLES

Far = Callable[[Sequence[str], Ints, Sequence[str]], Any]
WHAT = "whose/"


@dataclass(frozen=True)
class Hop:
    """One asked column: which counterparties (`near` is a place in a list of windows), which column of theirs, how told."""

    near: int
    far: int
    aggregate: str


@dataclass(frozen=True)
class TwoHops:
    """`rows` is a Spark DataFrame of (bucket, subject, "whose/<boundary>", float32 of every column), for accounts of which
    something is told; `columns` are these columns with their definition hashes."""

    rows: Any
    columns: Mapping[str, str]
    boundaries: tuple[int, ...]

    def of_bucket(self) -> TwoHops:
        """What a worker needs to read the rows."""
        return TwoHops(None, self.columns, self.boundaries)

    def read(self, states: Mapping[str, Mapping[str, list[bytes]]]) -> dict[int, Whose]:
        """By boundary, from the chunks of one bucket by what they are and whose."""
        out = {}
        for boundary in self.boundaries:
            held = states.get(f"{WHAT}{boundary}", {})
            values = np.frombuffer(b"".join(chunks[0] for chunks in held.values()), np.float32)
            shaped = values.reshape(-1, len(self.columns))
            out[boundary] = Whose(self.columns, pa.array(list(held), pa.string()), shaped)
        return out


def two_hops(
    definitions: Definitions, events: Mapping[Key, Any], boundaries: Sequence[int], columns: Collection[str], far_of: Far,
    buckets: int,
) -> TwoHops | None:  # fmt: skip
    """The columns of counterparties among `columns`, as of each of `boundaries`; None where there are none.

    `events` are everybody's payments by either role; ``far_of(accounts, moments, columns)`` computes plain columns of many
    accounts as a DataFrame with ``row``.  Errors (BadInput): unknown column, no payments.
    """
    asked = [name for name, definition in late_columns(definitions, columns).items() if definition.op == OP]
    if not asked:
        return None
    payments = next((events[key] for key in PAYMENT_ROLES if key in events), None)
    if payments is None:
        raise BadInput(f"{asked[0]} is made of payments; give them", field="events")
    functions: Any = importlib.import_module("pyspark.sql.functions")
    told = [parts(name) for name in asked]
    near, far = list(dict.fromkeys(one for one, _, _ in told)), list(dict.fromkeys(one for _, one, _ in told))
    moments = sorted(boundaries)
    names = payments.select("payee").unionAll(payments.select("payer")).distinct().toArrow().column(0).drop_null()
    accounts = names.combine_chunks().sort().to_pylist()
    values = far_of(accounts * len(moments), np.repeat(np.array(moments, np.int64), len(accounts)), far)
    month_of = functions.expr(f"cast(row div {max(1, len(accounts))} as int)").alias("month")
    values = values.select(
        month_of, "entity", *(functions.col(f"`{name}`").alias(f"far{i}") for i, name in enumerate(far))
    )
    some = [
        _edges(functions, payments, definitions, name, boundary, month, place)
        for month, boundary in enumerate(moments) for place, name in enumerate(near)
    ]  # fmt: skip
    edges = functools.reduce(lambda one, other: one.unionAll(other), some)
    joined = edges.join(values.withColumnRenamed("entity", "other"), ["month", "other"])
    joined = joined.withColumn("bucket", (functions.crc32("owner") % buckets).cast("int"))
    hops = tuple(Hop(near.index(one), far.index(other), how) for one, other, how in told)
    rows = joined.groupBy("bucket").applyInArrow(_folder(len(far), hops, tuple(moments), buckets), LONG)
    return TwoHops(rows, {name: definitions.column(name).definition_hash for name in asked}, tuple(moments))


def _edges(
    functions: Any, payments: Any, definitions: Definitions, name: str, boundary: int, month: int, place: int
) -> Any:
    """(month, near, owner, other): each pair once; nobody is a counterparty of oneself."""
    base = definitions.definition(name)
    assert isinstance(base, Base), "a column of counterparties starts from one straight from events"
    owner, other = functions.col(base.stream.role), functions.col(str(base.stream.counterparty))
    when = functions.timestamp_micros(functions.lit(boundary))
    since = functions.timestamp_micros(functions.lit(boundary - window_us(base.window)))
    at, arrived = functions.col("at"), functions.col("arrived")
    inside = payments.where((at >= since) & (at < when) & (arrived < when) & (owner != other))
    pairs = inside.select(owner.cast("string").alias("owner"), other.cast("string").alias("other")).distinct()
    return pairs.select(functions.lit(month).alias("month"), functions.lit(place).alias("near"), "owner", "other")


def _folder(far: int, hops: tuple[Hop, ...], moments: tuple[int, ...], buckets: int) -> Callable[[pa.Table], pa.Table]:
    def run(group: pa.Table) -> pa.Table:
        return fold_group(far, hops, moments, buckets, group)

    return run


def fold_group(far: int, hops: tuple[Hop, ...], moments: tuple[int, ...], buckets: int, group: pa.Table) -> pa.Table:
    """Edges of one bucket of owners, each with the values of its other side, to what is told of the owners."""
    owners = group.column("owner").combine_chunks().dictionary_encode()
    code = np.asarray(owners.indices.to_numpy(), np.int64)
    month, near = (group.column(name).to_numpy() for name in ("month", "near"))
    values = [group.column(f"far{place}").to_numpy() for place in range(far)]
    names = owners.dictionary.cast(pa.string())
    made = []
    for place, boundary in enumerate(moments):
        out = np.empty((len(names), len(hops)), np.float32)
        for column, hop in enumerate(hops):
            mine: npt.NDArray[np.bool_] = (month == place) & (near == hop.near)
            out[:, column] = folded(code[mine], values[hop.far][mine], len(names), hop.aggregate)
        known = np.flatnonzero(np.isfinite(out).any(axis=1))
        chunks = pa.array([out[one].tobytes() for one in known], pa.binary())
        told = names.take(pa.array(known))
        made.append(long_rows(bucket_of(told, buckets), told, f"{WHAT}{boundary}", chunks))
    return pa.Table.from_batches(made)
