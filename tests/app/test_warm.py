"""After the warm-up nobody waits for a compiler."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dandelion.app import workspace
from dandelion.app.house import House
from dandelion.app.warm import MadeUp, liked_by_anybody

TESTS = Path(__file__).parents[1]
ASK = """
import sys
from pathlib import Path
from numba.core.registry import CPUDispatcher
from dandelion.app.warm import warm
from support.shop import town

def compiled():
    found = {}
    for name, module in list(sys.modules.items()):
        if name.startswith("dandelion."):
            for value in vars(module).values():
                if isinstance(value, CPUDispatcher):
                    found[f"{value.py_func.__module__}.{value.py_func.__name__}"] = len(value.signatures)
    return found

root = Path(sys.argv[1])
with town(root, f"sqlite:///{root}.sqlite", ["m1"]) as place:
    warm(place.house)
    before = compiled()
    place.consent("m1")
    told = place.call("m1").post("/v1/applications", {"product": "shop-line"})
    assert told["outcome"] == "approved", told
    columns = [c["column"] for c in place.service.get("/v1/rulings/columns?product=shop-line")["columns"]]
    place.service.post("/v1/rulings", {"product": "shop-line", "entity": "m1", "columns": {columns[0]: 1.5}})
    for many in (2, 5, 30):
        rows = {"product": "shop-line", "entities": ["m1"] * many, "columns": columns[:1], "rows": [[1]] * many}
        place.service.post("/v1/rulings/bulk", rows)
    place.http.app.state.desk().close()
    after = compiled()
heavy = ("lightgbm", "matplotlib", "optbinning", "scipy.optimize", "scipy.sparse.csgraph", "scipy.stats", "sklearn")
print("LOADED", [name for name in heavy if name in sys.modules])
print("NEW", sorted(name for name in after if after[name] != before.get(name, 0)))
"""


@pytest.fixture
def house(tmp_path):
    workspace.init(tmp_path / "lender")
    opened = House.open(tmp_path / "lender")
    yield opened
    opened.close()


def test_the_first_approved_application_and_ruling_after_it_meet_no_kernel_that_was_not_ready_and_no_training_library(
    tmp_path,
):
    paths = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(tmp_path / "lender")],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths}, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["LOADED []", "NEW []"]


def test_the_made_up_record_has_events_of_every_kind_that_is_read(house):
    record = MadeUp(house.tenant, house.clock.now())
    for product in house.policy.plans:
        for (kind, role), _ in house.policy.needs(product).tables:
            table = record.events(kind, role)
            assert table.num_rows and set(table.column(role).to_pylist()) == {record.subject}, (kind, role)


def test_everybody_else_declined_the_made_up_merchant_still_gets_an_offer_worked_out(house):
    record = MadeUp(house.tenant, house.clock.now())
    for product in house.policy.plans:
        found = liked_by_anybody(house, record, product)
        assert found.approved and found.limit_fen > 0, product
