"""Device farms: many accounts that live on few devices and log in one after another.

A family shares a phone too, but is small and hands it on at leisure; the staff of a shop share a tablet, at the hours of
their shifts, and have phones of their own.  A farm's accounts have no other device, and a session runs through them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from dandelion.core import DAY_US, SECOND_US, BadInput
from dandelion.core.frame import Ints
from dandelion.graph.payments import encode, instants, visible
from dandelion.graph.ring_evidence import RINGS
from dandelion.graph.ring_signals import DEVICE_FARM
from dandelion.graph.scheme_rules import FarmRules, farm_rules


@dataclass(frozen=True, slots=True, eq=False)
class _Device:
    """`at` and `account` of its logins in sessions; `begins` of those; `first`: when accounts were first seen there."""

    accounts: Ints
    begins: Ints
    at: Ints
    account: Ints
    first: int
    score: float


def device_farms(
    logins: pa.Table, as_of: int, known_at: int | None = None, *, payments: pa.Table | None = None,
    rules: FarmRules | None = None,
) -> pa.Table:  # fmt: skip
    """Rows as those of `rings`: role `account` (and `store` for those at which farms order), `bursts` are sessions.

    `logins`: person, device, at (arrived where present); `payments` as in `rings`.  Score: sessions, as far as there are enough,
    times the share of logins in sessions, times the share of accounts that live on the device.
    Errors (BadInput): a column missing.
    """
    rules = farm_rules() if rules is None else rules
    for name in ("person", "device", "at"):
        if name not in logins.column_names:
            raise BadInput(f"logins lack column {name!r}; they have {', '.join(logins.column_names)}", field=name)
    known_at = as_of if known_at is None else known_at
    keep = visible(logins, as_of, known_at) & (instants(logins.column("at")) >= as_of - rules.days * DAY_US)
    logins = logins.filter(pa.array(keep))
    person, persons = encode(logins.column("person"))
    device, _ = encode(logins.column("device"))
    at = instants(logins.column("at"))
    order = np.lexsort((person, at, device))
    person, device, at = person[order], device[order], at[order]
    total = np.bincount(person, minlength=len(persons))
    start = (
        np.flatnonzero(np.concatenate([[True], device[1:] != device[:-1]])) if len(device) else np.zeros(0, np.int64)
    )
    found = []
    for low, high in zip(start.tolist(), np.append(start[1:], len(device)).tolist(), strict=True):
        if high - low >= rules.accounts_min:
            one = _look(person[low:high], at[low:high], total, rules)
            if one is not None:
                found.append(one)
    return _table(_joined(found, rules), persons, payments, rules)


def _look(person: Ints, at: Ints, total: Ints, rules: FarmRules) -> _Device | None:
    accounts, times = np.unique(person, return_counts=True)
    if len(accounts) < rules.accounts_min:
        return None
    run = np.cumsum(np.concatenate([[True], at[1:] - at[:-1] > rules.handover_seconds * SECOND_US])) - 1
    pairs = np.unique(np.stack([run, person]), axis=1)
    session = np.bincount(pairs[0], minlength=int(run[-1]) + 1) >= rules.run_accounts_min
    inside = session[run]
    if not inside.any():
        return None
    begins = at[inside][np.unique(run[inside], return_index=True)[1]]
    lives = float((times >= rules.own_share * total[accounts]).mean())
    score = min(1.0, len(begins) / rules.sessions_full) * float(inside.mean()) * lives
    return _Device(accounts, begins, at[inside], person[inside], int(at[inside].min()), score)


def _joined(found: list[_Device], rules: FarmRules) -> list[list[_Device]]:
    """Devices whose sessions mostly begin together belong to one operator."""
    groups: list[list[_Device]] = []
    for one in sorted((d for d in found if d.score >= rules.flag_score), key=lambda d: d.first):
        fits = [group for group in groups if any(_together(one, other, rules) for other in group)]
        merged = [one] + [other for group in fits for other in group]
        groups = [group for group in groups if group not in fits] + [merged]
    return groups + [[d] for d in found if d.score < rules.flag_score]


def _together(a: _Device, b: _Device, rules: FarmRules) -> bool:
    near = np.abs(a.begins[:, None] - b.begins[None, :]).min(axis=1) <= rules.together_seconds * SECOND_US
    return bool(near.sum() >= 2 and near.mean() >= 0.5)


def _table(groups: list[list[_Device]], persons: pa.Array, payments: pa.Table | None, rules: FarmRules) -> pa.Table:
    names = np.array(persons.to_pylist(), object)
    rows: list[dict[str, object]] = []
    groups = sorted(groups, key=lambda g: (-max(d.score for d in g), min(d.first for d in g)))
    ordered = _orders(groups, names, payments, rules)
    for ring, (group, stores) in enumerate(zip(groups, ordered, strict=True)):
        accounts = np.unique(np.concatenate([d.accounts for d in group]))
        score = max(d.score for d in group)
        sessions = max(len(d.begins) for d in group)
        says = f"{len(accounts)} accounts on {len(group)} devices log in one after another, in {sessions} sessions"
        says += f"; they order at {len(stores)} stores in them" if stores else ""
        shared = {"score": score, "flagged": score >= rules.flag_score, "ring": ring, "first_burst": min(d.first for d in group),
                  "bursts": sessions, "returned_fen": 0, "evidence": says, "kind": DEVICE_FARM}  # fmt: skip
        rows += [{"account": store, "role": "store", **shared} for store in stores]
        rows += [{"account": name, "role": "account", **shared} for name in names[accounts].tolist()]
    columns = {field.name: [row[field.name] for row in rows] for field in RINGS}
    columns["first_burst"] = pa.array(columns["first_burst"], pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    return pa.table(columns, schema=RINGS)


def _orders(
    groups: list[list[_Device]], names: np.ndarray[tuple[int], np.dtype[np.object_]], payments: pa.Table | None, rules: FarmRules
) -> list[list[str]]:  # fmt: skip
    """Stores that most accounts of a farm paid within its sessions."""
    out: list[list[str]] = [[] for _ in groups]
    if payments is None or not groups:
        return out
    payer, payers = encode(payments.column("payer"))
    payee, payees = encode(payments.column("payee"))
    at, stores = instants(payments.column("at")), np.array(payees.to_pylist(), object)
    number = {name: k for k, name in enumerate(payers.to_pylist())}
    for k, group in enumerate(groups):
        if max(d.score for d in group) < rules.flag_score:
            continue
        people = np.unique(np.concatenate([d.account for d in group]))
        paid: list[tuple[int, int]] = []
        mine = np.array([number.get(name, -1) for name in names[people].tolist()], np.int64)
        theirs = np.flatnonzero(np.isin(payer, mine[mine >= 0]))
        for one, code in zip(people.tolist(), mine.tolist(), strict=True):
            moments = np.sort(np.concatenate([d.at[d.account == one] for d in group]))
            rows = theirs[payer[theirs] == code] if code >= 0 else theirs[:0]
            last = np.searchsorted(moments, at[rows], side="right") - 1
            soon = (last >= 0) & (at[rows] - moments[np.maximum(last, 0)] <= rules.order_seconds * SECOND_US)
            paid += [(int(store), one) for store in np.unique(payee[rows[soon]])]
        visited = np.bincount([store for store, _ in paid], minlength=len(stores)) if paid else np.zeros(len(stores))
        out[k] = sorted(stores[np.flatnonzero(visited >= rules.order_share * len(people))].tolist())
    return out
