"""A book whose files are the same, byte for byte, is read once in a process, whoever asks."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from dandelion.app import workspace
from dandelion.app.policy_set import load_book, load_definitions


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shipped book: nothing is found in it."""
    workspace.init(tmp_path / "house")
    return tmp_path / "house" / "strategies"


def test_two_houses_with_the_same_files_share_what_was_read(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(tmp_path / "house", tmp_path / "other")
    one = load_book(folder, load_definitions(folder.parent))
    other = load_book(tmp_path / "other" / "strategies", load_definitions(tmp_path / "other"))
    assert one.findings == other.findings == ()
    assert one.strategies is other.strategies
    assert one.roster("shop-line") is other.roster("shop-line")
    assert one.strategy_hashes() is other.strategy_hashes()


def test_a_changed_file_is_read_anew(folder: Path) -> None:
    definitions = load_definitions(folder.parent)
    before = load_book(folder, definitions)
    head = folder / "book.yaml"
    head.write_text(re.sub(r"(?m)^version: .*$", "version: another", head.read_text("utf-8"), count=1), "utf-8")
    after = load_book(folder, definitions)
    assert before.version != after.version == "another"
    assert before.hash != after.hash


def test_a_finding_names_the_folder_that_was_asked_for(folder: Path, tmp_path: Path) -> None:
    for table in folder.glob("*.csv"):  # then some columns are used by nobody
        table.unlink()
    other = shutil.copytree(folder, tmp_path / "copy")
    definitions = load_definitions(folder.parent)
    for asked in (folder, other, folder):
        found = [finding.place.file for finding in load_book(asked, definitions).findings]
        assert str(asked / "book.yaml") in found
        assert {Path(file).parent for file in found} <= {asked, Path()}
