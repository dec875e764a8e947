"""`Holdings`: checked holdings as arrays.  A firm whose statements cannot be true is set aside, named, and never guessed.

A firm's shares that nobody is told to hold are *undisclosed*.  Shares a firm holds of itself (treasury shares) carry no
vote, and their benefit falls to the other holders in proportion.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dandelion.core import BadInput, NotFound
from dandelion.core.frame import Ints
from dandelion.graph.ownership.statements import PPM, Kind, Statement
from dandelion.graph.relation_rules import relation_rules

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a firm was set aside: its statements, taken together, cannot be true."""

    line: int
    firm: str
    what: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.what}" if self.line else self.what


@dataclass(frozen=True)
class Holdings:
    """Rows are (firm, holder) pairs sorted by firm then holder, as numbers into `parties` (sorted ids)."""

    parties: tuple[str, ...]
    kind: Ints  # Kind of each party
    firm: Ints
    holder: Ints
    share_ppm: Ints
    votes_ppm: Ints
    concert: tuple[str, ...]  # per row, "" where the holder votes alone
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.firm)

    @cached_property
    def place(self) -> Mapping[str, int]:
        return {name: i for i, name in enumerate(self.parties)}

    @cached_property
    def firm_starts(self) -> Ints:
        """Rows of firm f are ``firm_starts[f]:firm_starts[f + 1]``."""
        return _starts(self.firm, len(self.parties))

    @cached_property
    def by_holder(self) -> Ints:
        """Rows in order of (holder, firm)."""
        return np.argsort(self.holder, kind="stable")

    @cached_property
    def holder_starts(self) -> Ints:
        """Rows held by h are ``by_holder[holder_starts[h]:holder_starts[h + 1]]``."""
        return _starts(self.holder[self.by_holder], len(self.parties))

    @cached_property
    def held_ppm(self) -> Ints:
        """Per party: shares of it that somebody is told to hold, its own among them."""
        return np.bincount(self.firm, self.share_ppm, len(self.parties)).astype(np.int64)

    @cached_property
    def treasury_ppm(self) -> tuple[Ints, Ints]:
        """Per party: (shares, votes) of it that it holds itself."""
        own = self.firm == self.holder
        size = len(self.parties)
        return (np.bincount(self.firm[own], self.share_ppm[own], size).astype(np.int64),
                np.bincount(self.firm[own], self.votes_ppm[own], size).astype(np.int64))  # fmt: skip

    @cached_property
    def set_aside(self) -> Mapping[str, Problem]:
        return {problem.firm: problem for problem in reversed(self.problems)}

    def rows_of(self, firm: int) -> Ints:
        return np.arange(self.firm_starts[firm], self.firm_starts[firm + 1])

    def rows_held(self, holder: int) -> Ints:
        return self.by_holder[self.holder_starts[holder] : self.holder_starts[holder + 1]]

    def above(self, firms: Iterable[int]) -> list[int]:
        """The firms and everybody who stands behind them, ascending."""
        seen, open_ = set(firms), list(firms)
        while open_:
            one = open_.pop()
            for holder in self.holder[self.firm_starts[one] : self.firm_starts[one + 1]].tolist():
                if holder not in seen:
                    seen.add(holder)
                    open_.append(holder)
        return sorted(seen)

    def sound(self, party: str) -> int:
        """Number of a party whose whole chain of holders can be relied on.

        Errors: NotFound for an id nobody told of; BadInput where it, or a firm behind it, was set aside.
        """
        if party not in self.place:
            shown = ", ".join(self.parties[:SHOWN])
            raise NotFound(f"nothing is told of {party!r}; there are {len(self.parties):,} parties ({shown}, ...)",
                           field="firm")  # fmt: skip
        number = self.place[party]
        for one in self.above([number]) if self.set_aside else ():
            problem = self.set_aside.get(self.parties[one])
            if problem is not None:
                raise BadInput(f"{party} cannot be answered: {problem}", field="firm")
        return number


def holdings(statements: Iterable[Statement]) -> Holdings:
    """Check and pack statements.  What is wrong within one firm sets that firm aside (`problems`); the rest stands."""
    latest, problems, repeated = _latest(statements)
    firms: dict[str, list[Statement]] = {}
    kinds: dict[str, Kind] = {}
    concerts: dict[tuple[str, str], str] = {}
    for one in latest.values():
        kinds[one.firm] = Kind.ENTITY
        kinds.setdefault(one.holder, Kind.PRESUMED)
        firms.setdefault(one.firm, []).append(one)
    for one in latest.values():  # a firm is no person, whatever its line as a holder says
        if one.holder_kind is not Kind.PRESUMED and kinds[one.holder] is Kind.PRESUMED:
            kinds[one.holder] = one.holder_kind
    rows: list[tuple[str, str, int, int]] = []
    rounded = 0
    for firm, told in firms.items():
        wrong = next((p for p in problems if p.firm == firm), None) if problems else None
        wrong = wrong or _impossible(firm, told)
        if wrong is not None:
            problems = [*problems, wrong] if wrong not in problems else problems
            continue
        shares, votes, cut = _within_the_whole(told)
        rounded += cut
        for one, share, vote in zip(told, shares, votes, strict=True):
            if share or vote:
                rows.append((firm, one.holder, share, vote))
                concerts[firm, one.holder] = one.concert
    return _packed(rows, kinds, concerts, problems, _notes(repeated, rounded, problems))


def _latest(statements: Iterable[Statement]) -> tuple[dict[tuple[str, str], Statement], list[Problem], int]:
    """The statement that counts for every (firm, holder); contradictions; how many were repeated word for word."""
    latest: dict[tuple[str, str], Statement] = {}
    problems: list[Problem] = []
    repeated = 0
    for one in statements:
        for field in ("firm", "holder"):
            if not getattr(one, field).strip():
                raise BadInput(f"line {one.line}: {field} is empty; give an id", field=field)
        known = latest.get((one.firm, one.holder))
        if known is None or (one.at or 0) > (known.at or 0):
            latest[one.firm, one.holder] = one
        elif (one.at or 0) == (known.at or 0):
            if (one.share_ppm, one.votes_ppm) == (known.share_ppm, known.votes_ppm):
                repeated += 1
            else:
                problems.append(Problem(one.line, one.firm, f"{one.holder} is told to hold {_percent(known.share_ppm)} and "
                                        f"{_percent(one.share_ppm)} of {one.firm}; keep one, or date both in a column `at`"))  # fmt: skip
    return latest, problems, repeated


def _impossible(firm: str, told: list[Statement]) -> Problem | None:
    for one in told:
        for what, ppm in (("shares", one.share_ppm), ("votes", one.votes_ppm)):
            if ppm is not None and not 0 <= ppm <= PPM:
                return Problem(one.line, firm, f"{one.holder} is told to hold {_percent(ppm)} of the {what} of {firm}; "
                               "give 0 to 100 %")  # fmt: skip
    for what in ("shares", "votes"):
        total = sum(one.share_ppm if what == "shares" or one.votes_ppm is None else one.votes_ppm for one in told)
        if total > PPM + relation_rules().ownership.rounding_ppm:
            line = max(one.line for one in told)
            return Problem(line, firm, f"{what} of {firm} sum to {_percent(total)}; correct them, or date statements in a "
                           "column `at` so that the later one counts")  # fmt: skip
    return None


def _within_the_whole(told: list[Statement]) -> tuple[list[int], list[int], bool]:
    """Shares and votes, what rounding brought above the whole taken off the largest."""
    shares = [one.share_ppm for one in told]
    votes = [one.share_ppm if one.votes_ppm is None else one.votes_ppm for one in told]
    cut = False
    for parts in (shares, votes):
        over = sum(parts) - PPM
        if over > 0:
            parts[parts.index(max(parts))] -= over
            cut = True
    return shares, votes, cut


def _packed(
    rows: list[tuple[str, str, int, int]], kinds: dict[str, Kind], concerts: dict[tuple[str, str], str],
    problems: list[Problem], notes: tuple[str, ...],
) -> Holdings:  # fmt: skip
    rows.sort()
    parties = tuple(sorted(kinds))
    place = {name: i for i, name in enumerate(parties)}
    firm, holder, share, votes = (
        np.array([row[i] if i > 1 else place[str(row[i])] for row in rows], np.int64) for i in range(4)
    )
    return Holdings(
        parties, np.array([kinds[name] for name in parties], np.int64), firm, holder, share, votes,
        tuple(concerts[row[0], row[1]] for row in rows), tuple(problems), notes,
    )  # fmt: skip


def _notes(repeated: int, rounded: int, problems: list[Problem]) -> tuple[str, ...]:
    notes = []
    if repeated:
        notes.append(f"{repeated:,} statements are repeated word for word; each counts once")
    if rounded:
        notes.append(f"the holdings of {rounded:,} firms sum to a little over 100 % (rounding); taken off the largest")
    if problems:
        count = len({problem.firm for problem in problems})
        notes.append(f"{count:,} firm{'s are' if count > 1 else ' is'} set aside; the first: {problems[0]}")
    return tuple(notes)


def _percent(ppm: int) -> str:
    return f"{ppm / 10_000:.4f}".rstrip("0").rstrip(".") + " %"


def _starts(sorted_numbers: Ints, size: int) -> Ints:
    return np.concatenate([[0], np.cumsum(np.bincount(sorted_numbers, minlength=size))]).astype(np.int64)
