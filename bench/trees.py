"""make bench NAME=trees: 100 models of 100 trees of 31 leaves over 500 columns, one core, peers in the same run.

Models: LightGBM, binary, each trained on its own 2,000 made-up rows with 10 % missing; kept in .bench/trees.  Every peer
holds all 100 models in memory and scores the same float32 rows; answers are checked against LightGBM's before any clock
starts.  Times are the least CPU time of several runs on one thread: a batch of 1,024 rows, and one row alone.
What each was given: LightGBM `predict(raw_score=True, num_threads=1)` on the array; onnxruntime one session a model, one
thread, converted by onnxmltools; tl2cgen (treelite compiled by gcc -O3) one library a model and its own DMatrix, made
before the clock starts.  Ten models are compiled and each library is loaded as ten files, since compiling a hundred takes
five minutes; code that is loaded at a hundred addresses fills caches as a hundred models do.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from _report import Report
from dandelion.models.forest import Forest, from_lightgbm

MODELS, TREES, LEAVES, COLUMNS, ROWS = 100, 100, 31, 500, 1024
COMPILED = 10
CACHE = Path(__file__).parents[1] / ".bench" / "trees"


def table(seed: int, rows: int) -> np.ndarray:
    """float32 (rows, 500), 10 % missing, a third of the columns whole numbers."""
    random = np.random.default_rng(seed)
    x = random.lognormal(size=(rows, COLUMNS)).astype(np.float32)
    x[:, ::3] = np.round(x[:, ::3] * 10)
    x[random.random(x.shape) < 0.1] = np.nan
    return x


def model_text(seed: int) -> str:
    """One LightGBM model in text, from the cache or trained now (about a second)."""
    file = CACHE / f"model-{MODELS}-{TREES}-{LEAVES}-{COLUMNS}-{seed}.txt"
    if not file.exists():
        import lightgbm

        x, random = table(seed, 2000), np.random.default_rng(1000 + seed)
        risk = np.log1p(np.nan_to_num(x)) @ (random.normal(size=COLUMNS) * (random.random(COLUMNS) < 0.2))
        bad = risk + random.normal(size=len(x)) * risk.std() > np.quantile(risk, 0.8)
        params = {
            "objective": "binary", "num_leaves": LEAVES, "num_threads": 1, "verbosity": -1, "min_data_in_leaf": 5,
            "feature_fraction": 0.2, "seed": seed, "deterministic": True, "force_row_wise": True,
        }  # fmt: skip
        text = lightgbm.train(params, lightgbm.Dataset(x, bad.astype(int)), TREES).model_to_string()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.with_suffix(".part").write_text(text)
        file.with_suffix(".part").replace(file)
    return file.read_text()


def packed(texts: Sequence[str]) -> Forest:
    return Forest.pack([from_lightgbm(text, COLUMNS) for text in texts], COLUMNS)


def cpu_us_alone(score: Callable[[object], object], given: Sequence[object], seconds: float = 4.0) -> float:
    """Microseconds of CPU a call with one row; every call another row, so that nothing is warm but the model."""

    def work() -> None:
        for row in given:
            score(row)

    return cpu_us(work, len(given), seconds)


def cpu_us(work: Callable[[], object], rows: int, seconds: float = 2.0, most: int = 400) -> float:
    """Least CPU time of one run, in microseconds a row."""
    best, until, runs = float("inf"), time.monotonic() + seconds, 0
    while runs < 3 or (time.monotonic() < until and runs < most):
        start = time.process_time()
        work()
        best, runs = min(best, time.process_time() - start), runs + 1
    return 1e6 * best / rows


class LightGbm:
    name = "lightgbm"

    def __init__(self, texts: Sequence[str]) -> None:
        import lightgbm

        self.models = [lightgbm.Booster(model_str=text) for text in texts]

    def given(self, x: np.ndarray) -> np.ndarray:
        return x

    def score(self, x: np.ndarray) -> list[np.ndarray]:
        return [m.predict(x, raw_score=True, num_threads=1) for m in self.models]

    def log_odds(self, answer: list[np.ndarray]) -> np.ndarray:
        return np.stack(answer, axis=1)


class OnnxRuntime:
    name = "onnxruntime"

    def __init__(self, texts: Sequence[str]) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.sessions = [
            onnxruntime.InferenceSession(_onnx(k, text), options, providers=["CPUExecutionProvider"])
            for k, text in enumerate(texts)
        ]

    def given(self, x: np.ndarray) -> np.ndarray:
        return x

    def score(self, x: np.ndarray) -> list[np.ndarray]:
        return [s.run(["probabilities"], {"x": x})[0] for s in self.sessions]

    def log_odds(self, answer: list[np.ndarray]) -> np.ndarray:
        chance = np.stack([a[:, 1] for a in answer], axis=1).astype(np.float64)
        return np.log(chance / (1 - chance))


def _onnx(seed: int, text: str) -> bytes:
    file = CACHE / f"model-{MODELS}-{TREES}-{LEAVES}-{COLUMNS}-{seed}.onnx"
    if not file.exists():
        import lightgbm
        from onnxmltools import convert_lightgbm
        from onnxmltools.convert.common.data_types import FloatTensorType

        kind = [("x", FloatTensorType([None, COLUMNS]))]
        model = convert_lightgbm(lightgbm.Booster(model_str=text), initial_types=kind, target_opset=15, zipmap=False)
        file.write_bytes(model.SerializeToString())
    return file.read_bytes()


class Tl2cgen:
    name = "tl2cgen"

    def __init__(self, texts: Sequence[str]) -> None:
        import tl2cgen

        self.make = tl2cgen.DMatrix
        self.predictors = [
            tl2cgen.Predictor(str(_library(k, k % COMPILED)), nthread=1, verbose=False) for k in range(len(texts))
        ]

    def given(self, x: np.ndarray) -> object:
        return self.make(x)

    def score(self, x: object) -> list[np.ndarray]:
        return [p.predict(x, pred_margin=True) for p in self.predictors]

    def log_odds(self, answer: list[np.ndarray]) -> np.ndarray:
        return np.stack([a.ravel() for a in answer], axis=1)


def _library(place: int, seed: int) -> Path:
    """The compiled library of model `seed`, as a file of its own for every place that it is loaded at."""
    stem = f"model-{MODELS}-{TREES}-{LEAVES}-{COLUMNS}"
    file = CACHE / f"{stem}-{seed}.so"
    if not file.exists():
        import tl2cgen
        import treelite

        model = treelite.frontend.load_lightgbm_model(str(CACHE / f"{stem}-{seed}.txt"))
        tl2cgen.export_lib(model, toolchain="gcc", libpath=str(file), params={"parallel_comp": 4}, nthread=1)
    copy = CACHE / f"{stem}-{seed}-at-{place}.so"
    if not copy.exists():
        shutil.copy(file, copy)
    return copy


def add_trees(report: Report, with_peers: bool = True) -> None:
    """Measure and add the figures; `bench/decisions.py` calls this too."""
    start = time.perf_counter()
    texts = [model_text(seed) for seed in range(MODELS)]
    report.note(f"models ready in {time.perf_counter() - start:.0f} s")
    rows = np.ascontiguousarray(np.concatenate([table(k, 11) for k in range(ROWS // 11 + 1)])[:ROWS])
    forest = packed(texts)
    repack = cpu_us(lambda: packed(texts), 1, 3) / 1e6
    groves = [from_lightgbm(text, COLUMNS) for text in texts]
    repack_only = cpu_us(lambda: Forest.pack(groves, COLUMNS), 1, 3) / 1e6
    nano = forest.nano(rows)
    assert (np.concatenate([forest.nano(rows[i : i + 1]) for i in range(50)]) == nano[:50]).all()
    peers = [LightGbm, OnnxRuntime, Tl2cgen] if with_peers else [LightGbm]
    batch, single, ones = {}, {}, [np.ascontiguousarray(rows[k : k + 1]) for k in range(0, ROWS, 32)]
    for make in peers:
        peer = make(texts)
        own = nano[:, np.arange(MODELS) % COMPILED] if make is Tl2cgen else nano
        apart = np.abs(peer.log_odds(peer.score(peer.given(rows))) - own / 1e9).max()
        limit = {"lightgbm": 1e-6, "onnxruntime": 2e-4, "tl2cgen": 1e-5}[peer.name]
        assert apart < limit, f"{peer.name} answers differ by {apart}"
        many, alone = peer.given(rows), [peer.given(one) for one in ones]
        batch[peer.name] = cpu_us(lambda peer=peer, many=many: peer.score(many), ROWS)
        single[peer.name] = cpu_us_alone(peer.score, alone)
        report.note(f"{peer.name}: answers within {apart:.1e} log-odds of ours, all {MODELS} models")
    ours = cpu_us(lambda: forest.nano(rows), ROWS, 4)  # beside the peers' runs, not before them
    alone_us = cpu_us_alone(forest.nano, ones)
    report.add("trees_batch_us", ours, "us/request", must=40, aim=12)
    report.add("trees_single_us", alone_us, "us/request", must=800, aim=250)
    for n in (8, 32, 64, 256):
        part = np.ascontiguousarray(rows[:n])
        report.add(f"trees_batch_of_{n}_us", cpu_us(lambda part=part: forest.nano(part), n), "us/request")
    report.add("lightgbm_ratio", batch["lightgbm"] / ours, "x", "higher", must=16, aim=40)
    if with_peers:
        report.add("compiled_ratio", batch["tl2cgen"] / ours, "x", "higher", must=5, aim=12)
        report.add("onnxruntime_ratio", batch["onnxruntime"] / ours, "x", "higher")
    for name in batch:
        report.add(f"{name}_batch_us", batch[name], "us/request")
        report.add(f"{name}_single_us", single[name], "us/request")
    report.add("trees_pack_s", repack_only, "s")
    report.add("trees_read_and_pack_s", repack, "s")
    report.add("trees_mb", forest.bytes_held / 1e6, "MB")
    report.add("trees_cores_at_410k", ours * 0.41, "cores")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--no-peers", action="store_true", help="LightGBM only: no conversion, no compiler")
    report = Report("trees")
    add_trees(report, not parser.parse_args().no_peers)
    report.note("least CPU time on one thread; lleaves needs an older llvmlite than numba does and is left out")
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
