"""bench lending: accrual, postings, draw-to-paid, end of day.  `make bench NAME=lending [ARGS=--postgres URL]`."""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np

from _report import Report

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from dandelion.core import DAY_US, ManualClock, instant
from dandelion.lending import IdentityClaim, RailAnswer, SimulatedIdentity, annual_irr_ppm, due_days, plan
from dandelion.lending import ledger as gl
from dandelion.lending.accrual import Carry, accrue
from dandelion.lending.ledger import Entry, Posting
from dandelion.vault import Vault
from support.lending_desk import ID_NUMBER, MERCHANT, Desk, T

START = instant("2025-07-01T04:00:00Z")


def accrual(report: Report, loans: int) -> None:
    rng = np.random.default_rng(310)
    weighted = (rng.integers(10_000, 30_000_000, loans) * rng.integers(36_000, 240_000, loans)).tolist()
    took = _timed(lambda: [accrue(Carry(0, 0), weighted_fen_ppm=one, days=1, year_days=360) for one in weighted])
    report.add("accrual_loans_per_s", loans / took, "loans/s", "higher", must=50_000)


def postings(report: Report, vault: Vault, total: int) -> None:
    for size in (1, 100, 1000):
        count = min(total, size * 20 if size < 1000 else total)
        start = time.perf_counter()
        for first in range(0, count, size):
            batch = [
                Posting(
                    f"bench:{size}:{n}", "bench", f"l{n % 997}", START, 0, n,
                    (Entry(gl.CASH, "", 100), Entry(gl.CREDIT, "", -100)),
                )
                for n in range(first, min(first + size, count))
            ]  # fmt: skip
            with vault.unit_of_work("bench") as work:
                gl.post_new(work.connection, "bench", batch)
        report.add(
            f"postings_per_s_batch_{size}", count / (time.perf_counter() - start), "postings/s", "higher",
            must=2_000 if size == 1000 else None,
        )  # fmt: skip
    with vault.database.read() as connection:
        assert gl.trial_balance(connection, "bench").holds


def life(report: Report, vault: Vault, clock: ManualClock, folder: Path, lines: int) -> None:
    desk = Desk(vault, clock, folder)
    drawn, opened, ids = [], [], []
    for n in range(lines):
        desk.consent(f"s{n}")
        opened.append(_timed(lambda n=n: ids.append(desk.open(subject=f"s{n}", decision_id=f"d{n}"))))
        desk.prove(ids[-1], f"s{n}")
    for n, line_id in enumerate(ids):

        def draw_and_pay(line_id: str = line_id, n: int = n) -> None:
            desk.draw(line_id, 100_000 + n, "r1")
            desk.worker.run_once(tenant=T)

        drawn.append(_timed(draw_and_pay))
    report.add("open_line_ms_p50", statistics.median(opened) * 1000, "ms")
    report.add("draw_to_paid_ms_p50", statistics.median(drawn) * 1000, "ms", must=1000, aim=50)
    report.add("draw_to_paid_ms_p99", sorted(drawn)[int(len(drawn) * 0.99)] * 1000, "ms")
    repaid = [_timed(lambda i=i, one=one: desk.repay(one, 5_000, f"b{i}")) for i, one in enumerate(ids)]
    report.add("repay_ms_p50", statistics.median(repaid) * 1000, "ms", must=100)
    assert desk.books().holds


def end_of_day(report: Report, vault: Vault, clock: ManualClock, folder: Path, lines: int) -> None:
    desk = Desk(vault, clock, folder, tenant="eod")
    account = desk.account()
    identity = SimulatedIdentity().check(IdentityClaim("s", "王小明", ID_NUMBER, "face"))
    for first in range(0, lines, 200):
        for n in range(first, min(first + 200, lines)):
            desk.consent(f"e{n}")
        with vault.unit_of_work("eod") as work:
            for n in range(first, min(first + 200, lines)):
                one = desk.open_in(work, subject=f"e{n}", decision_id=f"e{n}")
                desk.lending.record_identity(work, f"e{n}", identity, MERCHANT)
                desk.lending.record_payout_account(work, f"e{n}", account, MERCHANT)
                desk.lending.accept_contract(work, one, desk.lending.contract(work, one).sha256, MERCHANT)
                made = desk.lending.draw(work, one, 100_000 + n, "r1", use_of_money="stock")
                paid = RailAnswer(made.payout_id, "settled", made.amount_fen, work.now)
                desk.lending.payout_result(work, made.payout_id, paid)
    clock.move_to(clock.now() + 2 * DAY_US)
    closed = _timed(lambda: desk.lending.eod(vault, "eod", date(2025, 7, 1)))
    report.add("eod_lines_per_s", lines / closed, "lines/s", "higher", must=300, aim=2_000)
    assert desk.books().holds


def rates(report: Report) -> None:
    rows = plan("equal_instalment", 1_000_000, 20_000, due_days(20_000, periods=12, every_months=1), 144_000, 360)
    flows = [(20_000, -1_000_000), *((row.day, row.total_fen) for row in rows)]
    report.add("irr_us", _timed(lambda: [annual_irr_ppm(flows) for _ in range(500)]) / 500 * 1e6, "us")


def _timed(run) -> float:  # type: ignore[no-untyped-def]
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgres", help="URL of an empty PostgreSQL database (default: a SQLite file)")
    parser.add_argument("--lines", type=int, default=200)
    parser.add_argument("--postings", type=int, default=20_000)
    options = parser.parse_args()
    report = Report("lending")
    with tempfile.TemporaryDirectory() as folder:
        clock = ManualClock(START)
        url = options.postgres or f"sqlite:///{folder}/vault.db"
        vault = Vault.connect(url, lake=Path(folder) / "lake", clock=clock)
        accrual(report, 100_000)
        rates(report)
        postings(report, vault, options.postings)
        life(report, vault, clock, Path(folder), options.lines)
        end_of_day(report, vault, clock, Path(folder), options.lines * 10)
        vault.close()
    report.note(f"database: {'PostgreSQL' if options.postgres else 'SQLite, WAL, synchronous FULL'}; one connection")
    report.note("accrual excludes reading and writing the columns; draw to paid includes posting, rail and booking")
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
