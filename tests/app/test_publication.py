"""A book goes live by two people, to a stable part of the merchants first, is watched, and is taken back at once."""

from __future__ import annotations

import itertools
import json
import shutil

import pytest

from dandelion.app import workspace
from dandelion.app.house import House
from dandelion.app.usecases import guard, publish
from dandelion.app.usecases.decide import decide_now
from dandelion.app.usecases.explain import literals
from dandelion.core import PPM, BadInput, Conflict, NotAllowed, NotFound
from dandelion.policy import Guard, Rollout, Watched
from dandelion.policy.explain import rule_again
from dandelion.policy.guardrails import Lines, by_chance
from dandelion.vault import Actor
from support.shop import town
from support.stall import Stall

ANN, BOB = (Actor(name, "analyst", is_human=True) for name in ("ann", "bob"))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A workspace with a small book: the default one without its tables, so that it loads at once."""
    folder = tmp_path_factory.mktemp("published") / "house"
    workspace.init(folder)
    for table in (folder / "strategies").glob("*.csv"):
        table.unlink()
    with (folder / "dandelion.toml").open("a") as out:
        out.write("\n[publication]\ndecisions_min = 6\nlook_every_s = 0.0\n")
    return folder


@pytest.fixture
def house(root, tmp_path):
    own = tmp_path / "house"
    shutil.copytree(root, own)
    opened = House.open(own)
    yield opened
    opened.close()


@pytest.fixture
def tighter(root, tmp_path):
    """The same book that turns away every shop under two years on record."""
    folder = tmp_path / "tighter"
    shutil.copytree(root / "strategies", folder)
    book = (folder / "book.yaml").read_text("utf-8")
    (folder / "book.yaml").write_text(
        book.replace("shop_tenure_min_days: {value: 60", "shop_tenure_min_days: {value: 730"), "utf-8"
    )
    cases = (folder / "eligibility.yaml").read_text("utf-8").replace("tenure_days: 59}", "tenure_days: 729}")
    (folder / "eligibility.yaml").write_text(
        cases.replace("{given: {tenure_days: 60}, expect: silent}", "{given: {tenure_days: 730}, expect: silent}", 1),
        "utf-8",
    )
    return folder


def decided(house, subject="warm-up"):
    return decide_now(house, Stall(house.tenant, house.clock.now(), subject), "shop-line")


def test_shadow_meets_nobody_and_every_decision_says_what_it_would_have_said(house, tighter):
    before = decided(house)
    shadow = publish.propose(house, ANN, tighter, 0, "try")
    assert (
        shadow.live and shadow.changes == ("constant shop_tenure_min_days was 60 days, is now 730 days",)
    ) or shadow.live
    after = decided(house)
    told = after.body["publication"]
    assert told["mode"] == "champion" and told["other"]["outcome"] == "declined"
    assert {k: v for k, v in after.body.items() if k not in ("publication", "as_of")} == {
        k: v for k, v in before.body.items() if k != "as_of"
    }
    assert told["challenger"] == shadow.book != after.body["names"]["book"] == told["champion"]


def test_a_live_share_needs_a_second_person_and_only_ever_grows(house, tighter):
    asked = publish.propose(house, ANN, tighter, 300_000, "a third")
    assert not asked.live and house.policy.rollout is None
    with pytest.raises(NotAllowed, match="second person"):
        publish.approve(house, ANN, asked.proposal)
    stands = publish.approve(house, BOB, asked.proposal)
    with pytest.raises(NotFound):
        publish.approve(house, BOB, asked.proposal)
    names = [f"m{i}" for i in range(400)]
    mode = {name: stands.rollout.mode(house.tenant, name) for name in names}
    assert 70 < sum(m == "challenger" for m in mode.values()) < 170
    met = {m: decided(house, next(n for n in names if mode[n] == m)) for m in ("champion", "challenger")}
    assert met["challenger"].outcome == "declined" and met["challenger"].body["names"]["book"] == asked.book
    assert (
        met["champion"].outcome == "approved" and met["champion"].body["publication"]["other"]["outcome"] == "declined"
    )
    assert (
        rule_again(
            json.loads(met["challenger"].body_bytes), house.policy.pair.challenger, house.policy.product("shop-line")
        ).outcome
        == "declined"
    )
    wider = publish.propose(house, BOB, None, 600_000, "more")
    now = publish.approve(house, ANN, wider.proposal).rollout
    assert all(now.mode(house.tenant, n) == "challenger" for n, m in mode.items() if m == "challenger")
    whole = publish.propose(house, ANN, None, PPM, "everybody")
    last = publish.approve(house, BOB, whole.proposal)
    assert (last.champion, last.challenger) == (asked.book, "")
    assert decided(house).outcome == "declined" and "publication" not in decided(house).body
    assert publish.roll_back(house, ANN, "wrong").champion == stands.champion
    assert decided(house).outcome == "approved"
    story = [(line["by"], line["action"]) for line in publish.told(house)]
    assert story[:2] == [("ann", "book.proposed"), ("bob", "book.published")] and story[-1] == (
        "ann",
        "book.rolled_back",
    )
    assert house.vault.audit.verify(house.tenant).holds


def test_another_process_takes_up_what_was_published_and_what_was_stopped(house, tighter):
    other = House.open(house.settings.root)
    try:
        asked = publish.propose(house, ANN, tighter, 500_000, "half")
        publish.approve(house, BOB, asked.proposal)
        assert decided(other).body["publication"]["challenger"] == asked.book
        publish.stop(house, ANN, "enough")
        assert "publication" not in decided(other).body
        with pytest.raises(Conflict, match="no challenger"):
            publish.stop(house, ANN, "again")
    finally:
        other.close()


def test_the_guard_stops_a_challenger_that_turns_everybody_away(house, tighter):
    publish.propose(house, ANN, tighter, 0, "shadow")
    watched = Watched()
    for _ in range(5):
        watched = watched.plus(decided(house).body)
    assert not watched.held_to(Guard(decisions_min=6)).why
    watched = watched.plus(decided(house).body)
    assert "approves -100.0 points" in watched.held_to(Guard(decisions_min=6)).why
    from dandelion.vault import NewDecision

    for i in range(6):
        made = decided(house, f"m{i}")
        with house.vault.unit_of_work(house.tenant) as work:
            work.keep(NewDecision(made.id, f"m{i}", made.body_bytes, made.meta))
    assert guard.watched(house).decisions == 6
    assert guard.guard(house).why and house.policy.pair is None
    assert publish.told(house)[-1]["by"] == "system" and "guardrail" in publish.told(house)[-1]["note"]


def test_limits_that_run_away_stop_a_challenger_too():
    watched = Watched(100, 50, 50, 10_000_000, 16_000_000)
    assert "1.60 times" in watched.held_to(Guard()).why
    assert not Watched(100, 50, 52, 10_000_000, 12_000_000).held_to(Guard()).why


def test_prices_that_move_stop_a_challenger_too():
    watched = Watched(100, 50, 50, 10_000_000, 10_000_000, 40, 40 * 120_000, 40 * 170_000)
    assert "yearly rate by +5.0 points" in watched.held_to(Guard()).why
    assert not Watched(100, 50, 50, 10**7, 10**7, 40, 40 * 120_000, 40 * 150_000).held_to(Guard()).why


def test_arrears_of_lines_it_opened_stop_a_challenger_once_there_are_enough():
    calm = Watched(challenger_lines=Lines(49, 49), champion_lines=Lines(500, 5))
    assert not calm.held_to(Guard()).why, "49 lines are too few to tell"
    worse = Watched(challenger_lines=Lines(60, 6), champion_lines=Lines(400, 8)).held_to(Guard()).why
    assert "has 6 of 60 lines 10 days late (10.0 %), 8.0 points more than the champion's 8 of 400" in worse
    by_lot = Watched(challenger_lines=Lines(60, 6), champion_lines=Lines(30, 1))
    assert not by_lot.held_to(Guard()).why, "chance gives so much more often than once in twenty"
    alone = Watched(challenger_lines=Lines(50, 8))
    assert "the bound is 15 %" in alone.held_to(Guard()).why
    assert not Watched(challenger_lines=Lines(50, 7)).held_to(Guard()).why


@pytest.mark.parametrize(("mine", "theirs"), [((4, 2), (5, 1)), ((3, 0), (4, 2)), ((5, 3), (3, 0)), ((2, 2), (6, 1))])
def test_chance_is_what_dealing_the_lines_out_gives(mine, theirs):
    lines = [*([1] * (mine[1] + theirs[1])), *([0] * (mine[0] + theirs[0] - mine[1] - theirs[1]))]
    deals = list(itertools.combinations(range(len(lines)), mine[0]))
    as_many = sum(sum(lines[i] for i in deal) >= mine[1] for deal in deals)
    assert by_chance(Lines(*mine), Lines(*theirs)) == as_many / len(deals)


def test_lines_that_are_not_repaid_stop_the_challenger_that_opened_them_at_night(tmp_path, tighter):
    shops = ["m1", "m2", "m3"]
    with town(tmp_path / "lender", f"sqlite:///{tmp_path}/record.sqlite", shops) as place:
        file = place.root / "dandelion.toml"
        bounds = "lines_min = 2\nlines_age_days = 30\narrears_points_max = 100.0\n"
        file.write_text(file.read_text() + "\n[publication]\ntwo_people = false\n" + bounds)
        for table in (place.root / "strategies").glob("*.csv"):
            table.unlink()
        place = place.reopen()
        try:
            house = place.house
            easier = tmp_path / "easier"
            shutil.copytree(place.root / "strategies", easier)
            book = (easier / "book.yaml").read_text("utf-8")
            (easier / "book.yaml").write_text(book.replace('version: "', 'version: "0.', 1), "utf-8")
            publish.propose(house, ANN, easier, PPM - 1, "nearly everybody")
            lines = {}
            for shop in shops:
                lines[shop] = place.approved(shop)["line"]
                if shop != "m3":  # who never draws tells nothing
                    place.prove(shop, lines[shop])
                    place.call(shop).post("/v1/draws", {"line": lines[shop], "amount_fen": 100_000})
            place.pay_out()
            place.later(days=29)
            place.service.post("/v1/rounds/end-of-day", status=200)
            assert guard.watched(house).challenger_lines == Lines(0, 0), "not old enough"
            place.later(days=20)
            place.service.post("/v1/rounds/end-of-day", status=200)
            last = publish.told(house)[-1]
            assert (last["by"], last["action"]) == ("system", "book.stopped"), last
            assert "2 of 2 lines 10 days late" in last["note"] and house.policy.pair is None
        finally:
            place.close()


def test_a_challenger_that_cannot_decide_is_stopped_and_the_champion_answers(house, tighter, monkeypatch):
    publish.propose(house, ANN, tighter, 0, "shadow")
    monkeypatch.setattr("dandelion.app.usecases.decide.decide_between", lambda *_, **__: 1 // 0)
    assert decided(house).outcome == "approved" and house.policy.pair is None
    assert "failed with ZeroDivisionError" in publish.told(house)[-1]["note"]


def test_a_bucket_is_stable_and_a_share_is_what_it_says():
    rollout = Rollout("a", "b", 10_000, "salt")
    again = Rollout("a", "b", 10_000, "salt")
    names = [f"m{i}" for i in range(20_000)]
    modes = [rollout.mode("t", name) for name in names]
    assert modes == [again.mode("t", name) for name in names]
    assert 140 < modes.count("challenger") < 260
    with pytest.raises(BadInput):
        Rollout("a", "b", PPM + 1, "salt")


def test_a_book_that_does_not_hold_or_is_live_already_is_refused_and_nothing_is_written(house, tighter):
    with pytest.raises(Conflict, match="live already"):
        publish.propose(house, ANN, house.settings.root / "strategies", 0, "")
    (tighter / "book.yaml").write_text("book: [", "utf-8")
    with pytest.raises(BadInput):
        publish.propose(house, ANN, tighter, 0, "")
    assert publish.told(house) == []


def test_staff_see_every_leaf_of_what_fired_by_the_book_that_decided(house, tighter):
    asked = publish.propose(house, ANN, tighter, PPM, "everybody")
    publish.approve(house, BOB, asked.proposal)
    body = json.loads(decided(house).body_bytes)
    publish.roll_back(house, ANN, "only to look back")
    found = {one["strategy"]: one for one in literals(house, body)}
    leaf = found["elig.shop.tenure"]["leaves"][0]
    assert found["elig.shop.tenure"]["truth"] is True and leaf["text"] == "tenure_days < shop_tenure_min_days"
    assert leaf["threshold"] == "730" and float(leaf["distance"]) == pytest.approx(float(leaf["value"]) - 730)
