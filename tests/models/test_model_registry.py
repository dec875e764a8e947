"""Models on disk: named by their bytes, verified at every load, promoted atomically, served lightly."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from model_samples import dataset, frame_of, spec

from dandelion.core import BadInput, Conflict, ManualClock, NotFound
from dandelion.models import ExpertScorecard, Registry, train_booster

POINTS = """
name: shop-starter
source: credit committee, 2026-01
scale: {points: 600, good_per_bad: 30, points_to_double: 20}
columns:
  - {column: sample/payers, definition: "", edges: [20, 60], points: [-40, 0, 20], missing: -40, usual: 0}
  - {column: sample/growth, definition: d1, edges: [-0.2], points: [-20, 5], missing: 0, usual: 5}
"""


@pytest.fixture(scope="module")
def model():
    return train_booster(dataset(1500, 8), spec(), 1)


class Page:
    """A card that passed, for models trained in a test."""

    def __init__(self, model, passed: bool = True):
        self.plain = {"model": model.hash, "passed": passed}

    def to_bytes(self) -> bytes:
        return json.dumps(self.plain).encode()

    def to_markdown(self) -> str:
        return "a page"


@pytest.fixture
def registry(tmp_path):
    return Registry(tmp_path / "models", ManualClock(1_700_000_000_000_000))


def test_a_model_is_loaded_by_its_hash_and_scores_the_same(registry, model):
    ref = registry.publish("shop-pd", model, Page(model))
    again = registry.load(ref.hash)
    frame = dataset(200, 9).frame
    assert ref.hash == model.hash == again.hash
    assert (again.score(frame) == model.score(frame)).all()
    assert (again.contributions(frame, [3, 5]).micro == model.contributions(frame).micro[[3, 5]]).all()
    assert registry.publish("shop-pd", model, Page(model)) == ref and registry.hashes("shop-pd") == (ref.hash,)


def test_one_changed_byte_names_the_model(registry, model):
    ref = registry.publish("shop-pd", model, Page(model))
    file = registry.folder / "shop-pd" / ref.hash / "model.json"
    data = bytearray(file.read_bytes())
    at = data.index(b'"leaf_nano":[') + 16
    data[at] = ord("1") if data[at] != ord("1") else ord("2")
    file.write_bytes(data)
    with pytest.raises(Conflict, match=f"shop-pd {ref.hash[:12]} was changed on disk"):
        registry.load(ref.hash)
    with pytest.raises(Conflict, match="changed on disk"):
        registry.promote("shop-pd", ref.hash, "zhao")


def test_promotion_keeps_its_history_and_the_champion_is_the_latest(registry, model):
    other = train_booster(dataset(1500, 8), spec(), 2)
    first, second = (registry.publish("shop-pd", m, Page(m)) for m in (model, other))
    with pytest.raises(NotFound, match="no champion named shop-pd"):
        registry.champion("shop-pd")
    registry.promote("shop-pd", first.hash, "zhao")
    registry.promote("shop-pd", second.hash, "qian", note="wins in shadow")
    assert registry.champion("shop-pd") == second
    registry.promote("shop-pd", first.hash, "zhao", note="rollback")
    assert [(p.hash, p.actor) for p in registry.history("shop-pd")] == [
        (first.hash, "zhao"), (second.hash, "qian"), (first.hash, "zhao"),
    ]  # fmt: skip
    assert registry.history("shop-pd")[0].at_us == 1_700_000_000_000_000


def test_a_model_that_failed_a_gate_serves_only_with_a_persons_note(registry, model):
    ref = registry.publish("shop-pd", model, Page(model, passed=False))
    with pytest.raises(Conflict, match="did not pass its gates"):
        registry.promote("shop-pd", ref.hash, "zhao")
    assert registry.promote("shop-pd", ref.hash, "zhao", note="pilot of 50 shops").hash == ref.hash


def test_an_interrupted_publish_leaves_nothing_that_can_be_loaded(registry, model, monkeypatch):
    def fails(self, target):
        raise OSError("disk gone")

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(OSError, match="disk gone"):
        registry.publish("shop-pd", model, Page(model))
    monkeypatch.undo()
    assert registry.hashes("shop-pd") == ()
    with pytest.raises(NotFound):
        registry.load(model.hash)


@pytest.mark.parametrize("name", ["../x", "", "A", "a/b", "a" * 65])
def test_a_name_cannot_leave_the_folder(registry, model, name):
    with pytest.raises(BadInput, match="model name"):
        registry.publish(name, model, Page(model))
    with pytest.raises(BadInput, match="hash"):
        registry.load("../../etc/passwd")


def test_serving_imports_no_training_library_and_scores_a_row_in_two_milliseconds(registry, model):
    ref = registry.publish("shop-pd", model, Page(model))
    frame = dataset(300, 9).frame.take([4])
    served = registry.load(ref.hash)
    served.contributions(frame)
    spent = []
    for _ in range(200):
        start = time.perf_counter()
        served.score(frame)
        served.contributions(frame).worst(0)
        spent.append(time.perf_counter() - start)
    assert statistics.median(spent) < 0.002
    script = (
        "import sys; from dandelion.models import Registry;"
        f"m = Registry({str(registry.folder)!r}).load({ref.hash!r}); print(m.hash);"
        "print([n for n in ('lightgbm', 'optbinning', 'sklearn', 'pandas', 'ortools') if n in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split("\n")
    assert out[:2] == [ref.hash, "[]"]


def expert_frame(payers, growth):
    return frame_of({"sample/payers": np.array(payers, float), "sample/growth": np.array(growth, float)})


def test_twenty_points_double_the_odds_on_an_expert_scorecard():
    model = ExpertScorecard.parse(POINTS).model()
    pd = model.score(expert_frame([30, 60, 10, np.nan], [0.0, 0.0, 0.0, -0.5])) / 1e6
    odds = (1 - pd) / pd
    assert odds[0] == pytest.approx(30 * 2 ** (5 / 20), rel=1e-3)
    assert odds[1] / odds[0] == pytest.approx(2, rel=1e-3) and odds[0] / odds[2] == pytest.approx(4, rel=1e-3)
    assert odds[3] == pytest.approx(30 * 2**-3, rel=1e-3)
    worst = model.contributions(expert_frame([10], [-0.5])).worst(0)
    assert [c for c, _ in worst] == ["sample/payers", "sample/growth"]


def test_an_expert_scorecard_is_published_like_any_model_and_needs_a_persons_word(registry):
    expert = ExpertScorecard.parse(POINTS)
    ref = registry.publish("shop-start", expert.model(), expert.card())
    with pytest.raises(Conflict, match="note"):
        registry.promote("shop-start", ref.hash, "committee")
    registry.promote("shop-start", ref.hash, "committee", note="no history yet")
    assert registry.load(registry.champion("shop-start").hash).family == "expert"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("source: credit committee, 2026-01\n", "", "lacks source"), ("edges: [20, 60]", "edges: [60, 20]", "rise"),
        ("points: [-40, 0, 20]", "points: [-40, 0]", "3 bins"), ("usual: 0", "usual: few", "usual is 'few'"),
        ("good_per_bad: 30", "good_per_bad: 0", "above zero"), ("missing: 0", "mising: 0", "lacks missing"),
        ("sample/growth", "sample/payers", "twice"), ("edges: [-0.2]", "edges: -0.2", "list"),
        ("name: shop-starter", "name: [", "not YAML"), ("scale:", "skale:", "lacks scale"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_points_file_is_named(old, new, message):
    with pytest.raises(BadInput, match=message):
        ExpertScorecard.parse(POINTS.replace(old, new, 1)).model()
