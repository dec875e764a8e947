"""Guardrails: what stops a challenger by itself.  Approval, limits and price are compared on the same requests, since both
books ruled on every one of them; arrears on the lines that each of them opened, once those are old enough to tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import comb
from typing import Any

from dandelion.core import PPM
from dandelion.policy.publication import CHALLENGER, CHAMPION

APPROVED = "approved"


@dataclass(frozen=True, slots=True)
class Guard:
    """Bounds.  A line is *late* from `arrears_days` past due; it counts `lines_age_days` after it was opened, if ever drawn.

    Arrears stop a challenger in two ways, both from `lines_min` of its lines on: more than `arrears_percent_max` of them
    late; or `arrears_points_max` more than of the champion's, by more than chance gives `arrears_chance_max` of the time.
    """

    decisions_min: int = 100
    approval_points_max: float = 10.0
    limit_ratio_max: float = 1.5
    limit_ratio_min: float = 0.5
    rate_points_max: float = 4.0
    lines_min: int = 50
    lines_age_days: int = 45
    arrears_days: int = 10
    arrears_percent_max: float = 15.0
    arrears_points_max: float = 5.0
    arrears_chance_max: float = 0.05


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines that one of the two opened, drawn and old enough, and how many of them are late now or written off."""

    lines: int = 0
    late: int = 0

    def plus(self, late: bool) -> Lines:
        return Lines(self.lines + 1, self.late + late)

    @property
    def percent(self) -> float:
        return 100 * self.late / max(self.lines, 1)


@dataclass(frozen=True, slots=True)
class Watched:
    """What decisions and lines under a rollout say so far; `why` is empty while the guard holds.

    `champion_rate_ppm` and `challenger_rate_ppm` are sums over the `both_approved` requests.
    """

    decisions: int = 0
    champion_approved: int = 0
    challenger_approved: int = 0
    champion_limit_fen: int = 0
    challenger_limit_fen: int = 0
    both_approved: int = 0
    champion_rate_ppm: int = 0
    challenger_rate_ppm: int = 0
    champion_lines: Lines = field(default_factory=Lines)
    challenger_lines: Lines = field(default_factory=Lines)
    why: str = ""

    def plus(self, body: Mapping[str, Any]) -> Watched:
        """With one more decision body."""
        told = body["publication"]
        first, second = (body, told["other"]) if told["mode"] == CHAMPION else (told["other"], body)
        both = first["outcome"] == second["outcome"] == APPROVED
        return replace(
            self, decisions=self.decisions + 1,
            champion_approved=self.champion_approved + (first["outcome"] == APPROVED),
            challenger_approved=self.challenger_approved + (second["outcome"] == APPROVED),
            champion_limit_fen=self.champion_limit_fen + first["limit_fen"],
            challenger_limit_fen=self.challenger_limit_fen + second["limit_fen"],
            both_approved=self.both_approved + both,
            champion_rate_ppm=self.champion_rate_ppm + both * first["rate_ppm"],
            challenger_rate_ppm=self.challenger_rate_ppm + both * second["rate_ppm"],
        )  # fmt: skip

    def plus_line(self, mode: str, *, late: bool) -> Watched:
        """With one more line, drawn and old enough, that this side's decision opened."""
        if mode == CHALLENGER:
            return replace(self, challenger_lines=self.challenger_lines.plus(late))
        return replace(self, champion_lines=self.champion_lines.plus(late))

    def held_to(self, guard: Guard) -> Watched:
        """The same with `why`, where a bound is passed on enough decisions or lines."""
        return replace(self, why=self._decided(guard) or self._repaid(guard))

    def _decided(self, guard: Guard) -> str:
        if self.decisions < guard.decisions_min:
            return ""
        points = 100 * (self.challenger_approved - self.champion_approved) / self.decisions
        if abs(points) > guard.approval_points_max:
            return f"approves {points:+.1f} points; the bound is {guard.approval_points_max:g}"
        ratio = self.challenger_limit_fen / max(self.champion_limit_fen, 1)
        if self.champion_limit_fen and not guard.limit_ratio_min <= ratio <= guard.limit_ratio_max:
            bounds = f"{guard.limit_ratio_min:g} to {guard.limit_ratio_max:g}"
            return f"lends {ratio:.2f} times the champion's limits; the bounds are {bounds}"
        dearer = 100 * (self.challenger_rate_ppm - self.champion_rate_ppm) / PPM / max(self.both_approved, 1)
        if abs(dearer) > guard.rate_points_max:
            return f"moves the yearly rate by {dearer:+.1f} points; the bound is {guard.rate_points_max:g}"
        return ""

    def _repaid(self, guard: Guard) -> str:
        mine, theirs = self.challenger_lines, self.champion_lines
        if mine.lines < guard.lines_min:
            return ""
        said = f"has {mine.late} of {mine.lines} lines {guard.arrears_days} days late ({mine.percent:.1f} %)"
        if mine.percent > guard.arrears_percent_max:
            return f"{said}; the bound is {guard.arrears_percent_max:g} %"
        more, chance = mine.percent - theirs.percent, by_chance(mine, theirs)
        if theirs.lines and more > guard.arrears_points_max and chance < guard.arrears_chance_max:
            return (
                f"{said}, {more:.1f} points more than the champion's {theirs.late} of {theirs.lines}; the bound is "
                f"{guard.arrears_points_max:g}, and chance gives so much {chance:.1%} of the time"
            )
        return ""


def by_chance(mine: Lines, theirs: Lines) -> float:
    """How often lines dealt out by lot would give `mine` so many late ones or more (Fisher's exact test, one-sided)."""
    every, late = mine.lines + theirs.lines, mine.late + theirs.late
    deals = sum(comb(mine.lines, k) * comb(theirs.lines, late - k) for k in range(mine.late, min(mine.lines, late) + 1))
    return deals / comb(every, late)
