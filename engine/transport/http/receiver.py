"""The receiving window: chunks of each peer become one ordered byte stream, each byte exactly once.

Nothing here reads sockets. For each request the server asks :meth:`Receiver.begin` where the body goes, reads it into
``Slot.view`` while no lock is held, and hands the slot to :meth:`Receiver.commit` with the digest of what came. The
chunks of a large message go straight to their places in the memory of the whole message, in whatever order they come.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from engine.errors import MalformedMessage, ResourceError, SecurityError
from engine.transport.buffers import POOL, FrameBuffer
from engine.transport.frame import HEADER_BYTES
from engine.transport.http.wire import AHEAD, MOST, REMEMBERED, SMALL, WINDOW, ApiError, ChunkHead, check_digest
from engine.transport.inbox import NO_ROOM, WITHIN, Inbox
from engine.transport.spool import Spool

#: Seconds that a repeated chunk waits for the request that brought it before and broke.
TAKEOVER = 2.0


class _Message:
    """A message of ``parts`` chunks; ``whole``: it gets one memory when its bytes are admitted.

    ``awaited``: the protocol waits for a message of this length.

    All parts but the last have ``chunk`` bytes, so no two of them can share a place.
    """

    def __init__(self, head: ChunkHead, allowed: bool, awaited: bool) -> None:
        self.awaited = awaited
        self.parts = head.parts
        self.length = head.message_length
        self.chunk = head.size
        if head.part == head.parts - 1:
            self.chunk = (self.length - head.size) // (self.parts - 1) if self.parts > 1 else self.length
        self.whole = allowed and self.chunk >= HEADER_BYTES and -(-self.length // self.chunk) == self.parts
        self.buffer: FrameBuffer | None = None

    def place(self, head: ChunkHead) -> int | None:
        """Where the chunk begins in the message; None when it has no place there."""
        start = head.part * self.chunk
        size = min(self.chunk, self.length - start)
        fits = (head.parts, head.message_length, head.size) == (self.parts, self.length, size)
        return start if self.whole and fits else None


@dataclass(eq=False)
class Slot:
    """The place of one chunk: read the body into ``view``. ``counted``: bytes that were admitted for it alone."""

    sender: int
    head: ChunkHead
    cancel: Callable[[], None]
    view: memoryview
    counted: int = 0
    buffer: FrameBuffer | None = None
    start: int = 0


class _Stream:
    """What is known of one sender's chunks."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.next = 0
        self.reading: dict[int, Slot] = {}
        self.early: dict[int, Slot] = {}
        self.messages: dict[int, _Message] = {}
        self.digests: OrderedDict[int, str] = OrderedDict()
        self.last_seen = 0.0

    def digest_of(self, seq: int) -> str | None:
        """The digest of a chunk that was stored already, as far as it is remembered."""
        if seq in self.early:
            return self.early[seq].head.digest
        return self.digests.get(seq)

    def has(self, seq: int) -> bool:
        """Whether chunk ``seq`` was stored already."""
        return seq < self.next or seq in self.early


class Receiver:
    """Puts chunks in order and feeds them to ``inbox``.

    ``window`` bounds the bytes of each sender that nobody asked for yet; a message that begins while there is room may
    exceed it by its own length, at most another window. While the protocol waits for a message of that sender, ``most``
    takes the place of ``window`` for the next chunk that is missing; such bytes go to ``spool`` if there is one.
    """

    def __init__(
        self, parties: int, inbox: Inbox, window: int = WINDOW, most: int = MOST, spool: Spool | None = None
    ) -> None:
        self.inbox = inbox
        self.window = window
        self.most = max(most, window)
        self._spool = spool
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

    def begin(
        self, sender: int, head: ChunkHead, hold: float = 0.0, cancel: Callable[[], None] | None = None
    ) -> Slot | None:
        """Where the body of this chunk goes; None if it was stored before, and there is nothing to do.

        Waits up to ``hold`` seconds for room. ``cancel`` must make the reading of the body fail: a repeat of a chunk
        whose first request broke takes its place. A slot must be committed or abandoned.

        Raises ApiError ``out_of_order`` (too far ahead), ``replay_mismatch`` (same number, other bytes; the run ends)
        or ``backpressure`` (the window is full).
        """
        stream = self._streams[sender]
        slot = Slot(sender, head, cancel or (lambda: None), memoryview(b""))
        with stream.changed:
            if not self._is_new(sender, stream, head) or self.inbox.error is not None:
                return None
            if head.seq >= stream.next + AHEAD:
                raise ApiError(
                    "out_of_order", f"chunk {head.seq} is too early, {stream.next} is next", next=stream.next
                )
            if head.seq in stream.reading:
                self._take_over(stream, head.seq)
                if not self._is_new(sender, stream, head):
                    return None
            stream.reading[head.seq] = slot
        try:
            self._place(stream, slot, hold)
        except BaseException:
            self.abandon(slot)
            raise
        return slot

    def commit(self, slot: Slot, digest: str) -> int:
        """Keep a chunk whose body was read completely; returns the next missing one.

        ``digest`` is the SHA-256 of the bytes in ``slot.view``, which nobody changes any more. Raises ApiError
        ``bad_request`` if it is not the announced one, or if the bytes cannot be part of the protocol.
        """
        sender = slot.sender
        stream = self._streams[sender]
        try:
            check_digest(slot.head.digest, digest, next=stream.next)
        except ApiError:
            self.abandon(slot)
            raise
        with stream.changed:
            stream.last_seen = time.monotonic()
            del stream.reading[slot.head.seq]
            stream.early[slot.head.seq] = slot
            stream.changed.notify_all()
            self._feed(sender, stream)
            return stream.next

    def abandon(self, slot: Slot) -> None:
        """The body did not come: forget the slot."""
        stream = self._streams[slot.sender]
        with stream.changed:
            if stream.reading.get(slot.head.seq) is slot:
                del stream.reading[slot.head.seq]
                self.inbox.release(slot.sender, slot.counted)
                stream.changed.notify_all()

    # -- inside -----------------------------------------------------------------------------------------------------

    def _is_new(self, sender: int, stream: _Stream, head: ChunkHead) -> bool:
        stream.last_seen = time.monotonic()
        if not stream.has(head.seq):
            return True
        self._check_repeat(sender, stream, head)
        return False

    def _take_over(self, stream: _Stream, seq: int) -> None:
        stream.reading[seq].cancel()
        if not stream.changed.wait_for(lambda: seq not in stream.reading, TAKEOVER):
            raise ApiError("backpressure", "this chunk is being read from another connection", next=stream.next)

    def _place(self, stream: _Stream, slot: Slot, hold: float) -> None:
        """Give the slot memory: its part of a whole message where that is allowed, else its own."""
        deadline = time.monotonic() + hold
        head = slot.head
        message = self._message(stream, slot) if head.message_length > SMALL and not head.batch else None
        start = message.place(head) if message is not None else None
        if message is None or start is None:
            room = self._admit(slot.sender, head.size, lambda: head.seq == stream.next, deadline)
            slot.counted = head.size
            slot.view = self._block(room, head.size)
            return
        slot.buffer, slot.start = self._allocate(stream, message, slot, deadline), start
        slot.view = slot.buffer.view[start : start + head.size]

    def _message(self, stream: _Stream, slot: Slot) -> _Message | None:
        """The message of a chunk, noted when the first of its chunks comes; None if it began without.

        It may have memory for all of it if it is within the window, or of a length that the protocol waits for.
        """
        head = slot.head
        first = head.seq - head.part
        with stream.changed:
            message = stream.messages.get(first)
            if message is None and first >= stream.next and len(stream.messages) < 2 * AHEAD:
                awaited = self.inbox.expects(slot.sender, head.message_length)
                allowed = awaited or head.message_length <= self.window
                message = stream.messages[first] = _Message(head, allowed, awaited)
            return message

    def _allocate(self, stream: _Stream, message: _Message, slot: Slot, deadline: float) -> FrameBuffer:
        if message.buffer is None:
            first = slot.head.seq - slot.head.part
            room = self._admit(slot.sender, message.length, lambda: first <= stream.next, deadline)
            if message.awaited:
                room = WITHIN
            with stream.changed:
                if message.buffer is not None:  # another chunk of the same message was quicker
                    self.inbox.release(slot.sender, message.length)
                else:
                    message.buffer = FrameBuffer(message.length, lambda size: self._block(room, size))
                    message.buffer.counted = message.length
        return message.buffer

    def _admit(self, sender: int, size: int, due: Callable[[], bool], deadline: float) -> int:
        left = max(0.0, deadline - time.monotonic())
        room = self.inbox.admit(sender, size, (self.window, self.most), due, left)
        if room == NO_ROOM:
            raise ApiError("backpressure", "the window is full, try again", next=self.next(sender))
        return room

    def _block(self, room: int, size: int) -> memoryview:
        """Memory, or a file for what is beyond the window. A full disk ends the run."""
        if room == WITHIN or self._spool is None:
            return POOL.block(size)
        try:
            return self._spool.block(size)
        except ResourceError as error:
            self.inbox.fail(error)
            raise ApiError("backpressure", "there is no room for more, the run ends") from None

    def _feed(self, sender: int, stream: _Stream) -> None:
        while stream.next in stream.early:
            slot = stream.early.pop(stream.next)
            stream.digests[stream.next] = slot.head.digest
            if len(stream.digests) > REMEMBERED:
                stream.digests.popitem(last=False)
            stream.next += 1
            try:
                if slot.buffer is not None:
                    self.inbox.extend(sender, slot.buffer, slot.start, slot.start + slot.head.size)
                else:
                    self.inbox.feed(sender, slot.view, slot.counted)
            except MalformedMessage as error:
                raise ApiError("bad_request", f"malformed message: {error.check}") from None
        for first in [f for f, m in stream.messages.items() if f + m.parts <= stream.next]:
            buffer = stream.messages.pop(first).buffer
            if buffer is not None:  # what is still counted belongs to no frame
                self.inbox.release(sender, buffer.counted)

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
