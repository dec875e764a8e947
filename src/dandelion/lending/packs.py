"""Jurisdiction packs: what the law and the licence allow, as dated YAML with a source for every rule.

A pack is chosen by (jurisdiction, licence type, day).  A file may name the version it `extends`; then it holds only the
rules that changed.  Rules that differ by licence have a `by_licence` map instead of a `value`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any

from dandelion.core import BadInput, NotFound, canonical, content_hash, plain_yaml
from dandelion.lending.accrual import ROUNDINGS
from dandelion.lending.waterfall import COMPONENTS

DISCLOSURES = ("annual_simple_rate", "total_cost", "schedule", "daily_cost")


@dataclass(frozen=True, slots=True)
class RuleSource:
    """Where a rule comes from, when it was last compared, and against what (secondary texts unless the file says)."""

    rule: str
    source: str
    verified: str
    against: str
    note: str


@dataclass(frozen=True, slots=True)
class Band:
    """A named range that begins at `from_days` past due."""

    name: str
    from_days: int


@dataclass(frozen=True, slots=True)
class ContactRule:
    """Collection contacts are allowed in local hours [from_hour, until_hour), at most `per_day_max` a day."""

    from_hour: int
    until_hour: int
    per_day_max: int
    third_parties: str


@dataclass(frozen=True, slots=True)
class OwnerRule:
    """A natural person is a beneficial owner from `ppm` of shares or votes on (`at_least`), or strictly above it."""

    ppm: int
    at_least: bool
    since: date


@dataclass(frozen=True, slots=True)
class SizeRow:
    """Bounds of one industry.  A measure is (staff, revenue in 10,000 yuan, assets in 10,000 yuan); None is no test."""

    industry: str
    large: tuple[int | None, int | None, int | None]
    medium: tuple[int | None, int | None, int | None]
    small: tuple[int | None, int | None, int | None]


@dataclass(frozen=True, slots=True)
class Pack:
    """One jurisdiction and licence type from one day on.  `hash` names the exact rules; lines pin it."""

    jurisdiction: str
    licence_type: str
    effective_from: date
    hash: str
    time_zone: str
    currency: str
    year_days: int
    rounding: str
    rate_cap_ppm: int
    cap_year_days: int
    overdue_multiple_ppm: int
    fees_allowed: tuple[str, ...]
    waterfall: tuple[str, ...]
    buckets: tuple[Band, ...]
    classes: tuple[Band, ...]
    write_off_from_days: int
    disclosure: tuple[str, ...]
    contact: ContactRule
    consent_purposes: tuple[str, ...]
    retention_days: int
    line_cap_fen: int
    partner_share_min_ppm: int
    uses_allowed: tuple[str, ...]
    sizes: tuple[SizeRow, ...]
    sources: tuple[RuleSource, ...]
    beneficial_owner: OwnerRule | None = None  # None in a workspace's older pack that says nothing of it

    @property
    def id(self) -> str:
        return f"{self.jurisdiction}/{self.licence_type}/{self.effective_from}"

    def overdue_rate_ppm(self, rate_ppm: int) -> int:
        """Rate on overdue principal: the allowed multiple of the contract rate, never above the cap."""
        return max(rate_ppm, min(rate_ppm * self.overdue_multiple_ppm // 1_000_000, self.rate_cap_ppm))


class Packs:
    """All versions known.  ``Packs.load()`` reads the shipped ones; a workspace may add a folder of its own."""

    def __init__(self, packs: Iterable[Pack]) -> None:
        self._packs = sorted(packs, key=lambda p: (p.jurisdiction, p.licence_type, p.effective_from))

    @classmethod
    def load(cls, folder: Path | None = None) -> Packs:
        """Every ``<jurisdiction>/<day>.yaml`` below `folder` (default: the packs that ship with Dandelion)."""
        root = folder if folder is not None else Path(str(resources.files("dandelion"))) / "defaults" / "packs"
        packs: list[Pack] = []
        for country in sorted(path for path in root.iterdir() if path.is_dir()):
            files = {path.stem: _read(path) for path in sorted(country.glob("*.yaml"))}
            for name, raw in files.items():
                rules = _inherited(country.name, name, files)
                packs += [_pack(country.name, name, licence, rules) for licence in raw["licences"]]
        return cls(packs)

    def on(self, jurisdiction: str, licence_type: str, day: date) -> Pack:
        """The version in force on `day`.  NotFound where there is none: rules are never guessed."""
        known = [p for p in self._packs if p.jurisdiction == jurisdiction and p.licence_type == licence_type]
        in_force = [p for p in known if p.effective_from <= day]
        if not in_force:
            kinds = sorted({f"{p.jurisdiction}/{p.licence_type} from {p.effective_from}" for p in self._packs})
            raise NotFound(
                f"no pack {jurisdiction}/{licence_type} is in force on {day}; there are {', '.join(kinds)}",
                field="licence_type",
            )
        return in_force[-1]

    def by_id(self, pack_id: str) -> Pack:
        for pack in self._packs:
            if pack.id == pack_id:
                return pack
        raise NotFound(f"pack {pack_id!r} is not loaded; add its file to the packs folder", field="pack")

    def all(self) -> tuple[Pack, ...]:
        return tuple(self._packs)


def _read(path: Path) -> dict[str, Any]:
    raw = plain_yaml(path.read_text("utf-8"))
    if not isinstance(raw, dict) or not isinstance(raw.get("rules"), dict) or not raw.get("licences"):
        raise BadInput(f"pack {path.name} must hold `licences` and `rules`", field=path.name)
    return raw


def _inherited(country: str, name: str, files: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    rules: dict[str, Any] = {}
    chain: list[str] = []
    step: str | None = name
    while step is not None:
        if step not in files or step in chain:
            raise BadInput(f"pack {country}/{name} extends {step!r}, which is missing or a circle", field="extends")
        chain.append(step)
        step = str(files[step]["extends"]) if "extends" in files[step] else None
    for one in reversed(chain):
        rules |= files[one]["rules"]
    return rules


def _pack(country: str, name: str, licence: str, rules: Mapping[str, Any]) -> Pack:
    where = f"{country}/{name}"

    def value(rule: str) -> Any:
        try:
            entry = rules[rule]
            return entry["by_licence"][licence] if "by_licence" in entry else entry["value"]
        except (KeyError, TypeError):
            raise BadInput(f"pack {where} has no value of rule {rule!r} for licence {licence!r}", field=rule) from None

    for rule, entry in rules.items():
        if not entry.get("source") or not entry.get("verified"):
            raise BadInput(f"rule {rule!r} of pack {where} needs `source` and `verified`", field=rule)
    waterfall, rounding = tuple(value("waterfall")), str(value("rounding"))
    if sorted(waterfall) != sorted(COMPONENTS):
        raise BadInput(f"waterfall of pack {where} must order {', '.join(COMPONENTS)}", field="waterfall")
    if rounding not in ROUNDINGS:
        raise BadInput(f"rounding of pack {where} must be one of {', '.join(ROUNDINGS)}", field="rounding")
    if sorted(value("disclosure")) != sorted(DISCLOSURES):
        raise BadInput(f"disclosure of pack {where} must order {', '.join(DISCLOSURES)}", field="disclosure")
    chosen = {rule: value(rule) for rule in sorted(rules)}
    contact = value("collection_contact")
    return Pack(
        jurisdiction=country,
        licence_type=licence,
        effective_from=date.fromisoformat(name),
        hash=content_hash(canonical(json.loads(json.dumps(chosen, default=str)))),
        time_zone=str(value("time_zone")),
        currency=str(value("currency")),
        year_days=int(value("year_days")),
        rounding=rounding,
        rate_cap_ppm=int(value("rate_cap")["ppm"]),
        cap_year_days=int(value("rate_cap")["year_days"]),
        overdue_multiple_ppm=int(value("overdue_multiple_ppm")),
        fees_allowed=tuple(value("fees_allowed")),
        waterfall=waterfall,
        buckets=_bands(value("buckets"), where),
        classes=_bands(value("classes"), where),
        write_off_from_days=int(value("write_off_from_days")),
        disclosure=tuple(value("disclosure")),
        contact=ContactRule(
            int(contact["from_hour"]), int(contact["until_hour"]), int(contact["per_day_max"]),
            str(contact["third_parties"]),
        ),
        consent_purposes=tuple(value("consent_purposes")),
        retention_days=int(value("retention_days")),
        line_cap_fen=int(value("line_cap_fen")),
        partner_share_min_ppm=int(value("partner_share_min_ppm")),
        uses_allowed=tuple(value("uses_allowed")),
        sizes=tuple(
            SizeRow(str(industry), _measure(row["large"]), _measure(row["medium"]), _measure(row["small"]))
            for industry, row in value("borrower_size").items()
        ),
        sources=tuple(
            RuleSource(
                rule, str(entry["source"]), str(entry["verified"]), str(entry.get("against", "secondary texts")),
                str(entry.get("note", "")),
            )
            for rule, entry in sorted(rules.items())
        ),
        beneficial_owner=_owner_rule(value("beneficial_owner")) if "beneficial_owner" in rules else None,
    )  # fmt: skip


def _owner_rule(said: Any) -> OwnerRule:
    return OwnerRule(int(said["ppm"]), bool(said["at_least"]), date.fromisoformat(str(said["since"])))


def _bands(rows: Any, where: str) -> tuple[Band, ...]:
    bands = tuple(Band(str(row["name"]), int(row["from_days"])) for row in rows)
    if bands[0].from_days != 0 or any(b.from_days <= a.from_days for a, b in pairwise(bands)):
        raise BadInput(f"bands of pack {where} must start at 0 days and rise", field="buckets")
    return bands


def _measure(row: Any) -> tuple[int | None, int | None, int | None]:
    staff, revenue, assets = (None if item is None else int(item) for item in row)
    return staff, revenue, assets
