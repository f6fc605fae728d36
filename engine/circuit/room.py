"""A growing array of gates: room comes from the operating system page by page and goes back the same way."""

from __future__ import annotations

import contextlib
import mmap

import numpy as np
from numpy.typing import NDArray

_WORD = 8
_LARGE = 2**26  # bytes from which large pages pay


class Room:
    """An int64 array, :attr:`words`, that grows without being copied where the system can move pages (Linux).

    A process holds only the pages that were written, so room may be reserved generously.
    """

    def __init__(self, length: int) -> None:
        self._map = _anonymous(length * _WORD)
        self.words: NDArray[np.int64] = np.frombuffer(self._map, np.int64)

    def grow(self, length: int) -> None:
        """Room for ``length`` words. Nobody else may hold :attr:`words` meanwhile; what was written stays."""
        old = self.words
        del self.words
        used = len(old)
        try:
            del old
            self._map.resize(length * _WORD)
        except (SystemError, ValueError, BufferError):  # no way to move pages here: copy
            before, self._map = self._map, _anonymous(length * _WORD)
            self._map[: used * _WORD] = before[: used * _WORD]
        if length * _WORD >= _LARGE and hasattr(mmap, "MADV_HUGEPAGE"):
            with contextlib.suppress(OSError):
                self._map.madvise(mmap.MADV_HUGEPAGE)
        self.words = np.frombuffer(self._map, np.int64)

    def release(self, start: int, stop: int) -> None:
        """Give back the pages of these words; what was in them is lost."""
        if not hasattr(mmap, "MADV_DONTNEED"):
            return
        page = mmap.PAGESIZE
        first, last = -(-start * _WORD // page) * page, stop * _WORD // page * page
        if last > first:
            self._map.madvise(mmap.MADV_DONTNEED, first, last - first)


def _anonymous(size: int) -> mmap.mmap:
    private = getattr(mmap, "MAP_PRIVATE", 0) | getattr(mmap, "MAP_ANONYMOUS", 0)
    return mmap.mmap(-1, max(size, mmap.PAGESIZE), flags=private) if private else mmap.mmap(-1, size)
