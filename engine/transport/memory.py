"""Channels between parties that are threads of one process: for simulation and tests."""

from __future__ import annotations

from typing import Any

from engine.errors import PolytuneError
from engine.transport.channel import Channel
from engine.transport.inbox import Inbox


class MemoryLink:
    """Hands copies of frames to the inboxes of the other parties at once."""

    def __init__(self, party: int, inboxes: list[Inbox]) -> None:
        self._party = party
        self._inboxes = inboxes

    def post(self, to: int, parts: list[Any]) -> None:
        """Deliver one frame."""
        # Copied, so that no two parties share memory; errors of the receiver are the receiver's to raise.
        frame = bytearray().join(parts)
        try:
            self._inboxes[to].feed(self._party, frame)
        except PolytuneError:
            return

    def flush(self) -> None:
        """Nothing is ever pending."""

    def close(self) -> None:
        """Nothing to release."""


def memory_channels(parties: int, *, timeout: float = 600.0) -> list[Channel]:
    """One channel per party, all connected."""
    inboxes = [Inbox(parties) for _ in range(parties)]
    return [Channel(p, parties, MemoryLink(p, inboxes), inboxes[p], timeout=timeout) for p in range(parties)]
