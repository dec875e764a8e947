"""Do neighbour columns, spread risk and node embeddings add anything on held-out time?  Simulated towns.

    python bench/graph_learning.py [--people 8000] [--seeds 21 22 23 24] [--questions bad business elsewhere]

Three questions, trained on early months and judged on later ones:
  bad       whether a loan decided in months 18 to 21 goes bad; trained on loans of months 8 to 11, all labels known by
            month 18 (a bad is known 183 days after the loan)
  business  whether an account is a business at month 18; trained at month 10 on the other half of the accounts
  elsewhere whether an account is a business in another town: trained on all accounts of the town of the seed before, each
            town with an embedding of its own
Columns: the subject's own graph columns; with its neighbours'; with risk that flows from earlier bad loans; with a
16-dimensional spectral embedding (truncated SVD of the normalised adjacency of the training snapshot; later snapshots are
folded in over the accounts both know).  LightGBM, the same settings for all, three seeds averaged.  Nothing is tuned here.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import svds
from sklearn.metrics import roc_auc_score

from dandelion.core import DAY_US
from dandelion.graph import FlowGraph, columns, snapshot
from dandelion.graph.neighbours import neighbour_columns
from dandelion.graph.relations import relations
from dandelion.graph.risk import BadNews, risk_map
from dandelion.world import build

TZ = "Asia/Shanghai"
TRAIN, TEST = (8, 10), (18, 20)  # months of the boundaries; each serves the loans of two months
LEARN_AT, ASK_AT = 10, 18
DIMENSIONS = 16
SETTINGS = {
    "objective": "binary", "learning_rate": 0.05, "num_leaves": 15, "min_child_samples": 40, "feature_fraction": 0.8,
    "bagging_fraction": 0.8, "bagging_freq": 1, "verbose": -1, "num_threads": 1, "deterministic": True,
}  # fmt: skip
TREES, MODEL_SEEDS = 150, (1, 2, 3)
SETS = {
    "own": ("own",), "own + neighbours": ("own", "near"), "own + neighbours + risk": ("own", "near", "risk"),
    "own + neighbours + embedding": ("own", "near", "embedding"), "own + embedding": ("own", "embedding"),
}  # fmt: skip


@dataclass
class Seen:
    """A snapshot with what else is needed of it."""

    graph: FlowGraph
    risk: dict[str, float]


class TownSeen:
    """Snapshots of one simulated town at a few months."""

    def __init__(self, folder: Path) -> None:
        self.record = folder / "record"
        self.start = json.loads((folder / "world.json").read_text())["start_us"]
        self.loans = pq.read_table(self.record / "loans.parquet")
        self.truth = pq.read_table(folder / "truth" / "accounts.parquet")
        self._seen: dict[int, Seen] = {}

    def boundary(self, month: int) -> int:
        return self.start + int(month * 30.4375 * DAY_US)

    def at(self, month: int) -> Seen:
        if month not in self._seen:
            as_of = self.boundary(month)
            stamp = pa.timestamp("us", tz="UTC")
            since, until = (pa.scalar(t, pa.int64()).cast(stamp) for t in (as_of - 240 * DAY_US, as_of))
            data = ds.dataset(self.record / "payment", format="parquet", partitioning=None)
            wanted = [n for n in data.schema.names if n in ("payer", "payee", "at", "arrived", "amount_fen", "channel", "device",
                                                            "event_id", "replaces")]  # fmt: skip
            payments = data.to_table(columns=wanted, filter=(pc.field("at") >= since) & (pc.field("at") < until))
            logins, roles, held = (
                pq.read_table(self.record / f"{n}.parquet") for n in ("login", "role", "shareholding")
            )
            graph = snapshot(payments, as_of, logins=logins, roles=roles, shareholdings=held, tz=TZ)
            found = relations(as_of, payments=payments, roles=roles, shareholdings=held, logins=logins)
            spread = risk_map(found, self.news())
            self._seen[month] = Seen(graph, dict(zip(spread.parties, spread.score.tolist(), strict=True)))
        return self._seen[month]

    def news(self) -> list[BadNews]:
        """Bad loans, known on the day they were 90 days late."""
        events = pq.read_table(self.record / "loan_events.parquet")
        late = events.filter(pc.greater_equal(events.column("days_past_due"), 90))
        at = late.column("at").cast(pa.int64()).to_pylist()
        return [BadNews(m, 1.0, t, t) for m, t in zip(late.column("merchant").to_pylist(), at, strict=True)]


def embedding(graph: FlowGraph) -> tuple[np.ndarray, np.ndarray]:
    """(embedding of every account, singular values) of the normalised adjacency."""
    matrix = _normalised(graph)
    rng = np.random.default_rng(0)
    left, values, _ = svds(matrix, k=DIMENSIONS, v0=rng.random(matrix.shape[0]))
    return left, values


def folded_in(graph: FlowGraph, learnt: FlowGraph, basis: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Embedding of another snapshot's accounts in the space learnt: their ties to accounts both know."""
    matrix = _normalised(graph)
    row = learnt.rows(graph.accounts.to_pylist())
    known = np.flatnonzero(row >= 0)
    return np.asarray(matrix[:, known] @ basis[row[known]] / values)


def _normalised(graph: FlowGraph) -> csr_matrix:
    n = len(graph)
    ones = np.ones(len(graph.ties.neighbours))
    matrix = csr_matrix((ones, graph.ties.neighbours, graph.ties.offsets), shape=(n, n))
    scale = diags(1 / np.sqrt(np.maximum(np.asarray(matrix.sum(1)).ravel(), 1)))
    return csr_matrix(scale @ matrix @ scale)


def parts(seen: Seen, subjects: list[str], space: tuple[FlowGraph, np.ndarray, np.ndarray]) -> dict[str, np.ndarray]:
    graph = seen.graph
    learnt, basis, values = space
    placed = basis if graph is learnt else folded_in(graph, learnt, basis, values)
    row = graph.rows(subjects)
    near = np.where((row >= 0)[:, None], placed[np.maximum(row, 0)], np.nan)
    return {
        "own": columns(graph, subjects, graph.as_of, graph.as_of).values, "near": neighbour_columns(graph, subjects).values,
        "risk": np.array([[seen.risk.get(s, np.nan)] for s in subjects]), "embedding": near,
    }  # fmt: skip


def auc(
    train: dict[str, np.ndarray], y: np.ndarray, test: dict[str, np.ndarray], truth: np.ndarray
) -> dict[str, float]:
    out = {}
    for name, chosen in SETS.items():
        a, b = (np.hstack([part[one] for one in chosen]) for part in (train, test))
        score = np.zeros(len(b))
        for seed in MODEL_SEEDS:
            model = lgb.train({**SETTINGS, "seed": seed}, lgb.Dataset(a, y), TREES)
            score += np.asarray(model.predict(b))
        out[name] = float(roc_auc_score(truth, score))
    out["risk alone"] = float(roc_auc_score(truth, np.nan_to_num(test["risk"][:, 0])))
    return out


def loans_of(town: TownSeen, months: tuple[int, ...], space: tuple[FlowGraph, np.ndarray, np.ndarray],
             known_by: int | None) -> tuple[dict[str, np.ndarray], np.ndarray]:  # fmt: skip
    """Loans of the two months after each boundary; `known_by`: only labels that had matured by then."""
    found: list[dict[str, np.ndarray]] = []
    labels: list[np.ndarray] = []
    decided = np.asarray(town.loans.column("decided_at").cast(pa.int64()).to_numpy())
    for month in months:
        keep = (decided >= town.boundary(month)) & (decided < town.boundary(month + 2))
        keep &= town.loans.column("matured").to_numpy()
        if known_by is not None:
            keep &= decided + 184 * DAY_US < known_by
        some = town.loans.filter(pa.array(keep))
        found.append(parts(town.at(month), some.column("merchant").to_pylist(), space))
        labels.append(some.column("bad").to_numpy(zero_copy_only=False).astype(bool))
    return {name: np.vstack([f[name] for f in found]) for name in found[0]}, np.concatenate(labels)


def bad_loans(town: TownSeen) -> tuple[dict[str, float], int]:
    learnt = town.at(TRAIN[-1]).graph
    space = (learnt, *embedding(learnt))
    train, y = loans_of(town, TRAIN, space, town.boundary(TEST[0]))
    test, truth = loans_of(town, TEST, space, None)
    return auc(train, y, test, truth), int(truth.sum())


def businesses(town: TownSeen, seed: int) -> tuple[dict[str, float], int]:
    learnt = town.at(LEARN_AT).graph
    space = (learnt, *embedding(learnt))
    names = np.array(town.truth.column("account").to_pylist(), object)
    is_business = town.truth.column("is_business").to_numpy(zero_copy_only=False).astype(bool)
    half = np.random.default_rng(seed).random(len(names)) < 0.5
    train = parts(town.at(LEARN_AT), names[half].tolist(), space)
    test = parts(town.at(ASK_AT), names[~half].tolist(), space)
    return auc(train, is_business[half], test, is_business[~half]), int(is_business[~half].sum())


def elsewhere(before: TownSeen, town: TownSeen) -> tuple[dict[str, float], int]:
    """Both towns at the same month, each in its own space."""
    halves = []
    for one in (before, town):
        seen = one.at(ASK_AT)
        names = one.truth.column("account").to_pylist()
        truth = one.truth.column("is_business").to_numpy(zero_copy_only=False).astype(bool)
        halves.append((parts(seen, names, (seen.graph, *embedding(seen.graph))), truth))
    (train, y), (test, truth) = halves
    return auc(train, y, test, truth), int(truth.sum())


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=8_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[21, 22, 23, 24])
    parser.add_argument("--questions", nargs="+", default=["bad", "business", "elsewhere"])
    asked = parser.parse_args()
    started = time.process_time()
    found: dict[str, dict[str, list[float]]] = {
        question: {name: [] for name in (*SETS, "risk alone")} for question in asked.questions
    }
    before: TownSeen | None = None
    for seed in asked.seeds:
        with tempfile.TemporaryDirectory() as folder:
            build(Path(folder), people=asked.people, months=30, seed=seed)
            town = TownSeen(Path(folder))
            answers: dict[str, tuple[dict[str, float], int]] = {}
            if "bad" in found:
                answers["bad"] = bad_loans(town)
            if "business" in found:
                answers["business"] = businesses(town, seed)
            if "elsewhere" in found:
                town.at(ASK_AT)  # before the folder goes
                if before is not None:
                    answers["elsewhere"] = elsewhere(before, town)
                before = town
            for question, (told, positives) in answers.items():
                for name, value in told.items():
                    found[question][name].append(value)
                print(f"seed {seed} {question:<9} positives {positives:>5}  " +
                      "  ".join(f"{name} {value:.4f}" for name, value in told.items()), flush=True)  # fmt: skip
    summary = {}
    for question, sets in found.items():
        base = np.array(sets["own + neighbours"])
        print(
            f"\n{question}: mean AUC over seeds {asked.seeds}, and the gain on own + neighbours with its standard error"
        )
        for name, values in sets.items():
            gain = np.array(values) - base
            error = float(gain.std(ddof=1) / np.sqrt(len(gain))) if len(gain) > 1 else float("nan")
            print(f"  {name:<30} {np.mean(values):.4f}   {gain.mean():+.4f} +- {error:.4f}")
            summary[f"{question}: {name}"] = {"auc": round(float(np.mean(values)), 4), "gain": round(float(gain.mean()), 4),
                                              "error": round(error, 4)}  # fmt: skip
    print(
        json.dumps(
            {"seeds": asked.seeds, "people": asked.people, "cpu_s": round(time.process_time() - started), **summary}
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
