"""`dandelion graph identify | rings` on a lender's own file, in every form it may come."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from dandelion.app.cli import app
from dandelion.app.graph_files import read_names, read_payments

DAY_US, ZONE = 86_400_000_000, "Asia/Shanghai"


def town() -> pa.Table:
    """Sixty people: most of them buy at `shop`, some at 0007 (an account that looks like a number), friends share bills."""
    random, rows = np.random.default_rng(530), []
    start = 1_750_000_000_000_000
    for i in range(60):
        for _ in range(6):
            at = start + int(random.integers(90)) * DAY_US + int(random.integers(8, 20)) * 3_600_000_000
            rows.append((f"{i:04d}", "shop", at, int(random.integers(800, 6_000))))
        rows.append((f"{i:04d}", f"{i // 4 * 4:04d}", start + i * DAY_US, 5_000))
    rows += [(f"{i:04d}", "0007", start + i * DAY_US, 1_200) for i in range(20, 50)]
    payer, payee, at, fen = zip(*[row for row in rows if row[0] != row[1]], strict=True)
    moments = pa.array(at, pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    return pa.table({"payer": payer, "payee": payee, "at": moments, "amount_fen": fen, "note": ["x"] * len(at)})


def ran(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["graph", *words])
    return done.exit_code, done.output + str(done.exception or "")


@pytest.fixture(params=["parquet", "folder", "csv", "csv.gz"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    table, path = town(), tmp_path / f"payments.{request.param}"
    if request.param == "parquet":
        pq.write_table(table, path)
    elif request.param == "folder":
        path.mkdir()
        half = table.num_rows // 2
        pq.write_table(table.slice(0, half), path / "a.parquet")
        pq.write_table(table.slice(half), path / "b.parquet")
    else:
        with pa.output_stream(path, compression="gzip" if request.param == "csv.gz" else None) as out:
            csv.write_csv(table, out)
    return path


def test_every_form_of_the_file_is_the_same_payments(file: Path) -> None:
    read = read_payments(file, ZONE, drop_bad=False).table
    wanted = town().select(["payer", "payee", "at", "amount_fen"])
    assert [read.column(n).to_pylist() for n in wanted.column_names] == [
        wanted.column(n).to_pylist() for n in wanted.column_names
    ]


def test_the_shop_is_found_and_every_account_has_three_reasons(tmp_path: Path) -> None:
    payments, out = tmp_path / "payments.parquet", tmp_path / "scores.parquet"
    pq.write_table(town(), payments)
    code, text = ran("identify", str(payments), "--out", str(out), "--json")
    told, scores = json.loads(text.splitlines()[-1]), pq.read_table(out)
    assert code == 0 and told["accounts"] == scores.num_rows == 61
    assert scores.column_names == ["account", "probability", "reason_1", "reason_2", "reason_3"]
    assert scores.column("account")[0].as_py() == "shop" and scores.column("probability")[0].as_py() > 0.5
    assert all(text for name in scores.column_names[2:] for text in scores.column(name).to_pylist())
    known = tmp_path / "known.csv"
    known.write_text("account\n0007\n")
    assert read_names(known) == ["0007"]
    done = CliRunner().invoke(app, ["graph", "identify", str(payments), "--out", str(out), "--known", str(known)])
    assert "1 of 1 known merchants appear in the payments; give at least 20" in str(done.exception)


def test_an_honest_town_has_no_ring(tmp_path: Path) -> None:
    payments, out = tmp_path / "payments.parquet", tmp_path / "rings.parquet"
    pq.write_table(town(), payments)
    code, text = ran("rings", str(payments), "--out", str(out), "--json")
    assert code == 0 and json.loads(text.splitlines()[-1])["rings"] == 0
    assert {"account", "role", "score", "flagged", "ring"} <= set(pq.read_schema(out).names)


@pytest.mark.parametrize("command", ["identify", "rings"])
@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("none.parquet", None, "there is no file"), ("broken.parquet", "no parquet", "cannot be read"),
        ("payments.xlsx", "x", "neither Parquet nor CSV"), ("p.csv", "payer,payee,at\na,b,2025-01-01\n", "amount_fen"),
        ("q.csv", "payer,payee,at,amount_fen\na,b,soon,5\n", "soon"),
        ("r.csv", "payer,payee,at,amount_fen\na,b,2025-01-01T08:00:00Z,-5\n", "--drop-bad"),
        ("s.csv", "payer,payee,at,amount_fen\n", "no payments"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_serve_is_refused_in_words_and_nothing_is_written(
    tmp_path: Path, command: str, name: str, text: str | None, says: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    out = tmp_path / "out.parquet"
    done = CliRunner().invoke(app, ["graph", command, str(tmp_path / name), "--out", str(out)])
    said = done.output + str(done.exception or "")
    assert done.exit_code != 0 and says in said and not out.exists(), said
    assert "Traceback" not in done.output


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_instants_as_numbers_ids_as_floats_and_text_as_bytes_are_the_same_payments(tmp_path: Path, unit: str) -> None:
    table = town()
    at = table.column("at").cast(pa.timestamp(unit, tz="UTC"), safe=False).cast(pa.int64())
    number = [float(one) if one.isdigit() else 99.0 for one in table.column("payer").to_pylist()]
    pq.write_table(pa.table({"payer": number, "payee": table.column("payee").cast(pa.binary()), "at": at,
                             "amount_fen": table.column("amount_fen")}), tmp_path / "odd.parquet")  # fmt: skip
    plain = read_payments(tmp_path / "odd.parquet", ZONE, drop_bad=False)
    assert plain.table.column("at").to_pylist() == table.column("at").to_pylist()
    assert plain.table.column("payee").to_pylist() == table.column("payee").to_pylist()
    assert plain.table.column("payer").to_pylist()[:6] == ["0"] * 6
    assert any(f"read as {unit}" in note for note in plain.notes)


def test_sums_too_large_to_add_up_are_refused_and_days_without_hours_are_remarked(tmp_path: Path) -> None:
    table = town()
    huge = pa.array([2**61] * table.num_rows, pa.int64())
    pq.write_table(table.set_column(3, "amount_fen", huge), tmp_path / "huge.parquet")
    code, said = ran("identify", str(tmp_path / "huge.parquet"), "--out", str(tmp_path / "o.parquet"))
    assert code != 0 and "hundredths of the currency unit" in said
    days = np.asarray(table.column("at").cast(pa.int64())) // DAY_US * DAY_US
    pq.write_table(table.set_column(2, "at", pa.array(days).cast(pa.timestamp("us", tz="UTC"))), tmp_path / "d.parquet")
    assert any("midnight (UTC)" in note for note in read_payments(tmp_path / "d.parquet", ZONE, drop_bad=False).notes)


@pytest.mark.parametrize("command", ["identify", "rings"])
def test_where_to_write_is_looked_at_first_and_a_name_in_csv_gives_csv(tmp_path: Path, command: str) -> None:
    pq.write_table(town(), tmp_path / "p.parquet")
    code, said = ran(command, str(tmp_path / "p.parquet"), "--out", str(tmp_path / "none" / "o.parquet"))
    assert code != 0 and "there is no folder" in said and "reading" not in said
    assert ran(command, str(tmp_path / "p.parquet"), "--out", str(tmp_path / "o.csv"))[0] == 0
    assert "account" in (tmp_path / "o.csv").read_text("utf-8").splitlines()[0]
