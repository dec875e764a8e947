"""Every door of the API, taken from its own route table: who may pass, what is refused, and what never leaks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dandelion.app.access import ROLES, issue_token
from dandelion.app.api.application import create_app
from dandelion.core import new_id
from support.postgres import Cluster
from support.shop import ACCOUNT, IDENTITY, Caller, Town, town

MERCHANT, EVERYBODY = {"merchant"}, set(ROLES)
ROUNDS = {"service", "operator"}
WHO: dict[tuple[str, str], set[str]] = {
    ("POST", "/v1/consents"): MERCHANT,
    ("GET", "/v1/consents"): MERCHANT,
    ("DELETE", "/v1/consents/{grant}"): MERCHANT,
    ("POST", "/v1/applications"): MERCHANT,
    ("GET", "/v1/decisions/{decision}"): EVERYBODY,
    ("GET", "/v1/decisions/{decision}/explanation"): EVERYBODY,
    ("POST", "/v1/decisions/{decision}/replay"): EVERYBODY,
    ("POST", "/v1/decisions/{decision}/contests"): MERCHANT,
    ("POST", "/v1/contests/{contest_id}/resolution"): {"analyst"},
    ("DELETE", "/v1/subjects/{subject}"): {"operator"},  # and the subject itself
    ("POST", "/v1/identity"): MERCHANT,
    ("POST", "/v1/payout-account"): MERCHANT,
    ("GET", "/v1/lines/{line}/contract"): EVERYBODY,
    ("POST", "/v1/lines/{line}/contract"): MERCHANT,
    ("POST", "/v1/lines/{line}/use"): MERCHANT,
    ("POST", "/v1/quotes"): EVERYBODY,
    ("POST", "/v1/draws"): MERCHANT,
    ("GET", "/v1/draws/{drawdown}"): EVERYBODY,
    ("GET", "/v1/decisions"): EVERYBODY,
    ("GET", "/v1/lines"): EVERYBODY,
    ("GET", "/v1/lines/{line}"): EVERYBODY,
    ("GET", "/v1/lines/{line}/statement"): EVERYBODY,
    ("POST", "/v1/lines/{line}/repayments"): {"service"},
    ("POST", "/v1/activity"): {"service"},
    ("POST", "/v1/rounds/raise-day"): ROUNDS,
    ("POST", "/v1/rounds/end-of-day"): ROUNDS,
    ("POST", "/v1/clock"): {"service"},
    ("POST", "/v1/rulings"): {"service"},
    ("POST", "/v1/rulings/bulk"): {"service"},
    ("GET", "/v1/rulings/columns"): EVERYBODY - MERCHANT,
    ("GET", "/v1/graph/ego/{subject}"): {"analyst"},
    ("GET", "/v1/graph/owners/{subject}"): {"analyst"},
    ("GET", "/v1/graph/ring/{subject}"): {"analyst"},
    ("GET", "/v1/graph/alerts"): {"analyst"},
    ("GET", "/v1/graph/path/{subject}"): {"analyst"},
}
PAYMENT = {
    "source_id": "x1",
    "at": "2025-06-29T08:00:00Z",
    "payee": "m9",
    "payer": "p",
    "amount_fen": 1,
    "channel": "qr",
}
BODIES: dict[str, Any] = {
    "/v1/consents": {"purpose": "credit", "data_kinds": ["payments"], "days": 30},
    "/v1/applications": {"product": "shop-line"},
    "/v1/decisions/{decision}/contests": {"statement": "please look again"},
    "/v1/contests/{contest_id}/resolution": {"outcome": "upheld", "note": "looked again"},
    "/v1/identity": IDENTITY,
    "/v1/payout-account": ACCOUNT,
    "/v1/lines/{line}/contract": {"sha256": "0" * 64},
    "/v1/lines/{line}/use": {"use": "stock"},
    "/v1/quotes": {"line": "{line}", "amount_fen": 100_000, "days": 30},
    "/v1/draws": {"line": "{line}", "amount_fen": 100_000},
    "/v1/lines/{line}/repayments": {"amount_fen": 1, "source_ref": "door-test"},
    "/v1/activity": {"kind": "payment", "source": "door", "events": [PAYMENT]},
    "/v1/rulings": {"product": "shop-line", "entity": "m9", "columns": {}, "keys": {"subject": ["m9"]}},
    "/v1/rulings/bulk": {"product": "shop-line", "entities": ["m9"], "columns": [], "rows": [[]]},
    "/v1/clock": {"now": "2025-07-01T00:00:00Z"},
}
NOWHERE = dict.fromkeys(("grant", "decision", "contest_id", "subject", "line", "drawdown"), "nothing")
OPEN_DOORS = {"/health"}


@dataclass
class Lived:
    """A town in which m1 has consented, applied, drawn and contested; `ids` are all m1's."""

    place: Town
    ids: dict[str, str]

    def ask(self, caller: Caller, method: str, path: str, ids: dict[str, str], body: Any = None) -> Any:
        return caller.send(method, filled(path, ids), body)


def filled(text: str, ids: dict[str, str]) -> str:
    for name, value in ids.items():
        text = text.replace("{" + name + "}", value)
    return text


def good_body(path: str, ids: dict[str, str]) -> Any:
    quoted = {name: json.dumps(text)[1:-1] for name, text in ids.items()}  # any text may stand in for an id
    return json.loads(filled(json.dumps(BODIES[path]), quoted)) if path in BODIES else None


def doors(place: Town) -> list[tuple[str, str]]:
    """(method, path) of every route that the API itself declares."""
    paths = place.http.app.openapi()["paths"]
    return [(method.upper(), path) for path, methods in sorted(paths.items()) for method in methods]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def lived(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    url = "sqlite:///state/record.sqlite"
    if request.param == "postgresql":
        cluster: Cluster = request.getfixturevalue("postgres_cluster")
        url = cluster.create(template="migrated")
    with town(tmp_path_factory.mktemp("doors") / "lender", url, ["m1", "m2"]) as place:
        told = place.approved("m1")
        place.prove("m1", told["line"])
        drawn = place.call("m1").post("/v1/draws", {"line": told["line"], "amount_fen": 100_000})
        place.pay_out()
        path = f"/v1/decisions/{told['decision']}/contests"
        contest = place.call("m1").post(path, {"statement": "more, please"})["contest"]
        grant = place.call("m1").get("/v1/consents")[0]["grant"]
        ids = {
            "grant": grant, "decision": told["decision"], "contest_id": contest, "subject": "m1", "line": told["line"],
            "drawdown": drawn["drawdown"],
        }  # fmt: skip
        yield Lived(place, ids)
        if request.param == "postgresql":
            request.addfinalizer(lambda: cluster.drop(url))


def test_the_table_of_this_test_knows_every_door(lived: Lived) -> None:
    assert {door for door in doors(lived.place) if door[1] not in OPEN_DOORS} == WHO.keys()


def test_no_door_opens_without_a_token_that_verifies(lived: Lived) -> None:
    other_secret = issue_token(b"x" * 64, tenant="demo", subject="m1", role="merchant")
    for token in (None, "not.a.token", other_secret):
        nobody = Caller(lived.place.http, token)
        for method, path in WHO:
            answer = lived.ask(nobody, method, path, lived.ids, good_body(path, lived.ids))
            assert answer.status_code == 401, f"{method} {path}: {answer.text}"


def test_a_token_of_another_tenant_opens_no_door(lived: Lived) -> None:
    for role in ROLES:
        stranger = lived.place.call("m1", role, tenant="another-bank")
        for method, path in WHO:
            answer = lived.ask(stranger, method, path, lived.ids, good_body(path, lived.ids))
            assert answer.status_code == 403, f"{method} {path}: {answer.text}"


def test_another_merchant_neither_sees_nor_touches_what_is_anothers(lived: Lived) -> None:
    before = lived.place.call("m1").get(f"/v1/lines/{lived.ids['line']}")
    other = lived.place.call("m2")
    for method, path in WHO:
        body = good_body(path, lived.ids)
        answer = lived.ask(other, method, path, lived.ids, body)
        if "{" in path or "{line}" in json.dumps(BODIES.get(path)):
            assert answer.status_code in (403, 404), f"{method} {path}: {answer.status_code} {answer.text}"
            continue
        for name in ("grant", "decision", "contest_id", "line", "drawdown"):
            assert lived.ids[name] not in answer.text, f"{method} {path} tells {name}"
    assert lived.place.call("m1").get(f"/v1/lines/{lived.ids['line']}") == before


def test_every_door_lets_in_exactly_the_roles_it_is_for(lived: Lived) -> None:
    for role in ROLES:
        caller = lived.place.call(f"some-{role}", role)
        for (method, path), allowed in WHO.items():
            answer = lived.ask(caller, method, path, NOWHERE, good_body(path, NOWHERE))
            refused = answer.status_code == 403 and answer.json()["error"]["code"] == "not_allowed"
            assert refused == (role not in allowed), f"{role} {method} {path}: {answer.status_code} {answer.text}"
            assert answer.status_code < 500, f"{role} {method} {path}: {answer.text}"


def test_every_write_wants_a_key_except_those_that_are_harmless_twice(lived: Lived) -> None:
    harmless = {
        "/v1/quotes",
        "/v1/decisions/{decision}/replay",
        "/v1/rounds/raise-day",
        "/v1/rounds/end-of-day",
        "/v1/clock",
    }
    for (method, path), allowed in WHO.items():
        if method == "GET" or path in harmless:
            continue
        role = sorted(allowed)[0]
        token = lived.place.call("keyless", role).token
        for key in (None, "short", "has space in it", "é" * 10):
            headers = {"Authorization": f"Bearer {token}"} | ({} if key is None else {"Idempotency-Key": key.encode()})
            answer = lived.place.http.request(
                method, filled(path, NOWHERE), json=good_body(path, NOWHERE), headers=headers
            )
            assert answer.status_code == 422, f"{method} {path}: {answer.text}"
            assert answer.json()["error"]["field"] == "Idempotency-Key"


def test_the_same_key_gets_the_same_bytes_and_another_body_a_conflict(lived: Lived) -> None:
    me, line = lived.place.call("m1"), lived.ids["line"]
    body = {"line": line, "amount_fen": 20_000}
    first = me.send("POST", "/v1/draws", body, key="one-intention")
    again = me.send("POST", "/v1/draws", body, key="one-intention")
    assert (first.status_code, first.content) == (201, again.content) and again.status_code == 201
    assert me.send("POST", "/v1/draws", {**body, "amount_fen": 30_000}, key="one-intention").status_code == 409
    assert me.send("POST", "/v1/identity", IDENTITY, key="one-intention").status_code == 409  # another path
    assert lived.place.call("m2").send("POST", "/v1/draws", body, key="one-intention").status_code == 404  # not m1's


def test_a_repeated_application_is_answered_even_after_the_consent_is_gone(lived: Lived) -> None:
    place = lived.place
    place.settle(["m3"], seed=3)
    grant, me = place.consent("m3"), place.call("m3")
    first = me.send("POST", "/v1/applications", {"product": "shop-line"}, key="apply-once")
    assert first.status_code == 201
    me.delete(f"/v1/consents/{grant}")
    again = me.send("POST", "/v1/applications", {"product": "shop-line"}, key="apply-once")
    assert (again.status_code, again.content) == (201, first.content)
    assert len(place.house.vault.decisions.of(place.house.tenant, "m3")) == 1


ODD_TEXT = st.sampled_from(["", "\0", "a" * 5000, "'; DROP TABLE lines;--", "../..", "蒲公英", "\\u0000", "NaN"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | ODD_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_malformed_body_or_path_is_ever_a_500(lived: Lived, data: st.DataObject) -> None:
    method, path = data.draw(st.sampled_from(sorted(door for door in WHO if "replay" not in door[1])))
    role = data.draw(st.sampled_from(sorted(WHO[method, path])))
    body = good_body(path, {**NOWHERE, "line": data.draw(ODD_TEXT)}) if data.draw(st.booleans()) else None
    if isinstance(body, dict) and data.draw(st.booleans()):
        body[data.draw(st.sampled_from(sorted(body)))] = data.draw(JSON)
    elif body is None:
        body = data.draw(JSON)
    caller = lived.place.call("fuzz", role)
    odd = data.draw(st.sampled_from(["%00", "x" * 3000, "%F0%9F%8C%BC", "%ED%A0%80", "-1", "null", "a%2Fb"]))
    headers = {
        "Authorization": f"Bearer {caller.token}",
        "Idempotency-Key": f"fuzz-{data.draw(st.integers(0, 10**12))}-key",
    }
    raw = json.dumps(body).encode() if data.draw(st.booleans()) else data.draw(st.binary(max_size=40))
    where = filled(path, dict.fromkeys(NOWHERE, odd))
    answer = lived.place.http.request(
        method, where, content=raw, headers={**headers, "Content-Type": "application/json"}
    )
    assert answer.status_code < 500, f"{method} {where} {raw!r}: {answer.text}"
    if answer.status_code >= 400:
        assert {"code", "message", "field"} <= answer.json()["error"].keys()


@pytest.mark.parametrize(
    "odd",
    [
        {"amount_fen": 10**30}, {"amount_fen": True}, {"amount_fen": 1.5}, {"amount_fen": -1}, {"payer": "\ud800"},
        {"payer": "a\0b"}, {"payer": {"x": 1}}, {"payer": ""}, {"payer": "p" * 5000}, {"at": "9999-99-99"}, {"at": 5},
        {"at": "2099-01-01T00:00:00Z"}, {"channel": "smoke"}, {"source_id": ""}, {"source_id": None}, {"replaces": 7},
        {"replaces": [1]}, {"at": "0001-01-01T00:00:00Z"}, {"source_id": "\ud800"}, {"source_id": "a\0b"},
        {"tip_fen": 5}, {"arrived": "2025-01-01T00:00:00Z"}, {"event_id": "mine"}, {"source": "another"}, {"": 1},
    ],
    ids=lambda odd: ascii(odd)[:40],
)  # fmt: skip
def test_one_odd_event_is_named_and_its_neighbours_are_kept(lived: Lived, odd: dict[str, Any]) -> None:
    name = ascii(odd)[:80]
    good = [{**PAYMENT, "source_id": f"{name}-{n}"} for n in range(2)]
    body = {"kind": "payment", "source": "odd", "events": [good[0], {**PAYMENT, **odd}, good[1]]}
    answer = lived.place.service.http.post(
        "/v1/activity", content=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {lived.place.service.token}", "Content-Type": "application/json",
                 "Idempotency-Key": new_id()},
    )  # fmt: skip
    assert answer.status_code == 202, answer.text
    assert answer.json()["accepted"] == 2, answer.text
    assert [(r["row"], r["field"]) for r in answer.json()["rejected"]] == [(1, next(iter(odd)))], answer.text


def test_a_body_over_the_limit_is_refused_declared_or_streamed(lived: Lived) -> None:
    house = lived.place.house
    limit = house.settings.server.body_bytes_max
    headers = {"Authorization": f"Bearer {lived.place.service.token}", "Idempotency-Key": "too-large-1"}
    declared = lived.place.http.post("/v1/activity", content=b"x" * (limit + 1), headers=headers)

    def pieces() -> Iterator[bytes]:
        for _ in range(limit // 65_536 + 2):
            yield b" " * 65_536

    streamed = lived.place.http.post("/v1/activity", content=pieces(), headers=headers)
    for answer in (declared, streamed):
        assert answer.status_code == 413 and answer.json()["error"]["code"] == "too_large", answer.text


def test_an_unknown_address_is_answered_in_our_own_form(lived: Lived) -> None:
    for method, path, status in (("GET", "/v1/nowhere", 404), ("PUT", "/v1/draws", 405), ("GET", "/wp-admin", 404)):
        answer = lived.place.http.request(method, path)
        assert answer.status_code == status and answer.json()["error"]["message"], answer.text


def test_public_pages_say_nothing_about_anybody(lived: Lived) -> None:
    private = {*lived.ids.values(), *map(str, IDENTITY.values()), ACCOUNT["account_number"], "m2"} - {"m1"}
    for path in ("/", "/health", "/metrics", "/docs", "/openapi.json"):
        answer = lived.place.http.get(path)
        assert answer.status_code == 200
        for text in private:
            assert text not in answer.text, f"{path} shows {text}"
    assert "dandelion_decisions_total" in lived.place.http.get("/metrics").text
    assert "m1" not in lived.place.http.get("/metrics").text


def test_identifying_data_and_account_numbers_are_stored_nowhere_in_the_clear(lived: Lived) -> None:
    import sqlalchemy as sa

    with lived.place.house.vault.database.read() as connection:
        tables = sa.inspect(connection).get_table_names()
        everything = "\n".join(
            str(row) for table in tables for row in connection.execute(sa.text(f'SELECT * FROM "{table}"')).all()
        )
    for secret in (IDENTITY["name"], IDENTITY["id_number"], IDENTITY["phone"], ACCOUNT["account_number"]):
        assert secret not in everything


def test_hammering_is_answered_with_when_to_come_back(tmp_path: Path) -> None:
    limits = {"apply_burst": 2, "apply_per_minute": 6, "draw_burst": 1, "draw_per_minute": 6}
    with town(tmp_path / "lender", "sqlite:///state/r.sqlite", **limits) as place:
        me = place.call("m1")
        answers = [me.send("POST", "/v1/applications", {"product": "shop-line"}) for _ in range(3)]
        assert [a.status_code for a in answers] == [403, 403, 429]  # no consent, no consent, too many
        assert 1 <= int(answers[2].headers["Retry-After"]) <= 10
        draws = [me.send("POST", "/v1/draws", {"line": "x", "amount_fen": 1}) for _ in range(2)]
        assert [a.status_code for a in draws] == [404, 429]
        assert place.call("m2").send("POST", "/v1/applications", {"product": "shop-line"}).status_code == 403


def test_a_failure_on_our_side_tells_no_details(lived: Lived, caplog: pytest.LogCaptureFixture) -> None:
    app = create_app(lived.place.house)

    @app.get("/boom")
    def boom() -> None:
        raise ValueError("secret detail")

    from fastapi.testclient import TestClient

    answer = TestClient(app, raise_server_exceptions=False).get("/boom")
    assert answer.status_code == 500 and "secret" not in answer.text and answer.json()["error"]["code"] == "internal"
