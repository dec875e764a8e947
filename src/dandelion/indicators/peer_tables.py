"""Monthly tables of groups: how many merchants, and the quartiles of each column among them, where at least five stand.

A table holds what had happened and arrived before its boundary, of everybody whose events were given.  Nothing of a group
below five is in it.  Quartiles are lower ones, as everywhere in this room: the value of rank ceil(n/4), ceil(n/2),
ceil(3n/4).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion.core import BadInput, canonical, content_hash
from dandelion.core.frame import Floats, Ints
from dandelion.indicators.peers import BY
from dandelion.indicators.whose import Whose

_META = b"dandelion.peers"
FIGURES = ("subjects", "low", "middle", "high")


@dataclass(frozen=True)
class Groups:
    """The groups of one grouping: `keys` (groups, 3) sorted, 0 where the grouping has no such part; `subjects` (groups,
    columns) counts; `quartiles` (3, groups, columns), NaN where fewer than five have a value."""

    keys: Ints
    subjects: Ints
    quartiles: Floats

    @cached_property
    def place(self) -> dict[tuple[int, ...], int]:
        return {tuple(key): place for place, key in enumerate(self.keys.tolist())}


@dataclass(frozen=True)
class PeerTable:
    """One month.  `columns` are the columns measured, with their definition hashes; `by` maps "area.size" to its groups."""

    boundary: int
    columns: Mapping[str, str]
    by: Mapping[str, Groups]
    whose: Whose | None = None  # what is known of everybody's counterparties in that month

    @cached_property
    def line(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.columns)}

    @cached_property
    def hash(self) -> str:
        """Of everything in it."""
        table = self.to_arrow()
        values = {name: table.column(name).to_pylist() for name in ("by", *BY)}
        bits = {
            name: table.column(name).to_numpy().tobytes().hex() for name in table.column_names if name not in values
        }
        others = None
        if self.whose is not None:
            accounts = self.whose.accounts.to_pylist()
            others = [dict(self.whose.columns), accounts, content_hash(self.whose.values.tobytes())]
        return content_hash(canonical([self.boundary, dict(self.columns), values, bits, others]))

    def to_arrow(self) -> pa.Table:
        """One row a group; ``<figure>:<column>`` beside each other."""
        data: dict[str, pa.Array] = {
            "by": pa.array([by for by, groups in self.by.items() for _ in groups.keys], pa.string())
        }
        held = list(self.by.values())
        keys = np.concatenate([groups.keys for groups in held] or [np.empty((0, len(BY)), np.int64)])
        for place, name in enumerate(BY):
            data[name] = pa.array(keys[:, place])
        for at, name in enumerate(self.columns):
            data[f"subjects:{name}"] = pa.array(np.concatenate([g.subjects[:, at] for g in held] or [_NONE]))
            for k, figure in enumerate(FIGURES[1:]):
                found = np.concatenate([g.quartiles[k, :, at] for g in held] or [_NO_VALUES])
                data[f"{figure}:{name}"] = pa.array(found)
        about = {"boundary": self.boundary, "columns": dict(self.columns), "by": list(self.by)}
        return pa.table(data).replace_schema_metadata({_META: json.dumps(about).encode()})

    @classmethod
    def from_arrow(cls, table: pa.Table, whose: pa.Table | None = None) -> PeerTable:
        """`whose` is ``table.whose.to_arrow()``, where there is one.  Errors (BadInput): no table of peers."""
        told = (table.schema.metadata or {}).get(_META)
        if told is None:
            raise BadInput("this is no table of peers; build it again", field="peers")
        about = json.loads(told)
        names = list(about["columns"])
        which = np.asarray(table.column("by").to_pylist(), object)
        keys = np.stack([table.column(name).to_numpy() for name in BY], axis=1)
        of = {
            figure: np.stack([table.column(f"{figure}:{name}").to_numpy() for name in names], axis=1)
            for figure in FIGURES if names
        }  # fmt: skip
        by = {}
        for name in about["by"]:
            rows = np.flatnonzero(which == name)
            shape = (len(rows), len(names))
            subjects = of["subjects"][rows] if names else np.zeros(shape, np.int64)
            quartiles = np.stack([of[f][rows] if names else np.zeros(shape, np.float32) for f in FIGURES[1:]])
            by[name] = Groups(np.ascontiguousarray(keys[rows]), subjects, quartiles)
        others = None if whose is None else Whose.from_arrow(whose)
        return cls(int(about["boundary"]), about["columns"], by, others)


_NONE, _NO_VALUES = np.empty(0, np.int64), np.empty(0, np.float32)


class PeerHistory(Protocol):
    """Tables by date, however they are kept."""

    def boundaries(self) -> Sequence[int]:
        """Oldest first."""

    def table(self, boundary: int) -> PeerTable:
        """Errors: NotFound."""


@dataclass(frozen=True)
class PeerTables:
    """Tables in memory, by boundary."""

    held: Mapping[int, PeerTable]

    def boundaries(self) -> Sequence[int]:
        return sorted(self.held)

    def table(self, boundary: int) -> PeerTable:
        return self.held[boundary]


def quartiles_of(
    boundary: int, columns: Mapping[str, str], values: Floats, keys: Ints, known: npt.NDArray[np.bool_],
    groupings: Sequence[tuple[str, ...]], least: int,
) -> PeerTable:  # fmt: skip
    """The table of one month from everybody's values (subjects, columns) and groups (subjects, 3)."""
    by = {}
    for parts in groupings:
        use = np.array([name in parts for name in BY])
        mine = np.flatnonzero(known[:, use].all(axis=1))
        own = np.where(use, keys[mine], 0)
        found, group = np.unique(own, axis=0, return_inverse=True)
        group = np.asarray(group).ravel()
        subjects = np.zeros((len(found), len(columns)), np.int64)
        quartiles = np.full((3, len(found), len(columns)), np.nan, np.float32)
        for at in range(len(columns)):
            _fill(values[mine, at], group, least, subjects[:, at], quartiles[:, :, at])
        kept = (subjects > 0).any(axis=1)
        by[".".join(parts)] = Groups(found[kept].reshape(-1, len(BY)), subjects[kept], quartiles[:, kept])
    return PeerTable(boundary, columns, by)


def _fill(value: Floats, group: Ints, least: int, subjects: Ints, quartiles: Floats) -> None:
    """Counts and quartiles by group of one column, where enough have a value."""
    fine = np.isfinite(value)
    value, group = value[fine], group[fine]
    order = np.lexsort((value, group))
    value = value[order]
    count = np.bincount(group, minlength=len(subjects))
    first = np.cumsum(count) - count
    enough = np.flatnonzero(count >= least)
    subjects[enough] = count[enough]
    for k in (1, 2, 3):
        quartiles[k - 1, enough] = value[first[enough] + -(-count[enough] * k // 4) - 1]
