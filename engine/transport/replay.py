"""Record what one party is sent and what it sends; replay it to that party alone, for profiles and tests.

A replayed party must draw the same randomness as the recorded one, so both runs need the same seed
(:class:`engine.randomness.Randomness`), which only Python callers can give. Then it sends the same messages, which is
checked, and never waits.
"""

from __future__ import annotations

import hashlib
import threading
from typing import Any

from engine.errors import RunError
from engine.transport.channel import Channel, Link
from engine.transport.frame import HEADER_BYTES, unpack
from engine.transport.inbox import Inbox


class Recording:
    """The frames to and from one party: ``received`` whole streams by sender, ``sent`` digests of frames."""

    def __init__(self, party: int, parties: int) -> None:
        self.party = party
        self.parties = parties
        self.received: dict[int, bytearray] = {p: bytearray() for p in range(parties)}
        self.sent: set[bytes] = set()
        self._lock = threading.Lock()

    def receive(self, sender: int, piece: memoryview) -> None:
        """Bytes of the stream of ``sender``; called in their order."""
        self.received[sender] += piece

    def send(self, to: int, parts: list[Any]) -> None:
        """A frame to ``to``."""
        digest = _digest(to, parts)
        with self._lock:
            self.sent.add(digest)

    def channel(self, timeout: float = 60.0) -> Channel:
        """A channel on which everything that was recorded is here already.

        Sending something else than the recorded party raises RunError. One replay per channel.
        """
        inbox = Inbox(self.parties)
        for sender, stream in self.received.items():
            inbox.feed(sender, memoryview(stream).toreadonly())
        return Channel(self.party, self.parties, _Checked(self), inbox, timeout=timeout)


def record(channel: Channel) -> Recording:
    """Record from now on; to be called before the run."""
    recording = Recording(channel.place, channel.parties)
    channel.inbox.tap = recording.receive
    channel.link = _Recorded(channel.link, recording)
    return recording


class _Recorded:
    """A link that notes what passes."""

    def __init__(self, inner: Link, recording: Recording) -> None:
        self._inner = inner
        self._recording = recording

    def post(self, to: int, parts: list[Any]) -> None:
        """Note and pass on."""
        self._recording.send(to, parts)
        self._inner.post(to, parts)

    def flush(self) -> None:
        """As the link below."""
        self._inner.flush()

    def close(self) -> None:
        """As the link below."""
        self._inner.close()


class _Checked:
    """Nobody is there; what is sent must be what the recorded party sent."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    def post(self, to: int, parts: list[Any]) -> None:
        """Raise RunError for a frame that was not recorded; ABORT passes."""
        known = _digest(to, parts) in self._recording.sent
        if not known and unpack(bytes(parts[0])[:HEADER_BYTES]).label != "ABORT":
            raise RunError(
                "the replayed party sends other messages than the recorded one", "use the same seed and inputs"
            )

    def flush(self) -> None:
        """Nothing is ever pending."""

    def close(self) -> None:
        """Nothing to release."""


def _digest(to: int, parts: list[Any]) -> bytes:
    digest = hashlib.blake2b(to.to_bytes(4, "little"), digest_size=16)
    for part in parts:
        digest.update(memoryview(part).cast("B"))
    return digest.digest()
