"""The whole engine: 500 columns in; 100 models of 100 trees of 31 leaves and 3,000 strategies; a record out, with its id.

A record is what the API keeps: canonical bytes with the row, all scores in parts per million, what fired, what was
unknown, outcome and reasons, and their SHA-256.  Models are those of `bench/trees.py`, strategies those of
`bench/decisions_book.py`, of which one in five hundred declines, one in five hundred asks for evidence, and the others move limit,
price or score, or only tag.
"""

from __future__ import annotations

import numpy as np

from dandelion.models import Inputs, Model, Panel
from dandelion.models.curve import Curve
from dandelion.models.forest import GroveBody, from_lightgbm
from dandelion.policy.book import Book
from dandelion.policy.declarations import ColumnUse
from dandelion.policy.reasons import Reason
from dandelion.policy.records import Place
from dandelion.policy.rulings import RulingEngine
from dandelion.policy.strategy import Action, Strategy
from decisions_book import names, strategies
from trees import model_text

MODELS, STRATEGIES, COLUMNS, BATCH = 100, 3_000, 500, 1_024
HERE = Place("bench", 1)
ACTIONS = (
    Action("limit_times_ppm", 990_000), Action("price_add_ppm", 100), Action("score_add", 5), Action("tag", 0, "seen"),
    Action("limit_cap_fen", 5_000_000),
)  # fmt: skip
STAGES = {"decline": "fraud", "refer": "credit", "limit_times_ppm": "limit", "limit_cap_fen": "limit", "price_add_ppm": "price",
          "score_add": "credit", "tag": "credit"}  # fmt: skip


def calibration(seed: int) -> Curve:
    """About a hundred knots, as a trained model has."""
    x = np.unique(np.random.default_rng(seed).integers(-6_000_000, 6_000_000, 100))
    return Curve.of(lambda raw: 1e6 / (1 + np.exp(-raw / 1e6)), x)


def models(count: int) -> list[Model]:
    """The models of `bench/trees.py`, calibrated, over columns c000 to c499."""
    inputs = Inputs(tuple(names(COLUMNS)), ("",) * COLUMNS)
    return [
        Model(
            "forest",
            inputs,
            GroveBody(from_lightgbm(model_text(seed), COLUMNS)),
            calibration(seed),
            "bench",
            {"seed": seed},
        )
        for seed in range(count)
    ]


def action(place: int) -> Action:
    if place % 500 == 7:
        return Action("decline")
    return Action("refer", 0, f"paper{place % 6}") if place % 500 == 8 else ACTIONS[place % len(ACTIONS)]


def book(count: int) -> Book:
    """The strategies of `bench/decisions_book.py` as a book."""
    found = []
    for place, one in enumerate(strategies(count, COLUMNS, seed=1)):
        act = action(place)
        found.append(
            Strategy(
                f"bench.s{place:04d}",
                "bench",
                "bench",
                "*",
                STAGES[act.kind],
                one.text(),
                one.condition(),
                act,
                f"REASON_{place % 40}",
                100,
                "live",
                1_000_000,
                "*",
                0,
                2**62,
                (),
                HERE,
            )
        )
    reasons = {f"REASON_{k}": Reason(f"REASON_{k}", "理由", "reason", "无", "none") for k in range(40)}
    columns = {name: ColumnUse(name, name, "", HERE) for name in names(COLUMNS)}
    return Book(
        name="bench", version="1", timezone="Asia/Shanghai", columns=columns, scores={}, constants={}, industries={},
        levers={}, vouchers={}, experiment="", arms=(), reasons=reasons, strategies=tuple(found), hash="b" * 64,
    )  # fmt: skip


def engine(strategy_count: int = STRATEGIES, model_count: int = MODELS) -> RulingEngine:
    panel = Panel.pack(models(model_count))
    scores = ["pd", *(f"score-{k:03d}" for k in range(1, model_count))]
    return RulingEngine.of(book(strategy_count), "shop-line", panel, scores, definitions={})
