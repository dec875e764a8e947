"""What a derived column says, in Chinese and English, from the words of the columns it is made of."""

from __future__ import annotations

from dataclasses import replace

from dandelion.indicators import sentences as words
from dandelion.indicators.declare import Base, window_us

Said = tuple[str, str]
_PER = {  # aggregate -> what one divides by
    "count": ("{n}", "their number"), "distinct": ("不同{who}数", "the number of different {who}"),
    "active_days": ("发生天数", "the number of days with any"), "mean": ("平均{m}", "the mean {m}"),
    "sum": ("{m}合计", "the total {m}"), "min": ("最低{m}", "the smallest {m}"), "max": ("最高{m}", "the largest {m}"),
    "deviation": ("{m}标准差", "the standard deviation of the {m}"), "last": ("最近一次{m}", "the latest {m}"),
    "q10": ("{m}的10%分位", "the 10th percentile of the {m}"), "q50": ("{m}的中位数", "the median {m}"),
    "q90": ("{m}的90%分位", "the 90th percentile of the {m}"),
    "days_since_first": ("距首次的天数", "the days since the first"),
    "days_since_last": ("距最近一次的天数", "the days since the last"), "longest_gap": ("最长间隔", "the longest gap"),
    "top_share": ("最大一个{who}的占比", "the share of the largest of the {who}"),
    "entropy": ("在各{who}之间的熵", "the entropy over the {who}"),
}  # fmt: skip


def part(base: Base, whole: Base) -> Said:
    zh, en = words.sentences(whole)
    level = words.level_of(base)
    return f"{zh}中，{level.zh}部分所占的比例", f"Of {_the(en)}, the share {level.en}"


def of_all(base: Base) -> Said:
    zh, en = words.sentences(base)
    return (
        f"{zh}，占全部{base.stream.zh}同一数值的比例",
        f"{en}, as a share of the same figure for all {base.stream.en}",
    )


def within(base: Base, longer: str) -> Said:
    zh, en = words.sentences(replace(base, window=longer))
    recent_zh, recent_en = words.within(base.window)
    if base.aggregate == "distinct":
        return f"{zh}中，{recent_zh}出现过的比例", f"Of {_the(en)}, the share seen {recent_en}"
    return f"{zh}中，落在{recent_zh}的比例", f"Of {_the(en)}, the share that fell {recent_en}"


def trend(base: Base, longer: str) -> Said:
    what, (zh, en), (far_zh, far_en) = words.figure(base), words.within(base.window), words.length(longer)
    return (
        f"{what.zh}：{zh}日均相对此前（至{far_zh}前）日均的变化",
        f"Change in {what.the} per day {en}, against the days before, back to {far_en}",
    )


def acceleration(base: Base, middle: str, longest: str) -> Said:
    what = words.figure(base)
    (near_zh, near_en), (mid_zh, mid_en), (far_zh, far_en) = map(words.length, (base.window, middle, longest))
    return (
        f"{what.zh}的加速：近{near_zh}对{mid_zh}的变化，减去近{mid_zh}对{far_zh}的变化",
        f"Gathering speed of {what.the}: its change in {near_en} against {mid_en}, less that in {mid_en} against {far_en}",
    )


def volatility(base: Base, bucket: str) -> Said:
    what, (zh, en), (step_zh, step_en) = words.figure(base), words.within(base.window), words.length(bucket)
    return (
        f"{zh}每{step_zh}{what.zh}的波动（变异系数）",
        f"Unsteadiness of {what.the} from one span of {step_en} to the next, {en}",
    )


def own_past(base: Base, bucket: str) -> Said:
    what, (step_zh, step_en) = words.figure(base), words.length(bucket)
    before = window_us(base.window) // window_us(bucket) - 1
    return (
        f"最近{step_zh}{what.zh}与此前{before}个{step_zh}相比（标准差倍数）",
        f"{what.en} in the last {step_en} against the {before} spans of {step_en} before, in standard deviations",
    )


def year_before(base: Base) -> Said:
    what, (zh, en) = words.figure(base), words.length(base.window)
    return f"52周前截止的{zh}内{what.zh}", f"{what.en} in the {en} that ended 52 weeks ago"


def year_on_year(base: Base) -> Said:
    what, (zh, en) = words.figure(base), words.within(base.window)
    return (
        f"{zh}{what.zh}，为52周前同样天数（星期对齐）的倍数",
        f"{what.en} {en}, as a multiple of the same days 52 weeks earlier, weekday by weekday",
    )


def per(base: Base, by: Base) -> Said:
    zh, en = words.sentences(base)
    measure = by.stream.measure(by.measure) if by.measure else None
    who, who_zh = by.stream.others, words.who_zh(by.stream)
    over_zh, over_en = _PER[by.aggregate]
    over_zh = over_zh.format(m=measure.zh if measure else "", who=who_zh, n=by.stream.zh_count)
    over_en = over_en.format(m=measure.en if measure else "", who=who)
    return f"{zh}，除以{over_zh}", f"{en}, divided by {over_en}"


def against(base: Base, by: Base) -> Said:
    zh, en = words.sentences(base)
    other_zh, other_en = words.events(by.stream, by.filters)
    return f"{zh}，与{other_zh}同一数值之比", f"{en}, as a multiple of the same figure for {other_en}"


def seen_before(base: Base, name: str, longer: str) -> Said:
    """Who is new, or returns, and of how many."""
    zh, en = words.sentences(base)
    new = name.startswith("new")
    far_zh, far_en = words.within(longer)
    before_zh, before_en = f"{far_zh}更早时", f"before, {far_en}"
    what_zh = f"在{before_zh}{'未出现过' if new else '已出现过'}的"
    what_en = f"{'who' if base.stream.people else 'that'} had {'not ' if new else ''}been seen {before_en}"
    if name.endswith("share"):
        return f"{zh}中，{what_zh}比例", f"Of {_the(en).replace('number of ', '')}, the share {what_en}"
    return f"{zh}中，{what_zh}{'人数' if base.stream.people else '个数'}", f"{en} {what_en}"


def same_weekdays(base: Base, back: str) -> Said:
    what, (zh, en) = words.figure(base), words.within(base.window)
    weeks = window_us(back) // window_us("7d")
    return (
        f"{what.zh}：{zh}与此前{weeks}周同样星期几的平均相比的变化",
        f"Change in {what.the} {en}, against the mean of the same days of the week in the {weeks} weeks before",
    )


def _the(sentence: str) -> str:
    return f"the {sentence[0].lower()}{sentence[1:]}"
