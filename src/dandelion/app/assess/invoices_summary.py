"""The figures of the run as JSON-ready values, and the sentences about what the data cannot show."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

import numpy as np

from dandelion.app.assess.invoices_books import Books
from dandelion.app.assess.invoices_learning import Learnt
from dandelion.app.assess.invoices_lending import LoanBook
from dandelion.app.assess.invoices_licence import LicenceBounds
from dandelion.app.assess.invoices_reading import Inputs
from dandelion.app.assess.invoices_result import Result
from dandelion.app.assess.invoices_settings import Settings
from dandelion.app.assess.invoices_shift import Shift
from dandelion.models import Interval


def summarise(
    inputs: Inputs, books: Books, learnt: Learnt, book: LoanBook, shift: Shift, bounds: LicenceBounds, rules: Settings,
    budget_yuan: int,
) -> Result:  # fmt: skip
    """`seconds` and `files` are put in by the caller once they are known."""
    judged, portfolio = learnt.judgement, book.portfolio
    return Result(
        auc_cv_mean=round(judged.auc.mean, 4), auc_cv_low=round(judged.auc.low, 4),
        auc_cv_high=round(judged.auc.high, 4), auc_total_sales=round(judged.auc_base.mean, 4),
        auc_gain_low=round(judged.auc_gain.low, 4), auc_gain_high=round(judged.auc_gain.high, 4),
        profit_cv=round(judged.profit.ours.mean), profit_total_sales=round(judged.profit.base.mean),
        firms_approved=int((portfolio.limit_yuan > 0).sum()), budget_spent_yuan=portfolio.spent_yuan, seconds=0.0,
        details=_details(inputs, books, learnt, book, shift, bounds, rules, budget_yuan),
        decisions=book.decisions, files=(),
    )  # fmt: skip


def _details(
    inputs: Inputs, books: Books, learnt: Learnt, book: LoanBook, shift: Shift, bounds: LicenceBounds, rules: Settings,
    budget_yuan: int,
) -> dict[str, Any]:  # fmt: skip
    judged, portfolio, ids = learnt.judgement, book.portfolio, inputs.firms.ids
    calibration = dataclasses.asdict(learnt.model.calibration) if learnt.model.calibration else {}
    return {
        "as_of": inputs.as_of.isoformat(),
        "auc_gain_mean": round(judged.auc_gain.mean, 4),
        "auc_gain_resampled": _rounded(judged.auc_gain_resampled, 4),
        "auc_pooled": _rounded(judged.auc_pooled, 4),
        "auc_gain_pooled": _rounded(judged.auc_gain_pooled, 4),
        "auc_pooled_pd": _rounded(judged.auc_pooled_pd, 4),
        "brier": round(judged.brier, 4),
        "brier_total_sales": round(judged.brier_base, 4),
        "ece": round(judged.ece, 4),
        "ece_by_chance": round(judged.ece_critical, 4),
        "profit_cv_interval": _rounded(judged.profit.ours, 0),
        "profit_total_sales_interval": _rounded(judged.profit.base, 0),
        "profit_gain_interval": _rounded(judged.profit.gain, 0),
        "profit_gain_largest_firm": {"firm": _largest(inputs, learnt), "yuan": round(judged.profit.largest_yuan)},
        "profit_cv_budget_yuan": judged.profit.budget_yuan,
        "labelled_firms": len(learnt.bad),
        "labelled_defaults": int(learnt.bad.sum()),
        "calibration": {name: round(float(value), 4) for name, value in calibration.items()},
        "penalties_chosen": {f"{k:g}": v for k, v in sorted(Counter(learnt.ours.penalties).items())},
        "weights": {spec.id: round(float(w), 4) for spec, w in zip(learnt.specs, learnt.model.weights, strict=True)},
        "expected_profit_yuan": round(portfolio.profit_yuan),
        "expected_drawn_yuan": round(float((portfolio.limit_yuan * portfolio.kept).sum())),
        "profit_bound_yuan": round(portfolio.bound_yuan),
        "duality_gap": round(portfolio.gap, 8),
        "budget_yuan": budget_yuan,
        "budget_price_ppm": portfolio.price_ppm,
        "firms_decided": len(book.decisions),
        "grades": dict(sorted(Counter(d.grade for d in book.decisions).items())),
        "first_reasons": dict(Counter(d.reasons[0].code for d in book.decisions if not d.approved).most_common()),
        "licence": {
            "pack": bounds.pack,
            "rate_cap_ppm": bounds.rate_cap_ppm,
            "nominal_cap_ppm": bounds.nominal_cap_ppm,
        },
        "rows": {
            "read": inputs.rows_read,
            "set_aside": inputs.set_aside_rows,
            "of_unknown_firms": inputs.of_unknown_firms,
            "after_as_of": inputs.after_as_of,
        },
        "cleaning": books.cleaning.as_json(),
        "shared_invoice_pairs": [
            {
                "firms": [ids[p.one], ids[p.other]],
                "shared": p.shared,
                "share_ppm": p.share_ppm,
                "jaccard_ppm": p.jaccard_ppm,
            }
            for p in books.sharing.pairs
        ],
        "trading_pairs": [
            {"seller": ids[m.seller], "buyer": ids[m.buyer], "invoices": m.invoices} for m in books.sharing.mirrors
        ],
        "shift": {
            "told_apart_auc": round(shift.told_apart, 4),
            "columns_shifted": [c.id for c in shift.columns if c.shifted],
            "sole_traders_labelled": shift.sole_traders_labelled,
            "sole_traders_others": shift.sole_traders_others,
        },
        "cannot_show": [en for _, en in cannot_show(inputs, books, learnt, shift)],
        "assumptions": {
            "lgd_ppm": rules.offer.lgd_ppm,
            "funding_ppm": rules.offer.funding_ppm,
            "running_cost_yuan": rules.offer.running_cost_yuan,
            "leverage_ppm": rules.offer.leverage_ppm,
            "turnover_share_max_ppm": rules.offer.turnover_share_max_ppm,
        },
    }


def cannot_show(inputs: Inputs, books: Books, learnt: Learnt, shift: Shift) -> list[tuple[str, str]]:
    """(Chinese, English) sentences a reader must know before believing a figure."""
    bads, goods = int(learnt.bad.sum()), int((learnt.bad == 0).sum())
    error = (learnt.judgement.auc.high - learnt.judgement.auc.low) / 3.92
    gain = learnt.judgement.auc_gain
    shifted = sum(c.shifted for c in shift.columns)
    out = [
        (
            "标签没有日期：无法按时间划分样本，也不知道发票是在违约之前还是之后开具；交叉验证的结果可能偏乐观。",
            "Labels have no date: no split in time is possible and invoices may be younger than the default, so the "
            "cross-validated figures may flatter.",
        ),
        (
            "违约没有期限：报告把违约概率当作一年期使用，这是假设。",
            "Defaults have no horizon: the report reads the probability as one year's, which is an assumption.",
        ),
        (
            f"只有 {bads} 家违约、{goods} 家正常：AUC 的标准误约 {error:.3f}，不足以给模型排名。",
            f"Only {bads} defaults beside {goods} goods: the standard error of the AUC is about {error:.3f}, too much to "
            "rank models.",
        ),
        (
            f"个体经营户在有标签企业中有 {shift.sole_traders_labelled}/{shift.labelled} 家，在待定企业中有 "
            f"{shift.sole_traders_others}/{shift.others} 家：对它们的判断基本没有依据可验证。",
            f"Sole traders are {shift.sole_traders_labelled} of {shift.labelled} labelled firms but "
            f"{shift.sole_traders_others} of {shift.others} to decide: what is said about them is hardly tested.",
        ),
        (
            f"两组企业在 {shifted} 个输入上分布不同，可被区分的 AUC 为 {shift.told_apart:.2f}（0.5 为无差别）。",
            f"The two groups differ in {shifted} inputs and can be told apart with an AUC of {shift.told_apart:.2f} (0.5 "
            "is alike).",
        ),
        (
            "导出窗口是人为截取的：首末张发票日期与违约有关，但说的是导出方式，所以不作为输入。",
            "Where the export was cut is related to default, but says nothing about credit: first and last day are no "
            "inputs.",
        ),
    ]
    if gain.low <= 0 <= gain.high:
        out.append(
            (
                f"模型对“仅看销售总额”的 AUC 增益为 {gain.mean:+.3f}（{gain.low:+.3f} 至 {gain.high:+.3f}），区间包含零：没有证明更好。",
                f"The AUC gain over total sales alone is {gain.mean:+.3f} ({gain.low:+.3f} to {gain.high:+.3f}); the "
                "interval holds zero, so it is not shown to be better.",
            )
        )
    profit, largest = learnt.judgement.profit, _largest(inputs, learnt)
    out.append(
        (
            f"实现利润之差 {profit.gain.mean:,.0f} 元中，仅 {largest} 一家就占 {profit.largest_yuan:,.0f} 元：一次违约就能改变结论。",
            f"Of the difference in realised profit of {profit.gain.mean:,.0f} yuan, the one firm {largest} makes "
            f"{profit.largest_yuan:,.0f}: a single default turns the sign.",
        )
    )
    if any(rating for rating in inputs.firms.rating):
        out.append(
            (
                "信誉评级几乎就是标签，因此从不作为输入；待定企业也没有评级。",
                "The given rating is nearly the label itself and is never an input; the firms to decide have none.",
            )
        )
    return out


def _largest(inputs: Inputs, learnt: Learnt) -> str:
    return inputs.firms.ids[int(np.flatnonzero(learnt.labelled)[learnt.judgement.profit.largest_firm])]


def _rounded(interval: Interval, digits: int) -> dict[str, float]:
    return {
        "mean": float(np.round(interval.mean, digits)),
        "low": float(np.round(interval.low, digits)),
        "high": float(np.round(interval.high, digits)),
    }
