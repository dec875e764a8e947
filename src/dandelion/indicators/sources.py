"""Sorted Parquet files read in step: portions of whole subjects from every file, in order of subject, memory bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dandelion.core import BadInput
from dandelion.indicators.columns import subjects_of
from dandelion.indicators.layout import Layout, is_text
from dandelion.indicators.plan import Key

ROWS_AT_ONCE = 131_072
Files = Path | str | Sequence[Path | str]


def paths_of(files: Files) -> list[Path]:
    return [Path(files)] if isinstance(files, str | Path) else [Path(file) for file in files]


class Source:
    """One (kind, role): files that follow each other, each sorted by (subject, at, event id)."""

    def __init__(self, layout: Layout, files: Sequence[Path], rows: int = ROWS_AT_ONCE) -> None:
        self.layout, self.role = layout, layout.role
        self._batches = self._read(files, rows)
        self._held: list[pa.Table] = []
        self._last: str | None = None
        self._seen: str | None = None
        self.ended = False

    def _read(self, files: Sequence[Path], rows: int) -> Iterator[pa.Table]:
        wanted = columns_of(self.layout)
        for file in files:
            with pq.ParquetFile(file) as opened:
                wanted |= self._corrections(file, opened)
        coded = {name for name in (self.role, *_coded(self.layout), *self.layout.parties) if name in wanted}
        for file in files:
            with pq.ParquetFile(
                file, read_dictionary=sorted(coded), pre_buffer=False
            ) as opened:  # else all it read stays
                for batch in opened.iter_batches(rows, columns=sorted(wanted)):
                    if batch.num_rows:
                        self._check(batch.column(batch.schema.get_field_index(self.role)))
                        yield pa.Table.from_batches([batch])

    def _check(self, who: pa.Array) -> None:
        """Errors (BadInput): subjects are not in order, or come back later."""
        names = subjects_of(who)
        order = [self._seen, names[0].as_py()] if self._seen is not None else []
        if not (pc.all(pc.greater(names[1:], names[:-1])).as_py() is not False and order == sorted(order)):
            raise BadInput(f"{self.layout.kind} events are not sorted by {self.role}; sort them by ({self.role}, at, "
                           "event_id)", field=self.role)  # fmt: skip
        self._seen = names[-1].as_py()

    def _corrections(self, file: Path, opened: pq.ParquetFile) -> set[str]:
        """What else to read: event ids where something was corrected, channels to tell gifts by."""
        has = opened.schema_arrow.names
        for name in sorted(columns_of(self.layout)):
            if name not in has:
                raise BadInput(f"{file} lacks column {name!r}; it has {', '.join(sorted(has))}", field=name)
        corrected = "replaces" in has and not _all_null(opened.metadata, "replaces")
        gifts = "channel" in has and any(s.dimension.source == "standing" for s in self.layout.splits)
        return ({"event_id", "replaces"} if corrected else set()) | ({"channel"} if gifts else set())

    def _subject(self, table: pa.Table, row: int) -> str:
        return str(table.column(self.role)[row].as_py())

    def reach(self) -> str | None:
        """Last subject whose events are all held; reads until there is one.  None where the files have ended."""
        while not self.ended:
            if len(self._held) > 1:  # what was left of a portion goes by itself, so that the next one is not copied
                left = self._subject(self._held[0], self._held[0].num_rows - 1)
                if left != self._last:
                    return left
            if self._held and self._subject(self._held[0], 0) != self._last:
                table = self._held[-1]
                first = _first_of_last(table.column(self.role), self._last)
                if first > 0:
                    return self._subject(table, first - 1)
                return self._subject(self._held[-2], self._held[-2].num_rows - 1)
            table = next(self._batches, None)
            if table is None:
                self.ended = True
                return None
            self._held.append(table)
            self._last = self._subject(table, table.num_rows - 1)
        return None

    def take(self, until: str | None) -> pa.Table | None:
        """Events of the subjects up to and with `until` (None: all that are left)."""
        out: list[pa.Table] = []
        while True:
            while self._held:
                table = self._held[0]
                cut = table.num_rows if until is None else _up_to(table.column(self.role), until)
                if cut:
                    out.append(table.slice(0, cut))
                if cut < table.num_rows:
                    self._held[0] = table.slice(cut)
                    return _joined(out, self.layout.parties)
                self._held.pop(0)
            table = None if self.ended else next(self._batches, None)
            if table is None:
                self.ended = True
                return _joined(out, self.layout.parties)
            self._held.append(table)
            self._last = self._subject(table, table.num_rows - 1)


def _joined(tables: list[pa.Table], parties: Sequence[str]) -> pa.Table | None:
    """One table.  Parties are many: making one dictionary of two would cost more than the few rows that are joined."""
    if len(tables) < 2:
        return tables[0] if tables else None
    return pa.concat_tables([_spelt(table, parties) for table in tables]).unify_dictionaries().combine_chunks()


def _spelt(table: pa.Table, names: Sequence[str]) -> pa.Table:
    """With the texts themselves in these columns, where they are codes of a dictionary."""
    for place, field in enumerate(table.schema):
        if field.name in names and pa.types.is_dictionary(field.type):
            table = table.set_column(place, field.name, table.column(place).cast(field.type.value_type))
    return table


def portions(
    layouts: Mapping[Key, Layout], files: Mapping[Key, Sequence[Path]], rows: int = ROWS_AT_ONCE
) -> Iterator[tuple[str | None, dict[Key, pa.Table]]]:
    """(last subject, tables): whole subjects, in order; the last portion has None and all that is left."""
    sources = {key: Source(layouts[key], paths, rows) for key, paths in files.items() if key in layouts}
    while True:
        reached = [name for source in sources.values() if (name := source.reach()) is not None]
        until = min(reached, default=None)
        found = {key: source.take(until) for key, source in sources.items()}
        yield until, {key: table for key, table in found.items() if table is not None}
        if until is None:
            return


def subjects_in(files: Mapping[Key, Sequence[Path]]) -> npt.NDArray[np.object_]:
    """Every subject of these (kind, role) files, in order, from the column of the role alone."""
    found: list[pa.Array] = []
    for (_, role), paths in files.items():
        for file in paths:
            with pq.ParquetFile(file, read_dictionary=[role], pre_buffer=False) as opened:
                if role in opened.schema_arrow.names:  # else told where the columns are read
                    # a row group at a time: one dictionary each, which need not be made one
                    for group in range(opened.num_row_groups):
                        found += map(subjects_of, opened.read_row_group(group, columns=[role]).column(0).chunks)
    if not found:
        return np.empty(0, object)
    names = pa.chunked_array([part.cast(pa.string()) for part in found]).unique()
    return np.asarray(names.take(pc.sort_indices(names)).to_numpy(zero_copy_only=False), object)


def columns_of(layout: Layout) -> set[str]:
    """Columns that a layout is made from."""
    wanted = {layout.role, "at", "arrived", *layout.measures, *layout.parties}
    for split in layout.splits:
        wanted |= {str(split.dimension.field)} if split.dimension.source == "value" else set()
        wanted |= {str(split.other)} if split.dimension.source == "standing" else set()
    return wanted


def _coded(layout: Layout) -> Iterable[str]:
    for split in layout.splits:
        if is_text(split.dimension) and isinstance(split.dimension.levels[0].equals, str):
            yield str(split.dimension.field)


def _all_null(metadata: pq.FileMetaData, name: str) -> bool:
    place = metadata.schema.names.index(name)
    for group in range(metadata.num_row_groups):
        column = metadata.row_group(group).column(place)
        stats = column.statistics
        if stats is None or not stats.has_null_count or stats.null_count != column.num_values:
            return False
    return True


def _first_of_last(column: pa.ChunkedArray, last: str | None) -> int:
    """First row of a sorted column that holds its last value."""
    return _bisect(column, lambda value: value >= str(last))


def _up_to(column: pa.ChunkedArray, until: str) -> int:
    """Number of rows of a sorted column that are not beyond `until`."""
    return _bisect(column, lambda value: value > until)


def _bisect(column: pa.ChunkedArray, beyond: Callable[[str], bool]) -> int:
    low, high = 0, len(column)
    while low < high:
        middle = (low + high) // 2
        if beyond(str(column[middle].as_py())):
            high = middle
        else:
            low = middle + 1
    return low
