"""A list of 10^8 keys: memory and look-ups, half of them hits; and the import of 10^7 rows.  Called by `bench/decisions.py`.

Keys are random numbers, as keyed hashes are; each has one of 500 sets of terms.  The file is written to a folder of its own
and removed.  A look-up gives the place of a key; a hit also reads its terms (`list_hit_ns`).
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from _report import Report, peak_rss_gib
from dandelion.policy.entry import Entry
from dandelion.policy.listfile import Rows, import_file, write

KEYS, ASKED, TERMS, TURNS = 100_000_000, 1_000_000, 500, 7
IMPORTED = 10_000_000


def best_ns(work: Callable[[], object], each: int) -> float:
    """Least CPU time of several turns, in nanoseconds for one of `each`."""
    found = []
    for _ in range(TURNS):
        started = time.process_time_ns()
        work()
        found.append(time.process_time_ns() - started)
    return min(found) / each


def look_up(report: Report, keys: int = KEYS) -> None:
    folder = Path(tempfile.mkdtemp(prefix="dandelion-list-"))
    try:
        rng = np.random.default_rng(1)
        high, low = (rng.integers(0, 2**64, keys, dtype=np.uint64) for _ in range(2))
        term = rng.integers(0, TERMS, keys).astype(np.uint32)
        asked = rng.integers(0, keys, ASKED)
        ask_high, ask_low, said = high[asked].copy(), low[asked].copy(), term[asked].copy()
        ask_high[::2] ^= np.uint64(0x9E3779B97F4A7C15)  # half of them are not listed
        rows = Rows(high, low, term)
        del high, low, term
        started = time.process_time()
        terms = [Entry(f"reason {i % 7}", f"source {i % 11}", 0, i + 1, 1_000_000) for i in range(TERMS)]
        packed = write(folder, "bench", rows, terms, "0" * 8)
        built = time.process_time() - started
        packed.warm()
        places = packed.places(ask_high, ask_low)
        if not (
            (places[1::2] >= 0).all() and (places[::2] < 0).all() and (packed.term_of[places[1::2]] == said[1::2]).all()
        ):
            raise SystemExit("the packed list misses keys or finds what is not there")
        report.add("list_1e8_gb", packed.bytes_looked_up / 1e9, "GB", must=1.1, aim=0.9)
        whole = packed.file.stat().st_size / 1e9
        report.add("list_1e8_with_terms_gb", whole, "GB")
        report.add("list_1e8_ns", best_ns(lambda: packed.places(ask_high, ask_low), ASKED), "ns", must=300, aim=150)
        hits_high, hits_low = ask_high[1::2].copy(), ask_low[1::2].copy()
        report.add(
            "list_hit_ns", best_ns(lambda: packed.term_of[packed.places(hits_high, hits_low)], len(hits_high)), "ns"
        )
        one = ask_high[1:2].copy(), ask_low[1:2].copy()
        report.add("list_alone_ns", best_ns(lambda: [packed.places(*one) for _ in range(2_000)], 2_000), "ns")
        report.add("list_build_s", built, "s")
        report.note(
            f"list: {keys:,} keys, {ASKED:,} look-ups half of them hits, {packed.bits} bits of index; one alone is called "
            f"from Python on one key, so mostly the call; building peaked at {peak_rss_gib():.1f} GiB"
        )
    finally:
        shutil.rmtree(folder)


def imported(report: Report, rows: int = IMPORTED) -> None:
    folder = Path(tempfile.mkdtemp(prefix="dandelion-import-"))
    try:
        file = folder / "rows.csv"
        with file.open("w") as out:
            out.write("kind,value,reason,source,added,expires,confidence_ppm\n")
            for first in range(0, rows, 100_000):
                out.writelines(
                    f"phone,{13_000_000_000 + i},reason {i % 7},source {i % 11},2025-01-{1 + i % 28:02d},2026-01-01,900000\n"
                    for i in range(first, min(first + 100_000, rows))
                )
        started = time.process_time()
        packed = import_file(file, folder, "bench", frozenset({"phone"}), b"a key of the bench, 32 bytes lon")
        report.add("list_import_1e7_s", (time.process_time() - started) * IMPORTED / rows, "s CPU")
        assert len(packed) == rows
    finally:
        shutil.rmtree(folder)
