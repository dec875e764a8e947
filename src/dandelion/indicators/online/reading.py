"""States to columns: packed records back to tables, corrections laid over them, and the batch evaluation on top.

Nothing is computed here.  A number read online is `evaluate` of the same events, so it is the batch number.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion.core import BadInput, Frame, MoneyColumn, iso
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.evaluate import evaluate
from dandelion.indicators.online.corrections import Corrections
from dandelion.indicators.online.layout import Key, Layout, Table
from dandelion.indicators.online.packing import Words64, unpack
from dandelion.indicators.peer_tables import PeerHistory
from dandelion.indicators.prepare import NEVER
from dandelion.indicators.rows import Rows

SUBJECTS_AT_ONCE = 4096
NOBODY = "\x00"  # the subject of the rows that only say what was corrected; no event can have it
Gather = Callable[[Table, Sequence[str]], list[bytes]]


def frame(
    definitions: Definitions,
    layout: Layout,
    gather: Gather,
    corrections: Mapping[str, Corrections],
    horizons: Mapping[Key, int],
    subjects: Sequence[str],
    as_of: int | npt.ArrayLike,
    known_at: int | npt.ArrayLike,
    columns: Sequence[str],
    granted: Collection[str] | None,
    related: Mapping[str, Collection[str]] | None,
    workers: int,
    peers: PeerHistory | None = None,
) -> Frame:
    """One row per (subject, as_of, known_at), as `evaluate` would give it from all events of these subjects."""
    rows = Rows.of(subjects, as_of, known_at)
    needs = definitions.needs(columns)
    for key in needs:
        checked_reach(key, needs[key], horizons.get(key, 0), int(rows.as_of.min(initial=NEVER)))
    frames = []
    for part in _portions(len(rows)):
        names = rows.names[part].tolist()
        distinct = list(dict.fromkeys(names))
        tables = {
            key: events_of(layout.tables[key], distinct, gather(layout.tables[key], distinct), corrections[key[0]])
            for key in needs
        }
        frames.append(evaluate(definitions, tables, names, rows.as_of[part], rows.known_at[part], columns=columns,
                               granted=granted, related=related, workers=workers, peers=peers))  # fmt: skip
    return frames[0] if len(frames) == 1 else _stacked(frames)


def events_of(table: Table, subjects: Sequence[str], states: Sequence[bytes], corrections: Corrections) -> pa.Table:
    """Events of these subjects in order; rows of `NOBODY` carry what corrected them, wherever that happened."""
    return with_corrections(table, *unpack(table, subjects, states), corrections)


def with_corrections(table: Table, events: pa.Table, hashes: Words64, corrections: Corrections) -> pa.Table:
    """The events with rows of `NOBODY` for what was corrected; `hashes` are those of the event ids."""
    ids, since = corrections.of(events.column("event_id"), hashes)
    if not ids:
        return events
    events = events.append_column("replaces", pa.nulls(events.num_rows, pa.string()))
    marks = {name: _filler(events.schema.field(name).type, len(ids)) for name in events.column_names}
    instant = events.schema.field("at").type
    marks[table.role] = pa.array([NOBODY] * len(ids))
    marks["at"] = pa.array(np.arange(len(ids))).view(instant)
    marks["arrived"] = pa.array(since).view(instant)
    marks["event_id"] = pa.array([f"{NOBODY}{i:09d}" for i in range(len(ids))])
    marks["replaces"] = pa.array(ids, pa.string())
    return pa.concat_tables([events, pa.table(marks, schema=events.schema)])


def _filler(kind: pa.DataType, rows: int) -> pa.Array:
    return pa.repeat(pa.scalar("" if pa.types.is_string(kind) else 0).cast(kind), rows)


def checked_reach(key: Key, window_us: int | None, horizon: int, as_of: int) -> None:
    """Errors (BadInput): the window begins before what was trimmed."""
    if horizon and as_of - (as_of if window_us is None else window_us) < horizon:
        raise BadInput(
            f"events of {key[0]} before {iso(horizon)} were trimmed; ask for a later as_of, for shorter windows, or "
            "compute from the vault", field="as_of",
        )  # fmt: skip


def _portions(rows: int) -> Iterator[slice]:
    for start in range(0, max(rows, 1), SUBJECTS_AT_ONCE):
        yield slice(start, start + SUBJECTS_AT_ONCE)


def _stacked(frames: Sequence[Frame]) -> Frame:
    first = frames[0]
    money = {
        name: MoneyColumn(
            np.concatenate([one.money[name].fen for one in frames]),
            np.concatenate([one.money[name].valid for one in frames]),
        )
        for name in first.money
    }
    entity, as_of, known_at, values = (
        np.concatenate([getattr(one, name) for one in frames]) for name in ("entity", "as_of", "known_at", "values")
    )
    return Frame(entity, as_of, known_at, first.names, values, first.catalogue, money)


def load_corrections(layout: Layout, get: Callable[[str, Sequence[str]], list[bytes]]) -> dict[str, Corrections]:
    """What the store says was corrected, by kind."""
    out = {}
    for kind in layout.kinds:
        out[kind] = Corrections()
        out[kind].load(get(corrected_table(kind), [ALL])[0])
    return out


ALL = "*"


def corrected_table(kind: str) -> str:
    return f"{kind}/replaced"
