"""Links lead somewhere, commands parse, numbers are given once, and the pages speak of the product only."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from pathlib import Path

import pytest
from pages import PAGES, ROOT, anchors, commands, links, name
from typer.main import get_command

from dandelion.app.cli import app

COMMANDS = sorted({(name(page), line.strip()) for page in PAGES for line in commands(page)})
PLACEHOLDER = re.compile(r"\.\.\.|<[^>]+>|\[|\||…")  # "dandelion world ...": shown, not meant to be typed


def test_there_are_pages_and_commands_to_check() -> None:
    assert len(PAGES) > 50
    assert len(COMMANDS) > 20


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name(page)} links to {link}, which is not there"
        assert ROOT in (target, *target.parents), f"{name(page)} links out of the project: {link}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{name(page)} links to {link}; {name(target)} has no such heading"


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_every_command_shown_is_understood_by_the_command_line(page: str, line: str) -> None:
    words = shlex.split(line)[1:]
    command = get_command(app)
    while words and hasattr(command, "commands"):
        if PLACEHOLDER.search(words[0]):
            return
        assert words[0] in command.commands, f"{page}: there is no `{line}`"
        command, words = command.commands[words[0]], words[1:]
    if not words or PLACEHOLDER.search(line):
        return  # named, not shown in full
    command.make_context(command.name, words)  # raises a usage error on what it cannot parse


def test_a_command_that_does_not_exist_would_be_noticed() -> None:
    check = test_every_command_shown_is_understood_by_the_command_line
    with pytest.raises(AssertionError, match="there is no"):
        check("a page", "dandelion vault fly")
    with pytest.raises(Exception, match="no-such-option"):
        check("a page", "dandelion lending eod --no-such-option")


def test_decisions_are_numbered_once_and_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    records = sorted(path for path in folder.glob("*.md") if path.name != "README.md")
    numbers = Counter(path.name[:4] for path in records)
    assert [number for number, times in numbers.items() if times > 1] == []
    index = (folder / "README.md").read_text("utf-8")
    for path in records:
        assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", path.name), path.name
        assert path.read_text("utf-8").startswith(f"# {path.name[:4]}"), f"{path.name} does not begin with its number"
        assert f"({path.name})" in index, f"docs/decisions/README.md does not list {path.name}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_page_names_a_path_of_somebodys_machine(page: Path) -> None:
    found = re.findall(r"(?<![\w.])/(?:home|work|root|Users|mnt)/\S*", page.read_text("utf-8"))
    assert found == [], f"{name(page)} names {found}"
