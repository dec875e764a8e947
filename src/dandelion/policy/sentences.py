"""The engine's own sentences about a change, in Chinese and English, around numbers the engine found."""

from __future__ import annotations

from dandelion.policy.change import LIMIT, OUTCOME, Change
from dandelion.policy.declarations import Lever
from dandelion.policy.expression import number_text

_EFFECT = {
    OUTCOME: ("其他情况不变，申请即可通过，额度为{yuan}元", "with all else equal, the answer would be yes, with a limit of {yuan} yuan"),
    LIMIT: ("其他情况不变，额度将为{yuan}元", "with all else equal, the limit would be {yuan} yuan"),
}  # fmt: skip
_REASON = ("这一条原因就不再成立", "this reason would fall away")


def yuan_text(fen: int) -> str:
    """Fen as yuan with thousands separators; the fen are shown only where there are some."""
    whole, part = divmod(fen, 100)
    return f"{whole:,}" + (f".{part:02d}" if part else "")


def change_sentences(change: Change, lever: Lever) -> tuple[str, str]:
    """(Chinese, English)."""
    zh, en = _EFFECT.get(change.effect, _REASON)
    yuan = yuan_text(change.limit_fen)
    start, to = number_text(change.start), number_text(change.to)
    now_zh = "（目前没有数据）" if start == "missing" else f"（目前为{start}）"
    now_en = " (no data now)" if start == "missing" else f" (now {start})"
    return (
        f"如果{lever.zh}达到{to}{now_zh}，{zh.format(yuan=yuan)}。"
        if lever.up
        else f"如果{lever.zh}降到{to}{now_zh}，{zh.format(yuan=yuan)}。",
        f"If {lever.en} {'reached' if lever.up else 'came down to'} {to}{now_en}, {en.format(yuan=yuan)}.",
    )


def together_sentences(approved: bool, limit_fen: int) -> tuple[str, str]:
    yuan = yuan_text(limit_fen)
    if approved:
        return (
            f"如果以上各项同时改变，申请即可通过，额度为{yuan}元。",
            f"If all of these changed together, the answer would be yes, with a limit of {yuan} yuan.",
        )
    return "以上各项同时改变仍不足以通过。", "All of these together would not yet be enough."
