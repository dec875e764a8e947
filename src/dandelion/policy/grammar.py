"""Text of a condition to nodes: parsed by Python's own parser under a whitelist, never evaluated as Python.

>>> from dandelion.policy.expression import written
>>> written(parse("3 <= payers < 10 or is_missing(payers)", Names(columns={"payers"})))
'((3 <= payers and payers < 10) or is_missing(payers))'
"""

from __future__ import annotations

import ast
import difflib
import math
import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from dandelion.core import BadInput
from dandelion.policy.expression import (
    FLAG_FUNCTIONS,
    And,
    Arithmetic,
    Compare,
    Fixed,
    Flag,
    Function,
    InSet,
    IsMissing,
    Literal,
    Not,
    Number,
    Or,
    Ref,
    Truth,
    to_float32,
)

TEXT_CHARS_MAX = 2_000
NODES_MAX = 300
DEPTH_MAX = 16
SET_MAX = 200
RESERVED = frozenset({"true", "false", "between", "is_missing", "abs", "min", "max", "if_missing", *FLAG_FUNCTIONS})
_RUN_ON = re.compile(
    r"(?<![\w.])(?>\d[\d_]*\.?\d*(?:[eE][+-]?\d+)?)[A-Za-z]"
)  # 60and, 0x1F: no number of this language
_OUTSIDE = re.compile(r"[^A-Za-z0-9_ .,<>=!()\[\]+\-*/\n\r\t]")
_ARITHMETIC: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_COMPARE: dict[type[ast.cmpop], str] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip
_ARITY = {"abs": (1, 1), "min": (2, 8), "max": (2, 8), "if_missing": (2, 2)}


@dataclass(frozen=True, slots=True)
class Names:
    """What a condition may speak of: aliases, constants, and for each flag function the names it may ask about."""

    columns: Set[str] = frozenset()
    constants: Mapping[str, float] = field(default_factory=dict)
    flags: Mapping[str, Set[str]] = field(default_factory=dict)


def parse(text: str, names: Names) -> Truth:
    """The condition as a truth node.  Errors: BadInput naming what is not allowed and what is."""
    if not isinstance(text, str) or not text.strip():
        raise BadInput("the condition is empty; write `true` for a strategy that always fires", field="when")
    if len(text) > TEXT_CHARS_MAX:
        raise BadInput(f"the condition has {len(text)} characters; at most {TEXT_CHARS_MAX} are read", field="when")
    stray = _OUTSIDE.search(text)
    if stray is not None:
        raise BadInput(f"the condition holds {stray[0]!r}, which is no part of the language", field="when")
    run_on = _RUN_ON.search(text)
    if run_on is not None:
        raise BadInput(f"{run_on[0]!r} is neither a number nor a name; leave a space after the number", field="when")
    try:
        tree = ast.parse(" ".join(text.split()), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        where = f" near character {error.offset}" if isinstance(error, SyntaxError) and error.offset else ""
        raise BadInput(f"the condition does not read as an expression{where}: {text!r}", field="when") from None
    if _depth(tree) > DEPTH_MAX + 2:
        raise BadInput(f"the condition nests deeper than {DEPTH_MAX}; split the strategy", field="when")
    if sum(1 for n in ast.walk(tree) if isinstance(n, ast.expr)) > NODES_MAX:
        raise BadInput(f"the condition has more than {NODES_MAX} parts; split the strategy", field="when")
    return _truth(tree.body, names)


def number_of(text: object, what: str) -> float:
    """A number from a book (int, float or text) as float32; whole numbers must be exact there."""
    if isinstance(text, bool) or not isinstance(text, int | float):
        raise BadInput(f"{what} is {text!r}; give a number", field=what)
    return _float32(text, what)


def _float32(value: int | float, what: str) -> float:
    try:
        rounded = to_float32(float(value))
    except OverflowError:
        rounded = math.inf
    if math.isnan(rounded) or math.isinf(rounded):
        raise BadInput(f"{what} is {value!r}; it must be a finite float32", field=what)
    if isinstance(value, int) and int(rounded) != value:
        raise BadInput(
            f"{what} is {value}; float32 holds whole numbers exactly only up to 16,777,216: compare in a larger unit",
            field=what,
        )
    if value != 0 and rounded == 0:
        raise BadInput(f"{what} is {value!r}; float32 would round it to zero", field=what)
    return rounded


def _depth(tree: ast.AST) -> int:
    deepest, queue = 0, [(tree, 0)]
    while queue:
        node, depth = queue.pop()
        deepest = max(deepest, depth)
        queue.extend((child, depth + 1) for child in ast.iter_child_nodes(node))
    return deepest


def _truth(node: ast.expr, names: Names) -> Truth:
    match node:
        case ast.BoolOp(op=ast.And(), values=values):
            return And(tuple(_truth(v, names) for v in values))
        case ast.BoolOp(op=ast.Or(), values=values):
            return Or(tuple(_truth(v, names) for v in values))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return Not(_truth(operand, names))
        case ast.Compare():
            return _comparison(node, names)
        case ast.Name(id="true"):
            return Fixed(True)
        case ast.Name(id="false"):
            return Fixed(False)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            return _truth_call(name, args, names)
        case _:
            raise BadInput(f"{_show(node)} is not a condition; compare it with something", field="when")


def _comparison(node: ast.Compare, names: Names) -> Truth:
    items: list[Truth] = []
    left = node.left
    for op, right in zip(node.ops, node.comparators, strict=True):
        if isinstance(op, ast.In | ast.NotIn):
            inside = InSet(_number(left, names), _members(right, names))
            items.append(Not(inside) if isinstance(op, ast.NotIn) else inside)
        elif type(op) in _COMPARE:
            items.append(Compare(_COMPARE[type(op)], _number(left, names), _number(right, names)))
        else:
            raise BadInput(f"{_show(node)} uses an operator that is not allowed; use < <= > >= == != in", field="when")
        left = right
    return items[0] if len(items) == 1 else And(tuple(items))


def _members(node: ast.expr, names: Names) -> tuple[Literal, ...]:
    if not isinstance(node, ast.Tuple | ast.List) or not node.elts:
        raise BadInput(f"{_show(node)} is not a list of numbers; write x in (1, 2, 3)", field="when")
    if len(node.elts) > SET_MAX:
        raise BadInput(f"a list in a condition holds at most {SET_MAX} numbers; use in_list(name)", field="when")
    members = tuple(_number(element, names) for element in node.elts)
    literals = tuple(member for member in members if isinstance(member, Literal))
    if len(literals) != len(members):
        raise BadInput(f"{_show(node)} holds something other than numbers and constants", field="when")
    return literals


def _truth_call(name: str, args: list[ast.expr], names: Names) -> Truth:
    if name == "is_missing" and len(args) == 1:
        return IsMissing(_number(args[0], names))
    if name == "between" and len(args) == 3:
        value, low, high = (_number(arg, names) for arg in args)
        return And((Compare("<=", low, value), Compare("<=", value, high)))
    if name in FLAG_FUNCTIONS and len(args) == 1 and isinstance(args[0], ast.Name):
        known = names.flags.get(name, frozenset())
        if args[0].id not in known:
            raise BadInput(
                f"{name}({args[0].id}) is not declared; known: {', '.join(sorted(known)) or 'none'}", field="when"
            )
        return Flag(name, args[0].id)
    raise BadInput(
        f"{name}() with {len(args)} argument(s) is not a condition; use between(x, low, high), is_missing(x), "
        "in_list(name), granted(data_kind), filed(voucher)",
        field="when",
    )


def _number(node: ast.expr, names: Names) -> Number:
    match node:
        case ast.Constant(value=bool()):
            raise BadInput("True and False are not numbers; write true or false as a condition", field="when")
        case ast.Constant(value=int() | float() as value):
            return Literal(_float32(value, "a number in the condition"))
        case ast.Name(id=name) if name in names.constants:
            return Literal(names.constants[name], name)
        case ast.Name(id=name) if name in names.columns:
            return Ref(name)
        case ast.Name(id=name):
            raise BadInput(f"{name!r} is neither an alias nor a constant of this book{_near(name, names)}", field=name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _number(operand, names)
            if isinstance(inner, Literal) and inner.name is None:
                return Literal(-inner.value)
            return Arithmetic("-", Literal(0.0), inner)
        case ast.BinOp(op=op) if type(op) in _ARITHMETIC:
            return Arithmetic(_ARITHMETIC[type(op)], _number(node.left, names), _number(node.right, names))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _ARITY:
            fewest, most = _ARITY[name]
            if not fewest <= len(args) <= most:
                raise BadInput(f"{name}() takes {fewest} to {most} numbers, not {len(args)}", field="when")
            return Function(name, tuple(_number(arg, names) for arg in args))
        case _:
            raise BadInput(
                f"{_show(node)} is not a number; allowed are aliases, constants, numbers, + - * /, abs, min, max, "
                "if_missing",
                field="when",
            )


def _near(name: str, names: Names) -> str:
    close = difflib.get_close_matches(name, [*names.columns, *names.constants], n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _show(node: ast.expr) -> str:
    text = ast.unparse(node)
    return repr(text if len(text) <= 60 else text[:57] + "...")
