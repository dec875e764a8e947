"""A row's own sentence: a table's template with the row's cells in words, rounded as people say them.

``{tenure_days}`` says the cell as it stands, ``{share%}`` as percent, ``{fen/100}`` divided by a hundred, ``{count#}``
a range of whole numbers; the amount of a
limit is told in yuan and of a multiplier in percent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from dandelion.core import BadInput
from dandelion.policy.cells import bounds_of
from dandelion.policy.expression import number_text, to_float32
from dandelion.policy.industries import Industry
from dandelion.policy.records import Place

_SLOT = re.compile(r"\{([a-z][a-z0-9_]*)(%|/100|#)?\}")
TEXT_CHARS_MAX = 300
NAMED_MAX = 2  # trades named one by one; more are said to be alike
_WORDS = {
    "zh": {
        "any": "不限", "missing": "未知", "present": "已知", "between": "{}至{}", "under": "不到{}", "over": "不少于{}",
        "is": "{}", "not": "不是{}", "or": "、", "others": "等行业", "yes": "是", "no": "否",
    },
    "en": {
        "any": "any", "missing": "unknown", "present": "known", "between": "{} to {}", "under": "under {}",
        "over": "at least {}", "is": "{}", "not": "not {}", "or": " or ", "others": " and similar trades", "yes": "yes", "no": "no",
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sentence:
    """A template taken apart once: text, then for every slot (column, how it is scaled, the text after it)."""

    first: str
    slots: tuple[tuple[str, str, str], ...]
    language: str
    teller: Teller

    @classmethod
    def read(cls, template: str, language: str, teller: Teller) -> Sentence:
        first, *rest = _SLOT.split(template)
        slots = tuple((rest[i], rest[i + 1] or "", rest[i + 2]) for i in range(0, len(rest), 3))
        return cls(first, slots, language, teller)

    def fill(self, row: Mapping[str, str], kind: str, amount: int, place: Place) -> str:
        """The sentence of one row.  Errors: BadInput for a slot that is no column, or a text too long."""
        parts = [self.first]
        for name, scale, after in self.slots:
            if name == "amount":
                parts += _amount(kind, amount), after
            elif name in row:
                parts += self.teller.said(row[name], self.language, scale), after
            else:
                raise BadInput(
                    f"{place}: the sentence names {{{name}}}, which is no column of the table", field=self.language
                )
        text = "".join(parts)
        if not text or len(text) > TEXT_CHARS_MAX or "{" in text or "}" in text:
            raise BadInput(
                f"{place}: {self.language} comes out as {text!r}; write 1 to {TEXT_CHARS_MAX} characters, with slots "
                "like {tenure_days}, {share%} or {amount}",
                field=self.language,
            )
        return text


@dataclass(frozen=True, slots=True)
class Teller:
    """What a table's sentences need: the numbers of constants and the names of industries."""

    constants: Mapping[str, float]
    industries: Mapping[str, Industry]
    _said: dict[tuple[str, str, str], str] = field(default_factory=dict, compare=False, repr=False)

    def said(self, cell: str, language: str, scale: str) -> str:
        """A cell in words."""
        key = (cell, language, scale)
        if key not in self._said:
            self._said[key] = self._cell(*key)
        return self._said[key]

    def _cell(self, text: str, language: str, scale: str) -> str:
        words = _WORDS[language]
        if text in ("", "missing", "present", "yes", "no"):
            return words[text or "any"]
        if "|" in text:
            parts = [part.strip() for part in text.split("|")]
            many = len(parts) > NAMED_MAX and parts[0] in self.industries
            said = words["or"].join(
                self._number(part, language, scale) for part in parts[: NAMED_MAX if many else None]
            )
            return said + (words["others"] if many else "")
        low = high = ""
        for op, number in _whole(bounds_of(text)) if scale == "#" else bounds_of(text):
            said = self._number(number, language, scale)
            if op == "==":
                return words["is"].format(said)
            if op == "!=":
                return words["not"].format(said)
            low, high = (said, high) if op.startswith(">") else (low, said)
        if low and low == high:
            return words["is"].format(low)
        if low and high:
            return words["between"].format(low, high)
        return words["over"].format(low) if low else words["under"].format(high)

    def _number(self, text: str, language: str, scale: str) -> str:
        if text in self.industries:
            group = self.industries[text]
            return group.zh if language == "zh" else group.en
        value = self.constants[text] if text in self.constants else float(text.replace("_", ""))
        if scale == "%":
            return f"{_short(value * 100)}%"
        return _short(value / 100 if scale == "/100" else value)


def _whole(bounds: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The same bounds of a whole number, ends included: below 4 is at most 3."""
    step = {">": (">=", 1), "<": ("<=", -1)}
    out = []
    for op, text in bounds:
        number = text.replace("_", "")
        if op in step and number.lstrip("-").isdigit():
            op, text = step[op][0], str(int(number) + step[op][1])
        out.append((op, text))
    return out


def _amount(kind: str, amount: int) -> str:
    if kind == "limit_cap_fen":
        return f"{amount // 100:,}"
    if kind in ("limit_times_ppm", "price_add_ppm", "score_add"):
        return f"{_short(amount / 10_000)}%"
    return str(amount)


def _short(value: float) -> str:
    """Three figures at most beside the whole part: 31.6 and not 31.611382; 1,250 and not 1250."""
    if value == int(value):
        return f"{int(value):,}"
    return number_text(to_float32(float(f"{value:.3g}")))
