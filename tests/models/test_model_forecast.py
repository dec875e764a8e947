"""The turnover forecast: exact money, an interval that covers, a baseline beside it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from model_samples import DATA, column, spec

from dandelion.core import DAY_US, BadInput, Frame, MoneyColumn
from dandelion.models import Forecast, RunRate, forecast_card, judge_forecast, train_forecast
from dandelion.models.registry import Registry

BASE = RunRate("sample/received_56d", 56)
QUICK = {"forecast": {"rounds": 80}}


def shops(rows: int, seed: int) -> tuple[Frame, np.ndarray]:
    """Growth is visible in one column; the spread of what comes depends on another."""
    random = np.random.default_rng(seed)
    received = np.rint(np.exp(random.normal(14, 1, rows))).astype(np.int64)
    growth, wild = random.normal(0, 0.3, rows), random.uniform(0.05, 0.5, rows)
    came = received * 182 / 56 * np.exp(0.8 * growth + random.normal(0, 1, rows) * wild)
    names = ("sample/growth", "sample/wild")
    valid = random.random(rows) > 0.03
    frame = Frame.of(
        [f"s{seed}_{i}" for i in range(rows)], np.zeros(rows), np.zeros(rows),
        dict(zip(names, (growth, wild), strict=True)),
        {name: column(name) for name in (*names, BASE.column)},
        {BASE.column: MoneyColumn(np.where(valid, received, 0), valid)},
    )  # fmt: skip
    return frame, np.rint(came).astype(np.int64)


@pytest.fixture(scope="module")
def trained():
    return train_forecast(*shops(4000, 1), BASE, spec(**QUICK))


def test_the_interval_covers_what_it_promises_and_the_middle_beats_the_run_rate(trained):
    judged = judge_forecast(trained, *shops(4000, 2))
    assert 0.77 <= judged.coverage <= 0.84  # the margin itself is drawn from 1,000 rows
    assert judged.wape < 0.95 * judged.wape_naive and abs(judged.bias) < 0.08


def test_a_wild_shop_gets_a_wider_interval(trained):
    frame, _ = shops(2000, 3)
    said = trained.predict(frame)
    width = (said.q90 - said.q10) / np.maximum(said.q50, 1)
    wild = frame["sample/wild"]
    assert width[wild > 0.4].mean() > 2 * width[wild < 0.15].mean()


def test_quantiles_stand_in_order_in_whole_fen_and_rows_without_a_run_rate_say_so(trained):
    frame, _ = shops(1000, 4)
    said = trained.predict(frame)
    assert said.q10.dtype == said.q50.dtype == said.q90.dtype == np.int64
    assert (said.q10 <= said.q50).all() and (said.q50 <= said.q90).all()
    empty = ~frame.money[BASE.column].valid
    assert (said.valid == ~empty).all() and (said.q90[empty] == 0).all() and empty.any()


def test_large_money_stays_exact_and_scales(trained):
    frame, _ = shops(50, 5)
    money = frame.money[BASE.column]
    base = np.where(money.valid, 56 * 10**6, 0)
    small = trained.predict(replace(frame, money={BASE.column: MoneyColumn(base, money.valid)}))
    large = trained.predict(replace(frame, money={BASE.column: MoneyColumn(base * 10**6, money.valid)}))
    assert (large.q50 == small.q50 * 10**6).all()


def test_a_forecast_is_registered_like_a_model_and_gives_the_same_fen(trained, tmp_path):
    frame, came = shops(500, 6)
    card = forecast_card(trained, judge_forecast(trained, frame, came), spec())
    registry = Registry(tmp_path)
    ref = registry.publish("turnover", trained, card)
    again = registry.load(ref.hash)
    assert isinstance(again, Forecast) and card.passed and "covered" in card.to_markdown()
    assert (again.predict(frame).q90 == trained.predict(frame).q90).all()
    assert registry.promote("turnover", ref.hash, "zhao") == ref


def test_the_order_of_rows_changes_nothing(trained):
    frame, came = shops(4000, 1)
    order = np.random.default_rng(0).permutation(4000)
    assert train_forecast(frame.take(order), came[order], BASE, spec(**QUICK)).hash == trained.hash


def test_bad_targets_and_absent_money_are_named(trained):
    frame, came = shops(200, 7)
    with pytest.raises(BadInput, match="target_fen"):
        train_forecast(frame, -came, BASE, spec())
    with pytest.raises(BadInput, match="no exact money column"):
        trained.predict(replace(frame, money={}))
    with pytest.raises(BadInput, match="50 are needed"):
        train_forecast(frame.take(np.arange(60)), came[:60], BASE, spec())


def test_real_shops_are_covered_half_a_year_ahead():
    file = DATA / "koubei" / "daily_payments.parquet"
    if not file.exists():
        pytest.skip("daily payments of real shops are not here; set DANDELION_DATA (docs/data.md)")
    table = pq.read_table(file)
    day = table["date"].cast("int32").to_numpy()
    shop = table["shop_id"].to_numpy()
    first, last = int(day.min()), int(day.max()) + 1
    counts = np.zeros((shop.max() + 1, last - first))
    np.add.at(counts, (shop, day - first), table["payments"].to_numpy())
    horizon, origins = 91, (70, 98, 126, 217)  # the last origin is judged; the others' targets end before it

    def at(origin: int) -> tuple[Frame, np.ndarray]:
        def back(days: int) -> np.ndarray:
            return counts[:, max(0, origin - days) : origin].sum(axis=1)

        open_ = (counts[:, origin - 28 : origin] > 0).sum(axis=1) >= 21
        month = np.maximum(back(28), 1)
        weekly = counts[:, origin - 28 : origin].reshape(len(counts), 4, 7).sum(axis=2)
        columns = {
            "sample/log_month": np.log(month), "sample/week_to_month": np.log((4 * back(7) + 1) / month),
            "sample/month_to_two": np.log(2 * month / np.maximum(back(56), 1)),
            "sample/days_open": (counts[:, origin - 56 : origin] > 0).sum(axis=1),
            "sample/unrest": weekly.std(axis=1) / (weekly.mean(axis=1) + 1),
        }  # fmt: skip
        n = len(counts)
        frame = Frame.of(
            [f"shop{i}" for i in range(n)], np.full(n, (first + origin) * DAY_US), np.full(n, (first + origin) * DAY_US),
            columns, {name: column(name) for name in (*columns, BASE.column)},
            {BASE.column: MoneyColumn((100 * back(56)).astype(np.int64), back(56) > 0)},
        )  # fmt: skip
        target = (100 * counts[:, origin : origin + horizon].sum(axis=1)).astype(np.int64)
        return frame.take(open_), target[open_]

    past = [at(origin) for origin in origins[:-1]]
    frame = past[0][0]
    values = np.concatenate([f.values for f, _ in past])
    entity = np.concatenate([f.entity for f, _ in past])
    as_of = np.concatenate([f.as_of for f, _ in past])
    money = [f.money[BASE.column] for f, _ in past]
    joined = Frame(
        entity, as_of, as_of, frame.names, values, frame.catalogue,
        {BASE.column: MoneyColumn(np.concatenate([m.fen for m in money]), np.concatenate([m.valid for m in money]))},
    )  # fmt: skip
    settings = spec(forecast={"horizon_days": horizon, "rounds": 100})
    model = train_forecast(joined, np.concatenate([t for _, t in past]), BASE, settings)
    judged = judge_forecast(model, *at(origins[-1]))
    assert judged.rows > 800 and judged.wape < judged.wape_naive < 0.25
    assert 0.75 <= judged.coverage <= 0.88
