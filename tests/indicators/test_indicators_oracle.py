"""The room against an evaluator that shares nothing with it: small histories full of ties, late and corrected events."""

from __future__ import annotations

import functools

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from indicator_oracle import DAY, RELATIONS, Events, as_float32, value

from dandelion.core import arrow_schema, event_class, fields_of
from dandelion.indicators import Base, Definitions, Derive, evaluate, standard

NOW = 1_750_000_000_000_000  # mid June 2025
KINDS = ("payment", "order", "refund", "review", "invoice", "tax_filing", "login", "credit_inquiry", "outside_loan",
         "placement", "role", "shareholding")  # fmt: skip
PARTIES = ("ann", "bob", "cyd", "dee", "eve", "fay", "gus")


def rows_of(kind: str, draw: st.DrawFn) -> list[dict[str, object]]:
    """Few subjects, few days, few moments of the day: ties, shared days and edges of windows are common."""
    size = draw(st.integers(0, 16 if kind == "payment" else 6))
    ages = st.one_of(st.integers(-1, 3), st.sampled_from([7, 30, 90, 180, 365, 366]), st.integers(0, 400))
    days = draw(st.lists(ages, min_size=1, max_size=5))
    roles = event_class(kind).ROLES
    out: list[dict[str, object]] = []
    for i in range(size):
        at = NOW - draw(st.sampled_from(days)) * DAY - draw(st.sampled_from([0, 1, 3600_000_000, 8 * 3600_000_000]))
        row: dict[str, object] = {"event_id": f"{kind}{draw(st.integers(0, 99)):02}_{i}", "source": "s", "at": at}
        row["arrived"] = at + draw(st.sampled_from([0, 1, DAY, 40 * DAY]))
        row["replaces"] = draw(st.sampled_from([None, None, *(r["event_id"] for r in out)])) if out else None
        for field in fields_of(kind)[5:]:
            row[field.name] = _value(field.name, field.kind, at, draw)
        row[draw(st.sampled_from(roles))] = draw(st.sampled_from(["ann", "ann", "bob"]))
        out.append(row)
    return out


def _value(name: str, kind: object, at: int, draw: st.DrawFn) -> object:
    choices, low, high = kind.choices, kind.low, kind.high  # type: ignore[attr-defined]
    if choices:
        return draw(st.sampled_from(choices))
    match kind.name:  # type: ignore[attr-defined]
        case "ident" | "text":
            return draw(st.sampled_from(PARTIES))
        case "flag":
            return draw(st.booleans())
        case "instant":
            return at
        case "fen":
            few = st.sampled_from([1, 100, 16_777_217, 3_000_000_001])
            return draw(few if low == 1 else few | st.just(0) if low == 0 else few | st.just(-500))
    return draw(st.integers(max(low or 0, 0), min(high or 40, 40)))


@st.composite
def histories(draw: st.DrawFn) -> Events:
    by_kind = {kind: rows_of(kind, draw) for kind in KINDS}
    streams = standard().streams.values()
    keys = {(s.kind, s.role) for s in streams if s.kind in KINDS} | set(RELATIONS)
    return {(kind, role): by_kind[kind] for kind, role in keys}


def tables(events: Events) -> dict[tuple[str, str], pa.Table]:
    out = {}
    for (kind, role), rows in events.items():
        ordered = sorted(rows, key=lambda e: (e[role], e["at"], e["event_id"]))
        out[kind, role] = pa.Table.from_pylist(ordered, schema=arrow_schema(kind))
    return out


@functools.cache
def small() -> Definitions:
    """Every aggregate and operation of the standard set, and windows that share an edge."""
    return standard()


Moment = tuple[str, int, int]


@st.composite
def moments_of(draw: st.DrawFn, events: Events) -> list[Moment]:
    """Now, the past, and exactly when something happened or arrived."""
    seen = [e for rows in events.values() for e in rows] or [{"at": NOW, "arrived": NOW}]
    some: list[Moment] = [("ann", NOW, NOW), ("zoe", NOW, NOW), ("bob", NOW - 40 * DAY, NOW - 30 * DAY)]
    for _ in range(3):
        at, arrived = draw(st.sampled_from(seen))["at"], draw(st.sampled_from(seen))["arrived"]
        some.append(
            (
                draw(st.sampled_from(["ann", "bob"])),
                draw(st.sampled_from([NOW, at, at + 1])),
                arrived + draw(st.integers(0, 1)),
            )
        )
    return some


def assert_same(definitions: Definitions, events: Events, moments: list[Moment], names: list[str]) -> None:
    subjects, as_of, known_at = (list(part) for part in zip(*moments, strict=True))
    frame = evaluate(definitions, tables(events), subjects, as_of, known_at, columns=names)
    for row, (subject, when, known) in enumerate(moments):
        for name in names:
            wanted = value(definitions, name, events, subject, when, known)
            got = frame[name][row]
            definition = definitions.definition(name)
            if isinstance(definition, Derive) and definition.op in ("volatility", "own_past"):
                np.testing.assert_allclose(got, as_float32(wanted), rtol=1e-5, atol=1e-5, err_msg=f"{name} {row}")
                continue
            np.testing.assert_array_equal(got, as_float32(wanted), err_msg=f"{name} row {row}")
            if name in frame.money and wanted == wanted:
                assert frame.fen(name, row) == wanted, name


@settings(max_examples=60, deadline=None)
@given(st.data(), histories(), st.integers(0, 4))
def test_every_standard_column_equals_the_slow_evaluator_exactly(
    data: st.DataObject, events: Events, part: int
) -> None:
    moments = data.draw(moments_of(events))
    assert_same(small(), events, moments, list(small().columns)[part::5])


@settings(max_examples=10, deadline=None)
@given(histories())
def test_threads_do_not_change_a_bit(events: Events) -> None:
    names = list(small().columns)[::5]
    subjects = ["ann", "bob", "cyd", "zoe"] * 3
    as_of = [NOW - i * 17 * DAY for i in range(12)]
    one = evaluate(small(), tables(events), subjects, as_of, as_of, columns=names)
    three = evaluate(small(), tables(events), subjects, as_of, as_of, columns=names, workers=3)
    assert one.values.tobytes() == three.values.tobytes()
    assert {n: m.fen.tolist() for n, m in one.money.items()} == {n: m.fen.tolist() for n, m in three.money.items()}


@settings(max_examples=8, deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_the_order_of_rows_in_a_table_does_not_matter(events: Events, random: object) -> None:
    names = [n for n, d in small().columns.items() if isinstance(d, Base)][::3]
    sorted_tables = tables(events)
    shuffled = {}
    for key, table in sorted_tables.items():
        order = list(range(table.num_rows))
        random.shuffle(order)  # type: ignore[attr-defined]
        shuffled[key] = table.take(pa.array(order, pa.int64()))
    one = evaluate(small(), sorted_tables, ["ann", "bob"], NOW, NOW, columns=names)
    other = evaluate(small(), shuffled, ["ann", "bob"], NOW, NOW, columns=names)
    assert one.values.tobytes() == other.values.tobytes()
