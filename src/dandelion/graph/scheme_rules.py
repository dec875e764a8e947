"""What a device farm and a circle of invoices are held to be, read from `schemes.yaml`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from importlib import resources
from typing import Any, TypeVar

from dandelion.core import BadInput, plain_yaml

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class FarmRules:
    days: int
    accounts_min: int
    handover_seconds: int
    run_accounts_min: int
    sessions_full: int
    own_share: float
    together_seconds: int
    order_seconds: int
    order_share: float
    flag_score: float


@dataclass(frozen=True, slots=True)
class CircleRules:
    days: int
    tolerance: float
    firms_max: int
    turns_min: int
    share_min: float
    flag_score: float


@lru_cache(maxsize=1)
def farm_rules() -> FarmRules:
    return _read("farms", FarmRules)


@lru_cache(maxsize=1)
def circle_rules() -> CircleRules:
    return _read("circles", CircleRules)


def _read(part: str, cls: type[R]) -> R:
    said: dict[str, Any] = plain_yaml(resources.files("dandelion.graph").joinpath("schemes.yaml").read_text("utf-8"))[
        part
    ]
    odd = sorted(set(said) ^ {f.name for f in fields(cls)})  # type: ignore[arg-type]
    if odd:
        raise BadInput(f"schemes.yaml, {part}: {odd[0]!r} is missing or not a rule", field=odd[0])
    return cls(**said)
