"""The settings of the invoice assessment: `invoices.yaml` beside this file as frozen values."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dandelion.core import plain_yaml, shaped

SETTINGS_FILE = Path(__file__).with_name("invoices.yaml")


@dataclass(frozen=True, slots=True)
class Layout:
    """File names by role, accepted headers per column, and the words of closed fields."""

    files: Mapping[str, tuple[str, ...]]
    invoices: Mapping[str, tuple[str, ...]]
    firms: Mapping[str, tuple[str, ...]]
    words: Mapping[str, tuple[str, ...]]
    set_aside_share_max_ppm: int


@dataclass(frozen=True, slots=True)
class Engine:
    """What DuckDB may use; it spills to a temporary folder beyond `memory`."""

    threads: int
    memory: str


@dataclass(frozen=True, slots=True)
class Cleaning:
    shared_share_min_ppm: int
    shared_invoices_min: int
    mirror_invoices_min: int


@dataclass(frozen=True, slots=True)
class Validation:
    """`folds` x `seeds` outer cross-validation; `inner_folds` choose among `penalties` inside each training part."""

    folds: int
    seeds: tuple[int, ...]
    inner_folds: int
    inner_repeats: int
    penalties: tuple[float, ...]
    labelled_min: int
    defaults_min: int


@dataclass(frozen=True, slots=True)
class OfferRules:
    limit_min_yuan: int
    limit_max_yuan: int
    limit_step_yuan: int
    rate_min_ppm: int
    rate_max_ppm: int
    turnover_share_max_ppm: int
    funding_ppm: int
    lgd_ppm: int
    running_cost_yuan: int
    leverage_ppm: int
    pd_max_ppm: int


@dataclass(frozen=True, slots=True)
class Settings:
    layout: Layout
    engine: Engine
    cleaning: Cleaning
    validation: Validation
    offer: OfferRules
    grades: Mapping[str, int]  # grade: PD upper bound in ppm; best first

    def under(self, line_cap_yuan: int) -> Settings:
        """The same settings with limits within the licence's cap on one borrower."""
        most = min(self.offer.limit_max_yuan, line_cap_yuan)
        return dataclasses.replace(self, offer=dataclasses.replace(self.offer, limit_max_yuan=most))


@functools.cache
def settings(path: Path = SETTINGS_FILE) -> Settings:
    """The shipped settings, or those of a lender's own file of the same shape."""
    return shaped(Settings, plain_yaml(path.read_text(encoding="utf-8")), path.name)
