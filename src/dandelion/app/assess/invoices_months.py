"""Month by month: what a firm sold, bought and to how many, inside its own window, and the columns that follow."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
DAYS_A_MONTH = 30.4375
HALVES_MONTHS_MIN = 6
SEASON_MONTHS_MIN = 24


@dataclass(frozen=True, slots=True)
class Months:
    """Per firm and side (0 purchase, 1 sale): `net_fen[side, firm]` by month of the firm's own window.

    `net[side][firm]` are yuan per month (length = months of the firm's window), `counted` invoices, `partners` distinct
    partners; `total_fen[side]` exact sums; `span_months` is missing for a firm without invoices.
    """

    net: tuple[tuple[Values, ...], tuple[Values, ...]]
    counted: tuple[tuple[Values, ...], tuple[Values, ...]]
    partners: tuple[tuple[Values, ...], tuple[Values, ...]]
    start: npt.NDArray[np.int64]
    total_fen: npt.NDArray[np.int64]
    span_months: Values
    first_day: Values
    last_day: Values

    @classmethod
    def load(cls, db: duckdb.DuckDBPyConnection, count: int) -> Months:
        """Reads the table `invoice`; months are numbered year * 12 + month - 1."""
        span = db.execute(
            """
            select firm, min(day) as first, max(day) as last,
                   year(date '1970-01-01' + min(day)) * 12 + month(date '1970-01-01' + min(day)) - 1 as start,
                   year(date '1970-01-01' + max(day)) * 12 + month(date '1970-01-01' + max(day)) - 1 as stop
            from invoice group by firm
            """
        ).fetchnumpy()
        rows = db.execute(
            """
            select firm, sale, year(date '1970-01-01' + day) * 12 + month(date '1970-01-01' + day) - 1 as month,
                   sum(net_fen)::bigint as net, count(*) as counted, count(distinct counterparty) as partners
            from invoice where state in (0, 5) group by 1, 2, 3
            """
        ).fetchnumpy()
        at = np.asarray(span["firm"], np.int64)
        first, last = np.full(count, np.nan), np.full(count, np.nan)
        first[at], last[at] = span["first"], span["last"]
        start, length = np.zeros(count, np.int64), np.zeros(count, np.int64)
        start[at], length[at] = (
            span["start"],
            np.asarray(span["stop"], np.int64) - np.asarray(span["start"], np.int64) + 1,
        )
        offset = np.concatenate([[0], np.cumsum(length)])
        firm, side = np.asarray(rows["firm"], np.int64), np.asarray(rows["sale"], np.int64)
        place = offset[firm] + np.asarray(rows["month"], np.int64) - start[firm]
        total = np.zeros((2, count), np.int64)
        np.add.at(total, (side, firm), np.asarray(rows["net"], np.int64))

        def by_firm(values: Values) -> tuple[tuple[Values, ...], tuple[Values, ...]]:
            flat = np.zeros((2, int(offset[-1])))
            flat[side, place] = values
            purchase, sale = (tuple(np.split(flat[s], offset[1:-1])) for s in (0, 1))
            return purchase, sale

        return cls(
            by_firm(np.asarray(rows["net"], np.float64) / 100), by_firm(np.asarray(rows["counted"], np.float64)),
            by_firm(np.asarray(rows["partners"], np.float64)), start, total,
            np.maximum((last - first + 1) / DAYS_A_MONTH, 1.0), first, last,
        )  # fmt: skip


def monthly_columns(months: Months) -> dict[str, Values]:
    """Size, rhythm, growth and margin columns, one value a firm (missing where the catalogue says)."""
    count = len(months.span_months)
    out = {name: np.full(count, np.nan) for name in (
        "sales_per_month", "typical_month", "purchases_per_month", "customers_per_month", "suppliers_per_month",
        "selling_months_share", "longest_pause_share", "sales_variation", "purchases_variation", "margin",
        "margin_change", "growth", "seasonality",
    )}  # fmt: skip
    for i in np.flatnonzero(months.span_months > 0):
        sold, bought = months.net[1][i], months.net[0][i]
        selling = months.counted[1][i] > 0
        span = months.span_months[i]
        out["purchases_per_month"][i] = bought.sum() / span
        out["suppliers_per_month"][i] = _mean_where(months.partners[0][i], months.counted[0][i] > 0)
        out["purchases_variation"][i] = _variation(bought)
        out["margin"][i] = _margin(sold.sum(), bought.sum())
        out["sales_per_month"][i] = sold.sum() / span
        if not selling.any():
            continue
        out["typical_month"][i] = np.expm1(np.log1p(np.maximum(sold, 0)).mean())
        out["customers_per_month"][i] = _mean_where(months.partners[1][i], selling)
        out["selling_months_share"][i] = selling.mean()
        out["longest_pause_share"][i] = _longest_run(~selling) / len(selling)
        out["sales_variation"][i] = _variation(sold)
        out["seasonality"][i] = _seasonality(sold, int(months.start[i]))
        if len(sold) >= HALVES_MONTHS_MIN:
            half = len(sold) // 2  # an odd middle month belongs to neither half
            early, late = sold[:half].sum(), sold[-half:].sum()
            out["growth"][i] = np.clip(np.log(max(late, 1.0) / max(early, 1.0)), -5, 5)
            out["margin_change"][i] = _margin(late, bought[-half:].sum()) - _margin(early, bought[:half].sum())
    return out


def _margin(sold: float, bought: float) -> float:
    """(sold - bought) / (sold + bought) of amounts above zero; missing when nothing moved."""
    sold, bought = max(sold, 0.0), max(bought, 0.0)
    return (sold - bought) / (sold + bought) if sold + bought > 0 else np.nan


def _variation(values: Values) -> float:
    mean = values.mean()
    return float(values.std() / mean) if len(values) >= 3 and mean > 0 else np.nan


def _mean_where(values: Values, mask: npt.NDArray[np.bool_]) -> float:
    return float(values[mask].mean()) if mask.any() else np.nan


def _longest_run(mask: npt.NDArray[np.bool_]) -> int:
    """Longest run of True.

    >>> _longest_run(np.array([True, False, True, True]))
    2
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _seasonality(sold: Values, start: int) -> float:
    """Share of the variance of monthly sales that lies between calendar quarters; needs two years."""
    if len(sold) < SEASON_MONTHS_MIN or sold.var() == 0:
        return np.nan
    quarter = (start + np.arange(len(sold))) % 12 // 3
    between = sum((quarter == q).sum() * (sold[quarter == q].mean() - sold.mean()) ** 2 for q in range(4))
    return float(between / (len(sold) * sold.var()))
