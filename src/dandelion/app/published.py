"""What the audit chain says about published books: what stands, and what waits for a second person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dandelion.policy import Rollout
from dandelion.vault import Vault

SUBJECT = "strategy-book"
STANDS = ("book.published", "book.stopped", "book.rolled_back")
ACTIONS = ("book.proposed", *STANDS)


@dataclass(frozen=True, slots=True)
class Standing:
    """Content hashes; `challenger` is empty where the champion stands alone, `before` is the champion before it."""

    champion: str
    challenger: str
    share_ppm: int
    salt: str
    before: str
    since_us: int

    @property
    def rollout(self) -> Rollout | None:
        return Rollout(self.champion, self.challenger, self.share_ppm, self.salt) if self.challenger else None


@dataclass(frozen=True, slots=True)
class Waiting:
    book: str
    share_ppm: int
    by: str
    note: str


def standing(vault: Vault, tenant: str) -> Standing | None:
    """The last word on record; None before the first publication."""
    records = vault.audit.records(tenant, subject=SUBJECT, actions=STANDS)
    if not records:
        return None
    told = records[-1].detail
    since = next((r.at for r in records if told["challenger"] and r.detail["salt"] == told["salt"]), records[-1].at)
    return Standing(
        str(told["champion"]), str(told["challenger"]), int(told["share_ppm"] or 0), str(told["salt"]),
        str(told["before"]), since,
    )  # fmt: skip


def proposals(vault: Vault, tenant: str) -> Mapping[str, Waiting]:
    """Proposals that came after the last publication, by id; an earlier one was made against another champion."""
    found: dict[str, Waiting] = {}
    for record in vault.audit.records(tenant, subject=SUBJECT, actions=ACTIONS):
        told = record.detail
        if record.action == "book.proposed":
            found[str(told["proposal"])] = Waiting(
                str(told["book"]), int(told["share_ppm"] or 0), record.actor.id, str(told["note"])
            )
        else:
            found.clear()
    return found
