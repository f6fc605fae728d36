"""Bytes, sequence numbers and parties: the Channel and what carries its frames."""

from engine.transport.channel import Channel, IncomingArray, Link, PhaseStats, Stats
from engine.transport.inbox import Inbox
from engine.transport.memory import memory_channels

__all__ = ["Channel", "Inbox", "IncomingArray", "Link", "PhaseStats", "Stats", "memory_channels"]
