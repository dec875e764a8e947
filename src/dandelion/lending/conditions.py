"""Conditions precedent: what must be proved before the first draw, each stored with its proof and audited.

Identity and payout account are proved about the subject; the contract and the use of money belong to the line.  Records
are appended, the newest counts; proofs hold references and outcomes, never names or numbers of people.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa

from dandelion.core import BadInput, ConditionUnmet, canonical
from dandelion.lending.tables import conditions
from dandelion.vault import Actor, Work

IDENTITY, ACCOUNT, CONTRACT, USE = "identity", "payout_account", "contract", "use_of_money"
ABOUT_SUBJECT = (IDENTITY, ACCOUNT)
ALL = (IDENTITY, ACCOUNT, CONTRACT, USE)
REMEDY = {
    IDENTITY: "prove who you are (name, identity number, face) first",
    ACCOUNT: "prove that the payout account is held in your own name",
    CONTRACT: "read the contract and accept it by its SHA-256",
    USE: "declare what the money is for; only business uses are allowed",
}


@dataclass(frozen=True, slots=True)
class IdentityClaim:
    """What the person shows.  It goes to the provider and is never stored by this room."""

    subject: str
    name: str
    identity_number: str
    face_token: str


@dataclass(frozen=True, slots=True)
class AccountClaim:
    """A payout account the person says is theirs.  Goes to the provider; only its token is kept."""

    subject: str
    holder_name: str
    account_number: str


@dataclass(frozen=True, slots=True)
class Proof:
    """A provider's answer.  `token` stands for the account on the rail; `reference` finds the check at the provider."""

    provider: str
    reference: str
    passed: bool
    method: str
    reason: str = ""
    token: str = ""


class IdentityProvider(Protocol):
    """Checks a person against an official source.  Raises Unavailable when it cannot answer."""

    def check(self, claim: IdentityClaim) -> Proof: ...


class AccountProvider(Protocol):
    """Checks that an account belongs to the person, by name match with its bank or by a micro-deposit."""

    def check(self, claim: AccountClaim) -> Proof: ...


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition as it stands.  `what_to_do` is empty once met; `proof` is what was stored."""

    name: str
    met: bool
    what_to_do: str
    at: int | None
    proof: Mapping[str, Any]


def standing(connection: sa.Connection, tenant: str, subject: str, line_id: str) -> tuple[Condition, ...]:
    """Every condition of a line, newest record of each."""
    query = sa.select(conditions).where(
        conditions.c.tenant == tenant,
        conditions.c.subject == subject,
        conditions.c.line_id.in_(("", line_id)),
    )
    newest: dict[str, sa.Row[Any]] = {}
    for row in connection.execute(query.order_by(conditions.c.seq)):
        newest[row.condition] = row
    found = []
    for name in ALL:
        last = newest.get(name)
        met = last is not None and bool(last.met)
        found.append(
            Condition(
                name, met, "" if met else REMEDY[name], None if last is None else int(last.at),
                {} if last is None else json.loads(last.proof),
            )
        )  # fmt: skip
    return tuple(found)


def record(
    work: Work, name: str, subject: str, line_id: str, met: bool, proof: Mapping[str, Any], actor: Actor
) -> None:
    """Append one condition record and its audit note."""
    assert name in ALL, name
    about = "" if name in ABOUT_SUBJECT else line_id
    work.lock(f"conditions:{subject}")
    key = (conditions.c.tenant == work.tenant, conditions.c.subject == subject, conditions.c.line_id == about,
           conditions.c.condition == name)  # fmt: skip
    last = work.connection.execute(sa.select(sa.func.max(conditions.c.seq)).where(*key)).scalar()
    work.connection.execute(
        sa.insert(conditions).values(
            tenant=work.tenant, subject=subject, line_id=about, condition=name, seq=(last or 0) + 1, met=met,
            proof=canonical(dict(proof)).decode(), at=work.now,
        )
    )  # fmt: skip
    work.audit(actor, f"condition.{name}.{'met' if met else 'failed'}", subject, {"line": about} if about else {})


def record_proof(work: Work, name: str, subject: str, proof: Proof, actor: Actor) -> None:
    """Keep a provider's answer about a subject, whether it passed or not."""
    if name not in ABOUT_SUBJECT:
        raise BadInput(f"{name} is not proved by a provider; use the line's own step", field="condition")
    kept = {"provider": proof.provider, "reference": proof.reference, "method": proof.method, "reason": proof.reason,
            "token": proof.token}  # fmt: skip
    record(work, name, subject, "", proof.passed, kept, actor)


def require(found: tuple[Condition, ...]) -> None:
    """ConditionUnmet naming the first open condition and what to do about it."""
    for condition in found:
        if not condition.met:
            raise ConditionUnmet(f"{condition.name} is still open: {condition.what_to_do}", field=condition.name)
