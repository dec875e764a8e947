"""A small scorecard on given outcomes: only with enough of them, judged out of fold, and only then a PD."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion.app.assess.payments_limit import rules
from dandelion.app.assess.payments_outcomes import Outcomes
from dandelion.app.assess.payments_result import OutcomeFacts
from dandelion.core import DAY_US, BadInput, Frame, Rejection
from dandelion.indicators import Definitions, evaluate, standard
from dandelion.models import Dataset, Model, Spec, auc_interval, calibrate, ece, repeated_cv, train_scorecard

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Scored:
    """What the outcomes taught: the facts, a PD in ppm per asked merchant (None without a scorecard), rows set aside."""

    facts: OutcomeFacts
    pd_ppm: tuple[int, ...] | None
    rejections: tuple[Rejection, ...]


@dataclass(frozen=True)
class _Raw:
    """Scores by log-odds instead of by PD, so that the folds can be calibrated together."""

    model: Model

    def score(self, frame: Frame, /) -> Ints:
        return self.model.raw(frame)


def score_outcomes(
    outcomes: Outcomes, events: dict[tuple[str, str], pa.Table], account_of: dict[int, str], subjects: Sequence[str],
    as_of_us: int, tz: str, drawn_at_us: int,
) -> Scored:  # fmt: skip
    """Fit, judge, calibrate, and score `subjects` at `as_of_us`; or say politely why there is no scorecard.

    Columns are read at each outcome's own day, so nothing after it is seen.  A good outcome younger than the horizon is
    not yet known and left out.
    """
    needs, rejected = rules()["outcomes"], list(outcomes.rejections)
    chosen = _usable(outcomes, account_of, events, drawn_at_us, rejected)
    bads, goods = int(outcomes.bad[chosen].sum()), int((outcomes.bad[chosen] == 0).sum())
    unmatched = sum(one.field == "merchant" and "payment" in one.reason for one in rejected)
    facts = OutcomeFacts(len(chosen), bads, unmatched, False, "", "")
    if bads < needs["bads_min"] or goods < needs["goods_min"]:
        return Scored(_refused(facts, goods), None, tuple(rejected))
    definitions, columns = standard(tz), tuple(needs["columns"])
    at = outcomes.at_us[chosen]
    names = [account_of[int(name)] for name in outcomes.merchant[chosen]]
    frame = evaluate(definitions, events, names, at, at, columns=columns)
    data = _dataset(frame, outcomes.bad[chosen], at, drawn_at_us)
    spec = Spec.load(overrides=needs["training"])
    try:
        folds = repeated_cv(
            data, lambda train, seed: _Raw(train_scorecard(train, spec, seed)), folds=needs["folds"],
            repeats=needs["repeats"],
        )  # fmt: skip
    except BadInput as error:
        said = f"The outcomes could not be judged fairly ({error.message}), so no probability is shown"
        return Scored(replace(facts, zh="结果数据不足以公平检验，不显示违约概率", en=said), None, tuple(rejected))
    model = train_scorecard(data, spec)
    raw = np.rint(folds.mean(axis=0)).astype(np.int64)
    curve, how = calibrate(raw, data.label, data.weights(), spec.calibration)
    model = replace(model, calibration=curve, calibrated_by=how)
    now = evaluate(definitions, events, list(subjects), as_of_us, as_of_us, columns=columns)
    return Scored(
        _told(facts, data, raw, curve(raw), model, definitions),
        tuple(int(one) for one in model.score(now)), tuple(rejected),
    )  # fmt: skip


def _usable(
    outcomes: Outcomes, account_of: dict[int, str], events: dict[tuple[str, str], pa.Table], drawn_at_us: int,
    rejected: list[Rejection],
) -> Ints:  # fmt: skip
    known = np.array([int(name) in account_of for name in outcomes.merchant], bool)
    first = _first_payment(events)
    began = np.array([first.get(account_of.get(int(name), ""), np.iinfo(np.int64).max) for name in outcomes.merchant])
    horizon = rules()["outcomes"]["horizon_days"] * DAY_US
    young = (outcomes.bad == 0) & (outcomes.at_us + horizon > drawn_at_us)
    for i in range(len(outcomes.row)):
        row = int(outcomes.row[i])
        if not known[i]:
            rejected.append(Rejection(row, "merchant", "merchant: has no payment in the payment file"))
        elif began[i] >= outcomes.at_us[i]:
            rejected.append(Rejection(row, "merchant", "merchant: has no payment before this date"))
        elif young[i]:
            reason = f"bad: is good so far, but {horizon // DAY_US} days have not passed since the date"
            rejected.append(Rejection(row, "bad", reason))
    return np.flatnonzero(known & (began < outcomes.at_us) & ~young)


def _first_payment(events: dict[tuple[str, str], pa.Table]) -> dict[str, int]:
    """First instant each payee was paid; the table is sorted by (payee, at)."""
    table = events["payment", "payee"]
    payee = table.column("payee").combine_chunks()
    codes = payee.indices.to_numpy()
    at = table.column("at").cast(pa.int64()).to_numpy()
    starts = np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1]])) if len(codes) else np.empty(0, np.int64)
    names = payee.dictionary.to_pylist()
    return {names[codes[i]]: int(at[i]) for i in starts}


def _dataset(frame: Frame, bad: npt.NDArray[np.int8], at: Ints, drawn_at_us: int) -> Dataset:
    horizon = rules()["outcomes"]["horizon_days"] * DAY_US
    matured = np.minimum(at + horizon, np.maximum(drawn_at_us, at + 1))  # a bad may be known before the horizon ends
    return Dataset(
        frame, bad.astype(np.int8), at, matured, max(drawn_at_us, int(matured.max())),
        f"bad as given in the outcomes file, within {horizon // DAY_US} days of its date", late_arrivals=True,
    )  # fmt: skip


def _refused(facts: OutcomeFacts, goods: int) -> OutcomeFacts:
    needs = rules()["outcomes"]
    return replace(
        facts,
        zh=f"可用的结果只有 {facts.bads} 个坏、{goods} 个好；至少各需 {needs['bads_min']} 和 {needs['goods_min']} 个，"
        "因此不估计违约概率",
        en=f"Only {facts.bads} bad and {goods} good outcomes can be used; a scorecard needs at least "
        f"{needs['bads_min']} and {needs['goods_min']}, so no probability of default is estimated",
    )


def _told(
    facts: OutcomeFacts, data: Dataset, raw: Ints, pd: Ints, model: Model, definitions: Definitions
) -> OutcomeFacts:
    auc = auc_interval(data.label, raw)
    error = ece(data.label, pd / 1_000_000, bins=5)
    columns = tuple(f"{definitions.column(name).zh} · {definitions.column(name).en}" for name in model.columns)
    useless = auc.low <= 0.5
    zh = f"按 {facts.merchants} 个结果（{facts.bads} 个坏）拟合评分卡，折外 AUC {auc.mean:.3f}（95% 区间 {auc.low:.3f}–{auc.high:.3f}）"
    en = (
        f"A scorecard on {facts.merchants} outcomes ({facts.bads} bad); AUC out of fold {auc.mean:.3f} "
        f"(95 % interval {auc.low:.3f} to {auc.high:.3f})"
    )
    if useless:
        zh, en = (
            zh + "，区间包含 0.5，分辨力没有得到证明",
            en + "; the interval holds 0.5, so it is not shown to tell good from bad",
        )
    return replace(
        facts, fitted=True, zh=zh, en=en, auc=round(auc.mean, 4), auc_low=round(auc.low, 4), auc_high=round(auc.high, 4),
        calibration_error=round(float(error), 4), columns=columns,
    )  # fmt: skip
