"""The judge of the demo's policy: it finds a gain that is there and none where there is none, at equal volume."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dandelion.app.cli.demo.judge import Verdict, judge
from dandelion.app.cohort import Offers
from dandelion.core import DAY_US, PPM
from dandelion.core.frame import Ints
from dandelion.policy import Product
from dandelion.world import Outcomes, build
from dandelion.world.almanac import Almanac

CREDIT = Path(__file__).parents[2] / "src/dandelion/defaults/products/shop-line.credit.yaml"
TURNOVER_FEN = 1_000_000
WORLD = {"people": 2_000, "months": 12, "seed": 11}


@pytest.fixture(scope="module")
def product() -> Product:
    return Product.load(CREDIT)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    folder = tmp_path_factory.mktemp("judged")
    build(folder, **WORLD)
    return Outcomes(folder)


@pytest.fixture(scope="module")
def at() -> int:
    return int(Almanac(WORLD["months"]).starts_us[0]) + 200 * DAY_US


def shown_pd(world: Outcomes, at: int, product: Product) -> Ints:
    """What other futures than the judged ones say of each merchant, in parts per million."""
    bad = np.zeros(len(world.merchants))
    for future in range(24):
        lived = world.realise(
            world.merchants, at, product.limit_min_fen, int(product.rates[0]), stream=f"shown-{future}"
        )
        bad += lived["bad"]
    return ((bad + 0.5) / 25 * PPM).astype(np.int64)


def offered(world: Outcomes, product: Product, pd_ppm: Ints, at: int, order: Ints) -> Offers:
    """The half with the lower PD gets twice the smallest limit, at the lowest rate; rows in the order asked for."""
    merchant, count, pd = np.array(world.merchants, object)[order], len(order), pd_ppm[order]
    limit = np.where(pd <= np.median(pd), product.limit_min_fen * 2, 0).astype(np.int64)
    return Offers(
        merchant, np.full(count, at, np.int64), limit, np.full(count, int(product.rates[0]), np.int64), pd,
        np.full(count, TURNOVER_FEN, np.int64), np.full(count, "approve", object), np.full(count, frozenset(), object),
    )  # fmt: skip


@pytest.fixture(scope="module")
def judged(world: Outcomes, product: Product, at: int) -> tuple[Verdict, Verdict]:
    """The verdict on a PD that knows, and on the same cohort in another order of rows."""
    pd = shown_pd(world, at, product)
    straight, mixed = np.arange(len(pd)), np.random.default_rng(3).permutation(len(pd))
    first, second = (judge(product, offered(world, product, pd, at, o), world, 0.5, seed=1) for o in (straight, mixed))
    return first, second


def test_a_pd_that_knows_gains_by_its_ranking_and_by_whom_it_lends_to(judged: tuple[Verdict, Verdict]) -> None:
    verdict, _ = judged
    for total, low, high in (verdict.ranking, *verdict.gains.values()):
        assert 0 < low <= total <= high


def test_a_pd_drawn_by_lot_gains_nothing_as_often_as_the_interval_says(
    world: Outcomes, product: Product, at: int
) -> None:
    count, held = len(world.merchants), 0
    for seed in range(12):
        pd = np.random.default_rng(seed).integers(10_000, 200_000, count)
        verdict = judge(product, offered(world, product, pd, at, np.arange(count)), world, 0.5, seed=seed)
        held += verdict.ranking[1] <= 0 <= verdict.ranking[2]
    assert held >= 10  # of 12 at 95 %: fewer than 10 happens once in fifty times


def test_every_policy_lends_the_same_volume(judged: tuple[Verdict, Verdict]) -> None:
    verdict, _ = judged
    for rival in (verdict.approve_all, verdict.turnover_multiple):
        rows = len(rival.profit_by_merchant)
        assert verdict.policy.volume_fen - 100 * rows <= rival.volume_fen <= verdict.policy.volume_fen


def test_the_order_of_rows_decides_nothing_though_many_share_the_median(judged: tuple[Verdict, Verdict]) -> None:
    verdict, mixed = judged
    rows = len(verdict.policy.profit_by_merchant)
    assert abs(verdict.ranking[0] - mixed.ranking[0]) <= rows  # the shares of the tied are rounded to a fen each
    assert verdict.policy.profit_fen == mixed.policy.profit_fen
    assert verdict.gains["approve_all"][0] == mixed.gains["approve_all"][0]


def test_a_verdict_that_was_kept_reads_back_the_same(judged: tuple[Verdict, Verdict], tmp_path: Path) -> None:
    verdict, _ = judged
    file = tmp_path / "verdict.json"
    file.write_text(json.dumps(verdict.as_json()))
    assert Verdict.load(file).as_json() == json.loads(file.read_text()) | {
        "gains": verdict.gains, "ranking": verdict.ranking,
    }  # fmt: skip


def test_where_nobody_is_lent_to_nothing_is_gained(world: Outcomes, product: Product, at: int) -> None:
    count = len(world.merchants)
    none = offered(world, product, np.full(count, 10_000), at, np.arange(count))
    nothing = Offers(
        none.merchant, none.at, np.zeros_like(none.limit_fen), none.rate_ppm, none.pd_ppm, none.turnover_month_fen,
        none.outcome, none.stages,
    )  # fmt: skip
    verdict = judge(product, nothing, world, 0.5, seed=1)
    assert verdict.policy.profit_fen == 0 and verdict.policy.approval_rate == 0
    assert all(gain == (0, 0, 0) for gain in verdict.gains.values())
    assert verdict.ranking[0] in range(-count, count + 1)  # all alike: no better half
