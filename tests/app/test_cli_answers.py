"""What commands print and how they refuse: through the entry point, as a shell would call it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dandelion.app.cli import main
from support.shell import Shell

ROOT = Path(__file__).parents[2]
STALL = ROOT / "docs" / "examples" / "noodle-stall.csv"


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(monkeypatch, capsys)


@pytest.fixture(scope="module")
def _laid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One workspace with a small simulated town's record and two fund-flow snapshots."""
    from dandelion.app import workspace
    from dandelion.app.house import House
    from dandelion.app.usecases.take_over import take_over
    from dandelion.core import iso
    from dandelion.world import build

    base = tmp_path_factory.mktemp("cli")
    made = build(base / "world", people=1000, months=8, seed=5)
    workspace.init(base / "house", clock_start=iso(made.end_us))
    house = House.open(base / "house")
    take_over(house, base / "world" / "record", until_us=made.end_us, source="world")
    house.close()
    return base


@pytest.fixture
def town(_laid: Path, tmp_path: Path) -> Path:
    """A copy of its own: the world in `world`, the workspace in `house`."""
    shutil.copytree(_laid, tmp_path / "town")
    return tmp_path / "town"


def merchant_of(town: Path) -> str:
    """The consented account that received most payments."""
    from dandelion.app.house import House
    from dandelion.core import event_class
    from dandelion.vault.flows import flows

    assert "payee" in event_class("payment").ROLES
    house = House.open(town / "house")
    payments = flows(house.vault, house.tenant, "payment", since_us=0, until_us=house.clock.now())
    counts = sorted(payments.column("payee").value_counts().to_pylist(), key=lambda one: -one["counts"])
    with house.vault.database.read() as connection:
        credit = house.vault.consents.live_subjects(
            connection, house.tenant, "credit", house.recipient, house.clock.now()
        )
    house.close()
    return next(str(one["values"]) for one in counts if one["values"] in credit)


REFUSALS = {
    "assess payments nowhere.csv": "nowhere.csv",
    "assess payments {stall} --map payee": "--map",
    "assess payments {stall} --as-of yesterday": "yesterday",
    "assess payments {stall} --tz Mars/Olympus": "Mars/Olympus",
    "assess invoices nowhere": "nowhere",
    "assess invoices {empty} --as-of 2020-13-01": "2020-13-01",
    "assess invoices {empty}": "firms",
    "world report {empty}": "world.json",
    "indicators show no.such/column": "no.such",
    "indicators explain m-1 graph.payers/90d/count": "dandelion graph show m-1",
    "indicators explain m-1 payment.received/30d/count -w {empty}": "dandelion init",
    "graph build -w {empty}": "dandelion init",
    "graph show m-1 -w {house}": "dandelion graph build",
    "graph build -w {house}": "payment",
    "graph build --month June -w {house}": "2025-06",
    "graph build --month 2999-01 -w {house}": "2999-01",
    "models card nobody -w {house}": "pd-shop-line",
    "models card pd-shop-line --model ffff0000 -w {house}": "ffff0000",
    "models train --loans nowhere.parquet --out-of-time 2024-01-01 -w {house}": "nowhere.parquet",
    "models train --loans {stall} --out-of-time soon -w {house}": "soon",
    "strategies check {empty}": "book.yaml",
    "strategies pin -w {empty}": "strategies",
    "vault lake-check -w {empty}": "dandelion init",
    "vault seal -w {empty}": "dandelion init",
}


@pytest.mark.parametrize("words", REFUSALS)
def test_bad_input_is_one_sentence_on_stderr_and_exit_code_2(words: str, shell: Shell, tmp_path: Path) -> None:
    from dandelion.app import workspace

    empty, house = tmp_path / "empty", tmp_path / "house"
    empty.mkdir()
    if "{house}" in words:
        workspace.init(house)
    code, out, err = shell(*(word.format(stall=STALL, empty=empty, house=house) for word in words.split()))
    assert code == 2, (out, err)
    assert out == ""
    said = [line for line in err.splitlines() if line.startswith("dandelion: ")]
    assert len(said) == 1 and REFUSALS[words] in said[0], err
    assert "Traceback" not in err


def test_a_bug_is_not_dressed_up_as_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    from dandelion.app import cli

    def broken(standalone_mode: bool) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(cli, "app", broken)
    with pytest.raises(ZeroDivisionError):
        main()


def test_a_payment_file_is_told_in_one_screen_that_leads_with_the_limit(shell: Shell, tmp_path: Path) -> None:
    code, out, err = shell("assess", "payments", STALL, "--out", tmp_path / "out")
    assert code == 0, err
    assert "assess payments" in err, "progress goes to stderr"
    assert out.index("Indicative limit") < out.index("What was read")
    assert str(tmp_path / "out" / "report.html") in out and (tmp_path / "out" / "report.html").exists()
    assert len(out.splitlines()) <= 40


def test_a_payment_file_in_json_says_the_same_as_the_screen(shell: Shell, tmp_path: Path) -> None:
    told = shell.json("assess", "payments", STALL, "--out", tmp_path / "out")
    assert told["rows"] == 2484 and told["merchants"] == 1
    _, out, _ = shell("assess", "payments", STALL, "--out", tmp_path / "out")
    assert f"¥{told['indicative_limit_fen'] // 100:,}" in out


def test_without_out_the_report_lies_beside_where_one_stands(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shell("assess", "payments", STALL)
    assert (tmp_path / "assess-noodle-stall" / "report.html").is_file()


def test_a_world_is_built_and_reported(shell: Shell, tmp_path: Path) -> None:
    made = shell.json("world", "build", "--people", 1000, "--months", 6, "--seed", 4, "--out", tmp_path / "w")
    assert made["people"] == 1000 and made["seed"] == 4 and made["events"] == sum(made["counts"].values())
    facts = shell.json("world", "report", tmp_path / "w")
    assert {"mean drawdown, shop-line"} <= {fact["name"] for fact in facts}
    code, out, _ = shell("world", "report", tmp_path / "w")
    assert code == 0 and "mean drawdown" in out


def test_indicators_are_listed_with_the_fund_flow_and_shown(shell: Shell) -> None:
    listed = {column["id"]: column for column in shell.json("indicators", "list", "--named")}
    assert {"turnover.verified/180d", "graph.payers/90d/count"} <= set(listed)
    shown = shell.json("indicators", "show", "turnover.verified/180d")
    assert shown == listed["turnover.verified/180d"]
    few = shell.json("indicators", "list", "--named", "--like", "turnover.verified")
    assert few and all("turnover.verified" in column["id"] for column in few)


def test_a_workspace_s_own_columns_are_listed_too(shell: Shell, tmp_path: Path) -> None:
    own = "from dandelion.indicators import Derive\nquick = Derive('own/quick', 'ratio', ('payment.received/7d/count',"
    (tmp_path / "indicators.py").write_text(f"{own} 'payment.received/30d/count'), '快', 'quick')\n", "utf-8")
    assert [c["id"] for c in shell.json("indicators", "list", "--like", "own/", "-w", tmp_path)] == ["own/quick"]


def test_a_number_is_explained_by_exactly_the_events_it_counts(shell: Shell, town: Path) -> None:
    merchant = merchant_of(town)
    found = shell.json("indicators", "explain", merchant, "payment.received/30d/count", "-w", town / "house")
    (term,) = found["terms"]
    assert found["value"] == term["value"] == len(term["event_ids"]) > 0
    code, out, _ = shell("indicators", "explain", merchant, "turnover.verified/180d", "-w", town / "house")
    assert code == 0 and "Events that count" in out and "payer" not in out.lower().replace("paid by", "")


def test_a_frame_of_the_record_holds_what_explaining_shows(shell: Shell, town: Path) -> None:
    import pyarrow.parquet as pq

    merchant, house, out = merchant_of(town), town / "house", town / "frame.parquet"
    fine = "payment.received/channel=qr/days=weekday/90d/count.of_all"  # nobody has named it; its path says what it is
    ids = f"payment.received/30d/count,{fine},graph.payers/90d/count"
    told = shell.json("indicators", "compute", "--columns", ids, "--out", out, "-w", house)
    rows = {row["entity"]: row for row in pq.read_table(out).to_pylist()}
    assert told["rows"] == len(rows) > 5
    assert merchant in rows
    for name in ids.split(",")[:2]:
        found = shell.json("indicators", "explain", merchant, name, "-w", house)
        assert rows[merchant][name] == pytest.approx(found["value"], rel=1e-6)
    code, _, err = shell("indicators", "compute", "--columns", ids, "--out", out, "-w", house, "--as-of", "2999-01-01")
    assert code == 2 and "lies in the future" in err


def test_without_consent_no_number_is_explained(shell: Shell, town: Path) -> None:
    code, out, err = shell("indicators", "explain", "nobody", "payment.received/30d/count", "-w", town / "house")
    assert (code, out) == (2, "") and "consent" in err


def test_snapshots_are_built_once_and_shown(shell: Shell, town: Path) -> None:
    merchant, house = merchant_of(town), town / "house"
    one = shell.json("graph", "build", "--month", "2024-01", "-w", house)
    assert one["held"] == len(one["built"]) == 1
    rest = shell.json("graph", "build", "-w", house)
    assert rest["built"] and not set(rest["built"]) & set(one["built"])
    assert shell.json("graph", "build", "-w", house) == {"built": {}, "peers": {}, "held": rest["held"]}
    shown = shell.json("graph", "show", merchant, "-w", house)
    assert shown["columns"]["graph.payers/90d/count"] > 0
    code, out, _ = shell("graph", "show", merchant, "-w", house)
    assert code == 0 and "graph.payers/90d/count" in out


def test_the_starting_scorecards_are_listed_and_have_cards(shell: Shell, tmp_path: Path) -> None:
    from dandelion.app import workspace

    workspace.init(tmp_path / "house")
    rows = shell.json("models", "list", "-w", tmp_path / "house")
    (shop,) = [row for row in rows if row["name"] == "pd-shop-line"]
    assert shop["champion"] and not shop["passed"] and shop["note"]
    card = shell.json("models", "card", "pd-shop-line", "--model", shop["hash"][:10], "-w", tmp_path / "house")
    assert card["model"] == shop["hash"]
    code, out, _ = shell("models", "card", "pd-shop-line", "-w", tmp_path / "house")
    assert code == 0 and out.startswith("# ")


def test_training_on_too_small_a_book_is_refused_and_changes_nothing(shell: Shell, town: Path) -> None:
    before = {file: file.read_bytes() for file in (town / "house" / "products").iterdir()}
    loans = town / "world" / "record" / "loans.parquet"
    code, _, err = shell("models", "train", "--loans", loans, "--out-of-time", "2024-02-01", "-w", town / "house")
    assert code == 2 and "matured loans" in err
    assert {file: file.read_bytes() for file in (town / "house" / "products").iterdir()} == before


def test_a_finding_in_the_book_comes_with_file_and_line(shell: Shell, tmp_path: Path) -> None:
    from dandelion.app import workspace

    workspace.init(tmp_path / "house")
    head = tmp_path / "house" / "strategies" / "book.yaml"
    clean = shell.json("strategies", "check", "-w", tmp_path / "house", "--pinned")
    assert clean["findings"] == [] and clean["strategies"] > 0
    lines = head.read_text("utf-8").splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if re.search(r"@[0-9a-f]{8}", line))
    lines[at] = re.sub(r"@[0-9a-f]{8}", "@00000000", lines[at], count=1)
    head.write_text("".join(lines), "utf-8")
    code, out, _ = shell("strategies", "check", "-w", tmp_path / "house")
    assert code == 0 and f"book.yaml:{at + 1}: warning: " in out
    assert shell("strategies", "check", "-w", tmp_path / "house", "--pinned")[0] == 1
    code, out, _ = shell("strategies", "pin", "-w", tmp_path / "house")
    assert code == 0 and "00000000" in out and out.endswith("1 pins written\n")
    assert shell.json("strategies", "check", tmp_path / "house" / "strategies", "--pinned")["findings"] == []


def test_the_vault_is_sealed_checked_and_damage_to_the_lake_is_named(shell: Shell, town: Path) -> None:
    house = town / "house"
    assert shell.json("vault", "seal", "-w", house)["rows"] >= 0
    assert shell.json("vault", "lake-check", "-w", house) == {"holds": True, "wrong": []}
    assert set(shell.json("vault", "retention", "--by", "officer-3", "-w", house)) >= {"decision", "event", "grant"}
    victim = sorted((house / "state" / "lake").rglob("*.parquet"))[0]
    victim.write_bytes(victim.read_bytes()[:-9] + b"something")
    code, out, _ = shell("vault", "lake-check", "-w", house)
    assert code == 1 and victim.name in out


def test_the_installed_command_refuses_without_a_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dandelion", "assess", "payments", "nowhere.csv"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("dandelion: there is no file nowhere.csv")
