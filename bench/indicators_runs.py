"""Each side in a process of its own: wall, CPU and the most memory it held, two threads for everybody."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
THREADS = 2
LIMIT_S = 1_800
_ENV = {
    name: str(THREADS) for name in ("POLARS_MAX_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "RAYON_NUM_THREADS")
}


@dataclass(frozen=True, slots=True)
class Run:
    """What one process measured of itself: from reading its input to holding its result, imports left out."""

    wall_s: float
    cpu_s: float
    peak_gib: float
    facts: dict[str, Any]


class SideFailedError(RuntimeError):
    """A side gave no result; the text says why."""


def measure(script: str, job: dict[str, Any], *, python: str = sys.executable, times: int = 1) -> Run:
    """The run with the least wall time of so many, each in a fresh process."""
    runs = [_once(script, job, python) for _ in range(times)]
    return min(runs, key=lambda run: run.wall_s)


def _once(script: str, job: dict[str, Any], python: str) -> Run:
    try:
        got = subprocess.run(
            [python, str(HERE / script), json.dumps(job)], capture_output=True, text=True, timeout=LIMIT_S,
            env={**os.environ, **_ENV},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise SideFailedError(f"{script} gave no result in {LIMIT_S} s") from None
    if got.returncode:
        last = (got.stderr.strip().splitlines() or [f"exit status {got.returncode}"])[-1]
        raise SideFailedError(f"{script} {job.get('task', '')}: {last}")
    line = json.loads(got.stdout.strip().splitlines()[-1])
    return Run(line.pop("wall_s"), line.pop("cpu_s"), line.pop("peak_gib"), line)


class Clock:
    """Inside the measured process: started after imports, stopped when the result is held, before it is checked."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), _cpu()

    def stop(self) -> dict[str, float]:
        return {"wall_s": time.perf_counter() - self.wall, "cpu_s": _cpu() - self.cpu, "peak_gib": peak_gib()}


def answer(tasks: dict[str, Callable[[dict[str, Any]], dict[str, Any]]]) -> None:
    """The main of a side: do the task named by the job, print one JSON line."""
    job = json.loads(sys.argv[1])
    print(json.dumps(tasks[job["task"]](job)))


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak_gib() -> float:
    """The most memory since this program started.  Not ru_maxrss, which starts at what the parent held."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**20
    except OSError:
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**30  # bytes, where there is no /proc


def bandwidth_gb_per_s(megabytes: int = 512) -> tuple[float, float]:
    """(read, write) bytes a second of this machine's memory, both threads, best of five."""
    import numpy as np
    from numba import njit

    @njit(nogil=True)
    def read(a):  # type: ignore[no-untyped-def]
        total = 0
        for i in range(len(a)):
            total += a[i]
        return total

    @njit(nogil=True)
    def write(a):  # type: ignore[no-untyped-def]
        for i in range(len(a)):
            a[i] = i

    from concurrent.futures import ThreadPoolExecutor

    data = np.ones(megabytes * 125_000, np.int64)
    halves = np.array_split(data, THREADS)
    found = []
    with ThreadPoolExecutor(THREADS) as pool:
        for work in (read, write):
            work(data[:8])
            best = 0.0
            for _ in range(5):
                start = time.perf_counter()
                list(pool.map(work, halves))
                best = max(best, data.nbytes / (time.perf_counter() - start) / 1e9)
            found.append(best)
    return found[0], found[1]
