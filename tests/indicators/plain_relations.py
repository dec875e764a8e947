"""Of the plain evaluation: accounts related to each row, as sets of names."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from plain_prepare import Activity, Tables

from dandelion.core.frame import Ints

_OTHER_SIDE = {
    ("role", "firm"): "person", ("role", "person"): "firm",
    ("shareholding", "firm"): "holder", ("shareholding", "holder"): "firm",
}  # fmt: skip


def related_sets(
    events: Tables,
    subjects: pa.Array,
    as_of: Ints,
    known_at: Ints,
    tz: str,
    added: Mapping[str, Collection[str]] | None,
) -> list[set[str]]:
    """Accounts related to each row's subject, from facts with ``at < as_of`` and ``arrived < known_at``.

    Once related, always related: leaving a role does not make past or later receipts trade.
    """
    names = subjects.to_pylist()
    sets: list[set[str]] = [set(added.get(name, ())) if added else set() for name in names]
    for table_key, other in _OTHER_SIDE.items():
        if table_key not in events or events[table_key].num_rows == 0:
            continue
        facts = Activity.of(*table_key, events[table_key], tz)
        others = facts.table.column(other).to_pylist()
        held = facts.numbers("share_ppm") if table_key[0] == "shareholding" else np.ones(len(others), np.int64)
        low, high = facts.slices(subjects)
        for row in np.flatnonzero(high > low):
            for i in range(low[row], high[row]):
                seen = facts.at[i] < as_of[row] and facts.arrived[i] < known_at[row] <= facts.gone[i]
                if seen and held[i] > 0:
                    sets[row].add(others[i])
    return sets


def related_codes(sets: list[set[str]], who: pa.Array) -> tuple[Ints, Ints]:
    """(offsets, codes): the sets as codes into the counterparty dictionary `who`; strangers to it are dropped."""
    everyone = sorted(set().union(*sets)) if sets else []
    found = pc.fill_null(pc.index_in(pa.array(everyone, pa.string()), value_set=who), -1).to_pylist()
    code = {name: at for name, at in zip(everyone, found, strict=True) if at >= 0}
    rows = [[code[name] for name in sorted(one) if name in code] for one in sets]
    offsets = np.cumsum([0, *(len(row) for row in rows)], dtype=np.int64)
    return offsets, np.array([c for row in rows for c in row], np.int64)
