"""How many accounts seem to be the same person or crew as an account: its identity cluster's size, for every snapshot."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dandelion.core import DAY_US
from dandelion.graph.identity import identities
from dandelion.graph.payments import encode, instants, visible
from dandelion.graph.relation_rules import RelationRules, relation_rules

WHAT = pa.schema([("party", pa.string()), ("kind", pa.string()), ("value", pa.string())])


def identity_sizes(
    accounts: pa.Array,
    as_of: int,
    logins: pa.Table | None,
    identifiers: pa.Table | None,
    rules: RelationRules | None = None,
) -> npt.NDArray[np.float64]:
    """1 for an account that shares nothing.  Phones count where each account used them on several days; `identifiers` hold
    party, kind (contact, account, address, name, device), value and, where dated, at and arrived."""
    rules = relation_rules() if rules is None else rules
    told = [WHAT.empty_table()]
    if logins is not None and logins.num_rows:
        told.append(_phones(logins.filter(pa.array(visible(logins, as_of, as_of))), as_of, rules))
    if identifiers is not None and identifiers.num_rows:
        seen = identifiers
        if "at" in identifiers.column_names:
            seen = identifiers.filter(pa.array(visible(identifiers, as_of, as_of)))
        told.append(seen.select(WHAT.names).cast(WHAT))
    shared = pa.concat_tables(told).group_by(WHAT.names).aggregate([])
    found = identities(shared, rules=rules.identity).clusters
    size = dict(zip(found.column("party").to_pylist(), found.column("size").to_pylist(), strict=True))
    return np.array([size.get(name, 1) for name in accounts.to_pylist()], np.float64)


def _phones(logins: pa.Table, as_of: int, rules: RelationRules) -> pa.Table:
    """(party, "device", phone) of those who used it on several days of the relations' window."""
    logins = logins.filter(pa.array(instants(logins.column("at")) >= as_of - rules.window_days * DAY_US))
    device, phones = encode(logins.column("device"))
    person, people = encode(logins.column("person"))
    day = instants(logins.column("at")) // DAY_US
    use = np.unique(np.stack([person, device, day]), axis=1)
    pair, days = np.unique(use[:2], axis=1, return_counts=True)
    kept = pair[:, days >= rules.devices.days_min]
    return pa.table(
        [people.take(pa.array(kept[0])), pa.array(["device"] * kept.shape[1], pa.string()), phones.take(pa.array(kept[1]))],
        schema=WHAT,
    )  # fmt: skip
