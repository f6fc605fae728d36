"""Steps of the protocol repeated many times with dealt states, and tests of rates (spec: protocol, section 17.5).

A repetition is one batch of a session whose honest parties only note what their checks say, so that the session goes
on. All randomness has fixed seeds: a test gives the same counts every time, and its false-alarm rate is that of the day
on which the code under test changed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from engine.mpc.parameters import Parameters
from engine.mpc.session import Session
from engine.mpc.shares import Shares
from engine.oracle import RO
from engine.transport import memory_channels

from .support import in_threads, macs_of, session_of, small_parameters

SID = bytes(range(32))


def assert_rate(hits: int, runs: int, probability: float) -> None:
    """``hits`` of ``runs`` lie within 4 standard deviations: a false alarm has probability 6e-5 (both tails)."""
    deviation = math.sqrt(runs * probability * (1 - probability))
    assert abs(hits - runs * probability) <= 4 * deviation, f"{hits} of {runs}, expected {runs * probability:.0f}"


class Judge(Session):
    """A session that goes on after a failed check; ``failed``: phases of those that failed since :meth:`verdict`."""

    failed: list[str]

    def require(self, ok: bool, phase: str, check: str, party: int = -1) -> None:
        if not ok:
            self.failed.append(phase)

    def verdict(self) -> list[str]:
        """What failed since the last call."""
        found, self.failed = self.failed, []
        return found


class DealtCoins:
    """Public coins that are hashes: for steps that are not about the opening of coins."""

    def __init__(self, session: Session) -> None:
        self.sid = session.sid

    def open(self, tag: str, batch: int) -> bytes:
        """16 bytes."""
        return RO("vec", self.sid, tag, batch)[:16]


def tiny(parties: int, **fields: int) -> Parameters:
    """Batches of a few triples: 12 masks' worth of shares more fill the blocks."""
    params = small_parameters(parties, **fields)
    object.__setattr__(params, "masks", -(3 * params.total_triples + params.zero_test_shares) % 128 or 128)
    return params


def judges(params: Parameters, rng: np.random.Generator) -> list[Judge]:
    """Sessions of all parties, connected, with global keys from ``rng``."""
    out = []
    for p, channel in enumerate(memory_channels(params.parties, timeout=60)):
        delta = rng.integers(0, 1 << 63, 2, np.uint64) * np.uint64(2) + np.uint64(1)
        delta[0] = (delta[0] & ~np.uint64(2)) | np.uint64(2 if p == 0 else 0)
        session = session_of(channel, params, SID, delta)
        session.__class__ = Judge
        session.failed = []
        out.append(session)
    return out


def deal(sessions: list[Judge], count: int, rng: np.random.Generator) -> list[Shares]:
    """Random authenticated shares (equation 1) of all parties."""
    n = len(sessions)
    bits = [rng.integers(0, 2, count, np.uint8) for _ in range(n)]
    keys = {(i, j): rng.integers(0, 1 << 64, (count, 2), np.uint64, endpoint=False) for i in range(n) for j in range(n)}
    for blocks in keys.values():
        blocks[:, 0] &= ~np.uint64(1)
    out = []
    for i in range(n):
        peers = [j for j in range(n) if j != i]
        macs = np.stack([macs_of(keys[j, i], bits[i], sessions[j].delta) for j in peers])
        out.append(Shares(macs, np.stack([keys[i, j] for j in peers])))
    return out


def repeat(sessions: list[Judge], runs: int, work: Callable[[Judge, int], Any]) -> list[list[Any]]:
    """``work(session, batch)`` for batches 1 .. runs, all parties side by side; results by party."""

    def loop(session: Judge) -> list[Any]:
        return [work(session, batch) for batch in range(1, runs + 1)]

    return in_threads([lambda s=s: loop(s) for s in sessions])
