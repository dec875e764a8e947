"""Our side: the room's front doors, called as anyone would."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import indicators_spec as spec
from dandelion.core import Frame
from dandelion.indicators import Definitions, LongCube, read_cells, read_frame
from dandelion.indicators.write_frame import write_frame
from indicators_runs import THREADS, Clock, answer

KEY = ("payment", "payee")


def warm(file: str) -> None:
    """Load the compiled kernels, with some of the events and definitions of its own."""
    with tempfile.TemporaryDirectory() as folder:
        few = f"{folder}/few.parquet"
        pq.write_table(pa.Table.from_batches([next(pq.ParquetFile(file, pre_buffer=False).iter_batches(1_000))]), few)
        for workers in (1, THREADS):
            for call in (read_frame, read_cells):
                call(spec.definitions(), {KEY: few}, spec.AS_OF_US, spec.AS_OF_US, workers=workers,
                     columns=[ask.id for ask in spec.columns("840")])  # fmt: skip


def compute(job: dict[str, Any]) -> dict[str, Any]:
    """All asked columns of all merchants of the file, at one moment, from Parquet to a Frame.  Done twice: as in a fresh
    process, and again with the same definitions, when their catalogue and program are there already (`prepared`)."""
    warm(job["file"])
    definitions, names = spec.definitions(), [ask.id for ask in spec.columns(job["set"])]
    clock = Clock()
    frame = _frame(definitions, names, job["file"])
    facts = clock.stop()
    if job.get("out"):
        np.save(job["out"] + ".npy", frame.values)
        pq.write_table(pa.table({"payee": frame.entity}), job["out"] + ".parquet")
    rows = len(frame)
    del frame
    clock = Clock()
    _frame(definitions, names, job["file"])
    again = clock.stop()
    return {**facts, "rows": rows, "prepared_wall_s": again["wall_s"], "prepared_cpu_s": again["cpu_s"]}


def _frame(definitions: Definitions, names: list[str], file: str) -> Frame:
    return read_frame(definitions, {KEY: file}, spec.AS_OF_US, spec.AS_OF_US, columns=names, workers=THREADS)


def long_cube(job: dict[str, Any]) -> dict[str, Any]:
    """As `compute`, in long form: a line for each merchant and cell with a payment, which is what DuckDB ends with."""
    warm(job["file"])
    definitions, names = spec.definitions(), [ask.id for ask in spec.columns(job["set"])]

    def once() -> tuple[LongCube, dict[str, float]]:
        clock = Clock()
        made = read_cells(definitions, {KEY: job["file"]}, spec.AS_OF_US, spec.AS_OF_US, columns=names, workers=THREADS)
        return made, clock.stop()

    cube, facts = once()
    lines = len(cube)
    np.save(job["out"] + ".npy", cube.dense())
    pq.write_table(pa.table({"payee": cube.entity}), job["out"] + ".parquet")
    del cube
    _, again = once()
    return {**facts, "rows": lines, "prepared_wall_s": again["wall_s"], "prepared_cpu_s": again["cpu_s"]}


def point_in_time(job: dict[str, Any]) -> dict[str, Any]:
    """The asked columns of every label, from the sorted file to a Parquet frame."""
    definitions = spec.definitions()
    names = [ask.id for ask in spec.columns(job["set"])]
    target = Path(job["out"] + "-frame.parquet")
    labels = pq.read_table(job["labels"]).rename_columns(["entity", "as_of"])
    labels = labels.append_column("known_at", labels.column("as_of"))
    warm_frame(definitions, names, job["file"], labels.slice(0, 10), target)
    clock = Clock()
    written = write_frame(definitions, {KEY: job["file"]}, labels, target, columns=names, workers=THREADS)
    facts = clock.stop()
    _keep_sample(target, job["sample"], names, job["out"])
    size = target.stat().st_size
    target.unlink()
    return {**facts, "rows": written.rows, "frame_gb": size / 1e9}


def warm_frame(definitions: Definitions, names: list[str], file: str, labels: pa.Table, target: Path) -> None:
    """Load the compiled kernels, with a row group of the events.  The program of these columns is made here too."""
    few = Path(f"{target}-few.parquet")
    pq.write_table(pq.ParquetFile(file).read_row_group(0), few)
    write_frame(definitions, {KEY: few}, labels, target, columns=names, workers=THREADS)
    few.unlink()


def _keep_sample(frame: Path, sample: str, names: list[str], out: str) -> None:
    """The frame's rows of the labels in `sample`, for the comparison."""
    wanted = set(zip(*(pq.read_table(sample).column(n).cast(t).to_pylist()
                       for n, t in (("subject", pa.string()), ("as_of", pa.int64()))), strict=True))  # fmt: skip
    file = pq.ParquetFile(frame)
    keys, parts = [], []
    for group in range(file.num_row_groups):
        head = file.read_row_group(group, columns=["entity", "as_of"])
        pairs = list(zip(head.column(0).to_pylist(), head.column(1).cast(pa.int64()).to_pylist(), strict=True))
        found = [i for i, pair in enumerate(pairs) if pair in wanted]
        if found:
            rows = file.read_row_group(group, columns=names).take(pa.array(found))
            parts.append(np.column_stack([rows.column(name).to_numpy() for name in names]))
            keys += [f"{pairs[i][0]}@{pairs[i][1]}" for i in found]
    np.save(out + ".npy", np.concatenate(parts).astype(np.float32))
    pq.write_table(pa.table({"payee": keys}), out + ".parquet")


def join(job: dict[str, Any]) -> dict[str, Any]:
    """Two ready columns for every label, from Parquet to an Arrow table, as the peer gives them."""
    from dandelion.indicators import join_as_of

    names = ["revenue_fen", "tax_fen"]
    with tempfile.TemporaryDirectory() as folder:  # load the compiled kernels
        few = pq.ParquetFile(job["file"], pre_buffer=False).read_row_group(0).slice(0, 10)
        pq.write_table(few, f"{folder}/few.parquet")
        join_as_of(pa.table({"entity": ["m"], "as_of": [100]}), f"{folder}/few.parquet", names, subject="taxpayer",
                   workers=THREADS)  # fmt: skip
    clock = Clock()
    table = join_as_of(job["labels"], job["file"], names, subject="taxpayer", entity="subject", workers=THREADS)
    facts = clock.stop()
    found = [table.column(name).cast(pa.float32()).fill_null(np.nan).to_numpy() for name in names]
    np.save(job["out"] + ".npy", np.column_stack(found))
    return {**facts, "rows": table.num_rows}


if __name__ == "__main__":
    answer({"columns": compute, "cells": long_cube, "pit": point_in_time, "join": join})
