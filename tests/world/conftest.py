"""Small worlds shared by the tests of this room: built once."""

from __future__ import annotations

from pathlib import Path

import pytest
from world_sizes import SMALL

from dandelion.world import WorldSummary, build


@pytest.fixture(scope="session")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, WorldSummary]:
    folder = tmp_path_factory.mktemp("world") / "small"
    return folder, build(folder, **SMALL)
