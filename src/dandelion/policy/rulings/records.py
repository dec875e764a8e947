"""The record of a ruling: canonical JSON written by a kernel, so that a batch and a row alone give the same bytes.

``{"arm", "as_of", "columns", "effects", "entity", "evidence", "fired", "names", "outcome", "pd_ppm", "product", "reasons",
"schema", "scores", "shadow", "tenant", "unknown"}``.  `columns` is the row as float32, lowest byte first, in base64, and
`fired`, `shadow` and `unknown` are a bit a strategy in the book's order, in base64, empty where none is set: names.layout and names.book say which.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dandelion.core.frame import Floats, Ints
from dandelion.policy.rulings import kernel
from dandelion.policy.rulings.effects import Effects, joined
from dandelion.policy.rulings.kernel import Bits, Bytes

SCHEMA = "dandelion.ruling/1"
OUTCOMES = ("passed", "declined", "referred-to-evidence")  # as the kernel numbers them


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """n rulings: their bodies, the SHA-256 of each, and what a caller is told at once.

    outcome (n,) indexes `OUTCOMES`; reasons (n, 5): how many, then strategies by place in the roster; pd_ppm (n,) after
    score_add, -1 for none.
    """

    bodies: tuple[bytes, ...]
    hashes: tuple[str, ...]
    outcome: Bytes
    reasons: Any
    pd_ppm: Ints

    def __len__(self) -> int:
        return len(self.bodies)

    def part(self, begin: int, end: int) -> Records:
        """Some rows in a row."""
        here = slice(begin, end)
        return Records(self.bodies[here], self.hashes[here], self.outcome[here], self.reasons[here], self.pd_ppm[here])


@dataclass(frozen=True, slots=True, eq=False)
class Ruled:
    """What the kernels found, by row; see `kernel.rule_rows`."""

    values: Floats
    scores: Ints
    pd: Ints
    fired: Bits
    perhaps: Bits
    live: Bits
    shadow: Bits
    outcome: Bytes
    effects: Ints
    reasons: Any
    evidence: Bits


@dataclass(frozen=True, slots=True)
class Heading:
    """What all rulings of a batch share, as the parts of a record that do not differ from row to row: see `of`."""

    before: bytes
    after: tuple[bytes, ...]

    @classmethod
    def of(cls, tenant: str, product: str, names: Mapping[str, str]) -> Heading:
        """The moment is put in by `fixed`."""
        said = [f'","names":{_json(dict(names))},"outcome":"{outcome}","pd_ppm":' for outcome in OUTCOMES]
        parts = (
            '","effects":{"limit_cap_fen":', ',"limit_times_ppm":', ',"price_add_ppm":', ',"score_add_ppm":',
            '},"entity":', ',"evidence":[', '],"fired":"', *said, f',"product":{_json(product)},"reasons":[',
            f'],"schema":"{SCHEMA}","scores":[', '],"shadow":"', f'","tenant":{_json(tenant)},"unknown":"', '"}',
        )  # fmt: skip
        return cls(b'{"arm":', tuple(part.encode() for part in parts))

    def fixed(self, as_of: int) -> tuple[bytes, ...]:
        """The parts as `kernel.write_rows` counts them."""
        return (self.before, f',"as_of":{as_of},"columns":"'.encode(), *self.after)


def write(
    heading: Heading, as_of: int, ruled: Ruled, effects: Effects, entities: Sequence[str], arms: Sequence[bytes]
) -> Records:
    """The records of all rows.  `arms` is the JSON of each row's arm, or of the one that all share."""
    rows, strategies = len(entities), len(effects.amount)
    fixed, fixed_at = joined(heading.fixed(as_of))
    entity, entity_at = joined(_quoted(entities))
    arm, arm_at = joined(arms)
    if len(arms) == 1:  # one text for all rows: each row begins at 0 and ends at its end
        arm, arm_at = joined(list(arms) * rows)
    most = (
        len(fixed) + 4 * -(-4 * ruled.values.shape[1] // 3) + 12 * -(-strategies // 24) + 48 + 8 * ruled.scores.shape[1]
        + 5 * 21 + kernel.REASONS_MAX * (int(np.diff(effects.reason_at).max(initial=0)) + 1) + len(effects.label_text) + 64
    )  # fmt: skip
    out = np.empty(rows * most + len(entity) + len(arm), np.uint8)
    ends = np.empty(rows, np.int64)
    kernel.write_rows(
        ruled.values.view(np.uint32), ruled.scores, ruled.pd, ruled.fired, ruled.perhaps, ruled.live, ruled.shadow,
        strategies, ruled.outcome, ruled.effects, ruled.reasons, ruled.evidence, fixed, fixed_at, arm, arm_at, entity,
        entity_at, effects.reason_text, effects.reason_at, effects.label_text, effects.label_at, out, ends,
    )  # fmt: skip
    text, at = out[: int(ends[-1]) if rows else 0].tobytes(), [0, *ends.tolist()]
    bodies = tuple(text[begin:end] for begin, end in itertools.pairwise(at))
    hashes = tuple(hashlib.sha256(body).hexdigest() for body in bodies)
    return Records(bodies, hashes, ruled.outcome, ruled.reasons, _after(ruled))


def _after(ruled: Ruled) -> Ints:
    moved = np.clip(ruled.pd + ruled.effects[:, 3], 0, kernel.PPM)
    return np.asarray(np.where(ruled.pd < 0, -1, moved), np.int64)


def _quoted(entities: Sequence[str]) -> list[bytes]:
    """As JSON; most ids need nothing but quotes."""
    together = "".join(entities)
    if together.isascii() and together.isprintable() and '"' not in together and "\\" not in together:
        return [f'"{entity}"'.encode() for entity in entities]
    return [_json(entity).encode() for entity in entities]


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
