"""Rulings over HTTP: durable before told, once per key, the same from JSON and frame, bounded in number and in time."""

from __future__ import annotations

import json

import numpy as np
import pytest
import sqlalchemy as sa

from dandelion.app.policy_set import Scorers
from dandelion.app.replaying import replay
from dandelion.app.rulings.engines import probe
from dandelion.app.rulings.reading import FRAME_TYPE, frame_of
from dandelion.core import canonical, content_hash, new_id
from dandelion.models import ExpertScorecard, Panel
from support.shop import Town, lay_out

PRODUCT = "shop-line"


@pytest.fixture(scope="module", name="town")
def _town(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rulings")
    root = lay_out(folder / "lender", f"sqlite:///{folder}/record.sqlite")
    for table in (root / "strategies").glob("*.csv"):  # without its tables the book loads at once
        table.unlink()
    (root / "dandelion.toml").write_text(
        (root / "dandelion.toml").read_text() + "\n[rulings]\nrows_max = 500\nbatch_rows = 128\n"
    )
    place = Town(root)
    yield place
    place.http.app.state.desk().close()
    place.close()


def columns(town):
    return [c["column"] for c in town.service.get(f"/v1/rulings/columns?product={PRODUCT}")["columns"]]


def one(**values):
    return {"product": PRODUCT, "entity": "m-1", "columns": values}


def rows_of(town, count, seed=1):
    """Made-up rows: numbers for columns, yes and no for flags, a tenth missing."""
    rng = np.random.default_rng(seed)
    names = columns(town)
    values = rng.lognormal(1, 2, (count, len(names))).astype(np.float32)
    flags = ["(" in name for name in names]
    values[:, flags] = rng.random((count, sum(flags))) < 0.3
    values[rng.random(values.shape) < 0.1] = np.nan
    return names, values


def bulk(town, names, values, entities=None):
    rows = [[None if v != v else v for v in row] for row in values.tolist()]
    return {
        "product": PRODUCT, "entities": entities or [f"m-{i}" for i in range(len(rows))], "columns": names, "rows": rows,
    }  # fmt: skip


def test_a_ruling_is_kept_audited_explained_and_replayed(town):
    answer = town.service.post("/v1/rulings", one(**{columns(town)[0]: 3.5}))
    kept = town.house.vault.decisions.get(town.house.tenant, answer["decision"])
    assert content_hash(kept.body) == kept.body_sha256 == answer["body_sha256"]
    assert canonical(json.loads(kept.body)) == kept.body and kept.subject == "m-1"
    note = town.house.vault.audit.records(town.house.tenant, subject=f"rulings:{PRODUCT}")[-1]
    assert note.action == "rulings.made" and note.detail["first"] == note.detail["last"] == answer["decision"]
    assert note.detail["bodies_sha256"] == content_hash(kept.body_sha256.encode())
    again = replay(town.house, town.house.tenant, answer["decision"])
    assert again.same, again.differences
    analyst = town.call("a-1", "analyst")
    said = analyst.get(f"/v1/decisions/{answer['decision']}/explanation")
    assert (
        said["outcome"] == answer["outcome"] and said["columns"][columns(town)[0]] == "3.5" and "pd" in said["scores"]
    )
    assert analyst.get(f"/v1/decisions/{answer['decision']}")["body"]["schema"] == "dandelion.ruling/1"
    told = town.call("m-1").get(f"/v1/decisions/{answer['decision']}")
    assert set(told) == {"decision", "product", "outcome", "as_of", "reasons", "evidence", "body_sha256"}
    assert town.call("m-1").get(f"/v1/decisions/{answer['decision']}/explanation")["reasons"] == told["reasons"]
    assert answer["decision"] in {d["decision"] for d in analyst.get("/v1/decisions")["decisions"]}
    town.call("m-1").post(f"/v1/decisions/{answer['decision']}/contests", {"statement": "look"}, status=409)
    town.call("m-2").get(f"/v1/decisions/{answer['decision']}", status=404)


@pytest.fixture(name="group")
def _group(town):
    """Ids of rulings kept together, and a way to alter the record that undoes itself."""
    ids = [r["decision"] for r in town.service.post("/v1/rulings/bulk", bulk(town, *rows_of(town, 6)))["rulings"]]
    table, undo = sa.table("decisions", *map(sa.column, ("decision_id", "body", "body_sha256", "meta"))), []

    def alter(id_, **values):
        with town.house.vault.database.write() as connection:
            own = table.c.decision_id == id_
            undo.append((id_, connection.execute(sa.select(table).where(own)).one()._asdict()))
            connection.execute(sa.update(table).where(own).values(**values))

    yield ids, alter
    for id_, before in reversed(undo):
        with town.house.vault.database.write() as connection:
            connection.execute(sa.update(table).where(table.c.decision_id == id_).values(**before))


def found_in(town, id_):
    again = replay(town.house, town.house.tenant, id_)
    return again.same, [(d.what, d.detail) for d in again.differences]


def test_a_replay_holds_a_ruling_to_the_hash_of_its_group(town, group):
    ids, alter = group
    kept = town.house.vault.decisions.get(town.house.tenant, ids[2])
    forged = canonical({**json.loads(kept.body), "outcome": "declined", "pd_ppm": 1})
    alter(ids[2], body=forged, body_sha256=content_hash(forged))
    same, told = found_in(town, ids[2])
    assert not same and {what for what, _ in told} == {"group", "body"}
    assert any("its stored body or hash was altered" in detail for what, detail in told)
    same, told = found_in(town, ids[4])  # itself untouched: says that its group is not what was kept
    assert not same and told == [
        ("group", "the hashes of its rulings are not those that were kept: one of them was altered")
    ]


def test_a_replay_sees_a_ruling_that_was_dropped_or_slipped_in(town, group):
    ids, alter = group
    alter(ids[1], meta='{"told_at":0}')
    assert found_in(town, ids[0]) == (False, [("group", "holds 5 rulings; 6 were kept")])
    same, told = found_in(town, ids[1])
    assert not same and told == [("audit", "no audit note tells of the group this ruling was kept with")]


def test_a_replay_sees_an_altered_note(town, group):
    ids, _ = group
    note = town.house.vault.audit.records(town.house.tenant, subject=f"rulings:{PRODUCT}")[-1]
    table = sa.table("audit_records", *map(sa.column, ("tenant", "shard", "seq", "actor")))
    mine = (table.c.tenant == note.tenant, table.c.shard == note.shard, table.c.seq == note.seq)
    with town.house.vault.database.write() as connection:
        connection.execute(sa.update(table).where(*mine).values(actor="somebody else"))
    same, told = found_in(town, ids[0])
    with town.house.vault.database.write() as connection:
        connection.execute(sa.update(table).where(*mine).values(actor=note.actor.id))
    assert not same and told[0][0] == "audit" and "was altered" in told[0][1]


def test_bulk_as_json_and_as_a_frame_rule_as_one_by_one(town):
    names, values = rows_of(town, 40)
    entities = [f"m-{i}" for i in range(40)]
    listed = town.service.post("/v1/rulings/bulk", bulk(town, names, values))["rulings"]
    layout = town.service.get(f"/v1/rulings/columns?product={PRODUCT}")["layout"]
    framed = sent_frame(town, frame_of(PRODUCT, layout, entities, values)).json()["rulings"]
    for i, row in enumerate(values.tolist()):
        given = {name: v for name, v in zip(names, row, strict=True) if v == v}
        alone = town.service.post("/v1/rulings", {"product": PRODUCT, "entity": entities[i], "columns": given})
        for other in (listed[i], framed[i]):
            assert {k: other[k] for k in ("entity", "outcome", "pd_ppm", "reasons")} == {
                k: alone[k] for k in ("entity", "outcome", "pd_ppm", "reasons")
            }
        bodies = [_body(town, answer["decision"]) for answer in (alone, listed[i], framed[i])]
        assert bodies[0] == bodies[1] == bodies[2]  # as_of apart, byte for byte


def _body(town, decision):
    plain = json.loads(town.house.vault.decisions.get(town.house.tenant, decision).body)
    return canonical({**plain, "as_of": 0})


def sent_frame(town, body, key=None, **headers):
    sent = {
        "Authorization": f"Bearer {town.service.token}",
        "Idempotency-Key": key or new_id(),
        "Content-Type": FRAME_TYPE,
    }
    return town.http.post("/v1/rulings/bulk", content=body, headers={**sent, **headers})


def test_keys_are_looked_up_in_the_lists(town):
    answer = town.service.post("/v1/rulings", {**one(), "keys": {"subject": ["m-1"], "owner": ["p-1"]}})
    body = json.loads(town.house.vault.decisions.get(town.house.tenant, answer["decision"]).body)
    said = town.call("a", "analyst").get(f"/v1/decisions/{answer['decision']}/explanation")
    assert said["columns"]["in_list(black)"] == "0" and body["outcome"]
    clash = {**one(**{"in_list(black)": 1}), "keys": {"subject": ["m-1"]}}
    assert "give one of them" in town.service.post("/v1/rulings", clash, status=422)["error"]["message"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"product": PRODUCT, "entity": "m", "columns": {"nothing": 1}}, "nothing"),
        ({"product": PRODUCT, "entity": "m", "columns": []}, "columns"),
        ({"product": PRODUCT, "entity": "", "columns": {}}, "entities"),
        ({"product": PRODUCT, "columns": {}}, "entities"),
        ({"product": PRODUCT, "entity": "m\n", "columns": {}}, "entities"),
        ({"product": PRODUCT, "entity": "m", "columns": {}, "as_of": 1}, "as_of"),
        ({"product": 5, "entity": "m", "columns": {}}, "product"),
        ({"product": PRODUCT, "entity": "m", "columns": {}, "keys": {"dog": ["x"]}}, "keys"),
        ([1], "body"),
    ],
)
def test_a_bad_body_is_named_and_nothing_is_kept(town, body, field):
    before = len(town.house.vault.audit.records(town.house.tenant))
    assert town.service.post("/v1/rulings", body, status=422)["error"]["field"] == field
    assert len(town.house.vault.audit.records(town.house.tenant)) == before


def test_a_bad_bulk_body_or_frame_is_named(town):
    names, values = rows_of(town, 2)
    good = bulk(town, names, values)
    for change, field in (
        ({"rows": good["rows"][:1]}, "rows"), ({"rows": [[1], [2]]}, "rows"), ({"columns": [*names[:-1], "x"]}, "columns"),
        ({"columns": names[:-1] + names[:1]}, "columns"), ({"entities": "m"}, "entities"),
        ({"rows": [["a"] * len(names)] * 2}, "rows"), ({"rows": [[1e300] * len(names)] * 2}, "rows"),
    ):  # fmt: skip
        assert town.service.post("/v1/rulings/bulk", {**good, **change}, status=422)["error"]["field"] == field
    many = bulk(town, names, np.repeat(values, 260, axis=0))
    assert town.service.post("/v1/rulings/bulk", many, status=413)["error"]["code"] == "too_large"
    layout = town.service.get(f"/v1/rulings/columns?product={PRODUCT}")["layout"]
    whole = frame_of(PRODUCT, layout, ["a", "b"], values)
    for broken, field in (
        (whole[:-4], "body"), (b"NOPE" + whole[4:], "body"), (whole[:6], "body"), (b"", "body"),
        (frame_of(PRODUCT, "0" * 64, ["a", "b"], values), "layout"), (whole[:4] + b"\xff\xff\xff\xff" + whole[8:], "body"),
    ):  # fmt: skip
        answer = sent_frame(town, broken)
        assert answer.status_code == 422 and answer.json()["error"]["field"] == field, answer.text


def test_only_services_may_ask_and_nobody_else_learns_anything(town):
    for role in ("merchant", "analyst", "operator", "auditor"):
        assert town.call("x", role).post("/v1/rulings", one(), status=403)["error"]["code"] == "not_allowed"
    assert town.http.post("/v1/rulings", json=one()).status_code == 401
    assert town.service.post("/v1/rulings", {**one(), "product": "none"}, status=404)["error"]["field"] == "product"


def test_an_erased_subject_is_ruled_on_no_more(town):
    town.call("gone-1").delete("/v1/subjects/gone-1")
    answer = town.service.post("/v1/rulings", {**one(), "entity": "gone-1"}, status=410)
    assert answer["error"]["code"] == "erased" and town.house.vault.decisions.of(town.house.tenant, "gone-1") == []


def test_a_new_policy_serves_the_next_request_and_a_broken_one_none(town):
    before = town.service.post("/v1/rulings", one())
    file = town.root / "strategies" / "own.yaml"
    file.write_text(
        "protects_against: Nothing; a test.\nstrategies:\n"
        "  - {id: own.always, owner: o, purpose: p, stage: fraud, when: 'true', action: decline, reason: LISTED, priority: 0,\n"
        "     tests: [{given: {}, expect: fires}]}\n"
    )
    town.house.reload_policy()
    after = town.service.post("/v1/rulings", one())
    assert after["book"] != before["book"] and after["reasons"][0]["strategy"] == "own.always"
    file.write_text("nonsense: [")
    with pytest.raises(Exception, match=r"own\.yaml"):
        town.house.reload_policy()
    assert town.service.post("/v1/rulings", one())["book"] == after["book"]
    file.unlink()
    town.house.reload_policy()
    assert town.service.post("/v1/rulings", one())["book"] == before["book"]
    assert replay(town.house, town.house.tenant, after["decision"]).same


def test_metrics_count_rulings_and_refusals_without_naming_anybody(town):
    text = town.http.get("/metrics").text
    assert f'product="{PRODUCT}",ruled_by="champion"' in text and "dandelion_rulings_waiting 0.0" in text
    assert "dandelion_rulings_refused_total" in text and "m-1" not in text


def test_an_application_is_scored_through_one_panel_as_each_model_alone(town):
    pd = town.house.policy.scorers[PRODUCT].pd
    shadow = ExpertScorecard.load(town.root / "models" / "firm-starter.yaml").model()
    frame = probe(Panel.pack([pd, shadow]))
    alone = {"pd": int(pd.score(frame)[0]), "shadow": int(shadow.score(frame)[0])}
    assert Scorers(pd, None, shadow).scores(frame) == alone
    assert Scorers(pd, None).scores(frame) == {"pd": alone["pd"]}
