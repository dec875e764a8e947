"""A crew of threads over kernels that release the interpreter's lock: pieces of work are taken when a thread is free."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from dandelion.core import BadInput

T = TypeVar("T")


FEW = 200_000  # with less to do, starting threads costs more than it saves


def size(threads: int | None, work: int) -> int:
    """How many threads to use: those asked for, else as many as this process may run on; one where there are only `work`
    edges to look at.  Errors: BadInput."""
    if threads is None:
        if work < FEW:
            return 1
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not 1 <= threads <= 1024:
        raise BadInput(f"threads is {threads}; give 1 to 1024", field="threads")
    return threads


def share(pieces: int, threads: int, work: Callable[[Iterator[int]], T]) -> list[T]:
    """`work` once per thread; the iterators it is given hand out 0 to `pieces` - 1, each number to one of them."""
    counter = itertools.count()  # its next() is one step under the interpreter's lock
    left = iter(counter.__next__, pieces)

    def taken() -> Iterator[int]:
        for piece in left:
            if piece >= pieces:
                return
            yield piece

    if threads == 1:
        return [work(taken())]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda _: work(taken()), range(threads)))


def parts(length: int, pieces: int) -> list[tuple[int, int]]:
    """`length` things cut into so many nearly equal ranges (fewer when there are fewer things)."""
    pieces = max(1, min(pieces, length))
    cuts = [length * i // pieces for i in range(pieces + 1)]
    return list(itertools.pairwise(cuts))
