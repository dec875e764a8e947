"""Rows of text to a packed list, a block at a time: 10^7 rows in seconds, with progress, and the row that is wrong named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as papq

from dandelion.core import BadInput
from dandelion.policy.entry import HEADER, KINDS, TERMS, Entry, digests_of, key_id, read_digest, read_entry
from dandelion.policy.listfile.build import Rows, write
from dandelion.policy.listfile.packed import PackedList

BLOCK_BYTES = 16 << 20
BLOCK_ROWS = 200_000
TERMS_MAX = 2_000_000
PLAIN = ("kind", "value", *TERMS)
Tell = Callable[[int], None]


def import_file(
    file: Path, folder: Path, name: str, kinds: frozenset[str], key: bytes, tell: Tell = lambda _rows: None
) -> PackedList:
    """`file` (CSV or Parquet, columns as text) as a packed list in `folder`.

    Columns: kind, value or hash (32 hex characters, sealed elsewhere with the same key), reason, source, added, expires,
    confidence_ppm.  `tell(rows)` after every block.  Errors: BadInput naming the row, never its value.
    """
    parts: list[tuple[bytes, npt.NDArray[np.uint32]]] = []
    terms: dict[tuple[str, ...], int] = {}
    found: list[Entry] = []
    done = 0
    for block in _blocks(file):
        place = f"{file}: rows {done + 1} to {done + block.num_rows}"
        kind = _kinds(block, kinds, file, done)
        parts.append((_digests(block, kind, key, file, done), _term_numbers(block, terms, found, place, done)))
        done += block.num_rows
        tell(done)
    raw = np.frombuffer(b"".join(part[0] for part in parts), ">u8").reshape(-1, 2)
    rows = Rows(
        raw[:, 0].astype(np.uint64),
        raw[:, 1].astype(np.uint64),
        np.concatenate([p[1] for p in parts] or [np.empty(0, np.uint32)]),
    )
    parts.clear()
    return write(folder, name, rows, found, key_id(key))


def _blocks(file: Path) -> Iterator[pa.RecordBatch]:
    wanted = {*PLAIN, *HEADER}
    try:
        if file.suffix == ".parquet":
            opened = papq.ParquetFile(file)
            names, batches = opened.schema_arrow.names, opened.iter_batches(BLOCK_ROWS)
        else:
            convert = pacsv.ConvertOptions(column_types={n: pa.string() for n in wanted}, strings_can_be_null=False)
            opened = pacsv.open_csv(file, pacsv.ReadOptions(block_size=BLOCK_BYTES), convert_options=convert)
            names, batches = opened.schema.names, iter(opened)
        lacking = [name for name in (*TERMS, "kind") if name not in names]
        if lacking or not {"value", "hash"} & set(names):
            raise BadInput(
                f"{file} has no column {(lacking or ['value'])[0]!r}; it needs kind, value (or hash), {', '.join(TERMS)}",
                field="columns",
            )
        for batch in batches:
            yield batch.select([name for name in batch.schema.names if name in wanted])
    except (pa.ArrowInvalid, OSError) as error:
        raise BadInput(f"{file} cannot be read: {str(error).splitlines()[0]}", field="file") from None


def _kinds(block: pa.RecordBatch, kinds: frozenset[str], file: Path, done: int) -> list[str]:
    column = block.column("kind").cast(pa.string())
    wrong = pc.invert(pc.is_in(column, pa.array(sorted(kinds))))
    if (at := pc.index(wrong, True).as_py()) >= 0:
        raise BadInput(
            f"{file}: row {done + at + 1}: kind {column[at].as_py()!r} is not one this list holds; it holds "
            f"{', '.join(kind for kind in KINDS if kind in kinds)}",
            field="kind",
        )
    return list(column.to_pylist())


def _digests(block: pa.RecordBatch, kinds: Sequence[str], key: bytes, file: Path, done: int) -> bytes:
    if "value" not in block.schema.names:
        texts = block.column("hash").cast(pa.string()).to_pylist()
        return b"".join(read_digest(text or "", f"{file}: row {done + i + 1}") for i, text in enumerate(texts))
    values = pc.utf8_trim_whitespace(block.column("value").cast(pa.string()))
    if (at := pc.index(pc.equal(pc.fill_null(pc.utf8_length(values), 0), 0), True).as_py()) >= 0:
        raise BadInput(f"{file}: row {done + at + 1}: value is empty", field="value")
    return digests_of(key, kinds, values.to_pylist())


def _term_numbers(
    block: pa.RecordBatch, known: dict[tuple[str, ...], int], found: list[Entry], place: str, done: int
) -> npt.NDArray[np.uint32]:
    """(rows,) the number of each row's terms; a combination is read and checked the first time it comes."""
    coded = [pc.dictionary_encode(pc.fill_null(block.column(name).cast(pa.string()), "")) for name in TERMS]
    code = np.zeros(block.num_rows, np.int64)
    for column in coded:
        code = code * max(len(column.dictionary), 1) + column.indices.to_numpy()
        _, first, code = np.unique(code, return_index=True, return_inverse=True)
    number = np.empty(len(first), np.uint32)
    for i, at in enumerate(first.tolist()):
        texts = tuple(column[at].as_py() for column in coded)
        if texts not in known:
            if len(known) == TERMS_MAX:
                raise BadInput(
                    f"{place}: more than {TERMS_MAX:,} different reasons, sources and times; give times by the day",
                    field="added",
                )
            found.append(
                read_entry(dict(zip(TERMS, texts, strict=True)), f"{place.split(': rows')[0]}: row {done + at + 1}")
            )
            known[texts] = len(known)
        number[i] = known[texts]
    return np.asarray(number[code.ravel()], np.uint32)
