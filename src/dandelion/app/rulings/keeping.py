"""A group of rulings into the record: a handful of statements however many they are, and one audit note a caller.

The note names how many rulings, the first and last id and the SHA-256 over the bodies' own, in the order they were kept, so
that none can be altered, dropped or slipped in unseen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from dandelion.app.answer import Answer
from dandelion.app.house import House
from dandelion.app.rulings.answering import told
from dandelion.app.rulings.asking import Asked
from dandelion.core import Conflict, DandelionError, Erased
from dandelion.policy.rulings import Records
from dandelion.vault import Answered, Detail, NewDecision, Work, erased_among

MADE = "rulings.made"


@dataclass(frozen=True, slots=True, eq=False)
class Ruled:
    """A request with its records, not yet kept; `ids` are the decisions' own."""

    asked: Asked
    records: Records
    ids: list[str]
    as_of: int


def keep(house: House, work: Work, group: Sequence[Ruled]) -> list[tuple[Ruled, Answer | DandelionError]]:
    """What each is to be told once `work` is committed.  A key that was used before is answered as it was then."""
    seen = work.seen_many([ruled.asked.command.key for ruled in group])
    gone = erased_among(work.connection, work.tenant, [e for ruled in group for e in ruled.asked.entities])
    known = {key: (hash_, Answer(stored.status, stored.body)) for key, (hash_, stored) in seen.items()}
    out: list[tuple[Ruled, Answer | DandelionError]] = []
    kept: list[Ruled] = []
    answered: list[Answered] = []
    for ruled in group:
        command = ruled.asked.command
        if command.key in known:
            hash_, before = known[command.key]
            out.append((ruled, before if hash_ == command.request_hash else _reused()))
        elif gone and not gone.isdisjoint(ruled.asked.entities):
            count = len(gone.intersection(ruled.asked.entities))
            out.append((ruled, Erased(f"{count} of the entities were erased; leave them out", field="entities")))
        else:
            body = told(ruled.asked, ruled.records, ruled.ids, ruled.as_of)
            known[command.key] = (command.request_hash, Answer(201, body))
            out.append((ruled, known[command.key][1]))
            answered.append(Answered(command.key, command.request_hash, 201, body))
            kept.append(ruled)
    meta = {"told_at": work.now}
    made = [
        NewDecision(id_, entity, body, meta)
        for ruled in kept
        for id_, entity, body in zip(ruled.ids, ruled.asked.entities, ruled.records.bodies, strict=True)
    ]
    work.keep_many(made, [digest for ruled in kept for digest in ruled.records.hashes])
    work.answer_many(answered)
    _note(house, work, kept)
    return out


def _note(house: House, work: Work, kept: Sequence[Ruled]) -> None:
    mine: dict[tuple[str, str, str], list[Ruled]] = {}
    for ruled in kept:
        caller = ruled.asked.caller
        mine.setdefault((caller.subject, caller.role, ruled.asked.engine.product), []).append(ruled)
    for (_, _, product), some in mine.items():
        ids = [id_ for ruled in some for id_ in ruled.ids]
        hashes = "".join(digest for ruled in some for digest in ruled.records.hashes)
        detail: Detail = {
            "product": product, "rulings": len(ids), "first": ids[0], "last": ids[-1],
            "bodies_sha256": hashlib.sha256(hashes.encode()).hexdigest(),
        }  # fmt: skip
        work.audit(house.actor(some[0].asked.caller), MADE, f"rulings:{product}", detail)


def _reused() -> Conflict:
    return Conflict("this idempotency key was used for another request; take a fresh key", field="idempotency_key")
