"""A running house takes up what changes in its workspace, whole; what is broken leaves what served."""

from __future__ import annotations

from dandelion.app import list_files, workspace
from dandelion.app.house import House
from dandelion.app.refreshing import Refreshing
from dandelion.core import iso
from dandelion.vault import Actor

DAY = 86_400_000_000


def test_a_listed_number_counts_without_a_restart_and_a_broken_book_changes_nothing(tmp_path):
    root = tmp_path / "lender"
    workspace.init(root, clock_start="2025-03-01T00:00:00Z")
    house = House.open(root)
    refreshing, now = Refreshing(house), house.clock.now()
    assert not refreshing.look()
    first = house.policy
    terms = {"reason": "r", "source": "s", "added": iso(now), "expires": iso(now + DAY), "confidence_ppm": "1"}
    list_files.change_list(house, "black", "phone", "138", terms, Actor("officer-3", "operator", is_human=True))
    assert refreshing.look() and house.policy.lists.hit("black", {"phone": ["138"]}, now) is True
    assert house.policy.book.hash == first.book.hash and first.lists.hit("black", {"phone": ["138"]}, now) is False
    second = house.policy
    (root / "strategies" / "book.yaml").write_text("nonsense: [")
    assert not refreshing.look() and house.policy is second
    assert not refreshing.look()  # said once, not every second
    house.close()
