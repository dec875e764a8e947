"""The room's thresholds, read from `rules.yaml` (or a workspace's own file of the same shape)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from dandelion.core import BadInput, plain_yaml, shaped

PEOPLE_MIN = 5  # nothing about third parties is told of fewer


@dataclass(frozen=True, slots=True)
class CircularRules:
    days: int
    hop_tolerance: float


@dataclass(frozen=True, slots=True)
class DeviceRules:
    accounts_max: int


@dataclass(frozen=True, slots=True)
class HouseholdRules:
    share_ppm_min: int
    device_accounts_max: int
    device_days_min: int
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DandelionRules:
    payers_half: float
    ties_yarn: float
    shop_score_min: float


@dataclass(frozen=True, slots=True)
class BurstRules:
    minutes: int
    payers_min: int
    tail_ppb: int
    prior_weeks: float
    store_payments_min: int


@dataclass(frozen=True, slots=True)
class Weights:
    recurrence: float
    many_stores: float
    quick_returns: float
    shared_devices: float


@dataclass(frozen=True, slots=True)
class RingRules:
    overlap_min: int
    overlap_share: float
    overlap_share_apart: float
    overlap_min_apart: int
    overlap_lift: float
    buyer_bursts_max: int
    return_hours: int
    return_share_min: float
    return_share_max: float
    return_buyers_min: int
    hire_buyers_min: int
    hire_share_min: float
    hire_share_max: float
    hire_wage_fen: int
    return_company_full: float
    amount_calm_min: int
    amount_lift: float
    amount_alike: float
    amount_returns_min: int
    members_min: int
    friends_ties: float
    friends_each: float
    core_share: float
    casual_chance: float
    company_full: int
    custom_full: float
    differ_full: float
    two_bursts: float
    stores_full: int
    farm_share: float
    returned_share: float
    flag_score: float
    weights: Weights


@dataclass(frozen=True, slots=True)
class Rules:
    windows_days: tuple[int, ...]
    people_min: int
    circular: CircularRules
    devices: DeviceRules
    households: HouseholdRules
    dandelion: DandelionRules
    bursts: BurstRules
    rings: RingRules


@lru_cache(maxsize=1)
def standard_rules() -> Rules:
    return _read(resources.files("dandelion.graph").joinpath("rules.yaml").read_text("utf-8"), "rules.yaml")


def load_rules(path: Path) -> Rules:
    """Errors (BadInput): unreadable YAML, a rule missing or unknown."""
    return _read(path.read_text("utf-8"), str(path))


def _read(text: str, where: str) -> Rules:
    made = shaped(Rules, plain_rules(text, where), where)
    if made.people_min < PEOPLE_MIN:
        raise BadInput(f"{where}: people_min is {made.people_min}; columns about third parties need at least "
                       f"{PEOPLE_MIN}", field="people_min")  # fmt: skip
    return made


def plain_rules(text: str, where: str) -> Any:
    """The YAML of a file of rules.  Errors: BadInput where it is none."""
    try:
        return plain_yaml(text)
    except yaml.YAMLError as error:
        raise BadInput(f"{where} is not YAML: {error}", field="rules") from error
