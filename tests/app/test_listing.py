"""Lists of lines and decisions: newest first, a page at a time, and a merchant finds nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from support.shop import Caller, Town, town

SHOPS = ["m1", "m2", "m3"]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Three merchants with a line and three decisions each, and one who was erased."""
    url = "sqlite:///state/record.sqlite"
    if request.param == "postgresql":
        cluster = request.getfixturevalue("postgres_cluster")
        url = cluster.create(template="migrated")
        request.addfinalizer(lambda: cluster.drop(url))
    with town(tmp_path_factory.mktemp("lists") / "lender", url, [*SHOPS, "gone"]) as opened:
        for shop in [*SHOPS, "gone"]:
            opened.approved(shop)
            for _ in range(2):
                opened.later(seconds=1)
                opened.call(shop).post("/v1/applications", {"product": "invoice-line"})  # a no: it sells no invoices
        opened.call("gone").delete("/v1/subjects/gone")
        yield opened


def walked(caller: Caller, path: str, name: str, limit: int) -> list[dict[str, Any]]:
    """Every row, page by page; no page is longer than asked for."""
    rows: list[dict[str, Any]] = []
    cursor = ""
    for _ in range(50):
        page = caller.get(f"{path}limit={limit}{cursor}")
        assert len(page[name]) <= limit
        rows += page[name]
        if page["next"] is None:
            return rows
        cursor = f"&cursor={page['next']}"
    raise AssertionError("the list never ended")


def test_a_merchant_finds_its_own_lines_and_decisions_newest_first(place: Town) -> None:
    me = place.call("m1")
    (line,) = me.get("/v1/lines")["lines"]
    shown = me.get(f"/v1/lines/{line['line']}")
    assert {line[name] == shown[name] for name in ("limit_fen", "available_fen", "owed_fen", "status")} == {True}
    made = me.get("/v1/decisions")["decisions"]
    assert [one["outcome"] for one in made] == ["declined", "declined", "approved"]
    assert {one["subject"] for one in made} == {"m1"}
    assert made[-1]["decision"] == line["decision"] and made[-1]["limit_fen"] == line["limit_fen"]
    assert [one["decided_at"] for one in made] == sorted((one["decided_at"] for one in made), reverse=True)
    told = me.get(f"/v1/decisions/{made[0]['decision']}")
    assert told["body_sha256"] == made[0]["body_sha256"]


def test_asking_for_anothers_finds_what_asking_for_nobodys_finds(place: Town) -> None:
    me = place.call("m1")
    for path, name in (("/v1/lines", "lines"), ("/v1/decisions", "decisions")):
        nobody, another = me.get(f"{path}?subject=nobody"), me.get(f"{path}?subject=m2")
        assert nobody == another == {name: [], "next": None}
        anothers = place.service.get(f"{path}?subject=m2")[name]
        beyond = me.get(f"{path}?cursor=zzzz")[name] + me.get(f"{path}?cursor={anothers[0][name[:-1]]}")[name]
        assert {row["subject"] for row in beyond} <= {"m1"}, "a cursor of somebody else's opens nothing"


@pytest.mark.parametrize("limit", [1, 2, 7, 200])
def test_pages_hold_every_row_once_whatever_their_size(place: Town, limit: int) -> None:
    auditor = place.call("auditor-1", "auditor")
    made = walked(auditor, "/v1/decisions?", "decisions", limit)
    assert sorted(one["subject"] for one in made) == sorted(SHOPS * 3), "nothing of the erased one"
    assert len({one["decision"] for one in made}) == 9
    held = walked(auditor, "/v1/lines?", "lines", limit)
    assert sorted(one["subject"] for one in held) == sorted([*SHOPS, "gone"]), "what is owed stays"
    one = walked(auditor, "/v1/decisions?subject=m2&", "decisions", limit)
    assert [row["subject"] for row in one] == ["m2"] * 3


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=many", "cursor=a%2Fb", "cursor=%00", "subject=%00"])
def test_a_page_that_cannot_be_is_refused_by_name(place: Town, query: str) -> None:
    for path in ("/v1/lines", "/v1/decisions"):
        refused = place.call("m1").get(f"{path}?{query}", status=422)["error"]
        assert query.split("=")[0] in refused["field"]


def test_the_command_line_lists_the_same(place: Town) -> None:
    import json

    from typer.testing import CliRunner

    from dandelion.app.cli import app

    for words, path in (("lending lines", "/v1/lines"), ("vault decisions", "/v1/decisions")):
        ran = CliRunner().invoke(app, [*words.split(), "--subject", "m2", "-w", str(place.root), "--json"])
        assert ran.exit_code == 0, ran.output
        assert json.loads(ran.stdout.splitlines()[-1]) == place.service.get(f"{path}?subject=m2")
        shown = CliRunner().invoke(app, [*words.split(), "--limit", "1", "-w", str(place.root)])
        assert shown.exit_code == 0 and "--cursor" in shown.output
