"""Every command explains itself, quickly, and the reference page says what the commands say."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from dandelion.app.cli import app
from dandelion.app.cli.reference import commands, page

ALL = dict(commands(app))
PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


@pytest.mark.parametrize("words", ALL)
def test_the_help_of_every_command_ends_with_an_example_of_itself(words: str) -> None:
    last = (ALL[words].help or "").strip().splitlines()[-1].strip()
    assert last.startswith(f"Example: {words}"), last
    shown = CliRunner().invoke(app, [*words.split()[1:], "--help"])
    assert shown.exit_code == 0 and "Example:" in shown.output


@pytest.mark.parametrize("words", ALL)
def test_every_example_is_one_that_the_command_would_accept(words: str) -> None:
    example = (ALL[words].help or "").strip().splitlines()[-1].strip().removeprefix("Example: ")
    given = shlex.split(example)[len(words.split()) :]
    ALL[words].make_context(words, given)  # raises for an option or argument that is not there


@pytest.mark.parametrize("words", ALL)
def test_every_parameter_of_every_command_is_explained(words: str) -> None:
    for parameter in ALL[words].params:
        assert parameter.name == "help" or parameter.help, f"{words}: {parameter.name}"


def test_the_reference_page_is_what_the_commands_say_now() -> None:
    remedy = "run: .venv/bin/python -m dandelion.app.cli.reference > docs/cli.md"
    assert PAGE.read_text(encoding="utf-8") == page(app), remedy


def test_the_reference_names_every_group_of_commands() -> None:
    groups = getattr(get_command(app), "commands")  # noqa: B009 - typer's own type does not tell
    assert {words.split()[1] for words in ALL} == set(groups)


def test_help_loads_neither_arrow_nor_any_room() -> None:
    script = (
        "import sys; from dandelion.app.cli import app\n"
        "from typer.testing import CliRunner\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "print(','.join(m for m in ('numpy', 'pyarrow', 'sqlalchemy', 'lightgbm', 'matplotlib') if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
