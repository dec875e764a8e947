from pathlib import Path

import pytest

from dandelion.core import ManualClock
from dandelion.vault import Vault
from support.lending_desk import Desk


@pytest.fixture
def desk(vault: Vault, clock: ManualClock, tmp_path: Path) -> Desk:
    """A desk on both databases."""
    return Desk(vault, clock, tmp_path)
