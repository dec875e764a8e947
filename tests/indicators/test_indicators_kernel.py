"""The kernel against the plain evaluation, byte for byte: overlapping levels, ties, late and corrected events, loans by
their newest state, standings; any choice of columns, threads or order of rows gives the same bytes."""

from __future__ import annotations

import functools
from random import Random

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from indicator_oracle import Events, as_float32, value
from plain_evaluation import plain

from dandelion.core import arrow_schema
from dandelion.indicators import (
    Cube,
    Definitions,
    Derive,
    Level,
    Measure,
    Stream,
    evaluate,
    own_past,
    share,
    trend,
    volatility,
)
from dandelion.indicators.declare import OF_SHARES, Base, Dimension

NOW, DAY = 1_750_000_000_000_000, 86_400_000_000
HOURS = Dimension("hours", (Level("night", "", "", low=22, high=6), Level("late", "", "", low=20, high=24)), "hour")
DAYS = Dimension("days", (Level("workday", "", "", low=1, high=6), Level("friday", "", "", low=5, high=6)), "weekday")
CHANNEL = Dimension("channel", tuple(Level(c, "", "", c) for c in ("qr", "card", "red_packet")), field="channel")
SIZE = Dimension("size", (Level("small", "", "", high=200), Level("middle", "", "", low=100, high=5000)),
                 field="amount_fen")  # fmt: skip
STANDING = Dimension("standing", tuple(Level(s, "", "") for s in ("trade", "related", "self", "gift")), "standing")
AMOUNT = Measure("amount", "amount_fen", "fen", "", "")
PAID = Stream("my.paid", "payment", "payee", "", "", counterparty="payer", measures=(AMOUNT,), people=True,
              dimensions=(HOURS, DAYS, CHANNEL, SIZE, STANDING))  # fmt: skip
BILLED = Stream(
    "my.billed", "invoice", "seller", "", "", counterparty="buyer",
    measures=(Measure("total", "total_fen", "fen", "", ""), Measure("tax", "tax_fen", "fen", "", "")),
    dimensions=(Dimension("sign", (Level("red", "", "", high=0),), field="total_fen"),),
)  # fmt: skip
OWED = Stream("my.owed", "outside_loan", "borrower", "", "", counterparty="lender", latest_by="loan",
              measures=(Measure("balance", "balance_fen", "fen", "", ""),),
              dimensions=(Dimension("open", (Level("yes", "", "", low=1),), field="balance_fen"),))  # fmt: skip
PLAIN = ("count", "sum", "mean", "min", "max", "deviation", "last", "distinct", "active_days", "days_since_first",
         "days_since_last", "longest_gap", "top_share")  # fmt: skip
NEW = ("entropy", "q10", "q50", "q90")
PATH = "my.paid/{window}/amount_sum"


@functools.cache
def mine() -> Definitions:
    return Definitions.of([
        Cube(PAID, ("1d", "7d", "30d", "ever"), PLAIN, by=("hours", "days", "channel", "standing"), up_to=2),
        Cube(PAID, ("7d", "36h"), ("count", "sum", "distinct"), by=("hours", "days", "channel", "size", "standing")),
        Cube(PAID, ("7d", "30d"), ("sum", "min", "last"), by=("standing",), money=True),
        Cube(BILLED, ("7d", "90d"), PLAIN, ("total", "tax"), by=("sign",), up_to=1),
        Cube(OWED, ("30d", "365d"), PLAIN, by=("open",), up_to=1),
        share("my.paid/hours=night/30d/count", "my.paid/30d/count", "", ""),
        trend(PATH, "7d", "30d", "", ""), volatility(PATH, "7d", 4, "", ""), own_past(PATH, "7d", 5, "", ""),
        Derive("my/left", "difference", ("my.paid/standing=trade/30d/amount_sum", "my.billed/7d/total_sum"), "", "",
               money=True),
        Derive("my/rest", "difference", ("my.paid/30d/count", "my.billed/7d/count", "my.owed/30d/count", "my.billed/90d/count"), "", ""),
        Derive("my/ratio", "ratio", ("my.owed/30d/balance_sum", "my/left"), "", ""),
    ])  # fmt: skip


PARTIES = ["ann", "bob", "cyd", "dee", "eve", "fay", "shop"]
EDGES = [NOW - 7 * DAY, NOW - 30 * DAY, NOW - 30 * DAY - 1, NOW - 365 * DAY, NOW, NOW + 1]


def history(size: int, seed: int) -> Events:
    """Up to `size` events of each kind, a few moments and parties: ties, edges of windows, corrections of corrections."""
    random = Random(seed)
    pick = random.choice

    def some(prefix: str, most: int) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = []
        for number in range(random.randint(0, most)):
            at = pick(EDGES) if random.random() < 0.2 else NOW - random.randint(0, 12) * DAY // 3
            replaces = f"{prefix}{random.randint(0, 2)}.{random.randint(0, most)}" if random.random() < 0.2 else None
            rows.append({"event_id": f"{prefix}{random.randint(0, 2)}.{number}", "source": "s", "at": at,
                         "replaces": replaces, "arrived": at + pick([0, 0, 1, 5 * DAY])})  # fmt: skip
        return rows

    def who() -> str:
        return pick(["shop", "shop", "stall"])

    def fen() -> int:
        return pick([1, 99, 100, 150, 4_999, 16_777_217, 3_000_000_001, 70_000_000_001])

    paid = [row | {"payee": who(), "payer": pick(PARTIES), "amount_fen": fen(), "device": None, "order_id": None,
                   "channel": pick(["qr", "card", "red_packet", "online"])} for row in some("p", size)]  # fmt: skip
    billed = [row | {"seller": who(), "buyer": pick(PARTIES), "invoice_no": "n", "net_fen": 0, "status": "valid",
                     "tax_fen": fen(), "total_fen": fen() * pick([1, 1, -1])} for row in some("i", size)]  # fmt: skip
    owed = [row | {"borrower": who(), "lender": pick(PARTIES), "loan": pick(PARTIES), "days_past_due": 0,
                   "balance_fen": fen() * pick([0, 1]), "monthly_due_fen": 0} for row in some("l", size)]  # fmt: skip
    roles = [row | {"firm": who(), "person": pick(PARTIES), "role": "owner"} for row in some("r", 3)]
    held = [row | {"firm": pick(PARTIES), "holder": who(), "share_ppm": pick([0, 1])} for row in some("h", 3)]
    return {("payment", "payee"): paid, ("invoice", "seller"): billed, ("outside_loan", "borrower"): owed,
            ("role", "firm"): roles, ("role", "person"): roles, ("shareholding", "firm"): held,
            ("shareholding", "holder"): held}  # fmt: skip


HISTORIES = st.builds(history, st.integers(0, 60), st.integers(0, 2**32))


def tables(events: Events) -> dict[tuple[str, str], pa.Table]:
    return {key: pa.Table.from_pylist(rows, schema=arrow_schema(key[0])) for key, rows in events.items()}


ASKED = st.lists(
    st.tuples(st.sampled_from(["shop", "stall", "nobody"]), st.sampled_from([NOW, NOW - DAY, NOW - 7 * DAY]),
              st.sampled_from([NOW, NOW - DAY, NOW + 6 * DAY])), min_size=1, max_size=6,
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(HISTORIES, ASKED, st.booleans())
def test_every_column_has_the_bytes_of_the_plain_evaluation(
    events: Events, asked: list[tuple[str, int, int]], added: bool
) -> None:
    names = list(mine().columns)
    subjects, as_of, known_at = (list(part) for part in zip(*asked, strict=True))
    related = {"shop": ["ann", "nobody"], "stall": []} if added else None
    frame = evaluate(mine(), tables(events), subjects, as_of, known_at, related=related)
    wanted, money = plain(mine(), tables(events), subjects, as_of, known_at, names, related)
    differ = [name for j, name in enumerate(names) if frame.values[:, j].tobytes() != wanted[:, j].tobytes()]
    assert not differ
    assert {name: column.fen.tolist() for name, column in frame.money.items()} == {
        name: fen.tolist() for name, fen in money.items()
    }


@settings(max_examples=25, deadline=None)
@given(HISTORIES, ASKED, st.integers(0, 2**32))
def test_any_choice_of_columns_rows_and_threads_gives_the_same_bytes(
    events: Events, asked: list[tuple[str, int, int]], seed: int
) -> None:
    subjects, as_of, known_at = (list(part) for part in zip(*asked, strict=True))
    whole = evaluate(mine(), tables(events), subjects, as_of, known_at)
    random = Random(seed)
    names = random.sample(whole.names, random.choice([1, 2, 50, len(whole.names) // 2]))
    few = evaluate(mine(), tables(events), subjects, as_of, known_at, columns=names, workers=2)
    assert few.values.tobytes() == whole.select(names).values.tobytes()
    for row in range(len(asked)):
        one = evaluate(mine(), tables(events), subjects[row : row + 1], as_of[row], known_at[row], columns=names)
        assert one.values.tobytes() == few.values[row : row + 1].tobytes()


@settings(max_examples=40, deadline=None)
@given(HISTORIES, ASKED)
def test_entropy_and_quantiles_equal_the_slow_evaluator(events: Events, asked: list[tuple[str, int, int]]) -> None:
    definitions = Definitions.of([
        Cube(PAID, ("1d", "30d"), NEW, by=("hours", "standing"), up_to=1),
        Cube(BILLED, ("7d", "90d"), NEW, ("total",), by=("sign",), up_to=1), Cube(OWED, ("365d",), NEW, by=("open",)),
    ])  # fmt: skip
    subjects, as_of, known_at = (list(part) for part in zip(*asked, strict=True))
    frame = evaluate(definitions, tables(events), subjects, as_of, known_at)
    for name in frame.names:
        base = definitions.definition(name)
        grain = 2**-24 if isinstance(base, Base) and base.aggregate in OF_SHARES else 0.0
        for row, moment in enumerate(asked):
            wanted = as_float32(value(definitions, name, events, *moment))
            np.testing.assert_allclose(frame[name][row], wanted, rtol=0, atol=grain, err_msg=name)


def test_a_column_named_twice_is_there_twice() -> None:
    empty = tables({key: [] for key in (("payment", "payee"), ("role", "firm"))})
    names = ["my.paid/7d/count", "my.paid/7d/amount_sum", "my.paid/7d/count"]
    assert evaluate(mine(), empty, ["shop"], NOW, NOW, columns=names).names == tuple(names)
