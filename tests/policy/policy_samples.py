"""Requests against the default book, with the real catalogue of indicators."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from dandelion.core import Column, Frame
from dandelion.graph import catalogue as graph_catalogue
from dandelion.graph import rules_hash, standard_rules
from dandelion.indicators import standard
from dandelion.policy import Book, DecisionInput, LineState, Lists, MoneyFacts, Product

DEFAULTS = Path(str(files("dandelion") / "defaults"))
KEY = b"a key of the tests, 32 bytes lon"
AS_OF = 1_750_000_000_000_000
GOOD_SHOP = {
    "tenure_days": 400, "quiet_days": 0, "payments_90d": 900, "active_days_30d": 27, "payers_90d": 300,
    "payments_per_payer_90d": 3, "top_payer_share_90d": 0.05, "related_share_90d": 0.05, "night_share_90d": 0.1,
    "out_to_in_90d": 0.6, "refund_rate_90d": 0.01, "trend_7_30": 0.0, "trend_30_90": 0.02, "trend_90_180": 0.15,
    "volatility_12w": 0.3, "devices_90d": 2, "loan_inquiries_90d": 1, "inquiries_30d": 0, "open_lenders": 1,
    "outside_past_due_90d": 0, "outside_past_due_365d": 0, "ring_score": 0, "circular_share_90d": 0.0,
    "returned_share_90d": 0.02, "shared_device_share_90d": 0.0, "dandelion_score_90d": 0.8,
}  # fmt: skip
GOOD_FIRM = {
    "invoice_age_days": 900, "invoice_quiet_days": 3, "invoices_180d": 200, "buyers_180d": 40,
    "top_buyer_share_365d": 0.1, "void_share_180d": 0.02, "red_share_180d": 0.01, "invoice_trend_90_180": 0.05,
    "invoice_volatility_12m": 0.3, "cost_ratio_365d": 0.7, "tax_filings_365d": 4, "tax_late_share_365d": 0,
    "open_lenders": 1, "loan_inquiries_90d": 1, "outside_past_due_90d": 0, "outside_past_due_365d": 0,
    "ring_score": 0,
}  # fmt: skip
ALL_GRANTED = frozenset({"payments", "orders", "credit_reports", "logins", "invoices", "registry", "tax"})


@cache
def catalogue() -> dict[str, Column]:
    rules = standard_rules()
    return {**standard().catalogue, **graph_catalogue(rules.windows_days, rules_hash(rules, "Asia/Shanghai"))}


@cache
def book() -> Book:
    return Book.load(DEFAULTS / "strategies", catalogue(), strict=False)


@cache
def lists() -> Lists:
    return Lists.load(DEFAULTS / "lists", KEY)


@cache
def product(name: str = "shop-line") -> Product:
    return Product.load(DEFAULTS / "products" / f"{name}.credit.yaml")


def frame_of(values: dict[str, float], name: str = "shop-line", of: Book | None = None) -> Frame:
    the_book = of or book()
    by_id = {the_book.columns[alias].id: value for alias, value in values.items()}
    ids = the_book.column_ids(name)
    columns = {i: np.array([by_id.get(i, np.nan)]) for i in ids}
    return Frame.of(["m1"], [AS_OF], [AS_OF], columns, {i: catalogue()[i] for i in ids})


def shop(
    pd_ppm: int | None = 20_000, turnover_fen: int | None = 800_000, *, money: dict[str, Any] | None = None,
    columns: dict[str, float] | None = None, **rest: Any,
) -> DecisionInput:  # fmt: skip
    """A good shop unless told otherwise."""
    return _request("shop-line", GOOD_SHOP, pd_ppm, turnover_fen, money or {}, columns or {}, rest)


def firm(
    pd_ppm: int | None = 10_000, turnover_fen: int | None = 40_000_000, *, money: dict[str, Any] | None = None,
    columns: dict[str, float] | None = None, **rest: Any,
) -> DecisionInput:  # fmt: skip
    return _request("invoice-line", GOOD_FIRM, pd_ppm, turnover_fen, money or {}, columns or {}, rest)


def _request(
    name: str, base: dict[str, float], pd_ppm: int | None, turnover: int | None, money: dict[str, Any],
    columns: dict[str, float], rest: dict[str, Any],
) -> DecisionInput:  # fmt: skip
    t = turnover or 0
    facts = {
        "turnover_month_fen": turnover, "forecast_q10_fen": 5 * t, "forecast_q50_fen": 6 * t,
        "forecast_q90_fen": 7 * t, "outside_due_month_fen": t // 40, "outside_balance_fen": t // 4,
    } | money  # fmt: skip
    given: dict[str, Any] = {
        "tenant": "t1", "entity": "m1", "as_of": AS_OF, "frame": frame_of({**base, **columns}, name),
        "scores": {} if pd_ppm is None else {"pd": pd_ppm}, "money": MoneyFacts(**facts),
        "keys": {"subject": ["m1"], "owner": ["p1"]}, "granted": ALL_GRANTED,
        "vouchers": frozenset({"business_licence"}),
    }  # fmt: skip
    return DecisionInput(**{**given, **rest})


def line(**given: Any) -> LineState:
    return LineState(**{"line": "l1", "limit_fen": 800_000, "principal_fen": 300_000, "age_days": 100, **given})
