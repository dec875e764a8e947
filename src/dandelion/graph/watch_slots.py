"""What stands in a slot: finding it, counting its people, expecting how many, who met there before, one device, sums that differ.

A slot is (store, place on one of two grids) with enough payers to be a burst; only such slots are kept.
"""

from __future__ import annotations

import numpy as np
from numba import njit

HOUR_US, WEEK_US, WEEK_HOURS = 3_600_000_000, 604_800_000_000, 168
SUMS_COMPARED = 64  # of the sums of one hour of a store, the newest


@njit(cache=True, nogil=True)
def place_of(local, grid, length):  # type: ignore[no-untyped-def]
    """Number of the slot of an instant, with the grid in its last bit."""
    return (local + grid * (length // 2)) // length * 2 + grid


@njit(cache=True, nogil=True)
def find_slot(store, place, table, slot_store, slot_place):  # type: ignore[no-untyped-def]
    """(number of the slot or -1, where in the table it is or would be)."""
    mask = len(table) - 1
    mixed = np.uint64(place) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(store) * np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(29)
    where = np.int64(mixed & np.uint64(mask))
    while table[where] > 0:
        slot = table[where] - 1
        if slot_store[slot] == store and slot_place[slot] == place:
            return slot, where
        where = (where + 1) & mask
    return -1, where


@njit(cache=True, nogil=True)
def enter_slots(number, table, slot_store, slot_place):  # type: ignore[no-untyped-def]
    for slot in range(number):
        _, where = find_slot(slot_store[slot], slot_place[slot], table, slot_store, slot_place)
        table[where] = slot + 1


@njit(cache=True, nogil=True)
def mean_of(store, first_at, events, acc, hours, market, market_sum, prior, per_hour):  # type: ignore[no-untyped-def]
    """Payments that a slot beginning with `first_at` would hold, as `Rhythm.usual` has it, to the bit."""
    hour = first_at // HOUR_US % WEEK_HOURS
    own = max(hours[acc.hour_row[store], hour] - events, 0)
    weeks = max(np.ceil((acc.last[store] - acc.first[store]) / WEEK_US), 1.0)
    usual = max(acc.receipts[store] - events, 1) / weeks * ((market[hour] + 1.0) / (market_sum + WEEK_HOURS))
    return (own + prior * usual) / (max(weeks - 1.0, 0.0) + prior) * per_hour


@njit(cache=True, nogil=True)
def count_slot(store, grid, local, rows, acc, length, mark, token):  # type: ignore[no-untyped-def]
    """(events, payers, first, last, fen) of the slot that holds `local`."""
    wanted = place_of(local, grid, length)
    events, payers, first, last, fen = 0, 0, 0, 0, 0
    row = acc.head_in[store]
    while row >= 0:
        place = place_of(rows.local[row], grid, length)
        if place < wanted:
            break
        if place == wanted:
            if events == 0:
                last = rows.local[row]
            events += 1
            first = rows.local[row]
            fen += rows.fen[row]
            if mark[rows.payer[row]] != token:
                mark[rows.payer[row]] = token
                payers += 1
        row = rows.prev_in[row]
    return events, payers, first, last, fen


@njit(cache=True, nogil=True)
def is_warm(row, rows, slots, table, length):  # type: ignore[no-untyped-def]
    for grid in range(2):
        slot, _ = find_slot(rows.payee[row], place_of(rows.local[row], grid, length), table, slots.store, slots.place)
        if slot >= 0 and slots.warm[slot]:
            return True
    return False


@njit(cache=True, nogil=True)
def met_before(  # type: ignore[no-untyped-def]
    store, grid, local, rows, acc, slots, table, length, overlap, mark, token, seen, count
):
    """Whether `overlap` buyers of a slot were together in other hours that filled up, at one store.  Never too strict."""
    wanted = place_of(local, grid, length)
    row = acc.head_in[store]
    first_token = token + 1
    while row >= 0:
        place = place_of(rows.local[row], grid, length)
        if place < wanted:
            break
        buyer = rows.payer[row]
        if place == wanted and mark[buyer] < first_token:
            token += 1
            mark[buyer] = token
            other = acc.head_out[buyer]
            while other >= 0:
                where = rows.payee[other]
                if acc.filled[where] and seen[where] != token:
                    same = where == store and place_of(rows.local[other], grid, length) == wanted
                    if not same and is_warm(other, rows, slots, table, length):
                        count[where] = count[where] + 1 if seen[where] >= first_token else 1
                        seen[where] = token
                        if count[where] >= overlap:
                            return True, token
                other = rows.prev_out[other]
        row = rows.prev_in[row]
    return False, token


@njit(cache=True, nogil=True)
def on_one_device(row, grid, rows, acc, length, mark, token):  # type: ignore[no-untyped-def]
    """Different payers in the slot of a row who paid from its device."""
    wanted, found = place_of(rows.local[row], grid, length), 0
    other = acc.head_in[rows.payee[row]]
    while other >= 0:
        place = place_of(rows.local[other], grid, length)
        if place < wanted:
            break
        if place == wanted and rows.device[other] == rows.device[row] and mark[rows.payer[other]] != token:
            mark[rows.payer[other]] = token
            found += 1
        other = rows.prev_in[other]
    return found


@njit(cache=True, nogil=True)
def sums_differ(store, grid, local, rows, acc, length, share):  # type: ignore[no-untyped-def]
    """Whether so many of the newest sums of the slot that holds `local` differ; a busy store's are too many to compare all."""
    slot, looked, found = place_of(local, grid, length), 0, 0
    newest = acc.head_in[store]
    while newest >= 0 and place_of(rows.local[newest], grid, length) > slot:
        newest = rows.prev_in[newest]
    row = newest
    while row >= 0 and looked < SUMS_COMPARED and place_of(rows.local[row], grid, length) == slot:
        other = newest
        while rows.fen[other] != rows.fen[row]:
            other = rows.prev_in[other]
        found += int(other == row)
        looked += 1
        row = rows.prev_in[row]
    return found >= share * looked
