"""Arrays that are used again: a segment works in the memory of the one before it."""

from __future__ import annotations

import numpy as np

LINE = 64


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
            root = array if array.base is None else array.base
            assert any(root is known for known in self._all)
            self._free.append(root)

    def wipe(self) -> None:
        """Overwrite and forget everything."""
        for array in self._all:
            array.fill(0)
        self._all, self._free = [], []

    def _take(self, size: int) -> np.ndarray:
        fitting = [k for k, array in enumerate(self._free) if size + LINE <= array.nbytes <= 2 * size + 4096]
        if fitting:
            root = self._free.pop(min(fitting, key=lambda k: self._free[k].nbytes))
        else:
            root = np.empty(size + LINE, np.uint8)
            self._all.append(root)
        start = -root.ctypes.data % LINE  # vectors of a whole cache line must not straddle two
        return root[start : start + size]
