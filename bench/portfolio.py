"""Profit of the policy on an out-of-time cohort, on several seeds, and the null world where no model can gain.

Everything is simulated.  Each seed builds its own economy, trains on labels matured before the cohort, and lives the
cohort through under the policy, under *approve all* and under *a multiple of turnover* at equal volume of limits.
Peers get the policy's own volume-weighted price; intervals are bootstrapped over merchants (95 %).  *Ranking* is the model
alone: the half with the lower PD against a half drawn by lot, alike in limit and price.  In the null world its interval
must hold zero, and so must the policy's gain, whether it lends to somebody or to nobody.

    make bench NAME=portfolio                      # seeds 323 324 325 and a null world
    make bench NAME=portfolio ARGS="--seeds 5 6"
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path

from _report import Report
from dandelion.app.cli.demo.judge import Gain, Verdict
from dandelion.app.cli.demo.stage import Stage


def one(home: Path, seed: int, people: int, null: bool) -> tuple[Verdict, float]:
    """One economy from nothing to its verdict; its folder is removed afterwards."""
    began = time.perf_counter()
    stage = Stage(home, people=people, months=30, seed=seed, fresh=True, null=null)
    _, verdict = stage.prepare(lambda text: None)
    shutil.rmtree(stage.home, ignore_errors=True)
    return verdict, time.perf_counter() - began


def _said(gain: Gain) -> str:
    return f"{gain[0] / 100:+,.0f} yuan ({gain[1] / 100:+,.0f} to {gain[2] / 100:+,.0f})"


def _halves(gain: Gain) -> float:
    """The gain in half-widths of its interval; nothing lent is no gain."""
    return 2 * gain[0] / (gain[2] - gain[1]) if gain[2] > gain[1] else 0.0


def main() -> int:
    parse = argparse.ArgumentParser(description=__doc__)
    parse.add_argument("--seeds", type=int, nargs="+", default=[323, 324, 325])
    parse.add_argument("--null-seeds", type=int, nargs="*", default=[323])
    parse.add_argument("--people", type=int, default=20_000)
    parse.add_argument("--home", type=Path, default=Path(".demo/bench"))
    given = parse.parse_args()
    report = Report("portfolio")
    for seed in given.seeds:
        verdict, seconds = one(given.home, seed, given.people, null=False)
        for name, gain in (*verdict.gains.items(), ("ranking", verdict.ranking)):
            report.note(f"seed {seed}: gain over {name} {_said(gain)}")
            report.add(
                f"gain_low_{name}_{seed}", gain[1] / 100, "yuan", better="higher", must=0.01
            )  # nothing lent: no gain
        report.add(f"profit_{seed}", verdict.policy.profit_fen / 100, "yuan", better="higher")
        report.add(f"auc_{seed}", verdict.auc, "AUC", better="higher")
        report.add(f"approval_rate_{seed}", verdict.policy.approval_rate, "share", better="higher")
        report.add(f"bad_rate_{seed}", verdict.policy.bad_rate, "share", better="lower")
        report.add(f"seconds_{seed}", seconds, "s", better="lower")
    for seed in given.null_seeds:
        verdict, _ = one(given.home, seed, given.people, null=True)
        report.note(
            f"null world {seed}: {verdict.policy.approval_rate:.1%} approved, profit {verdict.policy.profit_fen / 100:+,.0f}"
        )
        for name, gain in (*verdict.gains.items(), ("ranking", verdict.ranking)):
            report.note(f"null world {seed}: gain of {name} {_said(gain)}")
            # 0 is no gain at all, 1 the edge of the interval; only a gain counts, a loss is none
            report.add(f"null_gain_{name}_{seed}", max(_halves(gain), 0.0), "half-widths", better="lower", must=1.0)
        report.add(f"null_auc_distance_{seed}", abs(verdict.auc - 0.5), "AUC", better="lower", must=0.05)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
