"""From the inputs to clean books: what was cleaned, who shares invoices, and every firm's columns."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass

import duckdb

from dandelion.app.assess.invoices_cleaning import CleaningReport, clean_invoices
from dandelion.app.assess.invoices_columns import firm_frame
from dandelion.app.assess.invoices_reading import EPOCH, Inputs, Progress
from dandelion.app.assess.invoices_settings import Settings
from dandelion.app.assess.invoices_sharing import Sharing, find_sharing
from dandelion.core import DAY_US, Frame


@dataclass(frozen=True, slots=True)
class Books:
    """`frame` has one row per firm of the firms file, in its order."""

    cleaning: CleaningReport
    sharing: Sharing
    frame: Frame


def clean_books(inputs: Inputs, rules: Settings, told: Progress) -> Books:
    """Everything that touches single invoices happens here, in one DuckDB database that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="dandelion-") as spill:
        config: dict[str, str | bool | int | float | list[str]] = {
            "threads": rules.engine.threads, "memory_limit": rules.engine.memory, "temp_directory": spill,
            "preserve_insertion_order": False,
        }  # fmt: skip
        with duckdb.connect(":memory:", config=config) as db:
            told("collapse duplicates, net red letters", 0.1)
            cleaning = clean_invoices(db, inputs.invoices)
            told("look for shared invoices", 0.2)
            sharing = find_sharing(db, len(inputs.firms.ids), rules.cleaning)
            told("compute columns", 0.3)
            frame = firm_frame(db, inputs.firms.ids, (inputs.as_of - EPOCH).days * DAY_US)
    return Books(cleaning, sharing, frame)
