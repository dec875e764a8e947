"""Every night the warning strategies look at every standing line; what they paused comes free as the reasons promise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dandelion.app.usecases import warn
from dandelion.vault import SYSTEM
from support.shop import Town, town

SHOPS = ["m1", "m2", "m3"]


@pytest.fixture
def place(database_url: str, tmp_path: Path) -> Iterator[Town]:
    with town(tmp_path / "lender", database_url, SHOPS) as opened:
        yield opened


def night(place: Town) -> dict[str, Any]:
    found: dict[str, Any] = place.service.post("/v1/rounds/end-of-day", status=200)
    return found


def kinds(done: dict[str, Any]) -> list[str]:
    return [one["kind"] for one in done["warned"]]


def status(place: Town, subject: str, line: str) -> str:
    return str(place.call(subject).get(f"/v1/lines/{line}")["status"])


def warnings_of(place: Town, subject: str) -> list[dict[str, Any]]:
    records = place.house.vault.audit.records(place.house.tenant)
    return [dict(r.detail) for r in records if r.action == "line.warned" and r.subject == subject]


def test_a_shop_that_fell_silent_is_seen_at_night_and_draws_again_when_it_trades(place: Town) -> None:
    line = place.approved("m1")["line"]
    place.later(days=12)
    done = night(place)
    assert done["lines_watched"] == 1 and done["lines_left"] == done["lines_unread"] == 0
    assert {one["line"] for one in done["warned"]} == {line}
    assert kinds(done) == ["freeze", "cut"], "drawing pauses, and a week without trade is a fall by more than half"
    assert status(place, "m1", line) == "frozen"
    again = night(place)
    assert (again["lines_watched"], again["warned"]) == (0, []), "twice a day is once"
    assert place.report(place.payments("m1", 30))["accepted"] == 30
    assert status(place, "m1", line) == "active", "the reason says: by itself, when trade resumes"
    assert [one["kind"] for one in warnings_of(place, "m1")] == ["freeze", "cut", "lift"]
    assert place.house.vault.audit.verify(place.house.tenant).holds


def test_a_pause_for_being_late_ends_with_the_payment(place: Town) -> None:
    line = place.approved("m1")["line"]
    place.prove("m1", line)
    place.call("m1").post("/v1/draws", {"line": line, "amount_fen": 100_000})
    place.pay_out()
    place.later(days=36)
    place.settle(["m1"], days=35, seed=12)  # it goes on trading, and forgets the instalment
    assert kinds(night(place))[0] == "freeze" and warnings_of(place, "m1")[0]["reason"] == "WARN_LATE"
    due = place.call("m1").get(f"/v1/lines/{line}")["due_fen"]
    place.service.post(f"/v1/lines/{line}/repayments", {"amount_fen": due, "source_ref": "bank-1"})
    assert status(place, "m1", line) == "active", warnings_of(place, "m1")


def test_what_a_person_or_a_graver_reason_froze_is_not_lifted(place: Town) -> None:
    lines = {shop: place.approved(shop)["line"] for shop in ("m1", "m2")}
    with place.house.vault.unit_of_work(place.house.tenant) as work:
        place.house.lending.freeze(work, lines["m1"], "WARN_ARRANGED")
        place.house.lending.freeze(work, lines["m2"], "COURT_ORDER_17", actor=SYSTEM)
    place.later(days=1)
    place.report([*place.payments("m1", 30), *place.payments("m2", 30)])
    assert night(place)["lines_watched"] == 2
    assert {status(place, shop, line) for shop, line in lines.items()} == {"frozen"}


def test_a_graver_reason_takes_over_a_pause_that_would_have_lifted(place: Town) -> None:
    line = place.approved("m1")["line"]
    place.later(days=12)
    night(place)
    file = place.root / "strategies" / "warning.yaml"
    file.write_text(file.read_text("utf-8").replace("reason: WARN_QUIET", "reason: WARN_ARRANGED"), "utf-8")
    place.house.reload_policy()
    place.later(days=1)
    assert kinds(night(place)) == ["freeze"]
    place.report(place.payments("m1", 30))
    assert status(place, "m1", line) == "frozen", "documents have to explain it now"


def test_without_consent_a_line_is_counted_and_left_alone(place: Town) -> None:
    line = place.approved("m1")["line"]
    me = place.call("m1")
    me.delete(f"/v1/consents/{me.get('/v1/consents')[0]['grant']}")
    place.later(days=12)
    done = night(place)
    assert (done["lines_watched"], done["lines_unread"], done["warned"]) == (1, 1, [])
    assert status(place, "m1", line) == "active", warnings_of(place, "m1")


def test_one_call_looks_at_so_many_lines_and_says_how_many_are_left(
    place: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warn, "NIGHT_BATCH", 1)
    monkeypatch.setattr(warn, "NIGHT_LINES_MAX", 2)
    for shop in SHOPS:
        place.approved(shop)
    place.later(days=12)
    first = night(place)
    assert (first["lines_watched"], first["lines_left"], kinds(first).count("freeze")) == (2, 1, 2)
    second = night(place)
    assert (second["lines_watched"], second["lines_left"], kinds(second).count("freeze")) == (1, 0, 1)
    place.later(days=1)
    assert night(place)["lines_left"] == 1, "the next day begins anew"


def test_a_watch_that_dies_goes_on_behind_the_last_batch(place: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warn, "NIGHT_BATCH", 1)
    for shop in SHOPS:
        place.approved(shop)
    place.later(days=12)
    real, seen = warn._watch_line, []

    def dying(*line: Any) -> Any:
        seen.append(line)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return real(*line)

    monkeypatch.setattr(warn, "_watch_line", dying)
    with pytest.raises(KeyboardInterrupt):
        warn.watch_standing(place.house, place.house.tenant, warn_day(place))
    monkeypatch.setattr(warn, "_watch_line", real)
    rest = warn.watch_standing(place.house, place.house.tenant, warn_day(place))
    assert (rest.watched, {one["kind"] for one in rest.warned}) == (1, {"freeze", "cut"})


def warn_day(place: Town) -> Any:
    from datetime import timedelta

    from dandelion.core import day_of

    return day_of(place.house.clock.now(), place.house.pack.time_zone) - timedelta(days=1)
