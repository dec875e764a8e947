"""What changed from one book to another, in words an analyst would use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from dandelion.policy.book import Book
from dandelion.policy.files import action_text
from dandelion.policy.strategy import Strategy


def differences(old: Book, new: Book) -> list[str]:
    """One sentence a change: strategies first by id, then what strategies stand on."""
    before, after = ({s.id: s for s in book.strategies} for book in (old, new))
    whole = {table for table in _tables(new) - _tables(old) if table}
    rows = Counter(_table(s) for s in new.strategies)
    out = [f"table {table} is new: {rows[table]:,} rows" for table in sorted(whole)]
    for name in sorted(before.keys() | after.keys()):
        if name in after and name not in before and _table(after[name]) in whole:
            continue
        if name not in after:
            out.append(f"{name} is gone ({_told(before[name])})")
        elif name not in before:
            out.append(f"{name} is new, {after[name].mode}: when {after[name].text}, {_told(after[name])}")
        else:
            out += [f"{name}: {change}" for change in _changed(before[name], after[name])]
    for what, one, two in (
        ("column", {k: f"{c.id}@{c.pin}" for k, c in old.columns.items()}, {k: f"{c.id}@{c.pin}" for k, c in new.columns.items()}),
        ("constant", {k: f"{c.value:g} {c.unit}".strip() for k, c in old.constants.items()}, {k: f"{c.value:g} {c.unit}".strip() for k, c in new.constants.items()}),
        ("reason", {k: f"{r.zh} / {r.en}" for k, r in old.reasons.items()}, {k: f"{r.zh} / {r.en}" for k, r in new.reasons.items()}),
        ("score", old.scores, new.scores),
        ("lever", {k: str(x.as_json()) for k, x in old.levers.items()}, {k: str(x.as_json()) for k, x in new.levers.items()}),
        ("industry", {k: str(x.as_json()) for k, x in old.industries.items()}, {k: str(x.as_json()) for k, x in new.industries.items()}),
    ):  # fmt: skip
        out += _parts(what, one, two)
    if not out and old.hash != new.hash:
        out.append("only what surrounds the strategies changed: name, version, time zone, vouchers or the experiment")
    return out


def _tables(book: Book) -> set[str]:
    return {_table(s) for s in book.strategies}


def _table(strategy: Strategy) -> str:
    return strategy.table.rsplit("/", 1)[-1]


def _told(strategy: Strategy) -> str:
    return f"{action_text(strategy.action)} for {strategy.reason}, {strategy.product}"


def _changed(one: Strategy, two: Strategy) -> Iterator[str]:
    if one.text != two.text:
        yield f"asked for `{one.text}`, now asks for `{two.text}`"
    if one.action != two.action:
        yield f"did {action_text(one.action)}, now does {action_text(two.action)}"
    for name in ("stage", "product", "reason", "priority", "mode", "share_ppm", "arm", "from_us", "to_us", "zh", "en"):
        before, after = getattr(one, name), getattr(two, name)
        if before != after:
            yield f"{name} was {before!r}, is now {after!r}"


def _parts(what: str, one: Mapping[str, str], two: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(one.keys() | two.keys()):
        if name not in two:
            yield f"{what} {name} is gone"
        elif name not in one:
            yield f"{what} {name} is new: {two[name]}"
        elif one[name] != two[name]:
            yield f"{what} {name} was {one[name]}, is now {two[name]}"
