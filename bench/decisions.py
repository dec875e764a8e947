"""Strategies beside other engines: 3,000 of them over 500 columns with 10 % missing, in batches and one request alone.

Everything runs in this process, pinned to one core, turn by turn; figures are the least CPU time of several turns, so
that a busy machine disturbs all alike.  Every engine's hits are compared with ours on all its rows before anything is
timed, and ours with the plain evaluator on generated books.  Excluded: parsing requests, network, logging.

    make bench NAME=decisions                       # all of it
    make bench NAME=decisions ARGS="--books 10000"  # generated books against the plain evaluator
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from _report import Report
from dandelion.policy import Engine
from decisions_book import Floats, names, rows, strategies
from decisions_peers import Peer, blazerules, generated, zen, zen_one

STRATEGIES, COLUMNS, MISSING, TURNS = 3_000, 500, 0.1, 15
BATCH, FEW = 4_096, 16
PEAK_PER_S = 410_000


def spent_us(work: Callable[[], object], times: int = 1) -> float:
    """CPU microseconds of one call, all threads."""
    started = time.process_time_ns()
    for _ in range(times):
        work()
    return (time.process_time_ns() - started) / 1000 / times


def agree(engine: Engine, peer: Peer, values: Floats, given: list[str]) -> None:
    """Stops the bench where a peer fired on other rows than we did."""
    ours, theirs = engine.fired(values[: peer.rows], given).mask(), peer.hits()
    if not np.array_equal(ours, theirs):
        at = np.argwhere(ours != theirs)
        raise SystemExit(f"{peer.name} differs from us in {len(at)} places, first at strategy, row {at[0].tolist()}")


def beside_peers(report: Report) -> None:
    book = strategies(STRATEGIES, COLUMNS, seed=1)
    values, given = rows(BATCH, COLUMNS, MISSING, seed=2), names(COLUMNS)
    columnar = np.asfortranarray(values)
    started = time.process_time()
    engine = Engine.of([one.condition() for one in book])
    compiled_s = time.process_time() - started
    blaze = blazerules(book, values, given)
    whole = rows(FEW, COLUMNS, 0.0, seed=4)
    others = [zen(book, whole, given), zen_one(book, whole, given), generated(book, whole, given)]
    agree(engine, blaze, values, given)
    for peer in others:
        agree(engine, peer, whole, given)
    one = np.ascontiguousarray(values[0])[[given.index(name) for name in engine.columns]]
    best: dict[str, float] = {}

    def turn(name: str, us: float) -> None:
        best[name] = min(best.get(name, us), us)

    for _ in range(TURNS):
        turn("rows", spent_us(lambda: engine.fired(values, given)) / BATCH)
        turn("columns", spent_us(lambda: engine.fired(columnar, given)) / BATCH)
        turn("single", spent_us(lambda: engine.one(one), 200))
        turn(blaze.name, spent_us(blaze.run) / blaze.rows)
    for _ in range(3):
        for peer in others:
            turn(peer.name, spent_us(peer.run) / peer.rows)
    zen_best = min(best["zen"], best["zen, one by one"])
    report.add("strategies_batch_us", best["rows"], "us/request", must=1.2, aim=0.6)
    report.add("strategies_columnar_us", best["columns"], "us/request")
    report.add("strategies_single_us", best["single"], "us", must=15, aim=8)
    report.add("blazerules_us", best[blaze.name], "us/request")
    report.add(
        "blazerules_ratio", best[blaze.name] / min(best["rows"], best["columns"]), "times", "higher", must=5, aim=10
    )
    report.add("zen_us", zen_best, "us/request")
    report.add("zen_ratio", zen_best / best["rows"], "times", "higher", must=1_000, aim=2_500)
    report.add("generated_python_us", best["generated Python"], "us/request")
    report.add("generated_python_ratio", best["generated Python"] / best["single"], "times", "higher")
    report.add("compile_s", compiled_s, "s")
    report.add("cores_at_410k", PEAK_PER_S * best["rows"] / 1e6, "cores")
    hits = engine.fired(values, given).hits().sum() / BATCH
    report.note(f"{STRATEGIES:,} strategies, {engine.circuit.literals:,} comparisons, {hits:,.0f} hits a request")
    report.note(
        f"CPU of loading: ours {compiled_s:.2f} s, BlazeRules {blaze.load_s:.2f} s, zen {others[0].load_s:.2f} s"
    )
    report.note(f"ours: float32 rows, as requests come, {BATCH:,} at once; turning them into columns is in the figure")
    report.note(
        "BlazeRules: float32 Arrow columns, bitmask a rule, validated before; its ratio is against our better layout"
    )
    report.note(f"zen: {FEW} requests as dicts without missing values (a comparison with one spoils its `or`); best of batch {best['zen']:,.0f} us and one by "
                f"one {best['zen, one by one']:,.0f} us")  # fmt: skip
    report.note(
        f"at {PEAK_PER_S:,} requests a second the strategies alone take {PEAK_PER_S * best['rows'] / 1e6:.2f} cores"
    )


def backtest(report: Report) -> None:
    """Hits of a block of rows counted and thrown away, scaled to ten million rows: CPU of one thread, wall of two."""
    book = strategies(STRATEGIES, COLUMNS, seed=1)
    engine, given = Engine.of([one.condition() for one in book]), names(COLUMNS)
    block = rows(65_536, COLUMNS, MISSING, seed=3)
    cores = min(2, os.cpu_count() or 1)
    wall: dict[int, float] = {}
    cpu = 9e9
    for _ in range(4):
        for threads in (1, cores):
            os.sched_setaffinity(0, range(threads))
            started, used = time.perf_counter(), time.process_time()
            engine.fired(block, given, threads=threads).hits()
            if threads == 1:
                cpu = min(cpu, time.process_time() - used)
            wall[threads] = min(wall.get(threads, 9e9), time.perf_counter() - started)
    report.add("backtest_10m_s", cpu / len(block) * 1e7, "s", must=20, aim=8)
    report.add(f"threads_{cores}_speedup", wall[1] / wall[cores], "times", "higher")
    report.note(
        f"backtest_10m_s: CPU of {len(block):,} rows in memory on one core, scaled; reading the frame not counted"
    )
    report.note("the speedup is of wall time, and says little where other work keeps the cores busy")


def generated_books(report: Report, count: int) -> None:
    """`count` generated books and as many mutated inputs: kernels against the plain evaluator."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "policy"))
    from test_policy_engine import Dice
    from test_policy_engine import agree as same

    dice, started = Dice(20_260_101), time.process_time()
    for _ in range(count):
        same([dice.condition() for _ in range(dice.choice([1, 3, 6]))], [dice.row() for _ in range(4)])
    report.add("books_that_differ", 0, "books", must=0)
    report.note(f"{count:,} generated books with 4 rows each agree bit for bit ({time.process_time() - started:.0f} s)")


def main() -> int:
    parse = argparse.ArgumentParser(description=__doc__)
    parse.add_argument("--books", type=int, default=2_000, help="generated books held against the plain evaluator")
    parse.add_argument("--only", choices=["peers", "backtest", "books"], nargs="*")
    given = parse.parse_args()
    report = Report("decisions")
    wanted = given.only or ["peers", "backtest", "books"]
    os.sched_setaffinity(0, {0})
    if "peers" in wanted:
        beside_peers(report)
    if "books" in wanted:
        generated_books(report, given.books)
    if "backtest" in wanted:
        backtest(report)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
