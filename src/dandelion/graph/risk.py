"""Risk that flows along relations: personalised PageRank from known bad and distressed parties, dated.

The score of a party is the bad news that a walk from it is expected to end at: at each step the walk stops with the
restart chance, else it follows one of the party's relations, stronger and fresher ones sooner.  So it lies between 0 and
1, does not grow with the number of relations, and fades with distance and time.  A party's own bad news is left out of
its own score: it would be no prediction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion.core import DAY_US, BadInput
from dandelion.core.frame import Ints
from dandelion.graph import risk_kernel
from dandelion.graph.parties import Parties
from dandelion.graph.relation_rules import RelationRules, RiskRules, relation_rules
from dandelion.graph.relations import WORDS, Relations, Tie

Doubles = npt.NDArray[np.float64]
PPB = 1_000_000_000
OWN_COARSER = 20  # a party's own part is found to so many times the precision: it concerns those known to be bad only


@dataclass(frozen=True, slots=True)
class BadNews:
    """Something known of a party since `at` (told by `arrived`): severity 1 is fraud or default, less is distress."""

    party: str
    severity: float
    at: int
    arrived: int


@dataclass(frozen=True)
class Walk:
    """The relations as a random walk: row v lists the parties from which a step may lead to v, and with which chance."""

    offsets: Ints
    other: Ints
    share: Doubles

    @classmethod
    def of(cls, found: Relations, rules: RiskRules) -> Walk:
        count = len(found.parties)
        strength = _strength(found, rules)
        a = np.concatenate([found.source, found.target])
        b = np.concatenate([found.target, found.source])
        weight = np.tile(strength, 2)
        order = np.argsort(a * max(count, 1) + b, kind="stable")
        a, b, weight = a[order], b[order], weight[order]
        new = (
            np.flatnonzero(np.concatenate([[True], (a[1:] != a[:-1]) | (b[1:] != b[:-1])]))
            if len(a)
            else np.zeros(0, np.int64)
        )
        weight = np.add.reduceat(weight, new) if len(a) else weight
        a, b = a[new], b[new]
        total = np.bincount(a, weight, count)
        share = weight / np.maximum(total[b], 1e-300)  # a walk at b steps to a
        offsets = np.concatenate([[0], np.cumsum(np.bincount(a, minlength=count))]).astype(np.int64)
        return cls(offsets, b, share)


@dataclass(frozen=True)
class RiskMap:
    """Scores of all parties as of an instant.  `score` is NaN where a party has too few relations to be told anything."""

    as_of: int
    parties: Parties
    score: Doubles
    pushes: int

    def of(self, subjects: Sequence[str]) -> Doubles:
        """Scores of some parties, NaN for strangers."""
        row = self.parties.rows(subjects)
        return (
            np.where(row >= 0, self.score[np.maximum(row, 0)], np.nan) if len(self.score) else np.full(len(row), np.nan)
        )


def risk_map(
    found: Relations, news: Iterable[BadNews], known_at: int | None = None, *, rules: RelationRules | None = None
) -> RiskMap:
    """Risk as of the relations' instant, from bad news with ``at < as_of`` and ``arrived < known_at``.

    Within ``exact_to_ppb`` of the exact solution, those with news of their own within 20 times that.  Errors (BadInput): a severity outside 0 to 1.
    """
    own = (relation_rules() if rules is None else rules).risk
    known_at = found.as_of if known_at is None else known_at
    seeds = seeds_of(found, news, known_at, own)
    walk = Walk.of(found, own)
    restart, limit = own.restart_ppm / 1e6, own.exact_to_ppb / PPB
    score, waiting = np.zeros(len(found.parties)), seeds.copy()
    pushes = risk_kernel.push(walk.offsets, walk.other, walk.share, restart, limit, score, waiting)
    known = np.flatnonzero(seeds)
    own_part = np.zeros(len(known))
    pushes += risk_kernel.own_part(walk.offsets, walk.other, walk.share, restart, OWN_COARSER * limit, known, seeds[known],
                                    own_part)  # fmt: skip
    score[known] = np.maximum(0.0, score[known] - own_part)
    score[found.contacts < own.contacts_min] = np.nan
    return RiskMap(found.as_of, found.parties, score, pushes)


def seeds_of(found: Relations, news: Iterable[BadNews], known_at: int, rules: RiskRules) -> Doubles:
    """What is known to be bad, by party: the worst of its news after its age has taken its part."""
    out = np.zeros(len(found.parties))
    for one in news:
        if not 0.0 <= one.severity <= 1.0:
            raise BadInput(f"severity of the news about {one.party} is {one.severity}; give 0 to 1", field="severity")
        place = found.parties.find(one.party)
        if place >= 0 and one.at < found.as_of and one.arrived < known_at:
            faded = one.severity * 0.5 ** ((found.as_of - one.at) / (rules.half_life_days * DAY_US))
            out[place] = max(out[place], faded)
    return out


def _strength(found: Relations, rules: RiskRules) -> Doubles:
    """Of each relation: its sort's weight, how much of it there is, and how fresh it is."""
    weights = np.array([getattr(rules.weights, WORDS[tie]) for tie in Tie])[found.kind]
    often = np.isin(found.kind, (Tie.PAYS, Tie.INVOICES))
    much = np.where(often, np.log1p(found.count), np.where(found.kind == Tie.HOLDS, found.size / 1e6, 1.0))
    standing = np.isin(found.kind, (Tie.HOLDS, Tie.OFFICE))  # these last until something else is told
    age_days = np.where(standing, 0.0, (found.as_of - found.last) / DAY_US)
    return np.asarray(weights * much * 0.5 ** (age_days / rules.half_life_days))
