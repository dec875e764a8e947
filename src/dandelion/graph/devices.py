"""Which accounts have used the same phone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dandelion.core.frame import Ints
from dandelion.graph.payments import NOBODY, Payments, distinct, encode, renumber, visible


@dataclass(frozen=True, slots=True)
class SharedDevices:
    """Ordered pairs of accounts with a device in common, as sorted keys ``a * accounts + b`` (both directions)."""

    accounts: int
    keys: Ints

    def holds(self, a: Ints, b: Ints) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        wanted = np.asarray(a, np.int64) * self.accounts + b
        if not len(self.keys):
            return np.zeros(len(wanted), np.bool_)
        at = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return np.asarray(self.keys[at] == wanted)


def shared_devices(
    payments: Payments, logins: pa.Table | None, as_of: int, known_at: int, *, accounts_max: int
) -> SharedDevices:
    """From the devices payers used and, where given, logins (person, device) known at the boundary."""
    n = max(len(payments.accounts), 1)
    used = payments.device != NOBODY
    account, device = payments.payer[used].astype(np.int64), payments.device[used].astype(np.int64)
    if logins is not None and logins.num_rows:
        logins = logins.filter(pa.array(visible(logins, as_of, known_at)))
        codes, names = encode(logins.column("device"))
        place = pc.fill_null(pc.index_in(names, value_set=payments.devices), NOBODY).to_numpy(zero_copy_only=False)
        strangers = len(payments.devices) + np.arange(len(names))
        own = np.where(place >= 0, place, strangers)[codes] if len(names) else codes
        person = renumber(encode(logins.column("person")), payments.accounts)
        known = (person >= 0) & (codes >= 0)
        account = np.concatenate([account, person[known].astype(np.int64)])
        device = np.concatenate([device, own[known]])
    keys = distinct(device * n + account)
    return SharedDevices(n, pairs_within(keys // n, keys % n, n, accounts_max))


def pairs_within(group: Ints, member: Ints, n: int, size_max: int) -> Ints:
    """Sorted keys ``a * n + b`` of all ordered pairs that are together in a group of at most `size_max`; `group` is
    sorted and pairs (group, member) are distinct."""
    if not len(group):
        return np.zeros(0, np.int64)
    starts = np.flatnonzero(np.concatenate([[True], group[1:] != group[:-1]]))
    sizes = np.diff(np.append(starts, len(group)))
    found = []
    for size in range(2, size_max + 1):
        of_size = starts[sizes == size]
        if not len(of_size):
            continue
        members = member[of_size[:, None] + np.arange(size)]
        a, b = np.nonzero(~np.eye(size, dtype=bool))
        found.append((members[:, a] * n + members[:, b]).ravel())
    return distinct(np.concatenate(found)) if found else np.zeros(0, np.int64)
