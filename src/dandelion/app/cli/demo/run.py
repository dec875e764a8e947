"""The demo from beginning to end; returns the figures of its last line."""

from __future__ import annotations

import json
import signal
import statistics
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from dandelion.app.cli.demo.cast import Cast, choose
from dandelion.app.cli.demo.judge import Verdict
from dandelion.app.cli.demo.stage import Calendar, Stage
from dandelion.app.cli.demo.timeline import Timeline
from dandelion.app.cli.demo.walk import Walk, fresh_run, served
from dandelion.app.config import Settings
from dandelion.app.house import House
from dandelion.app.opening import opened
from dandelion.app.usecases.decide import decide_now
from dandelion.app.warm import warm

PORT = 8310
SAMPLE = 150
WIDTH = 140
STRAIGHT = ("apply", "draw", "paid")


def run(home: Path, *, people: int, months: int, seed: int, fresh: bool, stay: bool) -> dict[str, Any]:
    """Prepare, serve, walk, measure, judge."""
    line = Timeline(Console(stderr=True, width=WIDTH))
    stage = Stage(home.resolve(), people=people, months=months, seed=seed, fresh=fresh)
    line.head("Setting the stage (simulated economy; reused next time)")
    calendar, verdict = stage.prepare(line.tell)
    root = fresh_run(stage.house_folder, stage.home / "run", calendar.live_us)
    cast = _cast(stage, calendar)
    line.tell(f"the house goes live on {_day(calendar.live_us)}; server starting on port {PORT}")
    with served(root, PORT) as url:
        walk = Walk(url, Settings.load(root), line, stage.world, calendar.live_us, calendar.end_us)
        line.head("A merchant, over HTTP")
        hero = walk.merchant(cast)
        line.head("Three others")
        others = walk.others(cast)
        decisions = measure(root)
        people_involved = involved(root, cast.hero)
        _print(line.console, verdict)
        figures = {
            "apply_to_paid_ms": round(sum(line.ms[name] for name in STRAIGHT), 1),
            **decisions,
            "people_involved": people_involved,
            "bad_rate": round(verdict.policy.bad_rate, 5),
            "profit": verdict.policy.profit_fen / 100,
            "profit_turnover_multiple": verdict.turnover_multiple.profit_fen / 100,
            "auc_out_of_time": round(verdict.auc, 4),
            "seed": seed,
            "profit_approve_all": verdict.approve_all.profit_fen / 100,
            "profit_gain_yuan": {name: [fen / 100 for fen in gain] for name, gain in verdict.gains.items()},
            "ranking_gain_yuan": [fen / 100 for fen in verdict.ranking],
            "approval_rate": round(verdict.policy.approval_rate, 4),
            "mean_limit_yuan": round(verdict.policy.mean_limit_fen / 100),
            "expected_loss_yuan": verdict.policy.expected_loss_fen / 100,
            "realised_loss_yuan": verdict.policy.realised_loss_fen / 100,
            "replay_same": hero["replay_same"], "raised": hero["raised_to_fen"] > hero["limit_fen"], **others,
            "milliseconds": {name: round(ms, 1) for name, ms in line.ms.items()},
        }  # fmt: skip
        if stay:
            line.console.print(
                f"\n{json.dumps(figures)}\nThe house stays open at {url} (Ctrl-C ends it).", soft_wrap=True
            )
            _wait()
    return figures


def _cast(stage: Stage, calendar: Calendar) -> Cast:
    file = stage.house_folder / "state" / "cast.json"
    if not file.exists():
        house = House.open(stage.house_folder)
        try:
            found = choose(house, stage.world, calendar.live_us, calendar.end_us)
        finally:
            house.close()
        file.write_text(json.dumps({"hero": found.hero, "declined": found.declined, "ring": found.ring}))
    return Cast(**json.loads(file.read_text()))


def measure(root: Path, sample: int = SAMPLE) -> dict[str, float]:
    """Milliseconds and processor time of decisions in process, over consented merchants: record, columns, score, ruling."""
    house = House.open(root)
    try:
        warm(house)
        with house.vault.bulk(house.tenant, purpose="credit", recipient=house.recipient) as record:
            subjects = record.subjects[:: max(1, len(record.subjects) // sample)][:sample]
        wall, cpu = [], []
        for subject in subjects:
            started, used = time.perf_counter(), time.process_time()
            with opened(house, house.tenant, subject) as one:
                decide_now(house, one, "shop-line")
            wall.append((time.perf_counter() - started) * 1000)
            cpu.append((time.process_time() - used) * 1e6)
    finally:
        house.close()
    return {
        "decision_ms_p50": round(statistics.median(wall), 2), "decision_cpu_us": round(statistics.median(cpu)),
        "decision_ms_p99": round(sorted(wall)[int(len(wall) * 0.99)], 2),
    }  # fmt: skip


def involved(root: Path, subject: str) -> int:
    """Human actors in the audit of the subject's whole path, other than itself."""
    house = House.open(root)
    try:
        return len(house.vault.audit.people(house.tenant, subject=subject))
    finally:
        house.close()


def _print(console: Console, verdict: Verdict) -> None:
    table = Table(title="Out-of-time cohort, lived through in the simulated world (equal volume of limits)")
    for name in (
        "policy",
        "approved",
        "mean limit",
        "bad",
        "expected loss",
        "realised loss",
        "profit",
        "policy gains (95 %)",
    ):
        table.add_column(name, justify="left" if name == "policy" else "right")
    for key, one in (
        ("", verdict.policy),
        ("approve_all", verdict.approve_all),
        ("turnover_multiple", verdict.turnover_multiple),
    ):
        gain = verdict.gains.get(key)
        table.add_row(
            one.name, f"{one.approval_rate:.1%}", f"{one.mean_limit_fen / 100:,.0f}", f"{one.bad_rate:.2%}",
            f"{one.expected_loss_fen / 100:,.0f}", f"{one.realised_loss_fen / 100:,.0f}", f"{one.profit_fen / 100:,.0f}",
            "" if gain is None else f"{gain[0] / 100:+,.0f} ({gain[1] / 100:+,.0f} to {gain[2] / 100:+,.0f})",
        )  # fmt: skip
    console.print()
    console.print(table)
    ranked, low, high = (fen / 100 for fen in verdict.ranking)
    console.print(
        f"AUC out of time {verdict.auc:.3f}.  The model alone: lending to the half with the lower PD instead of a half drawn "
        f"by lot, alike in limit and price, earns {ranked:+,.0f} ({low:+,.0f} to {high:+,.0f}).\n"
        "Money in yuan over the half-year after each decision; all simulated."
    )


def _day(us: int) -> str:
    from dandelion.core import day_of

    return str(day_of(us, "Asia/Shanghai"))


def _wait() -> None:
    stopped = False

    def stop(*_args: object) -> None:
        nonlocal stopped
        stopped = True

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    while not stopped:
        time.sleep(0.2)
