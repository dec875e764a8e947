"""`Frame`: the one currency between rooms.

n rows, each (entity, as_of, known_at), by k named float32 columns with NaN for missing; exact int64 money beside them;
one catalogue entry per column.

>>> import numpy as np
>>> price = Column("demo/price", "CNY", (0.0, None), "zero_is_real", "demo", "credit", "h", "价格", "price")
>>> frame = Frame.of(["m1"], [10], [10], {price.id: np.array([2.5])}, {price.id: price})
>>> frame["demo/price"].tolist()
[2.5]
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion.core.errors import BadInput

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
_PATH = re.compile(r"[A-Za-z0-9_./=]{1,200}")
_META = b"dandelion.frame"


@dataclass(frozen=True, slots=True)
class Column:
    """Catalogue entry.  `range` is (low, high) with None for open; `purpose` is the consent purpose it needs;
    `data_kinds` are the kinds of data a grant must name for it to be read (empty: purpose alone decides)."""

    id: str
    unit: str
    range: tuple[float | None, float | None]
    null_policy: str  # what NaN means here, e.g. "no_events", "not_consented", "undefined_ratio"
    room: str
    purpose: str
    definition_hash: str
    zh: str
    en: str
    data_kinds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _PATH.fullmatch(self.id):
            raise BadInput(f"column id {self.id!r} may hold words, digits and _ . / = only", field="id")


@dataclass(frozen=True, slots=True)
class MoneyColumn:
    """Exact int64 fen with a validity mask; where invalid the value is 0 and must not be used."""

    fen: Ints
    valid: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Frame:
    """Immutable table between rooms.  `values` is (rows, columns) float32; `names[j]` is the id of column j."""

    entity: npt.NDArray[np.object_]
    as_of: Ints
    known_at: Ints
    names: tuple[str, ...]
    values: Floats
    catalogue: Mapping[str, Column]
    money: Mapping[str, MoneyColumn] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rows = len(self.entity)
        if self.values.shape != (rows, len(self.names)) or len(self.as_of) != rows or len(self.known_at) != rows:
            raise BadInput("frame parts differ in length", field="values")
        if self.values.dtype != np.float32:
            raise BadInput("frame values must be float32", field="values")
        unknown = [name for name in (*self.names, *self.money) if name not in self.catalogue]
        if unknown:
            raise BadInput(f"column {unknown[0]!r} has no catalogue entry", field=unknown[0])

    @classmethod
    def of(
        cls,
        entity: Sequence[str],
        as_of: Sequence[int] | Ints,
        known_at: Sequence[int] | Ints,
        columns: Mapping[str, npt.ArrayLike],
        catalogue: Mapping[str, Column],
        money: Mapping[str, MoneyColumn] | None = None,
    ) -> Frame:
        names = tuple(columns)
        rows = len(entity)
        values = np.empty((rows, len(names)), np.float32)
        for j, name in enumerate(names):
            values[:, j] = np.asarray(columns[name], np.float64).astype(np.float32)
        return cls(
            np.asarray(entity, object), np.asarray(as_of, np.int64), np.asarray(known_at, np.int64), names, values,
            dict(catalogue), dict(money or {}),
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.entity)

    def __getitem__(self, name: str) -> Floats:
        try:
            return self.values[:, self.names.index(name)]
        except ValueError:
            raise BadInput(f"the frame has no column {name!r}", field=name) from None

    def fen(self, name: str, row: int) -> int | None:
        """Exact money of one row, or None where missing."""
        column = self.money[name]
        return int(column.fen[row]) if column.valid[row] else None

    def select(self, names: Sequence[str]) -> Frame:
        at = {name: j for j, name in enumerate(self.names)}
        index = [at.get(name, -1) for name in names]
        if -1 in index:
            raise BadInput(f"the frame has no column {names[index.index(-1)]!r}", field=names[index.index(-1)])
        keep = {name: self.catalogue[name] for name in (*names, *self.money)}
        return Frame(
            self.entity, self.as_of, self.known_at, tuple(names), np.ascontiguousarray(self.values[:, index]), keep,
            self.money,
        )  # fmt: skip

    def take(self, rows: npt.ArrayLike) -> Frame:
        """Rows by index or boolean mask."""
        at = np.asarray(rows)
        money = {name: MoneyColumn(m.fen[at], m.valid[at]) for name, m in self.money.items()}
        return Frame(
            self.entity[at],
            self.as_of[at],
            self.known_at[at],
            self.names,
            self.values[at],
            self.catalogue,
            money,
        )

    def beside(self, other: Frame) -> Frame:
        """The columns of both; rows must be the same (entity, as_of, known_at) in the same order."""
        same = (
            np.array_equal(self.entity, other.entity)
            and np.array_equal(self.as_of, other.as_of)
            and np.array_equal(self.known_at, other.known_at)
        )
        if not same:
            raise BadInput("frames with different rows cannot stand side by side", field="entity")
        both = set(self.names) & set(other.names) | set(self.money) & set(other.money)
        if both:
            raise BadInput(f"both frames hold column {min(both)!r}", field=min(both))
        return Frame(
            self.entity, self.as_of, self.known_at, self.names + other.names,
            np.concatenate([self.values, other.values], axis=1), {**self.catalogue, **other.catalogue},
            {**self.money, **other.money},
        )  # fmt: skip

    def to_arrow(self) -> pa.Table:
        """Arrow table: entity, as_of, known_at, the float32 columns, money as nullable int64 named `fen:<id>`."""
        data: dict[str, Any] = {
            "entity": pa.array(self.entity, pa.string()),
            "as_of": pa.array(self.as_of, pa.int64()).cast(pa.timestamp("us", tz="UTC")),
            "known_at": pa.array(self.known_at, pa.int64()).cast(pa.timestamp("us", tz="UTC")),
        }
        for j, name in enumerate(self.names):
            data[name] = pa.array(self.values[:, j])
        for name, column in self.money.items():
            data[f"fen:{name}"] = pa.array(column.fen, pa.int64(), mask=~column.valid)
        table = pa.table(data)
        entries = json.dumps([asdict(entry) for entry in self.catalogue.values()], ensure_ascii=False)
        return table.replace_schema_metadata({_META: entries.encode()})

    @classmethod
    def from_arrow(cls, table: pa.Table) -> Frame:
        entries = json.loads((table.schema.metadata or {}).get(_META, b"[]"))
        catalogue = {
            e["id"]: Column(**{**e, "range": tuple(e["range"]), "data_kinds": tuple(e["data_kinds"])}) for e in entries
        }
        names = [n for n in table.column_names if n not in ("entity", "as_of", "known_at") and not n.startswith("fen:")]
        values = np.empty((table.num_rows, len(names)), np.float32)
        for j, name in enumerate(names):
            values[:, j] = table.column(name).to_numpy()
        money = {}
        for name in table.column_names:
            if name.startswith("fen:"):
                column = table.column(name).combine_chunks()
                valid = column.is_valid().to_numpy(zero_copy_only=False)
                money[name[4:]] = MoneyColumn(column.fill_null(0).to_numpy(zero_copy_only=False), valid)

        def micros(name: str) -> Ints:
            return np.asarray(table.column(name).cast(pa.int64()).to_numpy(), np.int64)

        entity = np.asarray(table.column("entity").to_pylist(), object)
        return cls(entity, micros("as_of"), micros("known_at"), tuple(names), values, catalogue, money)
