"""Large arrays whose room comes from the operating system page by page and goes back the same way.

numpy gives memory back array by array; here parts of an array can be given up (the middle of a batch that was used,
the gates that were written elsewhere), and an array grows without being copied where the system can move pages.
"""

from __future__ import annotations

import contextlib
import mmap

import numpy as np
from numpy.typing import NDArray

_WORD = 8
_LARGE = 2**22  # bytes from which large pages pay


class Pages:
    """An array of 64-bit words, :attr:`words` (uint64; ``view`` it for signed numbers), zero where never written.

    A process holds only the pages that were written, so room may be reserved generously.
    """

    def __init__(self, length: int) -> None:
        self._map = _anonymous(length * _WORD)
        self.words: NDArray[np.uint64] = np.frombuffer(self._map, np.uint64, length)

    def grow(self, length: int) -> None:
        """Room for ``length`` words. Nobody else may hold :attr:`words` meanwhile; what was written stays."""
        used = len(self.words)
        del self.words
        try:
            self._map.resize(max(length * _WORD, mmap.PAGESIZE))
        except (SystemError, ValueError, BufferError):  # no way to move pages here: copy
            before, self._map = self._map, _anonymous(length * _WORD)
            np.frombuffer(self._map, np.uint64, used)[:] = np.frombuffer(before, np.uint64, used)
        _large_pages(self._map)
        self.words = np.frombuffer(self._map, np.uint64, length)

    def release(self, start: int, stop: int) -> None:
        """Give back the pages of these words; what was in them is lost (whole pages only, the rest stays)."""
        page = mmap.PAGESIZE
        first, last = -(-start * _WORD // page) * page, stop * _WORD // page * page
        if last > first and hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED, first, last - first)


def _anonymous(size: int) -> mmap.mmap:
    private = getattr(mmap, "MAP_PRIVATE", 0) | getattr(mmap, "MAP_ANONYMOUS", 0)
    size = max(size, mmap.PAGESIZE)
    found = mmap.mmap(-1, size, flags=private) if private else mmap.mmap(-1, size)
    _large_pages(found)
    return found


def _large_pages(pages: mmap.mmap) -> None:
    if len(pages) >= _LARGE and hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):
            pages.madvise(mmap.MADV_HUGEPAGE)
