"""Arrays that are used again: a segment works in the memory of the one before it."""

from __future__ import annotations

import numpy as np

PAGE = 4096
#: Arrays begin this much apart modulo a page, a whole number of cache lines: kernels go through many of them in step,
#: and equal places in a page would push each other out of the first cache.
STAGGER = 5 * 64


class Scratch:
    """Room for blocks and gates. Taking and giving back avoids fresh pages, which cost more than the work in them."""

    def __init__(self) -> None:
        self._free: list[np.ndarray] = []
        self._all: list[np.ndarray] = []

    def blocks(self, peers: int, count: int) -> np.ndarray:
        """Uninitialised uint64 (peers, count, 2), contiguous."""
        return self._take(16 * peers * count).view(np.uint64).reshape(peers, count, 2)

    def words(self, count: int) -> np.ndarray:
        """Uninitialised uint32 (count,)."""
        return self._take(4 * count).view(np.uint32)

    def give(self, *arrays: np.ndarray) -> None:
        """What :meth:`blocks` or :meth:`words` returned (or a view of it) is not needed any more."""
        for array in arrays:
            self._free.append(next(room for room in self._all if room.base is array.base))

    def wipe(self) -> None:
        """Overwrite and forget everything."""
        for room in self._all:
            room.fill(0)
        self._all, self._free = [], []

    def _take(self, size: int) -> np.ndarray:
        fitting = [k for k, room in enumerate(self._free) if size <= room.nbytes <= 2 * size + PAGE]
        if fitting:
            return self._free.pop(min(fitting, key=lambda k: self._free[k].nbytes))[:size]
        memory = np.empty(size + PAGE, np.uint8)
        start = (STAGGER * len(self._all) - memory.ctypes.data) % PAGE
        room = memory[start : start + size]
        self._all.append(room)
        return room
