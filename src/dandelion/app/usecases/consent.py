"""Consent: the merchant allows, sees and withdraws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dandelion.app.access import Caller
from dandelion.app.answer import Answer, once
from dandelion.app.command import Command
from dandelion.app.house import House
from dandelion.core import DAY_US, NotFound, iso
from dandelion.vault import Grant, NewGrant, Work


@dataclass(frozen=True, slots=True)
class Wish:
    """What the merchant allows: one purpose, kinds of data, for `days`; the hash of the notice that was shown."""

    purpose: str
    data_kinds: list[str]
    days: int
    notice_sha256: str | None = None


def grant(house: House, caller: Caller, command: Command, wish: Wish) -> Answer:
    """Record the grant and answer with its receipt (fields of ISO/IEC TS 27560)."""
    caller.must_have_role("merchant")

    def act(work: Work) -> tuple[int, dict[str, Any]]:
        new = NewGrant(
            subject=caller.subject, purpose=wish.purpose, data_kinds=tuple(wish.data_kinds),
            recipient=house.settings.lender.recipient, until_us=work.now + wish.days * DAY_US,
            terms=house.consent_terms(wish.purpose, wish.notice_sha256),
        )  # fmt: skip
        made = house.vault.consents.grant(work, new, house.actor(caller))
        return 201, _told(made)

    with house.vault.unit_of_work(caller.tenant) as work:
        return once(work, command, act)


def grants(house: House, caller: Caller) -> list[dict[str, Any]]:
    """The caller's own grants, oldest first, each with its receipt."""
    caller.must_have_role("merchant")
    own = house.vault.consents.grants(caller.tenant, caller.subject)
    return [{**_told(g), "receipt": house.vault.consents.receipt(caller.tenant, g.grant_id)} for g in own]


def withdraw(house: House, caller: Caller, command: Command, grant_id: str) -> Answer:
    """End a grant of the caller's own; reads, decisions and draws that need it stop at once."""
    caller.must_have_role("merchant")

    def act(work: Work) -> tuple[int, dict[str, Any]]:
        own = {g.grant_id for g in house.vault.consents.grants(caller.tenant, caller.subject)}
        if grant_id not in own:  # somebody else's grant looks the same as none
            raise NotFound(f"you have no consent grant {grant_id}; GET /v1/consents lists yours", field="grant")
        return 200, _told(house.vault.consents.withdraw(work, grant_id, house.actor(caller)))

    with house.vault.unit_of_work(caller.tenant) as work:
        return once(work, command, act)


def _told(g: Grant) -> dict[str, Any]:
    return {
        "grant": g.grant_id,
        "purpose": g.purpose,
        "data_kinds": list(g.data_kinds),
        "recipient": g.recipient,
        "from": iso(g.from_us),
        "until": iso(g.until_us),
        "withdrawn": None if g.withdrawn_us is None else iso(g.withdrawn_us),
    }
