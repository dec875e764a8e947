"""What a caller is told at once: ids, outcomes, reasons; the whole record is at `GET /v1/decisions/{decision}`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from dandelion.app.rulings.asking import Asked
from dandelion.core import iso
from dandelion.policy.rulings import OUTCOMES, Records


def told(asked: Asked, records: Records, ids: Sequence[str], as_of: int) -> bytes:
    """JSON: one ruling as itself, several as a list, with what they share said once."""
    strategies = asked.engine.roster.strategies
    reasons: list[Any] = [
        [{"code": strategies[s].reason, "strategy": strategies[s].id} for s in row[1 : 1 + row[0]]]
        for row in records.reasons.tolist()
    ]
    each = [
        {
            "decision": id_, "entity": entity, "outcome": OUTCOMES[outcome], "pd_ppm": None if pd < 0 else pd,
            "reasons": why, "body_sha256": digest,
        }
        for id_, entity, outcome, pd, why, digest in zip(
            ids, asked.entities, records.outcome.tolist(), records.pd_ppm.tolist(), reasons, records.hashes, strict=True
        )
    ]  # fmt: skip
    shared = {"product": asked.engine.product, "as_of": iso(as_of), "book": asked.engine.book.hash}
    return orjson.dumps({**shared, **each[0]} if asked.alone else {**shared, "rulings": each})
