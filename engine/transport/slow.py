"""A link through an imitated network: every frame takes its time on the wire, in order, and then half a round trip.

For measurements and tests without a network: what bandwidth and round trip time do to a run, whatever link is below.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.transport.channel import Channel, Link

PIECE = 64 << 10  # bytes that arrive at once; a long frame arrives bit by bit


@dataclass(frozen=True)
class Wire:
    """One direction between two parties: ``rtt`` seconds there and back, ``rate`` bytes per second (0: unlimited)."""

    rtt: float = 0.0
    rate: float = 0.0

    @classmethod
    def of(cls, milliseconds: float, mbit: float) -> Wire:
        """From the units of the command line."""
        return cls(milliseconds / 1000, mbit * 1e6 / 8)


class SlowLink:
    """Passes frames to ``inner`` when they would have arrived over the wire to their receiver."""

    def __init__(self, inner: Link, wires: Mapping[int, Wire]) -> None:
        self.inner = inner
        self._queues = {to: _Queue(inner, to, wire) for to, wire in wires.items()}

    def post(self, to: int, parts: list[Any]) -> None:
        """Queue one frame; returns at once."""
        self._queues[to].put(b"".join(bytes(memoryview(part).cast("B")) for part in parts))

    def flush(self) -> None:
        """Return when everything has arrived."""
        for queue in self._queues.values():
            queue.wait_empty()
        self.inner.flush()

    def close(self) -> None:
        """End the threads and the link below."""
        for queue in self._queues.values():
            queue.close()
        self.inner.close()


class _Queue:
    """Frames on one wire, and the thread that lets them arrive."""

    def __init__(self, inner: Link, to: int, wire: Wire) -> None:
        self._inner, self._to, self._wire = inner, to, wire
        self._waiting: deque[tuple[float, memoryview]] = deque()
        self._free = 0.0  # when the wire has sent everything that was queued
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"wire-{to}", daemon=True)
        self._thread.start()

    def put(self, frame: bytes) -> None:
        with self._changed:
            self._free = max(self._free, time.monotonic())
            view = memoryview(frame)
            while view.nbytes:
                piece, view = view[:PIECE], view[PIECE:]
                if self._wire.rate:
                    self._free += piece.nbytes / self._wire.rate
                self._waiting.append((self._free + self._wire.rtt / 2, piece))
            self._changed.notify_all()

    def wait_empty(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not self._waiting)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._waiting)
                if self._closed:
                    return
                due, piece = self._waiting[0]
            late = due - time.monotonic()
            if late > 0:
                time.sleep(late)
            self._inner.post(self._to, [piece])
            with self._changed:
                self._waiting.popleft()
                if not self._waiting:
                    self._changed.notify_all()


def slow_down(channels: list[Channel], wires: Mapping[tuple[int, int], Wire]) -> list[Channel]:
    """The same channels over wires from party a to party b, ``wires[a, b]``."""
    for a, channel in enumerate(channels):
        channel.link = SlowLink(channel.link, {b: wire for (sender, b), wire in wires.items() if sender == a})
    return channels
