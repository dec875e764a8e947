"""What lending really earned and lost, estimated from a past book with randomised prices and limits.

Use of a limit by price, how much of a limit is out when a loan goes bad, what is lost of it, and how much dearer money
raises the bad rate: the figures a product's offer grid multiplies with.  Only loans matured before a given day count.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dandelion.app.learning import WINDOW_DAYS, PastBook, PointInTime
from dandelion.core import DAY_US, PPM, BadInput
from dandelion.core.frame import Ints

LOANS_MIN, BADS_MIN = 500, 50
TURNOVER, TURNOVER_DAYS = "turnover.verified/90d", 90
POINT_PPM = 10_000  # one percentage point of a yearly rate
NEWTON_STEPS = 12  # of a concave likelihood in two unknowns: done after five or six


@dataclass(frozen=True, slots=True)
class Experience:
    """Estimates in parts per million.  `use_at` gives the share of limit x horizon in use at any yearly rate."""

    loans: int
    bads: int
    use_base_ppm: float
    use_slope: float
    reference_ppm: int
    draw_share_ppm: int
    lgd_ppm: int
    pd_price_ppm: int

    def use_at(self, rates_ppm: Ints) -> Ints:
        """Falling (never rising) in the rate."""
        use = self.use_base_ppm + min(self.use_slope, 0.0) * (rates_ppm - self.reference_ppm)
        return np.clip(np.rint(use), 1_000, PPM).astype(np.int64)

    @property
    def ccf_ppm(self) -> int:
        """Part of the limit not in use on average that is out when a loan goes bad."""
        use = self.use_base_ppm
        return int(np.clip(round((self.draw_share_ppm - use) / (PPM - use) * PPM), 0, PPM))


def experience(file: Path, product: str, *, before_us: int, horizon_days: int, year_days: int) -> Experience:
    """Estimate from the loans of `product` whose window closed before `before_us`.  Errors: BadInput where too few."""
    table = pq.read_table(file)
    table = table.filter(pc.equal(table.column("product"), product))
    drawn_at = table.column("drawn_at").cast("int64").to_numpy()
    table = table.filter(drawn_at + WINDOW_DAYS * DAY_US <= before_us)
    bad = pc.fill_null(table.column("bad"), False).to_numpy(zero_copy_only=False)
    limit, rate, amount = (
        table.column(n).to_numpy().astype(np.float64) for n in ("limit_fen", "rate_ppm", "amount_fen")
    )
    interest, loss = (
        pc.fill_null(table.column(n), 0).to_numpy().astype(np.float64) for n in ("interest_paid_fen", "loss_fen")
    )
    if len(bad) < LOANS_MIN or bad.sum() < BADS_MIN:
        raise BadInput(
            f"{len(bad)} matured loans with {int(bad.sum())} bad; {LOANS_MIN} and {BADS_MIN} are needed to estimate",
            field="loans",
        )
    rates = np.unique(rate)
    use, share, weight = [], [], []
    for one in rates:
        at = rate == one
        used_fen_days = interest[at].sum() * year_days * PPM / one  # interest = principal x days x rate / year
        use.append(used_fen_days / (limit[at].sum() * horizon_days) * PPM)
        share.append(bad[at].mean())
        weight.append(at.sum())
    reference = float(np.average(rates, weights=weight))
    slope, base = np.polyfit(rates - reference, use, 1, w=np.sqrt(weight)) if len(rates) > 1 else (0.0, use[0])
    risk, level = np.polyfit(rates - reference, share, 1, w=np.sqrt(weight)) if len(rates) > 1 else (0.0, share[0])
    return Experience(
        loans=len(bad), bads=int(bad.sum()), use_base_ppm=float(base), use_slope=float(slope),
        reference_ppm=round(reference), draw_share_ppm=round(amount.sum() / limit.sum() * PPM),
        lgd_ppm=round(min(1.0, loss[bad].sum() / amount[bad].sum()) * PPM),
        pd_price_ppm=round(max(0.0, risk / level * POINT_PPM) * PPM),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class LimitEffect:
    """How the bad rate rises with the limit: per cent more bads for each per cent more limit, as a share, and the limit
    in months of turnover around which the book lent.  `spread_ppm` is the standard error of the elasticity."""

    elasticity_ppm: int
    usual_ppm: int
    spread_ppm: int


def limit_effect(notch_ppm: Ints, months_ppm: Ints, bad: npt.NDArray[np.int8]) -> LimitEffect:
    """From randomised limits: the log of the bad rate on the log of the notch, by Poisson regression.

    The notch was drawn by chance, so that what differs between its groups is the limit alone; where caps keep a limit
    from following its notch, the effect is scaled up by what did follow.  Between 0 and 1: a bigger limit is never
    safer, and the bads never outgrow the limit.
    """
    notches = np.unique(notch_ppm)
    usual = round(float(np.median(months_ppm)))
    if len(notches) < 2 or not bad.any():
        return LimitEffect(0, usual, 0)
    size = np.log(notch_ppm / PPM)
    followed = max(float(np.polyfit(size, np.log(np.maximum(months_ppm, 1)), 1)[0]), 0.1)
    level, slope = float(np.log(bad.mean())), 0.0
    for _ in range(NEWTON_STEPS):
        expected = np.exp(level + slope * size)
        gradient = np.array([(bad - expected).sum(), ((bad - expected) * size).sum()])
        cross = float((expected * size).sum())
        hessian = np.array([[expected.sum(), cross], [cross, (expected * size * size).sum()]])
        step = np.linalg.solve(hessian, gradient)
        level, slope = level + float(step[0]), slope + float(step[1])
    spread = float(np.sqrt(np.linalg.inv(hessian)[1, 1])) / followed
    return LimitEffect(round(min(max(slope / followed, 0.0), 1.0) * PPM), usual, round(spread * PPM))


def limit_effect_of(past: PointInTime, book: PastBook, *, before_us: int) -> LimitEffect:
    """:func:`limit_effect` of the drawdowns whose window closed before `before_us`, turnover as verified at the draw."""
    known = np.array([m in past.subjects for m in book.merchant]) & (book.bad >= 0)
    rows = book.take(np.flatnonzero(known & (book.drawn_at + WINDOW_DAYS * DAY_US <= before_us)))
    turnover = past.frame(rows.merchant, rows.drawn_at, (TURNOVER,)).money[TURNOVER]
    told = turnover.valid & (turnover.fen > 0)
    months = rows.limit_fen[told] * (TURNOVER_DAYS // 30) * PPM // turnover.fen[told]
    return limit_effect(rows.notch_ppm[told], months, rows.bad[told])


def write_into(file: Path, found: Experience, effect: LimitEffect | None = None) -> None:
    """Set the estimated figures in a product's credit file; comments and everything else stay."""
    text = file.read_text(encoding="utf-8")

    def use(match: re.Match[str]) -> str:
        rate = int(match[1].replace("_", ""))
        return f"rate_ppm: {match[1]}, use_ppm: {int(found.use_at(np.array([rate], np.int64))[0]):_}"

    text, rows = re.subn(r"rate_ppm: ([\d_]+), use_ppm: [\d_]+", use, text)
    figures = {
        "lgd_ppm": found.lgd_ppm, "ccf_ppm": found.ccf_ppm, "pd_price_ppm": found.pd_price_ppm,
        "pd_price_from_ppm": found.reference_ppm,
    }  # fmt: skip
    if effect is not None:
        figures |= {"pd_elasticity_ppm": effect.elasticity_ppm, "pd_elasticity_from_ppm": max(effect.usual_ppm, 10_000)}
    for name, value in figures.items():
        text, seen = re.subn(rf"^(  {name}: )[\d_]+", rf"\g<1>{value:_}", text, flags=re.M)
        if seen != 1:
            raise BadInput(f"{file.name} has no {name} to set", field=name)
    if rows == 0:
        raise BadInput(f"{file.name} has no rates to set", field="rates")
    file.write_text(text, encoding="utf-8")
