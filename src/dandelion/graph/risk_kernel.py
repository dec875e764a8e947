"""Push: risk spreads from where it is until what is still on its way is small everywhere."""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt


@nb.njit(cache=True, nogil=True)
def push(
    offsets: npt.NDArray[np.int64], other: npt.NDArray[np.int64], share: npt.NDArray[np.float64], restart: float,
    limit: float, score: npt.NDArray[np.float64], waiting: npt.NDArray[np.float64],
) -> int:  # fmt: skip
    """Settle `waiting` into `score` until no node waits for more than `limit`; returns the number of pushes.

    ``share[k]`` is the chance that a walk at ``other[k]`` steps to the node whose row k belongs to.  Sources of the
    method: Andersen, Borgs, Chayes, Hopcroft, Mirrokni and Teng (2007), local computation of PageRank contributions.
    """
    n = len(offsets) - 1
    queue = np.empty(n + 1, np.int64)
    queued = np.zeros(n, np.bool_)
    head, tail = 0, 0
    for v in range(n):
        if waiting[v] > limit:
            queue[tail] = v
            tail += 1
            queued[v] = True
    pushes = 0
    while head != tail:
        v = queue[head]
        head = (head + 1) % (n + 1)
        queued[v] = False
        mass = waiting[v]
        waiting[v] = 0.0
        score[v] += restart * mass
        rest = (1.0 - restart) * mass
        for k in range(offsets[v], offsets[v + 1]):
            u = other[k]
            waiting[u] += rest * share[k]
            if waiting[u] > limit and not queued[u]:
                queued[u] = True
                queue[tail] = u
                tail = (tail + 1) % (n + 1)
        pushes += 1
    return pushes


@nb.njit(cache=True, nogil=True)
def own_part(
    offsets: npt.NDArray[np.int64], other: npt.NDArray[np.int64], share: npt.NDArray[np.float64], restart: float,
    limit: float, seeds: npt.NDArray[np.int64], news: npt.NDArray[np.float64], out: npt.NDArray[np.float64],
) -> int:  # fmt: skip
    """What a walk from each seed finds of the seed's own news; work arrays are cleaned by what was touched only."""
    n = len(offsets) - 1
    waiting, touched, queue = np.zeros(n), np.empty(n, np.int64), np.empty(n + 1, np.int64)
    queued, seen = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    pushes = 0
    for i in range(len(seeds)):
        seed = seeds[i]
        head, tail, many, found = 0, 1, 1, 0.0
        waiting[seed] = news[i]
        queue[0], touched[0] = seed, seed
        queued[seed], seen[seed] = True, True
        while head != tail:
            v = queue[head]
            head = (head + 1) % (n + 1)
            queued[v] = False
            mass = waiting[v]
            waiting[v] = 0.0
            if v == seed:
                found += restart * mass
            rest = (1.0 - restart) * mass
            for k in range(offsets[v], offsets[v + 1]):
                u = other[k]
                if not seen[u]:
                    seen[u] = True
                    touched[many] = u
                    many += 1
                waiting[u] += rest * share[k]
                if waiting[u] > limit and not queued[u]:
                    queued[u] = True
                    queue[tail] = u
                    tail = (tail + 1) % (n + 1)
            pushes += 1
        out[i] = found
        for k in range(many):
            waiting[touched[k]] = 0.0
            seen[touched[k]] = False
    return pushes
