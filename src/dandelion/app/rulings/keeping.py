"""Rulings into the record: a handful of statements however many they are, and one audit note a caller.

What one caller was told in one commit is a *group*, named in the meta of its rulings.  The note names it, says how many
rulings, the first and last id and the SHA-256 over the bodies' own, in the order of their ids, so that none can be altered,
dropped or slipped in unseen: `app.rulings.vouching` holds a ruling to it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dandelion.app.answer import Answer
from dandelion.app.house import House
from dandelion.app.rulings.answering import told
from dandelion.app.rulings.asking import Asked, too_late
from dandelion.core import Conflict, DandelionError, Erased, new_id
from dandelion.policy.rulings import Records
from dandelion.vault import Answered, Detail, NewDecision, Work, erased_among

MADE, GROUP = "rulings.made", "group"


@dataclass(frozen=True, slots=True, eq=False)
class Ruled:
    """A request with its records, not yet kept; `ids` are the decisions' own."""

    asked: Asked
    records: Records
    ids: list[str]
    as_of: int


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What a request is to be told; `is_new` where its rulings were kept now, not before or never."""

    ruled: Ruled
    answer: Answer | DandelionError
    is_new: bool = False


def keep(house: House, work: Work, group: Sequence[Ruled]) -> list[Told]:
    """What each is to be told once `work` is committed.  A key that was used before is answered as it was then."""
    seen = work.seen_many([ruled.asked.command.key for ruled in group])
    gone = erased_among(work.connection, work.tenant, [e for ruled in group for e in ruled.asked.entities])
    known = {key: (hash_, Answer(stored.status, stored.body)) for key, (hash_, stored) in seen.items()}
    out: list[Told] = []
    kept: list[Ruled] = []
    answered: list[Answered] = []
    for ruled in group:
        command = ruled.asked.command
        if command.key in known:
            hash_, before = known[command.key]
            out.append(Told(ruled, before if hash_ == command.request_hash else _reused()))
        elif gone and not gone.isdisjoint(ruled.asked.entities):
            count = len(gone.intersection(ruled.asked.entities))
            out.append(Told(ruled, Erased(f"{count} of the entities were erased; leave them out", field="entities")))
        elif ruled.asked.is_late():  # its turn to write came too late
            out.append(Told(ruled, too_late()))
        else:
            body = told(ruled.asked, ruled.records, ruled.ids, ruled.as_of)
            answer = Answer(201, body)
            known[command.key] = (command.request_hash, answer)
            out.append(Told(ruled, answer, is_new=True))
            answered.append(Answered(command.key, command.request_hash, 201, body))
            kept.append(ruled)
    for some in _by_caller(kept):
        _keep(house, work, some)
    work.answer_many(answered)
    return out


def _by_caller(kept: Sequence[Ruled]) -> list[list[Ruled]]:
    """What goes under one note: of one caller, on one product."""
    mine: dict[tuple[str, str, str], list[Ruled]] = {}
    for ruled in kept:
        caller = ruled.asked.caller
        mine.setdefault((caller.subject, caller.role, ruled.asked.engine.product), []).append(ruled)
    return list(mine.values())


def _keep(house: House, work: Work, some: Sequence[Ruled]) -> None:
    group, product = new_id(), some[0].asked.engine.product
    meta = {"told_at": work.now, GROUP: group}
    made = [
        NewDecision(id_, entity, body, meta)
        for ruled in some
        for id_, entity, body in zip(ruled.ids, ruled.asked.entities, ruled.records.bodies, strict=True)
    ]
    hashes = [digest for ruled in some for digest in ruled.records.hashes]
    work.keep_many(made, hashes)
    by_id = sorted(zip((one.decision_id for one in made), hashes, strict=True))
    detail: Detail = {
        "product": product, GROUP: group, "rulings": len(by_id), "first": by_id[0][0], "last": by_id[-1][0],
        "bodies_sha256": over(digest for _, digest in by_id),
    }  # fmt: skip
    work.audit(house.actor(some[0].asked.caller), MADE, noted_under(product), detail)


def noted_under(product: str) -> str:
    """The subject of the audit notes about rulings on a product."""
    return f"rulings:{product}"


def over(hashes: Iterable[str]) -> str:
    """The hash of a group: over those of its bodies, in the order of their ids."""
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def _reused() -> Conflict:
    return Conflict("this idempotency key was used for another request; take a fresh key", field="idempotency_key")
