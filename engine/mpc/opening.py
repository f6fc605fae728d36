"""OPEN: batched authenticated opening of shared bits in one round (spec: protocol, section 8.2)."""

from __future__ import annotations

import numpy as np

from engine.mpc.folding import fold, fold_expected
from engine.mpc.session import Session, pack
from engine.mpc.shares import Shares
from engine.oracle import OPEN, RO, same


def coefficients(session: Session, party: int, operation: tuple[str, int, int], packed: np.ndarray) -> bytes:
    """seed_i: fixed only after the bits, by the random oracle."""
    tag, op1, op2 = operation
    return RO(OPEN, session.sid, tag, op1, op2, party, packed)[:16]


def send(
    session: Session, label: str, operation: tuple[str, int, int], shares: Shares, a: int, b: int = 0
) -> np.ndarray:
    """Send own bits with the fold of their MACs to everybody; returns own bits uint8 (N,)."""
    bits = shares.bits()
    packed = pack(bits)
    seed = coefficients(session, session.party, operation, packed)
    for index, peer in enumerate(session.peers):
        tag = fold(session.workers, seed, shares.macs[index])
        session.channel.send(peer, label, packed, tag, a=a, b=b)
    return bits


def receive(
    session: Session,
    label: str,
    operation: tuple[str, int, int],
    shares: Shares,
    own: np.ndarray,
    a: int,
    b: int = 0,
) -> np.ndarray:
    """Receive and verify everybody's bits; returns the opened bits uint8 (N,)."""
    count = len(shares)
    size = -(-count // 8)
    opened = own.copy()
    for index, peer in enumerate(session.peers):
        payload = session.channel.recv(peer, label, np.uint8, size + 16, a=a, b=b)
        packed, tag = payload[:size], payload[size:]
        bits = session.unpack(packed, count, label, peer)
        seed = coefficients(session, peer, operation, packed)
        keys = shares.keys[index]
        expected = fold_expected(session.workers, seed, keys, packed, count, session.delta)
        ok = same(expected.tobytes(), tag.tobytes())
        session.require(ok, label, "the MACs of the opened bits are wrong", peer)
        opened ^= bits
    session.channel.round(label)
    return opened
