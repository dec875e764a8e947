"""A prepared demo is set anew when anything changed that its figures come from."""

from __future__ import annotations

import pytest

from dandelion.app.cli.demo import stage

FILES = ("core/money.py", "world/build.py", "graph/rules.yaml", "defaults/products/shop-line.credit.yaml", "app/house.py",
         "app/cli/demo/judge.py", "app/api/errors.py", "app/cli/saying.py", "graph/__pycache__/kernel.1.nbc")  # fmt: skip


@pytest.fixture
def package(tmp_path, monkeypatch):
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(stage, "_PACKAGE", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "house", "world"),
    [
        ("core/money.py", True, True), ("world/build.py", True, True), ("graph/rules.yaml", True, False),
        ("defaults/products/shop-line.credit.yaml", True, False), ("app/house.py", True, False),
        ("app/cli/demo/judge.py", True, False), ("app/api/errors.py", False, False), ("app/cli/saying.py", False, False),
        ("graph/__pycache__/kernel.1.nbc", False, False),
    ],
)  # fmt: skip
def test_what_the_house_or_the_world_is_made_of_names_it(package, name, house, world):
    before = stage.made_with(), stage.made_with("core/", "world/")
    (package / name).write_text("changed")
    after = stage.made_with(), stage.made_with("core/", "world/")
    assert tuple(b != a for b, a in zip(before, after, strict=True)) == (house, world)


def test_a_file_that_is_moved_to_another_name_counts_as_a_change(package):
    before = stage.made_with()
    (package / "app/house.py").rename(package / "app/home.py")
    assert stage.made_with() != before
