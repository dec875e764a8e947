"""Profit of the policy on an out-of-time cohort, on several seeds, and the null world where no model can gain.

Everything is simulated.  Each seed builds its own economy, trains on labels matured before the cohort, and lives the
cohort through under the policy, under *approve all* and under *a multiple of turnover* at equal volume of limits.
Peers get the policy's own volume-weighted price; intervals are bootstrapped over merchants (95 %).

    make bench NAME=portfolio                      # seeds 314 315 316 and a null world
    make bench NAME=portfolio ARGS="--seeds 5 6"
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path

from _report import Report
from dandelion.app.cli.demo.judge import Verdict
from dandelion.app.cli.demo.stage import Stage


def one(home: Path, seed: int, people: int, null: bool) -> tuple[Verdict, float]:
    """One economy from nothing to its verdict; its folder is removed afterwards."""
    began = time.perf_counter()
    stage = Stage(home, people=people, months=30, seed=seed, fresh=True, null=null)
    _, verdict = stage.prepare(lambda text: None)
    shutil.rmtree(stage.home, ignore_errors=True)
    return verdict, time.perf_counter() - began


def main() -> int:
    parse = argparse.ArgumentParser(description=__doc__)
    parse.add_argument("--seeds", type=int, nargs="+", default=[314, 315, 316])
    parse.add_argument("--null-seed", type=int, default=314)
    parse.add_argument("--people", type=int, default=20_000)
    parse.add_argument("--home", type=Path, default=Path(".demo/bench"))
    given = parse.parse_args()
    report = Report("portfolio")
    for seed in given.seeds:
        verdict, seconds = one(given.home, seed, given.people, null=False)
        for name, (gain, low, high) in verdict.gains.items():
            report.note(
                f"seed {seed}: gain over {name} {gain / 100:+,.0f} yuan ({low / 100:+,.0f} to {high / 100:+,.0f})"
            )
            report.add(
                f"gain_low_{name}_{seed}", low / 100, "yuan", better="higher", must=0.01
            )  # nothing lent is no gain
        report.add(f"profit_{seed}", verdict.policy.profit_fen / 100, "yuan", better="higher")
        report.add(f"auc_{seed}", verdict.auc, "AUC", better="higher")
        report.add(f"bad_rate_{seed}", verdict.policy.bad_rate, "share", better="lower")
        report.add(f"seconds_{seed}", seconds, "s", better="lower")
    verdict, _ = one(given.home, given.null_seed, given.people, null=True)
    gain, low, high = verdict.gains["turnover_multiple"]
    report.note(
        f"null world {given.null_seed}: gain over a multiple of turnover {gain / 100:+,.0f} ({low / 100:+,.0f} to {high / 100:+,.0f})"
    )
    report.add("null_auc_distance", abs(verdict.auc - 0.5), "AUC", better="lower", must=0.05)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
