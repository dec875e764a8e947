"""What stands on the roof comes in through the front door: a room's parts are its own."""

from __future__ import annotations

import ast
from pathlib import Path

import dandelion.app

APP = Path(dandelion.app.__file__).parent
ROOMS = {"core", "graph", "lending", "models", "policy", "vault"}
DATA = {
    "core.errors",
    "core.events",
    "core.frame",
    "core.money",
    "core.schema",
    "core.time",
}  # contracts, read anywhere
PORCHES = {"policy.listfile", "policy.rulings"}  # parts with a front door of their own
LATER = {("cli/demo/stage.py", "dandelion.models.metrics")}


def test_the_app_imports_rooms_by_their_front_doors_only() -> None:
    side_doors = set()
    for file in sorted(APP.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            parts = (node.module or "").split(".") if isinstance(node, ast.ImportFrom) else []
            if (
                len(parts) > 2
                and parts[0] == "dandelion"
                and parts[1] in ROOMS
                and ".".join(parts[1:]) not in DATA | PORCHES
            ):
                side_doors.add((file.relative_to(APP).as_posix(), ".".join(parts)))
    assert side_doors - LATER == set()
