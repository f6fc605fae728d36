"""What waits to be sent to one peer: frames become numbered chunks.

Frames are never copied: a chunk is a list of views. Small consecutive frames share a chunk, large frames are cut.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from engine.errors import PolytuneError
from engine.transport.http.wire import AHEAD, CHUNK, SMALL, WINDOW


@dataclass
class Chunk:
    """One request's worth of bytes: place ``part`` of ``parts`` of a message of ``message_length`` bytes."""

    views: list[memoryview] = field(default_factory=list)
    size: int = 0
    part: int = 0
    parts: int = 1
    message_length: int = 0
    batch: bool = False
    seq: int = -1


def cut(views: list[memoryview], chunk: int) -> list[Chunk]:
    """Cut one frame into chunks of at most ``chunk`` bytes."""
    total = sum(v.nbytes for v in views)
    parts = -(-total // chunk)
    chunks = [Chunk(part=k, parts=parts, message_length=total) for k in range(parts)]
    k = 0
    for view in views:
        while view.nbytes:
            if chunks[k].size == chunk:
                k += 1
            piece = view[: chunk - chunks[k].size]
            chunks[k].views.append(piece)
            chunks[k].size += piece.nbytes
            view = view[piece.nbytes :]
    return chunks


class Outbox:
    """Thread-safe queue of chunks to one peer; at most ``window`` bytes are unsent when ``post`` returns.

    Small frames that are posted before a sending thread comes for them share a chunk.
    """

    def __init__(self, chunk: int = CHUNK, window: int = WINDOW) -> None:
        self._chunk = chunk
        self._window = max(window, chunk)
        self._queue: deque[Chunk] = deque()
        self._under_way: dict[int, Chunk] = {}
        self._seq = 0
        self._unsent = 0
        self._idle = 0
        self._closed = False
        self.error: PolytuneError | None = None
        lock = threading.Lock()
        self._lock = lock
        # Who waits for what: sending threads for a chunk, posts for room, flushes for the end.
        self._work, self._room, self._empty = (threading.Condition(lock) for _ in range(3))

    def post(self, parts: list[Any]) -> bool:
        """Queue one frame; waits while more than the window is unsent. Raises the error that ended the link.

        Returns whether another sending thread would help.
        """
        views = [v for v in (memoryview(p).cast("B") for p in parts if len(p)) if v.nbytes]
        size = sum(v.nbytes for v in views)
        with self._lock:
            while self._unsent >= self._window and not self.stopped:
                self._room.wait()
            if self.error is not None:
                raise self.error
            if self._closed:
                return False
            if size <= SMALL:
                self._append_small(views, size)
            else:
                self._queue.extend(cut(views, self._chunk))
            self._unsent += size
            self._work.notify(len(self._queue))
            return len(self._queue) > self._idle

    def take(self) -> Chunk | None:
        """The next chunk to send, numbered; waits for one. None when the outbox is closed or failed."""
        with self._lock:
            self._idle += 1
            try:
                while not self.stopped:
                    if self._queue and self._may_start():
                        chunk = self._queue.popleft()
                        chunk.seq = self._seq
                        self._seq += 1
                        self._under_way[chunk.seq] = chunk
                        return chunk
                    self._work.wait()
                return None
            finally:
                self._idle -= 1

    def done(self, chunk: Chunk) -> None:
        """The peer has stored ``chunk``."""
        with self._lock:
            del self._under_way[chunk.seq]
            self._unsent -= chunk.size
            self._room.notify_all()
            if self._queue:
                self._work.notify(len(self._queue))  # they may have waited for this one, not for work
            if not self._unsent:
                self._empty.notify_all()

    def fail(self, error: PolytuneError) -> None:
        """End the link; everybody who waits gets ``error``."""
        with self._lock:
            if self.error is None:
                self.error = error
            self._stop()

    def close(self) -> None:
        """Stop without an error; what is queued is dropped."""
        with self._lock:
            self._closed = True
            self._stop()

    def wait_empty(self, timeout: float | None = None) -> bool:
        """Wait until the peer has stored everything; False after ``timeout``. Raises the error that ended the link."""
        with self._lock:
            done = self._empty.wait_for(lambda: not self._unsent or self.stopped, timeout)
            if self.error is not None:
                raise self.error
            return bool(done)

    @property
    def stopped(self) -> bool:
        """Whether nothing will be sent any more."""
        return self._closed or self.error is not None

    def _stop(self) -> None:
        self._queue.clear()
        for condition in (self._work, self._room, self._empty):
            condition.notify_all()

    def _append_small(self, views: list[memoryview], size: int) -> None:
        last = self._queue[-1] if self._queue else None
        if last is None or not last.batch or last.size + size > SMALL:
            last = Chunk(batch=True)
            self._queue.append(last)
        last.views += views
        last.size += size
        last.message_length = last.size

    def _may_start(self) -> bool:
        return not self._under_way or self._seq - min(self._under_way) < AHEAD
