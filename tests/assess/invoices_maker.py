"""Makes small exports in the documented layout: firms that trade, some that fail, and whatever a test breaks in them."""

from __future__ import annotations

import csv
import dataclasses
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from dandelion.app.assess.invoices_settings import Settings, settings

HEADER = ["firm", "direction", "number", "date", "counterparty", "amount_fen", "tax_fen", "total_fen", "void"]
FIRST, MONTHS = date(2018, 1, 1), 24


@dataclass
class Export:
    """Rows as text, to be changed before `write`."""

    firms: list[list[str]] = field(default_factory=list)
    invoices: list[list[str]] = field(default_factory=list)
    churn: list[list[str]] = field(default_factory=list)
    header: list[str] = field(default_factory=lambda: list(HEADER))
    firms_header: list[str] = field(default_factory=lambda: ["firm", "name", "rating", "default"])

    def write(self, folder: Path, encoding: str = "utf-8") -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for name, header, rows in (
            ("invoices.csv", self.header, self.invoices),
            ("firms.csv", self.firms_header, self.firms),
            ("churn_by_rate.csv", ["annual_rate", "churn_a", "churn_b", "churn_c"], self.churn),
        ):
            with (folder / name).open("w", encoding=encoding, newline="") as file:
                csv.writer(file).writerows([header, *rows])
        return folder


def invoice(
    firm: str, number: int, day: date, total: int, *, sale: bool = True, partner: str = "P1", void: str = "false"
) -> list[str]:
    net = round(total / 1.13)
    side = "sale" if sale else "purchase"
    return [firm, side, str(number), day.isoformat(), partner, str(net), str(total - net), str(total), void]


def churn_rows() -> list[list[str]]:
    rates = np.arange(0.04, 0.1501, 0.01)
    return [[f"{r:.4f}", *(f"{min(0.95, (r - 0.04) * k):.4f}" for k in (7.5, 7.0, 6.5))] for r in rates]


def small_export(good: int = 36, bad: int = 12, unknown: int = 14, seed: int = 310) -> Export:
    """Goods sell more and more steadily than bads; the unknown are a mixture.  About 25 invoices a month in all of them."""
    random = np.random.default_rng(seed)
    export = Export(churn=churn_rows())
    number = 10_000_000
    outcomes = ["0"] * good + ["1"] * bad + [""] * unknown
    for i, outcome in enumerate(outcomes):
        firm = f"F{i + 1}"
        weak = outcome == "1" or (outcome == "" and i % 3 == 0)
        rating = {"0": "A", "1": "D", "": ""}[outcome]
        export.firms.append([firm, f"{'个体经营' if i % 7 == 0 else '某某有限公司'}{i}", rating, outcome])
        level = np.exp(random.normal(16.0 - 1.5 * weak, 0.8))
        for month in range(MONTHS):
            if random.random() < (0.35 if weak else 0.05):
                continue
            start = FIRST + timedelta(days=30 * month)
            for _ in range(random.poisson(2) + 1):
                number += 1
                total = int(level * np.exp(random.normal(0, 0.6))) + 100
                partner = f"C{random.integers(1, 9)}"
                void = "true" if random.random() < (0.15 if weak else 0.04) else "false"
                day = start + timedelta(days=int(random.integers(0, 28)))
                export.invoices.append(invoice(firm, number, day, total, partner=partner, void=void))
            number += 1
            bought = int(level * 0.7) + 100
            export.invoices.append(
                invoice(firm, number, start, bought, sale=False, partner=f"S{random.integers(1, 4)}")
            )
    return export


def quick_rules() -> Settings:
    """The shipped rules with two repeats instead of ten, so that a test takes a second."""
    shipped = settings()
    fewer = dataclasses.replace(shipped.validation, seeds=(310, 311), inner_repeats=1, penalties=(6.0, 60.0))
    return dataclasses.replace(shipped, validation=fewer)
