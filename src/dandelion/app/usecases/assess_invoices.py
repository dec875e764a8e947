"""Decide a lender's firms from their invoices alone: proof 2, in one pass."""

from __future__ import annotations

import dataclasses
import time
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from dandelion.app.assess.invoices_books import clean_books
from dandelion.app.assess.invoices_learning import learn
from dandelion.app.assess.invoices_lending import lend
from dandelion.app.assess.invoices_licence import licence_bounds
from dandelion.app.assess.invoices_offers import RateTable
from dandelion.app.assess.invoices_reading import Progress, read_directory
from dandelion.app.assess.invoices_report import write_report
from dandelion.app.assess.invoices_result import Result, write_decisions, write_json, write_set_aside
from dandelion.app.assess.invoices_settings import Settings, settings
from dandelion.app.assess.invoices_shift import measure_shift
from dandelion.app.assess.invoices_summary import summarise
from dandelion.core import BadInput

__all__ = ["assess_invoices"]


def assess_invoices(
    directory: Path, as_of: date | None = None, budget_yuan: int = 100_000_000, licence: str = "bank",
    out: Path = Path("assessment"), progress: Progress | None = None, *, today: date | None = None,
    rules: Settings | None = None,
) -> Result:  # fmt: skip
    """Read, clean, learn, lend, report.  `as_of` defaults to the day after the last invoice; `progress(what, share)`.

    `rules` replaces the shipped `invoices.yaml`.  Leaves decisions.csv, report.html, result.json (and set_aside.csv) in `out`.  Errors: BadInput, NotFound.
    """
    started, told = time.perf_counter(), progress or (lambda _what, _share: None)
    if isinstance(budget_yuan, bool) or not isinstance(budget_yuan, int) or budget_yuan <= 0:
        raise BadInput(f"the budget is {budget_yuan!r}; give whole yuan above zero", field="budget_yuan")
    today = today or datetime.now(UTC).date()
    bounds = licence_bounds(licence, today)
    rules = (rules or settings()).under(bounds.line_cap_yuan)
    inputs = read_directory(Path(directory), rules.layout, as_of=as_of, today=today, progress=told)
    rates = RateTable.of(inputs.churn, rules.offer, bounds.nominal_cap_ppm)
    books = clean_books(inputs, rules, told)
    with threadpool_limits(1):  # matrices of a hundred rows: more threads only wait for each other
        learnt = learn(
            inputs.firms, books, rates, rules, budget_yuan, lambda share: told("cross-validate", 0.4 + 0.4 * share)
        )
    told("spend the budget", 0.85)
    book = lend(inputs.firms, books, learnt, rates, rules, budget_yuan)
    shift = measure_shift(
        books.frame, learnt.z, learnt.labelled, inputs.firms.sole_trader, books.sharing.group, learnt.specs
    )
    told("write the report", 0.95)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    result = summarise(inputs, books, learnt, book, shift, bounds, rules, budget_yuan)
    write_decisions(out / "decisions.csv", result.decisions)
    files = [out / "decisions.csv", out / "report.html", out / "result.json"]
    if inputs.set_aside_rows:
        write_set_aside(out / "set_aside.csv", inputs)
        files.append(out / "set_aside.csv")
    seconds = float(np.round(time.perf_counter() - started, 2))
    result = dataclasses.replace(result, files=tuple(files), seconds=seconds)
    write_report(out / "report.html", result, inputs, books, learnt, book, shift, rules)
    result = dataclasses.replace(result, seconds=float(np.round(time.perf_counter() - started, 2)))
    write_json(out / "result.json", result.as_json())
    told("done", 1.0)
    return result
