"""Ownership statements from Beneficial Ownership Data Standard files (Open Ownership), versions 0.1 to 0.4.

A file is a JSON array, or one statement a line.  Only direct interests count: indirect ones repeat what their components
say.  Of a share told as a range the lower end is taken, the part that is certain; of a record told several times the
newest statement.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from dandelion.core import BadInput, instant
from dandelion.graph.ownership.statements import Kind, Statement

SHARES, VOTES = "shareholding", "votingRights"
FIRST_PPM = 1  # of a range that excludes its lower end


@dataclass
class _Seen:
    ranges: int = 0
    indirect: int = 0
    without_share: int = 0
    nobody: int = 0


def read_bods(file: Path) -> tuple[list[Statement], tuple[str, ...]]:
    """Statements, and notes on what was left out.  Errors (BadInput): not JSON, or no ownership statement in it."""
    told = list(_newest(file))
    kinds = {name: kind for _, one in told for name, kind in _party(one)}
    seen = _Seen()
    out: list[Statement] = []
    for number, one in told:
        subject, party = _ends(one)
        if not subject:
            continue
        if not party:
            seen.nobody += 1
            continue
        found = _interests(one, seen)
        if found is not None:
            share, votes = found
            out.append(
                Statement(number, subject, party, share, votes, kinds.get(party, Kind.PRESUMED), at=_date(number, one))
            )
    if not out:
        raise BadInput(f"{file} holds no direct shareholding or voting rights; give a BODS file with ownership statements",
                       field="holdings")  # fmt: skip
    return out, _notes(seen)


def _newest(file: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Statements in order, replaced and closed ones gone."""
    told = list(_parsed(file))
    replaced = {name for _, one in told for name in one.get("replacesStatements") or ()}
    newest: dict[str, int] = {}
    for place, (_, one) in enumerate(told):
        record = one.get("recordId")
        if record is not None:
            best = newest.get(record)
            if best is None or str(one.get("statementDate", "")) >= str(told[best][1].get("statementDate", "")):
                newest[record] = place
    for place, (number, one) in enumerate(told):
        record = one.get("recordId")
        if one.get("statementID") in replaced or (record is not None and newest[record] != place):
            continue
        if one.get("recordStatus") != "closed":
            yield number, one


def _parsed(file: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        text = file.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput(f"{file} is not UTF-8 text; write BODS as JSON in UTF-8", field="holdings") from None
    if text.lstrip().startswith("["):
        rows = [(0, text)]
    else:
        rows = [(n, line) for n, line in enumerate(text.splitlines(), start=1) if line.strip()]
    for number, row in rows:
        try:
            found = json.loads(row, parse_float=Decimal)
        except (json.JSONDecodeError, RecursionError) as error:
            raise BadInput(f"line {number or 1} of {file} is not JSON: {error}", field="holdings") from None
        for place, one in enumerate(found, start=1) if isinstance(found, list) else [(number, found)]:
            if not isinstance(one, dict):
                raise BadInput(
                    f"statement {place} of {file} is no object; a BODS file is a list of them", field="holdings"
                )
            yield place, one


def _details(one: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = one.get("recordDetails", one)
    return inner if isinstance(inner, dict) else {}


def _party(one: Mapping[str, Any]) -> Iterator[tuple[str, Kind]]:
    what = one.get("statementType") or one.get("recordType")
    kind = {
        "personStatement": Kind.PERSON,
        "person": Kind.PERSON,
        "entityStatement": Kind.ENTITY,
        "entity": Kind.ENTITY,
    }
    name = one.get("recordId") or one.get("statementID")
    if what in kind and isinstance(name, str):
        yield name, kind[what]


def _ends(one: Mapping[str, Any]) -> tuple[str, str]:
    """(subject, interested party) of an ownership statement; empty where it is none, or tells of nobody."""
    if one.get("statementType") != "ownershipOrControlStatement" and one.get("recordType") != "relationship":
        return "", ""
    inner = _details(one)
    return _described(inner.get("subject")), _described(inner.get("interestedParty"))


def _described(said: Any) -> str:
    if isinstance(said, str):
        return said.strip()
    if isinstance(said, dict):
        for name in ("describedByEntityStatement", "describedByPersonStatement"):
            if isinstance(said.get(name), str):
                return str(said[name]).strip()
    return ""


def _interests(one: Mapping[str, Any], seen: _Seen) -> tuple[int, int | None] | None:
    """(shares, votes) in ppm that the statement tells, None where it tells of neither."""
    share: int | None = None
    votes: int | None = None
    for interest in _details(one).get("interests") or ():
        if not isinstance(interest, dict) or interest.get("endDate"):
            continue
        if interest.get("directOrIndirect") == "indirect" or interest.get("interestLevel") == "indirect":
            seen.indirect += 1
            continue
        kind = str(interest.get("type", "")).replace("-", "").lower()
        if kind not in (SHARES.lower(), VOTES.lower()):
            continue
        ppm = _share(interest.get("share"), seen)
        if ppm is None:
            seen.without_share += 1
        elif kind == SHARES.lower():
            share = (share or 0) + ppm
        else:
            votes = (votes or 0) + ppm
    if share is None and votes is None:
        return None
    return share or 0, votes


def _share(said: Any, seen: _Seen) -> int | None:
    """Percent -> ppm: exact, or the lower end of a range.  What is no number tells nothing."""
    if not isinstance(said, dict):
        return None
    if isinstance(said.get("exact"), int | Decimal):
        return _ppm(said["exact"])
    low, exclusive = said.get("minimum"), bool(said.get("exclusiveMinimum"))
    if isinstance(said.get("exclusiveMinimum"), int | Decimal) and not isinstance(said["exclusiveMinimum"], bool):
        low, exclusive = said["exclusiveMinimum"], True
    if not isinstance(low, int | Decimal):
        return None
    seen.ranges += low != said.get("maximum")
    return _ppm(low) + (FIRST_PPM if exclusive else 0)


def _ppm(percent: int | Decimal) -> int:
    return int((Decimal(percent) * 10_000).to_integral_value())


def _date(number: int, one: Mapping[str, Any]) -> int | None:
    said = one.get("statementDate")
    if not said:
        return None
    try:
        return instant(str(said))
    except BadInput as error:
        raise BadInput(
            f"statement {number}: statementDate is {said!r}; {error.message}", field="statementDate"
        ) from None


def _notes(seen: _Seen) -> tuple[str, ...]:
    said = (
        (seen.ranges, "shares are told as a range; the lower end is taken"),
        (seen.indirect, "indirect interests are left out; the direct ones say the same"),
        (seen.without_share, "interests tell no share and are left out"),
        (seen.nobody, "statements name no interested party; their share stays undisclosed"),
    )
    return tuple(f"{count:,} {what}" for count, what in said if count)
