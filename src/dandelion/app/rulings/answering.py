"""What a caller is told at once: ids, outcomes, reasons; the whole record is at `GET /v1/decisions/{decision}`."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from dandelion.app.rulings.asking import Asked
from dandelion.core import iso
from dandelion.policy.rulings import OUTCOMES, Records


def told(asked: Asked, records: Records, ids: Sequence[str], as_of: int) -> bytes:
    """JSON: one ruling as itself, several as a list, with what they share said once."""
    each = [
        {
            "decision": id_, "entity": entity, "outcome": OUTCOMES[outcome], "pd_ppm": None if pd < 0 else pd,
            "reasons": [{"code": s.reason, "strategy": s.id} for s in because], "body_sha256": digest,
        }
        for id_, entity, outcome, pd, because, digest in zip(
            ids, asked.entities, records.outcome.tolist(), records.pd_ppm.tolist(), records.because, records.hashes,
            strict=True,
        )
    ]  # fmt: skip
    shared = {"product": asked.engine.product, "as_of": iso(as_of), "book": records.book(0)}
    if asked.alone:
        return orjson.dumps({**shared, **each[0]})
    if len(set(records.books)) > 1:  # two books stand: each ruling says which
        del shared["book"]
        each = [{**one, "book": book} for one, book in zip(each, records.books, strict=True)]
    return orjson.dumps({**shared, "rulings": each})
