"""Generated books against the plain evaluator, and mutated inputs against crashes.

Every input begins as something valid: the text of a condition, a book's YAML, a decision table, an Excel cell, a frame, a
request's numbers.  It is then damaged (bytes flipped, cut, doubled, swapped, numbers made extreme) and read.  Only two
ends are allowed: it is refused with `BadInput`, or it loads, and then the kernels agree with the plain evaluator on rows
of extreme values.  Seeds are named; anything else stops the run with the input printed.

    .venv/bin/python bench/decisions_fuzz.py --books 10000 --inputs 10000
"""

from __future__ import annotations

import argparse
import math
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from importlib.resources import files
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "policy"))
from dandelion.core import BadInput
from dandelion.policy import Book, Engine
from dandelion.policy.grammar import Names, parse
from dandelion.policy.scalar import Row, truth_of
from dandelion.policy.strategy import Strategy
from dandelion.policy.tables import read_table

SEED = 20_260_101  # of the books; the inputs take the next one
EXTREME = (
    math.nan,
    math.inf,
    -math.inf,
    0.0,
    -0.0,
    1e-45,
    -1e-45,
    3.4e38,
    16_777_216.0,
    16_777_217.0,
    0.1,
    1 / 3,
    60.0,
    89.999996,
)
PIECES = ("(", ")", "[", ",", "|", "\n", "\x00", "and", "not ", "in", "1e999", "-0", "NaN", "９", "é", "#", '"', "::", "- ", "__import__", "lambda", "0x1")  # fmt: skip
STRATEGIES = Path(str(files("dandelion") / "defaults/strategies"))
NAMES = Names(
    columns=frozenset({"tenure_days", "payers_90d", "trend_30_90"}), constants={"floor_days": 60.0},
    flags={"in_list": frozenset({"grey"}), "filed": frozenset({"lease"})},
)  # fmt: skip
CONDITION = "(tenure_days >= floor_days and payers_90d in (1, 2, 30)) or not trend_30_90 < -0.25 and not in_list(grey) or is_missing(payers_90d)"
TABLE = (
    "# protects_against: a test\n# id: fuzz\n# owner: bench\n# stage: limit\n# action: limit_cap_fen\n# reason: R\n"
    "# purpose: with {tenure_days} days at most {amount} fen\n# zh: 有{tenure_days}天，以{amount}元为限\n"
    "# en: with {tenure_days} days at most {amount} yuan\nid,tenure_days,payers_90d,amount\n"
    'a,"[floor_days,90)",1|2|3,50_000\nb,"[90,)",missing,70_000\n'
)


def damaged(random_: random.Random, text: str) -> str:
    """One to four small damages."""
    for _ in range(random_.randint(1, 4)):
        at, to = sorted((random_.randrange(len(text) + 1), random_.randrange(len(text) + 1)))
        kind = random_.randrange(6)
        if kind == 0:
            text = text[:at] + text[min(to, at + 12) :]
        elif kind == 1:
            text = text[:at] + random_.choice(PIECES) + text[at:]
        elif kind == 2:
            text = text[:to] + text[at : min(to, at + 40)] + text[to:]
        elif kind == 3 and at < len(text):
            text = text[:at] + chr(random_.choice((0, 9, 10, 34, 35, 44, 127, 0x4E2D, 0x1F600))) + text[at + 1 :]
        elif kind == 4:
            text = text[:at] + text[at:to][::-1] + text[to:]
        else:
            lines = text.split("\n")
            random_.shuffle(lines)
            text = "\n".join(lines) if random_.random() < 0.3 else text
    return text


def agree(conditions: list, random_: random.Random, rows: int = 6) -> None:
    """The two kernels and the plain evaluator on rows of extreme values."""
    engine = Engine.of(conditions)
    values = np.array([[random_.choice(EXTREME) for _ in engine.columns] for _ in range(rows)], np.float32)
    flags = [i for i, name in enumerate(engine.columns) if "(" in name]
    for i in flags:
        values[:, i] = [random_.choice((0.0, 1.0, math.nan)) for _ in range(rows)]
    true, perhaps = engine.fired(values).mask(), engine.not_false(values).mask()
    for r, row in enumerate(values):
        numbers = {n: float(v) for n, v in zip(engine.columns, row.tolist(), strict=True) if "(" not in n}
        told = {
            n: None if math.isnan(v) else bool(v) for n, v in zip(engine.columns, row.tolist(), strict=True) if "(" in n
        }
        one = engine.one(row)
        for s, condition in enumerate(conditions):
            plain = truth_of(condition, Row(numbers, told))
            code = {True: 3, None: 2, False: 0}[plain]
            if not (one[s] == code and true[s, r] == (plain is True) and perhaps[s, r] == (plain is not False)):
                raise SystemExit(f"kernel and evaluator differ: {condition} on {numbers} {told}: {plain}, {one[s]}")


def condition(random_: random.Random, _: Path) -> list[Strategy]:
    agree([parse(damaged(random_, CONDITION), NAMES)], random_)
    return []


def table(random_: random.Random, folder: Path) -> list[Strategy]:
    file = folder / "fuzz.csv"
    file.write_text(damaged(random_, TABLE), "utf-8", errors="replace")
    return list(read_table(file, NAMES, "Asia/Shanghai"))


def table_bytes(random_: random.Random, folder: Path) -> list[Strategy]:
    data = bytearray(TABLE.encode())
    for _ in range(random_.randint(1, 5)):
        data[random_.randrange(len(data))] = random_.randrange(256)
    (folder / "fuzz.csv").write_bytes(bytes(data))
    return list(read_table(folder / "fuzz.csv", NAMES, "Asia/Shanghai"))


def book(random_: random.Random, folder: Path) -> list[Strategy]:
    """One file of a small book damaged: the default one without its tables."""
    name = random_.choice(("book.yaml", "credit.yaml", "reasons.yaml", "limit.yaml"))
    whole = (folder / "book" / name).read_text("utf-8")
    try:
        (folder / "book" / name).write_text(damaged(random_, whole), "utf-8", errors="replace")
        return list(Book.load(folder / "book", strict=False).strategies)
    finally:
        (folder / "book" / name).write_text(whole, "utf-8")


def run(inputs: int, seed: int = SEED + 1) -> Counter:
    """What became of each kind of damaged input."""
    random_, found = random.Random(seed), Counter()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        shutil.copytree(STRATEGIES, folder / "book", ignore=shutil.ignore_patterns("*.csv"))
        kinds = [condition] * 9 + [table] * 6 + [table_bytes] * 4 + [book]
        for _ in range(inputs):
            kind = random_.choice(kinds)
            try:
                loaded = kind(random_, folder)
                if loaded:
                    agree([s.condition for s in loaded[:40]], random_, rows=2)
                found[kind.__name__, "loaded, kernels agree"] += 1
            except BadInput:
                found[kind.__name__, "refused"] += 1
    return found


def books(count: int, seed: int) -> None:
    from test_policy_engine import Dice
    from test_policy_engine import agree as same

    dice = Dice(seed)
    for _ in range(count):
        same([dice.condition() for _ in range(dice.choice([1, 3, 6]))], [dice.row() for _ in range(4)])


def main() -> int:
    parse_ = argparse.ArgumentParser(description=__doc__)
    parse_.add_argument("--books", type=int, default=10_000)
    parse_.add_argument("--inputs", type=int, default=10_000)
    parse_.add_argument("--seed", type=int, default=SEED)
    given = parse_.parse_args()
    started = time.process_time()
    found = run(given.inputs, given.seed + 1)
    for (kind, end), number in sorted(found.items()):
        print(f"{kind:<12} {end:<22} {number:>6,}")
    print(
        f"{sum(found.values()):,} damaged inputs, seed {given.seed + 1}: 0 crashes, 0 differences ({time.process_time() - started:.0f} s)"
    )
    started = time.process_time()
    books(given.books, given.seed)
    print(f"{given.books:,} generated books, seed {given.seed}: 0 differences ({time.process_time() - started:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
