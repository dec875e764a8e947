"""Columns of a few accounts from a snapshot, within microseconds: how they are read is worked out once per kind of question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput, Column, Frame, MoneyColumn
from dandelion.core.frame import Ints
from dandelion.graph.catalogue import data_kinds
from dandelion.graph.payments import Bools

if TYPE_CHECKING:
    from dandelion.graph.flowgraph import FlowGraph


@dataclass(frozen=True, slots=True)
class Plan:
    """What reading a set of columns under a grant comes to."""

    names: tuple[str, ...]
    entries: Mapping[str, Column]
    wanted: Ints | None  # places of the columns in the snapshot's frame; None where all are wanted in order
    closed: Bools | None  # columns that the grant does not open; None where all are open
    money: tuple[tuple[str, Ints, bool], ...]  # name, fen of every account, whether the grant opens it

    @classmethod
    def of(cls, frame: Frame, names: tuple[str, ...] | None, granted: frozenset[str] | None) -> Plan:
        names = frame.names if names is None else names
        unknown = [name for name in names if name not in frame.names]
        if unknown:
            raise BadInput(f"the graph snapshot has no column {unknown[0]!r}; check the id, or build the snapshot again if an "
                           "earlier release made it", field=unknown[0])  # fmt: skip
        entries: dict[str, Column] = {}
        for name in (*names, *frame.money):  # the kinds are this release's: a snapshot may be older
            entry = replace(frame.catalogue[name], data_kinds=data_kinds(name))
            shut = granted is not None and not granted.issuperset(entry.data_kinds)
            entries[name] = replace(entry, null_policy="not_consented") if shut else entry
        closed = np.array([entries[name].null_policy == "not_consented" for name in names], np.bool_)
        wanted = np.array([frame.names.index(name) for name in names], np.int64)
        return cls(
            names, entries, None if names == frame.names else wanted, closed if closed.any() else None,
            tuple((n, m.fen, entries[n].null_policy != "not_consented") for n, m in frame.money.items()),
        )  # fmt: skip


def columns(
    graph: FlowGraph,
    subjects: Sequence[str],
    as_of: int | npt.ArrayLike,
    known_at: int | npt.ArrayLike,
    *,
    names: Sequence[str] | None = None,
    granted: Sequence[str] | None = None,
) -> Frame:
    """One row per subject from a snapshot.  A subject the snapshot does not know, and a row before the snapshot's
    boundary (it would see the future), is missing; so is a column whose kinds of data are not all `granted`
    ("not_consented"): payments for all of them, registry and logins besides where households or phones go in."""
    plan = graph.plan(None if names is None else tuple(names), None if granted is None else frozenset(granted))
    many = len(subjects)
    asked, known = np.empty(many, np.int64), np.empty(many, np.int64)
    asked[:], known[:] = as_of, known_at
    row = graph.rows(subjects)
    fine = (row >= 0) & (asked >= graph.as_of) & (known >= graph.as_of)
    if not len(graph):
        return _nobody(subjects, asked, known, plan)
    values = graph.frame.values.take(row, axis=0, mode="clip")
    if plan.wanted is not None:
        values = values.take(plan.wanted, axis=1)
    if not fine.all():
        values[~fine] = np.nan
    if plan.closed is not None:
        values[:, plan.closed] = np.nan
    money = {}
    for name, fen, told in plan.money:
        valid = fine if told else np.zeros(many, np.bool_)
        if many == 1:  # the usual question, and a slice is much quicker than a gather
            money[name] = MoneyColumn(fen[row[0] : row[0] + 1].copy() if valid[0] else np.zeros(1, np.int64), valid)
        else:
            money[name] = MoneyColumn(np.where(valid, fen.take(row, mode="clip"), 0), valid)
    return Frame(np.array(subjects, object), asked, known, plan.names, values, dict(plan.entries), money)


def _nobody(subjects: Sequence[str], asked: Ints, known: Ints, plan: Plan) -> Frame:
    """Rows of an empty snapshot: all missing."""
    many = len(subjects)
    none = MoneyColumn(np.zeros(many, np.int64), np.zeros(many, np.bool_))
    values = np.full((many, len(plan.names)), np.nan, np.float32)
    return Frame(np.array(subjects, object), asked, known, plan.names, values, dict(plan.entries),
                 {name: none for name, *_ in plan.money})  # fmt: skip
