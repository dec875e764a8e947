"""Thresholds of relations, read from `relations.yaml` or a workspace's own file of the same shape."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from dandelion.core import BadInput, content_hash, shaped
from dandelion.graph.rules import PEOPLE_MIN, plain_rules


@dataclass(frozen=True, slots=True)
class Weights:
    pays: float
    invoices: float
    holds: float
    office: float
    device: float


@dataclass(frozen=True, slots=True)
class RiskRules:
    restart_ppm: int
    half_life_days: int
    exact_to_ppb: int
    contacts_min: int
    weights: Weights


@dataclass(frozen=True, slots=True)
class NewsRules:
    """`severity[i]` holds from `days_past_due[i]` days on."""

    days_past_due: tuple[int, ...]
    severity: tuple[float, ...]
    cured_share: float


@dataclass(frozen=True, slots=True)
class DeviceTies:
    accounts_max: int
    days_min: int


@dataclass(frozen=True, slots=True)
class Shared:
    """One number per sort of identifier."""

    device: float
    contact: float
    account: float
    address: float
    name: float

    def of(self, kind: str) -> float:
        return float(getattr(self, kind))


@dataclass(frozen=True, slots=True)
class IdentityRules:
    enough: float
    shared: Shared
    hub_parties: Shared
    hubs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnomalyRules:
    trees: int
    sample: int
    flagged_ppm: int
    rows_min: int
    psi_watch: float
    psi_act: float
    reasons: int
    reason_tail_ppm: int


@dataclass(frozen=True, slots=True)
class OwnershipRules:
    rounding_ppm: int
    joint_max: int
    holder_firms_max: int


@dataclass(frozen=True, slots=True)
class SupplyRules:
    anchor_share_ppm: int
    anchor_partners_min: int


@dataclass(frozen=True, slots=True)
class ExplorerRules:
    nodes_max: int
    edges_max: int
    steps_max: int
    hub_contacts: int
    visited_max: int


@dataclass(frozen=True, slots=True)
class RelationRules:
    window_days: int
    risk: RiskRules
    news: NewsRules
    devices: DeviceTies
    identity: IdentityRules
    anomaly: AnomalyRules
    ownership: OwnershipRules
    supply: SupplyRules
    explorer: ExplorerRules


@lru_cache(maxsize=1)
def relation_rules() -> RelationRules:
    """The rules that ship with the package."""
    return _read(resources.files("dandelion.graph").joinpath("relations.yaml").read_text("utf-8"), "relations.yaml")


@lru_cache(maxsize=8)
def relation_rules_hash(rules: RelationRules) -> str:
    """Names the rules that columns about owners and risk were made with."""
    return content_hash(repr(rules).encode())


def load_relation_rules(path: Path) -> RelationRules:
    """Errors (BadInput): unreadable YAML, a rule missing, unknown or of the wrong sort."""
    return _read(path.read_text("utf-8"), str(path))


def _read(text: str, where: str) -> RelationRules:
    made = shaped(RelationRules, plain_rules(text, where), where)
    if made.risk.contacts_min < PEOPLE_MIN:
        raise BadInput(f"{where}: contacts_min is {made.risk.contacts_min}; columns about third parties need at least "
                       f"{PEOPLE_MIN}", field="contacts_min")  # fmt: skip
    if not 0 < made.risk.restart_ppm < 1_000_000 or made.risk.exact_to_ppb < 1 or made.risk.half_life_days < 1:
        raise BadInput(f"{where}: restart_ppm must lie between 0 and 1000000, exact_to_ppb and half_life_days above 0",
                       field="risk")  # fmt: skip
    _none_below_zero(made, where)
    _steps_rise(made.news, where)
    return made


def _steps_rise(news: NewsRules, where: str) -> None:
    days, severity = news.days_past_due, news.severity
    if not days or len(days) != len(severity) or list(days) != sorted(set(days)) or days[0] < 1:
        raise BadInput(f"{where}: days_past_due must rise from 1 on, with a severity each", field="news.days_past_due")
    if not all(0 <= one <= 1 for one in (*severity, news.cured_share)):
        raise BadInput(f"{where}: severities and cured_share of news must lie between 0 and 1", field="news.severity")


def _none_below_zero(part: Any, where: str) -> None:
    for field in fields(part):
        value = getattr(part, field.name)
        if is_dataclass(value):
            _none_below_zero(value, where)
        elif isinstance(value, int | float) and value < 0:
            raise BadInput(f"{where}: {field.name} is {value!r}; give a number from 0 on", field=field.name)
