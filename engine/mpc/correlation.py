"""Set-up of every ordered pair: base OTs and punctured PRFs (spec: protocol, sections 4.3 and 4.4).

In a pair (i -> j), P_i is the key holder and P_j the bit holder. Afterwards P_j knows all leaf seeds of T trees and P_i
all but leaf alpha_t, where the alphas are the bits of its global key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.errors import CheatingDetected, MalformedMessage
from engine.kernels.prg import key_schedules
from engine.mpc.session import Session
from engine.ot import base_ot, ggm

BASE_OTS = 128
POINT = 65


@dataclass(repr=False)
class Correlation:
    """Per peer: ``bits[j]`` schedules of the trees this party built (it holds bits), ``keys[j]`` those it opened.

    Both uint64 (T, q, 22); in ``keys`` the leaf alpha holds nothing. ``alpha`` is uint8 (T,).
    """

    bits: dict[int, np.ndarray]
    keys: dict[int, np.ndarray]
    alpha: np.ndarray


def delta_bits(delta: np.ndarray) -> np.ndarray:
    """The 128 bits of a global key, LSB first, uint8."""
    return np.unpackbits(delta.view(np.uint8), bitorder="little")


def punctured_points(bits: np.ndarray, k: int) -> np.ndarray:
    """alpha_t = bits tk .. tk+k-1 of D as an integer, uint8 (T,)."""
    weights = (1 << np.arange(k)).astype(np.uint8)
    return (bits.reshape(-1, k) * weights).sum(axis=1).astype(np.uint8)


class PairSetup:
    """Messages BASEOT and GGM between this party and one peer, both directions at once."""

    def __init__(self, session: Session, peer: int, bits: np.ndarray) -> None:
        self.session, self.peer, self.bits = session, peer, bits
        me, sid = session.party, session.sid

        def random(label: str, n: int) -> bytes:
            return session.random.bytes(f"baseot/{peer}/{label}", n)

        self.chooser = base_ot.Chooser(sid, me, peer, (1 - bits).astype(np.uint8), random)
        self.sender = base_ot.Sender(sid, peer, me, random)

    def send_points(self) -> None:
        """R of the pair (me -> peer), Y of the pair (peer -> me)."""
        self.session.channel.send(self.peer, "BASEOT", self.chooser.message(), self.sender.message())

    def receive_points(self) -> None:
        """Keys of both directions from the peer's points."""
        length = BASE_OTS * 3 * POINT
        payload = self.session.recv_bytes(self.peer, "BASEOT", length)
        at = BASE_OTS * 2 * POINT
        try:
            self.k0, self.k1 = self.sender.keys(payload[:at])
            self.chosen = self.chooser.keys(payload[at:])
        except MalformedMessage as error:
            raise MalformedMessage("BASEOT", error.check, self.session.place(self.peer)) from None

    def send_trees(self) -> np.ndarray:
        """Build the trees of the pair (peer -> me) and send their corrections; returns seeds uint8 (T, q, 16)."""
        session, k = self.session, self.session.params.k
        roots = np.frombuffer(session.random.bytes(f"ggm/{self.peer}", 16 * session.params.trees), np.uint8).reshape(
            -1, 16
        )
        payload, seeds = ggm.build(session.sid, self.peer, session.party, k, roots, self.k0, self.k1)
        session.channel.send(self.peer, "GGM", payload)
        return seeds

    def receive_trees(self) -> np.ndarray:
        """Open the trees of the pair (me -> peer); seeds uint8 (T, q, 16), nothing at alpha."""
        session, p = self.session, self.session.params
        payload = session.recv_bytes(self.peer, "GGM", 32 * 128 + 64 * p.trees)
        try:
            return ggm.open_trees(session.sid, session.party, self.peer, p.k, self.bits, self.chosen, payload)
        except CheatingDetected as error:
            raise CheatingDetected("GGM", error.check, session.place(self.peer)) from None


def run(
    session: Session,
    meanwhile: Callable[[], None] = lambda: None,
    delta_towards: dict[int, np.ndarray] | None = None,
) -> Correlation:
    """BASEOT and GGM with all peers; ``meanwhile`` is called while their trees are on the way.

    ``delta_towards`` exists for tests of the same-key check.
    """
    bits = {p: delta_bits((delta_towards or {}).get(p, session.delta)) for p in session.peers}
    pairs = {p: PairSetup(session, p, bits[p]) for p in session.peers}
    for pair in pairs.values():
        pair.send_points()
    session.progress("setup", 0.3)
    for pair in pairs.values():
        pair.receive_points()
    session.channel.round("BASEOT")
    session.progress("setup", 0.5)
    built = {p: pair.send_trees() for p, pair in pairs.items()}
    meanwhile()
    opened = {p: pair.receive_trees() for p, pair in pairs.items()}
    session.channel.round("GGM")
    session.progress("setup", 0.7)
    return Correlation(
        bits={p: session.secret(_schedules(seeds)) for p, seeds in built.items()},
        keys={p: session.secret(_schedules(seeds)) for p, seeds in opened.items()},
        alpha=session.secret(punctured_points(delta_bits(session.delta), session.params.k)),
    )


def _schedules(seeds: np.ndarray) -> np.ndarray:
    trees, leaves, _ = seeds.shape
    flat = np.ascontiguousarray(seeds.reshape(-1, 16))
    return key_schedules(flat).reshape(trees, leaves, 22)
