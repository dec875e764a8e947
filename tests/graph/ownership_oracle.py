"""Ownership the slow, obvious way: exhaustive fixpoints over sets, and rational arithmetic without any rounding."""

from __future__ import annotations

import random
from dataclasses import dataclass
from fractions import Fraction

from dandelion.graph.ownership import Statement

WHOLE = 1_000_000


@dataclass(frozen=True)
class Random:
    """A made-up register: shares and votes by (holder, firm), concerts by the same."""

    shares: dict[tuple[str, str], int]
    votes: dict[tuple[str, str], int]
    concert: dict[tuple[str, str], str]

    @property
    def statements(self) -> list[Statement]:
        return [
            Statement(0, firm, holder, ppm, self.votes[holder, firm], concert=self.concert.get((holder, firm), ""))
            for (holder, firm), ppm in self.shares.items()
        ]

    @property
    def parties(self) -> list[str]:
        return sorted({name for pair in self.shares for name in pair})


def random_register(rng: random.Random) -> Random:
    """Two to nine parties; cycles, cross holdings, treasury shares, 100 % circles and concerts are all frequent."""
    firms = [f"f{i}" for i in range(rng.randint(1, 5))]
    people = [f"p{i}" for i in range(rng.randint(1, 4))]
    grid = rng.choice([1, 10_000, 50_000, 250_000])
    shares: dict[tuple[str, str], int] = {}
    votes: dict[tuple[str, str], int] = {}
    concert: dict[tuple[str, str], str] = {}
    for firm in firms:
        for parts in ((shares,), (votes,)):
            left = WHOLE // grid
            holders = rng.sample(firms + people, rng.randint(1, min(4, len(firms + people))))
            if parts[0] is votes and rng.random() < 0.7:
                votes.update({pair: ppm for pair, ppm in shares.items() if pair[1] == firm})
                continue
            for place, holder in enumerate(holders):
                last = place == len(holders) - 1 and rng.random() < 0.7
                part = left if last else rng.randint(0, left)
                left -= part
                if part:
                    parts[0][holder, firm] = part * grid
    for pair in [*shares, *votes]:
        shares.setdefault(pair, 0)
        votes.setdefault(pair, 0)
        if rng.random() < 0.1 and pair[0] != pair[1]:
            concert[pair] = rng.choice(["u", "v"])
    return Random(shares, votes, concert)


def controlled_by(register: Random, seed: str) -> set[str]:
    """Least fixpoint, by trying every node again until nothing moves."""
    nodes = {*register.parties, *(f"concert:{word}" for word in register.concert.values())}
    voter = {
        pair: f"concert:{register.concert[pair]}" if pair in register.concert else pair[0] for pair in register.votes
    }
    members = {
        f"concert:{word}": {p[0] for p, w in register.concert.items() if w == word}
        for word in register.concert.values()
    }
    found: set[str] = set()
    while True:
        commanding = found | {seed}
        more = set()
        for node in nodes - found:
            if node in members:
                falls = members[node] <= commanding
            else:
                cast = sum(
                    v for p, v in register.votes.items() if p[1] == node and p[0] != node and voter[p] in commanding
                )
                treasury = register.votes.get((node, node), 0)
                falls = 2 * cast > WHOLE - treasury
            if falls:
                more.add(node)
        if not more:
            return found
        found |= more


def controllers(register: Random) -> dict[str, tuple[str, str | None]]:
    """(sole | circle | none, top controller) of every party."""
    names = [*register.parties, *sorted({f"concert:{word}" for word in register.concert.values()})]
    below = {name: controlled_by(register, name) for name in names}
    out: dict[str, tuple[str, str | None]] = {}
    for party in register.parties:
        above = [name for name in names if party in below[name]]
        tops = [name for name in above if not any(name in below[other] for other in names if other != name)]
        tops = [name for name in tops if name not in below[name]]
        assert len(tops) <= 1, "two independent majorities of the same votes"
        out[party] = ("sole", tops[0]) if tops else ("circle", None) if above else ("none", None)
    return out


def closed_cycles(register: Random) -> set[str]:
    """Members of groups that hold each other whole: from each of them every step upwards stays and comes back."""
    firms = {pair[1] for pair in register.shares}
    up = {f: {h for (h, g), ppm in register.shares.items() if g == f and ppm} for f in firms}

    def reach(start: str) -> set[str]:
        seen: set[str] = set()
        open_ = [start]
        while open_:
            for holder in up.get(open_.pop(), set()):
                if holder not in seen:
                    seen.add(holder)
                    open_.append(holder)
        return seen

    whole = {f for f in firms if sum(p for (_, g), p in register.shares.items() if g == f) == WHOLE}
    return {f for f in whole if all(f in reach(g) and g in whole for g in reach(f) | {f})}


def benefits(register: Random) -> tuple[dict[str, dict[str, Fraction]], dict[str, Fraction], dict[str, Fraction]]:
    """Per firm: share of everybody above it; what is undisclosed; what is stuck in 100 % cycles.  Exact."""
    names, stuck = register.parties, closed_cycles(register)
    n = len(names)
    held = [
        [Fraction(0) if g in stuck else Fraction(register.shares.get((h, g), 0), WHOLE) for g in names] for h in names
    ]
    inverse = _inverse([[Fraction(int(i == j)) - held[i][j] for j in range(n)] for i in range(n)])
    firms = {pair[1] for pair in register.shares}
    traced = {
        f for f in firms if any(ppm or register.votes[pair] for pair, ppm in register.shares.items() if pair[1] == f)
    }
    shares: dict[str, dict[str, Fraction]] = {}
    undisclosed: dict[str, Fraction] = {}
    lost: dict[str, Fraction] = {}
    for j, firm in enumerate(names):
        if firm not in firms or firm in stuck:
            continue
        column = [inverse[i][j] for i in range(n)]
        shares[firm] = {names[i]: column[i] / inverse[i][i] for i in range(n) if i != j and column[i]}
        undisclosed[firm] = Fraction(0)
        for k, one in enumerate(names):
            if (one in traced or one == firm) and one not in stuck:
                undisclosed[firm] += column[k] * (1 - sum(held[i][k] for i in range(n)))
        lost[firm] = sum((column[k] for k, one in enumerate(names) if one in stuck), Fraction(0))
    return shares, undisclosed, lost


def _inverse(matrix: list[list[Fraction]]) -> list[list[Fraction]]:
    """Gauss and Jordan over the rationals."""
    n = len(matrix)
    rows = [[*row, *(Fraction(int(i == j)) for j in range(n))] for i, row in enumerate(matrix)]
    for column in range(n):
        pivot = next(r for r in range(column, n) if rows[r][column])
        rows[column], rows[pivot] = rows[pivot], rows[column]
        lead = rows[column][column]
        rows[column] = [value / lead for value in rows[column]]
        for r in range(n):
            factor = rows[r][column]
            if r != column and factor:
                rows[r] = [a - factor * b for a, b in zip(rows[r], rows[column], strict=True)]
    return [row[n:] for row in rows]
