"""Consent: who may read what of whom, for which purpose, until when.  Checked whenever a read is opened.

A grant names purpose, data kinds, recipient and span; its receipt carries the fields of ISO/IEC TS 27560:2023 (consent
record information structure).  Training is its own purpose.  Withdrawal takes effect with the next read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from dandelion.core import BadInput, Clock, Conflict, NotFound, canonical, event_id, iso, new_id
from dandelion.core.events import ALL_KINDS, ConsentGiven, ConsentWithdrawn
from dandelion.vault.actor import Actor
from dandelion.vault.database import Database
from dandelion.vault.tables import grants
from dandelion.vault.work import Work

PURPOSES = ("credit", "servicing", "training", "contest")
OWN_RECORDS = ("consent", "ledger")  # the lender's own books: readable with any live grant
DATA_KINDS = tuple(sorted({kind.DATA_KIND for kind in ALL_KINDS.values()} - set(OWN_RECORDS)))
SCHEMA = "ISO/IEC TS 27560:2023"


_LIVE = sa.select(grants).where(
    grants.c.tenant == sa.bindparam("tenant"), grants.c.subject == sa.bindparam("subject"),
    grants.c.purpose == sa.bindparam("purpose"), grants.c.recipient == sa.bindparam("recipient"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Terms:
    """What the person was told and agreed to; the parts of the receipt that are not the grant itself."""

    controller: str
    controller_contact: str
    notice_version: str
    notice_sha256: str
    notice_language: str
    processing: str  # what is done with the data, one sentence
    legal_basis: str = "consent"
    jurisdiction: str = "CN"
    collection_method: str = "web form, explicit act"
    rights_contact: str = ""  # access, correction, erasure; empty: the controller's contact
    withdrawal: str = "DELETE /consents/{grant}"
    storage: str = "as long as the grant lives, then the legal retention of decisions"


@dataclass(frozen=True, slots=True)
class NewGrant:
    """A grant to be recorded.  `from_us` None means now; history may be recorded with past spans."""

    subject: str
    purpose: str
    data_kinds: tuple[str, ...]
    recipient: str
    until_us: int
    terms: Terms
    from_us: int | None = None
    grant_id: str | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """A recorded grant; live while from <= now < until and not withdrawn."""

    grant_id: str
    subject: str
    purpose: str
    data_kinds: tuple[str, ...]
    recipient: str
    from_us: int
    until_us: int
    withdrawn_us: int | None
    terms: Terms

    def live_at(self, now: int) -> bool:
        return self.from_us <= now < self.until_us and (self.withdrawn_us is None or now < self.withdrawn_us)


class Consents:
    """Grant, withdraw, look up, write receipts."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def grant(self, work: Work, new: NewGrant, actor: Actor) -> Grant:
        """Record one grant, its `ConsentGiven` event and an audit record.  Errors: BadInput, Conflict."""
        grant = self._insert(work, [new])[0]
        work.append([_given(work, grant)])
        kinds = ",".join(grant.data_kinds)
        detail = {"grant": grant.grant_id, "purpose": grant.purpose, "recipient": grant.recipient, "data_kinds": kinds}
        work.audit(actor, "consent.given", grant.subject, detail)
        return grant

    def grant_many(self, work: Work, news: Sequence[NewGrant], actor: Actor) -> int:
        """Record the grants of a book taken over or simulated; one audit record for all of them."""
        made = self._insert(work, news)
        for start in range(0, len(made), 10_000):
            work.append([_given(work, grant) for grant in made[start : start + 10_000]])
        work.audit(actor, "consent.taken_over", "*", {"grants": len(made)})
        return len(made)

    def withdraw(self, work: Work, grant_id: str, actor: Actor) -> Grant:
        """End a grant now.  Withdrawing twice is harmless.  Errors: NotFound."""
        grant = self._one(work.connection, work.tenant, grant_id)
        if grant.withdrawn_us is not None:
            return grant
        end(work, [grant])
        moment, source = work.now, "vault.consents"
        event = ConsentWithdrawn(
            event_id=event_id(work.tenant, source, f"withdrawn {grant_id}"), source=source, at=moment, arrived=moment,
            subject=grant.subject, grant=grant_id,
        )  # fmt: skip
        work.append([event])
        work.audit(actor, "consent.withdrawn", grant.subject, {"grant": grant_id, "purpose": grant.purpose})
        return self._one(work.connection, work.tenant, grant_id)

    def grants(self, tenant: str, subject: str) -> list[Grant]:
        """All grants of a subject, live or not, oldest first."""
        with self._database.read() as connection:
            return sorted(of_subject(connection, tenant, subject), key=lambda grant: (grant.from_us, grant.grant_id))

    def live_subjects(
        self, connection: sa.Connection, tenant: str, purpose: str, recipient: str, now: int
    ) -> dict[str, frozenset[str]]:
        """Subject -> data kinds of every subject with a live grant for the purpose."""
        rows = connection.execute(
            sa.select(grants.c.subject, grants.c.data_kinds).where(
                grants.c.tenant == tenant, grants.c.purpose == purpose, grants.c.recipient == recipient,
                grants.c.from_us <= now, grants.c.until_us > now,
                sa.or_(grants.c.withdrawn_us.is_(None), grants.c.withdrawn_us > now),
            )
        ).all()  # fmt: skip
        parsed: dict[str, frozenset[str]] = {}
        out: dict[str, frozenset[str]] = {}
        for subject, text in rows:
            kinds = parsed.get(text)
            if kinds is None:
                kinds = parsed[text] = frozenset(json.loads(text))
            out[subject] = out[subject] | kinds if subject in out else kinds
        return out

    def receipt(self, tenant: str, grant_id: str) -> dict[str, Any]:
        """The consent record as JSON, for the person to keep.  Errors: NotFound."""
        with self._database.read() as connection:
            grant = self._one(connection, tenant, grant_id)
        return _receipt(grant, self._clock.now())

    def _insert(self, work: Work, news: Sequence[NewGrant]) -> list[Grant]:
        made, rows = [], []
        for new in news:
            _check(new, work.now)
            grant = Grant(
                new.grant_id or new_id(), new.subject, new.purpose, tuple(sorted(set(new.data_kinds))), new.recipient,
                work.now if new.from_us is None else new.from_us, new.until_us, None, new.terms,
            )  # fmt: skip
            made.append(grant)
            rows.append(_row(work.tenant, grant))
        if self._database.insert_new(work.connection, grants, rows) != len(rows):
            raise Conflict("a grant with this id is recorded already; leave grant_id out", field="grant_id")
        return made

    def _one(self, connection: sa.Connection, tenant: str, grant_id: str) -> Grant:
        query = sa.select(grants).where(grants.c.tenant == tenant, grants.c.grant_id == grant_id)
        row = connection.execute(query).first()
        if row is None:
            raise NotFound(f"there is no consent grant {grant_id}", field="grant")
        return _grant(row)


def end(work: Work, ended: Sequence[Grant]) -> None:
    """Mark grants as withdrawn now, nothing else."""
    for grant in ended:
        work.connection.execute(
            sa.update(grants)
            .where(grants.c.tenant == work.tenant, grants.c.grant_id == grant.grant_id)
            .values(withdrawn_us=work.now)
        )


def live(connection: sa.Connection, tenant: str, subject: str, purpose: str, recipient: str, now: int) -> list[Grant]:
    """The subject's grants that allow this purpose and recipient now."""
    values = {"tenant": tenant, "subject": subject, "purpose": purpose, "recipient": recipient}
    found = [grant for row in connection.execute(_LIVE, values) if (grant := _grant(row)).live_at(now)]
    return sorted(found, key=lambda grant: grant.grant_id)


def of_subject(connection: sa.Connection, tenant: str, subject: str) -> list[Grant]:
    """All grants of a subject in no particular order."""
    query = sa.select(grants).where(grants.c.tenant == tenant, grants.c.subject == subject)
    return [_grant(row) for row in connection.execute(query)]


def _check(new: NewGrant, now: int) -> None:
    start = now if new.from_us is None else new.from_us
    if new.purpose not in PURPOSES:
        raise BadInput(f"{new.purpose!r} is not a purpose; use one of {', '.join(PURPOSES)}", field="purpose")
    unknown = sorted(set(new.data_kinds) - set(DATA_KINDS))
    if unknown or not new.data_kinds:
        raise BadInput(f"data kinds {unknown} are unknown; name some of {', '.join(DATA_KINDS)}", field="data_kinds")
    if start > now:
        raise BadInput("a grant cannot begin in the future; leave from_us out", field="from_us")
    if new.until_us <= start:
        raise BadInput("a grant must end after it begins", field="until")
    if not new.subject or not new.recipient:
        raise BadInput("a grant names a subject and a recipient", field="subject")


def _row(tenant: str, grant: Grant) -> dict[str, Any]:
    return {
        "tenant": tenant, "grant_id": grant.grant_id, "subject": grant.subject, "purpose": grant.purpose,
        "recipient": grant.recipient, "data_kinds": canonical(list(grant.data_kinds)).decode(),
        "from_us": grant.from_us, "until_us": grant.until_us, "withdrawn_us": grant.withdrawn_us,
        "terms": canonical(asdict(grant.terms)).decode(),
    }  # fmt: skip


def _grant(row: Any) -> Grant:
    return Grant(
        row.grant_id, row.subject, row.purpose, tuple(json.loads(row.data_kinds)), row.recipient, row.from_us,
        row.until_us, row.withdrawn_us, Terms(**json.loads(row.terms)),
    )  # fmt: skip


def _given(work: Work, grant: Grant) -> ConsentGiven:
    source = "vault.consents"
    return ConsentGiven(
        event_id=event_id(work.tenant, source, f"given {grant.grant_id}"), source=source, at=grant.from_us,
        arrived=grant.from_us, subject=grant.subject, grant=grant.grant_id, purpose=grant.purpose,
        recipient=grant.recipient, until=grant.until_us,
    )  # fmt: skip


def _receipt(grant: Grant, now: int) -> dict[str, Any]:
    """Laid out in the four groups of TS 27560: record, party, processing, event."""
    terms = grant.terms
    state = "given" if grant.live_at(now) else "withdrawn" if grant.withdrawn_us is not None else "expired"
    events = [{"event_type": "given", "event_time": iso(grant.from_us), "event_state": "explicitly_given"}]
    if grant.withdrawn_us is not None:
        events.append({"event_type": "withdrawn", "event_time": iso(grant.withdrawn_us), "event_state": "withdrawn"})
    return {
        "record_metadata": {
            "schema_version": SCHEMA, "record_id": grant.grant_id, "pii_principal_id": grant.subject, "state": state,
            "issued": iso(now),
        },
        "party_identification": [
            {"role": "pii_controller", "name": terms.controller, "contact": terms.controller_contact},
            {"role": "recipient", "name": grant.recipient},
        ],
        "pii_processing": {
            "privacy_notice": {
                "version": terms.notice_version, "sha256": terms.notice_sha256, "language": terms.notice_language,
            },
            "purpose": grant.purpose, "description": terms.processing, "lawful_basis": terms.legal_basis,
            "pii_categories": list(grant.data_kinds), "jurisdiction": terms.jurisdiction,
            "collection_method": terms.collection_method, "storage_condition": terms.storage,
            "valid_from": iso(grant.from_us), "valid_until": iso(grant.until_us),
            "withdrawal_method": terms.withdrawal.replace("{grant}", grant.grant_id),
            "rights_contact": terms.rights_contact or terms.controller_contact,
        },
        "consent_events": events,
    }  # fmt: skip
