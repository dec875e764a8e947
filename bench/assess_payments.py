"""bench assess_payments: proof 3 on synthetic files of 10 million rows, in bounded time and memory.

`make bench NAME=assess_payments [ARGS="--rows 10000000"]`.  Each run is a process of its own, so that time and peak
memory are its own; they include start-up, reading, graph, limits, and writing page, JSON and CSV.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from _report import Report, peak_rss_gib

SECONDS_MUST, SECONDS_AIM, MEMORY_GIB_MUST = 120.0, 90.0, 4.0
CHUNK, SEED = 1_000_000, 310
_STATUS = pa.array(["SUCCESS", "REFUND", "CLOSED", "perhaps"])
NAMES = ["交易单号", "交易时间", "付款方", "收款方", "金额(元)", "交易状态"]


def chunks(rows: int, *, friends: float) -> Iterator[pa.Table]:
    """Shops, payers and circles of friends over a year, in order of time; 1 % refunds, 1 % closed, 0.1 % unreadable."""
    shops, payers = max(10, rows // 1000), max(100, rows // 20)
    for part, first in enumerate(range(0, rows, CHUNK)):
        random = np.random.default_rng([SEED, part])
        size = min(CHUNK, rows - first)
        span = 365 * 86_400
        seconds = np.sort(random.integers(span * first // rows, span * (first + size) // rows, size))
        at = np.datetime64("2025-01-01T00:00:00") + seconds.astype("timedelta64[s]")
        payer = (payers * random.random(size) ** 1.5).astype(np.int64)
        friend = random.random(size) < friends
        mate = payer // 15 * 15 + random.integers(0, 15, size)
        payee = np.where(friend, mate, (shops * random.random(size) ** 1.3).astype(np.int64))
        fen = random.integers(100, 20_000, size)
        kind = random.choice(4, size, p=[0.979, 0.01, 0.01, 0.001])
        yield pa.table({
            NAMES[0]: _join("42000", first + 10**12 + np.arange(size)),
            NAMES[1]: pc.replace_substring(pa.array(at).cast(pa.string()), "T", " "),
            NAMES[2]: _join("人", payer),
            NAMES[3]: pc.if_else(pa.array(friend), _join("人", payee), _join("店", payee)),
            NAMES[4]: pc.binary_join_element_wise(
                pa.array(fen // 100).cast(pa.string()), pc.utf8_lpad(pa.array(fen % 100).cast(pa.string()), 2, "0"), "."
            ),
            NAMES[5]: _STATUS.take(pa.array(kind)),
        })  # fmt: skip


def _join(prefix: str, numbers: np.ndarray) -> pa.Array:
    return pc.binary_join_element_wise(pa.scalar(prefix), pa.array(numbers).cast(pa.string()), "")


def write(path: Path, rows: int, *, friends: float) -> int:
    """Bytes of the file written: Parquet, or CSV in UTF-8, or in GB18030 where the name says so."""
    sink = pq.ParquetWriter if path.suffix == ".parquet" else pacsv.CSVWriter
    writer = None
    for table in chunks(rows, friends=friends):
        options = {} if path.suffix == ".parquet" else {"write_options": pacsv.WriteOptions(quoting_style="none")}
        writer = writer or sink(path, table.schema, **options)
        writer.write_table(table)
    writer.close()
    if "gb18030" in path.stem:
        plain = path.with_suffix(".utf8")
        path.rename(plain)
        with plain.open(encoding="utf-8") as source, path.open("w", encoding="gb18030") as target:
            while block := source.read(1 << 24):
                target.write(block)
        plain.unlink()
    return path.stat().st_size


def assess(path: Path, out: Path) -> dict[str, float]:
    started = time.perf_counter()
    got = subprocess.run(
        [sys.executable, __file__, "--child", str(path), str(out)], check=True, stdout=subprocess.PIPE, text=True
    )
    return {**json.loads(got.stdout.strip().splitlines()[-1]), "wall_s": time.perf_counter() - started}


def child(path: str, out: str) -> None:
    from dandelion.app.usecases.assess_payments import assess_payments

    result = assess_payments(path, out=out)
    used = resource.getrusage(resource.RUSAGE_SELF)
    facts = {"cpu_s": used.ru_utime + used.ru_stime, "peak_gib": peak_rss_gib()}
    print(json.dumps({**result.summary(), **facts}, default=str))


def measure(report: Report, scratch: Path, name: str, rows: int, *, friends: float, must: bool) -> None:
    path = scratch / name
    size = write(path, rows, friends=friends)
    got = assess(path, scratch / "out")
    key = name.replace(".", "_")
    report.add(f"{key}_rows", got["rows"], "rows", "higher")
    report.add(f"{key}_megabytes", size / 1e6, "MB")
    bars = {"must": SECONDS_MUST, "aim": SECONDS_AIM} if must else {}
    report.add(f"{key}_seconds", got["wall_s"], "s", **bars)
    report.add(f"{key}_cpu_seconds", got["cpu_s"], "s", **bars)
    report.add(f"{key}_peak_memory", got["peak_gib"], "GiB", **({"must": MEMORY_GIB_MUST} if must else {}))
    report.add(f"{key}_merchants", got["merchants"], "merchants", "higher")
    path.unlink()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--only", default="", help="measure only the cases whose name holds this")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(*args.child)
        return 0
    report = Report("assess_payments")
    cases = (
        ("receipts.csv", args.rows, 0.0, True), ("receipts.parquet", args.rows, 0.0, True),
        ("friends.csv", args.rows, 0.3, False), ("gb18030.csv", args.rows // 4, 0.0, False),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        for name, rows, friends, must in cases:
            if args.only in name:
                measure(report, Path(folder), name, rows, friends=friends, must=must)
    report.note("receipts: 10,000 shops and 500,000 payers in a year; friends: 30 % of the rows are between people, so "
                "ties are measured too; 1 % refunds, 1 % closed, 0.1 % set aside in every file")  # fmt: skip
    return report.finish()


if __name__ == "__main__":
    raise SystemExit(main())
