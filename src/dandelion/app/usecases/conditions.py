"""Before a first draw: identity, payout account, contract, use of money."""

from __future__ import annotations

import hashlib
import hmac
from contextlib import suppress
from typing import Any

from dandelion.app.access import Caller
from dandelion.app.answer import Answer, once
from dandelion.app.command import Command
from dandelion.app.house import House
from dandelion.app.usecases.lines import own_line
from dandelion.core import ConditionUnmet, Conflict, NotFound
from dandelion.lending import AccountClaim, IdentityClaim
from dandelion.vault import Work


def prove_identity(house: House, caller: Caller, command: Command, name: str, id_number: str, phone: str) -> Answer:
    """Ask the identity provider; keep its answer, and the identifying data encrypted with the entities."""
    caller.must_have_role("merchant")
    face = hmac.new(house.secret, caller.subject.encode(), hashlib.sha256).hexdigest()
    proof = house.identity.check(IdentityClaim(caller.subject, name, id_number, face))

    def act(work: Work) -> tuple[int, dict[str, Any]]:
        house.lending.record_identity(work, caller.subject, proof, house.actor(caller))
        if proof.passed:
            identifying = {"name": name, "identity_number": id_number, "phone": phone}
            with suppress(Conflict):  # proved before: the first proof stands
                house.vault.entities.register(
                    work, "person", identifying, house.actor(caller), entity_id=caller.subject
                )
        return 201, {"passed": proof.passed, "method": proof.method, "reason": proof.reason}

    with house.vault.unit_of_work(caller.tenant) as work:
        return once(work, command, act)


def prove_account(house: House, caller: Caller, command: Command, account_number: str, bank: str) -> Answer:
    """Ask the bank whether the account is held in the proved name; keep a token for it, never the number."""
    caller.must_have_role("merchant")

    def act(work: Work) -> tuple[int, dict[str, Any]]:
        try:
            known = house.vault.entities.reveal(work, caller.subject, house.actor(caller))
        except NotFound:
            raise ConditionUnmet("identity is still open: prove who you are first", field="identity") from None
        proof = house.accounts.check(AccountClaim(caller.subject, known.fields["name"], account_number))
        house.lending.record_payout_account(work, caller.subject, proof, house.actor(caller))
        return 201, {"passed": proof.passed, "method": proof.method, "reason": proof.reason, "bank": bank}

    with house.vault.unit_of_work(caller.tenant) as work:
        return once(work, command, act)


def contract(house: House, caller: Caller, line: str) -> dict[str, Any]:
    """Render, keep and show the contract of the caller's own line."""
    with house.vault.unit_of_work(caller.tenant) as work:
        own_line(house, caller, work.connection, line)
        shown = house.lending.contract(work, line)
    return {"line": line, "text": shown.text, "sha256": shown.sha256}


def accept_contract(house: House, caller: Caller, command: Command, line: str, sha256: str) -> Answer:
    """Accept exactly the text that was shown."""
    caller.must_have_role("merchant")

    def act(work: Work) -> tuple[int, dict[str, Any]]:
        own_line(house, caller, work.connection, line)
        accepted = house.lending.accept_contract(work, line, sha256, house.actor(caller))
        return 201, {"line": line, "accepted": accepted.sha256}

    with house.vault.unit_of_work(caller.tenant) as work:
        return once(work, command, act)


def declare_use(house: House, caller: Caller, command: Command, line: str, use: str) -> Answer:
    """Say what the money is for."""
    caller.must_have_role("merchant")

    def act(work: Work) -> tuple[int, dict[str, Any]]:
        own_line(house, caller, work.connection, line)
        house.lending.declare_use(work, line, use, house.actor(caller))
        return 201, {"line": line, "use": use}

    with house.vault.unit_of_work(caller.tenant) as work:
        return once(work, command, act)
