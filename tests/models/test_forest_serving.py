"""Forests as registered models: explained, hashed, served together, swapped while requests run, or left to onnxruntime."""

from __future__ import annotations

import threading

import lightgbm
import numpy as np
import pytest
from model_samples import column, dataset, frame_of, spec

from dandelion.core import BadInput, Conflict, Frame
from dandelion.models import ExpertScorecard, Inputs, Model, train_booster
from dandelion.models.calibration import uncalibrated
from dandelion.models.forest import CannotPack, GroveBody, OnnxBody, from_lightgbm, grove_or_onnx
from dandelion.models.live import Live
from dandelion.models.panel import Panel

NAMES = [f"sample/c{j}" for j in range(5)]
ONE = {"objective": "binary", "num_threads": 1, "verbosity": -1, "min_data_in_leaf": 5, "num_leaves": 12}
ROWS = dataset(1200, 3)
POINTS = """
name: shop-starter
source: credit committee, 2026-01
scale: {points: 600, good_per_bad: 30, points_to_double: 20}
columns:
  - {column: sample/c1, definition: "", edges: [-0.5, 1], points: [-40, 0, 20], missing: -40, usual: 0}
"""


def lightgbm_text(
    seed: int = 1, rounds: int = 15, categories: bool = True, **more
) -> tuple[lightgbm.Booster, np.ndarray]:
    random = np.random.default_rng(seed)
    x = random.normal(size=(900, 5)).astype(np.float32)
    x[:, 3] = random.integers(0, 12, 900)
    x[random.random(x.shape) < 0.1] = np.nan
    y = np.nan_to_num(x[:, 0]) * x[:, 1] + np.isin(x[:, 3], (2, 3, 7)) > random.normal(0, 0.4, 900)
    data = lightgbm.Dataset(x, y.astype(int), categorical_feature=[3] if categories else [])
    return lightgbm.train({**ONE, **more, "seed": seed}, data, rounds), x


def registered(body: GroveBody | OnnxBody, names=NAMES) -> Model:
    inputs = Inputs(tuple(names), ("d1",) * len(names))
    return Model("forest", inputs, body, uncalibrated(spec().calibration), "none", {"source": "a bureau"})


def frame(x: np.ndarray) -> Frame:
    return frame_of({name: x[:, j] for j, name in enumerate(NAMES)})


@pytest.fixture(scope="module")
def models():
    bureau = registered(GroveBody(from_lightgbm(lightgbm_text()[0].model_to_string())))
    ours = [train_booster(dataset(1200, seed), spec(), seed) for seed in (1, 2)]
    return [ours[0], bureau, ours[1], ExpertScorecard.parse(POINTS).model()]


def probe(panel: Panel) -> Frame:
    random = np.random.default_rng(4)
    x = random.normal(size=(70, len(panel.inputs.columns))).astype(np.float32)
    x[random.random(x.shape) < 0.2] = np.nan
    return frame_of({name: x[:, j] for j, name in enumerate(panel.inputs.columns)})


def test_contributions_equal_lightgbms_and_add_up_to_the_score():
    booster, x = lightgbm_text(categories=False)
    body = GroveBody(from_lightgbm(booster.model_to_string()))
    micro, base = body.contributions(x[:60])
    theirs = booster.predict(x[:60], pred_contrib=True)
    assert np.abs(micro / 1e6 - theirs[:, :-1]).max() < 2e-6 and abs(base / 1e6 - theirs[0, -1]) < 2e-6
    assert np.abs(micro.sum(axis=1) + base - body.raw(x[:60])).max() <= 5


def test_contributions_with_categories_add_up_and_equal_lightgbms():
    booster, x = lightgbm_text(2)
    body = GroveBody(from_lightgbm(booster.model_to_string()))
    assert (body.trees.ranges_at >= 0).any()
    micro, base = body.contributions(x[:60])
    assert np.abs(micro.sum(axis=1) + base - body.raw(x[:60])).max() <= 5
    assert np.abs(micro / 1e6 - booster.predict(x[:60], pred_contrib=True)[:, :-1]).max() < 2e-6


def test_our_own_trees_give_the_same_bytes_packed_and_walked():
    model = train_booster(ROWS, spec(), 5)
    values = model.inputs.values(ROWS.frame)
    assert (GroveBody(model.body.grove()).raw(values) == model.body.raw(values)).all()
    assert (
        GroveBody(model.body.grove()).contributions(values[:50])[0] == model.body.contributions(values[:50])[0]
    ).all()


def test_a_model_from_another_library_is_registered_by_its_bytes(models):
    bureau, x = models[1], lightgbm_text()[1]
    again = Model.from_bytes(bureau.to_bytes())
    assert again.hash == bureau.hash and (again.raw(frame(x)) == bureau.raw(frame(x))).all()
    assert again.contributions(frame(x), [3]).worst(0) == bureau.contributions(frame(x), [3]).worst(0)


def test_a_panel_says_what_each_model_says_alone_for_any_number_of_rows(models):
    panel = Panel.pack(models)
    rows = probe(panel)
    assert panel.score(rows).shape == (70, len(models))
    for k, model in enumerate(models):
        assert (panel.raw(rows)[:, k] == model.raw(rows)).all()
        assert (panel.score(rows)[:, k] == model.score(rows)).all()
        assert panel.score(rows.take([9]))[0, k] == model.score(rows)[9]
    assert panel.hash == Panel.pack(models).hash != Panel.pack(models[::-1]).hash


def test_models_that_learnt_a_column_by_two_definitions_do_not_share_a_panel(models):
    other = registered(models[1].body)
    other = Model(other.family, Inputs(tuple(NAMES), ("d2",) * 5), other.body, other.calibration, "none", {})
    with pytest.raises(BadInput, match=r"'sample/c0' as different definitions, d1 and d2"):
        Panel.pack([models[1], other])
    with pytest.raises(BadInput, match="at least one model"):
        Panel.pack([])
    wide = frame_of({"sample/c0": np.zeros(2, np.float32)})
    assert column("sample/c0").definition_hash == "d1"
    with pytest.raises(BadInput, match="the frame has no column 'sample/"):
        Panel.pack(models).raw(wide)


def test_a_swap_that_fails_leaves_the_old_models_serving(models, monkeypatch):
    live = Live(models[:2], probe)
    first = live.current
    with pytest.raises(Conflict, match="nothing served before"):
        live.roll_back()
    with pytest.raises(BadInput):
        live.swap([])
    monkeypatch.setattr(Model, "raw", lambda self, frame: np.zeros(len(frame), np.int64))
    with pytest.raises(Conflict, match="scores other than alone"):
        live.swap(models[2:3])
    monkeypatch.undo()
    assert live.current is first and live.previous is None
    second = live.swap(models)
    assert live.current is second and live.previous is first
    assert live.roll_back() is first and live.current is first and live.previous is second


def test_requests_in_flight_see_one_panel_or_the_other_never_a_mixture(models):
    live = Live(models[:2], probe)
    rows = {2: probe(Panel.pack(models[:2])), 3: probe(Panel.pack(models[:3]))}
    answers = {n: Panel.pack(models[:n]).score(rows[3]) for n in rows}
    wrong, stop = [], threading.Event()

    def ask() -> None:
        while not stop.is_set():
            panel = live.current
            if not np.array_equal(panel.score(rows[3]), answers[len(panel.models)]):
                wrong.append(len(panel.models))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for k in range(8):
        live.swap(models[: 2 + k % 2])
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong


def onnx_graph(weights: np.ndarray) -> bytes:
    """score = x . weights, as an ONNX graph: what a linear leaf would be."""
    onnx = pytest.importorskip("onnx")
    h = onnx.helper
    graph = h.make_graph(
        [h.make_node("MatMul", ["x", "w"], ["score"])], "g",
        [h.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, len(weights)])],
        [h.make_tensor_value_info("score", onnx.TensorProto.FLOAT, [None, 1])],
        [onnx.numpy_helper.from_array(weights.astype(np.float32)[:, None], "w")],
    )  # fmt: skip
    return h.make_model(graph, opset_imports=[h.make_opsetid("", 15)], ir_version=8).SerializeToString()


def test_what_cannot_be_packed_is_served_by_onnxruntime_or_refused_with_the_reason(models):
    pytest.importorskip("onnxruntime")
    text = lightgbm_text(categories=False, linear_tree=True, rounds=3)[0].model_to_string()
    with pytest.raises(CannotPack, match=r"linear_tree=false, or give the model as ONNX too"):
        grove_or_onnx(lambda: from_lightgbm(text), None, 5, "score")
    weights = np.array([0.5, -1, 0, 2, 0.25])
    body = grove_or_onnx(lambda: from_lightgbm(text), onnx_graph(weights), 5, "score")
    assert isinstance(body, OnnxBody)
    x = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
    model = registered(body)
    assert np.abs(model.raw(frame(x)) / 1e6 - x @ weights).max() < 2e-6
    assert (Model.from_bytes(model.to_bytes()).raw(frame(x)) == model.raw(frame(x))).all()
    panel = Panel.pack([models[0], model])
    rows = probe(panel)
    filled = Frame(rows.entity, rows.as_of, rows.known_at, rows.names, np.nan_to_num(rows.values), rows.catalogue)
    assert (panel.raw(filled)[:, 1] == model.raw(filled)).all()
    with pytest.raises(BadInput, match="gives no number for row"):
        model.raw(frame(np.full((2, 5), np.nan, np.float32)))
    with pytest.raises(BadInput, match="cannot say what moved"):
        model.contributions(frame(x))
    with pytest.raises(BadInput, match="has no output 'nothing'; it has score"):
        OnnxBody(body.data, 5, "nothing").raw(x)
    assert isinstance(grove_or_onnx(lambda: models[1].body.grove(), None, 5, "score").grove().columns, int)
