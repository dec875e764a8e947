"""Whole-number lines to few bytes and back: per line a base and as many bytes as its spread needs.

A line is written as (base int64, width 0 to 8) and ``width`` little-endian bytes for every event; arrival is written
as its distance from the event, so that it mostly takes nothing.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from dandelion.indicators.layout import ARRIVED, AT

LINE_HEAD = 9


@njit(cache=True, nogil=True)
def pack_lines(data):  # type: ignore[no-untyped-def]
    """(lines, events) int64 to uint8."""
    lines, events = data.shape
    bases = np.zeros(lines, np.int64)
    widths = np.zeros(lines, np.int64)
    size = 0
    for line in range(lines):
        if events:
            low = high = data[line, 0] - (data[AT, 0] if line == ARRIVED else 0)
            for i in range(events):
                value = data[line, i] - (data[AT, i] if line == ARRIVED else 0)
                low, high = min(low, value), max(high, value)
            spread = np.uint64(high) - np.uint64(low)
            while spread:
                widths[line] += 1
                spread >>= np.uint64(8)
            bases[line] = low
        size += LINE_HEAD + widths[line] * events
    out = np.empty(size, np.uint8)
    at = 0
    for line in range(lines):
        base = np.uint64(bases[line])
        for b in range(8):
            out[at + b] = np.uint8((base >> np.uint64(8 * b)) & np.uint64(255))
        out[at + 8] = np.uint8(widths[line])
        at += LINE_HEAD
        for i in range(events):
            value = np.uint64(data[line, i] - (data[AT, i] if line == ARRIVED else 0)) - base
            for b in range(widths[line]):
                out[at + b] = np.uint8((value >> np.uint64(8 * b)) & np.uint64(255))
            at += widths[line]
    return out


@njit(cache=True, nogil=True)
def unpack_lines(packed, lines, events):  # type: ignore[no-untyped-def]
    """What `pack_lines` made, back as (lines, events) int64."""
    data = np.empty((lines, events), np.int64)
    at = 0
    for line in range(lines):
        base = np.uint64(0)
        for b in range(8):
            base |= np.uint64(packed[at + b]) << np.uint64(8 * b)
        width = int(packed[at + 8])
        at += LINE_HEAD
        for i in range(events):
            value = np.uint64(0)
            for b in range(width):
                value |= np.uint64(packed[at + b]) << np.uint64(8 * b)
            at += width
            data[line, i] = np.int64(base + value) + (data[AT, i] if line == ARRIVED else 0)
    return data
