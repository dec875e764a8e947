"""Learns from the labelled firms and judges what was learnt, beside *total sales alone* under the same treatment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion.app.assess.invoices_books import Books
from dandelion.app.assess.invoices_columns import PREFIX, Spec, model_inputs
from dandelion.app.assess.invoices_firms import Firms
from dandelion.app.assess.invoices_judging import Judgement, judge, profit_of
from dandelion.app.assess.invoices_model import ANCHOR_PENALTY, Model, NormalScores
from dandelion.app.assess.invoices_offers import RateTable
from dandelion.app.assess.invoices_settings import Settings, Validation
from dandelion.app.assess.invoices_validation import Learner, OutOfFold, out_of_fold
from dandelion.core import BadInput

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Learnt:
    """`labelled` marks firms with a known outcome and an invoice; `z` are normal scores of every firm."""

    labelled: npt.NDArray[np.bool_]
    bad: npt.NDArray[np.int8]
    total_sales: Values
    specs: tuple[Spec, ...]
    z: Values
    model: Model
    ours: OutOfFold
    base: OutOfFold
    judgement: Judgement


def learn(
    firms: Firms, books: Books, rates: RateTable, settings: Settings, budget_yuan: int, told: Callable[[float], None]
) -> Learnt:
    """Fit on every labelled firm, judge by cross-validation.  Errors: BadInput where the labels are too few."""
    rules, frame = settings.validation, books.frame
    labelled = (firms.default >= 0) & np.isfinite(frame[PREFIX + "window_months"])
    bad = firms.default[labelled]
    _refuse_few(bad, rules, labelled)
    specs = model_inputs()
    raw = frame.select([PREFIX + spec.id for spec in specs]).values.astype(np.float64)
    scores = NormalScores.fit(raw, -np.array([spec.sign for spec in specs], np.float64))
    z, group = scores.of(raw), books.sharing.group[labelled]
    learner = Learner(scores, rules.penalties, rules.inner_folds, rules.inner_repeats)
    sales = frame.money[PREFIX + "sales_fen"].fen.astype(np.float64)
    alone = NormalScores.fit(sales[:, None], np.ones(1))
    ours = out_of_fold(z[labelled], bad, group, learner, rules, told)
    base_learner = Learner(alone, (ANCHOR_PENALTY,), rules.inner_folds, rules.inner_repeats)
    base = out_of_fold(alone.of(sales[labelled, None]), bad, group, base_learner, rules)
    yearly = frame.money[PREFIX + "yearly_sales_fen"].fen[labelled]
    share = labelled.sum() / max(int((~labelled).sum()), 1)
    budget = round(budget_yuan * min(float(share), 1.0))
    profit = profit_of(bad, yearly, group, ours, base, rates, settings, budget)
    return Learnt(
        labelled, bad, sales[labelled], specs, z, learner.learn(z[labelled], bad, group, rules.seeds[0]), ours, base,
        judge(bad, sales[labelled], ours, base, profit, rules.folds),
    )  # fmt: skip


def _refuse_few(bad: npt.NDArray[np.int8], rules: Validation, labelled: npt.NDArray[np.bool_]) -> None:
    if not labelled.any():
        raise BadInput(
            "no firm of the firms file has a known outcome (column default) and invoices; a model needs labelled firms",
            field="default",
        )
    goods, bads = int((bad == 0).sum()), int(bad.sum())
    if goods + bads < rules.labelled_min or min(goods, bads) < rules.defaults_min:
        raise BadInput(
            f"{goods + bads} labelled firms with {bads} defaults; at least {rules.labelled_min} with {rules.defaults_min} "
            "of each outcome are needed to learn and to judge",
            field="default",
        )
