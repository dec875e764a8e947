"""The cases of the bench: what is run, compared, and put into the table."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import psutil
import pyarrow.parquet as pq

import indicators_data as data
from _report import Report, percentile
from indicators_compare import Compared, compare
from indicators_feast_venv import feast_python
from indicators_hot_case import served
from indicators_runs import Run, SideFailedError, bandwidth_gb_per_s, measure
from indicators_spec import columns

EVENT_BYTES = 29  # at, arrived, amount: 8 each; payer 4; channel 1: what any method must read of a payment
POLARS_840 = ("wide", "cells", "rings")
PLAIN_GIB = 8  # more than Polars takes where every condition is written out
POLARS_10K = ("wide", "passes", "cells", "plain")


@dataclass(frozen=True)
class Bench:
    """Where data lies, how much of it, how often each side runs."""

    cache: Path
    size: dict[str, int]
    times: int
    quick: bool
    compared: dict[str, Compared] = field(default_factory=dict)

    @classmethod
    def of(cls, cache: Path, *, share: float, times: int) -> Bench:
        (cache / "out").mkdir(parents=True, exist_ok=True)
        return cls(cache, data.scaled(share), times, share < 1.0)

    def run(self, name: str, case: Callable[[Bench, Report], None], report: Report) -> None:
        started = time.perf_counter()
        print(f"{name} ...", file=sys.stderr, flush=True)
        try:
            case(self, report)
        except SideFailedError as error:
            report.note(f"{name}: no figure, {error}")
        finally:
            for path in (self.cache / "out").iterdir():
                path.unlink()
        print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)

    def sum_up(self, report: Report) -> None:
        """How many values were held against a peer's in this run, and how many differ."""
        if self.compared:
            every = self.compared.values()
            report.add("values_compared", sum(one.values for one in every), "values", "higher",
                       must=None if self.quick else 1_000_000)  # fmt: skip
            report.add("values_differing", sum(one.differing for one in every), "values", must=0)
            report.note("values compared: " + ", ".join(f"{key} {one.values:,}" for key, one in self.compared.items()))

    def out(self, name: str) -> str:
        return str(self.cache / "out" / name)

    @cached_property
    def payments(self) -> str:
        return str(data.payments(self.cache, self.size["merchants"], self.size["events"]))

    @cached_property
    def few(self) -> str:
        """The payments of the few merchants that the widest questions are asked of."""
        return str(data.payments(self.cache, self.size["few"], 100 * self.size["few"]))

    @cached_property
    def bandwidth(self) -> tuple[float, float]:
        return bandwidth_gb_per_s()

    def floor_s(self, events: int, values: int) -> float:
        """Bytes that must be read and written, over the measured bandwidth of memory."""
        read, write = self.bandwidth
        return events * EVENT_BYTES / 1e9 / read + values * 4 / 1e9 / write


def ours(bench: Bench, name: str, file: str, out: str, task: str = "columns") -> Run:
    return measure("indicators_ours.py", {"task": task, "set": name, "file": file, "out": out}, times=bench.times)


def against_floor(bench: Bench, report: Report, key: str, run: Run, file: str, values: int) -> None:
    floor = bench.floor_s(pq.read_metadata(file).num_rows, values)
    report.add(f"{key}_floor_s", floor, "s")
    report.add(f"{key}_over_floor", run.wall_s / floor, "times")


def show(report: Report, key: str, run: Run) -> None:
    report.add(f"{key}_s", run.wall_s, "s")
    report.add(f"{key}_cpu_s", run.cpu_s, "CPU s")
    report.add(f"{key}_peak_gib", run.peak_gib, "GiB")


def beside(report: Report, key: str, peer: Run, run: Run) -> None:
    """The ratio in CPU seconds, and both once our definitions are prepared (catalogue and program made)."""
    report.add(f"{key}_cpu_ratio", peer.cpu_s / run.cpu_s, "times", "higher")
    report.add(f"{key}_prepared_ratio", peer.wall_s / run.facts["prepared_wall_s"], "times", "higher")
    report.add(f"{key}_prepared_cpu_ratio", peer.cpu_s / run.facts["prepared_cpu_s"], "times", "higher")


def equal(bench: Bench, report: Report, key: str, compared: Compared) -> bool:
    bench.compared[key] = compared
    if not compared.equal:
        report.note(f"{key}: no ratio, values differ, first {compared.first}")
    return compared.equal


def polars(bench: Bench, report: Report, name: str, file: str, forms: tuple[str, ...], mine: str) -> dict[str, Run]:
    """Every form whose values are ours, fastest first; all are noted."""
    found: dict[str, Run] = {}
    for form in forms:
        out = bench.out(f"polars-{form}")
        job = {"task": "columns", "set": name, "form": form, "file": file, "out": out}
        if form == "plain" and not bench.quick and psutil.virtual_memory().available < PLAIN_GIB * 2**30:
            report.note(f"polars_{name} as plain: left out, fewer than {PLAIN_GIB} GiB of memory were free")
            continue
        try:
            run = measure("indicators_polars.py", job, times=1 if form == "plain" else bench.times)
        except SideFailedError as error:
            report.note(f"polars_{name} as {form}: {error}")
            continue
        if equal(bench, report, f"polars_{name}_{form}", compare(columns(name), mine, out)):
            found[form] = run
            report.note(f"polars_{name} as {form}: {run.wall_s:.2f} s, {run.cpu_s:.2f} CPU s, {run.peak_gib:.2f} GiB")
        Path(out + ".npy").unlink()
    if not found:
        raise SideFailedError("no form of Polars gave equal values")
    return dict(sorted(found.items(), key=lambda pair: pair[1].wall_s))


def polars_840(bench: Bench, report: Report) -> None:
    mine = bench.out("ours")
    run = ours(bench, "840", bench.payments, mine)
    show(report, "ours_840", run)
    against_floor(bench, report, "ours_840", run, bench.payments, run.facts["rows"] * 840)
    form, peer = next(iter(polars(bench, report, "840", bench.payments, POLARS_840, mine).items()))
    show(report, "polars_840", peer)
    report.add("polars_840_ratio", peer.wall_s / run.wall_s, "times", "higher", must=4, aim=8)
    beside(report, "polars_840", peer, run)
    report.add("polars_840_memory_ratio", peer.peak_gib / run.peak_gib, "times", "higher")
    report.note(f"polars_840: fastest as {form}; {run.facts['rows']:,} merchants")


def columns_10k(bench: Bench, report: Report) -> None:
    mine = bench.out("ours")
    run = ours(bench, "10k", bench.few, mine)
    show(report, "ours_10k", run)
    against_floor(bench, report, "ours_10k", run, bench.few, run.facts["rows"] * 10_000)
    found = polars(bench, report, "10k", bench.few, POLARS_10K, mine)
    form, peer = next(iter(found.items()))
    show(report, "polars_10k_best", peer)
    report.add("polars_10k_best_ratio", peer.wall_s / run.wall_s, "times", "higher")
    report.add("polars_10k_best_memory_ratio", peer.peak_gib / run.peak_gib, "times", "higher")
    beside(report, "polars_10k_best", peer, run)
    if "plain" in found:  # what the bar was set by, see docs/decisions/0135
        peer = found["plain"]
        show(report, "polars_10k", peer)
        report.add("polars_10k_ratio", peer.wall_s / run.wall_s, "times", "higher", must=20, aim=60)
        report.add("polars_10k_memory_ratio", peer.peak_gib / run.peak_gib, "times", "higher", must=10, aim=20)
    report.note(f"polars_10k: `plain`, one pass with every condition written out, has the bar; `best` is {form}")


def duckdb_cube(bench: Bench, report: Report) -> None:
    mine, dense, theirs = bench.out("ours"), bench.out("ours-dense"), bench.out("duckdb")
    run = ours(bench, "cube", bench.few, mine, "cells")
    show(report, "ours_cube", run)
    against_floor(bench, report, "ours_cube", run, bench.few, run.facts["rows"] * 42)
    frame = ours(bench, "cube", bench.few, dense)
    show(report, "ours_cube_dense", frame)
    peer = measure("indicators_duckdb.py", {"task": "cube", "set": "cube", "file": bench.few, "out": theirs},
                   times=bench.times)  # fmt: skip
    show(report, "duckdb_cube", peer)
    if peer.facts["rows"] != run.facts["rows"]:
        raise SideFailedError(f"we end with {run.facts['rows']:,} lines, DuckDB with {peer.facts['rows']:,}")
    if equal(bench, report, "duckdb_cube", compare(columns("cube"), mine, theirs)):
        report.add("duckdb_cube_ratio", peer.wall_s / run.wall_s, "times", "higher", must=8, aim=20)
        beside(report, "duckdb_cube", peer, run)
    if equal(bench, report, "duckdb_cube_dense", compare(columns("cube"), dense, theirs)):
        report.add("duckdb_cube_dense_ratio", peer.wall_s / frame.wall_s, "times", "higher")
        beside(report, "duckdb_cube_dense", peer, frame)
    report.note(f"duckdb_cube: both end with {peer.facts['rows']:,} lines of 42 values, a line for each merchant and cell "
                f"with a payment; `dense` is our frame of all {frame.facts['rows']:,} x 41,580")  # fmt: skip


def pit(bench: Bench, report: Report) -> None:
    labels = data.labels(bench.cache, bench.size["merchants"], bench.size["labels"])
    sample = Path(bench.out("sample.parquet"))
    few = min(2_000, bench.size["labels"])
    pq.write_table(pq.read_table(labels).slice(0, few), sample)
    mine, theirs = bench.out("ours"), bench.out("duckdb")
    job = {"set": "840", "file": bench.payments, "labels": str(labels), "sample": str(sample), "out": mine}
    run = measure("indicators_ours.py", {"task": "pit", **job}, times=bench.times)
    check = {"task": "cube", "set": "840", "file": bench.payments, "labels": str(sample), "out": theirs}
    measure("indicators_duckdb.py", check)
    full = {} if bench.quick else {"must": 10.0, "aim": 4.0}
    if equal(bench, report, "pit", compare(columns("840"), mine, theirs)):
        report.add("pit_1m_840_s", run.wall_s, "s", **full)
        report.add("pit_cpu_s", run.cpu_s, "CPU s")
        report.add("pit_peak_gb", run.peak_gib * 2**30 / 1e9, "GB", must=3, aim=1.5)
        report.add("pit_frame_gb", run.facts["frame_gb"], "GB")
        against_floor(bench, report, "pit", run, bench.payments, run.facts["rows"] * 840)
    report.note(f"pit: {run.facts['rows']:,} labels to a Parquet frame; {few:,} of them checked against DuckDB")


def feast_join(bench: Bench, report: Report) -> None:
    labels = str(data.labels(bench.cache, bench.size["merchants"], bench.size["labels"]))
    file = str(data.ready_values(bench.cache, bench.size["merchants"]))
    mine, theirs = bench.out("ours"), bench.out("feast")
    job = {"task": "join", "file": file, "labels": labels}
    run = measure("indicators_ours.py", {**job, "out": mine}, times=bench.times)
    peer = measure("indicators_feast.py", {**job, "out": theirs}, python=feast_python(bench.cache.parent),
                   times=bench.times)  # fmt: skip
    show(report, "ours_join", run)
    show(report, "feast_join", peer)
    a, b = np.load(f"{mine}.npy"), np.load(f"{theirs}.npy")
    same = (a == b) | (np.isnan(a) & np.isnan(b)) if a.shape == b.shape else np.zeros(1, bool)
    if equal(bench, report, "feast_join", Compared(a.size, int((~same).sum()), "a label's ready value")):
        report.add("feast_join_ratio", peer.wall_s / run.wall_s, "times", "higher", must=20, aim=60)
        report.add("feast_join_cpu_ratio", peer.cpu_s / run.cpu_s, "times", "higher")
        report.add("feast_join_memory_ratio", peer.peak_gib / run.peak_gib, "times", "higher")
    report.note(f"feast_join: {run.facts['rows']:,} labels, {pq.read_metadata(file).num_rows:,} rows of ready values")


def declared(bench: Bench, report: Report) -> None:
    job = {
        "task": "declared",
        "folder": str(bench.cache),
        "people": 1_000 if bench.quick else 20_000,
        "merchants_min": 20,
    }
    run = measure("indicators_ours_serving.py", job)
    report.add("declared_ids", run.facts["ids"], "ids", "higher", must=100_000, aim=250_000)
    report.add("declared_ids_non_empty", run.facts["alive"], "ids", "higher", must=None if bench.quick else 100_000)
    report.add("declarations", run.facts["declarations"], "declarations", must=150)
    show(report, "declared_all_merchants", run)
    report.note(
        f"declared: non-empty is neither missing nor zero for 20 of the demo world's {run.facts['merchants']:,} merchants"
    )


def online(bench: Bench, report: Report) -> None:
    job = {"task": "online", "folder": str(bench.cache), "people": 1_000 if bench.quick else 20_000, "requests": 500}
    bars = {"all": ((1_000, 300), (3_000, 1_000)), "500": ((150, 50), (1_000, 300))}
    for name, (p50, p99) in bars.items():
        asked = {"columns": 500, "every": 1} if name == "500" else {"columns": None, "every": 17}
        run = measure("indicators_ours_serving.py", {**job, **asked})
        facts = run.facts
        if not equal(bench, report, f"online_{name}", Compared(facts["values"], facts["differing"], "a served value")):
            continue
        report.add(f"online_{name}_us_p50", percentile(facts["us"], 0.5), "us", must=p50[0], aim=p50[1])
        report.add(f"online_{name}_us_p99", percentile(facts["us"], 0.99), "us", must=p99[0], aim=p99[1])
        report.add(f"online_{name}_first_us_p50", percentile(facts["us_first"], 0.5), "us")
        report.add(f"online_{name}_first_us_p99", percentile(facts["us_first"], 0.99), "us")
        report.add(f"online_{name}_read_us_p50", percentile(facts["us_read"], 0.5), "us")
        report.add(f"online_{name}_read_us_p99", percentile(facts["us_read"], 0.99), "us")
        report.add(f"online_{name}_setup_cpu_s", facts["setup_s"], "CPU s")
        report.add(f"online_{name}_peak_gib", run.peak_gib, "GiB")
        report.note(f"online_{name}: {facts['columns']:,} columns, {len(facts['us'])} merchants at random, from blocks in "
                    f"memory (`read`: from packed bytes, {percentile(facts['bytes'], 0.5):,.0f} at the middle merchant); "
                    "asked before and asked again an hour later, fastest of three such hours; `first`: the first request of "
                    f"each; events of a merchant {facts['events'][0]:,.0f} at the middle, {facts['events'][1]:,.0f} at p99; "
                    "equal to `evaluate` bit for bit")  # fmt: skip


def hot(bench: Bench, report: Report) -> None:
    file = str(data.hot(bench.cache, bench.size["hot"]))
    run = measure("indicators_ours_serving.py", {"task": "hot", "file": file, "columns": 500})
    if not (run.facts["same"] and run.facts["grown_same"]):
        report.note("hot: no figure, tiles are not equal to going through the events")
        return
    report.add("hot_merchant_ms", run.facts["ms"], "ms", **({} if bench.quick else {"must": 10.0, "aim": 2.0}))
    report.add("hot_merchant_max_ms", run.facts["ms_max"], "ms")
    report.add("hot_merchant_first_ms", run.facts["first_ms"], "ms")
    report.add("hot_merchant_without_tiles_ms", run.facts["plain_ms"], "ms")
    bar = {} if bench.quick else {"must": 10.0, "aim": 2.0}
    report.add("hot_merchant_prepare_ms", run.facts["prepare_ms"], "ms")
    report.add("hot_merchant_prepared_first_ms", run.facts["prepared_first_ms"], "ms", **bar)
    report.add("hot_merchant_new_event_ms", run.facts["new_event_ms"], "ms", **bar)
    report.add("hot_merchant_new_event_max_ms", run.facts["new_event_max_ms"], "ms")
    report.note(
        f"hot, growing: {run.facts['new_events']} payments one by one, each taken in and asked for at once (`new_event`, their "
        f"median and most); {run.facts['made_anew']} of them came too late and had everything made anew; `prepare` makes tiles "
        "ahead of the first request; the last row equals going through all events byte for byte"
    )
    report.note(
        f"hot: {run.facts['events']:,} payments in 180 days, {run.facts['columns']} columns; sixty requests, each a minute "
        "after the one before, their median and most; the first request makes the tiles; the last equals going through all "
        "events byte for byte"
    )
    served(bench, report, file, bar)


def growth(bench: Bench, report: Report) -> None:
    """Our cost, definitions prepared, at 1, 4 and 16 times the events, and at 1, 4 and 16 times the columns."""
    first = second = None
    for times in (1, 4, 16):
        merchants, events = (bench.size[name] * times // 16 for name in ("merchants", "events"))
        file = bench.payments if times == 16 else str(data.payments(bench.cache, merchants, events))
        cost = ours(bench, "840", file, "").facts["prepared_cpu_s"]
        first = first or cost
        report.add(f"growth_events_{times}x_cpu_s", cost, "CPU s")
        report.add(f"growth_events_{times}x", cost / first, "times")
    for times in (1, 4, 16):
        cost = ours(bench, str(625 * times), bench.few, "").facts["prepared_cpu_s"]
        second = second or cost
        report.add(f"growth_columns_{times}x_cpu_s", cost, "CPU s")
        report.add(f"growth_columns_{times}x", cost / second, "times")
    report.note(f"growth: events {bench.size['events'] // 16:,} to {bench.size['events']:,} at 840 columns; 625 to 10,000 "
                "columns of the few merchants")  # fmt: skip


def stream(bench: Bench, report: Report) -> None:
    merchants = max(200, bench.size["merchants"] // 20)
    file = str(data.payments(bench.cache, merchants, 100 * merchants))
    for key, batch in (("stream", 10_000), ("stream_small_batches", 500)):
        job = {"task": "stream", "file": file, "folder": str(bench.cache), "batch": batch}
        run = measure("indicators_ours_serving.py", job, times=1)
        if not equal(
            bench, report, key, Compared(run.facts["values"], run.facts["differing"], "streaming is not batch")
        ):
            continue
        bars = {"must": 50_000, "aim": 200_000} if key == "stream" else {}
        report.add(f"{key}_events_per_s", run.facts["events"] / run.cpu_s, "events/CPU s", "higher", **bars)
        report.add(f"{key}_events_per_wall_s", run.facts["events"] / run.wall_s, "events/s", "higher")
        report.add(f"{key}_peak_gib", run.peak_gib, "GiB")
        report.note(f"{key}: {run.facts['events']:,} payments in order of arrival, both roles, {run.facts['columns']} "
                    f"columns, log and LMDB, {batch:,} a batch; 200 merchants equal the batch byte for byte")  # fmt: skip
