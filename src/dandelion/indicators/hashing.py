"""The canonical text of a definition: the same bytes as ``canonical(as_json)``, put together from parts kept."""

from __future__ import annotations

import json
from functools import lru_cache

from dandelion.core import canonical
from dandelion.indicators.declare import EVER, Base, Stream, where, window_us

VERSION = 1  # of what the aggregates and operations mean; part of every definition hash


def base_text(base: Base, tz: str) -> str:
    """Keys in order of the alphabet, no spaces."""
    party, role = _side(base.stream)
    measure = "null" if base.measure is None else f'"{base.stream.measure(base.measure).field}"'
    window = "null" if base.window == EVER else window_us(base.window) // 1_000_000
    return (
        f'{{"aggregate":"{base.aggregate}",{party},"measure":{measure},{role},{_zone(tz)},'
        f'"where":{_where(base.stream, base.filters)},"window_s":{window}}}'
    )


def derived_text(op: str, of: list[str], tz: str) -> str:
    return f'{{"of":[{",".join(of)}],"op":"{op}",{_zone(tz)}}}'


@lru_cache(maxsize=1024)
def _side(stream: Stream) -> tuple[str, str]:
    party = f'"counterparty":{json.dumps(stream.counterparty)},"latest_by":{json.dumps(stream.latest_by)}'
    people = 5 if stream.people else 0
    return party, f'"people_min":{people},"role":"{stream.role}","stream":"{stream.kind}","time":"{stream.time}"'


@lru_cache(maxsize=16)
def _zone(tz: str) -> str:
    return f'"tz":{json.dumps(tz, ensure_ascii=False)},"version":{VERSION}'


@lru_cache(maxsize=65_536)
def _where(stream: Stream, filters: tuple[tuple[str, str], ...]) -> str:
    return canonical(where(stream, filters)).decode()
