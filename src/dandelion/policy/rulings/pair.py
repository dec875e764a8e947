"""`RulingPair`: two books on every row; a stable part of the subjects is ruled on by the challenger, the others by the champion.

Both books read the same row and the same scores.  A record is that of the book that ruled, with `rollout` beside: the
share, the subject's bucket, who ruled, and what the other book would have said.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dandelion.core.frame import Floats
from dandelion.models import Panel
from dandelion.policy.book import Book
from dandelion.policy.publication import CHALLENGER, CHAMPION, Pair, Rollout
from dandelion.policy.rulings.engine import RulingEngine
from dandelion.policy.rulings.kernel import NO_CAP, PASSED, PPM
from dandelion.policy.rulings.layout import Layout
from dandelion.policy.rulings.records import OUTCOMES, Beside, Records, Ruled


@dataclass(frozen=True)
class RulingPair:
    """The engines of champion and challenger, whose rows are laid out alike, and who meets which.

    `alone` is the champion as it rules without the other: on the columns that a row begins with.
    """

    champion: RulingEngine
    challenger: RulingEngine
    rollout: Rollout
    alone: RulingEngine

    @classmethod
    def of(
        cls, pair: Pair, rollout: Rollout, product: str, panel: Panel, scores: Sequence[str], *,
        definitions: Mapping[str, str], lists_hash: str = "", **more: str,
    ) -> RulingPair:  # fmt: skip
        """As `RulingEngine.of`.  Rows begin with the champion's columns; those that only the challenger reads follow."""
        about: dict[str, Any] = {"definitions": definitions, "lists_hash": lists_hash, **more}
        alone = RulingEngine.of(pair.champion, product, panel, scores, **about)
        all_ = Layout.of(pair.challenger, product, panel, scores, definitions, alone.columns).columns
        one, two = (
            RulingEngine.of(book, product, panel, scores, given=all_, **about)
            for book in (pair.champion, pair.challenger)
        )
        return cls(one, two, rollout, alone)

    @property
    def product(self) -> str:
        return self.champion.product

    @property
    def layout(self) -> Layout:
        return self.champion.layout

    @property
    def columns(self) -> tuple[str, ...]:
        return self.champion.columns

    @property
    def scores(self) -> tuple[str, ...]:
        return self.champion.scores

    @property
    def panel(self) -> Panel:
        return self.champion.panel

    @property
    def names(self) -> Mapping[str, str]:
        """The champion's; each record has those of the book that ruled."""
        return self.champion.names

    @property
    def models_hash(self) -> str:
        return self.champion.models_hash

    @property
    def models_named(self) -> list[list[str]]:
        return self.champion.models_named

    @property
    def books(self) -> tuple[Book, ...]:
        return self.champion.book, self.challenger.book

    def rule(self, values: Floats, entities: Sequence[str], *, tenant: str, as_of: int) -> Records:
        """A record for each row, as `RulingEngine.rule`; each by the book that its subject meets."""
        values, scores = self.champion.scored(values, entities)
        engines = (self.champion, self.challenger)
        ruled = [engine.judged(values, scores, entities, tenant=tenant, as_of=as_of) for engine in engines]
        buckets = [self.rollout.bucket(tenant, entity) for entity in entities]
        challenged = np.array(buckets, np.int64) < self.rollout.share_ppm
        beside = Beside(
            self.rollout.salt, challenged, np.stack([one.outcome for one in ruled], axis=1),
            np.stack([np.where(one.outcome == PASSED, one.effects[:, 0], 0) for one in ruled], axis=1),
        )  # fmt: skip
        parts: list[tuple[list[int], Records]] = []
        for mine, engine in enumerate(engines):
            at = np.flatnonzero(challenged == bool(mine))
            if len(at):
                told = [self._told(buckets[i], mine, engines[1 - mine], ruled[1 - mine], i) for i in at.tolist()]
                own = ruled[mine] if len(at) == len(entities) else ruled[mine].among(at)
                some = [entities[i] for i in at.tolist()]
                parts.append((at.tolist(), engine.written(own, some, tenant=tenant, as_of=as_of, rollout=told)))
        return _merged(parts, len(entities), beside)

    def _told(self, bucket: int, mine: int, other: RulingEngine, ruled: Ruled, row: int) -> bytes:
        """``,"rollout":{...}`` of one row, `ruled` being what the `other` book says of it."""
        times, cap, price, score = ruled.effects[row].tolist()
        pd = int(ruled.pd[row])
        body: dict[str, Any] = {
            "bucket_ppm": bucket, "challenger": self.challenger.book.hash, "champion": self.champion.book.hash,
            "mode": (CHAMPION, CHALLENGER)[mine], "salt": self.rollout.salt, "share_ppm": self.rollout.share_ppm,
            "other": {
                "effects": {
                    "limit_cap_fen": None if cap == NO_CAP else cap, "limit_times_ppm": times, "price_add_ppm": price,
                    "score_add_ppm": score,
                },
                "outcome": OUTCOMES[int(ruled.outcome[row])],
                "pd_ppm": None if pd < 0 else min(max(pd + score, 0), PPM),
            },
        }  # fmt: skip
        return b',"rollout":' + json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def _merged(parts: Sequence[tuple[list[int], Records]], rows: int, beside: Beside) -> Records:
    """Records of some rows each, put into the order of the rows."""
    at = [i for places, _ in parts for i in places]
    order = np.argsort(np.array(at, np.int64)) if rows else np.empty(0, np.int64)
    found = [records for _, records in parts]
    books = [records.books[0] for records in found for _ in range(len(records))]
    bodies = [body for records in found for body in records.bodies]
    hashes = [digest for records in found for digest in records.hashes]
    because = [some for records in found for some in records.because]
    rank = order.tolist()
    return Records(
        tuple([bodies[k] for k in rank]), tuple([hashes[k] for k in rank]),
        np.concatenate([records.outcome for records in found])[order] if found else np.empty(0, np.uint8),
        tuple([because[k] for k in rank]),
        np.concatenate([records.pd_ppm for records in found])[order] if found else np.empty(0, np.int64),
        tuple([books[k] for k in rank]), beside,
    )  # fmt: skip
