"""Rulings over HTTP: a server process and a client process on this machine's two cores, every answer durable (SQLite, WAL,
``synchronous=FULL``; one commit a group).  What the server does is what `dandelion serve` does; only the book and the models
are those of `bench/decisions_engine.py`.  Called by `bench/decisions.py`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from _report import Report, percentile
from dandelion.app import workspace
from dandelion.app.access import issue_token
from dandelion.app.client import Client
from dandelion.app.config import Settings

HERE = Path(__file__).parent
PATIENCE_S, RATE, SINGLE_S, BULK_S = 180.0, 300.0, 20.0, 10.0
PEAK_PER_S = 410_000


class Place:
    """A workspace in a folder that is thrown away, and its server."""

    def __init__(self, strategies: int, models: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dandelion-http-"))
        self.root = self.folder / "lender"
        workspace.init(self.root)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        settings = Settings.load(self.root)
        self.token = issue_token(settings.secret(), tenant=settings.lender.tenant, subject="bench", role="service")
        self.log = (self.folder / "server.log").open("wb")
        command = [
            sys.executable,
            str(HERE / "decisions_server.py"),
            str(self.root),
            str(self.port),
            str(strategies),
            str(models),
        ]
        self.process = subprocess.Popen(
            command, stdout=self.log, stderr=self.log, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )

    def columns(self) -> dict[str, Any]:
        """What rules, once the server is up."""
        began, client = time.monotonic(), Client(f"http://127.0.0.1:{self.port}", self.token, timeout_s=5)
        while True:
            try:
                return dict(client.get("/v1/rulings/columns?product=shop-line"))
            except Exception:
                if self.process.poll() is not None or time.monotonic() - began > PATIENCE_S:
                    raise SystemExit((self.folder / "server.log").read_text()[-3000:]) from None
                time.sleep(0.2)

    def cpu_s(self) -> float:
        spent = psutil.Process(self.process.pid).cpu_times()
        return spent.user + spent.system

    def client(self, *words: object) -> dict[str, Any]:
        command = [sys.executable, str(HERE / "decisions_client.py"), words[0], self.port, self.token, *words[1:]]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr[-3000:])
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        if found["wrong_count"]:
            raise SystemExit(f"{found['wrong_count']} requests were refused: {found['wrong']}")
        return found

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def synced_ms(folder: Path, times: int = 100) -> list[float]:
    """What the disk takes to keep a little: the least that any durable answer waits for."""
    found = []
    with (folder / "sync").open("wb") as out:
        for _ in range(times):
            out.write(b"x" * 20_000)
            out.flush()
            began = time.perf_counter()
            os.fdatasync(out.fileno())
            found.append(1000 * (time.perf_counter() - began))
            time.sleep(0.003)
    return found


def http(report: Report, strategies: int, models: int) -> None:
    place = Place(strategies, models)
    try:
        layout = place.columns()["layout"]
        place.client("bulk", "frame", 1.0, layout)  # warm
        before = place.cpu_s()
        found = place.client("single", RATE, SINGLE_S, layout)
        single_us = 1e6 * (place.cpu_s() - before) / (RATE * SINGLE_S)
        sync_ms = synced_ms(place.folder)
        report.add("http_p50_ms", percentile(found["times_ms"], 0.5), "ms", must=10, aim=4)
        report.add("http_p99_ms", percentile(found["times_ms"], 0.99), "ms", must=40, aim=15)
        report.add("http_single_server_us", single_us, "us CPU/request")
        report.note(
            f"http: {RATE:.0f} JSON requests a second of {found['bytes']:,} bytes each, {len(found['times_ms']):,} of them, "
            f"timed from when each was due; the client itself used {1e6 * found['cpu_s'] / (RATE * SINGLE_S):.0f} us of CPU a "
            "request on the same cores"
        )
        report.note(
            f"http: one sync of 20 kB alone takes this disk {percentile(sync_ms, 0.5):.2f} ms (p99 "
            f"{percentile(sync_ms, 0.99):.2f}) just after; every answer waits for at least one; load {os.getloadavg()[0]:.1f}"
        )
        for kind in ("frame", "json"):
            before = place.cpu_s()
            found = place.client("bulk", kind, BULK_S, layout)
            rate = found["rulings"] / found["seconds"]
            each_us = 1e6 * (place.cpu_s() - before) / found["rulings"]
            if kind == "frame":
                report.add("bulk_decisions_per_s", rate, "rulings/s", "higher", must=10_000, aim=30_000)
            else:
                report.add("bulk_json_decisions_per_s", rate, "rulings/s", "higher")
            report.add(f"bulk_{kind}_server_us", each_us, "us CPU/ruling")
            report.add(f"bulk_{kind}_cores_at_410k", each_us * PEAK_PER_S / 1e6, "cores")
            report.note(
                f"bulk as {kind}: {found['bytes']:,} bytes a request, {found['cpu_s']:.1f} s of CPU in the client"
            )
    finally:
        place.close()
