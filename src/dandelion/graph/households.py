"""Accounts that stand and fall together: firm and owner, a family, people who share a phone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dandelion.core import DAY_US
from dandelion.graph.parts import linked_parts
from dandelion.graph.payments import encode, instants, visible
from dandelion.graph.rules import HouseholdRules, standard_rules

_LATEST = 2**62


@dataclass(frozen=True)
class Households:
    """Connected groups.  A group's id is the smallest account id in it; an account nobody ties to is its own group."""

    groups: dict[str, str]

    def group(self, account: str) -> str:
        return self.groups.get(account, account)

    @cached_property
    def _members(self) -> dict[str, frozenset[str]]:
        out: dict[str, set[str]] = {}
        for account, group in self.groups.items():
            out.setdefault(group, set()).add(account)
        return {group: frozenset(accounts) for group, accounts in out.items()}

    def members(self, account: str) -> frozenset[str]:
        """Everyone in the account's group, itself included."""
        return self._members.get(self.group(account), frozenset([account]))

    def related(self, account: str) -> frozenset[str]:
        """The others of the group: their payments to the account are no trade."""
        return self.members(account) - {account}

    def joined(self, pairs: list[tuple[str, str]]) -> Households:
        """The same groups, joined where one of `pairs` ties two of them."""
        kept = [(account, group) for account, group in self.groups.items() if account != group]
        return Households(_components([*kept, *pairs]))

    def to_arrow(self) -> pa.Table:
        """account, group; sorted by account."""
        accounts = sorted(self.groups)
        return pa.table({"account": pa.array(accounts, pa.string()),
                         "group": pa.array([self.groups[a] for a in accounts], pa.string())})  # fmt: skip


def households(
    roles: pa.Table | None,
    shareholdings: pa.Table | None,
    logins: pa.Table | None,
    *,
    as_of: int | None = None,
    known_at: int | None = None,
    rules: HouseholdRules | None = None,
) -> Households:
    """Groups from roles (owner, legal representative, household member), holdings of a quarter or more, and phones a few
    accounts share on several days each; facts with ``at < as_of`` and ``arrived < known_at`` (default: all)."""
    rules = standard_rules().households if rules is None else rules
    as_of = _LATEST if as_of is None else as_of
    known_at = as_of if known_at is None else known_at
    pairs: list[tuple[str, str]] = []
    if roles is not None and roles.num_rows:
        seen = roles.filter(pa.array(visible(roles, as_of, known_at)))
        seen = seen.filter(pc.is_in(seen.column("role"), value_set=pa.array(rules.roles, pa.string())))
        pairs += zip(seen.column("firm").to_pylist(), seen.column("person").to_pylist(), strict=True)
    if shareholdings is not None and shareholdings.num_rows:
        seen = shareholdings.filter(pa.array(visible(shareholdings, as_of, known_at)))
        seen = seen.filter(pc.greater_equal(seen.column("share_ppm"), rules.share_ppm_min))
        pairs += zip(seen.column("firm").to_pylist(), seen.column("holder").to_pylist(), strict=True)
    if logins is not None and logins.num_rows:
        pairs += _phones(logins.filter(pa.array(visible(logins, as_of, known_at))), rules)
    return Households(_components(pairs))


def _phones(logins: pa.Table, rules: HouseholdRules) -> list[tuple[str, str]]:
    """(first account, account) for every family phone."""
    device, _ = encode(logins.column("device"))
    person, people = encode(logins.column("person"))
    day = instants(logins.column("at")) // DAY_US  # UTC days will do to tell habit from accident
    known = (device >= 0) & (person >= 0)
    use = np.unique(np.stack([device[known], person[known], day[known]]), axis=1)
    pair, days = np.unique(use[:2], axis=1, return_counts=True)
    pair = pair[:, days >= rules.device_days_min]
    phones, first, sizes = np.unique(pair[0], return_index=True, return_counts=True)
    names = people.to_pylist()
    out = []
    for start, size in zip(first[sizes > 1].tolist(), sizes[sizes > 1].tolist(), strict=True):
        if size <= rules.device_accounts_max:
            members = pair[1, start : start + size].tolist()
            out += [(names[members[0]], names[other]) for other in members[1:]]
    assert len(phones) == len(first)
    return out


def _components(pairs: list[tuple[str, str]]) -> dict[str, str]:
    accounts = sorted({account for pair in pairs for account in pair})
    if not accounts:
        return {}
    place = {account: i for i, account in enumerate(accounts)}
    a, b = np.array([(place[x], place[y]) for x, y in pairs]).T
    label = linked_parts(a, b, len(accounts))
    smallest: dict[int, str] = {}
    for account, group in zip(accounts, label.tolist(), strict=True):
        smallest.setdefault(group, account)  # accounts ascend, so the first is the smallest
    return {account: smallest[group] for account, group in zip(accounts, label.tolist(), strict=True)}
