"""make bench NAME=indicators: a hundred thousand indicators, against Polars, DuckDB and Feast in the same run.

`make bench NAME=indicators [ARGS="--quick"] [ARGS="--only polars_840,pit"]`.  Every side is a process of its own with two
threads, from the same Parquet file to values in memory (or, where it says so, to a Parquet file); imports and the loading
of compiled kernels are left out on our side, imports on theirs.  The values of both sides are compared in the same run,
and a ratio without equal values is not printed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from _report import Report
from indicators_cases import (
    Bench,
    columns_10k,
    declared,
    duckdb_cube,
    feast_join,
    growth,
    hot,
    online,
    pit,
    polars_840,
    stream,
)

ROOT = Path(__file__).parents[1]
CASES: dict[str, Callable[[Bench, Report], None]] = {
    "declared": declared, "online": online, "hot": hot, "polars_840": polars_840, "polars_10k": columns_10k,
    "duckdb_cube": duckdb_cube, "pit": pit, "feast_join": feast_join, "stream": stream, "growth": growth,
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="everything at a twentieth of the size")
    parser.add_argument("--share", type=float, default=1.0, help="everything at this share of the size")
    parser.add_argument("--only", default="", help=f"some of {','.join(CASES)}, by commas")
    parser.add_argument(
        "--times", type=int, default=2, help="runs of each side; the one with the least wall time counts"
    )
    parser.add_argument("--cache", type=Path, default=ROOT / ".bench" / "indicators", help="where made data is kept")
    given = parser.parse_args()
    wanted = [name for name in given.only.split(",") if name] or list(CASES)
    unknown = [name for name in wanted if name not in CASES]
    if unknown:
        parser.error(f"{unknown[0]} is not a case; there are {', '.join(CASES)}")
    report = Report("indicators")
    bench = Bench.of(given.cache, share=0.05 if given.quick else given.share, times=1 if given.quick else given.times)
    for name in CASES:
        if name in wanted:
            bench.run(name, CASES[name], report)
    bench.sum_up(report)
    return report.finish()


if __name__ == "__main__":
    raise SystemExit(main())
