"""Spans of time, for ``polytune bench --profile``: what each party and thread did when, and what it waited for.

Nothing is recorded, and nothing costs anything, until :func:`tracing` is entered; one trace is taken at a time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

PHASE, KERNEL, WAIT, SEND = "phase", "kernel", "wait", "send"


@dataclass(frozen=True)
class Span:
    """``start`` and ``wall`` in nanoseconds, ``cpu`` nanoseconds of the thread; ``size`` bytes of a message."""

    kind: str
    name: str
    party: int
    thread: int
    start: int
    wall: int
    cpu: int
    size: int = 0


class Trace:
    """Spans in the order in which they ended. Threads are numbered in the order in which they are first seen."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.threads: dict[int, str] = {}
        self._here = threading.local()
        self._lock = threading.Lock()

    def _thread(self) -> int:
        number = getattr(self._here, "number", None)
        if number is None:
            with self._lock:
                number = self._here.number = len(self.threads) + 1
                self.threads[number] = threading.current_thread().name
        return int(number)

    @contextmanager
    def span(self, kind: str, name: str, party: int | None, size: int = 0) -> Iterator[None]:
        """Record what happens inside; party None: the one for which this thread worked before."""
        start, cpu = time.perf_counter_ns(), time.thread_time_ns()
        try:
            yield
        finally:
            self.add(kind, name, party, start, cpu, size)

    def add(self, kind: str, name: str, party: int | None, start: int, cpu: int, size: int = 0) -> None:
        """Record a span that began at ``start`` with the thread's time ``cpu`` and ends now, in the same thread."""
        wall, used = time.perf_counter_ns() - start, time.thread_time_ns() - cpu
        if party is None:
            party = getattr(self._here, "party", 0)
        self._here.party = party
        self.spans.append(Span(kind, name, party, self._thread(), start, wall, used, size))


#: The trace that is being taken.
active: Trace | None = None


@contextmanager
def tracing() -> Iterator[Trace]:
    """Take a trace of everything that this process does meanwhile."""
    global active
    if active is not None:
        raise RuntimeError("a trace is being taken already")
    active = trace = Trace()
    try:
        yield trace
    finally:
        active = None


def timed(function: Callable[..., Any], party: int | None) -> Callable[..., Any]:
    """``function``, which records each call as that of a kernel while a trace is taken."""
    trace = active
    if trace is None:
        return function
    name = f"{function.__module__.rpartition('.')[2]}.{function.__name__.lstrip('_')}"

    def call(*args: Any) -> Any:
        with trace.span(KERNEL, name, party):
            return function(*args)

    return call
