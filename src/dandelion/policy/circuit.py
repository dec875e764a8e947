"""Many conditions as one circuit of arrays: literals shared by all strategies, gates over them, one root a strategy.

A *literal* compares one column with one number.  Negations are pushed down to the literals (De Morgan holds in Kleene's
logic), so that a gate is only *and* or *or*, and the two facts about a truth, *true* and *not false*, can be worked out
apart by the same gates: a literal on a missing value is not true and not false.  What is no comparison of one column
with one number (arithmetic, column against column, long sets) is worked out first into helper columns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion.core.frame import Floats, Ints
from dandelion.policy.expression import (
    And,
    Arithmetic,
    Compare,
    Flag,
    Function,
    InSet,
    IsMissing,
    Literal,
    Node,
    Not,
    Number,
    Or,
    Ref,
    Truth,
    conjuncts,
    walk,
)
from dandelion.policy.scalar import Row, number, truth_of

AT_LEAST, ABOVE, AT_MOST, BELOW, MISSING, PRESENT = range(6)  # kinds of literals
LOAD, CONST, ADD, SUB, MUL, DIV, ABS, MIN, MAX, IF_MISSING, LESS, LESS_EQUAL, EQUAL, WITHIN = range(14)  # helper steps
ARITY_MAX = 4  # of a gate, as the kernels' loops know; wider ones become a tree, whose parts may be shared
SET_INLINE = 4  # sets up to this size are literals; longer ones a helper column, looked up by halving
TRUE, FALSE = -1, -2  # roots without a literal
_STEPS = {"+": ADD, "-": SUB, "*": MUL, "/": DIV, "abs": ABS, "min": MIN, "max": MAX, "if_missing": IF_MISSING}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
_KIND = {">=": AT_LEAST, ">": ABOVE, "<=": AT_MOST, "<": BELOW}
_NOWHERE = Row({}, {})
Whole32 = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Circuit:
    """Columns are `columns` (aliases, then flag keys) and after them the helpers.  Nodes are the literals, then the gates,
    then two constants: always true, never true.

    Literals lie in the order: at_least and at_most, above and below, missing, present; `kinds` (3,) are the ends of the
    first three.  `literal_at` is the column, or the column plus the number of columns for its negative (x <= t is
    -x >= -t); `threshold` fits it.  `listed` are the literals again by column and kind: those of column c and kind k are
    ``listed[bounds[c, k] : bounds[c, k + 1]]`` with the plain thresholds `limit`.
    Gate groups: `gate_or`, `gate_arity`, `gate_count`; their inputs lie one after the other in `gate_inputs`.
    Helper i is ``step[i](first[i], second[i])`` of helpers, a column (LOAD) or a number (CONST) of `pool`.
    """

    columns: tuple[str, ...]
    helpers: int
    literal_at: Whole32
    threshold: Floats
    kinds: Ints
    listed: Whole32
    limit: Floats
    bounds: Ints
    step: Ints
    first: Ints
    second: Ints
    pool: Floats
    gate_or: npt.NDArray[np.bool_]
    gate_arity: Ints
    gate_count: Ints
    gate_inputs: Whole32
    roots: Whole32

    @property
    def literals(self) -> int:
        return len(self.literal_at)

    @property
    def nodes(self) -> int:
        """Literals and gates, without the two constants."""
        return len(self.literal_at) + int(self.gate_count.sum())


def compile_conditions(conditions: Sequence[Truth]) -> Circuit:
    """The circuit whose root i is the truth of condition i."""
    once = {id(item): item for c in conditions for item in conjuncts(c)}.values()
    nodes = [node for item in once for node in walk(item) if isinstance(node, Ref | Flag)]
    used = {node.alias for node in nodes if isinstance(node, Ref)}
    asked = {node.key for node in nodes if isinstance(node, Flag)}
    draft = _Draft((*sorted(used), *sorted(asked)))
    roots = [draft.truth(condition, True) for condition in conditions]
    return draft.finish(roots)


class _Draft:
    """Nodes found so far, each kept once."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        self.columns = columns
        self.at = {name: c for c, name in enumerate(columns)}
        self.steps: dict[tuple[int, int, int], int] = {}
        self.pool: list[float] = []
        self.pooled: dict[tuple[float, ...], int] = {}
        self.nodes: list[tuple[int, int, float] | tuple[str, tuple[int, ...]]] = []
        self.known: dict[tuple[object, ...], int] = {}
        self.level: list[int] = []
        self.done: dict[tuple[int, bool], int] = {}  # by identity: rows of a decision table share their cells' nodes

    # ---- truths ----
    def truth(self, node: Truth, positive: bool) -> int:
        """The node for a truth (or for its negation): its number, TRUE or FALSE."""
        key = (id(node), positive)
        if key not in self.done:
            self.done[key] = self.new_truth(node, positive)
        return self.done[key]

    def new_truth(self, node: Truth, positive: bool) -> int:
        match node:
            case Not(item):
                return self.truth(item, not positive)
            case And(items):
                return self.gate("and" if positive else "or", [self.truth(item, positive) for item in items])
            case Or(items):
                return self.gate("or" if positive else "and", [self.truth(item, positive) for item in items])
            case Flag():
                return self.compare(self.at[node.key], ">=" if positive else "<=", 1.0 if positive else 0.0)
        if not _asks(node):  # numbers alone: settled now
            settled = truth_of(node, _NOWHERE)
            return self.unknown() if settled is None else TRUE if settled == positive else FALSE
        match node:
            case IsMissing(value):
                return self.literal(self.column(value), MISSING if positive else PRESENT, 0.0)
            case InSet(value, members):
                return self.within(self.column(value), sorted({m.value for m in members}), positive)
            case Compare(op, left, right):
                return self.comparison(op if positive else _OPPOSITE[op], left, right)
        raise AssertionError(f"not a truth: {node!r}")

    def comparison(self, op: str, left: Number, right: Number) -> int:
        if not _asks(left):
            op, left, right = _TURNED[op], right, left
        if not _asks(right):
            against = number(right, _NOWHERE)
            return self.unknown() if math.isnan(against) else self.compare(self.column(left), op, against)
        a, b = self.helper(left), self.helper(right)
        if op in (">", ">="):
            op, a, b = _TURNED[op], b, a
        step = {"<": LESS, "<=": LESS_EQUAL}.get(op, EQUAL)
        said = len(self.columns) + self.add(step, a, b)
        return self.compare(said, "<=", 0.0) if op == "!=" else self.compare(said, ">=", 1.0)

    def compare(self, column: int, op: str, value: float) -> int:
        if op == "==":
            return self.gate("and", [self.compare(column, ">=", value), self.compare(column, "<=", value)])
        if op == "!=":
            return self.gate("or", [self.compare(column, "<", value), self.compare(column, ">", value)])
        return self.literal(column, _KIND[op], value + 0.0)  # minus zero becomes zero

    def within(self, column: int, members: list[float], positive: bool) -> int:
        if len(members) <= SET_INLINE:
            op, how = ("==", "or") if positive else ("!=", "and")
            return self.gate(how, [self.compare(column, op, member) for member in members])
        key = (float(len(members)), *members)
        if key not in self.pooled:
            self.pooled[key] = len(self.pool)
            self.pool += key
        said = len(self.columns) + self.add(WITHIN, self.held(column), self.pooled[key])
        return self.compare(said, ">=", 1.0) if positive else self.compare(said, "<=", 0.0)

    def unknown(self) -> int:
        return self.literal(len(self.columns) + self.constant(math.nan), AT_LEAST, 0.0)

    def literal(self, column: int, kind: int, value: float) -> int:
        return self.keep((column, kind, value), 0)

    def gate(self, how: str, inputs: list[int]) -> int:
        gives, drops = (FALSE, TRUE) if how == "and" else (TRUE, FALSE)
        if gives in inputs:
            return gives
        wide: set[int] = set()
        for node in inputs:
            if node == drops:
                continue
            below = self.nodes[node]
            wide.update(below[1] if below[0] == how else (node,))
        if not wide:
            return drops
        rest = sorted(wide)
        while len(rest) > ARITY_MAX:
            parts = [tuple(rest[i : i + ARITY_MAX]) for i in range(0, len(rest), ARITY_MAX)]
            rest = sorted({self.join(how, part) for part in parts})
        return self.join(how, tuple(rest))

    def join(self, how: str, inputs: tuple[int, ...]) -> int:
        if len(inputs) == 1:
            return inputs[0]
        return self.keep((how, inputs), 1 + max(self.level[node] for node in inputs))

    def keep(self, node: tuple[int, int, float] | tuple[str, tuple[int, ...]], level: int) -> int:
        found = self.known.get(node)
        if found is None:
            found = self.known[node] = len(self.nodes)
            self.nodes.append(node)
            self.level.append(level)
        return found

    # ---- numbers ----
    def column(self, node: Number) -> int:
        """The column that holds a number: its own, or a helper."""
        return self.at[node.alias] if isinstance(node, Ref) else len(self.columns) + self.helper(node)

    def helper(self, node: Number) -> int:
        """The helper that holds a number."""
        match node:
            case Ref(alias):
                return self.add(LOAD, self.at[alias], 0)
            case Literal(value, _):
                return self.constant(value)
            case Arithmetic(op, left, right):
                return self.add(_STEPS[op], self.helper(left), self.helper(right))
            case Function(name, arguments):
                parts = [self.helper(argument) for argument in arguments]
                out = parts[0]
                for part in parts[1:] or parts[:1]:
                    out = self.add(_STEPS[name], out, part)
                return out

    def held(self, column: int) -> int:
        own = len(self.columns)
        return column - own if column >= own else self.add(LOAD, column, 0)

    def constant(self, value: float) -> int:
        key = (value,) if value == value else ()
        if key not in self.pooled:
            self.pooled[key] = len(self.pool)
            self.pool.append(value)
        return self.add(CONST, self.pooled[key], 0)

    def add(self, step: int, first: int, second: int) -> int:
        return self.steps.setdefault((step, first, second), len(self.steps))

    # ---- arrays ----
    def finish(self, roots: list[int]) -> Circuit:
        literals = [i for i, node in enumerate(self.nodes) if len(node) == 3]
        order = sorted(literals, key=self._literal_order)
        gates = sorted(
            (i for i, node in enumerate(self.nodes) if len(node) == 2),
            key=lambda i: (self.level[i], self.nodes[i][0], len(self.nodes[i][1]), i),  # type: ignore[arg-type]
        )
        place = {node: at for at, node in enumerate((*order, *gates))}
        place |= {TRUE: len(place), FALSE: len(place) + 1}
        held: list[tuple[int, int, float]] = [self.nodes[i] for i in order]  # type: ignore[misc]
        width = len(self.columns) + len(self.steps)
        negative = np.array([kind in (AT_MOST, BELOW) for _, kind, _ in held], bool)
        column = np.array([c for c, _, _ in held], np.int64)
        kind = np.array([k for _, k, _ in held], np.int64)
        value = np.array([v for _, _, v in held], np.float32)
        listed = np.lexsort((np.arange(len(held)), kind, column))
        bounds = np.searchsorted(
            (column * 6 + kind)[listed], np.arange(width)[:, None] * 6 + np.arange(7)[None, :]
        )  # row c, entry 6 is where column c ends
        groups: list[tuple[bool, int, int]] = []
        inputs: list[int] = []
        last: tuple[object, ...] = ()
        for i in gates:
            how, parts = self.nodes[i]  # type: ignore[misc]
            sort = (self.level[i], how, len(parts))
            if sort == last:
                groups[-1] = (*groups[-1][:2], groups[-1][2] + 1)
            else:
                groups.append((how == "or", len(parts), 1))
            last = sort
            inputs += [place[part] for part in parts]
        steps = sorted(self.steps, key=self.steps.__getitem__)
        return Circuit(
            columns=self.columns, helpers=len(steps),
            literal_at=(column + width * negative).astype(np.uint32),
            threshold=np.where(negative, -value, value).astype(np.float32),
            kinds=np.searchsorted([self._class(k) for k in kind.tolist()], [1, 2, 3]).astype(np.int64),
            listed=listed.astype(np.uint32), limit=value[listed], bounds=bounds.astype(np.int64),
            step=np.array([s[0] for s in steps], np.int64), first=np.array([s[1] for s in steps], np.int64),
            second=np.array([s[2] for s in steps], np.int64), pool=np.array(self.pool, np.float32),
            gate_or=np.array([g[0] for g in groups], bool), gate_arity=np.array([g[1] for g in groups], np.int64),
            gate_count=np.array([g[2] for g in groups], np.int64), gate_inputs=np.array(inputs, np.uint32),
            roots=np.array([place[root] for root in roots], np.uint32),
        )  # fmt: skip

    @staticmethod
    def _class(kind: int) -> int:
        return {AT_LEAST: 0, AT_MOST: 0, ABOVE: 1, BELOW: 1, MISSING: 2, PRESENT: 3}[kind]

    def _literal_order(self, at: int) -> tuple[int, int, float]:
        column, kind, value = self.nodes[at]  # type: ignore[misc]
        return self._class(kind), column, value


def _asks(node: Node) -> bool:
    """Whether a number or truth depends on the row."""
    return any(isinstance(n, Ref | Flag) for n in walk(node))
