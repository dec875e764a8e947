"""An outcomes file: which merchant, from which day on, went bad or not; read as strictly as the payments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion.app.assess.payments_columns import bare, plain, table
from dandelion.app.assess.payments_kernel import EMPTY, READ
from dandelion.app.assess.payments_values import hashes, times
from dandelion.app.assess.reading import batches, clean, open_sheet
from dandelion.core import BadInput, Rejection

_WORDS = {"merchant": "the merchant", "date": "the day it was observed from", "bad": "whether it went bad"}


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Parallel arrays, one entry a row that reads; `merchant` holds the 64-bit names of the payment file."""

    merchant: npt.NDArray[np.uint64]
    at_us: npt.NDArray[np.int64]
    bad: npt.NDArray[np.int8]
    row: npt.NDArray[np.int64]
    rejections: tuple[Rejection, ...]
    duplicates: int


def read_outcomes(path: Path, tz: str, now_us: int) -> Outcomes:
    """Errors: BadInput (a column is missing or named twice, no row reads), TooLarge."""
    roles = {role: {plain(name) for name in names} for role, names in table()["outcome_roles"].items()}
    known = set().union(*roles.values())
    sheet = open_sheet(path, lambda cells: len({bare(cell)[0] for cell in cells if cell} & known), header_score_min=2)
    place = {role: _column(sheet.columns, names, role, path.name) for role, names in roles.items()}
    wanted = list(place.values())
    parts: list[tuple[npt.NDArray[np.generic], ...]] = []
    rejected: list[Rejection] = []
    for batch in batches(sheet, wanted):
        rejected += [Rejection(one.row, "row", f"row: has {one.cells} cells where the header has {len(sheet.columns)}")
                     for one in batch.ragged if not one.footer]  # fmt: skip
        if len(batch.rows):
            parts.append(_take(batch.rows, batch.columns, rejected, tz, now_us))
    if not parts or not sum(len(part[0]) for part in parts):
        first = f"; row {rejected[0].row}, {rejected[0].reason}" if rejected else ""
        raise BadInput(f"{path.name} holds no outcome that reads{first}", field="outcomes")
    merchant, at_us, bad, row = (np.concatenate([part[k] for part in parts]) for k in range(4))
    return _without_duplicates(
        merchant.astype(np.uint64), at_us.astype(np.int64), bad.astype(np.int8), row.astype(np.int64), rejected
    )


def _column(columns: tuple[str, ...], names: set[str], role: str, file: str) -> int:
    at = [j for j, name in enumerate(columns) if bare(name)[0] in names]
    if len(at) == 1:
        return at[0]
    has = ", ".join(filter(None, columns))
    what = "no column" if not at else f"{len(at)} columns"
    raise BadInput(f"{file} has {what} for {_WORDS[role]}; it has {has}. Name exactly one column {role!r}", field=role)


def _take(
    rows: npt.NDArray[np.int64], columns: tuple[pa.Array, ...], rejected: list[Rejection], tz: str, now_us: int
) -> tuple[npt.NDArray[np.generic], ...]:
    names, when = hashes(columns[0]), times(columns[1], tz)
    flags = np.array([_flag(text) for text in columns[2].to_pylist()], np.int64)
    good = np.ones(len(rows), bool)
    for mask, field, reason in (
        (names == 0, "merchant", "is empty; an outcome needs its merchant"),
        (when.state == EMPTY, "date", "is empty; write it like 2025-06-30"),
        (when.state > EMPTY, "date", "is not a date; write it like 2025-06-30"),
        ((when.state == READ) & (when.at_us > now_us), "date", "lies in the future; check the year"),
        (flags == -1, "bad", "is empty; write 1 for bad and 0 for good"),
        (flags == -2, "bad", "is neither a yes nor a no; write 1 for bad and 0 for good"),
    ):
        for i in np.flatnonzero(good & mask):
            rejected.append(Rejection(int(rows[i]), field, f"{field}: {reason}"))
        good &= ~mask
    return names[good], when.at_us[good], flags[good], rows[good]


def _flag(text: str | None) -> int:
    """1 bad, 0 good, -1 empty, -2 unreadable."""
    value = plain(clean(text))
    flags: Mapping[str, list[str]] = table()["outcome_flags"]
    if value in ("", "nan", "null", "none", "na", "n/a"):
        return -1
    if value in {plain(str(one)) for one in flags["bad"]}:
        return 1
    return 0 if value in {plain(str(one)) for one in flags["good"]} else -2


def _without_duplicates(
    merchant: npt.NDArray[np.uint64], at_us: npt.NDArray[np.int64], bad: npt.NDArray[np.int8],
    row: npt.NDArray[np.int64], rejected: list[Rejection],
) -> Outcomes:  # fmt: skip
    """One outcome per merchant and day; a second one that says otherwise is set aside, one that agrees is dropped."""
    seen: dict[tuple[int, int], int] = {}
    keep, duplicates = [], 0
    for i in range(len(row)):
        key = (int(merchant[i]), int(at_us[i]))
        first = seen.setdefault(key, i)
        if first == i:
            keep.append(i)
        elif bad[first] == bad[i]:
            duplicates += 1
        else:
            reason = f"bad: says the opposite of row {int(row[first])} for the same merchant and day"
            rejected.append(Rejection(int(row[i]), "bad", reason))
    at = np.array(keep, np.int64)
    rejected.sort(key=lambda one: one.row)
    return Outcomes(merchant[at], at_us[at], bad[at], row[at], tuple(rejected), duplicates)
