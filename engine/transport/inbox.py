"""Incoming frames of one party: reassembly, validation, waiting (spec: protocol, section 3.1).

Each peer's bytes come as one ordered stream, cut anywhere. A frame that the protocol has asked for is compared with
what it must be as soon as its header is here; any other with what it can be at all (``judge``). It then waits, keyed by
(sender, message, a, b), until the protocol asks for it; frames of a state not yet reached are kept, never processed
early. Nothing is allocated from a length that a peer merely claims, beyond what its unread bytes may fill.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from engine.errors import MalformedMessage, PeerAborted, PolytuneError, Timeout
from engine.transport.buffers import POOL, FrameBuffer, array_of
from engine.transport.frame import HEADER_BYTES, Header, difference, unpack
from engine.transport.spool import is_spooled

Key = tuple[int, str, int, int]
ABORT_REASONS = {1: "malformed message", 2: "a check failed", 3: "timeout", 4: "local error"}
#: Payloads up to this size are copied out of the buffer in which they came, which others may share.
COPIED = 64 << 10
#: What a frame that waits counts as unread beside its bytes: the objects that hold it.
FRAME_COST = 512
#: Room that :meth:`Inbox.admit` finds.
NO_ROOM, WITHIN, BEYOND = range(3)


@dataclass(slots=True, eq=False)
class _Frame:
    """A frame whose header is known. The payload is in ``data``, or in ``pieces`` while nobody has asked for it."""

    header: Header
    buffer: FrameBuffer | None = None
    data: np.ndarray | None = None
    pieces: list[memoryview] = field(default_factory=list)
    ready: int = 0
    counted: int = 0
    reader: Incoming | None = None

    @property
    def complete(self) -> bool:
        return self.ready == self.header.length

    def add(self, piece: memoryview) -> None:
        """The next payload bytes."""
        if self.data is None:
            self.pieces.append(piece)
        elif self.buffer is None:
            self.data[self.ready : self.ready + piece.nbytes] = piece
        self.ready += piece.nbytes

    def gather(self) -> None:
        """Make the payload one array."""
        if self.data is not None:
            return
        if self.complete and self.header.length > COPIED and len(self.pieces) == 1 and not self.pieces[0].readonly:
            whole = array_of(self.pieces[0])
            if whole.ctypes.data % 8 == 0:  # kernels are compiled for aligned arrays
                self.data, self.pieces = whole, []
                return
        pieces, self.pieces = self.pieces, []
        self.data, self.ready = array_of(POOL.block(self.header.length)), 0
        for piece in pieces:
            self.add(piece)


class Incoming:
    """A frame that was asked for; its bytes become valid from the first to the last."""

    def __init__(self, inbox: Inbox, sender: int, expected: Header, lock: threading.Lock) -> None:
        self.sender = sender
        self.expected = expected
        self.frame: _Frame | None = None
        self.needs = 0
        self.changed = threading.Condition(lock)
        self._inbox = inbox

    def wait(self, count: int, timeout: float) -> int:
        """Return, when the first ``count`` bytes are here, how many are.

        Raises the error that ended the inbox, or Timeout after ``timeout`` seconds.
        """
        return self._inbox.wait(self, count, timeout)

    @property
    def data(self) -> np.ndarray:
        """The payload (uint8), as far as it is here; exists when :meth:`wait` has returned once."""
        assert self.frame is not None and self.frame.data is not None
        return self.frame.data


@dataclass(slots=True)
class _Stream:
    """State of one sender: what its stream is at, how much of it is unread, how many frames are waited for."""

    head: bytearray = field(default_factory=bytearray)
    frame: _Frame | None = None
    queued: int = 0
    wanted: int = 0
    received: int = 0


class Inbox:
    """Thread-safe store of frames. Numbers of senders are the application's party numbers."""

    def __init__(self, parties: int) -> None:
        self._streams = [_Stream() for _ in range(parties)]
        self._frames: dict[Key, _Frame] = {}
        self._awaited: dict[Key, Incoming] = {}
        self._reading: set[Incoming] = set()
        self._seen: set[Key] = set()
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._error: PolytuneError | None = None
        self.bytes_received = 0
        #: Says why a frame of a sender cannot belong to this run, whatever is asked for; empty when it can. Until the
        #: channel knows enough for that, and for how much an honest sender may be ahead, both are None.
        self.judge: Callable[[int, Header], str] | None = None
        self.ahead: int | None = None
        #: Called with every piece of a stream, in order, when somebody records what comes (see ``replay.py``).
        self.tap: Callable[[int, memoryview], None] | None = None

    # -- the transport's side -------------------------------------------------------------------------------------

    def feed(self, sender: int, chunk: bytes | bytearray | memoryview, counted: int = 0) -> None:
        """Append bytes of ``sender``'s stream; keeps a reference to ``chunk``, which must not change afterwards.

        ``counted`` bytes were admitted for it. Raises MalformedMessage (and fails the inbox) on a frame that must not
        exist.
        """
        self._append(sender, memoryview(chunk).cast("B"), counted, None, 0)

    def extend(self, sender: int, buffer: FrameBuffer, start: int, stop: int) -> None:
        """The same for bytes that are in their place in ``buffer``: they become payload without a copy."""
        self._append(sender, buffer.view[start:stop], 0, buffer, start)

    def fail(self, error: PolytuneError) -> None:
        """Wake everybody who waits with ``error``; the first error stays."""
        with self._lock:
            self._fail(error)

    def queued_bytes(self, sender: int) -> int:
        """Bytes of ``sender`` that nobody has asked for yet, and those admitted that are still to come."""
        return self._streams[sender].queued

    def received_from(self, sender: int) -> int:
        """Bytes of ``sender`` so far, in order and each once."""
        return self._streams[sender].received

    def hungry(self, sender: int) -> bool:
        """Whether somebody waits for a frame of ``sender`` now."""
        return self._streams[sender].wanted > 0

    def admit(self, sender: int, size: int, limits: tuple[int, int], due: Callable[[], bool], timeout: float) -> int:
        """Count ``size`` bytes of ``sender`` as unread when there is room; NO_ROOM after ``timeout`` seconds.

        There is room (WITHIN) while fewer bytes are unread than the first of ``limits``. The second holds for what is
        ``due``, the next in the stream, while a frame of that sender is waited for: else one that is longer than the
        window, or behind many others, could never come. What is admitted so is BEYOND the window.
        """
        window, most = limits
        stream = self._streams[sender]

        def room() -> int:
            if self._error is not None or stream.queued < window:
                return WITHIN
            bound = most if self.ahead is None else min(most, window + self.ahead)
            return BEYOND if stream.wanted > 0 and stream.queued < bound and due() else NO_ROOM

        with self._lock:
            found = room() or self._room.wait_for(room, timeout)
            if found:
                self._streams[sender].queued += size
            return found

    def expects(self, sender: int, size: int) -> bool:
        """Whether a frame of ``size`` bytes in all is waited for."""
        with self._lock:
            return any(k[0] == sender and i.expected.length + HEADER_BYTES == size for k, i in self._awaited.items())

    def release(self, sender: int, size: int) -> None:
        """Bytes that were admitted do not come, or need no room any more."""
        with self._lock:
            self._uncount(sender, size)

    # -- the protocol's side --------------------------------------------------------------------------------------

    def open(self, sender: int, expected: Header) -> Incoming:
        """Ask for the frame whose header is ``expected``; any other under its name and number ends the inbox."""
        key = (sender, expected.label, expected.a, expected.b)
        incoming = Incoming(self, sender, expected, self._lock)
        with self._lock:
            if self._error is not None:
                raise self._error
            frame = self._frames.pop(key, None)
            if frame is not None:
                self._give(sender, frame, incoming)
            if frame is not None and frame.complete:
                frame.reader = None
                return incoming
            if frame is None:
                self._awaited[key] = incoming
            self._streams[sender].wanted += 1
            self._reading.add(incoming)
            self._room.notify_all()
            return incoming

    def take(self, sender: int, expected: Header, timeout: float) -> np.ndarray:
        """The payload (uint8) of the frame whose header is ``expected``; waits at most ``timeout`` seconds."""
        incoming = self.open(sender, expected)
        incoming.wait(expected.length, timeout)
        return incoming.data

    def wait(self, incoming: Incoming, count: int, timeout: float) -> int:
        """See :meth:`Incoming.wait`."""
        deadline = time.monotonic() + timeout
        with self._lock:
            incoming.needs = count
            while self._error is None:
                # A frame that is here is served even after an abort of another party was noted, except that an
                # error of our own transport ends everything.
                if incoming.frame is not None and incoming.frame.ready >= count:
                    return incoming.frame.ready
                left = deadline - time.monotonic()
                if left <= 0:
                    self._leave(incoming)
                    raise Timeout(incoming.expected.label, incoming.sender, timeout)
                incoming.changed.wait(left)
            raise self._error

    @property
    def error(self) -> PolytuneError | None:
        """The error that ended this inbox, if any."""
        return self._error

    # -- inside, with the lock held -------------------------------------------------------------------------------

    def _fail(self, error: PolytuneError) -> None:
        if self._error is None:
            self._error = error
            self._frames.clear()
            self._awaited.clear()
            for stream in self._streams:
                stream.frame = None
        for incoming in self._reading:
            incoming.changed.notify_all()
        self._reading.clear()
        self._room.notify_all()

    def _uncount(self, sender: int, size: int) -> None:
        if size:
            self._streams[sender].queued -= size
            self._room.notify_all()

    def _leave(self, incoming: Incoming) -> None:
        """Nobody waits for this frame any more, or all of it is here."""
        if incoming in self._reading:
            self._reading.remove(incoming)
            self._streams[incoming.sender].wanted -= 1
        expected = incoming.expected
        self._awaited.pop((incoming.sender, expected.label, expected.a, expected.b), None)

    def _append(self, sender: int, view: memoryview, counted: int, buffer: FrameBuffer | None, start: int) -> None:
        with self._lock:
            self._uncount(sender, counted)
            self._room.notify_all()
            if self._error is not None:
                return
            self.bytes_received += view.nbytes
            self._streams[sender].received += view.nbytes
            if self.tap is not None:
                self.tap(sender, view)
            try:
                self._feed(sender, view, buffer, start)
            except MalformedMessage as error:
                error = MalformedMessage(error.phase, error.check, sender)
                self._fail(error)
                raise error from None

    def _feed(self, sender: int, view: memoryview, buffer: FrameBuffer | None, start: int) -> None:
        stream = self._streams[sender]
        whole = start == 0 and not stream.head and stream.frame is None
        while view.nbytes:
            frame = stream.frame
            if frame is None:
                need = HEADER_BYTES - len(stream.head)
                stream.head += view[:need]
                view = view[need:]
                if len(stream.head) < HEADER_BYTES:
                    return
                header = unpack(stream.head)
                stream.head = bytearray()
                frame = stream.frame = _Frame(header)
                if whole and buffer is not None and header.length + HEADER_BYTES == buffer.size:
                    frame.buffer, frame.data = buffer, buffer.payload
                    frame.counted, buffer.counted = buffer.counted, 0
                self._begin(sender, frame)
            elif frame.buffer is not None and (frame.buffer is not buffer or start != HEADER_BYTES + frame.ready):
                raise MalformedMessage(frame.header.label, "its chunks do not fit together")
            piece = view[: frame.header.length - frame.ready]
            if piece.nbytes:
                self._count(sender, frame, piece.nbytes)
                frame.add(piece)
                view = view[piece.nbytes :]
            if frame.reader is not None and frame.ready >= frame.reader.needs:
                frame.reader.changed.notify_all()
            if frame.complete:
                stream.frame = None
                self._accept(sender, frame)

    def _begin(self, sender: int, frame: _Frame) -> None:
        header = frame.header
        key = (sender, header.label, header.a, header.b)
        if key in self._seen:
            raise MalformedMessage(header.label, "the same message came twice")
        if header.label == "ABORT" and header.length != 2:
            raise MalformedMessage("ABORT", "wrong length")
        incoming = self._awaited.pop(key, None)
        if incoming is not None:
            self._seen.add(key)
            self._give(sender, frame, incoming)
            return
        check = self.judge(sender, header) if self.judge is not None else ""
        if check:
            raise MalformedMessage(header.label, check)
        self._seen.add(key)
        frame.counted += FRAME_COST
        self._streams[sender].queued += FRAME_COST
        self._count(sender, frame, HEADER_BYTES)
        self._frames[key] = frame

    def _give(self, sender: int, frame: _Frame, incoming: Incoming) -> None:
        """The protocol has asked for ``frame``: from now on it is bounded by what it must be."""
        self._uncount(sender, frame.counted)
        frame.counted = 0
        check = difference(frame.header, incoming.expected)
        if check:
            error = MalformedMessage(frame.header.label, check, sender)
            self._fail(error)
            raise error
        frame.gather()
        frame.reader, incoming.frame = incoming, frame

    def _count(self, sender: int, frame: _Frame, size: int) -> None:
        """Bytes of a frame that nobody has asked for; those with a buffer were counted when it was admitted."""
        if frame.reader is None and frame.buffer is None:
            frame.counted += size
            self._streams[sender].queued += size

    def _accept(self, sender: int, frame: _Frame) -> None:
        header = frame.header
        if header.label == "ABORT":
            frame.gather()
            assert frame.data is not None
            self._aborted(sender, header.length, frame.data.tobytes())
        elif frame.reader is not None:
            self._leave(frame.reader)
            frame.reader = None  # a cycle would keep the payload until a collection
        elif header.length <= COPIED and frame.data is None and not any(map(is_spooled, frame.pieces)):
            # The buffer in which it came may hold other frames as well: it shall not live as long as this one waits.
            frame.gather()

    def abort(self, sender: int, data: bytes) -> None:
        """An ABORT frame that overtook everything else of ``sender``; raises MalformedMessage if it is none."""
        header = unpack(data[:HEADER_BYTES]) if len(data) >= HEADER_BYTES else None
        if header is None or header.label != "ABORT":
            raise MalformedMessage("ABORT", "not an ABORT frame", sender)
        with self._lock:
            self._aborted(sender, header.length, data[HEADER_BYTES:])

    def _aborted(self, sender: int, length: int, payload: bytes) -> None:
        if length != 2 or len(payload) != 2:
            raise MalformedMessage("ABORT", "wrong length", sender)
        code = int.from_bytes(payload, "little")
        self._fail(PeerAborted(sender, ABORT_REASONS.get(code, "unknown reason"), security=code in (1, 2)))
