"""The structured definition of a column: enough for anyone to recompute it with another tool.

>>> from dandelion.indicators.standard import standard
>>> structure(standard(), "payment.received/channel=qr/30d/count")["filter"]
{'channel': 'qr'}
"""

from __future__ import annotations

from typing import Any

from dandelion.indicators.declare import Base
from dandelion.indicators.definitions import Definitions

Bound = dict[str, int | None]


def structure(definitions: Definitions, name: str) -> dict[str, Any]:
    """Base column: stream (kind of event), role, filter, window in seconds (None: ever), aggregate, measure.  Derived
    column: operation and the ids it is of.

    `filter` is column -> value.  A span of whole numbers is ``{"from": low, "below": high}`` (None: open; from above
    below wraps round midnight).  The columns ``hour`` and ``weekday`` (1 Monday to 7) are local to `tz`; ``standing``
    is worked out from both sides, see docs/indicators.md.
    """
    definition = definitions.definition(name)
    if not isinstance(definition, Base):
        return {"op": definition.op, "of": list(definition.of), "tz": definitions.tz}
    told = definition.as_json()
    filters: dict[str, str | bool | Bound] = {}
    for one in told.pop("where"):
        span: Bound = {"from": one["low"], "below": one["high"]}
        is_span = one["low"] is not None or one["high"] is not None
        value = one["level"] if one["column"] == "standing" else span if is_span else one["equals"]
        filters[one["column"]] = _both(filters.get(one["column"]), value)
    order = ("stream", "role", "filter", "window_s", "aggregate", "measure")
    return {key: {**told, "filter": filters}[key] for key in order} | {
        "time": told["time"], "counterparty": told["counterparty"], "latest_by": told["latest_by"],
        "people_min": told["people_min"], "tz": definitions.tz,
    }  # fmt: skip


def _both(known: str | bool | Bound | None, value: str | bool | Bound) -> str | bool | Bound:
    """Two spans over one column (an amount's band and its sign) are what lies in both."""
    if not isinstance(known, dict) or not isinstance(value, dict):
        return value
    lows = [low for low in (known["from"], value["from"]) if low is not None]
    highs = [high for high in (known["below"], value["below"]) if high is not None]
    low, high = max(lows, default=None), min(highs, default=None)
    nothing = low is not None and high is not None and low > high
    return {"from": low, "below": low if nothing else high}
