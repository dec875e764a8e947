"""Which column is which: the table of names in ``payments_columns.yaml`` applied to a header."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from dandelion.app.assess.reading import clean
from dandelion.core import BadInput, plain_yaml

ROLES = (
    "at", "amount", "payer", "payee", "counterparty", "order", "status", "direction", "kind", "refund", "refund_id",
    "refund_status", "income", "expense",
)  # fmt: skip
_WORD = {"at": "time"}
_BRACKET = re.compile(r"\(([^()]{1,8})\)$")


@dataclass(frozen=True, slots=True)
class Layout:
    """A bill layout that the reader knows by its signature."""

    name: str
    zh: str
    en: str
    unit: str | None
    signature: tuple[str, ...]
    roles: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """`roles[role]` holds indices into the header, best first.  `unit` is yuan, fen or None where nothing says."""

    layout: Layout
    roles: Mapping[str, tuple[int, ...]]
    unit: str | None
    width: int
    named: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def has(self, role: str) -> bool:
        return bool(self.roles.get(role))

    @property
    def one_holder(self) -> bool:
        """Whether the file is one account's own bill: nothing in it names the payee."""
        return not self.has("payee")


GENERIC = Layout("named_columns", "按列名识别的流水", "table read by its column names", None, (), {})


@functools.cache
def table() -> dict[str, Any]:
    """The YAML as read once."""
    text = resources.files("dandelion.app.assess").joinpath("payments_columns.yaml").read_text("utf-8")
    return dict(plain_yaml(text))


@functools.cache
def _layouts() -> tuple[Layout, ...]:
    return tuple(
        Layout(
            one["name"], one["zh"], one["en"], one.get("unit"), tuple(one["signature"]),
            {role: tuple(names) for role, names in one["roles"].items()},
        )
        for one in table()["layouts"]
    )  # fmt: skip


def plain(text: str) -> str:
    """A name or value as it is compared: NFKC, lower case, no blanks.

    >>> plain("金额（元）")
    '金额(元)'
    """
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", clean(text)).lower())


def bare(name: str) -> tuple[str, str | None]:
    """(a column name without its unit, the unit).

    >>> bare("收入金额（+元）"), bare("total_fee")
    (('收入金额', 'yuan'), ('total_fee', 'fen'))
    """
    text = plain(name)
    mark = _BRACKET.search(text)
    if mark and mark[1] in table()["unit_marks"]:
        return text[: mark.start()], table()["unit_marks"][mark[1]]
    return text, "fen" if text in table()["fen_names"] else None


@functools.cache
def _known() -> dict[str, frozenset[str]]:
    return {role: frozenset(plain(name) for name in names) for role, names in table()["roles"].items()}


def header_score(asked: Sequence[str]) -> Any:
    """A scorer for ``open_sheet``: how many cells of a row are names that the table, a layout or --map knows."""
    names = frozenset().union(*_known().values(), *(set(layout.signature) for layout in _layouts()))
    names |= {bare(name)[0] for name in asked}
    return lambda cells: len({bare(cell)[0] for cell in cells if cell} & names)


def parse_map(text: str) -> dict[str, str]:
    """``payee=收款方,amount=金额`` to a dict.  Errors: BadInput names the part that does not read.

    >>> parse_map("payee=收款方, amount=金额")
    {'payee': '收款方', 'amount': '金额'}
    """
    asked = {}
    for part in filter(None, (piece.strip() for piece in re.split("[,，]", text))):
        role, sign, name = part.partition("=")
        if not sign or not name.strip():
            raise BadInput(f"--map part {part!r} does not read; write it like payee=收款方,amount=金额", field="map")
        asked[role.strip()] = name.strip()
    return asked


def recognise(columns: Sequence[str], asked: Mapping[str, str] | None, file: str) -> ColumnMap:
    """The mapping of a header.  `asked` (from --map) overrides what the table says.

    Errors: BadInput for an unknown role, a column that is not there, two columns for one role, or no time or amount.
    """
    asked = dict(asked or {})
    for role in asked:
        if role not in ROLES:
            raise BadInput(f"--map names {role!r}; it may name {', '.join(ROLES)}", field="map")
    names = [bare(name)[0] for name in columns]
    chosen = {role: (_asked_column(columns, names, role, name),) for role, name in asked.items()}
    layout = next((one for one in _layouts() if set(one.signature) <= set(names)), GENERIC)
    found = _from_layout(layout, names) if layout is not GENERIC else _from_synonyms(columns, names, set(asked), file)
    roles = {**found, **chosen}
    if asked.get("income") or asked.get("expense"):
        roles.pop("amount", None)
    if asked.get("payer"):
        roles.pop("counterparty", None)
    _complete(roles, columns, file)
    amounts = [columns[j] for role in ("amount", "income", "expense") for j in roles.get(role, ())]
    units = {unit for unit in (bare(name)[1] for name in amounts) if unit} or ({layout.unit} if layout.unit else set())
    if len(units) > 1:
        raise BadInput(
            f"{file}: the amount columns are in yuan and in fen; name one with --map amount=...", field="amount"
        )
    named = {role: tuple(columns[j] for j in indices) for role, indices in roles.items()}
    return ColumnMap(layout, roles, next(iter(units), None), len(columns), named)


def _asked_column(columns: Sequence[str], names: Sequence[str], role: str, name: str) -> int:
    exact = [j for j, column in enumerate(columns) if column == name] or [
        j for j, column in enumerate(names) if column == bare(name)[0]
    ]
    if not exact:
        raise BadInput(
            f"--map {role}={name}: the file has no such column; it has {', '.join(filter(None, columns))}", field=role
        )
    if len(exact) > 1:
        raise BadInput(f"--map {role}={name}: the file has {len(exact)} columns of that name; rename one", field=role)
    return exact[0]


def _from_layout(layout: Layout, names: Sequence[str]) -> dict[str, tuple[int, ...]]:
    found = {role: tuple(names.index(n) for n in wanted if n in names) for role, wanted in layout.roles.items()}
    return {role: indices for role, indices in found.items() if indices}


def _from_synonyms(
    columns: Sequence[str], names: Sequence[str], asked: set[str], file: str
) -> dict[str, tuple[int, ...]]:
    known, found = _known(), {}
    for role in known:
        if role in asked:
            continue
        at = [j for j, name in enumerate(names) if name in known[role]]
        if len(at) > 1 and role in ("at", "amount", "payer", "payee"):
            both = ", ".join(columns[j] for j in at)
            raise BadInput(
                f"{file} has {len(at)} columns that could be the {_WORD.get(role, role)}: {both}; choose with --map {role}={columns[at[0]]}",
                field=role,
            )
        if at:
            found[role] = tuple(at)
    if "amount" in found or "amount" in asked or "income" not in found:
        found.pop("income", None)
        found.pop("expense", None)
    return found


def _complete(roles: dict[str, tuple[int, ...]], columns: Sequence[str], file: str) -> None:
    has = ", ".join(filter(None, columns))
    if not roles.get("at"):
        raise BadInput(
            f"{file} has no column for the time of a payment; it has {has}. Name it: --map at=...", field="at"
        )
    if not roles.get("amount") and not roles.get("income"):
        raise BadInput(f"{file} has no column for the amount; it has {has}. Name it: --map amount=...", field="amount")
    if not roles.get("payer") and not roles.get("counterparty"):
        raise BadInput(f"{file} has no column for who paid; it has {has}. Name it: --map payer=...", field="payer")
    if not roles.get("payee") and roles.get("payer") and not roles.get("counterparty"):
        roles["counterparty"] = roles.pop("payer")  # one holder's bill: whoever is named is the other side
