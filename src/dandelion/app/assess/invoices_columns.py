"""Each firm's columns from its own clean invoices, as a `core.Frame` with catalogue and exact money beside it.

Months run from the month of the firm's first invoice to the month of its last, void ones included: a firm that the
export shows for two years is measured inside those two years, and neither end date is an input.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt

from dandelion.app.assess.invoices_indicators import invoice_figures
from dandelion.app.assess.invoices_months import Months, monthly_columns
from dandelion.core import Column, Frame, MoneyColumn, content_hash, plain_yaml

COLUMNS_FILE = Path(__file__).with_name("invoices_columns.yaml")
PREFIX = "invoices/"
DAYS_A_MONTH = 30.4375
VERSION = 1
Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Spec:
    """One entry of `invoices_columns.yaml`."""

    id: str
    unit: str
    low: float | None
    high: float | None
    missing: str
    sign: int
    log: bool
    zh: str
    en: str
    why_zh: str = ""
    why_en: str = ""
    lever_zh: str = ""
    lever_en: str = ""


@functools.cache
def specs() -> tuple[Spec, ...]:
    return tuple(Spec(**entry) for entry in plain_yaml(COLUMNS_FILE.read_text(encoding="utf-8")))


@functools.cache
def model_inputs() -> tuple[Spec, ...]:
    """Columns with a sign fixed by economics before any label was seen; only these reach the model."""
    return tuple(spec for spec in specs() if spec.sign != 0)


def catalogue() -> dict[str, Column]:
    entries = {
        PREFIX + s.id: Column(
            PREFIX + s.id, s.unit, (s.low, s.high), s.missing, "app.assess", "credit",
            content_hash(f"{VERSION}:{s.id}:{s.unit}:{s.en}".encode()), s.zh, s.en, ("invoices",),
        )
        for s in specs()
    }  # fmt: skip
    for name, zh, en in (
        ("sales_fen", "窗口内销项净额", "net sales in the window"),
        ("purchases_fen", "窗口内进项净额", "net purchases in the window"),
        ("yearly_sales_fen", "按自有节奏折算的年销售额", "net sales a year at the firm's own pace"),
    ):
        entries[PREFIX + name] = Column(
            PREFIX + name, "fen", (None, None), "no_invoices", "app.assess", "credit",
            content_hash(f"{VERSION}:{name}:{en}".encode()), zh, en, ("invoices",),
        )  # fmt: skip
    return entries


def firm_frame(db: duckdb.DuckDBPyConnection, ids: tuple[str, ...], as_of_us: int) -> Frame:
    """One row per firm in the order of `ids`; a firm without invoices has missing values throughout."""
    count = len(ids)
    months = Months.load(db, count)
    sides = invoice_figures(db, ids, as_of_us)
    middle = _middle_sale(db, count)
    columns = monthly_columns(months)
    columns |= _counted(sides, months)
    columns["median_sale"] = middle / 100
    columns |= _partnered(db, count)
    columns["own_invoices_share"] = _own_share(db, count)
    columns["window_months"] = months.span_months
    columns["window_recency_days"] = as_of_us / 86_400e6 - 1 - months.last_day
    money = _money(months)
    ordered = {PREFIX + spec.id: columns[spec.id] for spec in specs()}
    stamp = np.full(count, as_of_us, np.int64)
    return Frame.of(ids, stamp, stamp, ordered, catalogue(), money)


def _money(months: Months) -> dict[str, MoneyColumn]:
    seen = months.span_months > 0
    sales, purchases = (months.total_fen[side] for side in (1, 0))
    # a year at the firm's own pace, exact; a window under a year is not stretched to one
    days = np.nan_to_num(months.last_day - months.first_day).astype(np.int64) + 1
    yearly = np.array(
        [max(s, 0) if d <= 365 else max(s, 0) * 365 // d for s, d in zip(sales.tolist(), days.tolist(), strict=True)],
        np.int64,
    )
    return {
        PREFIX + name: MoneyColumn(np.where(seen, fen, 0).astype(np.int64), seen)
        for name, fen in (("sales_fen", sales), ("purchases_fen", purchases), ("yearly_sales_fen", yearly))
    }


def _middle_sale(db: duckdb.DuckDBPyConnection, count: int) -> Values:
    """Median of the sales that stand, in fen."""
    rows = db.execute(
        "select firm, median(total_fen) as middle from invoice where sale and state = 0 group by firm"
    ).fetchnumpy()
    return _spread(np.asarray(rows["firm"], np.int64), rows["middle"], count)


def _counted(sides: Mapping[bool, Mapping[str, Values]], months: Months) -> dict[str, Values]:
    sales, buys = sides[True], sides[False]
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "sales_invoices_per_month": np.where(
                np.isnan(months.span_months), np.nan, np.nan_to_num(sales["counted"]) / months.span_months
            ),
            "void_sales_share": sales["void"] / sales["issued"],
            "void_purchases_share": buys["void"] / buys["issued"],
            "red_sales_share": _ratio(sales["red"], sales["gross"]),
            "red_purchases_share": _ratio(buys["red"], buys["gross"]),
            "largest_sale_share": np.clip(_ratio(sales["largest"], sales["net"]), 0, 1),
            "output_tax_share": np.clip(_ratio(sales["tax"], sales["net"]), 0, 1),
        }


def _partnered(db: duckdb.DuckDBPyConnection, count: int) -> dict[str, Values]:
    """Concentration, repeat custom, and who stayed from the first half of the firm's window to the second."""
    rows = db.execute(
        """
        with span as (select firm, (min(day) + max(day)) / 2 as middle from invoice group by firm),
        partner as (
            select firm, sale, counterparty, greatest(sum(net_fen), 0)::hugeint as net,
                   count(distinct date_trunc('month', date '1970-01-01' + day)) as months,
                   greatest(coalesce(sum(net_fen) filter (day <= middle), 0), 0)::hugeint as early,
                   greatest(coalesce(sum(net_fen) filter (day > middle), 0), 0)::hugeint as late
            from invoice join span using (firm) where state in (0, 5) group by firm, sale, counterparty)
        select firm, sale, sum(net)::double as net, sum(net * net)::double as squares,
               coalesce(sum(net) filter (months >= 3), 0)::double as repeated, sum(early)::double as early,
               sum(late)::double as late, coalesce(sum(late) filter (early > 0), 0)::double as kept
        from partner group by firm, sale
        """
    ).fetchnumpy()
    out: dict[str, Values] = {}
    sale = np.asarray(rows["sale"], bool)
    for side, name in ((True, "customer"), (False, "supplier")):
        here = sale == side
        at = np.asarray(rows["firm"], np.int64)[here]
        net, squares, repeated, early, late, kept = (
            _spread(at, rows[key][here], count) for key in ("net", "squares", "repeated", "early", "late", "kept")
        )
        out[f"{name}_concentration"] = _ratio(squares, net * net)
        out[f"{name}s_kept"] = np.where(early > 0, _ratio(kept, late), np.nan)
        if side:
            out["repeat_sales_share"] = _ratio(repeated, net)
    return out


def _own_share(db: duckdb.DuckDBPyConnection, count: int) -> Values:
    rows = db.execute(
        """
        with sold as (select firm, hash(number, day, total_fen) as key from invoice where sale and state = 0),
        bought as (select distinct firm, hash(number, day, total_fen) as key from invoice where not sale and state = 0)
        select s.firm as firm, avg((b.key is not null)::int) as share
        from sold s left join bought b on s.firm = b.firm and s.key = b.key group by s.firm
        """
    ).fetchnumpy()
    return _spread(np.asarray(rows["firm"], np.int64), rows["share"], count)


def _spread(at: npt.NDArray[np.int64], values: npt.ArrayLike, count: int) -> Values:
    out = np.full(count, np.nan)
    out[at] = np.ma.filled(np.ma.asarray(values).astype(np.float64), np.nan)
    return out


def _ratio(part: Values, whole: Values) -> Values:
    """part / whole, missing where there is no whole."""
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=np.nan_to_num(whole) > 0)
