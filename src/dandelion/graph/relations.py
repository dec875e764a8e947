"""Relations of every sort as one dated graph: payments, invoices, shareholdings, offices, shared phones.

One row per (source, target, kind): who paid, sold to, holds or serves whom, how often, how much, since and until when.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dandelion.core import DAY_US, BadInput
from dandelion.core.frame import Ints
from dandelion.graph.devices import pairs_within
from dandelion.graph.edges import Edges
from dandelion.graph.parties import Parties
from dandelion.graph.payments import distinct, encode, instants, visible
from dandelion.graph.relation_rules import DeviceTies, RelationRules, relation_rules

Doubles = npt.NDArray[np.float64]
_EPOCH = 0
_INT = pa.int64()


class Tie(IntEnum):
    """A sort of relation, read from source to target."""

    PAYS = 0
    INVOICES = 1  # the source sold to the target
    HOLDS = 2
    OFFICE = 3  # the source is owner, director, ... of the target
    DEVICE = 4  # both used the same phone; told once, the smaller id first


WORDS = {Tie.PAYS: "pays", Tie.INVOICES: "invoices", Tie.HOLDS: "holds", Tie.OFFICE: "office", Tie.DEVICE: "device"}


@dataclass(frozen=True)
class Relations:
    """Rows sorted by (source, target, kind), numbers into `parties` (sorted ids).  `size` is fen of payments and
    invoices (red ones taken off), ppm of a holding, days of a shared phone, 1 of an office."""

    as_of: int
    parties: Parties
    source: Ints
    target: Ints
    kind: Ints
    count: Ints
    size: Ints
    first: Ints
    last: Ints

    def __len__(self) -> int:
        return len(self.source)

    @cached_property
    def _both(self) -> tuple[Ints, Ints, Ints]:
        """(offsets, other party, row): every row from both its ends."""
        end = np.concatenate([self.source, self.target])
        other = np.concatenate([self.target, self.source])
        row = np.tile(np.arange(len(self), dtype=np.int64), 2)
        order = np.lexsort((row, other, end))
        offsets = np.concatenate([[0], np.cumsum(np.bincount(end, minlength=len(self.parties)))]).astype(np.int64)
        return offsets, other[order], row[order]

    def near(self, party: int) -> tuple[Ints, Ints]:
        """(other parties, rows) of everything that touches a party, by other party."""
        offsets, other, row = self._both
        part = slice(int(offsets[party]), int(offsets[party + 1]))
        return other[part], row[part]

    @cached_property
    def contacts(self) -> Ints:
        """How many different parties each one is related to."""
        n = max(len(self.parties), 1)
        pairs = distinct(np.minimum(self.source, self.target) * n + np.maximum(self.source, self.target))
        return np.bincount(np.concatenate([pairs // n, pairs % n]), minlength=len(self.parties)).astype(np.int64)


def relations(
    as_of: int,
    known_at: int | None = None,
    *,
    payments: pa.Table | None = None,
    invoices: pa.Table | None = None,
    shareholdings: pa.Table | None = None,
    roles: pa.Table | None = None,
    logins: pa.Table | None = None,
    rules: RelationRules | None = None,
) -> Relations:
    """Everything told with ``at < as_of`` and ``arrived < known_at``; payments, invoices and logins of the last window.

    Relations to oneself are none.  Errors (BadInput): a table without the columns its kind has, an empty party, a payment
    of zero or less.
    """
    rules = relation_rules() if rules is None else rules
    known_at = as_of if known_at is None else known_at
    since = as_of - rules.window_days * DAY_US
    parts: list[tuple[Tie, pa.Table]] = []
    if payments is not None:
        table = _seen(payments, "payments", ("payer", "payee", "amount_fen"), as_of, known_at, since)
        if table.num_rows and pc.min(table.column("amount_fen")).as_py() <= 0:
            raise BadInput("payments hold an amount_fen of zero or less; give whole fen above zero", field="amount_fen")
        parts.append((Tie.PAYS, _folded(table, "payer", "payee", "amount_fen")))
    if invoices is not None:
        table = _seen(invoices, "invoices", ("seller", "buyer", "total_fen"), as_of, known_at, since)
        if "status" in table.column_names:
            table = table.filter(pc.equal(table.column("status"), "valid"))
        parts.append((Tie.INVOICES, _folded(table, "seller", "buyer", "total_fen")))
    if shareholdings is not None:
        table = _seen(shareholdings, "shareholdings", ("holder", "firm", "share_ppm"), as_of, known_at, None)
        parts.append((Tie.HOLDS, _latest_share(table)))
    if roles is not None:
        table = _seen(roles, "roles", ("person", "firm", "role"), as_of, known_at, None)
        parts.append((Tie.OFFICE, _folded(table.append_column("one", pa.array(np.ones(table.num_rows, np.int64))),
                                          "person", "firm", "one")))  # fmt: skip
    if logins is not None:
        table = _seen(logins, "logins", ("person", "device"), as_of, known_at, since)
        parts.append((Tie.DEVICE, _phones(table, rules.devices)))
    return _together(as_of, parts)


def paid_edges(edges: Edges) -> Relations:
    """Payments folded into edges already, as relations; dated by the first and last payment of each edge."""
    at, first = edges.payments.at, edges.first
    until = int(at.max()) + 1 if len(at) else 0
    return Relations(
        until, Parties(edges.payments.accounts), edges.payer.astype(np.int64), edges.payee.astype(np.int64), np.full(len(edges), int(Tie.PAYS), np.int64),
        edges.count().astype(np.int64), edges.fen(), at[first[:-1]], at[first[1:] - 1],
    )  # fmt: skip


def joined(as_of: int, paid: Relations, other: Relations) -> Relations:
    """Payments and relations of other sorts, as of an instant; the few others are put between the many payments."""
    names = Parties.of(pa.chunked_array([paid.parties.ids, other.parties.ids], pa.string()))
    moved = [names.rows(part.parties.ids) for part in (paid, other)]
    size = max(len(names), 1)
    keys = [moved[i][part.source] * size + moved[i][part.target] if len(part) else np.zeros(0, np.int64)
            for i, part in enumerate((paid, other))]  # fmt: skip
    at = np.searchsorted(
        keys[0], keys[1], side="right"
    )  # order of names is kept, so payments stay sorted; they come first
    rest = {n: np.insert(getattr(paid, n), at, getattr(other, n)) for n in ("kind", "count", "size", "first", "last")}
    key = np.insert(keys[0], at, keys[1])
    return Relations(as_of, names, key // size, key % size, **rest)


def _seen(
    table: pa.Table, what: str, needed: tuple[str, ...], as_of: int, known_at: int, since: int | None
) -> pa.Table:
    for name in (*needed, "at"):
        if name not in table.column_names:
            raise BadInput(f"{what} lack column {name!r}; they have {', '.join(table.column_names)}", field=name)
        if table.column(name).null_count:
            raise BadInput(
                f"{what} have {table.column(name).null_count:,} rows without {name}; fill or drop them", field=name
            )
    keep = visible(table, as_of, known_at)
    if since is not None:
        keep &= instants(table.column("at")) >= since
    table = table.filter(pa.array(keep))
    return table.set_column(table.column_names.index("at"), "at", pa.array(instants(table.column("at")), _INT))


def _folded(table: pa.Table, source: str, target: str, size: str) -> pa.Table:
    """source, target, count, size, first, last; one row per pair."""
    table = table.select([source, target, size, "at"])
    for position, name in enumerate((source, target)):
        table = table.set_column(position, name, pc.cast(table.column(name), pa.string()))
    found = table.group_by([source, target]).aggregate([(size, "count"), (size, "sum"), ("at", "min"), ("at", "max")])
    return _shaped(*(found.column(n) for n in (source, target, f"{size}_count", f"{size}_sum", "at_min", "at_max")))


def _latest_share(table: pa.Table) -> pa.Table:
    """The latest told share of each pair; one that was given up is no relation any more."""
    order = pc.sort_indices(table, [("at", "ascending")])
    rows = table.take(order)
    keep: dict[tuple[str, str], tuple[int, int, int]] = {}
    columns = (rows.column(n).to_pylist() for n in ("holder", "firm", "share_ppm", "at"))
    for holder, firm, ppm, at in zip(*columns, strict=True):
        first = keep[holder, firm][1] if (holder, firm) in keep else at
        keep[holder, firm] = (ppm, first, at)
    held = [(h, f, 1, *values) for (h, f), values in keep.items() if values[0] > 0]
    columns_ = list(zip(*held, strict=True)) if held else [()] * 6
    kinds = (pa.string(), pa.string(), _INT, _INT, _INT, _INT)
    return _shaped(*(pa.array(list(c), kind) for c, kind in zip(columns_, kinds, strict=True)))


def _phones(logins: pa.Table, rules: DeviceTies) -> pa.Table:
    device, _ = encode(logins.column("device"))
    person, people = encode(logins.column("person"))
    at = instants(logins.column("at"))
    size = max(len(people), 1)
    use = np.unique(np.stack([device, person, at // DAY_US]), axis=1)
    pair, days = np.unique(use[:2], axis=1, return_counts=True)
    pair = pair[:, days >= rules.days_min]
    keys = pairs_within(pair[0], pair[1], size, rules.accounts_max)
    a, b = keys // size, keys % size
    names = np.array(people.to_pylist(), object)
    smaller = names[a] < names[b] if len(keys) else np.zeros(0, np.bool_)
    a, b = a[smaller], b[smaller]
    ones = np.ones(len(a), np.int64)
    last = np.zeros(size, np.int64)
    np.maximum.at(last, person, at)
    until = np.minimum(last[a], last[b])
    return _shaped(
        pa.array(names[a], pa.string()),
        pa.array(names[b], pa.string()),
        *(pa.array(x) for x in (ones, ones, until, until)),
    )


def _shaped(*columns: object) -> pa.Table:
    return pa.table(dict(zip(("source", "target", "count", "size", "first", "last"), columns, strict=True)))


def _together(as_of: int, parts: list[tuple[Tie, pa.Table]]) -> Relations:
    tables = [t.append_column("kind", pa.array(np.full(t.num_rows, int(kind)))) for kind, t in parts]
    empty = _shaped(*(pa.array([], kind) for kind in (pa.string(), pa.string(), _INT, _INT, _INT, _INT)))
    table = pa.concat_tables([empty.append_column("kind", pa.array([], _INT)), *tables])
    table = table.filter(pc.not_equal(table.column("source"), table.column("target")))
    names = Parties.of(pa.chunked_array([*table.column("source").chunks, *table.column("target").chunks], pa.string()))
    if len(names) and names[0] == "":
        raise BadInput("a party is empty; give every party an id", field="party")
    ends = [names.rows(table.column(n).combine_chunks()) for n in ("source", "target")]
    rest = {n: np.asarray(table.column(n).to_numpy(), np.int64) for n in ("kind", "count", "size", "first", "last")}
    order = np.lexsort((rest["kind"], ends[1], ends[0]))
    return Relations(as_of, names, ends[0][order], ends[1][order], **{n: v[order] for n, v in rest.items()})
