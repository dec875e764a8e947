"""Definitions and events to a `Frame`: only the columns asked for, exact, in any number of rows."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion.core import BadInput, Column, Frame, MoneyColumn
from dandelion.core.frame import Ints
from dandelion.indicators import kernel
from dandelion.indicators.declare import Base, Stream, window_us
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.finalise import Values, base_values, derived_values
from dandelion.indicators.prepare import Activity, Bools, Tables
from dandelion.indicators.relations import related_codes, related_sets

_NONE = np.empty(0, np.int64)
_Cell = tuple[str, tuple[tuple[str, str], ...], str | None]  # stream, filters, measure


def evaluate(
    definitions: Definitions,
    events: Tables,
    subjects: Sequence[str],
    as_of: int | npt.ArrayLike,
    known_at: int | npt.ArrayLike,
    *,
    columns: Sequence[str] | None = None,
    granted: Collection[str] | None = None,
    related: Mapping[str, Collection[str]] | None = None,
    workers: int = 1,
) -> Frame:
    """One row per (subject, as_of, known_at); an event counts if ``at < as_of`` and ``arrived < known_at``.

    `events` maps (kind, role) to that role's table; a stream whose table is not in the mapping is missing
    ("not_supplied"), an empty table means nothing happened.  `granted` names the data kinds a consent covers (None:
    all); columns of others are NaN and the frame's catalogue says "not_consented".  `related` adds accounts whose
    payments to a subject are no trade.  `workers` threads share the rows; the result is the same for any number.
    Errors (BadInput): unknown column, missing event column, instants that do not fit the subjects.
    """
    names = tuple(definitions.columns if columns is None else columns)
    rows = _Rows.of(subjects, as_of, known_at)
    catalogue = {name: definitions.catalogue.get(name) or definitions.column(name) for name in names}
    missing = {name: reason for name in names if (reason := _absent(definitions, name, catalogue, events, granted))}
    wanted = {base for name in names if name not in missing for base in definitions.bases_of(name)}
    found = _bases(sorted(wanted, key=lambda base: base.id), events, rows, definitions.tz, related, workers)
    memo: dict[str, Values] = {base.id: values for base, values in found.items()}
    values = np.empty((len(rows), len(names)), np.float32)
    money: dict[str, MoneyColumn] = {}
    for j, name in enumerate(names):
        if name in missing:
            catalogue[name] = replace(catalogue[name], null_policy=missing[name])
            values[:, j] = np.nan
            if name in definitions.money:
                money[name] = MoneyColumn(np.zeros(len(rows), np.int64), np.zeros(len(rows), np.bool_))
            continue
        column = _resolve(definitions, name, memo)
        values[:, j] = column.floats.astype(np.float32)
        if name in definitions.money and column.exact is not None:
            valid = ~np.isnan(column.floats)
            money[name] = MoneyColumn(np.where(valid, column.exact, 0), valid)
    return Frame(rows.names, rows.as_of, rows.known_at, names, values, catalogue, money)


@dataclass(frozen=True, slots=True)
class _Rows:
    names: npt.NDArray[np.object_]
    subjects: pa.Array
    as_of: Ints
    known_at: Ints

    @classmethod
    def of(cls, subjects: Sequence[str], as_of: int | npt.ArrayLike, known_at: int | npt.ArrayLike) -> _Rows:
        names = np.asarray(subjects, object)

        def spread(value: int | npt.ArrayLike, field: str) -> Ints:
            moments = np.asarray(value)
            if not np.issubdtype(moments.dtype, np.integer) or moments.shape not in ((), (len(names),)):
                raise BadInput(f"{field} must be UTC microseconds, one or one per subject ({len(names)})", field=field)
            return np.ascontiguousarray(np.broadcast_to(moments.astype(np.int64), (len(names),)))

        return cls(names, pa.array(names, pa.string()), spread(as_of, "as_of"), spread(known_at, "known_at"))

    def __len__(self) -> int:
        return len(self.names)


def _absent(
    definitions: Definitions,
    name: str,
    catalogue: Mapping[str, Column],
    events: Tables,
    granted: Collection[str] | None,
) -> str | None:
    """Why a column cannot be computed here, if it cannot."""
    if granted is not None and not set(catalogue[name].data_kinds) <= set(granted):
        return "not_consented"
    supplied = all((base.stream.kind, base.stream.role) in events for base in definitions.bases_of(name))
    return None if supplied else "not_supplied"


def _resolve(definitions: Definitions, name: str, memo: dict[str, Values]) -> Values:
    if name not in memo:
        definition = definitions.definition(name)
        assert not isinstance(definition, Base), "event columns were computed first"
        parts = [_resolve(definitions, inner, memo) for inner in definition.of]
        inner_bases = [definitions.definition(inner) for inner in definition.of]
        memo[name] = derived_values(definition, parts, [b if isinstance(b, Base) else None for b in inner_bases])
    return memo[name]


def _bases(
    wanted: Sequence[Base],
    events: Tables,
    rows: _Rows,
    tz: str,
    related: Mapping[str, Collection[str]] | None,
    workers: int,
) -> dict[Base, Values]:
    """Event columns, one kernel call per cell (stream, filters, measure)."""
    cells: dict[_Cell, list[Base]] = {}
    for base in wanted:
        cells.setdefault((base.stream.name, base.filters, base.measure), []).append(base)
    for stream_name, filters, measure in [cell for cell in cells if cell[2] is None]:  # ride along with a measure
        host = next((c for c in cells if c[:2] == (stream_name, filters) and c[2] is not None), None)
        if host is not None:
            cells[host] += cells.pop((stream_name, filters, measure))
    activities: dict[tuple[str, str], Activity] = {}
    sets: list[set[str]] | None = None
    out: dict[Base, Values] = {}
    by_stream: dict[str, _StreamArrays] = {}
    for (stream_name, filters, measure), bases in cells.items():
        stream = bases[0].stream
        if stream_name not in by_stream:
            key = (stream.kind, stream.role)
            if key not in activities:
                activities[key] = Activity.of(*key, events[key], tz)
            by_stream[stream_name] = _StreamArrays(stream, activities[key], rows)
        if sets is None and any(stream.dimension(d).source == "standing" for d, _ in filters):
            sets = related_sets(events, rows.subjects, rows.as_of, rows.known_at, tz, related)
        windows = sorted({base.window for base in bases}, key=window_us)
        lengths = np.array([window_us(window) for window in windows], np.int64)
        state = by_stream[stream_name].state(filters, measure, lengths, sets, workers)
        for base in bases:
            out[base] = base_values(base, state[:, windows.index(base.window)], rows.as_of)
    return out


class _StreamArrays:
    """What the cells of one stream share: slices, counterparty codes, level masks, measures."""

    def __init__(self, stream: Stream, activity: Activity, rows: _Rows) -> None:
        self.stream, self.activity, self.rows = stream, activity, rows
        self.low, self.high = activity.slices(rows.subjects)
        empty = pa.array([], pa.string())
        self.who, self.people = activity.codes(stream.counterparty) if stream.counterparty else (_NONE, empty)
        self.key, keys = activity.codes(stream.latest_by) if stream.latest_by else (_NONE, empty)
        self.key_size = len(keys)
        self._masks: dict[tuple[str, str], Bools] = {}
        self._measures: dict[str | None, Ints] = {None: np.zeros(len(activity.at), np.int64)}

    def state(
        self,
        filters: tuple[tuple[str, str], ...],
        measure: str | None,
        windows: Ints,
        sets: list[set[str]] | None,
        workers: int,
    ) -> Ints:
        """(rows, windows, SLOTS) for one cell."""
        activity, relation = self.activity, kernel.COUNT_ALL
        keep = np.ones(len(activity.at), np.bool_)
        for name, value in filters:
            keep &= self._mask(name, value)
            if self.stream.dimension(name).source == "standing":
                relation = {"trade": kernel.ONLY_OTHERS, "related": kernel.ONLY_RELATED}.get(value, relation)
        if measure not in self._measures:
            self._measures[measure] = activity.numbers(self.stream.measure(str(measure)).field)
        parts = [activity.at, activity.arrived, activity.gone, self._measures[measure], activity.days]
        who, low, high = self.who, self.low, self.high
        if filters and not self.key_size:  # keep only the events of the cell
            at = np.flatnonzero(keep)
            parts = [part[at] for part in parts]
            who = who[at] if len(who) else who
            low, high = np.searchsorted(at, low), np.searchsorted(at, high)
        offsets, codes = related_codes(sets or [], self.people) if relation != kernel.COUNT_ALL else (_NONE, _NONE)
        out = np.empty((len(self.rows), len(windows), kernel.SLOTS), np.int64)

        def fill(part: slice) -> None:
            near = offsets[part.start : part.stop + 1] if len(offsets) else offsets
            kernel.fill_states(
                low[part], high[part], self.rows.as_of[part], self.rows.known_at[part], windows, *parts,
                who, len(self.people), self.key, self.key_size, keep, near, codes, relation, out[part],
            )  # fmt: skip

        _share(fill, len(self.rows), workers)
        return out

    def _mask(self, name: str, value: str) -> Bools:
        if (name, value) not in self._masks:
            self._masks[name, value] = self.activity.mask(self.stream, self.stream.dimension(name), value)
        return self._masks[name, value]


def _share(fill: object, rows: int, workers: int) -> None:
    """Run `fill` over slices of the rows, in threads where more than one is asked for."""
    assert callable(fill)
    if workers <= 1 or rows < 2:
        fill(slice(0, rows))
        return
    edges = np.linspace(0, rows, min(workers, rows) + 1).astype(int).tolist()
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(fill, [slice(a, b) for a, b in itertools.pairwise(edges)]))
