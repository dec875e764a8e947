"""make bench NAME=world: how fast the economy is built, and in how much memory.

CPU seconds count every thread of the process, the writing of Parquet included; imports are excluded.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from _report import Report, peak_rss_gib
from dandelion.world import build


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--months", type=int, default=30)
    parser.add_argument("--crowd", type=int, default=100_000, help="people of the large world")
    parser.add_argument("--crowd-months", type=int, default=12)
    given = parser.parse_args()
    report = Report("world")
    with tempfile.TemporaryDirectory(prefix="world-") as folder:
        small = build(Path(folder) / "small", people=given.people, months=given.months)
        report.add("world_build_cpu_s", small.cpu_seconds, "CPU s", must=60)
        report.add("world_events_per_cpu_s", small.events_per_cpu_second, "events/CPU s", "higher", aim=1_000_000)
        report.add("world_peak_gib", peak_rss_gib(), "GiB", must=2)
    with tempfile.TemporaryDirectory(prefix="world-") as folder:
        large = build(Path(folder) / "large", people=given.crowd, months=given.crowd_months)
        report.add("world_crowd_events_per_cpu_s", large.events_per_cpu_second, "events/CPU s", "higher", aim=1_000_000)
        report.add("world_crowd_peak_gib", peak_rss_gib(), "GiB", must=4)
    report.note(f"{small.people:,} people x {small.months} months: {small.events:,} events, {small.loans:,} drawdowns")
    report.note(f"{large.people:,} people x {large.months} months: {large.events:,} events, {large.loans:,} drawdowns")
    report.note("memory holds the people, the hidden paths and one block (a town in a month) at a time")
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
