"""Loops of a look of the ring watch: which slots are bursts right now, who came to them, what their accounts paid."""

from __future__ import annotations

from numba import njit

from dandelion.graph.watch_kernel import NOBODY, SLOTS, TOKEN
from dandelion.graph.watch_slots import find_slot, mean_of, place_of


@njit(cache=True, nogil=True)
def heat(slots, acc, hours, market, counts, means, rule, hot):  # type: ignore[no-untyped-def]
    """Numbers of the slots that are bursts right now go to `hot`; returns how many there are."""
    found, total = 0, market.sum()
    for slot in range(counts[SLOTS]):
        store = slots.store[slot]
        slots.burst[slot] = NOBODY
        if slots.payers[slot] < rule.payers_min or acc.hour_row[store] < 0:
            slots.warm[slot] = False
            continue
        mean = mean_of(
            store, slots.first[slot], slots.events[slot], acc, hours, market, total, rule.prior, rule.per_hour
        )
        bar = means[min(slots.payers[slot], len(means) - 1)]
        slots.warm[slot] = mean < rule.slack * bar
        if mean < bar:
            hot[found] = slot
            found += 1
    return found


@njit(cache=True, nogil=True)
def merge_hot(hot, slots, length, store, first, last):  # type: ignore[no-untyped-def]
    """`hot` sorted by store and first instant; numbers the bursts they make up and fills their extent."""
    made = 0
    for k in range(len(hot)):
        slot = hot[k]
        if made == 0 or slots.store[slot] != store[made - 1] or slots.first[slot] - last[made - 1] >= length:
            store[made], first[made], last[made] = slots.store[slot], slots.first[slot], slots.last[slot]
            made += 1
        last[made - 1] = max(last[made - 1], slots.last[slot])
        slots.burst[slot] = made - 1
    return made


@njit(cache=True, nogil=True)
def burst_of(row, rows, slots, table, length):  # type: ignore[no-untyped-def]
    for grid in range(2):
        slot, _ = find_slot(rows.payee[row], place_of(rows.local[row], grid, length), table, slots.store, slots.place)
        if slot >= 0 and slots.burst[slot] >= 0:
            return slots.burst[slot]
    return NOBODY


@njit(cache=True, nogil=True)
def company(  # type: ignore[no-untyped-def]
    burst, store, first, last, rows, acc, slots, table, counts, length, most, mark, seen, common, buyers, others, mine
):
    """Who came to a burst (`buyers`), and which bursts they came to as well (`others`, how many in `common`).

    `seen` and `common` hold an entry a burst and `mine` room for as many; a buyer of more than `most` bursts ties none.
    Returns (number of buyers, number of others).
    """
    counts[TOKEN] += 1
    there, met = counts[TOKEN], 0
    n_buyers, n_others = 0, 0
    row = acc.head_in[store]
    while row >= 0 and rows.local[row] >= first:
        buyer = rows.payer[row]
        if rows.local[row] <= last and mark[buyer] < there and burst_of(row, rows, slots, table, length) == burst:
            counts[TOKEN] += 1
            mark[buyer] = counts[TOKEN]
            buyers[n_buyers] = buyer
            n_buyers += 1
            met = 0
            other = acc.head_out[buyer]
            while other >= 0:
                if acc.filled[rows.payee[other]]:
                    found = burst_of(other, rows, slots, table, length)
                    if found >= 0 and seen[found] != counts[TOKEN]:
                        if seen[found] < there:
                            common[found] = 0
                        seen[found] = counts[TOKEN]
                        mine[met] = found
                        met += 1
                other = rows.prev_out[other]
            for k in range(met):
                if met <= most:
                    if common[mine[k]] == 0:
                        others[n_others] = mine[k]
                        n_others += 1
                    common[mine[k]] += 1
        row = rows.prev_in[row]
    return n_buyers, n_others


@njit(cache=True, nogil=True)
def regularity_of(store, rows, acc, slots, table, counts, length, seen, count):  # type: ignore[no-untyped-def]
    """As `rings.regularity`, for one store."""
    counts[TOKEN] += 1
    total, same = 0, 0
    row = acc.head_in[store]
    while row >= 0:
        if burst_of(row, rows, slots, table, length) < 0:
            payer = rows.payer[row]
            if seen[payer] != counts[TOKEN]:
                seen[payer], count[payer] = counts[TOKEN], 0
            same += 2 * count[payer]
            count[payer] += 1
            total += 1
        row = rows.prev_in[row]
    return same / max(float(total * (total - 1)), 1.0)


@njit(cache=True, nogil=True)
def repaid(store, rows, acc, counts, mark, out):  # type: ignore[no-untyped-def]
    """Payers of a store whom it paid too, into `out`; stores with few of them return no money to many."""
    counts[TOKEN] += 1
    row = acc.head_in[store]
    while row >= 0:
        mark[rows.payer[row]] = counts[TOKEN]
        row = rows.prev_in[row]
    found, row = 0, acc.head_out[store]
    while row >= 0:
        if mark[rows.payee[row]] == counts[TOKEN]:
            mark[rows.payee[row]] = counts[TOKEN] - 1
            out[found] = rows.payee[row]
            found += 1
        row = rows.prev_out[row]
    return found


@njit(cache=True, nogil=True)
def gather(stores, buyers, rows, acc, taken, out):  # type: ignore[no-untyped-def]
    """Rows paid to any of both and paid by the stores, each once; `taken` is given back clean.  -1: no room."""
    filled = 0
    for k in range(len(stores) + len(buyers)):
        account = stores[k] if k < len(stores) else buyers[k - len(stores)]
        row = acc.head_in[account]
        while row >= 0:
            if not taken[row]:
                taken[row] = True
                out[filled] = row
                filled += 1
            row = rows.prev_in[row]
    for k in range(len(stores)):
        row = acc.head_out[stores[k]]
        while row >= 0:
            if not taken[row]:
                taken[row] = True
                out[filled] = row
                filled += 1
            row = rows.prev_out[row]
    for k in range(filled):
        taken[out[k]] = False
    return filled


@njit(cache=True, nogil=True)
def bursts_of_rows(which, rows, slots, table, length, out):  # type: ignore[no-untyped-def]
    for k in range(len(which)):
        out[k] = burst_of(which[k], rows, slots, table, length)
