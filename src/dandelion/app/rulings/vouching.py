"""Whether the audit chain vouches for a kept ruling: its group is whole, and the group's hash is what the note says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dandelion.app.house import House
from dandelion.app.rulings.keeping import GROUP, MADE, noted_under, over
from dandelion.core import content_hash
from dandelion.vault import KeptDecision

Note = Callable[[str, str, str], None]


def held_to_its_group(
    house: House, tenant: str, kept: KeptDecision, body: Mapping[str, Any], again: bytes | None, note: Note
) -> None:
    """Notes ``note(what, name, detail)`` for all that the group's audit note does not bear out.

    `again` are the bytes of the ruling made again: where the group holds with them, it was this very body that was altered.
    """
    group = str(kept.meta.get(GROUP, ""))
    notes = house.vault.audit.records(tenant, subject=noted_under(body["product"]), actions=(MADE,), since=kept.at)
    told = next((record for record in notes if record.detail.get(GROUP) == group), None) if group else None
    if told is None:
        note("audit", group or kept.decision_id, "no audit note tells of the group this ruling was kept with")
        return
    if (wrong := house.vault.audit.breach(told)) is not None:
        note("audit", group, f"the chain does not hold at the group's note: {wrong}")
    digests = {
        id_: digest
        for id_, digest, meta in house.vault.decisions.digests(
            tenant, str(told.detail["first"]), str(told.detail["last"])
        )
        if meta.get(GROUP) == group
    }
    if kept.decision_id not in digests:
        note("group", group, "the ruling lies outside the group that it names")
    if len(digests) != told.detail["rulings"]:
        note("group", group, f"holds {len(digests)} rulings; {told.detail['rulings']} were kept")
    elif over(digests.values()) != told.detail["bodies_sha256"]:
        made_again = {} if again is None else {kept.decision_id: content_hash(again)}
        if over({**digests, **made_again}.values()) == told.detail["bodies_sha256"]:
            note("group", group, "holds with this ruling as it is made again: its stored body or hash was altered")
        else:
            note("group", group, "the hashes of its rulings are not those that were kept: one of them was altered")
