"""A merchant with very many payments behind `Online.serve`: the first request after a start, and each new payment with the request
after it."""

from __future__ import annotations

import gc
import os
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
from dandelion.indicators import full, standard
from dandelion.indicators.online import Online, open_store
from indicators_runs import Clock, answer

SUBJECT, SMALL = "m0000000", "m0000001"
MINUTE_US = 60_000_000


def served(job: dict[str, Any]) -> dict[str, Any]:
    """Milliseconds of `Served.row`, and of `Online.apply` for one payment at a time, in order of arrival: some come days late."""
    definitions, names = full(), list(standard().columns)[: job["columns"]]
    events = pq.read_table(job["file"])
    known = pc.less(events.column("arrived").cast(pa.int64()), spec.AS_OF_US)  # after it only late ones come any more
    events = events.filter(known).sort_by([("arrived", "ascending"), ("event_id", "ascending")])
    events = events.append_column("source", pa.array(["bench"] * events.num_rows)).combine_chunks()
    hot = pc.equal(events.column("payee"), SUBJECT)
    mine, small = events.filter(hot), events.filter(pc.equal(events.column("payee"), SMALL))
    cut = mine.num_rows - job["new"]
    with tempfile.TemporaryDirectory(dir=job["folder"]) as folder:

        def opened(name: str, **said: Any) -> Online:
            store = open_store(f"lmdb:{folder}/{name}", "bench")
            return Online(definitions, f"{folder}/{name}-log", store, columns=names, **said)

        _load_kernels(opened, small)
        clock = Clock()
        online = opened("state")
        for start in range(0, cut, 100_000):
            online.apply("payment", mine.slice(start, min(100_000, cut - start)))
        online.flush()
        made_ms = _ms(lambda: online.serve(names).row(SUBJECT, spec.AS_OF_US, spec.AS_OF_US))
        online.close()
        files = sum(path.stat().st_size for path in Path(folder).glob("state-log/hot/*"))
        starts = [_start(opened, names, cold) for cold in (False, True)]
        online, row = opened("state", tended_share=1.0), None  # an hour of payments comes in seconds
        now, rows, applies = spec.AS_OF_US, [], []
        handle = online.serve(names)
        handle.row(SUBJECT, now, now)
        tended, cpu = [], []
        gc.collect()
        gc.freeze()  # as a server does when it is ready
        for n in range(cut, mine.num_rows):
            event, now, spent = mine.slice(n, 1), now + MINUTE_US, online._tending.spent_s
            applies.append(_ms(lambda event=event: online.apply("payment", event)))  # type: ignore[misc]
            tended.append(online._tending.spent_s - spent > 0.01)
            used = time.thread_time()
            started = time.perf_counter()
            row = handle.row(SUBJECT, now, now)
            rows.append((time.perf_counter() - started) * 1e3)
            cpu.append((time.thread_time() - used) * 1e3)
        facts = clock.stop()
        frame = online.frame([SUBJECT], now, columns=names)
        online.close()
    assert row is not None
    usual = [ms for ms, was in zip(applies, tended, strict=True) if not was]
    return {
        **facts, "made_ms": made_ms, "files_mb": files / 1e6, "open_s": starts[0][0], "first_ms": starts[0][1],
        "cold_open_s": starts[1][0], "cold_first_ms": starts[1][1], "cold_again_ms": starts[1][2], "again_ms": starts[0][2],
        "rows_ms": rows, "rows_cpu_ms": cpu, "tended_rows_ms": [ms for ms, was in zip(rows, tended, strict=True) if was], "apply_ms": float(np.median(usual)), "tended": sum(tended), "tended_ms": max(applies),
        "same": row.tobytes() == frame.values[0].tobytes(), "events": mine.num_rows, "columns": len(names),
    }  # fmt: skip


def _start(opened: Callable[..., Online], names: list[str], cold: bool) -> tuple[float, float, float]:
    """(seconds to open, milliseconds of the first request and of the second); `cold`: the merchant was put to sleep and none of the
    files' pages are in memory, as where many others were asked for and memory was short."""
    started = time.perf_counter()
    online = opened("state")
    took, handle = time.perf_counter() - started, online.serve(names)
    if cold:
        with online._state:
            for entry in online._hots._awake.values():
                entry.awake = None
            online._hots._awake.clear()
        for path in online.log.folder.joinpath("hot").iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    now = spec.AS_OF_US + MINUTE_US
    first = _ms(lambda: handle.row(SUBJECT, now, now))
    again = _ms(lambda: handle.row(SUBJECT, now, now))
    online.close()
    return took, first, again


def _load_kernels(opened: Callable[..., Online], small: pa.Table) -> None:
    """With a merchant of few payments, whose files are read and written as those of one with many."""
    for _ in range(2):
        online = opened("warm", hot_bytes=1)
        handle = online.serve()
        for start in range(0, small.num_rows, 40):
            online.apply("payment", small.slice(start, 40))
            handle.row(SMALL, spec.AS_OF_US, spec.AS_OF_US)
        online.frame([SMALL], spec.AS_OF_US, columns=handle.columns)
        online.close()


def _ms(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1e3


if __name__ == "__main__":
    answer({"served": served})
