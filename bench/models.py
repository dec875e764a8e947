"""make bench NAME=models: our scorecard and booster beside scikit-learn on two public credit tables.

Three-fold cross-validation on all rows (ARGS="--rows 20000" for a quick look), one thread each.  Peers: scikit-learn's
HistGradientBoosting and a standardised logistic regression, defaults, median for missing values in the logit.
Excluded: tuning on either side.  Then the time to score one row with reasons, and rows in bulk.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pyarrow.parquet as pq

from _report import Report
from dandelion.core import Column, Frame
from dandelion.models import Dataset, Model, Spec, stratified_folds, train_booster, train_scorecard
from dandelion.models.metrics import auc, auc_interval, ks

DATA = Path(os.environ.get("DANDELION_DATA", Path(__file__).parents[2] / "shared" / "data")) / "credit"
TABLES = {  # file, label, left out, bar and aim of the booster (published: .866 and .784 boosted)
    "gmsc": ("give_me_some_credit", "SeriousDlqin2yrs", (), 0.862, 0.8675),
    "taiwan": ("taiwan_card", "default.payment.next.month", ("ID", "SEX", "MARRIAGE"), 0.778, 0.785),
}


def table(name: str, rows: int) -> Dataset:
    """The public table as a Dataset; text columns become the number of their value in sorted order."""
    file, label, left_out, *_ = TABLES[name]
    data = pq.read_table(DATA / f"{file}.parquet")
    data = data.slice(0, rows) if rows else data
    columns = {}
    for field in data.column_names:
        if field == label or field in left_out:
            continue
        values = data[field].to_numpy(zero_copy_only=False)
        if values.dtype == object:
            values = np.unique(values.astype(str), return_inverse=True)[1]
        columns[f"{name}/{field.replace('-', '_')}"] = values.astype(np.float64)
    raw = data[label].to_numpy(zero_copy_only=False)
    bad = np.isin(raw.astype(str), ("1", "yes")).astype(np.int8)
    zero = np.zeros(len(bad), np.int64)
    catalogue = {c: Column(c, "1", (None, None), "missing", name, "credit", "v1", c, c) for c in columns}
    frame = Frame.of([f"{name}{i}" for i in range(len(bad))], zero, zero, columns, catalogue)
    return Dataset(frame, bad, zero, zero + 1, 1, label)


def out_of_fold(data: Dataset, fit) -> tuple[np.ndarray, float]:
    """(scores, seconds of fitting) over three stratified folds."""
    fold, out, spent = stratified_folds(data, 3, 310), np.empty(len(data)), 0.0
    for k in range(3):
        start = time.perf_counter()
        score = fit(data.take(fold != k))
        spent += time.perf_counter() - start
        out[fold == k] = score(data.take(fold == k).frame)
    return out, spent


def peer(kind: str):
    """A scikit-learn model behind the same door."""

    def fit(train: Dataset):
        from sklearn.ensemble import HistGradientBoostingClassifier
        from sklearn.impute import SimpleImputer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        model = (
            HistGradientBoostingClassifier(random_state=310)
            if kind == "hist"
            else make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(max_iter=500))
        )
        model.fit(train.frame.values, train.label)
        return lambda frame: model.predict_proba(frame.values)[:, 1]

    return fit


def latency(model: Model, frame: Frame) -> tuple[float, float]:
    """(median µs of one row scored with reasons, rows a second in bulk)."""
    one, spent = frame.take([0]), []
    for _ in range(300):
        start = time.perf_counter()
        model.score(one)
        model.contributions(one).worst(0)
        spent.append(time.perf_counter() - start)
    start = time.perf_counter()
    model.score(frame)
    return 1e6 * statistics.median(spent[50:]), len(frame) / (time.perf_counter() - start)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=0, help="only the first rows of each table")
    rows = parser.parse_args().rows
    if not DATA.is_dir():
        print("the public credit tables are not here; set DANDELION_DATA (docs/data.md)")
        return 0
    report, spec = Report("models"), Spec.load()
    ours = {"scorecard": train_scorecard, "booster": train_booster}
    for name, (*_, must, aim) in TABLES.items():
        data = table(name, rows)
        for family, train in ours.items():
            score, spent = out_of_fold(data, lambda part, train=train: train(part, spec).score)
            bars = {"must": must, "aim": aim} if family == "booster" and not rows else {}
            report.add(f"{name}_{family}_auc", auc(data.label, score), "AUC", "higher", **bars)
            report.add(f"{name}_{family}_ks", ks(data.label, score), "KS", "higher")
            report.add(f"{name}_{family}_fit_s", spent, "s")
        around = auc_interval(data.label, score)
        report.note(f"{name}: {len(data)} rows, {data.bads} bads; booster {around.low:.4f} to {around.high:.4f}")
        for kind in ("hist", "logit"):
            score, spent = out_of_fold(data, peer(kind))
            report.add(f"{name}_sklearn_{kind}_auc", auc(data.label, score), "AUC", "higher")
            report.add(f"{name}_sklearn_{kind}_fit_s", spent, "s")
    model = train_booster(data, spec)
    one, bulk = latency(model, data.frame)
    report.add("one_row_with_reasons_us", one, "us", must=2000, aim=500)
    report.add("bulk_rows_per_s", bulk, "rows/s", "higher")
    report.note("three folds, defaults on both sides, one thread; sex, marriage and ids are left out of taiwan")
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
