"""Public holidays by local day, as the State Council announced them: dated, never guessed.

The days are those of the yearly notices of the General Office (2023: 国办发明电〔2022〕16号; 2024: 〔2023〕7号; 2025: 〔2024〕12号; 2026:
〔2025〕7号; earlier years likewise), as chinesecalendar carries them up to the end of 2026.  A day outside the table is neither a
holiday nor an ordinary day: it counts for no level.

>>> day_codes(np.array([20_116, 20_130, 30_000])).tolist()  # 28 January and 11 February 2025, a day of 2052
[1, 0, 2]
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache

import numpy as np
from numba import njit

from dandelion.core.frame import Ints

COUNTRY = "cn"
KNOWN_FROM, KNOWN_UNTIL = date(2004, 1, 1), date(2026, 12, 31)
ORDINARY, HOLIDAY, UNKNOWN = range(3)
_EPOCH = date(1970, 1, 1)


@lru_cache(maxsize=1)
def _table() -> tuple[int, Ints]:
    """(first day known, code of it and each day after it)."""
    from chinese_calendar.constants import holidays  # 60 ms to import, wanted by few

    first = (KNOWN_FROM - _EPOCH).days
    codes = np.zeros((KNOWN_UNTIL - KNOWN_FROM).days + 1, np.int64)
    codes[[(day - KNOWN_FROM).days for day in holidays if KNOWN_FROM <= day <= KNOWN_UNTIL]] = HOLIDAY
    return first, codes


def day_codes(days: Ints) -> Ints:
    """`ORDINARY`, `HOLIDAY` or `UNKNOWN` of each local day, counted from 1970-01-01."""
    first, codes = _table()
    return np.asarray(_look_up(days, first, codes), np.int64)


@njit(cache=True, nogil=True)
def _look_up(days, first, codes):  # type: ignore[no-untyped-def]
    out = np.empty(len(days), np.int64)
    for i in range(len(days)):
        place = days[i] - first
        out[i] = codes[place] if 0 <= place < len(codes) else UNKNOWN
    return out
