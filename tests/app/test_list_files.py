"""Lists of a workspace from the command line: imported, changed live, shown, checked; replay finds the old ones."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from dandelion.app import list_files, workspace
from dandelion.app.cli import app
from dandelion.app.house import House
from dandelion.core import BadInput, NotFound, iso
from dandelion.policy import Lists, key_id
from dandelion.vault import Actor

DAY = 86_400_000_000


@pytest.fixture(name="root")
def _root(tmp_path):
    workspace.init(tmp_path / "lender", clock_start="2025-03-01T00:00:00Z")
    return tmp_path / "lender"


def run(*words):
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.output.splitlines()[-1])


@pytest.mark.parametrize(
    "shape", [str.isdigit, lambda name: name.isdigit() and name[0] == "0" and not set(name) & {*"89"}]
)
def test_a_key_whose_name_is_all_digits_stays_a_name(root, shape):
    """One key in 43 has such a name; unquoted YAML reads it as a number, an octal one if it begins with 0."""
    key = next(key for i in range(10**6) if shape(key_id(key := b"list key of a house %d" % i)))
    house = House.open(root)
    house.__dict__["list_key"] = key  # what the cached property would have derived from another secret
    terms = {"reason": "r", "source": "s", "added": "2025-02-01", "expires": "2026-01-01", "confidence_ppm": "1"}
    list_files.change_list(house, "black", "phone", "138", terms, Actor("officer-3", "operator", is_human=True))
    lists = Lists.load(root / "lists", key)
    assert lists.hit("black", {"phone": ["138"]}, house.clock.now()) is True
    house.close()


def test_a_list_is_imported_changed_and_shown_and_every_change_is_audited(root, tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_text(
        "kind,value,reason,source,added,expires,confidence_ppm\n"
        + "".join(f"phone,1380013{i:04d},cash-out,bureau,2025-01-01,2026-01-01,800000\n" for i in range(1000))
    )
    told = run("lists", "import", "black", rows, "--by", "officer-3", "-w", root, "--json")
    assert told["rows"] == 1000 and (root / "lists" / told["file"]).exists()
    house = House.open(root)
    first, now = house.policy.lists, house.clock.now()
    assert first.hit("black", {"phone": ["13800130007"]}, now) is True
    value = ("--kind", "phone", "--value", "13911112222", "--by", "officer-3", "-w", root)
    terms = ("--reason", "seen", "--source", "desk", "--expires", iso(now + DAY))
    assert CliRunner().invoke(app, [str(x) for x in ("lists", "add", "black", *value, *terms)]).exit_code == 0
    gone = ("--kind", "phone", "--value", "13800130007", "--by", "officer-3", "-w", root)
    assert CliRunner().invoke(app, [str(x) for x in ("lists", "remove", "black", *gone)]).exit_code == 0
    shown = run("lists", "show", "-w", root, "--json")
    assert {one["name"]: (one["entries"], one["changes"]) for one in shown}["black"] == (1000, 2)
    said = run("lists", "show", "black", "--kind", "phone", "--value", "13911112222", "-w", root, "--json")
    assert [entry["reason"] for entry in said["entries"]] == ["seen"]
    assert run("lists", "check", "-w", root, "--json") == {"holds": True, "wrong": []}
    second = house.reload_policy().lists
    assert second.hit("black", {"phone": ["13800130007"]}, house.clock.now()) is False
    actions = [record.action for record in house.vault.audit.records(house.tenant)]
    assert [a for a in actions if a.startswith("list.")] == ["list.imported", "list.add", "list.remove"]
    kept = json.dumps([dict(r.detail) for r in house.vault.audit.records(house.tenant)])
    assert "13800130007" not in kept and "13911112222" not in kept
    for lists in (first, second):  # what decided once is found again, linked and not copied
        assert list(house.archive.find("lists", lists.hash).glob("*.list"))
    house.close()


def test_a_wrong_list_kind_or_row_changes_nothing(root, tmp_path):
    house = House.open(root)
    actor = Actor("officer-3", "operator", is_human=True)
    before = {p.name: p.read_bytes() for p in (root / "lists").iterdir()}
    with pytest.raises(NotFound, match="there are black, grey, white"):
        list_files.import_list(house, "purple", tmp_path / "none.csv", actor)
    with pytest.raises(BadInput, match="kind 'dog'"):
        list_files.change_list(house, "black", "dog", "x", None, actor)
    with pytest.raises(BadInput, match="no entry stays for ever"):
        bad = {"reason": "r", "source": "s", "added": "2025-01-02", "expires": "2025-01-01", "confidence_ppm": "1"}
        list_files.change_list(house, "black", "phone", "x", bad, actor)
    assert {p.name: p.read_bytes() for p in (root / "lists").iterdir()} == before
    house.close()
