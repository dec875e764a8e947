"""Puts the assessment on one page: what was read, what it is worth, what was decided, what cannot be known."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dandelion.app.assess import invoices_charts as charts
from dandelion.app.assess.invoices_books import Books
from dandelion.app.assess.invoices_columns import PREFIX
from dandelion.app.assess.invoices_learning import Learnt
from dandelion.app.assess.invoices_lending import LoanBook
from dandelion.app.assess.invoices_offers import offers
from dandelion.app.assess.invoices_portfolio import spend
from dandelion.app.assess.invoices_reading import Inputs
from dandelion.app.assess.invoices_result import Result
from dandelion.app.assess.invoices_settings import Settings
from dandelion.app.assess.invoices_shift import Shift
from dandelion.app.assess.invoices_summary import cannot_show
from dandelion.app.assess.report_html import render

LGDS_PPM = (450_000, 600_000, 750_000, 1_000_000)


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The same firms and PDs under another loss given default."""

    lgd_ppm: int
    approved: int
    spent_yuan: int
    expected_yuan: int


def write_report(
    path: Path,
    result: Result,
    inputs: Inputs,
    books: Books,
    learnt: Learnt,
    book: LoanBook,
    shift: Shift,
    rules: Settings,
) -> None:
    """One self-contained HTML file."""
    budget = int(result.details["budget_yuan"])
    names = {
        "roc": charts.roc_chart(learnt), "calibration": charts.calibration_chart(learnt),
        "weights": charts.weights_chart(learnt), "shift": charts.shift_chart(shift),
        "limits": charts.limit_chart(book), "rates": charts.rate_chart(book),
        "budget": charts.budget_chart(book, budget), "pds": charts.pd_chart(learnt, book),
    }  # fmt: skip
    page = render(
        "invoices.html",
        {
            "title": "小微企业发票授信评估 · Lending on invoices",
            "subtitle": f"评估日 {inputs.as_of} · 待定企业 {len(book.decisions)} 家 · 有标签企业 {len(learnt.bad)} 家 · "
            f"发票 {books.cleaning.invoices:,} 张",
            "result": result, "details": result.details, "judged": learnt.judgement, "inputs": inputs,
            "cleaning": books.cleaning, "sharing": books.sharing, "ids": inputs.firms.ids,
            "default": inputs.firms.default, "shift": shift, "book": book, "rules": rules.offer, "charts": names,
            "limits_of_data": cannot_show(inputs, books, learnt, shift),
            "sensitivity": sensitivity(books, book, rules, budget), "budget_yuan": budget,
        },
    )  # fmt: skip
    path.write_text(page, encoding="utf-8")


def sensitivity(books: Books, book: LoanBook, rules: Settings, budget_yuan: int) -> list[Sensitivity]:
    """Spend the same budget under other losses given default."""
    yearly = books.frame.money[PREFIX + "yearly_sales_fen"].fen[book.rows]
    unit = books.sharing.group[book.rows]
    barred = np.asarray(~np.isfinite(book.offers.profit).any(axis=1), bool)
    out = []
    for lgd in LGDS_PPM:
        offer = dataclasses.replace(rules.offer, lgd_ppm=lgd)
        made = offers(book.offers.pd, yearly, book.offers.rates, offer, rules.grades, barred)
        got = spend(made, unit, budget_yuan)
        out.append(Sensitivity(lgd, int((got.limit_yuan > 0).sum()), got.spent_yuan, round(got.profit_yuan)))
    return out
