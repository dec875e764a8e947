"""The files of an assessment: one HTML page, JSON, a CSV of all merchants, and the rows set aside."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dandelion.app.assess.payments_limit import product, rules
from dandelion.app.assess.payments_pictures import heat_picture, month_picture, payers_picture
from dandelion.app.assess.payments_result import Merchant, PaymentsResult
from dandelion.app.assess.report_html import render
from dandelion.core import PPM, Rejection

_CAPS = {
    "turnover": ("一个月核实流水", "one month of verified turnover"),
    "affordability": ("最弱一个月的还款能力", "what the weakest month can repay"),
    "product_max": ("产品最高额度", "the product's highest limit"),
}
_SHAPES = {
    "dandelion": ("蒲公英", "Dandelion"),
    "between": ("介于两者之间", "In between"),
    "yarn_ball": ("毛线球", "Yarn ball"),
    "cannot_see": ("看不到", "Cannot be seen"),
}
_COLUMNS = (
    "merchant", "indicative_limit_yuan", "binding", "verified_365d_yuan", "verified_90d_yuan", "month_yuan",
    "prudent_month_yuan", "received_365d_yuan", "refunded_yuan", "circular_yuan", "self_yuan", "gift_yuan", "payments",
    "payers_90d", "repeat_share", "top_share", "change_90d", "shape", "tie_share", "history_days", "pd_ppm", "reasons",
)  # fmt: skip


def html(result: PaymentsResult) -> str:
    """The page: self-contained, Chinese first and English beside it."""
    detailed = result.merchants[: rules()["report"]["merchants_in_detail"]]
    return render("payments.html", {
        "title": f"收款评估 · {result.read.file}", "subtitle": "Payments assessed: an indicative limit with its reasons",
        "lang": "zh-CN", "result": result, "read": result.read, "one": len(result.merchants) == 1,
        "cards": [_card(one, result) for one in detailed],
        "rows": result.merchants[: rules()["report"]["merchants_in_table"]], "shapes": _SHAPES,
        "total_limit": sum(one.limit.fen for one in result.merchants) / 100,
        "total_verified": sum(one.turnover.verified_fen for one in result.merchants) / 100,
        "with_limit": sum(one.limit.fen > 0 for one in result.merchants), "terms": product(), "ppm_one": PPM,
    })  # fmt: skip


def _card(one: Merchant, result: PaymentsResult) -> dict[str, Any]:
    t = one.turnover
    parts = [
        ("收到", "received", t.received_fen), ("退款", "refunded", -t.refunded_fen), ("红包", "gifts", -t.gift_fen),
        ("自付", "own payments", -t.self_fen), ("回流", "came back", -t.circular_fen),
    ]  # fmt: skip
    held = max(1, one.limit.caps_fen.get(one.limit.binding, 1))
    caps = [
        (*texts, one.limit.caps_fen[name], name == one.limit.binding, min(100.0, 45.0 * one.limit.caps_fen[name] / held))
        for name, texts in _CAPS.items() if one.limit.caps_fen
    ]  # fmt: skip
    first, last = one.first_day[:7], result.as_of[:7]
    whole_from = first if one.first_day.endswith("-01") else _after(first)
    return {
        "m": one,
        "parts": [part for part in parts if part[2] or part[0] == "收到"],
        "caps": caps,
        "months": month_picture(one.growth.months, whole_from, _before(last)) if one.growth.months else None,
        "heat": heat_picture(one.rhythm.heat) if one.rhythm.heat else None,
        "ball": payers_picture(one.shape),
        "shape": _SHAPES[one.shape.kind],
    }


def _after(month: str) -> str:
    year, number = int(month[:4]), int(month[5:7])
    return f"{year + number // 12}-{number % 12 + 1:02d}"


def _before(month: str) -> str:
    year, number = int(month[:4]), int(month[5:7])
    return f"{year - (number == 1)}-{(number - 2) % 12 + 1:02d}"


def merchants_csv(merchants: Sequence[Merchant], path: Path) -> None:
    """One line a merchant, UTF-8 with BOM so that a spreadsheet shows the Chinese."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        out = csv.writer(file)
        out.writerow(_COLUMNS)
        for one in merchants:
            t, limit = one.turnover, one.limit
            out.writerow([
                _safe(one.name), *(_yuan(fen) for fen in (limit.fen,)), limit.binding,
                *(_yuan(fen) for fen in (t.verified_fen, t.verified_90d_fen, limit.month_fen, limit.prudent_month_fen,
                                         t.received_fen, t.refunded_fen, t.circular_fen, t.self_fen, t.gift_fen)),
                one.payments, one.payers.people_90d, _or_blank(one.payers.repeat_share), _or_blank(one.payers.top_share),
                _or_blank(one.growth.change_90d), one.shape.kind, _or_blank(one.shape.tie_share), one.history_days,
                "" if one.pd_ppm is None else one.pd_ppm, " ".join(reason.code for reason in limit.reasons),
            ])  # fmt: skip


def quarantine_csv(rejections: Sequence[Rejection], total: int, path: Path) -> None:
    """Row number in the file, field and reason of every row set aside (the first 200,000)."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        out = csv.writer(file)
        out.writerow(["row", "field", "reason"])
        out.writerows([one.row, one.field, _safe(one.reason)] for one in rejections)
        if total > len(rejections):
            out.writerow(["", "", f"and {total - len(rejections):,} rows more"])


def _safe(text: str) -> str:
    """Text that a spreadsheet will not take for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def _yuan(fen: int) -> str:
    sign, whole = ("-", -fen) if fen < 0 else ("", fen)
    return f"{sign}{whole // 100}.{whole % 100:02d}"


def _or_blank(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
