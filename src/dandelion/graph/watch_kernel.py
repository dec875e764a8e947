"""Loops of the ring watch: payments enter chains by payee and by payer, hours that fill up become slots, slots raise looks.

Rows are payments; `prev_in` and `prev_out` lead from the newest payment of a payee or payer to older ones, in order of
time.  What stands in a slot is found by `watch_slots`.
"""

from __future__ import annotations

from numba import njit

from dandelion.graph.watch_slots import (
    HOUR_US,
    WEEK_HOURS,
    count_slot,
    find_slot,
    is_warm,
    mean_of,
    met_before,
    on_one_device,
    place_of,
    sums_differ,
)

ROWS, SLOTS, STORES, TOUCHED, TOKEN, TICK = range(6)  # places in `counts`
DONE, FULL_SLOTS, FULL_STORES = -1, -2, -3
NOBODY = -1


@njit(cache=True, nogil=True)
def chain(row, rows, acc):  # type: ignore[no-untyped-def]
    """Enter a row by time; True where it was the newest of its payee."""
    payee, payer = rows.payee[row], rows.payer[row]
    after, cur = -1, acc.head_in[payee]
    while cur >= 0 and rows.local[cur] > rows.local[row]:
        after, cur = cur, rows.prev_in[cur]
    rows.prev_in[row] = cur
    if after < 0:
        acc.head_in[payee] = row
    else:
        rows.prev_in[after] = row
    newest = after < 0
    after, cur = -1, acc.head_out[payer]
    while cur >= 0 and rows.at[cur] > rows.at[row]:
        after, cur = cur, rows.prev_out[cur]
    rows.prev_out[row] = cur
    if after < 0:
        acc.head_out[payer] = row
    else:
        rows.prev_out[after] = row
    return newest


@njit(cache=True, nogil=True)
def unchain(row, rows, acc):  # type: ignore[no-untyped-def]
    payee, payer = rows.payee[row], rows.payer[row]
    after, cur = -1, acc.head_in[payee]
    while cur != row:
        after, cur = cur, rows.prev_in[cur]
    if after < 0:
        acc.head_in[payee] = rows.prev_in[row]
    else:
        rows.prev_in[after] = rows.prev_in[row]
    after, cur = -1, acc.head_out[payer]
    while cur != row:
        after, cur = cur, rows.prev_out[cur]
    if after < 0:
        acc.head_out[payer] = rows.prev_out[row]
    else:
        rows.prev_out[after] = rows.prev_out[row]


@njit(cache=True, nogil=True)
def touch(store, counts, touched, acc):  # type: ignore[no-untyped-def]
    if not acc.touched[store]:
        acc.touched[store] = True
        touched[counts[TOUCHED]] = store
        counts[TOUCHED] += 1


@njit(cache=True, nogil=True)
def settle_slot(store, grid, local, rows, acc, slots, table, counts, length, payers_min, mark):  # type: ignore[no-untyped-def]
    """Bring the slot of an instant up to date; its number, or -1 where it has too few payers."""
    counts[TOKEN] += 1
    events, payers, first, last, fen = count_slot(store, grid, local, rows, acc, length, mark, counts[TOKEN])
    place = place_of(local, grid, length)
    slot, where = find_slot(store, place, table, slots.store, slots.place)
    if slot < 0:
        if payers < payers_min:
            return -1
        slot = counts[SLOTS]
        counts[SLOTS] += 1
        table[where] = slot + 1
        slots.store[slot], slots.place[slot] = store, place
        acc.filled[store] = True
    slots.events[slot], slots.payers[slot] = events, payers
    slots.first[slot], slots.last[slot], slots.fen[slot] = first, last, fen
    slots.warm[slot] = False
    return slot if payers >= payers_min else -1


@njit(cache=True, nogil=True)
def enter_store(store, counts, rows, acc, hours, market):  # type: ignore[no-untyped-def]
    acc.hour_row[store] = counts[STORES]
    counts[STORES] += 1
    row = acc.head_in[store]
    while row >= 0:
        hour = rows.local[row] // HOUR_US % WEEK_HOURS
        hours[acc.hour_row[store], hour] += 1
        market[hour] += 1
        row = rows.prev_in[row]


@njit(cache=True, nogil=True)
def absorb(  # type: ignore[no-untyped-def]
    row, stop, rows, acc, slots, table, hours, market, counts, touched, mark, seen, count, means, clock, base, due, rule
):
    """Take rows from `row` on.  Stops before the first row of a new minute when stores want a look, and where room is out.

    Returns (the row it stopped before, why).
    """
    while row < stop:
        if clock[row - base] > due or (counts[TOUCHED] > 0 and clock[row - base] // rule.tick != counts[TICK]):
            return row, DONE
        if counts[SLOTS] + 2 > len(slots.store) or 2 * (counts[SLOTS] + 2) > len(table):
            return row, FULL_SLOTS
        if counts[STORES] + 1 > len(hours):
            return row, FULL_STORES
        counts[TICK] = clock[row - base] // rule.tick
        payee, local = rows.payee[row], rows.local[row]
        newest = chain(row, rows, acc)
        acc.first[payee] = local if acc.receipts[payee] == 0 else min(acc.first[payee], local)
        acc.last[payee] = local if acc.receipts[payee] == 0 else max(acc.last[payee], local)
        acc.receipts[payee] += 1
        acc.fen[payee] += rows.fen[row]
        if acc.hour_row[payee] >= 0:
            hour = local // HOUR_US % WEEK_HOURS
            hours[acc.hour_row[payee], hour] += 1
            market[hour] += 1
        elif acc.receipts[payee] >= rule.store_min:
            enter_store(payee, counts, rows, acc, hours, market)
        if acc.receipts[payee] >= rule.payers_min:
            for grid in range(2):
                slot = settle_slot(
                    payee, grid, local, rows, acc, slots, table, counts, rule.length, rule.payers_min, mark
                )
                if slot < 0 or acc.hour_row[payee] < 0:
                    continue
                mean = mean_of(payee, slots.first[slot], slots.events[slot], acc, hours, market, market.sum(), rule.prior,
                               rule.per_hour)  # fmt: skip
                slots.warm[slot] = mean < rule.slack * means[min(slots.payers[slot], len(means) - 1)]
                if not slots.warm[slot] or acc.touched[payee]:
                    continue
                calm, calm_fen = acc.receipts[payee] - slots.events[slot], acc.fen[payee] - slots.fen[slot]
                odd = (
                    calm_fen * rule.lift * slots.events[slot] < 2.0 * slots.fen[slot] * calm
                )  # means twice as near as medians
                many = (
                    slots.payers[slot] >= rule.alike_payers
                    and mean < means[min(slots.payers[slot], len(means) - 1)]
                    and sums_differ(payee, grid, local, rows, acc, rule.length, rule.alike_differ)
                )
                if rows.device[row] >= 0 and slots.payers[slot] >= rule.device_payers and not many:
                    counts[TOKEN] += 1
                    many = on_one_device(row, grid, rows, acc, rule.length, mark, counts[TOKEN]) >= rule.device_payers
                if odd or many or not newest:
                    touch(payee, counts, touched, acc)
                    continue
                known, counts[TOKEN] = met_before(payee, grid, local, rows, acc, slots, table, rule.length, rule.overlap,
                                                  mark, counts[TOKEN], seen, count)  # fmt: skip
                if known:
                    touch(payee, counts, touched, acc)
        money_back(row, rows, acc, slots, table, counts, touched, rule)
        row += 1
    return row, DONE


@njit(cache=True, nogil=True)
def money_back(row, rows, acc, slots, table, counts, touched, rule):  # type: ignore[no-untyped-def]
    """Looks that a payment from a store to its buyer, or from a third account to one, may ask for."""
    giver, buyer, fen = rows.payer[row], rows.payee[row], rows.fen[row]
    other = acc.head_out[buyer]
    while other >= 0 and rows.at[other] > rows.at[row] - rule.back_us:
        store, price = rows.payee[other], rows.fen[other]
        if rows.at[other] < rows.at[row]:
            if store == giver:
                if price * rule.back_low <= fen <= price * rule.back_high:
                    acc.back[store] += 1
                    if acc.back[store] >= rule.back_buyers:
                        touch(store, counts, touched, acc)
            elif (
                price * rule.hire_low <= fen <= price * rule.hire_high + rule.wage
                and acc.filled[store]
                and is_warm(other, rows, slots, table, rule.length)
            ):
                rows.hire[row] = True
                given, k = 0, acc.head_out[giver]
                while k >= 0 and rows.at[k] > rows.at[row] - 2 * rule.back_us:
                    given += rows.hire[k]
                    k = rows.prev_out[k]
                if given >= rule.hire_buyers:
                    touch(store, counts, touched, acc)
        other = rows.prev_out[other]


@njit(cache=True, nogil=True)
def remove(row, rows, acc, slots, table, hours, market, counts, mark, rule):  # type: ignore[no-untyped-def]
    """Take a row out again, as if it had never come."""
    payee, local = rows.payee[row], rows.local[row]
    unchain(row, rows, acc)
    acc.receipts[payee] -= 1
    acc.fen[payee] -= rows.fen[row]
    newest = acc.head_in[payee]
    acc.last[payee] = rows.local[newest] if newest >= 0 else 0
    if local == acc.first[payee]:
        while newest >= 0:
            acc.first[payee] = rows.local[newest]
            newest = rows.prev_in[newest]
    own = acc.hour_row[payee]
    if own >= 0:
        hour = local // HOUR_US % WEEK_HOURS
        hours[own, hour] -= 1
        market[hour] -= 1
        if acc.receipts[payee] < rule.store_min:
            for hour in range(WEEK_HOURS):
                market[hour] -= hours[own, hour]
            hours[own] = 0
            acc.hour_row[payee] = NOBODY
    for grid in range(2):
        settle_slot(payee, grid, local, rows, acc, slots, table, counts, rule.length, rule.payers_min, mark)
