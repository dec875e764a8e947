"""Money is a whole number of minor units (fen) with a currency; a rate is parts per million a year.  Never float.

>>> Money.yuan("7615.00") + Money(1)
Money(fen=761501, currency='CNY')
>>> [part.fen for part in Money(100).split([1, 1, 1])]
[34, 33, 33]
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dandelion.core.errors import BadInput

FEN_MAX = 2**63 - 1
_YUAN = re.compile(r"(-?)(\d{1,16})(?:\.(\d{1,2}))?")
PPM = 1_000_000


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """int64 minor units and an ISO 4217 code.  Raises BadInput outside int64 or when currencies mix."""

    fen: int
    currency: str = "CNY"

    def __post_init__(self) -> None:
        if not isinstance(self.fen, int) or isinstance(self.fen, bool):
            raise BadInput(f"money is {self.fen!r}; give a whole number of fen", field="fen")
        if abs(self.fen) > FEN_MAX:
            raise BadInput(f"money is {self.fen}; it must fit 64 bits", field="fen")

    @classmethod
    def yuan(cls, text: str | int, currency: str = "CNY") -> Money:
        """From yuan written as text ("12.34") or a whole number; never from float."""
        match = _YUAN.fullmatch(str(text).strip().replace(",", "")) if not isinstance(text, float) else None
        if match is None:
            raise BadInput(f"{text!r} is not an amount in yuan; write it like 1234.56", field="yuan")
        sign, whole, cents = match.groups()
        fen = int(whole) * 100 + int((cents or "0").ljust(2, "0"))
        return cls(-fen if sign else fen, currency)

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise BadInput(f"{self.currency} and {other.currency} do not add up", field="currency")

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.fen + other.fen, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.fen - other.fen, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.fen, self.currency)

    def split(self, weights: Sequence[int]) -> list[Money]:
        """Largest-remainder split; parts sum to the whole; earlier parts win ties."""
        return [Money(part, self.currency) for part in split_fen(self.fen, weights)]

    def __str__(self) -> str:
        sign, fen = ("-", -self.fen) if self.fen < 0 else ("", self.fen)
        return f"{sign}{fen // 100:,}.{fen % 100:02d} {self.currency}"


def split_fen(fen: int, weights: Sequence[int]) -> list[int]:
    """Share `fen` by integer weights, largest remainder first, ties to the earlier part."""
    total = sum(weights)
    if total <= 0 or any(weight < 0 for weight in weights):
        raise BadInput("weights must be zero or more and not all zero", field="weights")
    sign, whole = (-1, -fen) if fen < 0 else (1, fen)
    parts = [whole * weight // total for weight in weights]
    order = sorted(range(len(weights)), key=lambda i: (-(whole * weights[i] % total), i))
    for i in order[: whole - sum(parts)]:
        parts[i] += 1
    return [sign * part for part in parts]


@dataclass(frozen=True, slots=True, order=True)
class Rate:
    """An annualised simple rate in parts per million: 18 % is ``Rate(180_000)``."""

    ppm: int

    def __post_init__(self) -> None:
        if not 0 <= self.ppm <= 10 * PPM:
            raise BadInput(f"rate is {self.ppm} ppm; it must lie between 0 and {10 * PPM}", field="rate_ppm")

    @classmethod
    def percent(cls, text: str | int) -> Rate:
        """From percent a year written as text: ``Rate.percent("10.95").ppm == 109_500``."""
        match = re.fullmatch(r"(\d{1,3})(?:\.(\d{1,4}))?", str(text).strip().rstrip("%"))
        if match is None:
            raise BadInput(f"{text!r} is not a yearly rate in percent", field="rate")
        return cls(int(match[1]) * 10_000 + int((match[2] or "").ljust(4, "0")))

    def __str__(self) -> str:
        whole, part = divmod(self.ppm, 10_000)
        return f"{whole}.{part:04d}".rstrip("0").rstrip(".") + " %"
