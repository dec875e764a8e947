"""Ownership as JSON, in BODS's words (subject, interestedParty, interests, share.exact in percent), bounded in size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dandelion.graph.ownership.benefit import PPB
from dandelion.graph.ownership.owners import Interest, Owner, Ownership
from dandelion.graph.ownership.statements import Kind
from dandelion.graph.ownership.tree import Tree

WORDS = {Kind.PRESUMED: "person (presumed)", Kind.PERSON: "person", Kind.ENTITY: "entity"}
SHOWN_MAX = 100


def ownership_json(found: Ownership) -> dict[str, Any]:
    """One firm; at most 100 interested parties, largest first, `left_out` says how many more there are."""
    return {
        "subject": found.firm,
        "control": found.control,
        "actualController": found.controller,
        "controlChain": list(found.chain),
        "votes": [{"interestedParty": who, "percent": ppm / 10_000} for who, ppm in found.deciding[:SHOWN_MAX]],
        "together": found.together,
        "beneficialOwners": [owner.party for owner in found.beneficial][:SHOWN_MAX],
        "interestedParties": [_owner(owner) for owner in found.owners[:SHOWN_MAX]],
        "left_out": max(0, len(found.owners) - SHOWN_MAX),
        "undisclosedPercent": _percent(found.benefit.undisclosed_ppb),
        "heldByClosedCyclesPercent": _percent(found.benefit.stuck_ppb),
        "rule": {
            "percent": found.line.ppm / 10_000, "at_least": found.line.at_least, "source": found.line.source,
            "since": found.line.since.isoformat() if found.line.since else None,
        },
        "notes": list(found.notes),
    }  # fmt: skip


def tree_json(found: Tree) -> dict[str, Any]:
    """Nodes and edges; `level` is the distance above (positive) or below (negative) the root."""
    return {
        "root": found.root,
        "nodes": [{"id": name, "level": level, "recordType": WORDS[found.kinds[name]]}
                  for name, level in sorted(found.levels.items(), key=lambda item: (-item[1], item[0]))],
        "edges": [{"interestedParty": edge.holder, "subject": edge.firm, "share": {"exact": edge.share_ppm / 10_000},
                   "votes": {"exact": edge.votes_ppm / 10_000}} for edge in found.edges],
        "left_out": found.left_out,
    }  # fmt: skip


def words_of(interests: Sequence[Interest]) -> list[str]:
    """`shareholding 31.2 % (indirect)`, one an interest."""
    return [
        f"{one.type}{'' if one.share_ppb is None else f' {_percent(one.share_ppb):.6g} %'} ({one.direct_or_indirect})"
        for one in interests
    ]


def _owner(owner: Owner) -> dict[str, Any]:
    interests = [
        {"type": one.type, "directOrIndirect": one.direct_or_indirect, "beneficialOwnershipOrControl": one.passes}
        | ({} if one.share_ppb is None else {"share": {"exact": _percent(one.share_ppb)}})
        for one in owner.interests
    ]
    return {
        "id": owner.party, "recordType": WORDS[owner.kind], "isBeneficialOwner": owner.is_beneficial,
        "interests": interests,
    }  # fmt: skip


def _percent(ppb: int) -> float:
    return ppb * 100 / PPB
