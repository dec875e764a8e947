"""Checks of a book at load: its own examples, its inner contradictions, and its agreement with the column catalogue."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from dandelion.core import BadInput, Column
from dandelion.policy.declarations import ENGINE_REASONS, ColumnUse, Constant
from dandelion.policy.expression import (
    And,
    Arithmetic,
    Compare,
    Function,
    Literal,
    Number,
    Ref,
    Truth,
    conjuncts,
    to_float32,
    walk,
)
from dandelion.policy.facts import GIVEN
from dandelion.policy.grammar import Names
from dandelion.policy.reasons import Reason
from dandelion.policy.records import Place
from dandelion.policy.scalar import Row, truth_of
from dandelion.policy.strategy import Strategy

_SAID = {True: "fires", False: "silent", None: "unknown"}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong or odd: `severity` is ``error`` or ``warning``."""

    severity: str
    place: Place
    subject: str
    message: str


def run_examples(strategies: Iterable[Strategy], names: Names) -> None:
    """Every example of a strategy says what happens.  Errors: BadInput with the example's file and line."""
    keys = {f"{function}({name})": False for function, allowed in names.flags.items() for name in allowed}
    nothing = dict.fromkeys(names.columns, math.nan)
    for strategy, example in ((s, example) for s in strategies for example in s.examples):
        unknown = set(example.flags) - keys.keys()
        if unknown:
            raise BadInput(f"{example.place}: {min(unknown)!r} is no flag of this book", field=strategy.id)
        given = {alias: to_float32(value) for alias, value in example.given.items()}
        row = Row(nothing | given, keys | dict(example.flags))
        found = _SAID[truth_of(strategy.condition, row)]
        if found != example.expect:
            raise BadInput(
                f"{example.place}: {strategy.id} is expected to be {example.expect}, but is {found} on "
                f"{dict(example.given)}",
                field=strategy.id,
            )


def check_book(
    strategies: Iterable[Strategy], reasons: Mapping[str, Reason], columns: Mapping[str, ColumnUse]
) -> Iterator[Finding]:
    """What can be seen without a catalogue."""
    seen: dict[tuple[str, str, str, object], Strategy] = {}
    used_reasons, used_columns = set(ENGINE_REASONS), set[str]()
    tested: set[str] = set()
    untested: dict[str, Strategy] = {}
    spans: dict[int, list[tuple[str, float, float]]] = {}
    for strategy in strategies:
        used_reasons.add(strategy.reason)
        used_columns |= strategy.aliases
        same = (strategy.product, strategy.stage, strategy.text, strategy.action)
        if same in seen:
            text = f"{strategy.id} repeats {seen[same].id} ({seen[same].place}) word for word"
            yield Finding("warning", strategy.place, strategy.id, text)
        seen[same] = strategy
        if strategy.examples:
            tested.add(strategy.table)
        elif strategy.table:
            untested.setdefault(strategy.table, strategy)
        elif strategy.mode == "live":
            yield Finding("warning", strategy.place, strategy.id, f"{strategy.id} is live and has no example")
        alias = _impossible(strategy.condition, spans)
        if alias is not None:
            text = f"{strategy.id} can never fire: no value of {alias} meets all that is asked of it"
            yield Finding("warning", strategy.place, strategy.id, text)
        if strategy.action.kind == "decline" and any("in_list(grey" in key for key in strategy.flags):
            text = f"{strategy.id} declines on a grey list; only black lists may decline"
            yield Finding("error", strategy.place, strategy.id, text)
    for table, strategy in untested.items():
        if table not in tested:
            yield Finding("warning", strategy.place, strategy.id, f"no row of {table} has a test")
    nowhere = Place("reasons.yaml", 1)
    for code in sorted(set(reasons) - used_reasons):
        yield Finding("warning", nowhere, code, f"reason {code} is used by no strategy")
    for alias in sorted(set(columns) - used_columns):
        yield Finding("warning", columns[alias].place, alias, f"column {alias} is used by no strategy")


def _impossible(condition: Truth, spans: dict[int, list[tuple[str, float, float]]]) -> str | None:
    """The first alias of which a conjunction asks what no number can be, or None.  `spans` keeps what parts ask."""
    met: dict[str, tuple[float, float]] = {}
    for part in conjuncts(condition):
        if id(part) not in spans:
            spans[id(part)] = [_span(item) for item in _joined(part) if _is_bound(item)]
        for alias, low, high in spans[id(part)]:
            if alias in met:
                low, high = max(low, met[alias][0]), min(high, met[alias][1])
            if low > high:
                return alias
            met[alias] = low, high
    return None


def _is_bound(item: Truth) -> bool:
    return isinstance(item, Compare) and {type(item.left), type(item.right)} == {Ref, Literal}


def _span(item: Truth) -> tuple[str, float, float]:
    """(alias, low, high) of what a comparison of one alias with one number leaves, ends included."""
    match item:
        case Compare(op, Ref(alias), Literal(value, _)):
            pass
        case Compare(op, Literal(value, _), Ref(alias)):
            op = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(op, op)
        case _:
            raise AssertionError(f"not a bound: {item!r}")
    exact, low, high = np.float32(value), -math.inf, math.inf
    if op in (">", ">=", "=="):
        low = float(np.nextafter(exact, np.float32(np.inf)) if op == ">" else exact)
    if op in ("<", "<=", "=="):
        high = float(np.nextafter(exact, np.float32(-np.inf)) if op == "<" else exact)
    return alias, low, high


def _joined(condition: Truth) -> Iterator[Truth]:
    if isinstance(condition, And):
        for item in condition.items:
            yield from _joined(item)
    else:
        yield condition


def check_against(
    strategies: Iterable[Strategy], columns: Mapping[str, ColumnUse], constants: Mapping[str, Constant],
    catalogue: Mapping[str, Column], *, pinned: bool,
) -> Iterator[Finding]:  # fmt: skip
    """Aliases that name no column or a changed one; units that do not fit; comparisons no value can pass or fail."""
    for alias, use in columns.items():
        entry = catalogue.get(use.id)
        if entry is None:
            yield Finding("error", use.place, alias, f"column {use.id} ({alias}) is not in the catalogue")
        elif not use.pin:
            yield Finding(
                "warning", use.place, alias, f"{alias} is not pinned; write {use.id}@{entry.definition_hash[:8]}"
            )
        elif not entry.definition_hash.startswith(use.pin):
            text = f"the definition of {use.id} changed from {use.pin} to {entry.definition_hash[:8]}; "
            text += f"look at {alias} again, then pin it (dandelion.policy.pin)"
            yield Finding("error" if pinned else "warning", use.place, alias, text)
    known = {alias: catalogue[use.id] for alias, use in columns.items() if use.id in catalogue}
    units = {**GIVEN, **{alias: entry.unit for alias, entry in known.items()}}
    for name, constant in constants.items():
        if constant.unit:
            units[name] = constant.unit
    known_troubles: dict[int, list[tuple[str, str]]] = {}
    for strategy in strategies:
        for part in conjuncts(strategy.condition):
            if id(part) not in known_troubles:
                known_troubles[id(part)] = list(_troubles(part, units, known))
            for severity, text in known_troubles[id(part)]:
                yield Finding(severity, strategy.place, strategy.id, f"{strategy.id}{text}")


def _troubles(part: Truth, units: Mapping[str, str], known: Mapping[str, Column]) -> Iterator[tuple[str, str]]:
    """(severity, text after the strategy's id) for every comparison of a condition."""
    for node in walk(part):
        if isinstance(node, Compare):
            left, right = _unit(node.left, units), _unit(node.right, units)
            if left and right and left != right:
                yield "error", f" compares {left} with {right}"
            yield from _out_of_range(node, known)


def _unit(node: Number, units: Mapping[str, str]) -> str:
    """The unit of a number, or "" where it has none or it cannot be told."""
    match node:
        case Ref(alias):
            return units.get(alias, "")
        case Literal(_, name):
            return units.get(name, "") if name else ""
        case Arithmetic("+" | "-", left, right):
            return _unit(left, units) or _unit(right, units)
        case Function(_, arguments):
            return next((unit for unit in (_unit(a, units) for a in arguments) if unit), "")
        case _:
            return ""


def _out_of_range(node: Compare, known: Mapping[str, Column]) -> Iterator[tuple[str, str]]:
    if not (isinstance(node.left, Ref) and isinstance(node.right, Literal) and node.left.alias in known):
        return
    low, high = known[node.left.alias].range
    value, name = node.right.value, node.left.alias
    below = low is not None and (value < low or (value == low and node.op in ("<", ">=")))
    above = high is not None and (value > high or (value == high and node.op in (">", "<=")))
    if (below or above) and node.op in ("<", "<=", ">", ">="):
        word = "always" if (node.op in (">", ">=")) == below else "never"
        yield "warning", f": {name} {node.op} {value:g} is {word} true; its range is {low} to {high}"
    if node.op == "==" and ((low is not None and value < low) or (high is not None and value > high)):
        yield "warning", f": {name} == {value:g} lies outside its range"
