"""`report`: the behaviour of a built world beside what was published or measured on real data, with sources."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dandelion.core import DAY_US, HOUR_US, BadInput
from dandelion.world.almanac import NEW_YEARS
from dandelion.world.draws import Floats, Ints

LENDING = "figures reported for lending to QR shops in China, taken as given"
KOUBEI = "IJCAI-17 Koubei, daily payments of 1,580 shops"
INVOICES = "CUMCM 2020 C, invoices of 425 small firms, exact duplicates dropped"
SEEN_MIN = 5.0  # payments a day of a shop that enters a shape


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the report.  `published` is None where there is nothing to compare with; `note` says why."""

    name: str
    unit: str
    world: float | None
    published: float | None
    source: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Daily:
    """Payments a day of some shops: `counts` is (days,), `first` the day of the first."""

    first: date
    counts: Floats

    def mean(self, low: date, high: date) -> float | None:
        """Mean over [low, high); None where the days are not all there."""
        start, end = (low - self.first).days, (high - self.first).days
        if start < 0 or end > len(self.counts) or start >= end:
            return None
        return float(self.counts[start:end].mean())


def report(folder: Path, data: Path | None = None) -> tuple[Fact, ...]:
    """Facts about the world in `folder`, beside real ones.

    `data` holds the real sets (default: the environment's DANDELION_DATA, else ../shared/data); where it is absent the
    comparison is left out and the line says so.  BadInput if `folder` is no world.
    """
    folder = Path(folder)
    if not (folder / "world.json").exists():
        raise BadInput(f"{folder} holds no world.json; build a world there first", field="folder")
    real = Path(os.environ.get("DANDELION_DATA", "../shared/data")) if data is None else Path(data)
    return (*_lending(folder), *_rhythm(folder, real), *_invoices(folder, real))


def _ratio(above: float | None, below: float | None) -> float | None:
    return None if above is None or below is None or below == 0 else above / below


def _lending(folder: Path) -> list[Fact]:
    loans = pq.read_table(folder / "record/loans.parquet")
    shop = loans.filter(pc.equal(loans.column("product"), "shop-line"))
    amount = shop.column("amount_fen").to_numpy() / 100
    events = pq.read_table(folder / "record/loan_events.parquet", columns=["loan", "at", "event"])
    last = events.filter(pc.equal(events.column("event"), "repaid")).group_by("loan").aggregate([("at", "max")])
    ripe = pc.and_(shop.column("matured"), pc.equal(shop.column("principal_repaid_fen"), shop.column("amount_fen")))
    repaid = shop.filter(ripe)  # of young drawdowns only the short ones are repaid yet
    both = repaid.select(["loan", "drawn_at"]).join(last, "loan", join_type="inner")
    used = (_micros(both, "at_max") - _micros(both, "drawn_at")) / DAY_US
    drawn = _micros(shop, "drawn_at")
    recent = shop.filter(pa.array(drawn >= drawn.max(initial=0) - 183 * DAY_US))
    often = np.unique(np.asarray(recent.column("merchant").to_pylist(), str), return_counts=True)[1]
    truth = pq.read_table(folder / "truth/merchants.parquet", columns=["account", "role", "sector"])
    street = truth.filter(pc.equal(truth.column("role"), "street_shop"))
    borrowers = street.filter(pc.is_in(street.column("account"), pc.unique(shop.column("merchant"))))
    services = np.asarray(borrowers.column("sector").to_pylist()) == "services"
    return [
        Fact("mean drawdown, shop-line", "yuan", _mean(amount), 7615.0, LENDING),
        Fact("mean days in use, repaid shop-line drawdowns", "days", _mean(used), 50.0, LENDING,),
        Fact("borrowers with more than 3 drawdowns in 6 months", "share", _mean(often > 3), 0.35, LENDING),
        Fact("services among street borrowers", "share", _mean(services), 0.81, LENDING, "the rest is retail, 0.19"),
    ]  # fmt: skip


def _rhythm(folder: Path, real: Path) -> list[Fact]:
    world = _street_days(folder)
    path = real / "koubei" / "daily_payments.parquet"
    absent = "" if path.exists() else f"left out: {path} is absent; set DANDELION_DATA"
    days = _koubei(path) if path.exists() else None
    out = []
    ours = _week(world, date(2023, 10, 9), 10)
    theirs = _week(days, date(2015, 10, 12), 10)
    for number, name in enumerate(("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")):
        there, here = (None if week is None else float(week[number]) for week in (theirs, ours))
        out.append(Fact(f"payments on {name}, of a mean day", "ratio", here, there, KOUBEI, absent))
    festival = [_ratio(_around(world, day, -1, 7), _beside(world, day)) for day in NEW_YEARS]
    seen = [value for value in festival if value is not None]
    real_year = date(2016, 2, 8)
    theirs_ratio = None if days is None else _ratio(_around(days, real_year, -1, 7), _beside(days, real_year))
    note = absent or ("" if seen else "the world holds no whole Spring Festival")
    out.append(
        Fact("Spring Festival week, of the weeks beside it", "ratio", _mean(np.array(seen)), theirs_ratio, KOUBEI, note)
    )
    national = [_golden(world, year) for year in (2023, 2024, 2025)]
    known = [value for value in national if value is not None]
    there = None if days is None else _golden(days, 2015)
    note = absent or ("" if known else "the world holds no whole National Day week")
    out.append(Fact("National Day week, of the weeks beside it", "ratio", _mean(np.array(known)), there, KOUBEI, note))
    return out


def _around(days: Daily, centre: date, low: int, high: int) -> float | None:
    return days.mean(centre + timedelta(days=low), centre + timedelta(days=high))


def _beside(days: Daily, centre: date) -> float | None:
    before, after = _around(days, centre, -16, -2), _around(days, centre, 8, 22)
    return None if before is None or after is None else (before + after) / 2


def _golden(days: Daily, year: int) -> float | None:
    """National Day week over two weeks before and after, so that growth of the sample cancels."""
    before = days.mean(date(year, 9, 14), date(year, 9, 28))
    after = days.mean(date(year, 10, 12), date(year, 10, 26))
    return _ratio(
        days.mean(date(year, 10, 1), date(year, 10, 8)),
        None if before is None or after is None else (before + after) / 2,
    )


def _week(days: Daily | None, monday: date, weeks: int) -> Floats | None:
    if days is None or days.mean(monday, monday + timedelta(days=7 * weeks)) is None:
        return None
    start = (monday - days.first).days
    grid = days.counts[start : start + 7 * weeks].reshape(weeks, 7)
    usual = np.median(grid / grid.mean(axis=1, keepdims=True), axis=0)  # one sale day must not bend a weekday
    return np.asarray(usual / usual.mean(), np.float64)


def _street_days(folder: Path) -> Daily:
    """Payments a day at street shops, China days."""
    truth = pq.read_table(folder / "truth/merchants.parquet", columns=["account", "role"])
    shops = truth.filter(pc.equal(truth.column("role"), "street_shop")).column("account")
    first = date(2023, 7, 1)
    zero = first.toordinal() - date(1970, 1, 1).toordinal()
    total = np.zeros(0, np.int64)
    for part in sorted((folder / "record/payment").glob("*.parquet")):
        table = pq.read_table(part, columns=["at", "payee", "channel"])
        table = table.filter(
            pc.and_(pc.is_in(table.column("payee"), shops), pc.not_equal(table.column("channel"), "transfer"))
        )
        day = (_micros(table, "at") + 8 * HOUR_US) // DAY_US - zero
        counts = np.bincount(day, minlength=len(total))
        total = counts + np.pad(total, (0, len(counts) - len(total)))
    return Daily(first, total.astype(np.float64))


def _koubei(path: Path) -> Daily:
    """Mean over shops of each shop's payments relative to its own level, so that no giant and no newcomer leads."""
    table = pq.read_table(path)
    shop = table.column("shop_id").to_numpy()
    day = table.column("date").cast(pa.date32()).cast(pa.int32()).to_numpy()
    paid = table.column("payments").to_numpy().astype(np.float64)
    _, row = np.unique(shop, return_inverse=True)
    grid = np.zeros((row.max() + 1, int(day.max() - day.min()) + 1))
    np.add.at(grid, (row, day - day.min()), paid)
    near = _local_level(grid)
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = np.where(near > SEEN_MIN, grid / near, np.nan)
    first = date(1970, 1, 1) + timedelta(days=int(day.min()))
    return Daily(first, np.nanmean(relative, axis=0))


def _local_level(grid: Floats, reach: int = 28) -> Floats:
    """Centred mean of 2 x reach + 1 days of each shop, zero where the shop is not yet or no longer there."""
    sums = np.concatenate([np.zeros((len(grid), 1)), np.cumsum(grid, axis=1)], axis=1)
    days = np.arange(grid.shape[1])
    low, high = np.maximum(days - reach, 0), np.minimum(days + reach + 1, grid.shape[1])
    level = (sums[:, high] - sums[:, low]) / (high - low)
    there = (grid[:, np.maximum(days - reach, 0)] > 0) | (grid > 0)
    return np.asarray(np.where(there, level, 0.0))


def _invoices(folder: Path, real: Path) -> list[Fact]:
    ours = pq.read_table(folder / "record/invoice.parquet", columns=["seller", "total_fen", "status", "at"])
    truth = pq.read_table(folder / "truth/merchants.parquet", columns=["account", "role", "case"])
    firms = truth.filter(
        pc.and_(pc.equal(truth.column("role"), "registered_firm"), pc.not_equal(truth.column("case"), "circular_firm"))
    )
    ours = ours.filter(pc.is_in(ours.column("seller"), firms.column("account")))
    mine = _sizes(ours.column("total_fen").to_numpy(), np.asarray(ours.column("status").to_pylist()) == "void")
    path = real / "invoices" / "invoices.parquet"
    theirs: tuple[float | None, ...] = (None,) * len(mine)
    note = f"left out: {path} is absent; set DANDELION_DATA"
    if path.exists():
        note = ""
        names = ["firm", "direction", "number", "date", "counterparty", "amount_fen", "tax_fen", "total_fen", "void"]
        table = pq.read_table(path, columns=names)
        table = table.filter(pc.equal(table.column("direction"), "sale")).group_by(names).aggregate([])
        theirs = _sizes(table.column("total_fen").to_numpy(), table.column("void").to_numpy(zero_copy_only=False))
    labels = (
        ("median sales invoice", "yuan"), ("first quartile of sales invoices", "yuan"),
        ("third quartile of sales invoices", "yuan"), ("spread of ln sales invoice", "sd"),
        ("void among sales invoices", "share"), ("red-letter among sales invoices", "share"),
    )  # fmt: skip
    return [
        Fact(name, unit, here, there, INVOICES, note)
        for (name, unit), here, there in zip(labels, mine, theirs, strict=True)
    ]


def _sizes(total_fen: Ints, void: npt.NDArray[np.bool_]) -> tuple[float | None, ...]:
    some = total_fen != 0
    total, void = total_fen[some], void[some]
    above = total[total > 0] / 100
    if len(above) == 0:
        return (None,) * 6
    low, middle, high = np.quantile(above, [0.25, 0.5, 0.75])
    red = (total < 0) & ~void
    return float(middle), float(low), float(high), float(np.log(above).std()), float(void.mean()), float(red.mean())


def _micros(table: pa.Table, name: str) -> Ints:
    return np.asarray(table.column(name).cast(pa.int64()).to_numpy(), np.int64)


def _mean(values: npt.NDArray[np.generic]) -> float | None:
    return float(np.mean(values.astype(np.float64))) if len(values) else None
