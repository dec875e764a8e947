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
SET_BY_US = frozenset({"event_id", "source", "arrived"})  # the id is hashed from `source_id`, the source is the call's


def report(
    house: House, caller: Caller, command: Command, kind: str, source: str, rows: Sequence[Mapping[str, Any]]
) -> Answer:
    """Keep the good rows, name the bad ones.  Each row carries `source_id`, `at` (ISO 8601) and the kind's fields.

    A field that this version of the kind does not have costs its row: what a sender thinks it told us must not get lost.
    """
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
    touched = [row[role] for row in rows for role in event_class(kind).ROLES if _is_text(row.get(role))]
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
            _refuse_unknown(kind, row)
            table_rows.append(_prepared(tenant, source, row, instants, now_us))
            numbers.append(number)
        except BadInput as error:
            rejected.append({"row": number, "field": error.field, "reason": error.message})
    if not table_rows:
        return [], rejected
    table, misfits = _table(kind, table_rows)
    rejected += [{"row": numbers[number], **why} for number, why in misfits.items()]
    numbers = [number for place, number in enumerate(numbers) if place not in misfits]
    good, bad = validate(kind, table, now_us=now_us)
    rejected += [{"row": numbers[b.row], "field": b.field, "reason": b.reason} for b in bad]
    return from_table(kind, good) if good.num_rows else [], sorted(rejected, key=lambda r: r["row"])


def _refuse_unknown(kind: str, row: Mapping[str, Any]) -> None:
    known = {"source_id", *(f.name for f in fields_of(kind))} - SET_BY_US
    for name in sorted(row.keys() - known):
        if name in SET_BY_US:
            raise BadInput(f"{name}: is set by the house when the event comes in; leave it out", field=name)
        shown, version = ascii(name)[1:-1][:60], event_class(kind).VERSION
        raise BadInput(
            f"{shown}: {kind} version {version} has no such field; leave it out or correct its name (known: "
            f"{', '.join(sorted(known))})",
            field=shown,
        )


def _prepared(tenant: str, source: str, row: Mapping[str, Any], instants: Sequence[str], now_us: int) -> dict[str, Any]:
    source_id = row.get("source_id")
    if not _is_text(source_id) or not source_id:
        raise BadInput("source_id: each event needs the source's own id as text", field="source_id")
    out = {key: value for key, value in row.items() if key != "source_id"}
    for name in instants:
        if not isinstance(out.get(name), str):
            raise BadInput(f"{name}: write the time as ISO 8601 text, like 2025-06-30T08:00:00Z", field=name)
        out[name] = instant(out[name])
    replaced = out.get("replaces")
    if replaced is not None:  # the source knows its own ids only
        if not _is_text(replaced):
            raise BadInput("replaces: give the source's own id of the event it corrects, as text", field="replaces")
        out["replaces"] = event_id(tenant, source, replaced)
    return {**out, "event_id": event_id(tenant, source, str(source_id)), "source": source, "arrived": now_us}


def _table(kind: str, rows: Sequence[Mapping[str, Any]]) -> tuple[pa.Table, dict[int, dict[str, Any]]]:
    """(columns of the kind, rejections by row): a value that does not fit its column's type costs its own row only."""
    columns: dict[str, pa.Array] = {}
    misfits: dict[int, dict[str, Any]] = {}
    for field in arrow_schema(kind):
        if not any(field.name in row for row in rows):
            continue
        values = [row.get(field.name) for row in rows]
        type_ = pa.int64() if pa.types.is_timestamp(field.type) else field.type
        fits = [_fits(value, type_) for value in values]
        for number, (value, fit) in enumerate(zip(values, fits, strict=True)):
            if not fit:
                reason = f"{field.name}: {ascii(value)[:60]} is not {_wanted(type_)}"
                misfits.setdefault(number, {"field": field.name, "reason": reason})
        columns[field.name] = pa.array([v if fit else None for v, fit in zip(values, fits, strict=True)], type_)
        if pa.types.is_timestamp(field.type):
            columns[field.name] = columns[field.name].cast(field.type)
    keep = [number for number in range(len(rows)) if number not in misfits]
    return pa.table(columns).take(pa.array(keep, pa.int64())), misfits


def _fits(value: Any, type_: pa.DataType) -> bool:
    """Whether JSON's `value` is one of the column's type; None is for the contract to judge."""
    if value is None:
        return True
    if pa.types.is_boolean(type_):
        return isinstance(value, bool)
    if pa.types.is_integer(type_):
        return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
    if pa.types.is_floating(type_):
        return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**53
    return _is_text(value)


def _is_text(value: Any) -> bool:
    """Text that a database can hold: no NUL, no half of a surrogate pair (JSON can carry both)."""
    return isinstance(value, str) and "\0" not in value and not any("\ud800" <= sign <= "\udfff" for sign in value)


def _wanted(type_: pa.DataType) -> str:
    if pa.types.is_boolean(type_):
        return "true or false"
    if pa.types.is_integer(type_):
        return "a whole number"
    return "a number" if pa.types.is_floating(type_) else "readable text"
