"""Strategies beside other engines: 3,000 of them over 500 columns with 10 % missing, in batches and one request alone.

Everything runs in this process, pinned to one core, turn by turn; figures are the least CPU time of several turns, so
that a busy machine disturbs all alike.  Every engine's hits are compared with ours on all its rows before anything is
timed, and ours with the plain evaluator on generated books.  Excluded there: parsing requests, network, logging.  Then the
whole engine with all models (`decisions_engine`), lists (`decisions_lists`), and rulings over HTTP (`decisions_http`).

    make bench NAME=decisions                       # all of it
    make bench NAME=decisions ARGS="--books 10000"  # generated books against the plain evaluator
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from _report import Report
from dandelion.core import canonical, new_id
from dandelion.policy import Engine
from dandelion.policy.rulings.records import OUTCOMES
from decisions_book import Floats, names, rows, strategies
from decisions_http import http
from decisions_lists import imported, look_up
from decisions_peers import Peer, blazerules, generated, zen, zen_one

STRATEGIES, COLUMNS, MISSING, TURNS = 3_000, 500, 0.1, 15
BATCH, FEW = 4_096, 16
PEAK_PER_S = 410_000
MODELS = 100
CASES = ["peers", "books", "engine", "lists", "http", "backtest"]


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


def whole_engine(report: Report) -> None:
    """Rows in, records out: CPU of one core, least of several turns; and where it goes, measured apart in the same turns."""
    import decisions_engine as whole

    engine = whole.engine()
    values = rows(whole.BATCH, COLUMNS, MISSING, seed=2)
    entities = [f"m-{i}" for i in range(whole.BATCH)]

    def rule(count: int = whole.BATCH) -> object:
        made = engine.rule(values[:count], entities[:count], tenant="bench", as_of=1)
        return made, [new_id() for _ in range(count)]

    records = engine.rule(values, entities, tenant="bench", as_of=1)
    for i in (0, 1, whole.BATCH - 1):
        alone = engine.rule(values[i : i + 1], entities[i : i + 1], tenant="bench", as_of=1)
        if alone.bodies[0] != records.bodies[i] or canonical(json.loads(alone.bodies[0])) != alone.bodies[0]:
            raise SystemExit(f"row {i} gives other bytes alone than in a batch")
    ours = np.ascontiguousarray(values[:, engine.layout.model_columns])
    wide = engine.layout.wide(values, engine.panel.score_of(ours))
    best: dict[str, float] = {}
    for _ in range(TURNS):
        for name, work, each in (
            ("whole", rule, whole.BATCH), ("single", lambda: rule(1), 1), ("of_64", lambda: rule(64), 64),
            ("models", lambda: engine.panel.score_of(ours), whole.BATCH), ("strategies", lambda: engine._truths(wide), whole.BATCH),
            ("sha256", lambda: [hashlib.sha256(body) for body in records.bodies], whole.BATCH),
        ):  # fmt: skip
            best[name] = min(best.get(name, 9e9), spent_us(work) / each)
    report.add("engine_requests_per_s", 1e6 / best["whole"], "requests/s/core", "higher", must=20_000, aim=40_000)
    report.add("engine_us", best["whole"], "us/request")
    for name in ("models", "strategies", "sha256"):
        report.add(f"engine_{name}_us", best[name], "us/request")
    rest = best["whole"] - best["models"] - best["strategies"] - best["sha256"]
    report.add("engine_record_us", rest, "us/request")
    report.add("engine_batch_of_64_us", best["of_64"], "us/request")
    report.add("engine_single_us", best["single"], "us")
    sizes = [len(body) for body in records.bodies]
    said = ", ".join(f"{int((records.outcome == k).sum())} {outcome}" for k, outcome in enumerate(OUTCOMES))
    report.note(
        f"engine: {COLUMNS} columns, {len(engine.panel.models)} models, {len(engine.roster.strategies):,} strategies; records "
        f"of {sum(sizes) / len(sizes):,.0f} bytes on average, with ids and hashes; {said}; batches of {whole.BATCH:,}"
    )
    cores = {
        name: PEAK_PER_S * us / 1e6 for name, us in best.items() if name in ("whole", "models", "strategies", "sha256")
    }
    report.note(
        f"cores for {PEAK_PER_S:,} requests a second: models {cores['models']:.1f}, strategies {cores['strategies']:.2f}, "
        f"hashing {cores['sha256']:.1f}, writing records {PEAK_PER_S * rest / 1e6:.1f}, all together {cores['whole']:.1f}; "
        f"this machine has {os.cpu_count()}, so about {1e6 / best['whole'] * (os.cpu_count() or 1):,.0f} a second at most, "
        "without network and disk"
    )


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
    parse.add_argument("--only", choices=CASES, nargs="*")
    parse.add_argument("--keys", type=int, default=100_000_000, help="keys of the list; the bar is for 100,000,000")
    given = parse.parse_args()
    report = Report("decisions")
    wanted = given.only or CASES
    os.sched_setaffinity(0, {0})
    if "peers" in wanted:
        beside_peers(report)
    if "books" in wanted:
        generated_books(report, given.books)
    if "engine" in wanted:
        whole_engine(report)
    if "lists" in wanted:
        look_up(report, given.keys)
        imported(report)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    if "http" in wanted:
        http(report, STRATEGIES, MODELS)
    if "backtest" in wanted:
        backtest(report)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
