"""Which columns a row is given by, and where strategies and models find theirs among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dandelion.core import BadInput, canonical, content_hash
from dandelion.core.frame import Floats, Ints
from dandelion.models import Panel
from dandelion.policy.book import Book
from dandelion.policy.rulings.row_text import Finder, RowText

PD = "pd_ppm"
_NO_FLAGS = np.empty(0, np.float32)
_NUMBERS = {float, bool, type(None)}
FLOAT32_MAX = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Layout:
    """`columns`: ids of columns, given facts and flag keys (``in_list(black)``: 1, 0 or missing), in the order of a row.

    `definitions` are those the columns had when the layout was made, empty for what is no column.  Strategies read a wide
    row: the columns, then `filled` (aliases that scores fill: which one), then `again` (further aliases of a column).
    """

    columns: tuple[str, ...]
    definitions: tuple[str, ...]
    aliases: tuple[str, ...]  # of the wide row; empty where no strategy reads it
    filled: tuple[int, ...]  # which score; -1 for none, so missing
    again: tuple[int, ...]  # which column
    model_columns: Ints

    @classmethod
    def of(
        cls, book: Book, product: str, panel: Panel, scores: Sequence[str], definitions: Mapping[str, str],
        given: Sequence[str] = (),
    ) -> Layout:  # fmt: skip
        """`scores` are the names of the panel's models; `definitions` maps a column's id to the hash it has now.

        A row begins with the columns `given`, whoever reads them.  Errors: BadInput where a model learnt a column that is
        defined otherwise now.
        """
        place: dict[str, int] = {column: j for j, column in enumerate(given)}
        read: dict[str, str] = {}  # the first alias of a column
        filled, again = [], []
        for alias in book.roster(product).engine.columns:
            if alias == PD or alias in book.scores:
                name = "pd" if alias == PD else book.scores[alias]
                filled.append((alias, scores.index(name) if name in scores else -1))
                continue
            column = book.columns[alias].id if alias in book.columns else alias
            if column in read:
                again.append((alias, place[column]))
                continue
            place.setdefault(column, len(place))
            read[column] = alias
        for column, learnt in zip(panel.inputs.columns, panel.inputs.definitions, strict=True):
            now = definitions.get(column, "")
            if learnt and now and learnt != now:
                raise BadInput(
                    f"column {column!r} is defined as {now[:12]} but a model learnt it as {learnt[:12]}; retrain the model",
                    field=column,
                )
            place.setdefault(column, len(place))
        aliases = [read.get(column, "") for column in place]
        names = (*aliases, *(alias for alias, _ in filled), *(alias for alias, _ in again))
        return cls(
            tuple(place), tuple(definitions.get(column, "") for column in place), names,
            tuple(score for _, score in filled), tuple(column for _, column in again),
            np.array([place[column] for column in panel.inputs.columns], np.int64),
        )  # fmt: skip

    @cached_property
    def hash(self) -> str:
        """Names the order and meaning of a row."""
        return content_hash(canonical([[*pair] for pair in zip(self.columns, self.definitions, strict=True)]))

    @cached_property
    def place(self) -> Mapping[str, int]:
        return {column: j for j, column in enumerate(self.columns)}

    def checked(self, values: Floats) -> Floats:
        """Rows as the kernels want them.  Errors: BadInput."""
        if values.ndim != 2 or values.dtype != np.float32 or values.shape[1] != len(self.columns):
            raise BadInput(
                f"rows are {values.dtype} of shape {values.shape}; give float32 rows of {len(self.columns)} columns",
                field="rows",
            )
        flags = values[:, self._flags] if len(self._flags) else _NO_FLAGS
        if flags.size and not ((flags == 0) | (flags == 1) | np.isnan(flags)).all():
            wrong = ((flags != 0) & (flags != 1) & ~np.isnan(flags)).any(axis=0)
            column = self.columns[int(self._flags[int(np.flatnonzero(wrong)[0])])]
            raise BadInput(f"{column} must be 1, 0 or missing", field=column)
        return np.ascontiguousarray(values)

    @cached_property
    def _flags(self) -> Ints:
        return np.array([j for j, column in enumerate(self.columns) if "(" in column], np.int64)

    def row(self, read: RowText) -> Floats | None:
        """(1, columns) of what was read from a request's text; None where it names what is no column."""
        return self._finder.row(read)

    @cached_property
    def _finder(self) -> Finder:
        return Finder(self.columns)

    def rows(self, given: Sequence[Mapping[str, float | None]]) -> Floats:
        """(rows, columns) from values by column; what is not named, or null, is missing.  Errors: BadInput."""
        values = np.full((len(given), len(self.columns)), np.nan, np.float32)
        place = self.place
        for i, one in enumerate(given):
            if set(map(type, one.values())) <= _NUMBERS:  # all at once, where all is well
                found = np.fromiter(one.values(), np.float64, len(one))  # None becomes NaN
                with suppress(KeyError):
                    at = list(map(place.__getitem__, one))
                    if not (np.abs(found) > FLOAT32_MAX).any():
                        values[i, at] = found
                        continue
            for column, value in one.items():
                if column not in place:
                    raise BadInput(f"no column is called {column!r}; GET /v1/rulings/columns lists them", field=column)
                if value is not None:
                    values[i, place[column]] = _number(column, value)
        return values

    def wide(self, values: Floats, scores: Ints) -> Floats:
        """What strategies read: the columns, the scores some aliases stand for, and columns with a second alias."""
        own = len(self.columns)
        if not self.filled and not self.again:
            return values
        out = np.empty((len(values), len(self.aliases)), np.float32)
        out[:, :own] = values
        for j, score in enumerate(self.filled, own):
            out[:, j] = np.nan if score < 0 else scores[:, score]
        for j, column in enumerate(self.again, own + len(self.filled)):
            out[:, j] = values[:, column]
        return out


def _number(column: str, value: object) -> float:
    if isinstance(value, bool):
        return float(value)
    if not isinstance(value, int | float) or abs(value) > FLOAT32_MAX:
        raise BadInput(f"{column} must be a number that a float32 holds, true, false or null", field=column)
    return float(value)
