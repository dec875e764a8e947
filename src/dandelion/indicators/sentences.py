"""One plain sentence per column, in Chinese and English, built from the names in its declaration."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from dandelion.core import DAY_US
from dandelion.indicators.declare import EVER, Base, Dimension, Level, Stream, window_us

_ZH = {
    "count": "{noun}的{n}", "sum": "{noun}的{m}合计", "mean": "{noun}的平均{m}", "min": "{noun}的最低{m}",
    "max": "{noun}的最高{m}", "deviation": "{noun}的{m}波动（标准差）", "last": "{noun}的最近一次{m}",
    "q10": "{noun}的{m}的低位值（10%分位）", "q50": "{noun}的{m}的中位数", "q90": "{noun}的{m}的高位值（90%分位）",
    "distinct": "{noun}涉及的不同{who}数", "active_days": "有{noun}的天数", "days_since_first": "距首次{noun}的天数",
    "days_since_last": "距最近一次{noun}的天数", "longest_gap": "{noun}之间最长的间隔天数",
    "top_share": "{noun}中最大一个{who}的{m}占比", "entropy": "{noun}的{m}在各{who}之间的分散程度（熵）",
}  # fmt: skip
_EN = {
    "count": "Number of {noun}", "sum": "Total {m} of {noun}", "mean": "Mean {m} of {noun}",
    "min": "Smallest {m} of {noun}", "max": "Largest {m} of {noun}", "last": "Latest {m} of {noun}",
    "deviation": "Standard deviation of the {m} of {noun}", "q10": "Lower end (10th percentile) of the {m} of {noun}",
    "q50": "Median {m} of {noun}", "q90": "Upper end (90th percentile) of the {m} of {noun}",
    "distinct": "Number of different {who} in {noun}", "active_days": "Number of days with {noun}",
    "days_since_first": "Days since the first of {noun}", "days_since_last": "Days since the last of {noun}",
    "longest_gap": "Longest gap in days between {noun}",
    "top_share": "Largest single share, among the {who}, of the {m} of {noun}",
    "entropy": "Spread over the {who} (entropy) of the {m} of {noun}",
}  # fmt: skip
_WHO_ZH = {
    "payer": "付款人", "payee": "收款人", "buyer": "买方", "seller": "卖方", "device": "设备", "lender": "贷款机构",
    "district": "城区", "category": "品类",
}  # fmt: skip
_THAT = "that "
Filters = tuple[tuple[str, str], ...]
_SOURCES_ZH = ("holiday", "weekday", "hour", "standing", "value")  # 周末夜间扫码 ...
_SOURCES_EN = ("value", "standing", "holiday", "weekday", "hour")


@dataclass(frozen=True, slots=True)
class Figure:
    """What is measured, without when: 扫码收到的付款的笔数, "Number of payments received by QR code"."""

    zh: str
    en: str

    @property
    def the(self) -> str:
        """For the middle of a sentence."""
        return f"the {self.en[0].lower()}{self.en[1:]}"


def sentences(base: Base) -> tuple[str, str]:
    """(Chinese, English)."""
    what = figure(base)
    zh, en = within(base.window)
    if base.window == EVER and base.aggregate in ("days_since_first", "days_since_last"):
        return f"{zh}{what.zh}", what.en
    return f"{zh}{what.zh}", f"{what.en} {en}"


def figure(base: Base) -> Figure:
    measure = None if base.measure is None else base.stream.measure(base.measure)
    noun_zh, noun_en = events(base.stream, base.filters)
    return Figure(
        _ZH[base.aggregate].format(
            noun=noun_zh, m=measure.zh if measure else "", who=who_zh(base.stream), n=base.stream.zh_count
        ),
        _EN[base.aggregate].format(noun=noun_en, m=measure.en if measure else "", who=base.stream.others),
    )


def who_zh(stream: Stream) -> str:
    return _WHO_ZH.get(stream.counterparty or "", "对方")


@lru_cache(maxsize=65_536)
def events(stream: Stream, filters: Filters) -> tuple[str, str]:
    """The events that count: 与关联人之间的、周末收到的付款, "payments received with related parties at weekends"."""
    found = [(stream.dimension(name), value) for name, value in filters]
    zh = [d.level(v).zh for d, v in sorted(found, key=lambda pair: _SOURCES_ZH.index(pair[0].source))]
    en = [d.level(v).en for d, v in sorted(found, key=_place_en)]
    whole = "、".join(text for text in zh if text.endswith("的"))  # 交易性质的、单笔20元以下的、...
    near = "".join(text for text in zh if not text.endswith("的"))
    clauses = [text for text in en if text.startswith(_THAT)]
    plain = [text for text in en if not text.startswith(_THAT)]
    verb = " ".join(clauses[0].split(" ", 2)[:2]) + " " if clauses else ""  # "that are "
    told = [clauses[0], *(text.removeprefix(verb) for text in clauses[1:])] if clauses else []
    after = " ".join([*plain, *([" and ".join(told)] if told else [])])
    return f"{whole}{near}{stream.zh}", f"{stream.en} {after}".rstrip()


def _place_en(pair: tuple[Dimension, str]) -> tuple[int, bool]:
    """... of 20 to 100 yuan by QR code with related parties at weekends at night."""
    dimension, value = pair
    return _SOURCES_EN.index(dimension.source), dimension.level(value).equals is not None


@lru_cache(maxsize=4096)
def within(window: str) -> tuple[str, str]:
    """过去30天, "in the last 30 days"."""
    if window == EVER:
        return "有记录以来", "since records began"
    zh, en = length(window)
    return f"过去{zh}", "in the last " + ("day" if en == "1 day" else en)


def length(window: str) -> tuple[str, str]:
    """30天, "30 days"."""
    days, rest = divmod(window_us(window), DAY_US)
    if rest:
        return window, window
    return f"{days}天", "1 day" if days == 1 else f"{days} days"


def level_of(base: Base) -> Level:
    """The level fixed last."""
    name, value = base.filters[-1]
    return base.stream.dimension(name).level(value)
