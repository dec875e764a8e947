"""vault: the record.  Events, entities, consent, decisions, audit, outbox; the columnar lake and its manifest.

In: events, grants, decisions, postings of the rooms above (through a `Work`), each with a tenant first.
Out: a `Record` of one subject, opened only under a live grant; a `BulkRecord` for training; stored decisions.
Never computes a score.  One SQL database (SQLite or PostgreSQL by URL) and one lake folder.
"""

from dandelion.vault.actor import SYSTEM, Actor
from dandelion.vault.audit import AuditRecord, AuditReport, Detail
from dandelion.vault.bulk import BulkRecord
from dandelion.vault.consents import DATA_KINDS, PURPOSES, Consents, Grant, NewGrant, Terms
from dandelion.vault.decisions import KeptDecision, NewDecision
from dandelion.vault.dispute import Evidence, evidence
from dandelion.vault.entities import Entity
from dandelion.vault.erase import ErasureReport
from dandelion.vault.erased import erased_among
from dandelion.vault.flows import flows
from dandelion.vault.idempotency import Answered, StoredAnswer
from dandelion.vault.identifiers import identifiers
from dandelion.vault.ingest import IngestReport
from dandelion.vault.monthly import Monthly
from dandelion.vault.outbox import OutboxRow
from dandelion.vault.record import PERSON_ROLES, Record
from dandelion.vault.retention import Periods, RetentionReport
from dandelion.vault.snapshots import Snapshot
from dandelion.vault.tables import metadata
from dandelion.vault.tail import AppendReport
from dandelion.vault.vault import Vault
from dandelion.vault.work import Work

__all__ = [
    "DATA_KINDS", "PERSON_ROLES", "PURPOSES", "SYSTEM", "Actor", "Answered", "AppendReport", "AuditRecord", "AuditReport",
    "BulkRecord", "Consents", "Detail", "Entity", "ErasureReport", "Evidence", "Grant", "IngestReport", "KeptDecision", "Monthly",
    "NewDecision", "NewGrant", "OutboxRow", "Periods", "Record", "RetentionReport", "Snapshot", "StoredAnswer",
    "Terms", "Vault", "Work", "erased_among", "evidence", "flows", "identifiers", "metadata",
]  # fmt: skip
