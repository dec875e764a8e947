"""What the pages tell a newcomer to write or run, written and run."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pages import ROOT

from dandelion.app import workspace
from dandelion.app.policy_set import load_book, load_definitions
from dandelion.app.usecases.assess_payments import assess_payments
from dandelion.policy import Book

CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
WALK = ROOT / "docs" / "examples" / "one-merchant.sh"
PATIENCE_S = 60


def _block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", CONTRIBUTING, re.S)
    assert found is not None, language
    return found[1]


def test_the_indicators_of_the_contributing_page_join_the_standard_ones(tmp_path: Path) -> None:
    workspace.init(tmp_path)
    before = set(load_definitions(tmp_path).catalogue)
    (tmp_path / "indicators.py").write_text(_block("python"), "utf-8")
    after = load_definitions(tmp_path).catalogue
    added = set(after) - before
    assert "payment.received/channel=qr/days=weekend/30d/amount_sum.share" in added
    assert all(after[one].zh and after[one].en for one in added)


def test_the_strategy_of_the_contributing_page_loads_in_its_place(tmp_path: Path) -> None:
    workspace.init(tmp_path)
    folder = tmp_path / "strategies"
    shipped: Book = load_book(folder, load_definitions(tmp_path))
    record = _block("yaml").replace("multi.inquiries.many", "multi.inquiries.from_the_page")
    (folder / "mine.yaml").write_text(f"protects_against: Too much debt.\nstrategies:\n{record}", "utf-8")
    book = load_book(folder, load_definitions(tmp_path))
    assert {s.id for s in book.strategies} - {s.id for s in shipped.strategies} == {"multi.inquiries.from_the_page"}


@contextmanager
def _served(root: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url, log = f"http://127.0.0.1:{port}", root / "serve.log"
    environment = {**os.environ, "DANDELION_PORT": str(port), "OMP_NUM_THREADS": "1"}
    with log.open("w") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", "dandelion", "serve", "--workspace", str(root)],
            env=environment, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                with urllib.request.urlopen(f"{url}/health", timeout=2):
                    break
            except (urllib.error.URLError, OSError):
                assert server.poll() is None and time.monotonic() < until, log.read_text()
                time.sleep(0.2)
        yield url
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="the example needs curl and bash")
def test_the_walk_with_curl_goes_from_application_to_replay(tmp_path: Path) -> None:
    workspace.init(tmp_path, clock_start="2025-03-01T00:00:00Z")
    with _served(tmp_path) as url:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "WORKSPACE": str(tmp_path), "URL": url, "PYTHON": sys.executable}
        done = subprocess.run(
            ["bash", str(WALK)], env=environment, capture_output=True, text=True, timeout=4 * PATIENCE_S, check=False
        )
    assert done.returncode == 0, done.stdout + done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    decision = next(answer for answer in answers if "outcome" in answer)
    assert decision["outcome"] == "approved"
    assert next(answer for answer in answers if "payout_status" in answer)["payout_status"] == "paid"
    raised = next(answer for answer in answers if "raised" in answer)["raised"]
    assert [one["limit_fen"] > decision["limit_fen"] for one in raised] == [True]
    assert answers[-1]["same"] is True and answers[-1]["decision"] == decision["decision"]
    shown = (ROOT / "docs" / "api.md").read_text("utf-8")
    assert f'"limit_fen":{decision["limit_fen"]}' in shown and f'"limit_fen":{raised[0]["limit_fen"]}' in shown


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_the_first_page_shows_what_the_example_bill_gives(page: str, tmp_path: Path) -> None:
    one = assess_payments(ROOT / "docs/examples/noodle-stall.csv", out=tmp_path).merchants[0]
    shown = (ROOT / page).read_text("utf-8").split("<!-- payments:begin -->")[1].split("<!-- payments:end -->")[0]
    for fen in (one.limit.fen, one.turnover.verified_fen, one.turnover.received_fen, one.turnover.circular_fen):
        assert f"¥{fen // 100:,}" in shown
    assert one.limit.reasons[0].change_en in " ".join(shown.split())
