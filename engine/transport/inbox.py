"""Incoming frames of one party: reassembly, validation, waiting (spec: protocol, section 3.1).

Each peer's bytes come as one ordered stream, cut anywhere. Whole frames wait here, keyed by (sender, message, a, b),
until the protocol asks for them; frames of a state not yet reached are kept, never processed early. Payload bytes are
held in the pieces in which they came, so nothing is allocated from a length that a peer merely claims.
"""

from __future__ import annotations

import threading
import time
from collections import deque

from engine.errors import MalformedMessage, PeerAborted, PolytuneError, Timeout
from engine.transport.frame import HEADER_BYTES, Header, unpack

Key = tuple[int, str, int, int]
ABORT_REASONS = {1: "malformed message", 2: "a check failed", 3: "timeout", 4: "local error"}


class _Stream:
    """Reassembly state of one sender."""

    def __init__(self) -> None:
        self.head = bytearray()
        self.header: Header | None = None
        self.pieces: list[memoryview] = []
        self.missing = 0
        self.queued = 0


class Inbox:
    """Thread-safe store of frames. Numbers of senders are the application's party numbers."""

    #: Frames of one sender that may wait unread; the protocol never has more than a few dozen under way.
    MAX_WAITING = 4096

    def __init__(self, parties: int) -> None:
        self._streams = [_Stream() for _ in range(parties)]
        self._frames: dict[Key, tuple[Header, list[memoryview]]] = {}
        self._seen: set[Key] = set()
        self._waiting = [0] * parties
        self._changed = threading.Condition()
        self._error: PolytuneError | None = None
        self._wanted: deque[Key] = deque()
        self.bytes_received = 0

    # -- the transport's side -------------------------------------------------------------------------------------

    def feed(self, sender: int, chunk: bytes | bytearray | memoryview) -> None:
        """Append bytes of ``sender``'s stream; keeps a reference to ``chunk``, which must not change afterwards.

        Raises MalformedMessage (and fails the inbox) on a frame that must not exist.
        """
        view = memoryview(chunk).cast("B")
        with self._changed:
            if self._error is not None:
                return
            self.bytes_received += view.nbytes
            try:
                self._feed(sender, view)
            except MalformedMessage as error:
                error = MalformedMessage(error.phase, error.check, sender)
                self._fail(error)
                raise error from None

    def fail(self, error: PolytuneError) -> None:
        """Wake everybody who waits with ``error``; the first error stays."""
        with self._changed:
            self._fail(error)

    def queued_bytes(self, sender: int) -> int:
        """Bytes of ``sender`` that nobody has asked for yet (for the window)."""
        with self._changed:
            return self._streams[sender].queued

    def wait_below(self, sender: int, limit: int, timeout: float) -> bool:
        """Wait until fewer than ``limit`` bytes of ``sender`` are queued; False when ``timeout`` seconds passed."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self._streams[sender].queued < limit or self._error is not None, timeout
            )

    # -- the protocol's side --------------------------------------------------------------------------------------

    def take(self, sender: int, label: str, a: int, b: int, timeout: float) -> tuple[Header, list[memoryview]]:
        """The frame (sender, label, a, b) as header and payload pieces; waits at most ``timeout`` seconds."""
        key = (sender, label, a, b)
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                # A frame that is here is served even after an abort of another party was noted, except that an
                # error of our own transport ends everything.
                if self._error is not None:
                    raise self._error
                if key in self._frames:
                    header, pieces = self._frames.pop(key)
                    self._waiting[sender] -= 1
                    self._streams[sender].queued -= header.length + HEADER_BYTES
                    self._changed.notify_all()
                    return header, pieces
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Timeout(label, sender, timeout)
                self._changed.wait(left)

    @property
    def error(self) -> PolytuneError | None:
        """The error that ended this inbox, if any."""
        return self._error

    # -- inside, with the lock held -------------------------------------------------------------------------------

    def _fail(self, error: PolytuneError) -> None:
        if self._error is None:
            self._error = error
            self._frames.clear()
            for stream in self._streams:
                stream.pieces = []
        self._changed.notify_all()

    def _feed(self, sender: int, view: memoryview) -> None:
        stream = self._streams[sender]
        while view.nbytes or (stream.header is not None and stream.missing == 0):
            if stream.header is None:
                need = HEADER_BYTES - len(stream.head)
                stream.head += view[:need]
                view = view[need:]
                if len(stream.head) < HEADER_BYTES:
                    return
                stream.header = unpack(stream.head)
                stream.head = bytearray()
                stream.missing = stream.header.length
                stream.pieces = []
                stream.queued += HEADER_BYTES
                self._check_new(sender, stream.header)
            piece = view[: stream.missing]
            if piece.nbytes:
                stream.pieces.append(piece)
                stream.missing -= piece.nbytes
                stream.queued += piece.nbytes
                view = view[piece.nbytes :]
            if stream.missing == 0:
                header, pieces = stream.header, stream.pieces
                stream.header, stream.pieces = None, []
                self._accept(sender, header, pieces)

    def _check_new(self, sender: int, header: Header) -> None:
        key = (sender, header.label, header.a, header.b)
        if key in self._seen:
            raise MalformedMessage(header.label, "the same message came twice")
        self._seen.add(key)
        self._waiting[sender] += 1
        if self._waiting[sender] > self.MAX_WAITING:
            raise MalformedMessage(header.label, "too many messages that nobody asked for")

    def _accept(self, sender: int, header: Header, pieces: list[memoryview]) -> None:
        if header.label == "ABORT":
            if header.length != 2:
                raise MalformedMessage("ABORT", "wrong length")
            code = int.from_bytes(b"".join(pieces), "little")
            self._fail(PeerAborted(sender, ABORT_REASONS.get(code, "unknown reason"), security=code in (1, 2)))
            return
        self._frames[(sender, header.label, header.a, header.b)] = (header, pieces)
        self._changed.notify_all()
