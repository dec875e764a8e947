"""Once more through a subject's events, after the kernel: who is new, and how these days compare with the same weekdays before.

**New.** Between two payments of one payer to one cell lies a gap.  A payer is new in a window W, by a longer window R, just where
some event of theirs lies in W and the one before it, if any, before R.  So each gap is counted once, by the smallest window that
holds the newer event and the smallest that holds the older one, and every pair (W, R) is a sum over these counts.

**Weekdays.** Events are added up by whole weeks back and, inside a week, by the shortest span that holds them.
"""

from __future__ import annotations

import numpy as np
from numba import carray, njit

from dandelion.core import DAY_US
from dandelion.indicators.kernel import _pointer, first_at_or_after
from dandelion.indicators.layout import ARRIVED, AT, GONE

NEW, WEEKDAYS = range(2)
JOB_TABLE, JOB_WHAT, JOB_LINE, JOB_WINDOWS, JOB_WINDOWS_END, JOB_KINDS, JOB_KINDS_END, JOB_CELLS, JOB_TOLD, JOB_TOLD_END, \
    JOB_FIELDS = range(11)  # fmt: skip
RETURNING, SHARE = 1, 2  # bits of what is told of newcomers; without them, how many are new
COUNT, SUM = range(2)  # what is compared by weekdays
WEEK_US = 7 * DAY_US


@njit(cache=True, nogil=True)
def _new(  # type: ignore[no-untyped-def]
    lines, line, low, high, as_of, known_at, windows, parties, kinds, dims, ends, cells, cell_count, told, out,
):  # fmt: skip
    """`told` (columns, 4): cell, window, longer window, what.  `windows` are lengths, shortest first."""
    longest = len(windows)
    at, arrived, gone, party = lines[AT], lines[ARRIVED], lines[GONE], lines[line]
    last = np.full(cell_count * parties, -1, np.int32)  # smallest window that holds the newest event seen so far
    gaps = np.empty((cell_count, longest, longest + 1), np.int64)
    for row in range(len(low)):
        gaps[:] = 0
        none, now, known = row * longest, as_of[row], known_at[row]
        inside = longest - 1
        for i in range(first_at_or_after(at, low[row], high[row], now - windows[longest - 1]), high[row]):
            if at[i] >= now:
                break
            while inside > 0 and at[i] >= now - windows[inside - 1]:
                inside -= 1
            if not arrived[i] < known <= gone[i]:
                continue
            for kind in range(len(kinds)):
                code = kinds[kind, 2]
                for d in range(kinds[kind, 0], kinds[kind, 1]):
                    code += ((lines[dims[d, 0], i] >> dims[d, 1]) & dims[d, 2]) * dims[d, 3]
                for j in range(ends[code], ends[code + 1]):
                    place = cells[j] * parties + party[i]
                    before = last[place] - none
                    if before < 0:
                        before = longest
                    if inside < before:
                        gaps[cells[j], inside, before] += 1
                        last[place] = none + inside
        for cell in range(cell_count):  # to sums over shorter newer windows and longer older ones
            for newer in range(longest):
                for older in range(longest - 1, -1, -1):
                    gaps[cell, newer, older] += gaps[cell, newer, older + 1]
                if newer:
                    for older in range(longest + 1):
                        gaps[cell, newer, older] += gaps[cell, newer - 1, older]
        for column in range(len(told)):
            cell, window, reach, what = told[column, 0], told[column, 1], told[column, 2], told[column, 3]
            found = gaps[cell, window, reach + 1]
            seen = gaps[cell, window, window + 1]
            if what & RETURNING:
                found = seen - found
            if what & SHARE:
                out[row, column] = found / seen if seen > 0 else np.nan
            else:
                out[row, column] = found


@njit(cache=True, nogil=True)
def _weekdays(  # type: ignore[no-untyped-def]
    lines, line, low, high, as_of, known_at, spans, kinds, dims, ends, cells, cell_count, told, out,
):  # fmt: skip
    """`told` (columns, 4): cell, span, weeks, what.  `spans` are lengths up to a week, shortest first."""
    weeks = 0
    for column in range(len(told)):
        weeks = max(weeks, told[column, 2])
    at, arrived, gone, value = lines[AT], lines[ARRIVED], lines[GONE], lines[line]
    sums = np.empty((cell_count, weeks + 1, len(spans), 2), np.int64)
    for row in range(len(low)):
        sums[:] = 0
        now, known = as_of[row], known_at[row]
        first = first_at_or_after(at, low[row], high[row], now - (weeks * WEEK_US + spans[len(spans) - 1]))
        for i in range(first, high[row]):
            if at[i] >= now:
                break
            age = now - at[i] - 1
            week, rest = age // WEEK_US, age % WEEK_US
            span = 0
            while span < len(spans) and rest >= spans[span]:
                span += 1
            if span == len(spans) or not arrived[i] < known <= gone[i]:
                continue
            for kind in range(len(kinds)):
                code = kinds[kind, 2]
                for d in range(kinds[kind, 0], kinds[kind, 1]):
                    code += ((lines[dims[d, 0], i] >> dims[d, 1]) & dims[d, 2]) * dims[d, 3]
                for j in range(ends[code], ends[code + 1]):
                    sums[cells[j], week, span, COUNT] += 1
                    sums[cells[j], week, span, SUM] += value[i]
        for cell in range(cell_count):
            for week in range(weeks + 1):
                for span in range(1, len(spans)):
                    sums[cell, week, span, COUNT] += sums[cell, week, span - 1, COUNT]
                    sums[cell, week, span, SUM] += sums[cell, week, span - 1, SUM]
        for column in range(len(told)):
            cell, span, back, what = told[column, 0], told[column, 1], told[column, 2], told[column, 3]
            before = 0
            for week in range(1, back + 1):
                before += sums[cell, week, span, what]
            out[row, column] = sums[cell, 0, span, what] / (before / back) - 1.0 if before > 0 else np.nan


@njit(cache=True, nogil=True)
def retold_rows(  # type: ignore[no-untyped-def]
    extents, low, high, as_of, known_at, parties, jobs, windows, kinds, dims, ends, cells, told, out,
):  # fmt: skip
    """Every job of every row into `out` (rows, columns).  Table t has ``extents[t]`` (address, lines, events); row r looks at
    its events ``low[t, r]:high[t, r]``.  ``parties[j]`` is how many counterparties a subject of job j has at most.

    ``kinds`` (kinds of cells, 3) are a span of `dims` and a place in `ends`; ``dims`` (line, shift, mask, stride) make an event's
    codes one number, and `ends` says which `cells` have it.
    """
    for j in range(len(jobs)):
        job = jobs[j]
        table, first, end = job[JOB_TABLE], job[JOB_TOLD], job[JOB_TOLD_END]
        lines = carray(_pointer(extents[table, 0]), (extents[table, 1], extents[table, 2]))
        lengths, own = windows[job[JOB_WINDOWS] : job[JOB_WINDOWS_END]], kinds[job[JOB_KINDS] : job[JOB_KINDS_END]]
        if job[JOB_WHAT] == NEW:
            _new(lines, job[JOB_LINE], low[table], high[table], as_of, known_at, lengths, parties[j], own, dims, ends, cells,
                 job[JOB_CELLS], told[first:end], out[:, first:end])  # fmt: skip
        else:
            _weekdays(lines, job[JOB_LINE], low[table], high[table], as_of, known_at, lengths, own, dims, ends, cells,
                      job[JOB_CELLS], told[first:end], out[:, first:end])  # fmt: skip
