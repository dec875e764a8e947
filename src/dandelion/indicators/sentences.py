"""One plain sentence per column, in Chinese and English, built from the names in its declaration."""

from __future__ import annotations

from dandelion.core import DAY_US
from dandelion.indicators.declare import EVER, Base, window_us

_ZH = {
    "count": "{w}{cell}{noun}的{n}", "sum": "{w}{cell}{noun}的{m}合计", "mean": "{w}{cell}{noun}的平均{m}",
    "min": "{w}{cell}{noun}的最低{m}", "max": "{w}{cell}{noun}的最高{m}", "deviation": "{w}{cell}{noun}的{m}波动（标准差）",
    "last": "{w}{cell}{noun}的最近一次{m}", "distinct": "{w}{cell}{noun}涉及的不同{who}数", "active_days": "{w}有{cell}{noun}的天数",
    "days_since_first": "{w}距首次{cell}{noun}的天数", "days_since_last": "{w}距最近一次{cell}{noun}的天数",
    "longest_gap": "{w}{cell}{noun}之间最长的间隔天数", "top_share": "{w}{cell}{noun}中最大一个{who}的{m}占比",
}  # fmt: skip
_EN = {
    "count": "Number of {noun}{cell} {w}", "sum": "Total {m} of {noun}{cell} {w}", "mean": "Mean {m} of {noun}{cell} {w}",
    "min": "Smallest {m} of {noun}{cell} {w}", "max": "Largest {m} of {noun}{cell} {w}",
    "deviation": "Standard deviation of the {m} of {noun}{cell} {w}", "last": "Latest {m} of {noun}{cell} {w}",
    "distinct": "Number of different {who} in {noun}{cell} {w}", "active_days": "Days with {noun}{cell} {w}",
    "days_since_first": "Days since the first of {noun}{cell} {w}",
    "days_since_last": "Days since the last of {noun}{cell} {w}",
    "longest_gap": "Longest gap in days between {noun}{cell} {w}",
    "top_share": "Share of the {m} of {noun}{cell} {w} that comes from the largest of the {who}",
}  # fmt: skip
_WHO_ZH = {
    "payer": "付款人", "payee": "收款人", "buyer": "买方", "seller": "卖方", "device": "设备", "lender": "贷款机构",
}  # fmt: skip


def sentences(base: Base) -> tuple[str, str]:
    """(Chinese, English)."""
    levels = [base.stream.dimension(name).level(value) for name, value in base.filters]
    measure = None if base.measure is None else base.stream.measure(base.measure)
    who = base.stream.counterparty or ""
    zh = _ZH[base.aggregate].format(
        w=_window_zh(base.window), cell="".join(f"{level.zh}" for level in levels), noun=base.stream.zh,
        m=measure.zh if measure else "", who=_WHO_ZH.get(who, "对方"), n=base.stream.zh_count,
    )  # fmt: skip
    en = _EN[base.aggregate].format(
        w=_window_en(base.window), cell="".join(f", {level.en}," for level in levels), noun=base.stream.en,
        m=measure.en if measure else "", who=f"{who}s",
    )  # fmt: skip
    return zh, en


def _window_zh(window: str) -> str:
    if window == EVER:
        return "有记录以来"
    days, rest = divmod(window_us(window), DAY_US)
    return f"过去{days}天" if not rest else f"过去{window}"


def _window_en(window: str) -> str:
    if window == EVER:
        return "since records began"
    days, rest = divmod(window_us(window), DAY_US)
    return f"in the last {days} days" if not rest else f"in the last {window}"
