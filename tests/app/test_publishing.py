"""Who may serve: a model whose gates failed needs a person's words, and nothing is ever half-written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from dandelion.app import learning, workspace
from dandelion.app.cli import app
from dandelion.app.house import House
from dandelion.app.replaying import Replay, _scorers
from dandelion.app.usecases.decide import decide_now
from dandelion.core import DAY_US, BadInput, Frame, MoneyColumn
from dandelion.indicators import standard
from dandelion.models import (
    Dataset,
    Forecast,
    ForecastCard,
    RunRate,
    Spec,
    Trained,
    forecast_card,
    judge_forecast,
    train_forecast,
    train_pd,
)
from support.stall import Stall

NAMES = (
    "payment.received/30d/count", "payment.received/30d/distinct_payers", "payment.received/90d/count",
    "payment.received/7d/count", "payment.received/90d/distinct_payers", "payment.received/180d/count",
)  # fmt: skip
TURNOVER = "turnover.verified/180d"
FAST = {
    "quarantine": {"rows_max": 3000, "lift_columns": 3}, "booster": {"rounds_max": 60, "leaves": 7},
    "split": {"by": "group"}, "forecast": {"rounds": 20},
}  # fmt: skip


@dataclass(frozen=True)
class Learnt:
    """Made-up experience with the standard columns: a PD that passed its gates, a forecast that beats the run-rate."""

    pd: Trained
    forecast: Forecast
    card: ForecastCard

    def failed(self, *, pd: bool = False, forecast: bool = False) -> Learnt:
        """The same, with gates that failed."""
        gates = (replace(self.pd.card.gates[0], passed=False), *self.pd.card.gates[1:])
        worse = replace(self.card.judgement, wape=self.card.judgement.wape_naive + 1.0)
        return Learnt(
            replace(self.pd, card=replace(self.pd.card, gates=gates)) if pd else self.pd,
            self.forecast,
            replace(self.card, judgement=worse) if forecast else self.card,
        )


@pytest.fixture(scope="module")
def learnt() -> Learnt:
    random, rows = np.random.default_rng(3), 3000
    at = np.sort(random.integers(0, 700, rows)) * DAY_US
    x = random.normal(size=(rows, len(NAMES)))
    bad = (random.random(rows) < 1 / (1 + np.exp(2 + x.sum(axis=1) * 0.4))).astype(np.int8)
    turnover = random.integers(100_000, 9_000_000, rows)
    catalogue = standard().catalogue
    columns = {name: x[:, j] for j, name in enumerate(NAMES)} | {TURNOVER: turnover.astype(np.float64)}
    money = {TURNOVER: MoneyColumn(turnover.astype(np.int64), np.ones(rows, np.bool_))}
    shops = [f"shop-{n}" for n in range(rows)]
    frame = Frame.of(shops, at, at, columns, {name: catalogue[name] for name in columns}, money)
    data = Dataset(frame.select(NAMES), bad, at, at + 183 * DAY_US, int(at.max()) + 183 * DAY_US, "made up")
    spec = Spec.load(overrides=FAST)
    target = (turnover * np.exp(0.3 * x[:, 0])).astype(np.int64)
    model = train_forecast(frame, target, RunRate(TURNOVER, 180), spec, 1)
    card = forecast_card(model, judge_forecast(model, frame, target), spec)
    trained = train_pd(data, spec, 1)
    assert trained.card.passed and card.passed, "the samples below make them fail on purpose"
    return Learnt(trained, model, card)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    workspace.init(tmp_path / "house")
    opened = House.open(tmp_path / "house")
    yield opened
    opened.close()


def credit_file(house: House) -> Path:
    return house.settings.root / "products" / "shop-line.credit.yaml"


def dearer(file: Path) -> None:
    """As `economics.write_into` would: half-finished files are what must never be seen."""
    text = file.read_text("utf-8")
    assert "  lgd_ppm: 650_000" in text
    file.write_text(text.replace("  lgd_ppm: 650_000", "  lgd_ppm: 610_000"), "utf-8")


def publish(house: House, learnt: Learnt, **more: object) -> learning.Published:
    return learning.publish(house, "shop-line", learnt.pd, learnt.forecast, learnt.card, "r.zhao", **more)  # type: ignore[arg-type]


def serving(house: House) -> tuple[str, ...]:
    """Champion and forecast; the shadow decides nothing."""
    hashes = house.policy.scorers["shop-line"].hashes
    return tuple(hashes[name] for name in ("pd", "forecast") if name in hashes)


def test_models_that_passed_serve_at_once_and_re_price(house: House, learnt: Learnt) -> None:
    found = publish(house, learnt, reprice=dearer)
    assert found.waiting == () and found.repriced
    assert serving(house) == (learnt.pd.champion.hash, learnt.forecast.hash)
    assert house.policy.product("shop-line").economics.lgd_ppm == 610_000


def test_without_a_note_a_model_whose_gates_failed_is_registered_and_does_not_serve(
    house: House, learnt: Learnt
) -> None:
    before, prices = serving(house), credit_file(house).read_bytes()
    found = publish(house, learnt.failed(pd=True, forecast=True), reprice=dearer)
    assert found.serving == () and found.waiting == ("pd-shop-line", "forecast-turnover") and not found.repriced
    assert serving(house) == before and credit_file(house).read_bytes() == prices
    assert found.pd.hash in house.registry.hashes("pd-shop-line")
    blank = publish(house, learnt.failed(pd=True, forecast=True), note="  \n ")
    assert blank.serving == (), "blanks are no reason"


def test_each_model_is_judged_by_its_own_gates(house: House, learnt: Learnt) -> None:
    found = publish(house, learnt.failed(forecast=True), reprice=dearer)
    assert found.serving == ("pd-shop-line",) and found.waiting == ("forecast-turnover",) and found.repriced
    assert serving(house) == (learnt.pd.champion.hash,)


def test_a_person_s_note_lets_it_serve_and_is_kept_in_the_history(house: House, learnt: Learnt) -> None:
    found = publish(house, learnt.failed(pd=True), note=" pilot of 50 shops ")
    assert found.waiting == ()
    last = house.registry.history("pd-shop-line")[-1]
    assert (last.hash, last.actor, last.note) == (found.pd.hash, "r.zhao", "pilot of 50 shops")


def test_the_estimates_may_be_written_although_no_model_serves(house: House, learnt: Learnt) -> None:
    found = publish(house, learnt.failed(pd=True), reprice=dearer, reprice_anyway=True)
    assert found.repriced and "pd-shop-line" in found.waiting
    assert house.policy.product("shop-line").economics.lgd_ppm == 610_000


def broken(file: Path) -> None:
    file.write_text("product: shop-line\n", "utf-8")


def interrupted(file: Path) -> None:
    file.write_text("prod", "utf-8")
    raise OSError("disk full")


@pytest.mark.parametrize(("reprice", "error"), [(broken, BadInput), (interrupted, OSError)])
def test_figures_that_cannot_be_written_whole_change_nothing(
    house: House, learnt: Learnt, reprice: object, error: type[Exception]
) -> None:
    before, prices = serving(house), credit_file(house).read_bytes()
    with pytest.raises(error):
        publish(house, learnt, reprice=reprice)
    assert (serving(house), credit_file(house).read_bytes()) == (before, prices)
    assert house.reload_policy() and serving(house) == before
    assert not list(house.settings.root.glob(".reprice-*"))


def test_the_command_promotes_by_the_start_of_a_hash_and_only_with_a_note(house: House, learnt: Learnt) -> None:
    found = publish(house, learnt.failed(pd=True))
    words = ["models", "promote", "pd-shop-line", found.pd.hash[:10], "-w", str(house.settings.root)]
    refused = CliRunner().invoke(app, words)
    assert refused.exit_code != 0 and "give a note" in str(refused.exception)
    allowed = CliRunner().invoke(app, [*words, "--note", "pilot of 50 shops", "--by", "r.zhao"])
    assert allowed.exit_code == 0 and "serves from now on" in allowed.stdout
    house.reload_policy()
    assert serving(house)[0] == found.pd.hash


def test_the_challenger_is_scored_beside_the_champion_and_named_in_the_decision(house: House, learnt: Learnt) -> None:
    publish(house, learnt)
    hashes = house.policy.scorers["shop-line"].hashes
    assert hashes["shadow"] == learnt.pd.challenger.hash != hashes["pd"]
    decision = decide_now(house, Stall(house.tenant, house.clock.now()), "shop-line")
    body = json.loads(decision.body_bytes)
    assert body["scores"].keys() == {"pd", "shadow"} and body["names"]["models"] == hashes
    assert set(learnt.pd.challenger.columns) <= set(house.policy.columns("shop-line"))


def test_the_challenger_of_a_model_that_waits_is_registered_and_not_in_shadow(house: House, learnt: Learnt) -> None:
    publish(house, learnt.failed(pd=True))
    assert house.registry.hashes("pd-shop-line-shadow") == (learnt.pd.challenger.hash,)
    assert "shadow" not in house.policy.scorers["shop-line"].hashes


def test_a_replay_without_its_shadow_model_says_which_one_is_gone(house: House, learnt: Learnt) -> None:
    publish(house, learnt)
    names, found = house.policy.scorers["shop-line"].hashes, Replay("d")
    scorers = _scorers(house, names, found)
    assert scorers is not None and scorers.hashes == names and not found.differences
    assert _scorers(house, {**names, "shadow": "0" * 64}, found) is None
    assert [d.name for d in found.differences] == ["shadow 000000000000"]
