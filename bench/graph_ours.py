"""Our side of the graph bench, a task a process; times are the least of several runs, kernels compiled before."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

import graph_data
import graph_payments
from dandelion.core import DAY_US
from dandelion.graph import GraphStore, snapshot, standard_rules
from dandelion.graph.bursts import find_bursts
from dandelion.graph.flow import (
    LiveGraph,
    Names,
    Oriented,
    clustering,
    crew,
    fold,
    triangles,
    triangles_by_kind,
)
from indicators_runs import answer, peak_gib

Job = dict[str, Any]
Facts = dict[str, Any]


def least(runs: int, work: Callable[[], Any]) -> tuple[float, float, Any]:
    """(wall, CPU, value) of the run with the least wall time."""
    best = (float("inf"), float("inf"))
    for _ in range(runs):
        wall, cpu = time.perf_counter(), time.process_time()
        value = work()
        best = min(best, (time.perf_counter() - wall, time.process_time() - cpu))
    return *best, value


def told(wall: float, cpu: float, **facts: Any) -> Facts:
    return {"wall_s": wall, "cpu_s": cpu, "peak_gib": peak_gib(), **facts}


def count(job: Job) -> Facts:
    """Exact local clustering of one graph: build, kernel on one thread and on two."""
    shape = getattr(graph_data, job["graph"])
    warm_up()
    payer, payee = graph_data.edges(shape)
    wall, cpu, graph = least(job["runs"], lambda: Oriented.of(payer, payee, shape.accounts, threads=2))
    facts = {"build_wall_s": wall, "build_cpu_s": cpu, "edges": len(payer), "accounts": shape.accounts}
    for threads in (1, 2) * job["turns"]:  # by turns, so that a busy minute hits both
        wall, cpu, share = least(1, lambda threads=threads: clustering(graph, threads=threads))
        facts[f"kernel_{threads}_wall_s"] = min(wall, facts.get(f"kernel_{threads}_wall_s", wall))
        facts[f"kernel_{threads}_cpu_s"] = min(cpu, facts.get(f"kernel_{threads}_cpu_s", cpu))
    wall, cpu, _ = least(
        job["runs"], lambda: clustering(Oriented.of(payer, payee, shape.accounts, threads=2), threads=2)
    )
    for threads in (1, 2):
        paths = [
            longest_thread_s(lambda threads=threads: clustering(graph, threads=threads)) for _ in range(job["turns"])
        ]
        facts[f"path_{threads}_s"] = min(paths)
    no_shop = np.zeros(shape.accounts, np.bool_)
    kinds_wall, kinds_cpu, _ = least(1, lambda: triangles_by_kind(graph, no_shop, threads=2))
    row = np.diff(graph.start).astype(np.int64)
    if "out" in job:
        np.save(job["out"], share)
    return told(
        wall, cpu, **facts, kinds_wall_s=kinds_wall, kinds_cpu_s=kinds_cpu, checks=int(row[graph.heads >> 2].sum()),
        longest_row=int(row.max()), top_degree=int(graph.degree.max()), median=float(np.nanmedian(share)),
        graph_mb=graph.bytes_held / 1e6,
    )  # fmt: skip


def longest_thread_s(work: Callable[[], Any]) -> float:
    """CPU time along the longest path: of the busiest thread wherever a crew works, of the caller in between.  What the
    wall clock would show if every thread had a core to itself."""
    share, paths, inside = crew.share, [0.0], [0.0]

    def timed(pieces: int, threads: int, part: Callable[[Any], Any]) -> list[Any]:
        spent: list[float] = []

        def watched(taken: Any) -> Any:
            start = time.thread_time()
            value = part(taken)
            spent.append(time.thread_time() - start)
            return value

        caller = time.thread_time()
        found = share(pieces, threads, watched)
        inside[0] += time.thread_time() - caller
        paths[0] += max(spent)
        return found

    crew.share = timed
    try:
        start = time.thread_time()
        work()
        return time.thread_time() - start - inside[0] + paths[0]
    finally:
        crew.share = share


def live(job: Job) -> Facts:
    """Edges one after the other, some of them twice and some to oneself, by batches; then equal to the batch."""
    shape = getattr(graph_data, job["graph"])
    payer, payee = graph_data.edges(shape)
    random = np.random.default_rng(shape.seed)
    again = random.integers(0, len(payer), len(payer) // 20)
    self_paid = random.integers(0, shape.accounts, 1000).astype(np.uint32)
    a = np.concatenate([payer, payer[again], self_paid])
    b = np.concatenate([payee, payee[again], self_paid])
    order = random.permutation(len(a))
    a, b = a[order], b[order]
    LiveGraph(9).absorb([0, 1], [1, 2])

    def absorb() -> LiveGraph:
        graph = LiveGraph(shape.accounts)
        for low in range(0, len(a), job["batch"]):
            graph.absorb(a[low : low + job["batch"]], b[low : low + job["batch"]])
        return graph

    wall, cpu, graph = least(job["runs"], absorb)
    batch = Oriented.of(a, b, shape.accounts)
    kinds, now = triangles_by_kind(batch, np.zeros(shape.accounts, np.bool_)), graph.triangles
    exact = bool((graph.degree == batch.degree).all() and (now.all == kinds.all).all()
                 and (now.payers == kinds.payers).all())  # fmt: skip
    times = []
    for account in random.integers(0, shape.accounts, 20_000).tolist():
        start = time.perf_counter_ns()
        graph.account(account)
        times.append(time.perf_counter_ns() - start)
    return told(wall, cpu, edges=len(a), exact=exact, graph_mb=graph.bytes_held / 1e6,
                counters_us_p50=float(np.median(times)) / 1e3)  # fmt: skip


def account(job: Job) -> Facts:
    """One account's graph columns, all of them, from the store as serving reads them."""
    paid = graph_payments.payments(graph_payments.Town(190_000, 10_000, 1_600_000, 90, 60))
    at = graph_payments.START + 90 * DAY_US
    table = pa.table({
        "payer": paid.accounts.take(pa.array(paid.payer)), "payee": paid.accounts.take(pa.array(paid.payee)),
        "amount_fen": paid.fen, "at": pa.array(paid.at).cast(pa.timestamp("us", tz="UTC")),
    })  # fmt: skip
    wall, cpu, graph = least(1, lambda: snapshot(table, at))
    with tempfile.TemporaryDirectory() as folder:
        GraphStore(folder).save(graph)
        store = GraphStore(folder)
        names = paid.accounts.take(pa.array(np.random.default_rng(1).integers(0, len(graph), 5_000))).to_pylist()
        columns = len(store.columns(names[:1], at, at).names)
        times = []
        for name in names:
            start = time.perf_counter_ns()
            store.columns([name], at, at)
            times.append(time.perf_counter_ns() - start)
    low, high = np.percentile(np.array(times) / 1e3, [50, 99])
    return told(wall, cpu, p50_us=float(low), p99_us=float(high), columns=columns, accounts=len(graph))


def burst(job: Job) -> Facts:
    paid = graph_payments.payments(graph_payments.TOWN)
    find = lambda: find_bursts(paid, standard_rules().bursts, "Asia/Shanghai")  # noqa: E731
    runs = [least(1, find) for _ in range(job["runs"])]
    wall, cpu, found = min(runs, key=lambda run: run[1])
    return told(wall, cpu, payments=len(paid), bursts=len(found))


def held(job: Job) -> Facts:
    """Five million accounts and forty million edges with their weights: time to fold, bytes held with the names."""
    shape = getattr(graph_data, job["graph"])
    warm_up()
    payer, payee = graph_data.edges(shape)
    random = np.random.default_rng(shape.seed)
    fen = random.integers(100, 90_000, len(payer))
    since = graph_payments.START
    at = since + random.integers(0, 180 * DAY_US, len(payer))
    wall, cpu, graph = least(
        1, lambda: fold(payer, payee, fen, at, shape.accounts, since=since, until=since + 180 * DAY_US, threads=2)
    )
    texts = pa.array([f"m{i:011}" for i in range(shape.accounts)])
    Names().encode(texts.slice(0, 9))
    names = Names()
    names_wall, _, numbers = least(1, lambda: names.encode(texts))
    assert int(graph.fens().sum()) == int(fen.sum()) and int(numbers[-1]) == shape.accounts - 1
    return told(wall, cpu, graph_gb=graph.bytes_held / 1e9, names_gb=names.bytes_held / 1e9, names_wall_s=names_wall)


def warm_up() -> None:
    payer, payee = graph_data.edges(graph_data.SMALL)
    graph = Oriented.of(payer, payee, graph_data.SMALL.accounts, threads=2)
    triangles(graph, threads=2)
    triangles_by_kind(graph, np.zeros(len(graph), np.bool_), threads=2)
    fold(payer, payee, payer.astype(np.int64) + 1, payee.astype(np.int64), len(graph), since=0, until=DAY_US, threads=2)


if __name__ == "__main__":
    answer({"count": count, "live": live, "account": account, "burst": burst, "held": held})
