"""bench assess_invoices: proof 2 on the real invoices, and 10 million synthetic rows in bounded time and memory.

`make bench NAME=assess_invoices [ARGS="--rows 10000000 --csv"]`.  Each run is a process of its own, so that its peak
memory is its own.  The real invoices are taken from DANDELION_DATA (default ../shared/data) where they are at hand.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from _report import Report, peak_rss_gib

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("DANDELION_DATA", ROOT.parent / "shared" / "data")) / "invoices"
SECONDS_MUST, MEMORY_GIB_MUST = 180.0, 6.0


def make_export(folder: Path, rows: int, *, csv: bool, firms: int = 4_000, labelled: int = 400) -> None:
    """`rows` invoices of `firms` firms over three years; weak firms sell less and fail more.  1 % duplicates."""
    random = np.random.default_rng(310)
    folder.mkdir(parents=True, exist_ok=True)
    weak = random.random(firms) < 0.3
    level = np.exp(random.normal(13.0 - 1.2 * weak, 1.0))
    bad = random.random(firms) < np.where(weak, 0.5, 0.04)
    outcome = [("1" if bad[i] else "0") if i < labelled else "" for i in range(firms)]
    ids = [f"E{i}" for i in range(firms)]
    pacsv.write_csv(pa.table({"firm": ids, "name": ids, "default": outcome}), folder / "firms.csv")
    rates = np.arange(0.04, 0.1501, 0.01)
    lost = {f"churn_{g}": np.minimum((rates - 0.04) * k, 0.95) for g, k in zip("abc", (7.5, 7.0, 6.5), strict=True)}
    pacsv.write_csv(pa.table({"annual_rate": rates, **lost}), folder / "churn_by_rate.csv")
    writer = None
    share = level**0.5 / (level**0.5).sum()
    for first in range(0, rows, 1_000_000):
        size = min(1_000_000, rows - first)
        batch = _batch(random, size, first, share, level, ids)
        if writer is None:
            path = folder / ("invoices.csv" if csv else "invoices.parquet")
            writer = (pacsv.CSVWriter if csv else pq.ParquetWriter)(path, batch.schema)
        writer.write_table(batch)
    writer.close()


def _batch(random: np.random.Generator, size: int, first: int, share: np.ndarray, level: np.ndarray, ids: list[str]):
    firm = random.choice(len(ids), size, p=share)
    sale = random.random(size) < 0.55
    day = np.datetime64(date(2017, 1, 1)) + random.integers(0, 1095, size)
    total = (level[firm] / 20 * np.exp(random.normal(0, 1, size)) * 100).astype(np.int64) + 100
    red = random.random(size) < 0.01
    net = np.round(total / 1.13).astype(np.int64)
    number = first + np.arange(size)
    twice = random.random(size) < 0.01  # the row before, once more
    twice[0] = False
    pick = np.where(twice, np.arange(size) - 1, np.arange(size))
    sign = np.where(red, -1, 1)
    partner = random.integers(0, 60, size) + firm * 61
    names = np.array(ids, dtype=object)
    return pa.table(
        {
            "firm": pa.array(names[firm[pick]], pa.string()),
            "direction": pa.array(np.where(sale[pick], "sale", "purchase")),
            "number": pa.array((10_000_000 + number[pick]).astype(str)),
            "date": pa.array(day[pick].astype("datetime64[D]")),
            "counterparty": pa.array(np.char.add("P", partner[pick].astype(str))),
            "amount_fen": (net * sign)[pick],
            "tax_fen": ((total - net) * sign)[pick],
            "total_fen": (total * sign)[pick],
            "void": (random.random(size) < 0.05)[pick],
        }
    )


def assess(folder: Path, out: Path, budget: int) -> dict[str, float]:
    """Run in a fresh process; seconds and peak memory are those of the whole process."""
    started = time.perf_counter()
    got = subprocess.run(
        [sys.executable, __file__, "--child", str(folder), str(out), str(budget)],
        check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    line = json.loads(got.stdout.strip().splitlines()[-1])
    return {**line, "wall_s": time.perf_counter() - started}


def child(folder: str, out: str, budget: str) -> None:
    from dandelion.app.usecases.assess_invoices import assess_invoices

    result = assess_invoices(Path(folder), out=Path(out), budget_yuan=int(budget))
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({**result.as_json(), "peak_gib": peak_rss_gib(), "cpu_s": used.ru_utime + used.ru_stime}))


def real(report: Report, scratch: Path) -> None:
    if not (DATA / "invoices.parquet").is_file():
        report.note(f"the real invoices are not at {DATA}; set DANDELION_DATA to measure them")
        return
    got = assess(DATA, scratch / "real", 100_000_000)
    report.add("real_seconds", got["wall_s"], "s", must=60, aim=30)
    report.add("real_cpu_seconds", got["cpu_s"], "s", aim=30)
    report.add("real_peak_memory", got["peak_gib"], "GiB", must=MEMORY_GIB_MUST, aim=2)
    report.add("auc_cv_mean", got["auc_cv_mean"], "AUC", "higher", must=0.87, aim=0.90)
    report.add("auc_total_sales", got["auc_total_sales"], "AUC", "higher")
    for key in ("auc_gain_mean", "auc_gain_low", "auc_gain_high"):
        report.add(key, got[key], "AUC", "higher")
    report.add("profit_cv", got["profit_cv"], "yuan a year", "higher")
    report.add("profit_total_sales", got["profit_total_sales"], "yuan a year", "higher")
    report.add("duality_gap", got["duality_gap"], "share", must=0.001, aim=0.0001)
    report.add("firms_approved", got["firms_approved"], "firms", "higher")
    gain = got["profit_gain_interval"]
    report.note(
        f"paired profit gain over total sales on the labelled firms: {gain['mean']:,.0f} yuan a year "
        f"({gain['low']:,.0f} to {gain['high']:,.0f}); its AUC gain holds zero unless the low end above is positive"
    )


def big(report: Report, scratch: Path, rows: int, *, csv: bool) -> None:
    kind = "csv" if csv else "parquet"
    make_export(scratch / kind, rows, csv=csv)
    got = assess(scratch / kind, scratch / f"{kind}-out", 1_000_000_000)
    report.add(f"{kind}_rows", got["rows"]["read"], "rows", "higher")
    report.add(f"{kind}_seconds", got["wall_s"], "s", must=SECONDS_MUST, aim=90)
    report.add(f"{kind}_cpu_seconds", got["cpu_s"], "s", aim=120)
    report.add(f"{kind}_peak_memory", got["peak_gib"], "GiB", must=MEMORY_GIB_MUST, aim=4)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--csv", action="store_true", help="measure CSV as well as Parquet")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(*args.child)
        return 0
    report = Report("assess_invoices")
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        real(report, scratch)
        if args.rows:
            for csv in (False, True) if args.csv else (False,):
                big(report, scratch, args.rows, csv=csv)
            report.note("synthetic rows: 4,000 firms, 400 labelled, three years, 1 % duplicates, 1 % red letters")
    report.note(f"export ends on {date(2017, 1, 1) + timedelta(days=1094)}; times include start-up and the report")
    return report.finish()


if __name__ == "__main__":
    raise SystemExit(main())
