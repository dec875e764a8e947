"""The record of a ruling: canonical JSON written by a kernel, so that a batch and a row alone give the same bytes.

``{"arm", "as_of", "columns", "effects", "entity", "evidence", "fired", "names", "outcome", "pd_ppm", "product",
"reasons", "rollout", "schema", "scores", "shadow", "tenant", "unknown"}``.  `columns` is the row as float32, lowest byte
first, in base64, and `fired`, `shadow` and `unknown` are a bit a strategy in the book's order, in base64, empty where none is
set: names.layout and names.book say which.  `rollout` is there where two books stand; see `pair`.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dandelion.core.frame import Floats, Ints
from dandelion.policy.publication import CHALLENGER, CHAMPION
from dandelion.policy.rulings import kernel_text
from dandelion.policy.rulings.effects import Effects, joined
from dandelion.policy.rulings.kernel import Bits, Bytes
from dandelion.policy.strategy import Strategy

SCHEMA = "dandelion.ruling/1"
OUTCOMES = ("passed", "declined", "referred-to-evidence")  # as the kernel numbers them
_BY_ROW = ("values", "scores", "pd", "fired", "perhaps", "outcome", "effects", "reasons", "evidence")


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """What both books said of n rows, for whoever watches: outcomes (n, 2) index `OUTCOMES`, limits (n, 2) in ppm of the
    usual one, 0 where a row does not pass; the champion first.  `challenged`: which rows the challenger ruled on."""

    salt: str
    challenged: npt.NDArray[np.bool_]
    outcomes: Bytes
    limits_ppm: Ints

    @property
    def by(self) -> list[str]:
        """Who ruled on each row."""
        return [CHALLENGER if other else CHAMPION for other in self.challenged.tolist()]


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """n rulings: their bodies, the SHA-256 of each, and what a caller is told at once.

    outcome (n,) indexes `OUTCOMES`; pd_ppm (n,) after score_add, -1 for none; `because` are the strategies that reasons
    come from; `books` are the hashes of the books that ruled, one each or one for all.
    """

    bodies: tuple[bytes, ...]
    hashes: tuple[str, ...]
    outcome: Bytes
    because: tuple[tuple[Strategy, ...], ...]
    pd_ppm: Ints
    books: tuple[str, ...]
    beside: Beside | None = None

    def __len__(self) -> int:
        return len(self.bodies)

    def book(self, row: int) -> str:
        return self.books[row if len(self.books) > 1 else 0]

    def part(self, begin: int, end: int) -> Records:
        """Some rows in a row."""
        if end - begin == len(self):
            return self
        here = slice(begin, end)
        two = self.beside
        return Records(
            self.bodies[here], self.hashes[here], self.outcome[here], self.because[here], self.pd_ppm[here],
            self.books[here] if len(self.books) > 1 else self.books,
            None if two is None else Beside(two.salt, two.challenged[here], two.outcomes[here], two.limits_ppm[here]),
        )  # fmt: skip


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

    def among(self, rows: Ints) -> Ruled:
        """Some of the rows, in the order given."""
        some = {name: np.ascontiguousarray(getattr(self, name)[rows]) for name in _BY_ROW}
        for name in ("live", "shadow"):
            bits = getattr(self, name)
            some[name] = np.ascontiguousarray(bits[rows]) if len(bits) > 1 else bits
        return replace(self, **some)


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
            "]", f',"schema":"{SCHEMA}","scores":[', '],"shadow":"', f'","tenant":{_json(tenant)},"unknown":"', '"}',
        )  # fmt: skip
        return cls(b'{"arm":', tuple(part.encode() for part in parts))

    def fixed(self, as_of: int) -> tuple[bytes, ...]:
        """The parts as `kernel_text.write_rows` counts them."""
        return (self.before, f',"as_of":{as_of},"columns":"'.encode(), *self.after)


def write(
    heading: Heading, as_of: int, ruled: Ruled, effects: Effects, entities: Sequence[str], arms: Sequence[bytes],
    strategies: Sequence[Strategy], book: str, rollout: Sequence[bytes] = (b"",),
) -> Records:  # fmt: skip
    """The records of all rows.  `arms` is the JSON of each row's arm, or of the one that all share, and so `rollout`."""
    rows = len(entities)
    fixed, fixed_at = joined(heading.fixed(as_of))
    entity, entity_at = joined(_quoted(entities))
    (arm, arm_at), (beside, beside_at) = joined(arms), joined(rollout)
    most = (
        len(fixed) + 4 * -(-4 * ruled.values.shape[1] // 3) + 12 * -(-len(strategies) // 24) + 48
        + 8 * ruled.scores.shape[1] + 5 * 21 + effects.reasons_bytes_max + 64
        + (len(arm) if len(arms) == 1 else 0) + (len(beside) if len(rollout) == 1 else 0)
    )  # fmt: skip
    out = np.empty(rows * most + len(entity) + len(arm) + len(beside), np.uint8)
    ends, said = np.empty(rows, np.int64), np.empty(rows, np.int64)
    kernel_text.write_rows(
        ruled.values.view(np.uint32), ruled.scores, ruled.pd, ruled.fired, ruled.perhaps, ruled.live, ruled.shadow,
        len(strategies), ruled.outcome, ruled.effects, ruled.reasons, ruled.evidence, fixed, fixed_at, arm, arm_at, entity,
        entity_at, beside, beside_at, effects.reason_text, effects.reason_at, effects.label_text, effects.label_at, out,
        ends, said,
    )  # fmt: skip
    text, at = out[: int(ends[-1]) if rows else 0].tobytes(), [0, *ends.tolist()]
    bodies = tuple([text[begin:end] for begin, end in itertools.pairwise(at)])
    hashes = tuple([hashlib.sha256(body).hexdigest() for body in bodies])
    because = tuple([tuple([strategies[s] for s in row[1 : 1 + row[0]]]) for row in ruled.reasons.tolist()])
    return Records(bodies, hashes, ruled.outcome, because, said, (book,))


def _quoted(entities: Sequence[str]) -> list[bytes]:
    """As JSON; most ids need nothing but quotes."""
    together = "".join(entities)
    if together.isascii() and together.isprintable() and '"' not in together and "\\" not in together:
        return [f'"{entity}"'.encode() for entity in entities]
    return [_json(entity).encode() for entity in entities]


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
