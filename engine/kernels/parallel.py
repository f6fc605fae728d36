"""Threads for kernels: the same function on slices of an index range.

Kernels release the GIL, so plain threads are enough. Every kernel computes its results from the index alone, hence
the number of threads never changes a result.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from types import TracebackType
from typing import Any

from engine import trace

_here = threading.local()


class Workers:
    """A fixed number of threads; with one thread everything runs in the caller. ``owner``: their party, in traces.

    Work that itself uses workers runs in the thread where it is: waiting for threads that wait would never end.
    """

    def __init__(self, threads: int = 1, owner: int | None = None) -> None:
        if threads < 1:
            raise ValueError(f"threads must be at least 1, not {threads}")
        self.threads = threads
        self.owner = owner
        self._pool: ThreadPoolExecutor | None = None

    def slices(self, n: int, align: int = 1) -> list[tuple[int, int]]:
        """Cut 0..n into at most ``threads`` pieces (start, stop); all but the last are multiples of ``align``."""
        units = -(-n // align)
        pieces = max(1, min(self.threads, units))
        edges = [min(n, align * (units * piece // pieces)) for piece in range(pieces + 1)]
        return [(first, last) for first, last in pairwise(edges) if first < last]

    def run(self, function: Callable[..., Any], n: int, *args: Any, align: int = 1) -> list[Any]:
        """Call ``function(start, stop, *args)`` on slices of 0..n; results in the order of the slices."""
        function = trace.timed(function, self.owner)
        slices = self.slices(n, align)
        if len(slices) <= 1:
            return [function(first, last, *args) for first, last in slices]
        return self.map(lambda piece: function(piece[0], piece[1], *args), slices)

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a kernel that has no slices, in this thread."""
        return trace.timed(function, self.owner)(*args)

    def map(self, function: Callable[[Any], Any], items: list[Any]) -> list[Any]:
        """``[function(item) for item in items]`` on the threads; the first error is raised after all have ended."""
        if self.threads == 1 or len(items) <= 1 or getattr(_here, "busy", False):
            return [function(item) for item in items]
        if self._pool is None:
            self._pool = ThreadPoolExecutor(
                self.threads - 1, thread_name_prefix="polytune-kernel", initializer=_mark_busy
            )
        futures = [self._pool.submit(function, item) for item in items[1:]]
        try:
            first = function(items[0])  # the caller works too
        finally:
            for future in futures:
                future.exception()  # waits; no slice may go on after the caller has left
        return [first, *(future.result() for future in futures)]

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _mark_busy() -> None:
    _here.busy = True


ONE = Workers(1)
