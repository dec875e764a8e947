"""Memory that Arrow hands back is handed back to the process, not to the system, while a long piece of work lasts.

Arrow's usual pool gives freed memory to the system within milliseconds, and memory fresh from the system has to be cleared
page by page before it can be written: reading a lake portion by portion then spends a third of its time on that.  The
C library's allocator keeps it for the next portion.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
