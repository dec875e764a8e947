"""Explore: what an analyst looks at around an applicant.  For analysts only; every look is audited.

What is shown of the applicant comes from its own record, under its own consent.  How others deal with one another comes
from the fund-flow snapshot and the registry, under surrogate ids; the erased are gone from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pyarrow as pa

from dandelion.app.access import Caller
from dandelion.app.house import House
from dandelion.app.opening import opened
from dandelion.app.owner_line import owner_line
from dandelion.core import BadInput, ConsentMissing, NotFound, iso
from dandelion.graph import FlowGraph, Relations, relations, ring_of, shortest, supply
from dandelion.graph import ego as ego_of
from dandelion.graph import ownership as own
from dandelion.vault import Record, erased_among, flows

ANALYST = "analyst"
SIDES = {
    "payment": ("payee", "payer"), "invoice": ("seller", "buyer"), "shareholding": ("firm", "holder"),
    "role": ("firm", "person"),
}  # fmt: skip
TABLES = {"payment": "payments", "invoice": "invoices", "shareholding": "shareholdings", "role": "roles"}
KINDS = ("payments", "invoices", "registry")
TREE_DEPTH, TREE_NODES, PARTNERS = 6, 100, 10


def ego(house: House, caller: Caller, subject: str, nodes: int = 50) -> dict[str, Any]:
    """Whom the subject deals with, what they are, and who of them deal with each other.

    Errors: NotAllowed, ConsentMissing; NotFound where nothing is granted or told; BadInput for limits.
    """
    with _looking(house, caller, subject, "ego", {}) as record:
        told = _own_relations(record)
        found = ego_of(told, subject, nodes=nodes)
        shut = [kind for kind in KINDS if kind not in record.data_kinds]
    gone = _gone(house, caller, found.nodes)
    shown = replace(
        found, nodes={n: s for n, s in found.nodes.items() if n not in gone},
        edges=tuple(e for e in found.edges if not {e.source, e.target} & gone),
    )  # fmt: skip
    latest = house.graph.latest(house.clock.now())
    others = sorted(shown.nodes.keys() - {subject})
    return shown.as_json() | {
        "snapshot": None if latest is None else iso(latest.as_of),
        "among_others": [] if latest is None else _ties_among(latest, others),
        "in_rings": [] if latest is None else _in_rings(latest, shown.nodes),
        "not_consented": shut,
        **_supply(told, subject, gone),
    }  # fmt: skip


def owners(
    house: House, caller: Caller, subject: str, depth: int = TREE_DEPTH, nodes: int = TREE_NODES
) -> dict[str, Any]:
    """Actual controller, beneficial owners and the ownership tree of a firm, from the registry as known now."""
    with _looking(house, caller, subject, "owners", {}) as record:
        _needs(record, "registry")
    held, offices = _registry(house, caller)
    found = own.ownership(held, subject, owner_line(house.pack), offices)
    tree = own.tree(held, subject, depth=depth, nodes=nodes)
    gone = _gone(house, caller, tree.levels)
    if gone:  # flows leave them out already; this is for what was erased since
        raise NotFound(
            f"somebody behind {subject} was erased; ask again after the registry is read anew", field="subject"
        )
    return own.ownership_json(found) | {"tree": own.tree_json(tree), "exposure": _exposure(house, caller, subject)}


def ring(house: House, caller: Caller, subject: str) -> dict[str, Any]:
    """The strongest ring that the subject is in, as of the latest snapshot.  Rings are found in everybody's payments for
    the prevention of fraud, so no single grant opens them; the look is audited all the same."""
    caller.must_have_role(ANALYST)
    found = ring_of(_snapshot(house).rings, subject)
    gone = _gone(house, caller, [*found.stores, *found.buyers])
    _audit(house, caller, subject, "ring", {"ring": found.ring})
    return replace(
        found,
        stores=tuple(s for s in found.stores if s not in gone),
        buyers=tuple(b for b in found.buyers if b not in gone),
    ).as_json()


def path(house: House, caller: Caller, subject: str, to: str) -> dict[str, Any]:
    """A shortest path from the subject to another party over payments, holdings and offices.

    Errors: as :func:`ego`; NotFound where there is none.
    """
    with _looking(house, caller, subject, "path", {"to": to}) as record:
        _needs(record, "payments")
        registry = record.granted("registry")
    if not to:
        raise BadInput("to is missing; name the other party", field="to")
    graph = _snapshot(house)
    told = _told_registry(house, caller) if registry else None
    names = graph.accounts

    def near(name: str) -> list[str]:
        found: dict[str, None] = {}
        row = int(graph.rows([name])[0])
        if row >= 0:
            part = slice(int(graph.ties.offsets[row]), int(graph.ties.offsets[row + 1]))
            found |= dict.fromkeys(names.take(pa.array(graph.ties.neighbours[part])).to_pylist())
        if told is not None and (number := told.parties.find(name)) >= 0:
            found |= dict.fromkeys(told.parties.text(told.near(number)[0]))
        return list(found)

    for end in (subject, to):
        if not near(end):
            raise NotFound(
                f"{end!r} has no relation in the snapshot; check the id", field="to" if end == to else "subject"
            )
    parties = shortest(near, subject, to)
    if _gone(house, caller, parties):
        raise NotFound(f"the path between {subject} and {to} went through somebody who was erased", field="to")
    return {"parties": list(parties), "snapshot": iso(graph.as_of), "registry": registry}


@contextmanager
def _looking(house: House, caller: Caller, subject: str, what: str, more: dict[str, Any]) -> Iterator[Record]:
    """The subject's record under its grant, for an analyst, with the look in the audit."""
    caller.must_have_role(ANALYST)
    with opened(house, caller.tenant, subject) as record:
        _audit(house, caller, subject, what, more)
        yield record


def _audit(house: House, caller: Caller, subject: str, what: str, more: dict[str, Any]) -> None:
    with house.vault.unit_of_work(caller.tenant) as work:
        work.audit(house.actor(caller), "graph.explored", subject, {"what": what, **more})


def _needs(record: Record, data_kind: str) -> None:
    if not record.granted(data_kind):
        raise ConsentMissing(f"{record.subject} has not opened {data_kind}; ask the merchant to", field="data_kinds")


def _own_relations(record: Record) -> Relations:
    tables: dict[str, pa.Table] = {}
    for kind, sides in SIDES.items():
        parts = [record.events(kind, side) for side in sides]
        tables[TABLES[kind]] = pa.concat_tables(parts, promote_options="permissive")
    return relations(record.as_of, record.known_at, **tables)


def _registry(house: House, caller: Caller) -> tuple[own.Holdings, list[own.Office]]:
    now = house.clock.now()
    held, roles = (flows(house.vault, caller.tenant, kind, since_us=0, until_us=now, actor=house.actor(caller))
                   for kind in ("shareholding", "role"))  # fmt: skip
    told, offices = own.of_events(held, roles)
    return own.holdings(told), offices


def _told_registry(house: House, caller: Caller) -> Relations:
    now = house.clock.now()
    held, roles = (flows(house.vault, caller.tenant, kind, since_us=0, until_us=now, actor=house.actor(caller))
                   for kind in ("shareholding", "role"))  # fmt: skip
    return relations(now, shareholdings=held, roles=roles)


def _supply(told: Relations, subject: str, gone: frozenset[str]) -> dict[str, Any]:
    """The largest partners on both sides, and those the subject depends on."""
    found = supply(told, subject)
    return {
        "upstream": [one.as_json() for one in found.upstream[:PARTNERS] if one.party not in gone],
        "downstream": [one.as_json() for one in found.downstream[:PARTNERS] if one.party not in gone],
        "anchors": [name for name in found.anchors if name not in gone],
    }


def _exposure(house: House, caller: Caller, subject: str) -> dict[str, Any]:
    """What everybody who stands and falls with the subject may owe us: limits of all their lines, in fen."""
    now = house.clock.now()
    limits: dict[str, int] = {}
    with house.vault.database.read() as connection:
        for member in sorted(house.household(subject)):
            limits[member] = sum(
                one.limit_fen for one in house.lending.lines_of(connection, caller.tenant, member, now)
            )
    return {"members": [{"id": member, "limit_fen": fen} for member, fen in limits.items() if fen or member == subject],
            "group_size": len(limits), "limit_fen": sum(limits.values())}  # fmt: skip


def _snapshot(house: House) -> FlowGraph:
    found = house.graph.latest(house.clock.now())
    if found is None:
        raise NotFound("there is no snapshot yet; make one with: dandelion graph build", field="snapshot")
    return found


def _ties_among(graph: FlowGraph, names: list[str]) -> list[dict[str, Any]]:
    """Who of some parties paid whom within the snapshot's window, without amounts."""
    row = graph.rows(names)
    place = {int(r): name for r, name in zip(row.tolist(), names, strict=True) if r >= 0}
    out = []
    for number, name in sorted(place.items(), key=lambda item: item[1]):
        part = slice(int(graph.ties.offsets[number]), int(graph.ties.offsets[number + 1]))
        for other, paid in zip(graph.ties.neighbours[part].tolist(), graph.ties.paid[part].tolist(), strict=True):
            if paid & 1 and other in place:
                out.append({"source": name, "target": place[other], "kind": "pays"})
    return out


def _in_rings(graph: FlowGraph, names: dict[str, int]) -> list[str]:
    columns = (graph.rings.column(name).to_pylist() for name in ("account", "flagged"))
    return sorted({account for account, flagged in zip(*columns, strict=True) if flagged and account in names})


def _gone(house: House, caller: Caller, names: Any) -> frozenset[str]:
    with house.vault.database.read() as connection:
        return erased_among(connection, caller.tenant, names)
