"""Ownership against brute force: exhaustive fixpoints for control, rational arithmetic for benefit.

    python bench/graph_ownership.py [--graphs 10000] [--seed 310]

Prints how many of the random registers (cycles, cross holdings, treasury shares, 100 % circles, concerts, votes apart
from shares) were answered exactly, and the cost of a large one.  Exit code 1 where a single answer differs.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "graph"))
from ownership_oracle import Random, benefits, closed_cycles, controlled_by, controllers, random_register

from dandelion.core import BadInput
from dandelion.graph.ownership import Statement, Votes, benefit, controlled, heads, holdings

PPB = 1_000_000_000


def differing(register: Random) -> tuple[int, int, Fraction]:
    """(wrong controls, wrong benefits, largest difference of a share) of one register."""
    held = holdings(register.statements)
    votes = Votes.of(held)
    top = heads(votes)
    wrong = 0
    for party, (kind, wanted) in controllers(register).items():
        head = int(top.head[votes.place[party]])
        found = ("circle", None) if head in top.in_circle else ("none", None)
        if head != votes.place[party] and head not in top.in_circle:
            found = ("sole", votes.names[head])
        below = {votes.names[node] for node in controlled(votes, [votes.place[party]])}
        wrong += found != (kind, wanted) or below != controlled_by(register, party)
    shares, undisclosed, stuck = benefits(register)
    off, largest = 0, Fraction(0)
    for firm, exact in shares.items():
        found_ = benefit(held, firm)
        told = dict(found_.shares_ppb)
        gaps = [abs(Fraction(told.get(party, 0), PPB) - share) for party, share in exact.items()]
        gaps += [
            abs(Fraction(found_.undisclosed_ppb, PPB) - undisclosed[firm]),
            abs(Fraction(found_.stuck_ppb, PPB) - stuck[firm]),
        ]
        off += max(gaps) > Fraction(1, PPB) or bool(told.keys() - exact.keys())
        largest = max(largest, *gaps)
    for firm in closed_cycles(register):
        try:
            benefit(held, firm)
            off += 1
        except BadInput:
            pass
    return wrong, off, largest


def large(firms: int, seed: int) -> tuple[list[Statement], int]:
    """A register of many firms: people and firms of lower or higher number as holders, so that cycles occur."""
    rng = random.Random(seed)
    told = []
    for firm in range(firms):
        left = 1_000_000
        for _ in range(rng.randint(1, 4)):
            part = rng.randint(1, left)
            holder = f"f{rng.randrange(firms)}" if rng.random() < 0.4 else f"p{rng.randrange(firms)}"
            told.append(Statement(0, f"f{firm}", holder, part, at=len(told)))
            left -= part
            if not left:
                break
    return told, len(told)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--graphs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=310)
    parser.add_argument("--firms", type=int, default=100_000)
    asked = parser.parse_args()
    started = time.process_time()
    wrong = off = circles = cycles = 0
    largest = Fraction(0)
    for number in range(asked.graphs):
        register = random_register(random.Random(asked.seed * 1_000_003 + number))
        one, other, gap = differing(register)
        wrong, off, largest = wrong + one, off + other, max(largest, gap)
        circles += any(kind == "circle" for kind, _ in controllers(register).values())
        cycles += bool(closed_cycles(register))
    exact_s = time.process_time() - started
    told, rows = large(asked.firms, asked.seed)
    started = time.process_time()
    held = holdings(told)
    pack_s = time.process_time() - started
    started = time.process_time()
    heads(Votes.of(held))
    heads_s = time.process_time() - started
    found = {
        "registers": asked.graphs, "control_differs": wrong, "benefit_differs": off,
        "largest_difference_ppb": float(largest * PPB), "with_circle_of_control": circles, "with_100_percent_cycle": cycles,
        "check_cpu_s": round(exact_s, 1), "large_holdings": rows, "large_pack_cpu_s": round(pack_s, 2),
        "large_all_controllers_cpu_s": round(heads_s, 2),
    }  # fmt: skip
    for name, value in found.items():
        print(f"{name:<28} {value}")
    print(json.dumps(found))
    return int(bool(wrong or off))


if __name__ == "__main__":
    sys.exit(main())
