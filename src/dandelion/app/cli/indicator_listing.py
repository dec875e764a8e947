"""What `dandelion indicators list` prints: hundreds of thousands of columns, one after the other."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dandelion.core import Column
    from dandelion.indicators import Definitions

AT_ONCE = 2_000


class Listing:
    """The columns of a workspace: every declared one, or the named ones only; then those against peers, the fund flow's
    last."""

    def __init__(self, workspace: Path, *, named: bool) -> None:
        from dandelion.app import fund_flow
        from dandelion.app.policy_set import load_definitions
        from dandelion.indicators import full
        from dandelion.indicators.peers import settings

        own = load_definitions(workspace)
        self.definitions: Definitions = own if named else own.extended(full(own.tz))
        self._ids = self.definitions.named if named else self.definitions.columns
        self._peers = dict.fromkeys(name for name in settings().ids() if name not in self._ids)
        self._flow = fund_flow.columns()

    def __len__(self) -> int:
        return len(self._ids) + len(self._peers) + len(self._flow)

    def ids(self, stream: str, match: str) -> Iterator[str]:
        """Those of a stream (empty: all) that hold a text or fit a pattern like ``*/30d/*`` (empty: all)."""
        fits, head = matcher(match), f"{stream}/" if stream else ""
        for ids in (self._ids, self._peers, self._flow):
            yield from (name for name in ids if name.startswith(head) and fits(name))

    def column(self, name: str) -> Column:
        return self._flow[name] if name in self._flow else self.definitions.column(name)

    def as_json(self, name: str) -> dict[str, Any]:
        """Catalogue entry, with the structured definition of an indicator."""
        return column_json(self.column(name), None if name in self._flow else self.definitions)


def column_json(column: Column, definitions: Definitions | None) -> dict[str, Any]:
    """A column's catalogue entry; `definition` is None for what is no indicator (the fund flow's columns)."""
    from dandelion.indicators.structure import structure

    return {
        "id": column.id, "unit": column.unit, "range": list(column.range), "null_policy": column.null_policy,
        "room": column.room, "purpose": column.purpose, "data_kinds": list(column.data_kinds), "zh": column.zh,
        "en": column.en, "definition_hash": column.definition_hash,
        "definition": None if definitions is None else structure(definitions, column.id),
    }  # fmt: skip


def matcher(match: str) -> Callable[[str], bool]:
    """A text that must be somewhere in the id, or a pattern with ``*`` for the whole id."""
    if "*" not in match:
        return lambda name: match in name
    import re

    pattern = re.compile(".*".join(map(re.escape, match.split("*"))))
    return lambda name: pattern.fullmatch(name) is not None


def print_json(listing: Listing, ids: Iterator[str], tell: Callable[[int], None]) -> int:
    """One JSON array on one line, written as it is made; returns how many."""
    count = 0
    sys.stdout.write("[")
    while some := list(islice(ids, AT_ONCE)):
        told = ",".join(json.dumps(listing.as_json(name), ensure_ascii=False, allow_nan=False) for name in some)
        sys.stdout.write(f",{told}" if count else told)
        count += len(some)
        listing.definitions.forget()
        tell(count)
    sys.stdout.write("]\n")
    return count


def print_lines(listing: Listing, ids: Iterator[str], tell: Callable[[int], None]) -> int:
    """Id, unit and meaning, a column a line; returns how many."""
    count = 0
    while some := list(islice(ids, AT_ONCE)):
        told = (listing.column(name) for name in some)
        sys.stdout.write("".join(f"{column.id}\t{column.unit}\t{column.en}\n" for column in told))
        count += len(some)
        listing.definitions.forget()
        tell(count)
    return count
