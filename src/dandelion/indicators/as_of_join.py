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
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numba import njit

from dandelion.core import BadInput
from dandelion.core.frame import Ints
from dandelion.indicators.prepare import micros

Source: TypeAlias = pa.Table | Path | str
_IN_ORDER, _TIED, _SCATTERED = range(3)


def join_as_of(
    labels: Source, table: Source, columns: Sequence[str], *, subject: str, at: str = "at", arrived: str = "arrived",
    event_id: str = "event_id", workers: int = 2,
) -> pa.Table:  # fmt: skip
    """The labels (`entity`, `as_of`, `known_at`) in their order, with `columns` of `table` added; null where no row counts.

    A row of the table counts for a label if it is about the same `subject`, ``at < as_of`` and ``arrived < known_at``; the
    last of those is taken, by (at, arrived, event id, place in the table).  Labels without `known_at` are of what was
    known at `as_of`; a table without `arrived` is of rows known when they happened.  Instants are timestamps or whole
    microseconds.  Tables may be Parquet files; one in order of (subject, at, arrived) is not sorted again.  Values keep
    their type to the last bit.

    Errors (BadInput): a column is missing, an instant is null, a label has a column of that name already.
    """
    names = list(dict.fromkeys(columns))
    with ThreadPoolExecutor(workers) as pool:
        reading = pool.submit(_Ready.of, table, names, subject, at, arrived, event_id)
        asked = _read(labels, "labels", ("entity", "as_of"), None, "")
        for name in names:
            if name in asked.column_names:
                raise BadInput(f"the labels have a column {name!r} already; rename it there", field=name)
        as_of = _instants(asked, "as_of", "labels")
        known_at = _instants(asked, "known_at", "labels") if "known_at" in asked.column_names else as_of
        ready, entity = reading.result(), asked.column("entity")
        spans = np.linspace(0, len(as_of), workers + 1).astype(int).tolist()
        found = np.empty(len(as_of), np.int64)

        def search(first: int, end: int) -> None:
            who = ready.numbers_of(entity.slice(first, end - first))
            moments = as_of[first:end], known_at[first:end]
            last_known(who, *moments, ready.bounds, ready.at, ready.arrived, ready.order, found[first:end])

        list(pool.map(search, spans[:-1], spans[1:]))
        places = pa.array(found, mask=found < 0)
        added = pool.map(lambda name: pc.take(_one(ready.table.column(name)), places), names)
        for name, values in zip(names, added, strict=True):
            asked = asked.append_column(name, values)
    return asked


@dataclass(frozen=True)
class _Ready:
    """Rows by (subject, at, arrived): subject s has ``bounds[s]:bounds[s + 1]``, row i lies at ``order[i]`` of the table
    (an empty `order`: at i)."""

    table: pa.Table
    subjects: pa.Array
    bounds: Ints
    at: Ints
    arrived: Ints
    order: Ints

    @classmethod
    def of(cls, given: Source, names: list[str], subject: str, at: str, arrived: str, event_id: str) -> _Ready:
        has = given.column_names if isinstance(given, pa.Table) else pq.read_schema(given).names
        late = arrived in has
        wanted = list(dict.fromkeys([subject, at, *([arrived] if late else []), *names]))
        table = _read(given, "the table", wanted, wanted, subject)
        coded = _coded(table.column(subject))
        codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        when = _instants(table, at, "the table")
        known = _instants(table, arrived, "the table") if late else when
        state = order_of(codes, when, known)
        order = np.empty(0, np.int64)
        if state == _SCATTERED or (state == _TIED and event_id in has):
            order = np.lexsort((known, when, codes))
            ties = tied(codes, when, known, order)
            if len(ties) and event_id in has:
                ids = table if event_id in wanted else _read(given, "the table", [event_id], [event_id], "")
                rank = np.zeros(len(codes), np.int64)
                rank[ties] = pc.rank(_one(ids.column(event_id)).take(pa.array(ties)), tiebreaker="dense").to_numpy()
                order = np.lexsort((rank, known, when, codes))
            codes, when, known = codes[order], _fixed(when[order]), _fixed(known[order])
        bounds = np.searchsorted(codes, np.arange(len(coded.dictionary) + 1)).astype(np.int64)
        return cls(table, coded.dictionary, bounds, when, known, order)

    def numbers_of(self, entities: pa.ChunkedArray) -> Ints:
        """Place of each among the subjects, -1 where there is none."""
        if not pa.types.is_dictionary(entities.type):
            return self._places(entities)
        coded = _coded(entities)
        known = np.append(self._places(coded.dictionary), -1)
        return np.asarray(known[coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)])

    def _places(self, names: pa.Array | pa.ChunkedArray) -> Ints:
        place = pc.index_in(names.cast(self.subjects.type), value_set=self.subjects, skip_nulls=True)
        return np.asarray(place.fill_null(-1).to_numpy(), np.int64)


def _read(given: Source, what: str, needed: Sequence[str], only: list[str] | None, coded: str) -> pa.Table:
    has = given.column_names if isinstance(given, pa.Table) else pq.read_schema(given).names
    for name in needed:
        if name not in has:
            raise BadInput(f"{what} lacks column {name!r}; it has {', '.join(has)}", field=name)
    if isinstance(given, pa.Table):
        return given.select(only) if only else given
    return pq.read_table(given, columns=only, read_dictionary=[coded] if coded else None)


def _coded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    made: pa.DictionaryArray = _one(column.unify_dictionaries())
    return made


def _one(column: pa.ChunkedArray) -> Any:
    found = column.combine_chunks()
    return found.chunk(0) if isinstance(found, pa.ChunkedArray) else found


def _instants(table: pa.Table, name: str, what: str) -> Ints:
    column = table.column(name)
    if column.null_count:
        raise BadInput(f"{what} has rows without {name!r}; leave them out or fill them in", field=name)
    if not (pa.types.is_timestamp(column.type) or pa.types.is_int64(column.type)):
        raise BadInput(f"{name!r} is {column.type}; give timestamps or whole microseconds", field=name)
    return _fixed(micros(column))


def _fixed(instants: Ints) -> Ints:
    """Read-only, whatever they come from: one compiled form."""
    out = instants.view()
    out.flags.writeable = False
    return out


@njit(cache=True, nogil=True)
def order_of(codes, at, arrived):  # type: ignore[no-untyped-def]
    """Whether rows are in order of (subject, at, arrived), and if so whether any two are equal in it."""
    state = _IN_ORDER
    for i in range(1, len(codes)):
        if codes[i] != codes[i - 1]:
            if codes[i] < codes[i - 1]:
                return _SCATTERED
        elif at[i] < at[i - 1] or (at[i] == at[i - 1] and arrived[i] < arrived[i - 1]):
            return _SCATTERED
        elif at[i] == at[i - 1] and arrived[i] == arrived[i - 1]:
            state = _TIED
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
    for i in range(len(who)):
        out[i] = -1
        if who[i] < 0:
            continue
        start = low = bounds[who[i]]
        high = bounds[who[i] + 1]
        while low < high:
            middle = (low + high) // 2
            if at[middle] < as_of[i]:
                low = middle + 1
            else:
                high = middle
        low -= 1
        while low >= start and arrived[low] >= known_at[i]:
            low -= 1
        if low >= start:
            out[i] = order[low] if len(order) else low
