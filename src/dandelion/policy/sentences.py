"""The engine's own sentences about a change, in Chinese and English, around numbers the engine found."""

from __future__ import annotations

import math

from dandelion.policy.book import Book
from dandelion.policy.change import LIMIT, OUTCOME, STRENGTH, Change
from dandelion.policy.expression import number_text
from dandelion.policy.nearest import Nearest

_EFFECT = {
    OUTCOME: ("其他情况不变，申请即可通过，额度为{yuan}元", "with all else equal, the answer would be yes, with a limit of {yuan} yuan"),
    LIMIT: ("其他情况不变，额度将为{yuan}元", "with all else equal, the limit would be {yuan} yuan"),
}  # fmt: skip
_STRENGTH = ("这一条就不再为您加分", "this would no longer speak for you")
_REASON = ("这一条原因就不再成立", "this reason would fall away")


def yuan_text(fen: int) -> str:
    """Fen as yuan with thousands separators; the fen are shown only where there are some."""
    whole, part = divmod(fen, 100)
    return f"{whole:,}" + (f".{part:02d}" if part else "")


def _told(value: float, to: float, step: float) -> float:
    """Where a merchant stands, as fine as a tenth of the steps it is counted in: 31.6 days, not 31.611382.

    In full where the rounded figure would look as if the change had been made already.
    """
    if not math.isfinite(value):
        return value
    digits = max(0, 1 - math.floor(math.log10(step)))
    shown = round(value, digits if step < 10 else 0)
    return value if shown == to else shown


def moves_sentences(found: Nearest, book: Book, *, approved: bool) -> tuple[str, str]:
    """(Chinese, English) of moves made together; `approved` where the answer is yes already and only the limit would move."""
    zh, en = _EFFECT[LIMIT if approved else OUTCOME]
    yuan, parts = yuan_text(found.limit_fen), [_move_words(*moved, book) for moved in found.moves]
    return (
        f"如果{'，同时'.join(part[0] for part in parts)}，{zh.format(yuan=yuan)}。",
        f"If {' and '.join(part[1] for part in parts)}, {en.format(yuan=yuan)}.",
    )


def _move_words(alias: str, start: float, to: float, book: Book) -> tuple[str, str]:
    if alias.startswith("filed("):
        voucher = book.vouchers[alias[6:-1]]
        return f"提交{voucher.zh}并通过核对", f"you filed {voucher.en} and it checked out"
    lever = book.levers[alias]
    now, then = number_text(_told(start, to, lever.step)), number_text(to)
    up = to > start if start == start else lever.up
    now_zh, now_en = ("目前没有数据", "no data now") if now == "missing" else (f"目前为{now}", f"now {now}")
    return (
        f"{lever.zh}{'达到' if up else '降到'}{then}（{now_zh}）",
        f"{lever.en} {'reached' if up else 'came down to'} {then} ({now_en})",
    )


def change_sentences(change: Change, book: Book) -> tuple[str, str]:
    """(Chinese, English)."""
    zh, en = _STRENGTH if change.effect == STRENGTH else _EFFECT.get(change.effect, _REASON)
    yuan = yuan_text(change.limit_fen)
    said_zh, said_en = _move_words(change.alias, change.start, change.to, book)
    return f"如果{said_zh}，{zh.format(yuan=yuan)}。", f"If {said_en}, {en.format(yuan=yuan)}."


def together_sentences(approved: bool, limit_fen: int) -> tuple[str, str]:
    yuan = yuan_text(limit_fen)
    if approved:
        return (
            f"如果以上各项同时改变，申请即可通过，额度为{yuan}元。",
            f"If all of these changed together, the answer would be yes, with a limit of {yuan} yuan.",
        )
    return "以上各项同时改变仍不足以通过。", "All of these together would not yet be enough."
