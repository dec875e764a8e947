"""Local day, hour and weekday of every event in one loop, and codes of numbers between edges."""

from __future__ import annotations

import numpy as np
from numba import njit

_DAY, _HOUR = 86_400_000_000, 3_600_000_000


@njit(cache=True, nogil=True)
def clock_codes(at, starts, offsets, day, words, word_of, shifts, by_hour, by_weekday):  # type: ignore[no-untyped-def]
    """Fill `day`, and add the codes of splits by hour (tables of 24) and weekday (tables of 7) to `words`.

    ``word_of[k], shifts[k]`` place split k; the first ``len(by_hour)`` splits are by hour.
    """
    last = len(starts) - 1
    hours = by_hour.shape[0]
    span = last
    for i in range(len(at)):
        when = at[i]
        if not (starts[span] <= when and (span == last or when < starts[span + 1])):
            span = max(0, np.searchsorted(starts, when, side="right") - 1)
        local = when + offsets[span]
        day[i] = local // _DAY
        hour = (local - day[i] * _DAY) // _HOUR
        weekday = (day[i] + 3) % 7
        for k in range(hours):
            words[word_of[k], i] += by_hour[k, hour] << shifts[k]
        for k in range(by_weekday.shape[0]):
            words[word_of[hours + k], i] += by_weekday[k, weekday] << shifts[hours + k]


@njit(cache=True, nogil=True)
def add_codes(word, places, codes, shift):  # type: ignore[no-untyped-def]
    """word += codes[place] << shift"""
    for i in range(len(word)):
        word[i] += codes[places[i]] << shift


@njit(cache=True, nogil=True)
def add_number_codes(word, numbers, edges, codes, shift):  # type: ignore[no-untyped-def]
    """word += code of the span between edges that each number lies in << shift"""
    for i in range(len(word)):
        place = 0
        for edge in edges:
            if numbers[i] >= edge:
                place += 1
        word[i] += codes[place] << shift


@njit(cache=True, nogil=True)
def largest_sum(bounds, values):  # type: ignore[no-untyped-def]
    """Largest sum of sizes inside a slice, as a float."""
    most = 0.0
    for s in range(len(bounds) - 1):
        total = 0.0
        for i in range(bounds[s], bounds[s + 1]):
            total += abs(float(values[i]))
        most = max(most, total)
    return most


@njit(cache=True, nogil=True)
def rows_since(bounds, at, since):  # type: ignore[no-untyped-def]
    """(bounds, rows) of what is left of each slice, in order of time, without the rows before `since`."""
    ends = np.zeros(len(bounds), np.int64)
    rows = np.empty(len(at), np.int64)
    found = 0
    for s in range(len(bounds) - 1):
        low, high = bounds[s], bounds[s + 1]
        while low < high:
            middle = (low + high) // 2
            if at[middle] < since:
                low = middle + 1
            else:
                high = middle
        for row in range(low, bounds[s + 1]):
            rows[found] = row
            found += 1
        ends[s + 1] = found
    return ends, rows[:found].copy()
