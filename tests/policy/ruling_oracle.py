"""A ruling written from the page: the plain evaluator strategy by strategy, models one by one, json and base64."""

from __future__ import annotations

import base64
import json
import math

import numpy as np

from dandelion.core import PPM, Column, Frame
from dandelion.policy.roster import DECIDING_STAGES
from dandelion.policy.scalar import Row, truth_of


def ruling(engine, row, entity, *, tenant, as_of):
    """The record's bytes for one row (columns,) of float32."""
    book, product = engine.book, engine.product
    given = dict(zip(engine.columns, row.tolist(), strict=True))
    scores = {}
    for name, model in zip(engine.scores, engine.panel.models, strict=True):
        entry = [
            Column(c, "", (None, None), "", "", "", h, "", "")
            for c, h in zip(model.inputs.columns, model.inputs.definitions, strict=True)
        ]
        frame = Frame.of([entity], [as_of], [as_of], {e.id: [given[e.id]] for e in entry}, {e.id: e for e in entry})
        scores[name] = int(model.score(frame)[0])
    numbers = {alias: given.get(use.id, math.nan) for alias, use in book.columns.items()}
    numbers |= {name: value for name, value in given.items() if name not in {u.id for u in book.columns.values()}}
    numbers |= {alias: float(np.float32(scores.get(name, math.nan))) for alias, name in book.scores.items()}
    numbers["pd_ppm"] = float(scores.get("pd", math.nan))
    flags = {key: None if math.isnan(given.get(key, math.nan)) else given[key] == 1 for key in book.flag_keys}
    everybody = book.roster(product).strategies
    truth = [truth_of(s.condition, Row(numbers, flags)) for s in everybody]
    live, shadow = (
        {s.id for s in some if s.stage in DECIDING_STAGES} for some in book.active(product, as_of, tenant, entity)
    )
    fired = [s for s, t in zip(everybody, truth, strict=True) if t and s.id in live]

    def bitmap(names):
        bits = np.array([s.id in names for s in everybody], bool)
        return "" if not bits.any() else base64.b64encode(np.packbits(bits, bitorder="little").tobytes()).decode()

    def kind(*names):
        return [s for s in fired if s.action.kind in names]

    effects = {"limit_cap_fen": None, "limit_times_ppm": PPM, "price_add_ppm": 0, "score_add_ppm": 0}
    evidence = []
    if kind("decline"):
        outcome, named = "declined", kind("decline")
    elif kind("refer"):
        outcome, named = "referred-to-evidence", kind("refer")
        evidence = sorted({s.action.label for s in named})
    else:
        outcome = "passed"
        smaller = [s for s in fired if s.action.kind == "limit_cap_fen" or (s.action.kind == "limit_times_ppm" and s.action.amount < PPM)
                   or (s.action.kind == "price_add_ppm" and s.action.amount > 0)]  # fmt: skip
        named = _each_reason_once(smaller)[:3] + [s for s in kind("tag") if s.action.label.startswith("strength")]
        for s in kind("limit_times_ppm"):
            effects["limit_times_ppm"] = effects["limit_times_ppm"] * s.action.amount // PPM
        effects["limit_cap_fen"] = min((s.action.amount for s in kind("limit_cap_fen")), default=None)
        effects["price_add_ppm"] = sum(s.action.amount for s in kind("price_add_ppm"))
        effects["score_add_ppm"] = sum(s.action.amount for s in kind("score_add"))
    arm, bucket = book.arm(tenant, entity)
    bits = row.astype("<f4").view("<u4").copy()
    bits[np.isnan(row)] = 0x7FC00000
    pd = scores.get("pd")
    body = {
        "arm": {"experiment": book.experiment, "name": arm, "bucket_ppm": bucket}, "as_of": as_of,
        "columns": base64.b64encode(bits.tobytes()).decode(), "effects": effects, "entity": entity, "evidence": evidence,
        "fired": bitmap({s.id for s in fired}), "names": dict(engine.names), "outcome": outcome,
        "pd_ppm": None if pd is None else min(max(pd + effects["score_add_ppm"], 0), PPM), "product": product,
        "reasons": [{"code": s.reason, "strategy": s.id} for s in _each_reason_once(named)[:4]],
        "schema": "dandelion.ruling/1", "scores": [scores[name] for name in engine.scores],
        "shadow": bitmap({s.id for s, t in zip(everybody, truth, strict=True) if t and s.id in shadow}), "tenant": tenant,
        "unknown": bitmap({s.id for s, t in zip(everybody, truth, strict=True) if t is None and s.id in live}),
    }  # fmt: skip
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _each_reason_once(strategies):
    seen = {}
    for s in strategies:
        seen.setdefault(s.reason, s)
    return list(seen.values())
