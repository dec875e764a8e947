"""Identity clusters: accounts that are one person or one crew, by what they share.

Each sort of identifier weighs something (a phone or a contact by itself, an address or a name only together with
another); two accounts whose shared identifiers weigh enough are tied, and ties are joined.  A value shared by very many
is a hub (a cafe's address, a hotline) and proves nothing.  Weights, hub sizes and known hubs are rules in YAML.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dandelion.core import BadInput
from dandelion.core.frame import Ints
from dandelion.graph.devices import pairs_within
from dandelion.graph.parts import Labels, linked_parts
from dandelion.graph.payments import encode, visible
from dandelion.graph.relation_rules import IdentityRules, relation_rules

KINDS = ("device", "contact", "account", "address", "name")
NEEDED = ("party", "kind", "value")
_LATEST = 2**62


@dataclass(frozen=True)
class Identities:
    """`clusters`: party, cluster, size; parties that are tied to others only.  `ties`: one row per tied pair with the
    sorts of identifiers behind it.  `hubs`: kind, parties; the values that were left out, counted and not named."""

    clusters: pa.Table
    ties: pa.Table
    hubs: pa.Table

    def cluster(self, party: str) -> tuple[str, ...]:
        """Everybody in the party's cluster, itself included."""
        rows = dict(
            zip(self.clusters.column("party").to_pylist(), self.clusters.column("cluster").to_pylist(), strict=True)
        )
        own = rows.get(party)
        return (party,) if own is None else tuple(sorted(p for p, c in rows.items() if c == own))


def identities(
    shared: pa.Table, *, as_of: int | None = None, known_at: int | None = None, rules: IdentityRules | None = None
) -> Identities:
    """From a table of party, kind (device, contact, account, address, name), value; `at` and `arrived` where dated.

    A cluster's name is its smallest party.  Errors (BadInput): a column missing or null, a kind that there is not.
    """
    rules = relation_rules().identity if rules is None else rules
    shared = _seen(shared, as_of, known_at)
    party, parties = encode(shared.column("party"))
    names = np.array(parties.to_pylist(), object)
    rank = np.argsort(np.argsort(names, kind="stable"), kind="stable") if len(names) else np.zeros(0, np.int64)
    names, size = np.sort(names), max(len(names), 1)
    party = rank[party] if len(names) else party
    weight: dict[int, float] = {}
    behind: dict[int, list[str]] = {}
    hubs: list[tuple[str, int]] = []
    kind = np.array(shared.column("kind").to_pylist(), object)
    value = np.array([plain(text) for text in shared.column("value").to_pylist()], object)
    known = {plain(text) for text in rules.hubs}
    for sort in KINDS:
        rows = np.flatnonzero((kind == sort) & (value != "") & ~np.isin(value, list(known)))
        hubs += [(sort, int(np.unique(party[kind == sort][value[kind == sort] == hub]).size)) for hub in sorted(known)
                 if (value[kind == sort] == hub).any()]  # fmt: skip
        keys, most = _pairs(value[rows], party[rows], size, int(rules.hub_parties.of(sort)))
        hubs += [(sort, count) for count in most]
        for key in keys.tolist():
            weight[key] = weight.get(key, 0.0) + rules.shared.of(sort)
            behind.setdefault(key, []).append(sort)
    strong = sorted(key for key, total in weight.items() if total >= rules.enough and key // size < key % size)
    a, b = np.array(strong, np.int64) // size, np.array(strong, np.int64) % size
    ties = pa.table({
        "party": pa.array(names[a], pa.string()), "other": pa.array(names[b], pa.string()),
        "shared": pa.array([" ".join(behind[key]) for key in strong], pa.string()),
    })  # fmt: skip
    table = pa.table(
        {"kind": pa.array([h[0] for h in hubs], pa.string()), "parties": pa.array([h[1] for h in hubs], pa.int64())}
    )
    return Identities(_clusters(names, a, b), ties, table)


def plain(text: str) -> str:
    """An identifier as it is compared: full width folded, case and spaces gone, punctuation of phone numbers too."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = "".join(c for c in folded if not c.isspace() and c not in "-()")
    return kept.removeprefix("+86") if kept.removeprefix("+").isdigit() else kept


def _seen(shared: pa.Table, as_of: int | None, known_at: int | None) -> pa.Table:
    for name in NEEDED:
        if name not in shared.column_names:
            raise BadInput(f"identifiers lack column {name!r}; they have {', '.join(shared.column_names)}", field=name)
        if shared.column(name).null_count:
            raise BadInput(f"identifiers have {shared.column(name).null_count:,} rows without {name}; fill or drop them",
                           field=name)  # fmt: skip
    odd = sorted(set(pc.unique(shared.column("kind")).to_pylist()) - set(KINDS))
    if odd:
        raise BadInput(f"kind {odd[0]!r} is no identifier; there are {', '.join(KINDS)}", field="kind")
    if "at" in shared.column_names:
        until = _LATEST if as_of is None else as_of
        shared = shared.filter(pa.array(visible(shared, until, until if known_at is None else known_at)))
    return shared


def _pairs(
    value: np.ndarray[tuple[int], np.dtype[np.object_]], party: Ints, size: int, most: int
) -> tuple[Ints, list[int]]:
    """(keys of ordered pairs that share a value, parties of each hub)."""
    if not len(value):
        return np.zeros(0, np.int64), []
    _, group = np.unique(value.astype(str), return_inverse=True)
    use = np.unique(np.stack([group, party]), axis=1)
    counts = np.bincount(use[0])
    hubs = counts[counts > most].tolist()
    fine = counts[use[0]] <= most
    return pairs_within(use[0, fine], use[1, fine], size, most), hubs


def _clusters(names: np.ndarray[tuple[int], np.dtype[np.object_]], a: Ints, b: Ints) -> pa.Table:
    count = len(names)
    label: Labels = np.arange(count, dtype=np.int32)
    if len(a):
        label = linked_parts(a, b, count)
    sizes = np.bincount(label, minlength=max(count, 1))
    first: dict[int, str] = {}
    rows = [
        (name, first.setdefault(int(c), name), int(sizes[c]))
        for name, c in zip(names, label, strict=True)
        if sizes[c] > 1
    ]
    return pa.table({
        "party": pa.array([r[0] for r in rows], pa.string()), "cluster": pa.array([r[1] for r in rows], pa.string()),
        "size": pa.array([r[2] for r in rows], pa.int64()),
    })  # fmt: skip
