"""Inputs: mask shares to the owner, masked values to everybody (spec: protocol, section 10.1)."""

from __future__ import annotations

import numpy as np

from engine.kernels import triples
from engine.mpc.leaky_and import flat
from engine.mpc.session import Session, pack
from engine.mpc.shares import Shares
from engine.oracle import INMAC, RO, same

DIGEST = 32


def reveal_shares(
    session: Session, label: str, domain: str, execution: int, to: int, macs: np.ndarray, bits: np.ndarray
) -> None:
    """Send own share bits with the digest of their MACs under ``to``'s key (INSHARE and OUTPUT)."""
    digest = RO(domain, session.sid, execution, session.party, to, np.ascontiguousarray(macs))
    session.channel.send(to, label, pack(bits), digest, a=execution)


def collect_shares(session: Session, label: str, domain: str, execution: int, masks: Shares) -> np.ndarray:
    """Receive and verify everybody's bits of wires that belong to this party; returns their XOR with the own ones."""
    count = len(masks)
    size = -(-count // 8)
    total = masks.bits()
    for index, peer in enumerate(session.peers):
        payload = session.channel.recv(peer, label, np.uint8, size + DIGEST, a=execution)
        bits = session.unpack(payload[:size], count, label, peer)
        expected = np.empty((count, 2), np.uint64)
        keys = np.ascontiguousarray(masks.keys[index])
        session.workers.call(triples.select_blocks, 0, count, bits, flat(keys), session.delta, flat(expected))
        digest = RO(domain, session.sid, execution, peer, session.party, expected)
        ok = same(payload[size:].tobytes(), digest)
        session.require(ok, label, "the MACs of the mask shares are wrong", peer)
        total ^= bits
    session.channel.round(label)
    return total


def share_masks(session: Session, execution: int, owners: np.ndarray, masks: Shares) -> None:
    """INSHARE out: the mask shares of every owner's wires; ``owners``: protocol number per input wire."""
    bits = masks.bits()
    for place, peer in enumerate(session.peers):
        wires = np.flatnonzero(owners == peer)
        reveal_shares(session, "INSHARE", INMAC, execution, peer, masks.macs[place][wires], bits[wires])


def mask_inputs(session: Session, execution: int, owners: np.ndarray, masks: Shares, values: np.ndarray) -> np.ndarray:
    """INSHARE in, then MASKED: the masked values of all input wires, uint8 (I,).

    ``owners``: protocol number per input wire; ``values``: the own input bits in wire order.
    """
    own = np.flatnonzero(owners == session.party)
    lambdas = collect_shares(session, "INSHARE", INMAC, execution, masks[own])
    counts = {p: int((owners == p).sum()) for p in range(session.parties)}
    lengths = {p: -(-counts[p] // 8) for p in counts}
    masked = session.broadcast("MASKED", pack(values ^ lambdas).tobytes(), lengths, a=execution)
    lam = np.zeros(len(owners), np.uint8)
    for party, payload in masked.items():
        bits = session.unpack(np.frombuffer(payload, np.uint8), counts[party], "MASKED", party)
        lam[owners == party] = bits
    return lam
