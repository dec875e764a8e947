"""Small histories for the tests of online state: few subjects and moments, so that ties, late and corrected events are
common; and the plain answer they are held to, the batch evaluation of each event once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from dandelion.core import DAY_US, Frame, ManualClock, arrow_schema, event_class, fields_of
from dandelion.indicators import Definitions, evaluate

NOW = 1_750_000_000_000_000  # mid June 2025
CLOCK = ManualClock(NOW + 400 * DAY_US)
KINDS = ("payment", "refund", "invoice", "outside_loan", "login", "role", "shareholding")
SUBJECTS = ("ann", "bob", "cyd")
PARTIES = ("ann", "bob", "cyd", "dee", "eve", "fay", "gus", "0123456789abcdef0123456789abcdef")
Row = dict[str, Any]
History = list[tuple[str, Row]]


@st.composite
def histories(draw: st.DrawFn, most: int = 30) -> History:
    """(kind, event) in the order they arrive, which is any order; some are sent twice."""
    made: History = []
    for i in range(draw(st.integers(0, most))):
        kind = draw(st.sampled_from((*KINDS, "payment", "payment")))
        at = NOW - draw(st.sampled_from([0, 1, 1, 7, 30, 90, 180, 365, 400])) * DAY_US
        at += draw(st.sampled_from([-1, 0, 1, 3600_000_000]))
        earlier = [row["event_id"] for of, row in made if of == kind]
        digits = f"{draw(st.integers(0, 15)):x}{i:031x}"
        row: Row = {
            "event_id": draw(st.sampled_from([digits, digits.upper() + "x", f"{draw(st.integers(0, 9))}-{i}"])),
            "source": "s", "at": at, "arrived": at + draw(st.sampled_from([0, 1, DAY_US, 40 * DAY_US])),
            "replaces": draw(st.sampled_from([None, None, None, *earlier])) if earlier else None,
        }  # fmt: skip
        for field in fields_of(kind)[5:]:
            row[field.name] = _value(field.name, field.kind, field.optional, at, draw)
        row[draw(st.sampled_from(event_class(kind).ROLES))] = draw(st.sampled_from(SUBJECTS))
        made.append((kind, row))
    again = draw(st.lists(st.sampled_from(made), max_size=6)) if made else []
    return draw(st.permutations([*made, *again]))


def _value(name: str, kind: Any, optional: bool, at: int, draw: st.DrawFn) -> object:
    if optional and draw(st.booleans()):
        return None
    if kind.choices:
        return draw(st.sampled_from(kind.choices))
    match kind.name:
        case "ident" | "text":
            return draw(st.sampled_from(PARTIES))
        case "flag":
            return draw(st.booleans())
        case "instant":
            return at
        case "fen":
            few = st.sampled_from([1, 100, 16_777_217, 3_000_000_001])
            return draw(few if kind.low == 1 else few | st.sampled_from([0, -500] if kind.low is None else [0]))
    return draw(st.integers(max(kind.low or 0, 0), min(kind.high or 40, 40)))


def batch_of(kind: str, rows: list[Row]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=arrow_schema(kind))


def each_once(history: History) -> History:
    """The first of every id."""
    seen: set[tuple[str, str]] = set()
    return [(kind, row) for kind, row in history if (kind, row["event_id"]) not in seen
            and not seen.add((kind, row["event_id"]))]  # type: ignore[func-returns-value]  # fmt: skip


def plain(definitions: Definitions, history: History, columns: list[str], subjects: list[str], as_of: Any, known_at: Any,
          **said: Any) -> Frame:  # fmt: skip
    """The batch evaluation over tables of each event once."""
    tables = {
        (kind, role): batch_of(kind, sorted(
            (row for of, row in each_once(history) if of == kind), key=lambda row: (row[role], row["at"], row["event_id"])
        ))
        for kind, role in definitions.needs(columns)
    }  # fmt: skip
    return evaluate(definitions, tables, subjects, as_of, known_at, columns=columns, **said)


def assert_same_bytes(got: Frame, wanted: Frame) -> None:
    assert got.names == wanted.names
    assert got.entity.tolist() == wanted.entity.tolist()
    different = [
        (name, got[name].tolist(), wanted[name].tolist())
        for name in wanted.names
        if got[name].tobytes() != wanted[name].tobytes()
    ]
    assert not different, different[:3]
    assert np.ascontiguousarray(got.values).tobytes() == np.ascontiguousarray(wanted.values).tobytes()
    assert got.money.keys() == wanted.money.keys()
    for name, money in wanted.money.items():
        assert (got.money[name].fen.tolist(), got.money[name].valid.tolist()) == (
            money.fen.tolist(),
            money.valid.tolist(),
        )
    assert got.catalogue == wanted.catalogue
