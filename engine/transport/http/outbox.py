"""What waits to be sent to one peer: frames become numbered chunks.

Frames are never copied: a chunk is a list of views. Small consecutive frames share a chunk, large frames are cut.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from engine.errors import PolytuneError
from engine.transport.http.wire import AHEAD, CHUNK, SMALL, WINDOW

#: A small chunk waits this long behind one that is under way: it may grow, and on a slow link it need not wait longer.
PATIENCE = 0.004


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
    """Thread-safe queue of chunks to one peer; at most ``window`` bytes are unsent when ``post`` returns."""

    def __init__(self, chunk: int = CHUNK, window: int = WINDOW) -> None:
        self._chunk = chunk
        self._window = max(window, chunk)
        self._queue: deque[Chunk] = deque()
        self._under_way: dict[int, Chunk] = {}
        self._seq = 0
        self._unsent = 0
        self._last_start = 0.0
        self._changed = threading.Condition()
        self._closed = False
        self.error: PolytuneError | None = None

    def post(self, parts: list[Any]) -> None:
        """Queue one frame; waits while more than the window is unsent. Raises the error that ended the link."""
        views = [v for v in (memoryview(p).cast("B") for p in parts if len(p)) if v.nbytes]
        size = sum(v.nbytes for v in views)
        with self._changed:
            self._changed.wait_for(lambda: self._unsent < self._window or self.error or self._closed)
            if self.error is not None:
                raise self.error
            if size <= SMALL:
                self._append_small(views, size)
            else:
                self._queue.extend(cut(views, self._chunk))
            self._unsent += size
            self._changed.notify_all()

    def take(self) -> Chunk | None:
        """The next chunk to send, numbered; waits for one. None when the outbox is closed or failed."""
        with self._changed:
            while not self._closed and self.error is None:
                if self._queue and self._may_start():
                    chunk = self._queue.popleft()
                    chunk.seq = self._seq
                    self._seq += 1
                    self._under_way[chunk.seq] = chunk
                    self._last_start = time.monotonic()
                    return chunk
                self._changed.wait(PATIENCE if self._queue else None)
            return None

    def done(self, chunk: Chunk) -> None:
        """The peer has stored ``chunk``."""
        with self._changed:
            del self._under_way[chunk.seq]
            self._unsent -= chunk.size
            self._changed.notify_all()

    def fail(self, error: PolytuneError) -> None:
        """End the link; everybody who waits gets ``error``."""
        with self._changed:
            if self.error is None:
                self.error = error
            self._queue.clear()
            self._changed.notify_all()

    def close(self) -> None:
        """Stop without an error; what is queued is dropped."""
        with self._changed:
            self._closed = True
            self._queue.clear()
            self._changed.notify_all()

    def wait_empty(self, timeout: float | None = None) -> bool:
        """Wait until the peer has stored everything; False after ``timeout``. Raises the error that ended the link."""
        with self._changed:
            done = self._changed.wait_for(lambda: not self._unsent or self.error or self._closed, timeout)
            if self.error is not None:
                raise self.error
            return bool(done)

    @property
    def crowded(self) -> bool:
        """Whether another sending thread would help."""
        return len(self._queue) > 0 and len(self._under_way) > 0

    @property
    def stopped(self) -> bool:
        """Whether nothing will be sent any more."""
        return self._closed or self.error is not None

    def _append_small(self, views: list[memoryview], size: int) -> None:
        last = self._queue[-1] if self._queue else None
        if last is None or not last.batch or last.size + size > SMALL:
            last = Chunk(batch=True)
            self._queue.append(last)
        last.views += views
        last.size += size
        last.message_length = last.size

    def _may_start(self) -> bool:
        if not self._under_way:
            return True
        if self._seq - min(self._under_way) >= AHEAD:
            return False
        return not self._queue[0].batch or time.monotonic() - self._last_start > PATIENCE
