"""One merchant's whole story over HTTP, on both databases; and the people beside it: declined, contesting, erased."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dandelion.app.replaying import replay
from support.shop import IDENTITY, Town, town


@pytest.fixture
def place(database_url: str, tmp_path: Path) -> Iterator[Town]:
    with town(tmp_path / "lender", database_url, ["m1", "m2"]) as opened:
        yield opened


def audited_people(place: Town, subject: str) -> set[str]:
    return place.house.vault.audit.people(place.house.tenant, subject=subject)


def test_a_merchant_goes_the_whole_straight_line(place: Town) -> None:
    me, bank = place.call("m1"), place.service
    grant = place.consent("m1")
    told = me.post("/v1/applications", {"product": "shop-line"})
    assert told["outcome"] == "approved" and told["limit_fen"] > 0 and told["annual_rate_ppm"] > 0
    assert 1 <= len(told["reasons"]) <= 4
    assert all(reason["change"]["en"] and reason["change"]["zh"] for reason in told["reasons"])
    line = told["line"]

    open_conditions = me.get(f"/v1/lines/{line}")["before_a_draw"]
    assert [c["condition"] for c in open_conditions] == ["identity", "payout_account", "contract", "use_of_money"]
    place.prove("m1", line)
    assert me.get(f"/v1/lines/{line}")["before_a_draw"] == []

    quote = me.post("/v1/quotes", {"line": line, "amount_fen": 300_000, "days": 50}, status=200)
    assert quote["annual_simple_rate_ppm"] == told["annual_rate_ppm"]
    assert next(iter(quote)) == "annual_simple_rate_ppm" and "年化利率" in quote["in_words"][0]
    assert sum(row["total_fen"] for row in quote["instalments"]) == 300_000 + quote["total_cost_fen"]
    by_schedule = me.post("/v1/quotes", {"line": line, "amount_fen": 300_000}, status=200)
    assert len(by_schedule["instalments"]) == 12

    drawn = me.post("/v1/draws", {"line": line, "amount_fen": 300_000})
    assert me.get(f"/v1/lines/{line}")["hold_fen"] == 300_000
    place.pay_out()
    assert me.get(f"/v1/draws/{drawn['drawdown']}")["status"] == "paid"
    assert place.house.rail.balance(place.house.rail.transfers()[0][0].account) == 300_000
    shown = me.get(f"/v1/lines/{line}")
    assert shown["owed_fen"] == 300_000 and shown["available_fen"] == told["limit_fen"] - 300_000

    place.later(days=1)
    assert place.report(place.payments("m1", 60))["accepted"] == 60
    progress = me.get(f"/v1/lines/{line}")["progress"]
    assert progress["valid_payments"] == 60 and progress["payers"] == 40 and progress["steps"] == 2
    assert place.service.post("/v1/rounds/raise-day", status=200)["held"] == [{"line": line, "why": "not_due"}]
    place.later(days=9)
    place.settle(["m1"], days=8, seed=12)  # the shop went on trading
    raised = bank.post("/v1/rounds/raise-day", status=200)
    assert [r["line"] for r in raised["raised"]] == [line], raised
    assert raised["raised"][0]["limit_fen"] > told["limit_fen"]
    again = bank.post("/v1/rounds/raise-day", status=200)
    assert again["raised"] == [] and me.get(f"/v1/lines/{line}")["limit_fen"] == raised["raised"][0]["limit_fen"]

    place.later(days=25)
    closed = bank.post("/v1/rounds/end-of-day", status=200)
    assert closed["lines"] >= 1 and closed["interest_fen"] > 0
    assert bank.post("/v1/rounds/end-of-day", status=200)["interest_fen"] == 0
    shown = me.get(f"/v1/lines/{line}")
    assert shown["due_fen"] > 0 and shown["days_past_due"] > 0 and shown["owed_fen"] > 300_000
    # principal x rate / 360 for every day since the money came, the sub-fen rest rounded once
    days = round(shown["interest_fen"] * 360 * 1_000_000 / (300_000 * told["annual_rate_ppm"]))
    assert days == 35

    body = {"amount_fen": shown["due_fen"], "source_ref": "bank-1"}
    bank.post(f"/v1/lines/{line}/repayments", body)
    assert me.get(f"/v1/lines/{line}")["due_fen"] == 0
    rest = me.get(f"/v1/lines/{line}")["owed_fen"]
    bank.post(f"/v1/lines/{line}/repayments", {"amount_fen": rest, "source_ref": "bank-2"})
    bank.post(f"/v1/lines/{line}/repayments", {"amount_fen": rest, "source_ref": "bank-2"})  # the bank says it twice
    assert me.get(f"/v1/lines/{line}")["owed_fen"] == 0 and me.get(f"/v1/lines/{line}")["credit_fen"] == 0
    statement = me.get(f"/v1/lines/{line}/statement")
    assert sum(entry["amount_fen"] for row in statement["rows"] for entry in row["entries"]) == 0

    why = me.get(f"/v1/decisions/{told['decision']}/explanation")
    assert why["reasons"] == told["reasons"] and "scores" not in why and "strategies" not in why
    more = why["what_if"]
    assert more["of"] == "limit" and more["model_asked"] and more["searched_whole"], more
    assert all(one["more_fen"] > 0 and one["zh"].startswith("如果") for one in (more["nearest"], *more["alone"]) if one)
    staff = place.call("officer", "auditor").get(f"/v1/decisions/{told['decision']}/explanation")
    assert staff["strategies"] and staff["scores"]["pd"] > 0
    for kept in place.house.vault.decisions.of(place.house.tenant, "m1"):  # the application and the raise
        assert replay(place.house, place.house.tenant, kept.decision_id).same

    assert {one["kind"] for one in closed["warned"]} == {"freeze", "cut"}  # no trade for 25 days, and late
    assert me.post("/v1/draws", {"line": line, "amount_fen": 100_000}, status=409)["error"]["code"] == "conflict"
    place.report(place.payments("m1", 60, name="back"))  # it opens again, and so does the line
    me.post("/v1/draws", {"line": line, "amount_fen": 100_000})
    place.pay_out()
    me.delete(f"/v1/consents/{grant}")
    assert me.post("/v1/draws", {"line": line, "amount_fen": 100_000}, status=409)["error"]["field"] == "consent"
    refused = me.post("/v1/applications", {"product": "invoice-line"}, status=403)
    assert refused["error"]["code"] == "consent_missing"
    shown = me.get(f"/v1/lines/{line}")
    assert shown["owed_fen"] == 100_000 and shown["progress"] is None
    assert replay(place.house, place.house.tenant, told["decision"]).same  # retained for audit and dispute

    with place.house.vault.database.read() as connection:
        assert place.house.lending.trial_balance(connection, place.house.tenant).holds
    assert place.house.vault.audit.verify(place.house.tenant).holds
    assert audited_people(place, "m1") == set()


def test_a_restart_loses_nothing(place: Town) -> None:
    told = place.approved("m1")
    place.prove("m1", told["line"])
    key = "draw-before-restart"
    drawn = place.call("m1").post("/v1/draws", {"line": told["line"], "amount_fen": 100_000}, key=key)
    before = place.call("m1").get(f"/v1/lines/{told['line']}")
    decided = place.call("m1").get(f"/v1/decisions/{told['decision']}")
    anew = place.reopen()
    try:
        me = anew.call("m1")
        after = me.get(f"/v1/lines/{told['line']}")
        assert after["hold_fen"] == before["hold_fen"] == 100_000 and after["limit_fen"] == before["limit_fen"]
        assert me.get(f"/v1/decisions/{told['decision']}") == decided
        assert me.post("/v1/draws", {"line": told["line"], "amount_fen": 100_000}, key=key) == drawn
        anew.pay_out()  # the outbox remembered
        assert me.get(f"/v1/draws/{drawn['drawdown']}")["status"] == "paid"
        assert replay(anew.house, anew.house.tenant, told["decision"]).same
    finally:
        anew.close()


def test_unmet_conditions_are_named_one_and_all(place: Town) -> None:
    told = place.approved("m1")
    me, line = place.call("m1"), told["line"]
    account = {"account_number": "6222000011112222", "bank": "ICBC"}
    assert me.post("/v1/payout-account", account, status=409)["error"]["field"] == "identity"
    refused = me.post("/v1/draws", {"line": line, "amount_fen": 100_000}, status=409)["error"]
    assert refused["code"] == "condition_unmet"
    me.post("/v1/identity", IDENTITY)
    me.post("/v1/payout-account", account)
    text = me.get(f"/v1/lines/{line}/contract")
    assert me.post(f"/v1/lines/{line}/contract", {"sha256": "0" * 64}, status=409)["error"]["field"]
    me.post(f"/v1/lines/{line}/contract", {"sha256": text["sha256"]})
    refused = me.post("/v1/draws", {"line": line, "amount_fen": 100_000}, status=409)["error"]
    assert "use" in refused["message"]
    me.post(f"/v1/lines/{line}/use", {"use": "stock"})
    me.post("/v1/draws", {"line": line, "amount_fen": 100_000})


def test_a_second_application_for_an_open_line_is_a_conflict_and_keeps_no_decision(place: Town) -> None:
    place.approved("m1")
    before = len(place.house.vault.decisions.of(place.house.tenant, "m1"))
    refused = place.call("m1").post("/v1/applications", {"product": "shop-line"}, status=409)
    assert refused["error"]["field"] == "product"
    assert len(place.house.vault.decisions.of(place.house.tenant, "m1")) == before


def test_more_than_the_limit_cannot_be_drawn(place: Town) -> None:
    told = place.approved("m1")
    place.prove("m1", told["line"])
    me = place.call("m1")
    assert me.send("POST", "/v1/draws", {"line": told["line"], "amount_fen": told["limit_fen"] + 1}).status_code == 409
    half = told["limit_fen"] // 2
    me.post("/v1/draws", {"line": told["line"], "amount_fen": half})
    me.post("/v1/draws", {"line": told["line"], "amount_fen": half})
    assert me.send("POST", "/v1/draws", {"line": told["line"], "amount_fen": 10_000}).status_code == 409


def test_a_declined_merchant_is_told_what_would_change_it_and_an_analyst_may_overturn(place: Town) -> None:
    place.consent("newcomer")
    me = place.call("newcomer")
    told = me.post("/v1/applications", {"product": "shop-line"})
    assert told["outcome"] == "declined" and told["line"] is None and told["contestable"]
    assert told["reasons"] and all(r["kind"] == "decline" and r["change"]["en"] for r in told["reasons"])

    contest = me.post(f"/v1/decisions/{told['decision']}/contests", {"statement": "我刚换了收款码"})["contest"]
    answer = {"outcome": "overturned", "note": "saw the old code's statements", "limit_fen": 200_000}
    analyst = place.call("analyst-7", "analyst")
    path = f"/v1/contests/{contest}/resolution"
    assert me.send("POST", path, {**answer, "rate_ppm": 150_000}).status_code == 403
    assert analyst.send("POST", path, answer).status_code == 422  # without a rate
    assert analyst.send("POST", path, {**answer, "rate_ppm": 900_000}).status_code == 422  # above the cap
    assert analyst.send("POST", path, {**answer, "limit_fen": 10**10, "rate_ppm": 150_000}).status_code == 422
    line = analyst.post(path, {**answer, "rate_ppm": 150_000})["line"]
    assert analyst.send("POST", path, {"outcome": "upheld", "note": "again"}).status_code == 409
    assert me.get(f"/v1/lines/{line}")["limit_fen"] == 200_000
    assert me.get(f"/v1/decisions/{told['decision']}")["outcome"] == "declined"  # the decision itself stays
    why = me.get(f"/v1/decisions/{told['decision']}/explanation")
    assert why["what_if"]["of"] == "outcome" and why["what_if"]["alone"] == []
    assert [c["outcome"] for c in why["contests"]] == ["overturned"]
    assert audited_people(place, "newcomer") == {"analyst-7"}
    place.prove("newcomer", line)
    me.post("/v1/draws", {"line": line, "amount_fen": 100_000})


def test_an_erased_merchant_is_forgotten_and_still_owes(place: Town) -> None:
    told = place.approved("m1")
    place.prove("m1", told["line"])
    me = place.call("m1")
    me.post("/v1/draws", {"line": told["line"], "amount_fen": 100_000})
    place.pay_out()
    assert place.call("m2").send("DELETE", "/v1/subjects/m1").status_code == 403
    key = "erase-me-please"
    first = me.send("DELETE", "/v1/subjects/m1", key=key)
    assert first.status_code == 200
    assert me.send("DELETE", "/v1/subjects/m1", key=key).content == first.content
    assert me.send("GET", f"/v1/decisions/{told['decision']}").status_code == 410
    assert me.send("POST", "/v1/applications", {"product": "shop-line"}).status_code in (403, 410)
    assert me.send("POST", "/v1/draws", {"line": told["line"], "amount_fen": 100_000}).status_code in (403, 409, 410)
    assert place.call("auditor", "auditor").get(f"/v1/lines/{told['line']}")["owed_fen"] == 100_000
    with place.house.vault.database.read() as connection:
        assert place.house.lending.trial_balance(connection, place.house.tenant).holds


def test_activity_names_bad_rows_keeps_good_ones_and_counts_none_twice(place: Town) -> None:
    rows = place.payments("m1", 10)
    rows[3]["amount_fen"] = "many"
    rows[5]["at"] = "yesterday"
    rows[7] = {"source_id": 7}
    rows[8]["tip_fen"] = 200  # a field of nobody's version
    first = place.report(rows)
    assert first["accepted"] == 6, first
    assert [r["row"] for r in first["rejected"]] == [3, 5, 7, 8]
    assert all(r["field"] and r["reason"] for r in first["rejected"])
    assert "payment version 1 has no such field" in first["rejected"][-1]["reason"]
    assert "amount_fen" in first["rejected"][-1]["reason"], "the names it does have"
    assert place.report(rows)["accepted"] == 0 and place.report(rows)["duplicates"] == 6
    del rows[8]["tip_fen"]
    assert place.report(rows)["accepted"] == 1, "the row goes in once it is corrected"


def test_a_shop_gone_quiet_is_warned_once_and_its_debt_stays(place: Town) -> None:
    told = place.approved("m1")
    place.prove("m1", told["line"])
    place.call("m1").post("/v1/draws", {"line": told["line"], "amount_fen": 200_000})
    place.pay_out()
    place.later(days=20)  # nothing comes in; then many inquiries elsewhere
    inquiries = [
        {"source_id": f"i{n}", "at": "2025-07-19T00:00:00Z", "person": "m1", "reason": "loan", "lender": f"l{n}"}
        for n in range(8)
    ]
    body = {"kind": "credit_inquiry", "source": "bureau", "events": inquiries}
    reported = place.service.post("/v1/activity", body, status=202)
    assert reported["accepted"] == 8, reported
    shown = place.call("m1").get(f"/v1/lines/{told['line']}")
    assert shown["status"] == "frozen" and shown["owed_fen"] > 200_000
    limit = shown["limit_fen"]
    assert limit < told["limit_fen"]
    inquiries[0]["source_id"] = "i99"
    place.service.post("/v1/activity", {**body, "events": inquiries[:1]}, status=202)
    assert place.call("m1").get(f"/v1/lines/{told['line']}")["limit_fen"] == limit  # one warning cuts once


def test_simultaneous_applications_open_one_line(place: Town) -> None:
    place.consent("m1")
    body = {"product": "shop-line"}
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _n: place.call("m1").send("POST", "/v1/applications", body), range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert len(place.house.vault.decisions.of(place.house.tenant, "m1")) == 1
    with place.house.vault.database.read() as connection:
        assert len(place.house.lending.lines_of(connection, place.house.tenant, "m1", place.house.clock.now())) == 1


def test_simultaneous_draws_under_one_key_move_money_once_and_never_more_than_the_limit(place: Town) -> None:
    told = place.approved("m1")
    place.prove("m1", told["line"])
    body = {"line": told["line"], "amount_fen": told["limit_fen"] // 2 + 10_000}
    keys = ["same-intention"] * 4 + [f"other-intention-{n}" for n in range(4)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda key: place.call("m1").send("POST", "/v1/draws", body, key=key), keys))
    drawn = {answer.json()["drawdown"] for answer in answers if answer.status_code == 201}
    assert len(drawn) == 1 and {answer.status_code for answer in answers} == {201, 409}
    place.pay_out()
    assert [order.amount_fen for order, _answer in place.house.rail.transfers()] == [body["amount_fen"]]
