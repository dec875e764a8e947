"""A past cohort from a Parquet frame: columns, flags, exact money, what became of each row, and groups to compare.

Columns are called by alias or by column id and flags by key, as for `run_book`.  Beside them: ``pd_ppm``, the fields of
`MoneyFacts` in fen, ``entity``, ``as_of``, ``bad`` (null where nobody knows yet) and ``group.<name>`` for fairness.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from dandelion.core import BadInput
from dandelion.core.frame import Floats, Ints
from dandelion.policy.book import Book
from dandelion.policy.facts import GIVEN, MoneyFacts, given_numbers
from dandelion.policy.files import floats_of

GROUP = "group."
UNKNOWN = -1
Labels = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """n rows.  `bad` is 1, 0 or -1 for unknown; `pd_ppm` -1 where there is no score; `groups` hold a word a row."""

    table: pa.Table
    entity: tuple[str, ...]
    as_of: Ints
    pd_ppm: Ints
    money: tuple[MoneyFacts, ...]
    bad: Labels
    groups: Mapping[str, tuple[str, ...]]
    given: Mapping[str, Floats]

    def __len__(self) -> int:
        return len(self.as_of)

    @classmethod
    def read(cls, file: Path) -> History:
        """Errors: BadInput naming the file, the column and what it should hold."""
        try:
            table = pq.read_table(file)
        except (OSError, pa.ArrowInvalid) as error:
            raise BadInput(f"{file}: cannot be read as Parquet ({error})", field=str(file)) from None
        if not table.num_rows or "pd_ppm" not in table.column_names:
            raise BadInput(f"{file}: needs rows and a column pd_ppm, the score in parts per million", field="pd_ppm")
        count, names = table.num_rows, set(table.column_names)
        entity = table.column("entity").to_pylist() if "entity" in names else [f"row-{i}" for i in range(count)]
        as_of = _whole(table, "as_of", file, 0) if "as_of" in names else np.zeros(count, np.int64)
        pd_ppm = _whole(table, "pd_ppm", file, UNKNOWN)
        money = tuple(_money(table, file))
        bad = _labels(table, file)
        groups = {
            n.removeprefix(GROUP): tuple(map(str, table.column(n).to_pylist())) for n in names if n.startswith(GROUP)
        }
        return cls(
            table, tuple(map(str, entity)), as_of, pd_ppm, money, bad, dict(sorted(groups.items())),
            _given(table, pd_ppm, money, file),
        )  # fmt: skip

    def values(self, book: Book, columns: Sequence[str]) -> Floats:
        """(rows, columns) float32 in the order of `columns`, by alias, id or key; missing where the frame has none."""
        out = np.full((len(self), len(columns)), np.nan, np.float32)
        held = set(self.table.column_names)
        for j, name in enumerate(columns):
            use = book.columns.get(name)
            found = next((n for n in (name, use.id if use else name, book.scores.get(name, name)) if n in held), None)
            if found is not None:
                out[:, j] = floats_of(self.table.column(found), Path("frame"), found)
            elif name in self.given:
                out[:, j] = self.given[name]
        return out


def _money(table: pa.Table, file: Path) -> list[MoneyFacts]:
    names = [name for name in MoneyFacts.__slots__ if name in table.column_names]
    if "turnover_month_fen" not in names:
        raise BadInput(f"{file}: lacks turnover_month_fen, the verified turnover that limits stand on", field="frame")
    columns = [table.column(name).to_pylist() for name in names]
    out = []
    for row in zip(*columns, strict=True):
        told = {name: None if fen is None else int(fen) for name, fen in zip(names, row, strict=True)}
        told["household_exposure_fen"] = told.get("household_exposure_fen") or 0
        out.append(MoneyFacts(**told))  # type: ignore[arg-type]
    return out


def _given(table: pa.Table, pd_ppm: Ints, money: Sequence[MoneyFacts], file: Path) -> dict[str, Floats]:
    """The facts every book may use; those of a standing line only where the frame has a column of that name."""
    rows = [given_numbers(None if pd < 0 else int(pd), facts, None) for pd, facts in zip(pd_ppm, money, strict=True)]
    out = {name: np.array([row[name] for row in rows], np.float32) for name in GIVEN}
    for name in GIVEN:
        if name in table.column_names:
            out[name] = floats_of(table.column(name), file, name)
    return out


def _whole(table: pa.Table, name: str, file: Path, missing: int) -> Ints:
    column = table.column(name)
    plain = column.cast(pa.timestamp("us")).cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
    try:
        return np.asarray(plain.cast(pa.int64()).fill_null(missing).to_numpy(), np.int64)
    except pa.ArrowInvalid:
        raise BadInput(f"{file}: {name} is {column.type}; it must hold whole numbers", field=name) from None


def _labels(table: pa.Table, file: Path) -> Labels:
    if "bad" not in table.column_names:
        return np.full(table.num_rows, UNKNOWN, np.int8)
    try:
        return np.asarray(table.column("bad").cast(pa.int8()).fill_null(UNKNOWN).to_numpy(), np.int8)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise BadInput(f"{file}: bad must be true, false or null", field="bad") from None
