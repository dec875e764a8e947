"""Activity: events in, kept once; what they mean for open lines follows at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from dandelion.app.access import Caller
from dandelion.app.answer import Answer, once
from dandelion.app.command import Command
from dandelion.app.house import House
from dandelion.app.usecases.warn import watch_lines
from dandelion.core import BadInput, arrow_schema, event_class, event_id, fields_of, from_table, instant, validate
from dandelion.core.events import Event
from dandelion.vault import Work

OWN_KINDS = frozenset(
    {"consent_given", "consent_withdrawn", "line_opened", "limit_changed", "draw_paid", "repaid", "delinquency_moved"}
)  # written by the house itself, never fed in


def report(
    house: House, caller: Caller, command: Command, kind: str, source: str, rows: Sequence[Mapping[str, Any]]
) -> Answer:
    """Keep the good rows, name the bad ones.  Each row carries `source_id`, `at` (ISO 8601) and the kind's fields."""
    caller.must_have_role("service")
    if kind in OWN_KINDS:
        raise BadInput(f"{kind} is written by the house itself; it cannot be fed in", field="kind")
    event_class(kind)

    def act(work: Work) -> tuple[int, dict[str, Any]]:
        events, rejected = read_rows(caller.tenant, kind, source, rows, work.now)
        kept = work.append(events) if events else None
        detail: dict[str, str | int | bool | None] = {
            "kind": kind,
            "source": source,
            "rows": len(rows),
            "rejected": len(rejected),
        }
        work.audit(house.actor(caller), "activity.reported", f"feed:{source}", detail)
        return 202, {
            "accepted": kept.added if kept else 0,
            "duplicates": kept.duplicates if kept else 0,
            "rejected": rejected,
        }

    with house.vault.unit_of_work(caller.tenant) as work:
        answer = once(work, command, act)
    touched = [row[role] for row in rows for role in event_class(kind).ROLES if isinstance(row.get(role), str)]
    watch_lines(house, caller.tenant, touched)
    return answer


def read_rows(
    tenant: str, kind: str, source: str, rows: Sequence[Mapping[str, Any]], now_us: int
) -> tuple[list[Event], list[dict[str, Any]]]:
    """(good events, rejections with row number, field and reason)."""
    rejected: list[dict[str, Any]] = []
    table_rows, numbers = [], []
    instants = [f.name for f in fields_of(kind) if f.kind.name == "instant" and f.name != "arrived"]
    for number, row in enumerate(rows):
        try:
            table_rows.append(_prepared(tenant, source, row, instants, now_us))
            numbers.append(number)
        except BadInput as error:
            rejected.append({"row": number, "field": error.field, "reason": error.message})
    if not table_rows:
        return [], rejected
    good, bad = validate(kind, _table(kind, table_rows), now_us=now_us)
    rejected += [{"row": numbers[b.row], "field": b.field, "reason": b.reason} for b in bad]
    return from_table(kind, good) if good.num_rows else [], sorted(rejected, key=lambda r: r["row"])


def _prepared(tenant: str, source: str, row: Mapping[str, Any], instants: Sequence[str], now_us: int) -> dict[str, Any]:
    source_id = row.get("source_id")
    if not isinstance(source_id, str) or not source_id:
        raise BadInput("source_id: each event needs the source's own id as text", field="source_id")
    out = {key: value for key, value in row.items() if key != "source_id"}
    for name in instants:
        if not isinstance(out.get(name), str):
            raise BadInput(f"{name}: write the time as ISO 8601 text, like 2025-06-30T08:00:00Z", field=name)
        out[name] = instant(out[name])
    replaced = out.get("replaces")
    if replaced is not None:  # the source knows its own ids only
        out["replaces"] = event_id(tenant, source, str(replaced))
    return {**out, "event_id": event_id(tenant, source, source_id), "source": source, "arrived": now_us}


def _table(kind: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Columns of the kind; a column whose values do not fit its type is left as text for `validate` to refuse."""
    columns = {}
    for field in arrow_schema(kind):
        if not any(field.name in row for row in rows):
            continue
        values = [row.get(field.name) for row in rows]
        try:
            columns[field.name] = pa.array(values, pa.int64() if pa.types.is_timestamp(field.type) else field.type)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            columns[field.name] = pa.array([None if v is None else str(v) for v in values], pa.string())
        if pa.types.is_timestamp(field.type) and pa.types.is_integer(columns[field.name].type):
            columns[field.name] = columns[field.name].cast(field.type)
    return pa.table(columns)
