"""Our side while it serves: every declared column of the demo's merchants, one request at a time, and events as they come."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import indicators_spec as spec
from dandelion.indicators import declarations, evaluate, full, standard
from dandelion.indicators.serving import Serving
from indicators_runs import THREADS, Clock, answer

KEY = ("payment", "payee")


def declared(job: dict[str, Any]) -> dict[str, Any]:
    """How many ids are declared, from how many declarations, and how many are non-empty for enough merchants of the
    demo's world: not missing and not zero."""
    from indicators_world import merchants, tables, world

    definitions = full()
    path = world(Path(job["folder"]), job["people"])
    events, subjects = tables(path, definitions), merchants(path)
    as_of = _end(events)
    names = list(definitions.columns)
    clock = Clock()
    alive = 0
    for start in range(0, len(names), 20_000):
        frame = evaluate(definitions, events, subjects, as_of, 2**62, columns=names[start : start + 20_000],
                         workers=THREADS)  # fmt: skip
        holds = np.nan_to_num(frame.values, nan=0.0) != 0.0
        alive += int((holds.sum(axis=0) >= job["merchants_min"]).sum())
    return {
        **clock.stop(),
        "ids": len(names),
        "declarations": len(declarations()),
        "alive": alive,
        "merchants": len(subjects),
    }


def online(job: dict[str, Any]) -> dict[str, Any]:
    """Microseconds of each request: one merchant, all columns (or those of a book), from his blocks in memory.  Each
    request is made three times and the fastest counts, so that other work on the machine is left out."""
    from dandelion.indicators.block import Block
    from indicators_world import merchants, tables, world

    definitions = full()
    path = world(Path(job["folder"]), job["people"])
    events, everyone = tables(path, definitions), merchants(path)
    as_of = _end(events)
    names = list(definitions.columns) if job["columns"] is None else list(standard().columns)[: job["columns"]]
    clock = Clock()
    serving = Serving.of(definitions, names)
    setup = clock.stop()
    blocks = {key: Block.of(layout, events[key]) for key, layout in serving.layouts.items()}
    chosen = np.random.default_rng(310).choice(everyone, min(job["requests"], len(everyone)), replace=False).tolist()
    own = {subject: {key: block.one(subject) for key, block in blocks.items()} for subject in chosen}
    packed = {subject: {key: block.to_bytes() for key, block in mine.items()} for subject, mine in own.items()}
    del blocks
    for subject in chosen[:20]:
        serving.row(own[subject], as_of, as_of)
    held = [_fastest(lambda s=subject: serving.row(own[s], as_of, as_of)) for subject in chosen]
    read = [
        _fastest(lambda s=subject: serving.row(
            {key: Block.from_bytes(serving.layouts[key], data) for key, data in packed[s].items()}, as_of, as_of
        ))
        for subject in chosen
    ]  # fmt: skip
    differing, few = 0, chosen[:100]
    frame = evaluate(definitions, events, few, as_of, as_of, columns=names[:: job["every"]], workers=THREADS)
    for subject, line in zip(few, frame.values, strict=True):
        got = serving.row(own[subject], as_of, as_of)[:: job["every"]]
        differing += int((got.view(np.uint32) != np.ascontiguousarray(line).view(np.uint32)).sum())
    return {
        **clock.stop(), "us": held, "us_read": read, "columns": len(names), "setup_s": setup["cpu_s"],
        "bytes": [sum(map(len, mine.values())) for mine in packed.values()], "differing": differing,
        "values": int(frame.values.size),
    }  # fmt: skip


def hot(job: dict[str, Any]) -> dict[str, Any]:
    """Milliseconds of one request for a merchant with very many payments in the last 180 days."""
    from dandelion.indicators.block import Block

    definitions = full()
    names = list(standard().columns)[: job["columns"]]
    serving = Serving.of(definitions, names)
    table = pq.read_table(job["file"])
    clock = Clock()
    one = {KEY: Block.of(serving.layouts[KEY], table).one("m0000000")}
    small = {KEY: Block.of(serving.layouts[KEY], table).one("m0000001")}
    serving.row(small, spec.AS_OF_US, spec.AS_OF_US)
    took = [_fastest(lambda: serving.row(one, spec.AS_OF_US, spec.AS_OF_US)) for _ in range(5)]
    return {**clock.stop(), "ms": min(took) / 1e3, "events": len(one[KEY]), "columns": len(names)}


def _fastest(work: Callable[[], object], times: int = 3) -> float:
    best = float("inf")
    for _ in range(times):
        started = time.perf_counter()
        work()
        best = min(best, (time.perf_counter() - started) * 1e6)
    return best


def _end(events: dict[tuple[str, str], pa.Table]) -> int:
    """Just after the newest event."""
    tables = [table for table in events.values() if table.num_rows]
    return 1 + max(pc.max(table.column("at")).cast(pa.int64()).as_py() for table in tables)


def stream(job: dict[str, Any]) -> dict[str, Any]:
    """Payments in order of arrival, in batches, durable when `apply` returns; then some merchants against the batch."""
    from dandelion.indicators.online import Online, open_store

    definitions = standard()
    events = pq.read_table(job["file"]).sort_by([("arrived", "ascending"), ("event_id", "ascending")])
    events = events.append_column("source", pa.array(["bench"] * events.num_rows)).combine_chunks()
    columns = [name for name in definitions.columns if {key[0] for key in definitions.tables_of(name)} == {"payment"}]
    few = [events.slice(i, 10) for i in range(0, 40, 10)]
    with tempfile.TemporaryDirectory(dir=job["folder"]) as folder:
        warm = Online(definitions, f"{folder}/warm-log", open_store(f"lmdb:{folder}/warm", "bench"), columns=columns)
        for batch in few:
            warm.apply("payment", batch)
        warm.close()
        online = Online(definitions, f"{folder}/log", open_store(f"lmdb:{folder}/state", "bench"), columns=columns)
        clock = Clock()
        for start in range(0, events.num_rows, job["batch"]):
            online.apply("payment", events.slice(start, job["batch"]))
        online.flush()
        facts = clock.stop()
        differing = _against_batch(online, definitions, events, columns)
        online.close()
    return {**facts, "events": events.num_rows, "columns": len(columns), **differing}


def _against_batch(online: Any, definitions: Any, events: pa.Table, columns: list[str]) -> dict[str, int]:
    """Bytes of 200 merchants read from the state against the batch evaluation of the same events."""
    everyone = pc.unique(events.column("payee")).to_numpy(zero_copy_only=False)
    subjects = np.random.default_rng(310).choice(everyone, min(200, len(everyone)), replace=False).tolist()
    read = online.frame(subjects, spec.AS_OF_US, columns=columns)
    tables = {(kind, role): events for name in columns for kind, role in definitions.tables_of(name)}
    batch = evaluate(definitions, tables, subjects, spec.AS_OF_US, spec.AS_OF_US, columns=columns, workers=THREADS)
    a, b = read.values.view(np.uint32), batch.values.view(np.uint32)
    return {"values": int(a.size), "differing": int((a != b).sum())}


if __name__ == "__main__":
    answer({"declared": declared, "online": online, "hot": hot, "stream": stream})
