"""The reason dictionary: every code in plain Chinese and English, and what to say about changing it.

Decency: a reason names the merchant's own record, never a counterparty, and blames nobody.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass

from dandelion.policy.records import Reader, Record

TEXT_CHARS_MAX = 300
BY_ITSELF, BY_A_PERSON = "by_itself", "by_a_person"


@dataclass(frozen=True, slots=True)
class Reason:
    """`otherwise_*` is said when the engine finds no single number of the merchant's that changes the outcome.

    A freeze for a reason that `lifts_by_itself` ends as soon as no strategy asks for a freeze any more; every other one
    waits for a person.
    """

    code: str
    zh: str
    en: str
    otherwise_zh: str
    otherwise_en: str
    lifts_by_itself: bool = False

    def as_json(self) -> dict[str, str]:
        lifts = {"lifts": BY_ITSELF} if self.lifts_by_itself else {}
        texts = {"zh": self.zh, "en": self.en, "otherwise_zh": self.otherwise_zh, "otherwise_en": self.otherwise_en}
        return texts | lifts


def read_reasons(record: Record) -> Mapping[str, Reason]:
    """Reasons by code.  Errors: BadInput for a missing language, an empty sentence or a stray placeholder."""
    reasons = {}
    for code, entry in record.items():
        holder = Reader(record)
        if not isinstance(entry, Record):
            raise holder.refuse(code, "must hold zh, en, otherwise_zh and otherwise_en")
        take = Reader(entry)
        texts = [take.text(key) for key in ("zh", "en", "otherwise_zh", "otherwise_en")]
        lifts = take.choice("lifts", (BY_ITSELF, BY_A_PERSON), BY_A_PERSON)
        take.done()
        for text in texts:
            if not text or len(text) > TEXT_CHARS_MAX:
                raise holder.refuse(code, f"needs sentences of 1 to {TEXT_CHARS_MAX} characters")
            if any(name is not None for _, name, _, _ in string.Formatter().parse(text)):
                raise holder.refuse(code, "holds a placeholder; numbers are added by the engine, not by the text")
        if texts[1].isascii() is False and not any(c.isalpha() and c.isascii() for c in texts[1]):
            raise holder.refuse(code, "en must be English")
        if texts[0].isascii():
            raise holder.refuse(code, "zh must be Chinese")
        reasons[code] = Reason(code, texts[0], texts[1], texts[2], texts[3], lifts == BY_ITSELF)
    return reasons
