"""A few hundred damaged inputs at every run; ten thousand are run by `bench/decisions_fuzz.py`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))
from decisions_fuzz import run


def test_damaged_inputs_are_refused_or_load_and_then_the_kernels_agree():
    found = run(300, seed=7)
    assert sum(found.values()) == 300
    assert {end for _, end in found} == {"refused", "loaded, kernels agree"}
