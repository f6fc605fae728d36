"""The receiving window: chunks of each peer become one ordered byte stream, each byte exactly once.

No lock is held across a wait, and nothing here reads sockets: the server asks ``check`` before it reads a body and
hands the body to ``store``.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import Any

from engine.errors import MalformedMessage, SecurityError
from engine.transport.http.wire import AHEAD, MOST, REMEMBERED, SMALL, WINDOW, ApiError, ChunkHead
from engine.transport.inbox import Inbox


class HungryInbox(Inbox):
    """An inbox that knows whether the protocol is waiting for a sender.

    The window alone could dead-lock: one frame may be larger than the window, and the frame that is waited for may come
    after many that are not wanted yet. A sender that is waited for may therefore always go on.
    """

    def __init__(self, parties: int) -> None:
        super().__init__(parties)
        self._waits = [0] * parties
        self._waits_lock = threading.Lock()

    def take(self, sender: int, label: str, a: int, b: int, timeout: float) -> tuple[Any, list[memoryview]]:
        """As :meth:`Inbox.take`, and ``hungry(sender)`` is true meanwhile."""
        with self._waits_lock:
            self._waits[sender] += 1
        try:
            return super().take(sender, label, a, b, timeout)
        finally:
            with self._waits_lock:
                self._waits[sender] -= 1

    def hungry(self, sender: int) -> bool:
        """Whether some thread waits for a frame of ``sender`` now."""
        return self._waits[sender] > 0


class _Stream:
    """What is known of one sender's chunks."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.next = 0
        self.early: dict[int, tuple[str, memoryview]] = {}
        self.digests: OrderedDict[int, str] = OrderedDict()
        self.last_seen = 0.0

    def digest_of(self, seq: int) -> str | None:
        """The digest of a chunk that was stored already, as far as it is remembered."""
        if seq in self.early:
            return self.early[seq][0]
        return self.digests.get(seq)

    def has(self, seq: int) -> bool:
        """Whether chunk ``seq`` was stored already."""
        return seq < self.next or seq in self.early


class Receiver:
    """Puts chunks in order and feeds them to ``inbox``.

    ``window`` bounds the bytes of each sender that nobody asked for yet; ``most`` bounds them also while the protocol
    waits for that sender.
    """

    def __init__(self, parties: int, inbox: HungryInbox, window: int = WINDOW, most: int = MOST) -> None:
        self.inbox = inbox
        self.window = window
        self.most = max(most, window)
        self._streams = [_Stream() for _ in range(parties)]

    def next(self, sender: int) -> int:
        """The first chunk of ``sender`` that is missing."""
        return self._streams[sender].next

    def free(self, sender: int) -> int:
        """Bytes of the window that are free."""
        return max(0, self.window - self.inbox.queued_bytes(sender))

    def last_seen(self, sender: int) -> float:
        """Time (monotonic) of the last chunk of ``sender``, 0 before the first."""
        return self._streams[sender].last_seen

    def check(self, sender: int, head: ChunkHead) -> bool:
        """Whether this chunk is wanted (False: it was stored before, and there is nothing to do).

        Raises ApiError ``out_of_order`` (too far ahead) or ``replay_mismatch`` (same number, other bytes; the run
        ends).
        """
        stream = self._streams[sender]
        with stream.lock:
            stream.last_seen = time.monotonic()
            if stream.has(head.seq):
                self._check_repeat(sender, stream, head)
                return False
            if head.seq >= stream.next + AHEAD:
                raise ApiError(
                    "out_of_order",
                    f"chunk {head.seq} is too early, {stream.next} is next",
                    next=stream.next,
                )
        return True

    def wait_for_room(self, sender: int, seq: int, seconds: float) -> None:
        """Return when the window has room for chunk ``seq``; raises ApiError ``backpressure`` after ``seconds``."""
        deadline = time.monotonic() + seconds
        while not self._has_room(sender, seq):
            left = deadline - time.monotonic()
            if left <= 0:
                raise ApiError("backpressure", "the window is full, try again", next=self.next(sender))
            self.inbox.wait_below(sender, self.window, min(left, 0.02))

    def store(self, sender: int, head: ChunkHead, body: Any, digest: str) -> int:
        """Keep a chunk that was read completely; returns the next missing one.

        ``body`` is a writable buffer that nobody changes any more, ``digest`` the SHA-256 of its bytes.
        """
        if digest != head.digest:
            raise ApiError("bad_request", "the body does not match its digest", next=self.next(sender))
        view = memoryview(body).cast("B")
        if head.size <= SMALL:
            # Several frames may share a small chunk; read-only pieces are copied to aligned memory when they are used.
            view = view.toreadonly()
        stream = self._streams[sender]
        with stream.lock:
            stream.last_seen = time.monotonic()
            if stream.has(head.seq):
                self._check_repeat(sender, stream, head)
                return stream.next
            stream.early[head.seq] = (digest, view)
            self._feed(sender, stream)
            return stream.next

    def _feed(self, sender: int, stream: _Stream) -> None:
        while stream.next in stream.early:
            digest, view = stream.early.pop(stream.next)
            stream.digests[stream.next] = digest
            if len(stream.digests) > REMEMBERED:
                stream.digests.popitem(last=False)
            stream.next += 1
            try:
                self.inbox.feed(sender, view)
            except MalformedMessage as error:
                raise ApiError("bad_request", f"malformed message: {error.check}") from None

    def _has_room(self, sender: int, seq: int) -> bool:
        if self.inbox.error is not None:
            return True
        stream = self._streams[sender]
        waiting = self.inbox.queued_bytes(sender)
        if self.inbox.hungry(sender):
            return waiting < self.most
        if seq != stream.next:
            with stream.lock:
                waiting += sum(view.nbytes for _, view in stream.early.values())
        return waiting < self.window

    def _check_repeat(self, sender: int, stream: _Stream, head: ChunkHead) -> None:
        known = stream.digest_of(head.seq)
        if known is None or known == head.digest:
            return
        self.inbox.fail(
            SecurityError(
                f"party {sender} sent chunk {head.seq} again with other bytes (replay_mismatch); aborting",
                "somebody changes messages on the way, or the party is not honest",
                code="replay_mismatch",
            )
        )
        raise ApiError("replay_mismatch", f"chunk {head.seq} came before with other bytes")
