"""Ownership statements as they are told: who holds what of whom, line by line, before anything is checked against the rest.

Names follow the Open Ownership data standard (BODS): the *subject* is the firm, the *interested party* its holder, each
*interest* a shareholding or voting rights, held directly.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import IntEnum

import pyarrow as pa

from dandelion.core import BadInput
from dandelion.graph.payments import instants, visible

PPM = 1_000_000
_LATEST = 2**62


class Kind(IntEnum):
    """What a party is.  PRESUMED: nobody said; it is taken for a person as long as nobody is told to hold it."""

    PRESUMED = 0
    PERSON = 1
    ENTITY = 2


@dataclass(frozen=True, slots=True)
class Statement:
    """One told holding.  `line` says where (0: an event); `votes_ppm` is None where votes follow the shares."""

    line: int
    firm: str
    holder: str
    share_ppm: int
    votes_ppm: int | None = None
    holder_kind: Kind = Kind.PRESUMED
    concert: str = ""  # holders with the same word vote as one (acting in concert)
    at: int | None = None  # UTC microseconds; of two statements about a pair the later one counts


@dataclass(frozen=True, slots=True)
class Office:
    """A role that a person has at a firm."""

    firm: str
    person: str
    role: str


def ppm_of_percent(text: str) -> int:
    """Parts per million of a decimal percent, rounded to the nearest.  Errors: BadInput where it is no number.

    >>> ppm_of_percent("33.3333%"), ppm_of_percent("51")
    (333333, 510000)
    """
    try:
        value = Decimal(text.strip().removesuffix("%").strip())
        if not value.is_finite():
            raise InvalidOperation
    except InvalidOperation:
        raise BadInput(f"share is {text!r}; write a percent like 33.5", field="share_percent") from None
    return int((value * 10_000).to_integral_value())


def of_events(
    shareholdings: pa.Table, roles: pa.Table | None = None, *, as_of: int | None = None, known_at: int | None = None
) -> tuple[list[Statement], list[Office]]:
    """What the record holds, told with ``at < as_of`` and ``arrived < known_at`` (default: all).

    A sole trader has no shareholders on file: where a firm has an `owner` and no shareholding was ever told, the owner
    holds all of it (several owners: equal parts).
    """
    as_of = _LATEST if as_of is None else as_of
    known_at = as_of if known_at is None else known_at
    seen = shareholdings.filter(pa.array(visible(shareholdings, as_of, known_at)))
    at = instants(seen.column("at")).tolist() if seen.num_rows else []
    columns = (seen.column(name).to_pylist() for name in ("firm", "holder", "share_ppm"))
    told = [Statement(0, f, h, s, at=moment) for f, h, s, moment in zip(*columns, at, strict=True)]
    offices: list[Office] = []
    if roles is not None and roles.num_rows:
        seen = roles.filter(pa.array(visible(roles, as_of, known_at)))
        columns = (seen.column(name).to_pylist() for name in ("firm", "person", "role"))
        offices = [Office(*row) for row in dict.fromkeys(zip(*columns, strict=True))]
    return told + _sole_traders({one.firm for one in told}, offices), offices


def _sole_traders(told: set[str], offices: list[Office]) -> list[Statement]:
    owners: dict[str, list[str]] = {}
    for office in offices:
        if office.role == "owner" and office.firm not in told:
            owners.setdefault(office.firm, []).append(office.person)
    return [
        Statement(0, firm, person, PPM // len(people), holder_kind=Kind.PERSON)
        for firm, people in owners.items()
        for person in people
    ]
