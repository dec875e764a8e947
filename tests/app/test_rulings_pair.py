"""Champion and challenger rule over HTTP: taken up whole under load, told in the record, replayed, watched and stopped."""

from __future__ import annotations

import json
import threading
import time

import pytest
from test_publication import ANN, BOB, tighter

from dandelion.app.house import House
from dandelion.app.refreshing import Refreshing
from dandelion.app.replaying import replay
from dandelion.app.usecases import publish
from dandelion.core import PPM
from support.shop import Town, lay_out

PRODUCT = "shop-line"
READS_MORE = """
protects_against: Nothing; a challenger that reads a column more than its champion.
strategies:
  - id: limit.shop.stock_after_fall
    owner: credit-risk
    purpose: A stock bought before a fall is paid from smaller receipts.
    product: shop-line
    stage: limit
    when: trend_30_90 < -0.1
    action: {limit_times_ppm: 800_000}
    reason: TRADE_FALLING
    tests:
      - {given: {trend_30_90: -0.2}, expect: fires}
"""
__all__ = ["tighter"]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A workspace with the eligibility part of the book, watched from 40 decisions on."""
    folder = tmp_path_factory.mktemp("pair")
    root = lay_out(folder / "house", f"sqlite:///{folder}/record.sqlite")
    for file in (root / "strategies").iterdir():
        if file.name not in ("book.yaml", "reasons.yaml", "eligibility.yaml"):
            file.unlink()
    with (root / "dandelion.toml").open("a") as out:
        out.write("\n[publication]\ndecisions_min = 40\napproval_points_max = 101.0\nlook_every_s = 0.0\n")
    return root


@pytest.fixture(name="town")
def _town(root):
    place = Town(root)
    yield place
    place.http.app.state.desk().close()
    place.close()


def shop(town):
    """A row that the champion lets pass, and the tighter book does not, for its 400 days."""
    known = {
        "tenure_days": 400.0, "quiet_days": 0.0, "payments_90d": 900.0, "active_days_30d": 27.0, "payers_90d": 300.0,
        "top_payer_share_90d": 0.05,
    }  # fmt: skip
    columns = town.house.policy.book.columns
    return {"turnover_month_yuan": 50_000.0} | {columns[alias].id: value for alias, value in known.items()}


def body_of(town, answer):
    return json.loads(town.house.vault.decisions.get(town.house.tenant, answer["decision"]).body)


def ask(town, entity):
    return town.service.post("/v1/rulings", {"product": PRODUCT, "entity": entity, "columns": shop(town)})


def until(what, patience_s=60.0):
    end = time.monotonic() + patience_s
    while not what():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def test_publications_under_load_are_taken_up_whole_and_every_record_says_who_ruled(town, tighter):
    """Another process publishes, widens and stops while rulings are asked for; the desk's thread of its own takes it up."""
    other, refreshing = House.open(town.root), Refreshing(town.house, every_s=0.02)
    answers, wrong, stop, given = [], [], threading.Event(), shop(town)

    def load(k):
        n = 0
        while not stop.is_set():
            response = town.service.send(
                "POST", "/v1/rulings",
                {"product": PRODUCT, "entity": f"m{k}-{n}", "columns": given},
            )  # fmt: skip
            if response.status_code != 201:
                wrong.append(response.text)
                return
            answers.append(response.json())
            n += 1

    refreshing.start()
    threads = [threading.Thread(target=load, args=(k,)) for k in range(2)]
    for thread in threads:
        thread.start()
    try:
        champion = town.house.policy.book.hash
        asked = publish.propose(other, ANN, tighter, 300_000, "a third")
        publish.approve(other, BOB, asked.proposal)
        until(lambda: any(a["book"] == asked.book for a in answers) or wrong)
        wider = publish.propose(other, BOB, None, 900_000, "more")
        publish.approve(other, ANN, wider.proposal)
        until(lambda: town.house.policy.rollout.share_ppm == 900_000)
        publish.stop(other, ANN, "enough")
        until(lambda: town.house.policy.rollout is None)
        seen = len(answers)
        until(lambda: len(answers) > seen + 4 or wrong)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        refreshing.stop()
        other.close()
    assert not wrong, wrong
    shares = set()
    for answer in answers:
        body = body_of(town, answer)
        told = body.get("rollout")
        assert body["names"]["book"] == answer["book"] and body["outcome"] == answer["outcome"]
        assert answer["outcome"] == ("passed" if answer["book"] == champion else "declined")
        if told is None:
            assert answer["book"] == champion
            continue
        shares.add(told["share_ppm"])
        challenged = told["bucket_ppm"] < told["share_ppm"]
        assert told["mode"] == ("challenger" if challenged else "champion")
        assert answer["book"] == (asked.book if challenged else champion)
    assert shares == {300_000, 900_000} and answers[-1]["book"] == champion
    by_mode = {body_of(town, a).get("rollout", {}).get("mode"): a["decision"] for a in answers}
    for decision in by_mode.values():
        again = replay(town.house, town.house.tenant, decision)
        assert again.same, again.differences
    assert set(by_mode) == {None, "champion", "challenger"}
    text = town.http.get("/metrics").text
    assert 'ruled_by="challenger"' in text and 'ruled_by="champion"' in text


def test_a_pair_in_bulk_tells_each_book_and_explains_by_it(town, tighter):
    asked = publish.propose(town.house, ANN, tighter, 500_000, "half")
    publish.approve(town.house, BOB, asked.proposal)
    given, entities = shop(town), [f"b-{i}" for i in range(30)]
    body = {"product": PRODUCT, "entities": entities, "columns": list(given), "rows": [list(given.values())] * 30}
    listed = town.service.post("/v1/rulings/bulk", body)["rulings"]
    assert {one["book"] for one in listed} == {town.house.policy.book.hash, asked.book}
    mine = next(one for one in listed if one["book"] == asked.book)
    said = town.call("a", "analyst").get(f"/v1/decisions/{mine['decision']}/explanation")
    assert said["rollout"]["mode"] == "challenger" and "strategies" in said
    assert mine["outcome"] == "declined" and said["rollout"]["other"]["outcome"] == "passed"
    alone = ask(town, mine["entity"])
    told = body_of(town, alone)
    assert {**told, "as_of": 0} == {**body_of(town, mine), "as_of": 0}
    publish.stop(town.house, ANN, "enough")


def test_the_guard_stops_a_challenger_by_its_rulings(town, tighter):
    settings = town.house.settings.publication
    asked = publish.propose(town.house, ANN, tighter, 0, "shadow")
    assert ask(town, "m-0")["book"] != asked.book and body_of(town, ask(town, "m-1"))["rollout"]["mode"] == "champion"
    object.__setattr__(settings, "approval_points_max", 10.0)
    try:
        for i in range(40):
            ask(town, f"g-{i}")
            if town.house.policy.rollout is None:
                break
        until(lambda: town.house.policy.rollout is None)
    finally:
        object.__setattr__(settings, "approval_points_max", 101.0)
    last = publish.told(town.house)[-1]
    assert last["action"] == "book.stopped" and last["by"] == "system" and "on rulings" in last["note"]
    assert "rollout" not in body_of(town, ask(town, "m-2"))


def test_a_challenger_that_fails_leaves_the_ruling_to_the_champion_and_is_stopped(town, tighter, monkeypatch):
    (tighter / "autumn.yaml").write_text(READS_MORE, "utf-8")
    publish.propose(town.house, ANN, tighter, 0, "shadow")
    engine = town.house.policy.ruling_engine(PRODUCT)
    assert len(engine.columns) > len(engine.alone.columns)

    def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(type(engine), "rule", broken)
    answer = ask(town, "m-9")
    assert answer["book"] == engine.champion.book.hash
    assert replay(town.house, town.house.tenant, answer["decision"]).same
    until(lambda: town.house.policy.rollout is None)
    assert "ZeroDivisionError" in publish.told(town.house)[-1]["note"]


def test_a_published_book_that_cannot_be_read_is_refused_once_and_the_next_one_is_taken_up(town, tighter, monkeypatch):
    other, read = House.open(town.root), []
    try:
        asked = publish.propose(other, ANN, tighter, PPM, "all")
        kept = town.house.archive.find("book", asked.book)
        spoilt = kept / "book.yaml"
        good = spoilt.read_bytes()
        publish.approve(other, BOB, asked.proposal)
        spoilt.write_bytes(b"nonsense: [")
        before, load = town.house.policy, town.house._load_policy
        monkeypatch.setattr(town.house, "_load_policy", lambda stands: read.append(stands) or load(stands))
        for _ in range(3):
            assert not town.house.take_up_publication()
        assert len(read) == 1 and town.house.policy is before
        spoilt.write_bytes(good)
        publish.roll_back(other, ANN, "unreadable")
        assert town.house.take_up_publication() and len(read) == 2
        assert town.house.policy.book.hash == before.book.hash
    finally:
        other.close()
