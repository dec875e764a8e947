"""`read_frame`: a frame from sorted Parquet into memory, a portion of subjects at a time, only the columns it needs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pyarrow as pa

from dandelion.core import BadInput, Frame, MoneyColumn
from dandelion.core.frame import Floats, Ints
from dandelion.indicators.block import Block
from dandelion.indicators.definitions import Definitions
from dandelion.indicators.evaluate import WORKERS_MAX, compute, in_order, missing_columns
from dandelion.indicators.plan import Key
from dandelion.indicators.program import Program, program_for
from dandelion.indicators.relations import Added
from dandelion.indicators.rows import Rows
from dandelion.indicators.sources import ROWS_AT_ONCE, Files, paths_of, portions


def read_frame(
    definitions: Definitions, sources: Mapping[Key, Files], as_of: int, known_at: int, *,
    columns: Sequence[str] | None = None, granted: Collection[str] | None = None, related: Added | None = None,
    workers: int = 2, rows_at_once: int = ROWS_AT_ONCE,
) -> Frame:  # fmt: skip
    """One row per subject that the files hold, in order, all at one moment; the bytes of `evaluate` on the same events.

    `sources` are as for `write_frame`: Parquet sorted by (role, at, event id).  A subject is one that has events in any
    source that the columns are made of.  Errors (BadInput): unsorted files, missing or unknown columns.
    """
    names = tuple(definitions.columns if columns is None else columns)
    if not 1 <= workers <= WORKERS_MAX:
        raise BadInput(f"workers is {workers}; give 1 to {WORKERS_MAX}", field="workers")
    catalogue = {name: definitions.column(name) for name in names}
    missing = missing_columns(definitions, catalogue, frozenset(sources), granted)
    catalogue |= {name: replace(catalogue[name], null_policy=reason) for name, reason in missing.items()}
    program = program_for(definitions, tuple(dict.fromkeys(name for name in names if name not in missing)))
    files = {key: paths_of(given) for key, given in sources.items()}
    waiting: list[Future[tuple[Rows, Floats, Ints]]] = []
    done: list[tuple[Rows, Floats, Ints]] = []
    with ThreadPoolExecutor(workers) as pool:
        for _, tables in portions(program.layouts, files, rows_at_once):
            waiting.append(pool.submit(_portion, program, names, tables, as_of, known_at, related))
            while len(waiting) > 2 * workers:
                done.append(waiting.pop(0).result())
        done += [future.result() for future in waiting]
    subjects = np.concatenate([rows.names for rows, _, _ in done])
    values = np.concatenate([found for _, found, _ in done])
    fen = np.concatenate([exact for _, _, exact in done], axis=1)
    place = {name: j for j, name in enumerate(names)}
    money = {name: MoneyColumn(np.zeros(len(subjects), np.int64), np.zeros(len(subjects), np.bool_))
             for name in names if name in definitions.money}  # fmt: skip
    for line, name in enumerate(program.money):
        valid = ~np.isnan(values[:, place[name]])
        money[name] = MoneyColumn(np.where(valid, fen[line], 0), valid)
    moment = Rows.of(subjects, as_of, known_at)  # type: ignore[arg-type]
    return Frame(subjects, moment.as_of, moment.known_at, names, values, catalogue, money)


def _portion(
    program: Program, names: tuple[str, ...], tables: Mapping[Key, pa.Table], as_of: int, known_at: int,
    related: Added | None,
) -> tuple[Rows, Floats, Ints]:  # fmt: skip
    blocks = {
        key: Block.trusted(layout, tables[key]) if key in tables else Block.empty(layout)
        for key, layout in program.layouts.items()
    }
    found = {name for key in program.tables for name in blocks[key].subjects.to_pylist()}
    rows = Rows.of(sorted(found), as_of, known_at)
    values, fen = compute(program, blocks, rows, related)
    if program.names != names:
        values = in_order(values, program.names, names)
    return rows, values, fen
