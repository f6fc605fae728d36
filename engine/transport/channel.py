"""The Channel: what the protocol knows of the world outside.

A channel sends and receives numpy arrays as frames. Which frame it must be (message, batch or segment, exact length) is
known to the receiver in advance, and anything else ends the session before memory is allocated for it.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from engine import trace
from engine.errors import RunError
from engine.transport.frame import HEADER_BYTES, OTHER_PARTY, OTHER_SESSION, Header, pack, part_of
from engine.transport.inbox import Inbox, Incoming

NO_SESSION = bytes(8)
log = logging.getLogger("polytune")
#: Message and peer; a run has thousands of messages, so above debug level there is a line for all of a phase.
SENDING = "Sending msg %s to party %d (%.2fMB)..."
#: A party makes one batch ahead of the one in use and sends the rows of one segment ahead of the checked one.
AHEAD_ROUNDS = 3
_NOTHING = nullcontext()


def _span(kind: str, label: str, place: int, size: int) -> AbstractContextManager[None]:
    """Part of the trace that is being taken, if one is."""
    return _NOTHING if trace.active is None else trace.active.span(kind, label, place, size)


class Link(Protocol):
    """Carries frames to the peers, in order and exactly once. Party numbers are the application's."""

    def post(self, to: int, parts: list[Any]) -> None:
        """Queue one frame (header and payload buffers). The buffers stay unchanged until they are sent."""

    def flush(self) -> None:
        """Return when everything queued has been handed over."""

    def close(self) -> None:
        """Release sockets and threads."""


@dataclass
class PhaseStats:
    """Counters of one phase: payload and header bytes of frames, frames, flights that were waited for."""

    bytes_sent: int = 0
    messages: int = 0
    rounds: int = 0
    seconds: float = 0.0


@dataclass
class Stats:
    """Counters in total and per part of the run: setup, preprocess, garble, online. ``sent``: frames of every label."""

    bytes_sent: int = 0
    bytes_received: int = 0
    messages: int = 0
    rounds: int = 0
    seconds: float = 0.0
    phases: dict[str, PhaseStats] = field(default_factory=dict)
    sent: Counter[str] = field(default_factory=Counter)


class IncomingArray:
    """A message on its way: rows along the first axis become valid from the first to the last."""

    def __init__(
        self, incoming: Incoming, dtype: np.dtype, shape: tuple[int, ...], timeout: float, place: int = 0
    ) -> None:
        self._incoming = incoming
        self._place = place
        self._dtype, self._shape = dtype, shape
        self._row = math.prod(shape[1:]) * dtype.itemsize
        self._timeout = timeout

    def wait(self, rows: int) -> int:
        """Return, when at least ``rows`` rows are here, how many are. Raises what :meth:`Channel.recv` raises."""
        with _span(trace.WAIT, self._incoming.expected.label, self._place, rows * self._row):
            ready = self._incoming.wait(rows * self._row, self._timeout)
        return ready // self._row if self._row else self._shape[0]

    @property
    def array(self) -> np.ndarray:
        """The whole array, of which the rows that :meth:`wait` told of are valid; exists after its first return."""
        return self._incoming.data.view(self._dtype).reshape(self._shape)


class Channel:
    """Frames between this party and the others.

    ``places[p]`` is the application's number of protocol party p: the protocol renumbers parties so that the
    evaluator is 0 (section 1), links and inboxes do not. Thread-safe: batches may be produced concurrently.
    """

    def __init__(self, party: int, parties: int, link: Link, inbox: Inbox, *, timeout: float = 1800.0) -> None:
        self.link = link
        self.inbox = inbox
        self.parties = parties
        self.timeout = timeout
        self.places: Sequence[int] = range(parties)
        self.party = party
        self.tag = NO_SESSION
        self.stats = Stats()
        self._phase = "setup"
        self._phase_start = time.perf_counter()
        self._phase_traced: tuple[int, int] | None = None  # clocks at its start, in a trace
        self._lock = threading.Lock()
        self._closed = False
        self._unsaid: Counter[tuple[str, int]] = Counter()  # bytes by part and peer that no line of the log told yet
        self._beside = threading.local()

    # -- set-up ---------------------------------------------------------------------------------------------------

    def renumber(self, places: Sequence[int]) -> None:
        """Use protocol numbers from now on: ``places[protocol number] = application number``."""
        own = self.places[self.party]
        self.places = tuple(places)
        self.party = self.places.index(own)

    def bind(self, sid: bytes) -> None:
        """All later frames carry the session's tag (first 8 bytes of ``sid``)."""
        self.tag = sid[:8]

    def expect_at_most(self, longest: Mapping[str, int]) -> None:
        """``longest[message]``: payload bytes of the longest that can come.

        What cannot belong to this session is refused by its header from now on, and nobody may be further ahead than
        by a few rounds of all messages.
        """
        self._longest = dict(longest)
        self.inbox.ahead = AHEAD_ROUNDS * sum(longest.values())
        self.inbox.judge = self._impossible

    def _impossible(self, sender: int, header: Header) -> str:
        if header.label == "ABORT":  # may come before the session has its tag
            return ""
        if (header.sender, header.receiver) != (self.places.index(sender), self.party):
            return OTHER_PARTY
        if self.tag != NO_SESSION and header.tag != self.tag_for(header.label):
            return OTHER_SESSION
        most = self._longest.get(header.label, 0)
        return f"length {header.length}, but at most {most} bytes" if header.length > most else ""

    @property
    def place(self) -> int:
        """The application's number of this party."""
        return self.places[self.party]

    @property
    def others(self) -> list[int]:
        """Protocol numbers of the other parties, ascending."""
        return [p for p in range(self.parties) if p != self.party]

    # -- messages -------------------------------------------------------------------------------------------------

    def send(self, to: int, label: str, *arrays: Any, a: int = 0, b: int = 0) -> None:
        """Send one message made of ``arrays`` (contiguous arrays or bytes, concatenated); returns at once.

        The arrays must not be changed afterwards. Nothing but ABORT leaves after :meth:`abort`: then secrets are being
        wiped, and what is computed from them must not be sent.
        """
        views = [memoryview(x).cast("B") for x in arrays if memoryview(x).nbytes]
        length = sum(v.nbytes for v in views)
        header = pack(Header(label, self.party, to, a, b, self.tag_for(label), length))
        with self._lock:
            if self._closed and label != "ABORT":
                raise RunError("the session has ended", code="dead")
            part = part_of(label)
            phase = self.stats.phases.setdefault(part, PhaseStats())
            self._unsaid[part, self.places[to]] += HEADER_BYTES + length
            for counter in (self.stats, phase):
                counter.bytes_sent += HEADER_BYTES + length
                counter.messages += 1
            self.stats.sent[label] += 1
        log.debug(SENDING, label, self.places[to], (HEADER_BYTES + length) / 1e6)
        with _span(trace.SEND, label, self.place, HEADER_BYTES + length):
            self.link.post(self.places[to], [header, *views])

    def recv(
        self, from_: int, label: str, dtype: Any, shape: int | tuple[int, ...], a: int = 0, b: int = 0
    ) -> np.ndarray:
        """Wait for one message and return it as an array; any other length than expected ends the session."""
        dtype = np.dtype(dtype)
        shape = (shape,) if isinstance(shape, int) else shape
        expected = self._expected(from_, label, math.prod(shape) * dtype.itemsize, a, b)
        with _span(trace.WAIT, label, self.place, expected.length):
            data = self.inbox.take(self.places[from_], expected, self.timeout)
        return data.view(dtype).reshape(shape)

    def open(
        self, from_: int, label: str, dtype: Any, shape: int | tuple[int, ...], a: int = 0, b: int = 0
    ) -> IncomingArray:
        """Ask for one message like :meth:`recv`, to work on its first rows while the others are still to come::

            rows = channel.open(peer, "ROWS", np.uint64, (count, 4), a=execution)
            done = 0
            while done < count:
                ready = rows.wait(done + 1)
                work(rows.array[done:ready])
                done = ready

        Asking early is worth something by itself: what is asked for needs no room in the window. Every message that was
        asked for must be waited for to its end, or the session ended.
        """
        dtype = np.dtype(dtype)
        shape = (shape,) if isinstance(shape, int) else shape
        expected = self._expected(from_, label, math.prod(shape) * dtype.itemsize, a, b)
        return IncomingArray(self.inbox.open(self.places[from_], expected), dtype, shape, self.timeout, self.place)

    def flush(self) -> None:
        """Return when everything sent so far was handed to the peers."""
        self.link.flush()

    def abort(self, reason: int) -> None:
        """Tell all others, best effort, that this session is dead, and close the channel for sending (section 12)."""
        self.shut()
        for peer in self.others:
            try:
                self.send(peer, "ABORT", reason.to_bytes(2, "little"))
            except Exception:  # the session is over anyway
                continue

    def shut(self) -> None:
        """Send nothing more but ABORT: called before the secrets that messages are computed from are wiped."""
        with self._lock:
            self._closed = True

    # -- accounting -----------------------------------------------------------------------------------------------

    def round(self, label: str) -> None:
        """Count one flight: called by the protocol when the messages ``label``, which it waited for, are here."""
        if getattr(self._beside, "inside", False):
            return
        with self._lock:
            self.stats.rounds += 1
            self.stats.phases.setdefault(part_of(label), PhaseStats()).rounds += 1

    @contextmanager
    def beside(self, others: bool = True) -> Iterator[None]:
        """Flights that this thread waits for inside travel beside ``others`` that are counted: they do not count."""
        before = getattr(self._beside, "inside", False)
        self._beside.inside = before or others
        try:
            yield
        finally:
            self._beside.inside = before

    def enter(self, phase: str) -> None:
        """Count time and bytes to ``phase`` from now on."""
        now = time.perf_counter()
        with self._lock:
            spent = now - self._phase_start
            self.stats.phases.setdefault(self._phase, PhaseStats()).seconds += spent
            self.stats.seconds += spent
            self.stats.bytes_received = self.inbox.bytes_received
            ended, self._phase, self._phase_start = self._phase, phase, now
            unsaid, self._unsaid = self._unsaid, Counter()
        for (part, peer), count in unsaid.items():
            log.info(SENDING, part, peer, count / 1e6)
        taken = trace.active
        if taken is not None and self._phase_traced is not None:
            taken.add(trace.PHASE, ended, self.place, *self._phase_traced)
        self._phase_traced = (time.perf_counter_ns(), time.thread_time_ns()) if taken is not None else None

    # -- inside ---------------------------------------------------------------------------------------------------

    def tag_for(self, label: str) -> bytes:
        """The session tag of a message: HELLO and its echo come before there is a session."""
        return NO_SESSION if label.startswith("HELLO") else self.tag

    def _expected(self, from_: int, label: str, length: int, a: int, b: int) -> Header:
        """What the header of a message must be."""
        return Header(label, from_, self.party, a, b, self.tag_for(label), length)
