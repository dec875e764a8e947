"""A file that is written once, from its beginning to its end, past the system's cache of pages.

A frame of a million labels is gigabytes that nobody reads while it is written.  Through the cache every page of them is
memory taken from the system, cleared, filled and held; written directly they cost the processor next to nothing, and what
the cache held before stays there.  Where a file system or a system cannot do that, the bytes go the ordinary way.
"""

from __future__ import annotations

import errno
import fcntl
import io
import mmap
import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

PIECE = 4 << 20  # bytes written at once: whole pages, in memory that begins with a page
PIECES = 3  # one is filled while the others are written
_PAGE = 4096
_DIRECT = getattr(os, "O_DIRECT", 0)  # Linux; elsewhere the ordinary way


class DirectFile(io.RawIOBase):
    """`write` copies into a piece; full pieces are written by a thread.  Errors of the disk come out at a later `write` or
    at `close`, after which the file has its true length."""

    def __init__(self, path: Path | str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        try:
            self._file = os.open(path, flags | _DIRECT, 0o666)
        except OSError as error:
            if not _DIRECT or error.errno != errno.EINVAL:
                raise
            self._file = os.open(path, flags, 0o666)
        self._pieces = [np.frombuffer(mmap.mmap(-1, PIECE), np.uint8) for _ in range(PIECES)]
        self._writing: list[Future[None] | None] = [None] * PIECES
        self._size = 0
        self._thread = ThreadPoolExecutor(1)

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._size

    def write(self, data: Any) -> int:
        given = np.frombuffer(data, np.uint8)
        done = 0
        while done < len(given):
            number, first = divmod(self._size, PIECE)
            held, place = number % PIECES, self._writing[number % PIECES]
            if not first and place is not None:
                place.result()
            count = min(len(given) - done, PIECE - first)
            self._pieces[held][first : first + count] = given[done : done + count]
            done, self._size = done + count, self._size + count
            if first + count == PIECE:
                self._writing[held] = self._thread.submit(self._put, self._pieces[held], number * PIECE)
        return len(given)

    def close(self) -> None:
        if self.closed:
            return
        try:
            number, rest = divmod(self._size, PIECE)
            if rest:  # whole pages here too, and what is too much of the last one is cut off
                last = self._pieces[number % PIECES][: -(-rest // _PAGE) * _PAGE]
                self._writing.append(self._thread.submit(self._put, last, number * PIECE))
            self._thread.shutdown()
            for future in self._writing:
                if future is not None:
                    future.result()
            os.ftruncate(self._file, self._size)
        finally:
            os.close(self._file)
            super().close()

    def _put(self, piece: np.ndarray[Any, Any], at: int) -> None:
        done = 0
        while done < len(piece):
            try:
                done += os.pwrite(self._file, piece[done:], at + done)  # type: ignore[arg-type]
            except OSError as error:
                flags = fcntl.fcntl(self._file, fcntl.F_GETFL)
                if error.errno != errno.EINVAL or not flags & _DIRECT:
                    raise
                fcntl.fcntl(self._file, fcntl.F_SETFL, flags & ~_DIRECT)  # a file system that says so only now
