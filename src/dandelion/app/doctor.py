"""Doctor: is this workspace fit to lend?  Each finding says what was looked at and what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from dandelion.app.house import House
from dandelion.core import DandelionError


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    good: bool
    detail: str

    def as_json(self) -> dict[str, str | bool]:
        return asdict(self)


def examine(root: Path) -> list[Finding]:
    """Open the workspace and look at every part; one bad part does not hide the others."""
    try:
        house = House.open(root)
    except DandelionError as error:
        return [Finding("workspace", False, error.message)]
    except Exception as error:  # whatever is broken, a doctor names it and does not fall over
        return [Finding("workspace", False, f"cannot be opened: {type(error).__name__}: {error}".splitlines()[0])]
    try:
        return [
            Finding("workspace", True, str(root)),
            _look("database", lambda: (True, f"{house.facts()['database']}, clock {house.health()['clock']}")),
            _look("audit chain", lambda: _audit(house)),
            _look("trial balance", lambda: _balance(house)),
            _look("strategy book", lambda: _book(house)),
            _look("models", lambda: (True, house.facts()["models"])),
            _look("rules", lambda: (True, f"pack {house.pack.id}")),
        ]
    finally:
        house.close()


def _look(what: str, at: Callable[[], tuple[bool, str]]) -> Finding:
    try:
        good, detail = at()
    except DandelionError as error:
        return Finding(what, False, error.message)
    except Exception as error:
        return Finding(what, False, f"{type(error).__name__}: {error}".splitlines()[0])
    return Finding(what, good, detail)


def _audit(house: House) -> tuple[bool, str]:
    report = house.vault.audit.verify(house.tenant)
    return report.holds, report.broken or f"{report.records} records hold"


def _balance(house: House) -> tuple[bool, str]:
    with house.vault.database.read() as connection:
        balance = house.lending.trial_balance(connection, house.tenant)
    return balance.holds, "debits and credits cancel" if balance.holds else str(balance)


def _book(house: House) -> tuple[bool, str]:
    book = house.policy.book
    warnings = len(book.findings)
    return True, f"{len(book.strategies)} strategies, {warnings} warnings, {book.hash[:12]}"
