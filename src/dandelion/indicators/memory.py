"""Memory that Arrow hands back is handed back to the process, not to the system, while a long piece of work lasts.

Arrow's usual pool gives freed memory to the system within milliseconds, and memory fresh from the system has to be cleared
page by page before it can be written: reading a lake portion by portion then spends a third of its time on that.  The
C library's allocator keeps it for the next portion.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa


@contextmanager
def memory_kept() -> Iterator[None]:
    """Arrow takes memory from the C library; buffers know where they came from, so those of before are not touched."""
    before = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(before)


def once(shape: tuple[int, ...], kind: Any) -> npt.NDArray[Any]:
    """Zeros to be written once, from their beginning on, perhaps not to their end, and kept: in ordinary pages.

    numpy asks for large ones.  On a virtual machine these come from what was handed back to the host, which has to find
    and clear each of them anew: four to five times the cost of ordinary pages, which were used by somebody here before.
    """
    size = math.prod(shape)
    if size * np.dtype(kind).itemsize < mmap.PAGESIZE:
        return np.zeros(shape, kind)
    held = mmap.mmap(-1, size * np.dtype(kind).itemsize, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return np.frombuffer(held, kind, size).reshape(shape)
