"""The highest nominal rate a licence allows today, from the jurisdiction pack."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from dandelion.core import PPM
from dandelion.lending import Packs

MONTHS = 12


@dataclass(frozen=True, slots=True)
class LicenceBounds:
    """`nominal_cap_ppm` a year simple, `line_cap_yuan` a borrower; `pack` names the rules they come from."""

    pack: str
    rate_cap_ppm: int
    nominal_cap_ppm: int
    line_cap_yuan: int


def licence_bounds(licence: str, day: date, jurisdiction: str = "cn") -> LicenceBounds:
    """Largest yearly simple rate whose effective cost, paid monthly on the pack's year, stays within the cap.

    The cap is tested on the internal rate of return; monthly interest compounds, so this is the strict reading.
    Errors: NotFound for an unknown licence or a day before the first pack.
    """
    pack = Packs.load().on(jurisdiction, licence, day)
    monthly = (1 + pack.rate_cap_ppm / PPM) ** (1 / MONTHS) - 1
    nominal = int(monthly * MONTHS * pack.year_days / pack.cap_year_days * PPM)
    return LicenceBounds(pack.id, pack.rate_cap_ppm, nominal, pack.line_cap_fen // 100)
