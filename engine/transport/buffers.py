"""Memory for incoming bytes that is used again: writing to new memory costs more than receiving into old."""

from __future__ import annotations

import threading
import weakref
from collections import defaultdict
from collections.abc import Callable

import numpy as np

from engine.transport.frame import HEADER_BYTES

#: Smaller blocks are not worth keeping: the allocator does that itself.
SMALLEST = 256 << 10
#: Bytes that are kept while nobody uses them.
KEPT = 128 << 20
ALIGNMENT = 64


class _Lease(np.ndarray):
    """A block in use: the exporter of every view of it, so that its end is the end of the last view."""


class BufferPool:
    """Blocks of bytes that come back by themselves when nothing refers to them any more.

    Thread-safe, and reentrant: a block may come back at any moment, also while this thread is inside.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._free: defaultdict[int, list[np.ndarray]] = defaultdict(list)
        self._lock = threading.RLock()
        self.free_bytes = 0

    def block(self, size: int) -> memoryview:
        """``size`` writable bytes with any content, aligned to 64 bytes."""
        if size < SMALLEST:
            return memoryview(_aligned(size))[:size]  # type: ignore[arg-type]
        # Few distinct sizes, so that a block fits many messages; what is never touched is never memory.
        step = 1 << (size.bit_length() - 3)
        size_class = -(-size // step) * step
        raw = self._take(size_class)
        lease = raw.view(_Lease)
        weakref.finalize(lease, self._give, raw).atexit = False
        return memoryview(lease)[:size]  # type: ignore[arg-type]

    def _take(self, size: int) -> np.ndarray:
        with self._lock:
            if self._free[size]:
                self.free_bytes -= size
                return self._free[size].pop()
        return _aligned(size)

    def _give(self, raw: np.ndarray) -> None:
        with self._lock:
            if self.free_bytes + raw.nbytes <= self._kept:
                self.free_bytes += raw.nbytes
                self._free[raw.nbytes].append(raw)


def _aligned(size: int) -> np.ndarray:
    raw = np.empty(size + ALIGNMENT, dtype=np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size]


#: The blocks of this process.
POOL = BufferPool()


class FrameBuffer:
    """Memory for one whole frame; the payload in it is aligned. ``counted``: bytes of it that count as unread."""

    def __init__(self, size: int, block: Callable[[int], memoryview] = POOL.block) -> None:
        start = -HEADER_BYTES % ALIGNMENT
        self.size = size
        self.counted = 0
        self.view = block(start + size)[start:]
        self.payload = array_of(self.view[HEADER_BYTES:])


def array_of(view: memoryview) -> np.ndarray:
    """The bytes of ``view`` as an array on the same memory."""
    return np.frombuffer(view, dtype=np.uint8)
