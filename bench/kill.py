"""bench kill: the real server killed 200 times on each database.  `make bench NAME=kill [ARGS="--kills 20"]`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from _report import Report, percentile

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.kill import MOMENTS, Outcome, torment
from support.postgres import binaries, throwaway_cluster


def add(report: Report, database: str, found: Outcome, seconds: float) -> None:
    """The promises first (all must be zero), then what the harness went through."""
    report.add(f"{database}.broken_promises", len(found.broken), "count", must=0)
    report.add(f"{database}.kills", found.kills, "count", "higher")
    report.add(f"{database}.kills_in_live_work", found.busy_kills, "count", "higher", must=0.9 * found.kills)
    for moment in ("apply", *MOMENTS):
        report.add(f"{database}.hit_while_{moment}", found.hit.get(moment, 0), "count", "higher", must=1)
    report.add(f"{database}.money_lost_or_doubled", abs(found.drawn_fen - found.moved_by_rail_fen), "fen", must=0)
    report.add(f"{database}.money_paid_out", found.moved_by_rail_fen, "fen", "higher")
    report.add(f"{database}.answers_repeated_equal", found.answers, "count", "higher")
    report.add(f"{database}.restart_p50", percentile(found.restart_s, 0.5), "s")
    report.add(f"{database}.seconds", seconds, "s")
    for text in found.broken[:20]:
        report.note(f"{database}: {text}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", choices=["sqlite", "postgresql", "both"], default="both")
    options = parser.parse_args()
    report = Report("kill")
    report.note("rail on a bad day: a quarter of answers lost after the money moved, 15 % before, 5 % refused")
    customers = max(6, options.kills // 5)
    for database in ("sqlite", "postgresql") if options.database == "both" else (options.database,):
        if database == "postgresql" and binaries() is None:
            report.note("postgresql is not installed and was left out")
            continue
        with tempfile.TemporaryDirectory(prefix="dandelion-kill-") as folder:
            root, began = Path(folder) / "lender", time.monotonic()
            if database == "sqlite":
                url = f"sqlite:///{folder}/record.sqlite"
                found = torment(root, url, kills=options.kills, customers=customers, seed=options.seed)
            else:
                with throwaway_cluster(fsync=True) as cluster:
                    url = cluster.create("kill")
                    found = torment(root, url, kills=options.kills, customers=customers, seed=options.seed)
            add(report, database, found, time.monotonic() - began)
    return report.finish()


if __name__ == "__main__":
    raise SystemExit(main())
