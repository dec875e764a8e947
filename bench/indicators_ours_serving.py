"""Our side while it serves: every declared column of the demo's merchants, one request at a time, and events as they come."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import indicators_spec as spec
from dandelion.indicators import Block, Definitions, Growing, StagedServing, declarations, evaluate, full, standard
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
    """Microseconds of each request: one merchant, all columns (or those of a book), from his blocks in memory.  The first
    request of each merchant is timed by itself (`us_first`).  Then he is asked for another three times, an hour further
    each time, and the fastest counts, so that other work on the machine is left out.  All columns come in the order that
    is quickest, as the room advises for very many."""
    from indicators_world import merchants, tables, world

    definitions = full()
    path = world(Path(job["folder"]), job["people"])
    events, everyone = tables(path, definitions), merchants(path)
    as_of = _end(events)
    names = list(definitions.columns) if job["columns"] is None else list(standard().columns)[: job["columns"]]
    clock = Clock()
    serving: Serving | StagedServing = (
        Serving.of(definitions, names) if job["columns"] else StagedServing.of(definitions, names, own_order=True)
    )
    names = list(serving.columns)
    setup = clock.stop()
    blocks = {key: Block.of(layout, events[key]) for key, layout in serving.layouts.items()}
    chosen = np.random.default_rng(310).choice(everyone, min(job["requests"], len(everyone)), replace=False).tolist()
    own = {subject: {key: block.one(subject) for key, block in blocks.items()} for subject in chosen}
    packed = {subject: {key: block.to_bytes() for key, block in mine.items()} for subject, mine in own.items()}
    others = np.setdiff1d(everyone, chosen)[:20].tolist()
    for mine in ({key: block.one(subject) for key, block in blocks.items()} for subject in others):
        for _ in range(2):
            serving.row(mine, as_of, as_of)
    del blocks
    first, held, read = [], [], []
    for subject in chosen:
        first.append(_fastest(partial(serving.row, own[subject], as_of, as_of), times=1))
        serving.row(own[subject], as_of, as_of)  # a merchant with many events gets his tiles
        held.append(min(
            _fastest(partial(serving.row, own[subject], now, now), times=1)
            for now in (as_of + hours * 3_600_000_000 for hours in (1, 2, 3))
        ))  # fmt: skip
        read.append(_fastest(partial(_unpacked, serving, packed[subject], as_of)))
    differing, few = 0, chosen[:100]
    frame = evaluate(definitions, events, few, as_of, as_of, columns=names[:: job["every"]], workers=THREADS)
    for subject, line in zip(few, frame.values, strict=True):
        got = np.ascontiguousarray(serving.row(own[subject], as_of, as_of)[:: job["every"]])
        differing += int((got.view(np.uint32) != np.ascontiguousarray(line).view(np.uint32)).sum())
    return {
        **clock.stop(), "us": held, "us_first": first, "us_read": read, "columns": len(names), "setup_s": setup["cpu_s"],
        "bytes": [sum(map(len, mine.values())) for mine in packed.values()], "differing": differing,
        "values": int(frame.values.size),
        "events": np.percentile([sum(map(len, mine.values())) for mine in own.values()], (50, 99)).tolist(),
    }  # fmt: skip


def _unpacked(serving: Serving | StagedServing, packed: dict[tuple[str, str], bytes], as_of: int) -> None:
    """A request that starts with the packed bytes."""
    serving.row({key: Block.from_bytes(serving.layouts[key], data) for key, data in packed.items()}, as_of, as_of)


def hot(job: dict[str, Any]) -> dict[str, Any]:
    """Milliseconds of one request for a merchant with very many payments in the last 180 days."""
    definitions = full()
    names = list(standard().columns)[: job["columns"]]
    serving = Serving.of(definitions, names)
    table = pq.read_table(job["file"])
    clock = Clock()
    one = {KEY: Block.of(serving.layouts[KEY], table).one("m0000000")}
    small = {KEY: Block.of(serving.layouts[KEY], table).one("m0000001")}
    serving.row(small, spec.AS_OF_US, spec.AS_OF_US)
    _load_tiles(definitions, names, table)
    first = _fastest(lambda: serving.row(one, spec.AS_OF_US, spec.AS_OF_US), times=1)
    moments = [spec.AS_OF_US + minute * 60_000_000 for minute in range(1, 61)]
    moving = [_fastest(partial(serving.row, one, now, now), times=1) for now in moments]
    again = serving.row(one, moments[-1], moments[-1])
    whole = {KEY: dataclasses.replace(one[KEY])}  # without tiles
    with mock.patch("dandelion.indicators.serving.EVENTS_MIN", 1 << 62):
        plain = _fastest(lambda: serving.row(whole, moments[-1], moments[-1]), times=1)
        same = again.tobytes() == serving.row(whole, moments[-1], moments[-1]).tobytes()
    grown = _growing(serving, table)
    return {
        **clock.stop(), **grown, "ms": float(np.median(moving)) / 1e3, "ms_max": max(moving) / 1e3, "first_ms": first / 1e3,
        "plain_ms": plain / 1e3, "same": same, "events": len(one[KEY]), "columns": len(names),
    }  # fmt: skip


def _growing(serving: Serving, table: pa.Table) -> dict[str, Any]:
    """Milliseconds from the arrival of a payment to the columns with it, for each of the newest two hundred; before that, the
    tiles of the others are made as a process does when it reads a subject, and the first request after that is timed."""
    layout, mine = serving.layouts[KEY], table.filter(pc.equal(table.column("payee"), "m0000000"))
    cut = mine.num_rows - 200
    few = Growing.of(layout, mine.slice(0, 3_000))
    for growing in (few, few.add(mine.slice(3_000, 1))):  # loads the kernels
        assert growing is not None
        serving.row({KEY: growing}, spec.AS_OF_US, spec.AS_OF_US)
    growing = Growing.of(layout, mine.slice(0, cut))
    prepared = _fastest(lambda: serving.prepare({KEY: growing}, spec.AS_OF_US, spec.AS_OF_US), times=1)
    now = spec.AS_OF_US + 60_000_000
    first = _fastest(lambda: serving.row({KEY: growing}, now, now), times=1)
    new, anew = [], 0
    for place in range(cut, mine.num_rows):
        event = mine.slice(place, 1)
        started = time.perf_counter()
        added = growing.add(event)
        if added is None:  # it is older than what tiles hold
            anew += 1
            added = Growing.of(layout, mine.slice(0, place + 1))
        growing = added
        row = serving.row({KEY: growing}, now + place, now + place)
        new.append((time.perf_counter() - started) * 1e3)
    with mock.patch("dandelion.indicators.serving.EVENTS_MIN", 1 << 62):
        plain = serving.row({KEY: Block.of(layout, mine)}, now + place, now + place)
    return {
        "prepare_ms": prepared / 1e3, "prepared_first_ms": first / 1e3, "new_event_ms": float(np.median(new)),
        "new_event_max_ms": max(new), "made_anew": anew, "new_events": len(new),
        "grown_same": row.tobytes() == plain.tobytes(),
    }  # fmt: skip


def _load_tiles(definitions: Definitions, names: list[str], table: pa.Table) -> None:
    """Load the kernels that make tiles and read them, with a merchant of few payments and a set of columns of its own."""
    serving = Serving.of(definitions, names)
    few = {KEY: Block.of(serving.layouts[KEY], table).one("m0000002")}
    with (
        mock.patch("dandelion.indicators.serving.EVENTS_MIN", 1),
        mock.patch("dandelion.indicators.serving.AT_ONCE_MIN", 1),
    ):
        serving.row(few, spec.AS_OF_US, spec.AS_OF_US)


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
