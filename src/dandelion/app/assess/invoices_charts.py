"""The pictures of the invoice report, each from the values it shows."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from dandelion.app.assess.invoices_judging import roc_points
from dandelion.app.assess.invoices_learning import Learnt
from dandelion.app.assess.invoices_lending import LoanBook
from dandelion.app.assess.invoices_shift import Shift
from dandelion.app.assess.report_charts import (
    PALETTE,
    Axis,
    Series,
    bar_chart,
    line_chart,
    percent,
    short_number,
    sideways_bars,
)

DRAWS = 300
CALIBRATION_BINS = 6
Values = npt.NDArray[np.float64]


def roc_chart(learnt: Learnt) -> Markup:
    """Mean ROC over the repeats with a 95 % band from redrawing firms, beside total sales alone."""
    grid = np.linspace(0, 1, 101)
    bad, margin = learnt.bad, learnt.ours.margin
    mean = np.mean([roc_points(bad, row, grid) for row in margin], axis=0)
    random = np.random.default_rng(310)
    classes = [np.flatnonzero(bad == 0), np.flatnonzero(bad == 1)]
    drawn = []
    for k in range(DRAWS):
        rows = np.concatenate([random.choice(c, len(c)) for c in classes])
        drawn.append(roc_points(bad[rows], margin[k % len(margin)][rows], grid))
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    base = roc_points(bad, -learnt.total_sales, grid)
    ours = Series("模型 model", _pairs(grid, mean), PALETTE[0], list(zip(low.tolist(), high.tolist(), strict=True)))
    return line_chart(
        [ours, Series("销售总额 total sales", _pairs(grid, base), PALETTE[1], style="dash")],
        Axis("被拒的正常企业 goods refused", (0, 1), percent), Axis("被识别的违约 bads caught", (0, 1), percent),
        title="ROC（折外）· out of fold", diagonal=True,
    )  # fmt: skip


def calibration_chart(learnt: Learnt) -> Markup:
    """Mean predicted PD against the observed share of defaults, with Wilson intervals."""
    pd = learnt.ours.pd.mean(axis=0)
    part = np.array_split(np.argsort(pd, kind="stable"), CALIBRATION_BINS)
    points, bands = [], []
    for rows in part:
        seen, bads = len(rows), int(learnt.bad[rows].sum())
        points.append((float(pd[rows].mean()), bads / seen))
        bands.append(wilson(bads, seen))
    top = max(0.1, *(high for _, high in bands))
    whiskers = [
        Series("", [(x, low), (x, high)], PALETTE[2]) for (x, _), (low, high) in zip(points, bands, strict=True)
    ]
    return line_chart(
        [*whiskers, Series("各组实际违约率 observed", points, PALETTE[0], style="dots"),
         Series("理想 ideal", [(0, 0), (top, top)], PALETTE[1], style="dash")],
        Axis("预测违约概率 predicted PD", (0, top), percent), Axis("实际违约率 observed", (0, top), percent),
        title="校准（折外）· calibration",
    )  # fmt: skip


def wilson(bads: int, seen: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's 95 % interval of a share.

    >>> tuple(round(v, 3) for v in wilson(0, 20))
    (0.0, 0.161)
    """
    share, scale = bads / seen, 1 + z * z / seen
    middle = (share + z * z / (2 * seen)) / scale
    half = z * math.sqrt(share * (1 - share) / seen + z * z / (4 * seen * seen)) / scale
    return max(0.0, middle - half), min(1.0, middle + half)


def weights_chart(learnt: Learnt) -> Markup:
    """What the model listens to: log-odds per normal score, largest first."""
    named = [(spec.zh.split("（")[0], float(w)) for spec, w in zip(learnt.specs, learnt.model.weights, strict=True)]
    shown = sorted((row for row in named if row[1] > 0.005), key=lambda row: -row[1])
    return sideways_bars(shown, title="模型权重（越大越安全）· weights", text=lambda v: f"{v:.2f}", label_width=230)


def shift_chart(shift: Shift) -> Markup:
    """PSI over the value chance exceeds once in a hundred; above 1 the groups differ."""
    rows = [(c.zh.split("（")[0], c.psi / c.critical) for c in shift.columns[:12]]
    return sideways_bars(
        rows, title="PSI ÷ 1% 临界值（大于 1 即不同）· shift", text=lambda v: f"{v:.1f}", label_width=230
    )


def limit_chart(book: LoanBook, step_yuan: int = 100_000) -> Markup:
    limits = book.portfolio.limit_yuan[book.portfolio.limit_yuan > 0]
    edges = list(range(100_000, 1_000_001, step_yuan))
    counts = [int(((limits >= a) & (limits < a + step_yuan)).sum()) for a in edges]
    return bar_chart(
        [f"{a // 10_000}" for a in edges], [("", counts)], Axis("企业数 firms"),
        title="额度分布 · limits", x_label="额度（万元，左端点）limit, 10k yuan",
    )  # fmt: skip


def rate_chart(book: LoanBook) -> Markup:
    """Approved firms per yearly rate and predicted grade."""
    approved = book.portfolio.limit_yuan > 0
    rates = np.unique(book.portfolio.rate_ppm[approved])
    groups = []
    for g, name in enumerate(("A", "B", "C")):
        here = approved & (book.offers.grade == g)
        groups.append((name, [float((here & (book.portfolio.rate_ppm == rate)).sum()) for rate in rates]))
    return bar_chart(
        [f"{rate / 10_000:.2f}".rstrip("0").rstrip(".") + "%" for rate in rates], groups, Axis("企业数 firms"),
        title="年化利率（单利）与预测等级 · rates by grade", x_label="年化利率 annual rate",
    )  # fmt: skip


def budget_chart(book: LoanBook, budget_yuan: int) -> Markup:
    """Expected profit that each size of budget buys, and where this one stands."""
    curve = [(float(spent), profit) for spent, profit in book.portfolio.curve]
    here = (float(book.portfolio.spent_yuan), book.portfolio.profit_yuan)
    top = max(p for _, p in curve) * 1.08 or 1.0
    series = [Series("最优前沿 frontier", curve, PALETTE[0])]
    if budget_yuan <= curve[-1][0]:
        series.append(Series("预算 budget", [(budget_yuan, 0), (budget_yuan, top)], PALETTE[1], style="dash"))
    series.append(Series("本方案 this book", [here], PALETTE[3], style="dots"))
    return line_chart(
        series, Axis("授信总额（元）limits, yuan", (0, max(curve[-1][0], 1.0)), short_number),
        Axis("年期望利润（元）", (0, top), short_number), title="预算曲线 · profit by budget",
    )  # fmt: skip


def pd_chart(learnt: Learnt, book: LoanBook) -> Markup:
    """Predicted PDs of the labelled firms (out of fold) and of the firms decided, as shares of each group."""
    edges = np.array([0, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.4, 1.0001])
    labels = ["<1%", "1–2", "2–3", "3–5", "5–8", "8–12", "12–20", "20–40", ">40%"]
    shares = [np.histogram(v, edges)[0] / len(v) for v in (learnt.ours.pd.ravel(), book.offers.pd)]
    return bar_chart(
        labels, [("有标签 labelled", shares[0].tolist()), ("待定 to decide", shares[1].tolist())],
        Axis("占比 share", None, percent), title="违约概率分布 · predicted PD", x_label="预测违约概率 predicted PD, %",
    )  # fmt: skip


def _pairs(x: Values, y: Values) -> list[tuple[float, float]]:
    return list(zip(x.tolist(), y.tolist(), strict=True))
