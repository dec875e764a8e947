"""Indicators by Spark: events are packed where they lie, sent once to the partition of their subject, computed there.

One shuffle.  What travels is the packed record of the online state (about 60 to 80 bytes a payment and role), grouped by
subject within each batch; corrections travel to the subject of what they correct.
"""

from __future__ import annotations

import functools
import importlib
import struct
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dandelion.core import BadInput, Frame, arrow_schema, fields_of
from dandelion.core.frame import Ints
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.evaluate import evaluate
from dandelion.indicators.online.corrections import Corrections, packed
from dandelion.indicators.online.layout import Key, Layout, Table
from dandelion.indicators.online.packing import pack, whole
from dandelion.indicators.online.reading import events_of
from dandelion.indicators.peer_tables import PeerHistory, PeerTable, PeerTables
from dandelion.indicators.rows import Rows
from dandelion.indicators.scale.long import LONG, LONG_SCHEMA, bucket_of, long_rows
from dandelion.indicators.scale.two_hops import Far, TwoHops, two_hops
from dandelion.indicators.whose import Whose
from dandelion.indicators.whose_build import PAYMENT_ROLES

BUCKETS = 64
FEW_SUBJECTS = 1_000_000  # up to so many names are sent to every worker, so that others' events stay where they are
_ROW = struct.Struct("<qqq")  # number of the row, as_of, known_at
ASKED = "asked"
Batches = Iterator[pa.RecordBatch]
MONEY = "fen:"  # as in `Frame.to_arrow`


@dataclass(frozen=True)
class Work:
    """What every worker needs to know; it travels with the tasks."""

    definitions: Definitions
    columns: tuple[str, ...]
    money: tuple[str, ...]
    tables: Mapping[Key, Table]
    granted: frozenset[str] | None
    related: Mapping[str, frozenset[str]] | None
    peers: PeerTables | None = None
    hops: TwoHops | None = None

    def empty(self) -> dict[Key, pa.Table]:
        return {key: _empty(table) for key, table in self.tables.items()}


@dataclass(frozen=True)
class Computed:
    """What a cluster is told to compute.  `rows` is a Spark DataFrame in no order: ``row`` (place among the subjects asked),
    entity, as_of, known_at, the columns, exact money as ``fen:ID``.  Nothing runs before it is collected or written."""

    rows: Any
    nobody: Frame  # of no subject: names, money and catalogue

    def collect(self) -> Frame:
        """The `Frame` that `evaluate` gives, rows in the order asked.  It must fit in this process."""
        table = self.rows.toArrow()
        table = table.take(pc.sort_indices(table, [("row", "ascending")])).drop_columns(["row"])
        return Frame.from_arrow(table.replace_schema_metadata(self.nobody.to_arrow().schema.metadata))

    def write(self, folder: str) -> None:
        """Write Parquet files by the workers, without collecting; replaces what is in `folder`."""
        self.rows.write.mode("overwrite").parquet(folder)


def compute_spark(
    definitions: Definitions,
    events: Mapping[Key, Any],
    subjects: Sequence[str],
    as_of: int | npt.ArrayLike,
    known_at: int | npt.ArrayLike,
    *,
    columns: Sequence[str] | None = None,
    granted: Collection[str] | None = None,
    related: Mapping[str, Collection[str]] | None = None,
    buckets: int = BUCKETS,
    peers: PeerHistory | None = None,
    whose: Sequence[int] = (),
) -> Computed:
    """As `evaluate`, but `events` maps (kind, role) to Spark DataFrames; the same one may serve both roles of a kind.

    Event ids are distinct; an event that comes twice counts once.  A bucket of subjects is computed at once and must fit in a
    worker's memory: more `buckets` make them smaller.  Columns against peers need tables (`peers`), made on one machine.  Columns
    of counterparties are read from tables too or, with `whose`, worked out here, as of these moments (a row reads the newest
    that is not after it), from all payments given: they must be everybody's.

    Errors (BadInput), before anything runs: unknown column, a missing event column, no DataFrame.
    """
    names = tuple(definitions.columns if columns is None else columns)
    rows = Rows.of(subjects, as_of, known_at)
    if not 1 <= buckets <= 1_000_000:
        raise BadInput(f"buckets is {buckets}; give 1 to 1,000,000", field="buckets")
    needed = Layout.of(definitions, names).tables
    tables = {key: _narrowed(needed[key], frame.columns) for key, frame in events.items() if key in needed}
    if not tables:
        kinds = ", ".join(sorted({kind for kind, _ in needed}))
        raise BadInput(f"no DataFrame of events that these columns are made of; give {kinds}", field="events")
    work = Work(definitions.only(names), names, (), tables, None if granted is None else frozenset(granted),
                None if related is None else {name: frozenset(others) for name, others in related.items()},
                None if peers is None else PeerTables({at: peers.table(at) for at in peers.boundaries()}))  # fmt: skip
    hops = two_hops(definitions, events, whose, names, _far(definitions, events, buckets), buckets) if whose else None
    if hops is not None:
        work = replace(work, hops=hops.of_bucket(), peers=work.peers or PeerTables({}))
    nobody = evaluate(definitions, work.empty(), ["nobody"], 0, 0, columns=names, granted=granted, peers=work.peers)
    work = replace(work, money=tuple(nobody.money))
    functions: Any = importlib.import_module("pyspark.sql.functions")
    spark = next(iter(events.values())).sparkSession
    asked = _asked(spark, rows, buckets)
    who = functions.broadcast(asked.select("subject").distinct())
    parts = [asked]
    for key, table in tables.items():
        mine = _reachable(functions, events[key], table, rows)
        if len(rows) <= FEW_SUBJECTS:
            mine = mine.join(who, mine[key[1]] == who["subject"], "left_semi")
        names_wanted = sorted({key[1], "at", "arrived", *table.kept})
        parts.append(mine.select(*names_wanted).mapInArrow(_packer(table, buckets), LONG))
        sources = [frame for (kind, _), frame in events.items() if kind == key[0] and "replaces" in frame.columns]
        if sources:
            parts.append(_corrected(functions, key, mine, sources, buckets))
    if hops is not None:
        parts.append(hops.rows.join(who, "subject", "left_semi").select(*LONG_SCHEMA.names))
    long = parts[0]
    for part in parts[1:]:
        long = long.unionAll(part)
    return Computed(long.groupBy("bucket").applyInArrow(_worker(work), _answer_schema(work)), nobody)


def _far(definitions: Definitions, events: Mapping[Key, Any], buckets: int) -> Far:
    """Plain columns of very many accounts: what everybody's payments say of them."""
    payments = {key: frame for key, frame in events.items() if key[0] == "payment"}
    both = {key: frame for frame in payments.values() for key in PAYMENT_ROLES}

    def run(accounts: Sequence[str], moments: Ints, columns: Sequence[str]) -> Any:
        return compute_spark(definitions, both, accounts, moments, moments, columns=columns, buckets=buckets).rows

    return run


def _asked(spark: Any, rows: Rows, buckets: int) -> Any:
    chunks = [_ROW.pack(i, *one) for i, one in enumerate(zip(rows.as_of.tolist(), rows.known_at.tolist(), strict=True))]
    names = pa.array(rows.names, pa.string())
    table = pa.Table.from_arrays(
        [bucket_of(names, buckets), names, pa.array([ASKED] * len(rows)), pa.array(chunks, pa.binary())],
        schema=LONG_SCHEMA,
    )
    return spark.createDataFrame(table)


def _packer(table: Table, buckets: int) -> Callable[[Batches], Batches]:
    def run(batches: Batches) -> Batches:  # names only what is imported where it runs
        return (pack_batch(table, buckets, batch) for batch in batches)

    return run


def pack_batch(table: Table, buckets: int, batch: pa.RecordBatch) -> pa.RecordBatch:
    """Events to rows of (bucket, subject, table, records)."""
    if not batch.num_rows:
        return pa.RecordBatch.from_pylist([], schema=LONG_SCHEMA)
    made = pack(table, pa.Table.from_batches([batch]))
    names = pa.array(made.subjects, pa.string())
    bounds, data = pa.py_buffer(made.bounds.astype(np.int32)), pa.py_buffer(made.data)
    chunks = pa.Array.from_buffers(pa.binary(), len(names), [None, bounds, data])
    return long_rows(bucket_of(names, buckets), names, table.name, chunks)


def _corrected(functions: Any, key: Key, mine: Any, sources: list[Any], buckets: int) -> Any:
    """Rows (subject, packed correction) of the events in `mine` that an event of the kind replaces."""
    named = [source.where("replaces is not null").select("replaces", "arrived") for source in sources]
    found = functools.reduce(lambda one, other: one.unionAll(other), named)
    first = found.groupBy(functions.col("replaces").alias("event_id")).agg(functions.min("arrived").alias("since"))
    hit = mine.select(functions.col(key[1]).alias("subject"), "event_id").join(first, "event_id")
    what = f"{key[0]}/{key[1]}/replaced"

    def run(batches: Batches) -> Batches:
        return (pack_corrected(what, buckets, batch) for batch in batches)

    return hit.mapInArrow(run, LONG)


def pack_corrected(what: str, buckets: int, batch: pa.RecordBatch) -> pa.RecordBatch:
    """(subject, event_id, since) to rows of (bucket, subject, what, correction)."""
    since = whole(batch.column("since")).cast(pa.int64()).to_pylist()
    chunks = [packed(id_, when) for id_, when in zip(batch.column("event_id").to_pylist(), since, strict=True)]
    names = whole(batch.column("subject"))
    return long_rows(bucket_of(names, buckets), names, what, pa.array(chunks, pa.binary()))


def _reachable(functions: Any, frame: Any, table: Table, rows: Rows) -> Any:
    """Without the events that no row asked for can see."""
    if not len(rows):
        return frame
    instant = functions.timestamp_micros
    frame = frame.where(functions.col("at") < instant(functions.lit(int(rows.as_of.max()))))
    frame = frame.where(functions.col("arrived") < instant(functions.lit(int(rows.known_at.max()))))
    if table.reach_us is not None:
        frame = frame.where(functions.col("at") >= instant(functions.lit(int(rows.as_of.min()) - table.reach_us)))
    return frame


def _worker(work: Work) -> Callable[[pa.Table], pa.Table]:
    def run(group: pa.Table) -> pa.Table:
        return compute_group(work, group)

    return run


def compute_group(work: Work, group: pa.Table) -> pa.Table:
    """One bucket of subjects: their records to tables, and the same evaluation as everywhere."""
    states: dict[str, dict[str, list[bytes]]] = {}
    columns = (group.column(name).to_pylist() for name in ("subject", "what", "chunk"))
    for subject, what, chunk in zip(*columns, strict=True):
        states.setdefault(what, {}).setdefault(subject, []).append(chunk)
    asked = [(_ROW.unpack(chunk), name) for name, chunks in states.get(ASKED, {}).items() for chunk in chunks]
    names = [name for _, name in asked]
    number, as_of, known_at = np.array([one for one, _ in asked], np.int64).reshape(-1, 3).T.copy()
    distinct = list(dict.fromkeys(names))
    tables = {}
    for key, table in work.tables.items():
        corrections = Corrections()
        for chunks in states.get(f"{table.name}/replaced", {}).values():
            corrections.load(b"".join(chunks))
        held = states.get(table.name, {})
        tables[key] = events_of(table, distinct, [b"".join(held.get(name, ())) for name in distinct], corrections)
    peers = work.peers if work.hops is None or work.peers is None else _joined(work.peers, work.hops.read(states))
    found = evaluate(work.definitions, tables, names, as_of, known_at, columns=work.columns, granted=work.granted,
                     related=work.related, peers=peers)  # fmt: skip
    return _answer(work, number, found)


def _joined(peers: PeerTables, whose: Mapping[int, Whose]) -> PeerTables:
    """Tables with what is told of counterparties at each moment."""
    held = {at: replace(peers.held.get(at) or PeerTable(at, {}, {}), whose=told) for at, told in whose.items()}
    return PeerTables({**peers.held, **held})


def _answer(work: Work, number: Ints, found: Frame) -> pa.Table:
    table = found.to_arrow().replace_schema_metadata(None)
    return table.add_column(0, "row", pa.array(number)).select(_names(work))


def _names(work: Work) -> list[str]:
    return ["row", "entity", "as_of", "known_at", *work.columns, *(MONEY + name for name in work.money)]


def _answer_schema(work: Work) -> str:
    kinds = [
        "bigint",
        "string",
        "timestamp",
        "timestamp",
        *["float"] * len(work.columns),
        *["bigint"] * len(work.money),
    ]
    return ", ".join(f"`{name}` {kind}" for name, kind in zip(_names(work), kinds, strict=True))


def _narrowed(table: Table, has: Sequence[str]) -> Table:
    """Only the fields the events have.  Errors (BadInput): one that every event needs is missing."""
    for name in (table.role, "event_id", "at", "arrived"):
        if name not in has:
            raise BadInput(f"{table.kind} events lack column {name!r}; they have {', '.join(has)}", field=name)
    known = set(has)
    return replace(
        table,
        numbers=tuple(n for n in table.numbers if n in known),
        codes=tuple(pair for pair in table.codes if pair[0] in known),
        texts=tuple(n for n in table.texts if n in known),
    )


def _empty(table: Table) -> pa.Table:
    names = [f.name for f in fields_of(table.kind) if f.name in {table.role, "at", "arrived", *table.kept}]
    return arrow_schema(table.kind).empty_table().select(names)
