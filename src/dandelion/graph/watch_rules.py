"""When the ring watch looks and how far back, read from `ring_watch.yaml`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from importlib import resources

from dandelion.core import BadInput, plain_yaml


@dataclass(frozen=True, slots=True)
class WatchRules:
    horizon_days: int
    tick_seconds: int
    again_seconds: int
    again_seconds_max: int
    slack: float
    repeats_days: int
    suspect_payers: int
    suspect_differ: float
    suspect_alike_payers: int
    suspect_alike: float
    suspect_alike_ppm: int
    suspect_alike_differ: float
    suspect_device_payers: int
    suspect_score: float

    def __post_init__(self) -> None:
        for name in (
            "horizon_days",
            "tick_seconds",
            "again_seconds",
            "again_seconds_max",
            "repeats_days",
            "suspect_payers",
            "suspect_alike_payers",
            "suspect_alike_ppm",
            "suspect_device_payers",
        ):
            if getattr(self, name) < 1:
                raise BadInput(f"ring_watch.yaml: {name} is {getattr(self, name)}; give 1 or more", field=name)
        if self.suspect_alike_ppm >= 1_000_000:
            raise BadInput(f"ring_watch.yaml: suspect_alike_ppm is {self.suspect_alike_ppm}; give less than a million, a chance",
                           field="suspect_alike_ppm")  # fmt: skip
        if self.slack < 1:
            raise BadInput(f"ring_watch.yaml: slack is {self.slack}; below 1 it would miss bursts", field="slack")


@lru_cache(maxsize=1)
def watch_rules() -> WatchRules:
    said = plain_yaml(resources.files("dandelion.graph").joinpath("ring_watch.yaml").read_text("utf-8"))
    odd = sorted(set(said) ^ {f.name for f in fields(WatchRules)})
    if odd:
        raise BadInput(f"ring_watch.yaml: {odd[0]!r} is missing or not a rule", field=odd[0])
    return WatchRules(**said)
