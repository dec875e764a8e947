"""Peers of the graph bench, run by the Python of their own environment: exact local clustering from edge arrays.

A job names the peer, the two files of edges, the number of accounts and of threads; one JSON line comes back, with times
of the build and of the count, and the file the answers were written to.  Each peer gets the arrays in the form it builds
fastest from, made before the clock starts.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Timed = Callable[[str, Callable[[], Any]], Any]  # name and work: its value, and the least time of its runs is noted
RUNS = {"build": 1, "kernel": 3}


def igraph(payer: np.ndarray, payee: np.ndarray, accounts: int, threads: int, timed: Timed) -> np.ndarray:
    """One thread, whatever is asked: its count knows no more.  The edges come as int64 memory, its fastest way in."""
    import igraph as ig

    pairs = memoryview(np.stack([payer, payee], axis=1).astype(np.int64))
    graph = timed("build", lambda: ig.Graph(n=accounts, edges=pairs))
    return np.array(timed("kernel", lambda: graph.transitivity_local_undirected(mode="nan")))


def networkit(payer: np.ndarray, payee: np.ndarray, accounts: int, threads: int, timed: Timed) -> np.ndarray:
    """Its turbo variant: ordered by degree, for graphs with hubs."""
    import networkit as nk

    nk.setNumberOfThreads(threads)
    ones = np.ones(len(payer))
    a, b = payer.astype(np.uint64), payee.astype(np.uint64)
    graph = timed("build", lambda: nk.GraphFromCoo((ones, (a, b)), n=accounts))
    found = timed("kernel", lambda: nk.centrality.LocalClusteringCoefficient(graph, True).run())
    return np.array(found.scores())


def graphblas(payer: np.ndarray, payee: np.ndarray, accounts: int, threads: int, timed: Timed) -> np.ndarray:
    """Two masked products over the graph ordered by degree: triangles by their lower and by their outer two corners."""
    import graphblas as gb
    from graphblas import semiring

    gb.ss.config["nthreads"] = threads

    def build() -> tuple[Any, np.ndarray, np.ndarray]:
        degree = np.bincount(payer, minlength=accounts) + np.bincount(payee, minlength=accounts)
        rank = np.empty(accounts, np.uint64)
        rank[np.argsort(degree, kind="stable")] = np.arange(accounts, dtype=np.uint64)
        a, b = rank[payer], rank[payee]
        up = gb.Matrix.from_coo(np.minimum(a, b), np.maximum(a, b), 1, dtype=gb.dtypes.INT64, nrows=accounts,
                                ncols=accounts)  # fmt: skip
        up.wait()
        return up, degree, rank

    up, degree, rank = timed("build", build)

    def count() -> np.ndarray:
        middle = up.mxm(up.T, semiring.plus_pair).new(mask=up.S)  # u -> v: heads that both have
        outer = up.mxm(up, semiring.plus_pair).new(mask=up.S)  # u -> w: v in between
        parts = (middle.reduce_rowwise(), middle.reduce_columnwise(), outer.reduce_columnwise())
        total = np.zeros(accounts)
        for part in parts:
            at, values = part.new().to_coo()
            total[at.astype(np.int64)] += values
        return total

    total = timed("kernel", count)[rank.astype(np.int64)]
    pairs = degree * (degree - 1) / 2
    return np.divide(total, pairs, out=np.full(accounts, np.nan), where=pairs > 0)


PEERS = {"igraph": igraph, "networkit": networkit, "graphblas": graphblas}


def main() -> None:
    job = json.loads(sys.argv[1])
    payer, payee = (np.load(job[name]) for name in ("payer", "payee"))
    facts: dict[str, float] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        best = (float("inf"), float("inf"))
        for _ in range(RUNS[name]):
            wall, cpu = time.perf_counter(), time.process_time()
            out = work()
            best = min(best, (time.perf_counter() - wall, time.process_time() - cpu))
        facts[f"{name}_wall_s"], facts[f"{name}_cpu_s"] = best
        return out

    answer = PEERS[job["peer"]](payer, payee, job["accounts"], job["threads"], timed)
    np.save(job["out"], answer)
    with Path("/proc/self/status").open() as status:
        peak = next((int(line.split()[1]) / 2**20 for line in status if line.startswith("VmHWM:")), 0.0)
    total = {f"{kind}_s": facts[f"build_{kind}_s"] + facts[f"kernel_{kind}_s"] for kind in ("wall", "cpu")}
    print(json.dumps({**facts, **total, "peak_gib": peak}))


if __name__ == "__main__":
    main()
