"""`join_as_of`: values that are ready in a table, beside each label as they were known at its moment.

For figures that somebody else worked out, such as a monthly statement or a score: nothing is added up, the last row
before the label's moment counts.  What is worked out from events goes through `write_frame`.

>>> import pyarrow as pa
>>> ready = pa.table({"firm": ["f", "f", "f"], "at": [10, 20, 20], "arrived": [11, 21, 90], "revenue_fen": [1, 2, 3]})
>>> labels = pa.table({"entity": ["f", "f", "g"], "as_of": [15, 50, 50]})
>>> join_as_of(labels, ready, ["revenue_fen"], subject="firm").column("revenue_fen").to_pylist()
[1, 2, None]
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numba import njit

from dandelion.core import BadInput
from dandelion.core.frame import Ints
from dandelion.indicators.bits import bare
from dandelion.indicators.columns import texts
from dandelion.indicators.dealt_kernel import row_known
from dandelion.indicators.memory import memory_kept
from dandelion.indicators.prepare import micros
from dandelion.indicators.ready_file import IN_ORDER, SCATTERED, TIED, SortedFile
from dandelion.indicators.ready_join import GroupJoin
from dandelion.indicators.textcodes import lookup_of, places_in

Source: TypeAlias = pa.Table | Path | str


@memory_kept()
def join_as_of(
    labels: Source, table: Source, columns: Sequence[str], *, subject: str, at: str = "at", arrived: str = "arrived",
    event_id: str = "event_id", entity: str = "entity", workers: int = 2,
) -> pa.Table:  # fmt: skip
    """The labels (`entity`, `as_of`, `known_at`; `entity` may have another name) in their order, with `columns` of `table` added; null where no row counts.

    A row of the table counts for a label if it is about the same `subject`, ``at < as_of`` and ``arrived < known_at``; the
    last of those is taken, by (at, arrived, event id, place in the table).  Labels without `known_at` are of what was
    known at `as_of`; a table without `arrived` is of rows known when they happened.  Instants are timestamps or whole
    microseconds.  Tables may be Parquet files, which are mapped (replace them by name, do not cut them short meanwhile); one
    in order of (subject, at, arrived) is not sorted again.  Values keep their type to the last bit.

    Errors (BadInput): a column is missing, an instant is null, a label has a column of that name already.
    """
    names = list(dict.fromkeys(columns))
    with ThreadPoolExecutor(workers) as pool:
        asking = pool.submit(_read, labels, "labels", (entity, "as_of"), None, "")
        has = table.column_names if isinstance(table, pa.Table) else pq.read_schema(table).names
        moments = [at, arrived] if arrived in has else [at]
        file = None
        if not isinstance(table, pa.Table) and {subject, *moments, *names} <= set(has):
            file = SortedFile.of(table, subject, moments, names)
        join = None if file is None else GroupJoin.of(file, pool, event_id in has)
        asked = asking.result()
        for name in names:
            if name in asked.column_names:
                raise BadInput(f"the labels have a column {name!r} already; rename it there", field=name)
        as_of = _instants(asked, "as_of", "labels")
        known_at = _instants(asked, "known_at", "labels") if "known_at" in asked.column_names else as_of
        who, added = asked.column(entity), None
        if join is not None and pa.types.is_string(who.type):
            added = join.values(_one(who), as_of, known_at)
        if added is None:
            ready = _Ready.of(table, names, subject, moments, event_id, pool)
            added = _searched(ready, who, as_of, known_at, pool, workers)
        for name, column in zip(names, added, strict=True):
            asked = asked.append_column(name, column)
    return asked


def _searched(
    ready: _Ready, who: pa.ChunkedArray, as_of: Ints, known_at: Ints, pool: ThreadPoolExecutor, workers: int
) -> list[pa.Array]:
    """The values of each column for each label, wherever they lie in the table."""
    values = [pool.submit(_one, column) for column in ready.columns]
    found = np.empty(len(as_of), np.int64)
    step = max(1, -(-len(as_of) // (4 * workers)))

    def search(first: int) -> None:
        part = slice(first, min(first + step, len(as_of)))
        numbers = ready.numbers_of(who.slice(first, step))
        last_known(
            numbers, as_of[part], known_at[part], ready.bounds, ready.at, ready.arrived, ready.order, found[part]
        )

    list(pool.map(search, range(0, len(as_of), step)))
    places = pa.array(found, mask=found < 0)
    return list(pool.map(lambda future: pc.take(future.result(), places), values))


@dataclass(frozen=True)
class _Ready:
    """Rows by (subject, at, arrived): subject s has ``bounds[s]:bounds[s + 1]``, row i lies at ``order[i]`` of the table
    (an empty `order`: at i)."""

    columns: tuple[pa.Array | pa.ChunkedArray, ...]
    subjects: pa.Array
    bounds: Ints
    at: Ints
    arrived: Ints
    order: Ints
    known: tuple[Ints, npt.NDArray[np.uint8], npt.NDArray[np.uint64]]  # the subjects' texts, and where to look them up

    @classmethod
    def of(
        cls,
        given: Source,
        names: list[str],
        subject: str,
        moments_of: list[str],
        event_id: str,
        pool: ThreadPoolExecutor,
    ) -> _Ready:
        has = given.column_names if isinstance(given, pa.Table) else pq.read_schema(given).names
        wanted = list(dict.fromkeys([subject, *moments_of, *names]))
        table = _read(given, "the table", wanted, wanted, subject)
        moments = [pool.submit(_instants, table, name, "the table") for name in moments_of]
        coded = _coded(table.column(subject))
        lookup = pool.submit(_lookup, coded.dictionary)
        codes = _fixed(coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32, copy=False))
        when, known = moments[0].result(), moments[-1].result()
        bounds = np.zeros(len(coded.dictionary) + 1, np.int64)
        state = order_of(codes, when, known, bounds)
        order = np.empty(0, np.int64)
        if state == SCATTERED or (state == TIED and event_id in has):
            order = np.lexsort((known, when, codes))
            ties = tied(codes, when, known, order)
            if len(ties) and event_id in has:
                ids = table if event_id in wanted else _read(given, "the table", [event_id], [event_id], "")
                rank = np.zeros(len(codes), np.int64)
                rank[ties] = pc.rank(_one(ids.column(event_id)).take(pa.array(ties)), tiebreaker="dense").to_numpy()
                order = np.lexsort((rank, known, when, codes))
            codes, when, known = codes[order], _fixed(when[order]), _fixed(known[order])
            bounds = np.searchsorted(codes, np.arange(len(bounds))).astype(np.int64)
        columns = tuple(table.column(name) for name in names)
        return cls(columns, coded.dictionary, bounds, when, known, order, lookup.result())

    def numbers_of(self, entities: pa.ChunkedArray) -> Ints:
        """Place of each among the subjects, -1 where there is none."""
        if pa.types.is_string(entities.type) and pa.types.is_string(self.subjects.type):
            return np.asarray(places_in(*texts(_one(entities)), *self.known))
        if not pa.types.is_dictionary(entities.type):
            return self._places(entities)
        coded = _coded(entities)
        known = np.append(self._places(coded.dictionary), -1)
        return np.asarray(known[coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)])

    def _places(self, names: pa.Array | pa.ChunkedArray) -> Ints:
        place = pc.index_in(names.cast(self.subjects.type), value_set=self.subjects, skip_nulls=True)
        return np.asarray(place.fill_null(-1).to_numpy(), np.int64)


def _lookup(names: pa.Array) -> tuple[Ints, npt.NDArray[np.uint8], npt.NDArray[np.uint64]]:
    offsets, data, _ = texts(names)
    return offsets, data, lookup_of(offsets, data)


def _read(given: Source, what: str, needed: Sequence[str], only: list[str] | None, coded: str) -> pa.Table:
    has = given.column_names if isinstance(given, pa.Table) else pq.read_schema(given).names
    for name in needed:
        if name not in has:
            raise BadInput(f"{what} lacks column {name!r}; it has {', '.join(has)}", field=name)
    if isinstance(given, pa.Table):
        return given.select(only) if only else given
    with pq.ParquetFile(given, read_dictionary=[coded] if coded else None, pre_buffer=False, memory_map=True) as opened:
        return opened.read(only)


def _coded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    made: pa.DictionaryArray = _one(column.unify_dictionaries())
    return made


def _one(column: pa.Array | pa.ChunkedArray) -> Any:
    if isinstance(column, pa.Array):
        return column
    found = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return found.chunk(0) if isinstance(found, pa.ChunkedArray) else found


def _instants(table: pa.Table, name: str, what: str) -> Ints:
    column = table.column(name)
    if column.null_count:
        raise BadInput(f"{what} has rows without {name!r}; leave them out or fill them in", field=name)
    if not (pa.types.is_timestamp(column.type) or pa.types.is_int64(column.type)):
        raise BadInput(f"{name!r} is {column.type}; give timestamps or whole microseconds", field=name)
    return _fixed(micros(_one(column)))


def _fixed(instants: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Read-only, whatever they come from: one compiled form."""
    out = instants.view()
    out.flags.writeable = False
    return out


@njit(cache=True, nogil=True)
def order_of(codes, at, arrived, bounds):  # type: ignore[no-untyped-def]
    """Whether rows are in order of (subject, at, arrived), and if so whether any two are equal in it; then `bounds` are
    filled, of subjects numbered from 0 on (rows without one come first, and are of none)."""
    state, last = IN_ORDER, -1
    for i in range(len(codes)):
        if i and codes[i] == codes[i - 1]:
            if at[i] < at[i - 1] or (at[i] == at[i - 1] and arrived[i] < arrived[i - 1]):
                return SCATTERED
            if at[i] == at[i - 1] and arrived[i] == arrived[i - 1]:
                state = TIED
            continue
        if codes[i] < last:
            return SCATTERED
        while last < codes[i]:
            last += 1
            bounds[last] = i
    while last + 1 < len(bounds):
        last += 1
        bounds[last] = len(codes)
    return state


def tied(codes: Ints, at: Ints, arrived: Ints, order: Ints) -> Ints:
    """Rows that have the same subject, time and arrival as another."""
    same = np.ones(max(0, len(order) - 1), np.bool_)
    for line in (codes, at, arrived):
        same &= line[order[1:]] == line[order[:-1]]
    return np.asarray(order[np.append(same, False) | np.append(False, same)]) if len(order) else order


@njit(cache=True, nogil=True)
def last_known(who, as_of, known_at, bounds, at, arrived, order, out):  # type: ignore[no-untyped-def]
    """For each label the place in the table of the row that counts, or -1."""
    at, arrived = bare(at), bare(arrived)
    for i in range(len(who)):
        row = -1 if who[i] < 0 else row_known(bounds[who[i]], bounds[who[i] + 1], as_of[i], known_at[i], at, arrived)
        out[i] = order[row] if row >= 0 and len(order) else row
