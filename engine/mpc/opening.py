"""OPEN: batched authenticated opening of shared bits in one round (spec: protocol, section 8.2).

What is opened is a sum of shares that nobody writes down, so the folds of its MACs and keys come from the caller.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engine.mpc.session import Session, pack
from engine.oracle import OPEN, RO, same

Operation = tuple[str, int, int]


def coefficients(session: Session, party: int, operation: Operation, packed: np.ndarray) -> bytes:
    """seed_i: fixed only after the bits, by the random oracle."""
    tag, op1, op2 = operation
    return RO(OPEN, session.sid, tag, op1, op2, party, packed)[:16]


def send(
    session: Session,
    label: str,
    operation: Operation,
    own: np.ndarray,
    folded: Callable[[bytes, int], np.ndarray],
    a: int,
    b: int = 0,
) -> None:
    """Send own bits, uint8 (N,), with ``folded(seed, place)``: the fold of their MACs under the key of a peer."""
    packed = pack(own)
    seed = coefficients(session, session.party, operation, packed)
    for place, peer in enumerate(session.peers):
        session.channel.send(peer, label, packed, folded(seed, place), a=a, b=b)


def receive(
    session: Session,
    label: str,
    operation: Operation,
    own: np.ndarray,
    expected: Callable[[bytes, int, np.ndarray], np.ndarray],
    a: int,
    b: int = 0,
) -> np.ndarray:
    """Receive and verify everybody's bits; returns the opened bits uint8 (N,).

    ``expected(seed, place, bits)``: the fold of the own keys for the bits of a peer, xor bit * D.
    """
    count = len(own)
    size = -(-count // 8)
    opened = own.copy()
    for place, peer in enumerate(session.peers):
        payload = session.channel.recv(peer, label, np.uint8, size + 16, a=a, b=b)
        packed, tag = payload[:size], payload[size:]
        bits = session.unpack(packed, count, label, peer)
        seed = coefficients(session, peer, operation, packed)
        ok = same(expected(seed, place, bits).tobytes(), tag.tobytes())
        session.require(ok, label, "the MACs of the opened bits are wrong", peer)
        opened ^= bits
    return opened
