"""`dandelion graph ego | path | ring` on plain files, as a lender would try them."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from dandelion.app.cli import app
from dandelion.app.graph_files import kind_of, read_relations, read_table
from dandelion.core import BadInput, NotFound

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
PAYMENTS, HOLDINGS = str(EXAMPLES / "street-payments.csv"), str(EXAMPLES / "holdings.csv")


def said(*words: str) -> str:
    done = CliRunner().invoke(app, ["graph", *words])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_an_ego_network_from_two_files() -> None:
    told = json.loads(said("ego", PAYMENTS, HOLDINGS, "--party", "noodle-kitchen", "--json").splitlines()[-1])
    assert {n["id"] for n in told["nodes"]} >= {"noodle-kitchen", "sichuan-foods", "chen-jie"} and told[
        "nodes_left_out"
    ] == 0
    assert "sichuan-foods" in said("ego", PAYMENTS, HOLDINGS, "--party", "noodle-kitchen")


def test_a_path_over_a_payment_and_two_holdings() -> None:
    told = json.loads(
        said("path", PAYMENTS, HOLDINGS, "--from", "chen-jie", "--to", "wang-fang", "--json").splitlines()[-1]
    )
    assert [len(hop) for hop in told["hops"]] == [1] * (len(told["parties"]) - 1) and len(told["parties"]) == 4
    assert "chen-jie - " in said("path", PAYMENTS, HOLDINGS, "--from", "chen-jie", "--to", "wang-fang")


def test_a_ring_from_a_file_of_payments(tmp_path: Path) -> None:
    day, minute = 86_400_000_000, 60_000_000
    start = 1_750_000_000_000_000
    rows = [(f"guest{d % 17}", "shop", start + d * day // 3 + d * 7 * minute, 1500) for d in range(240)]
    for burst in (20, 33, 47, 61):
        rows += [(f"mule{i}", "shop", start + burst * day + i * minute, 90_000) for i in range(9)]
        rows += [("shop", f"mule{i}", start + burst * day + i * minute + 60 * minute, 88_000) for i in range(9)]
    payer, payee, at, fen = zip(*rows, strict=True)
    moments = pa.array(at, pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    file = tmp_path / "payments.parquet"
    pq.write_table(pa.table({"payer": payer, "payee": payee, "at": moments, "amount_fen": fen}), file)
    told = json.loads(said("ring", str(file), "--account", "mule3", "--json").splitlines()[-1])
    assert told["stores"] == ["shop"] and told["buyers"] == [f"mule{i}" for i in range(9)] and told["flagged"]
    assert "9 buyers came together" in said("ring", str(file), "--account", "shop")


def test_files_are_known_by_their_columns_and_others_are_refused(tmp_path: Path) -> None:
    def file(name: str, text: str) -> Path:
        (tmp_path / name).write_text(text, "utf-8")
        return tmp_path / name

    for text, kind in (
        ("seller,buyer,total_fen,at\n007,b,5,2025-01-01\n", "invoices"),
        ("person,firm,role\n007,b,owner\n", "roles"),
        ("person,device,at\n007,b,2025-01-01\n", "logins"),
    ):
        one = file("a.csv", text)
        assert kind_of(one, read_table(one)) == kind and read_table(one).column(0)[0].as_py() == "007"
    for text, says in (
        ("a,b\n1,2\n", "a file of relations has payer, payee, amount_fen"),
        ("payer,payee,amount_fen\na,b,5\n", "lacks column 'at'"),
        ("payer,payee,amount_fen,at\na,b,5,soon\n", "is no time"),
        ("payer,payee,amount_fen,at\na,b\n", "cannot be read"),
        ("payer,payee,amount_fen,at\na,b,-5,2025-01-01\n", "zero or less"),
    ):
        with pytest.raises(BadInput, match=says):
            read_relations([file("b.csv", text)])
    with pytest.raises(BadInput, match="second file of payments"):
        read_relations([Path(PAYMENTS), Path(PAYMENTS)])
    with pytest.raises(NotFound):
        read_relations([tmp_path / "none.csv"])


def test_offices_and_holdings_without_a_day_have_been_so_all_along(tmp_path: Path) -> None:
    (tmp_path / "roles.csv").write_text("person,firm,role\nli,tea,owner\n", "utf-8")
    found = read_relations([tmp_path / "roles.csv", Path(HOLDINGS)])
    assert {"li", "tea", "loop-one"} <= set(found.parties)
