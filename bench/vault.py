"""make bench NAME=vault: how fast bulk goes in, how fast one subject comes out.

Payments with two roles, 200,000 merchants' worth of ids, 30 months; SQLite beside the lake on a local disk.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from _report import Report, peak_rss_gib, percentile
from dandelion.core import DAY_US, ManualClock, instant
from dandelion.vault import SYSTEM, NewGrant, Terms, Vault

NOW = instant("2025-07-01T00:00:00Z")
TERMS = Terms("Dandelion Bank", "privacy@dandelion.example", "v1", "0" * 64, "zh", "to decide on a credit line")


def payments(rows: int, merchants: int, seed: int) -> pa.Table:
    """Random payments: heavy-tailed merchants, uniform payers, ids as 32 hex digits."""
    rng = np.random.default_rng(seed)
    at = np.sort(NOW - rng.integers(1, 900 * DAY_US, rows))
    arrived = np.minimum(at + rng.integers(0, 3_600_000_000, rows), NOW)
    payee = (merchants * rng.random(rows) ** 2).astype(np.int64)
    payer = rng.integers(0, rows // 10, rows)
    names = pa.array([f"m-{hashlib.blake2b(b'%d' % n, digest_size=16).hexdigest()}" for n in range(merchants)])
    people = pa.array([f"p-{hashlib.blake2b(b'%d' % n, digest_size=16).hexdigest()}" for n in range(rows // 10)])
    raw = rng.integers(0, 256, rows * 16, dtype=np.uint8)
    digits = np.frombuffer(b"0123456789abcdef", np.uint8)
    text = np.empty(rows * 32, np.uint8)
    text[0::2], text[1::2] = digits[raw >> 4], digits[raw & 15]
    offsets = np.arange(0, rows * 32 + 1, 32, dtype=np.int32)
    ids = pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(text))
    channel = pa.array(["qr", "online", "transfer", "card"]).take(pa.array(rng.integers(0, 4, rows)))
    return pa.table(
        {
            "event_id": ids,
            "at": pa.array(at).cast(pa.timestamp("us", tz="UTC")),
            "arrived": pa.array(arrived).cast(pa.timestamp("us", tz="UTC")),
            "payee": names.take(pa.array(payee)),
            "payer": people.take(pa.array(payer)),
            "amount_fen": pa.array(rng.integers(100, 100_000, rows)),
            "channel": channel,
        }
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=6_000_000)
    parser.add_argument("--merchants", type=int, default=50_000)
    parser.add_argument("--opens", type=int, default=1_000)
    given = parser.parse_args()
    report = Report("vault")
    table = payments(given.rows, given.merchants, 310)
    started = peak_rss_gib()
    subjects = sorted(set(table.column("payee").slice(0, 100_000).to_pylist()))
    with tempfile.TemporaryDirectory() as folder:
        vault = Vault.connect(f"sqlite:///{folder}/vault.db", lake=Path(folder, "lake"), clock=ManualClock(NOW))
        scale = given.rows / 6_000_000
        began, spent = time.perf_counter(), time.process_time()
        loaded = vault.ingest("acme", "payment", table, source="bench")
        seconds, spent = time.perf_counter() - began, time.process_time() - spent
        assert loaded.added == given.rows, loaded
        report.add("ingest_s", seconds, "s", must=60 * scale, aim=30 * scale)
        report.add("ingest_cpu_s", spent, "CPU s")
        report.add("ingest_events_per_s", given.rows / seconds, "events/s", "higher")
        report.add("ingest_peak_gib", peak_rss_gib(), "GiB", must=3)
        began = time.perf_counter()
        again = vault.ingest("acme", "payment", table, source="bench")
        report.add("ingest_again_s", time.perf_counter() - began, "s")
        assert (again.added, again.duplicates) == (0, given.rows), again
        began = time.perf_counter()
        vault.seal("acme")
        report.add("seal_s", time.perf_counter() - began, "s")
        until = NOW + DAY_US
        with vault.unit_of_work("acme") as work:
            news = [
                NewGrant(subject, purpose, ("payments",), "bank", until, TERMS)
                for subject in subjects
                for purpose in ("credit", "training")
            ]
            vault.consents.grant_many(work, news, SYSTEM)
        rng = np.random.default_rng(1)
        chosen = [subjects[i] for i in rng.integers(0, len(subjects), given.opens)]
        opened, read, rows = [], [], 0
        spent = time.process_time()
        for subject in chosen:
            t0 = time.perf_counter()
            with vault.open("acme", subject, purpose="credit", recipient="bank") as record:
                t1 = time.perf_counter()
                rows += record.events("payment", "payee", NOW - 365 * DAY_US).num_rows
                t2 = time.perf_counter()
            opened.append((t1 - t0) * 1e6)
            read.append((t2 - t1) * 1e6)
        report.add("open_and_read_cpu_us", (time.process_time() - spent) / given.opens * 1e6, "CPU us")
        report.add("open_us_p50", percentile(opened, 0.5), "us", must=3000, aim=700)
        report.add("read_kind_us_p50", percentile(read, 0.5), "us", must=2000, aim=300)
        report.add("read_kind_us_p99", percentile(read, 0.99), "us")
        began = time.perf_counter()
        with vault.bulk("acme", recipient="bank") as bulk:
            held = bulk.events("payment", "payee", NOW - 365 * DAY_US).num_rows
        report.add("bulk_year_s", time.perf_counter() - began, "s")
        report.add("peak_gib", peak_rss_gib(), "GiB")
        report.note(
            f"{given.rows:,} payments, 2 roles, {loaded.files} files; input table {table.nbytes / 2**30:.2f} GiB"
        )
        report.note(
            f"mean {rows / given.opens:.0f} rows a read; bulk {held:,} rows; {started:.2f} GiB before the first load"
        )
        vault.close()
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
