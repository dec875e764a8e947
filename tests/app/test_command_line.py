"""The command line over a real workspace: init, token, doctor, audit, trial balance, statement; help with examples."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import typer
from click import Command
from typer.testing import CliRunner

from dandelion.app.access import prove
from dandelion.app.cli import app, main
from dandelion.app.config import Settings
from dandelion.vault import tables
from support.shop import town


@dataclass
class Lender:
    root: Path
    line: str
    decision: str


@pytest.fixture(scope="module")
def lender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lender]:
    """A workspace with one line that was drawn on; closed, as the command line finds it."""
    root = tmp_path_factory.mktemp("cli") / "lender"
    with town(root, "sqlite:///state/record.sqlite", ["m1"]) as place:
        told = place.approved("m1")
        place.prove("m1", told["line"])
        place.call("m1").post("/v1/draws", {"line": told["line"], "amount_fen": 100_000})
        place.pay_out()
    yield Lender(root, told["line"], told["decision"])


def run(*words: str | Path, code: int = 0) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == code, f"{done.exit_code} {done.output} {done.exception!r}"
    return done.output


def verbs(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Command]]:
    if hasattr(command, "commands"):
        for name, inner in command.commands.items():
            yield from verbs(inner, (*path, name))
    else:
        yield path, command


COMMANDS = dict(verbs(typer.main.get_command(app)))


@pytest.mark.parametrize("path", sorted(COMMANDS), ids=" ".join)
def test_the_help_of_every_command_shows_an_example_that_names_it(path: tuple[str, ...]) -> None:
    shown = " ".join(run(*path, "--help").split())
    assert f"Example: dandelion {' '.join(path)}" in shown


def test_init_lays_out_a_workspace_that_doctor_finds_fit(tmp_path: Path) -> None:
    assert "dandelion serve" in run("init", tmp_path / "mine")
    assert (tmp_path / "mine" / "dandelion.toml").is_file() and (
        tmp_path / "mine" / "strategies" / "book.yaml"
    ).is_file()
    findings = json.loads(run("doctor", "--workspace", tmp_path / "mine", "--json"))
    assert {f["what"] for f in findings} >= {"workspace", "database", "audit chain", "trial balance", "strategy book"}
    assert all(f["good"] for f in findings)
    assert "BAD" not in run("doctor", "--workspace", tmp_path / "mine")


def test_init_never_overwrites_a_workspace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run("init", tmp_path / "mine")
    before = (tmp_path / "mine" / "dandelion.toml").read_bytes()
    monkeypatch.setattr("sys.argv", ["dandelion", "init", str(tmp_path / "mine")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("dandelion: ")  # one sentence, no traceback
    assert (tmp_path / "mine" / "dandelion.toml").read_bytes() == before


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("dandelion.toml", "[servr]\n"),
        ("strategies/credit.yaml", "strategies: [}"),
        ("products/shop-line.credit.yaml", "product: shop-line\n"),
        ("state/record.sqlite", "this is no database at all" * 100),
        ("indicators.py", "this is no python"),
    ],
)
def test_doctor_names_what_is_wrong_and_never_falls_over(tmp_path: Path, file: str, text: str) -> None:
    run("init", tmp_path / "ill")
    (tmp_path / "ill" / file).parent.mkdir(exist_ok=True)
    (tmp_path / "ill" / file).write_text(text)
    findings = json.loads(run("doctor", "--workspace", tmp_path / "ill", "--json", code=1))
    assert any(not f["good"] and f["detail"] for f in findings)


def test_doctor_of_a_folder_that_is_no_workspace_says_what_to_do(tmp_path: Path) -> None:
    assert "dandelion init" in run("doctor", "--workspace", tmp_path, code=1)


def test_a_printed_token_proves_its_caller(lender: Lender) -> None:
    printed = run("token", "officer-3", "--role", "analyst", "--workspace", lender.root).strip()
    caller = prove(Settings.load(lender.root).secret(), f"Bearer {printed}")
    assert (caller.subject, caller.role, caller.tenant) == ("officer-3", "analyst", "demo")


def test_the_audit_holds_and_a_record_altered_behind_our_back_is_named(lender: Lender, tmp_path: Path) -> None:
    import shutil

    told = json.loads(run("vault", "audit", "--workspace", lender.root, "--json"))
    assert told["holds"] and told["records"] > 5 and told["broken"] is None
    shutil.copytree(lender.root, tmp_path / "forged")
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'forged' / 'state' / 'record.sqlite'}")
    with engine.begin() as connection:
        opened = tables.audit_records.c.action == "line.opened"
        assert connection.execute(sa.update(tables.audit_records).where(opened).values(actor="nobody")).rowcount == 1
    told = json.loads(run("vault", "audit", "--workspace", tmp_path / "forged", "--json", code=1))
    assert not told["holds"] and told["broken"]


def test_the_trial_balance_and_the_statement_are_printed(lender: Lender) -> None:
    assert json.loads(run("lending", "trial-balance", "--workspace", lender.root, "--json"))
    statement = json.loads(run("lending", "statement", lender.line, "--workspace", lender.root))
    assert sum(entry["amount_fen"] for row in statement["rows"] for entry in row["entries"]) == 0


def test_a_schedule_puts_the_yearly_rate_first() -> None:
    lines = run("lending", "schedule", "10000", "14.4", "--days", "50").splitlines()
    assert "14.4" in lines[0] and "200.00" in lines[1]  # 10,000 x 14.4 % x 50 / 360


def test_replay_on_the_command_line_says_same_bytes(lender: Lender) -> None:
    assert "same bytes" in run("replay", lender.decision, "--workspace", lender.root)
