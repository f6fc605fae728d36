"""The evaluator's part of an execution (spec: protocol, sections 10.2 to 10.4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.kernels import garbling
from engine.mpc.folding import fold
from engine.mpc.leaky_and import flat, tweak_word, words_of
from engine.mpc.product_masks import SegmentShares
from engine.mpc.session import Session, pack
from engine.oracle import LBLCHK, RO, same


@dataclass(repr=False)
class Evaluated:
    """A segment whose T messages have not come yet: the own side of the equation of 10.4."""

    index: int
    expected: np.ndarray


class Evaluator:
    """Active labels and masked values of P_0 on their way through the circuit."""

    def __init__(self, session: Session, slots: int, inputs: int, execution: int, gate_base: int, segment: int) -> None:
        self.session, self.execution = session, execution
        self.gate_base, self.segment, self.inputs = gate_base, segment, inputs
        self.garblers = session.parties - 1
        n = self.garblers
        self.keys = np.concatenate([words_of(session.hash_keys[i]) for i in session.peers])
        pairs = [(i, h) for i in session.peers for h in (0, 1)]
        self.own_tweaks = np.array([tweak_word(2, i, i, h) for i, h in pairs], np.uint64)
        cross = [(j, i, h) for j in session.peers for i in session.peers for h in (0, 1)]
        self.cross_tweaks = np.array([tweak_word(3, j, i, h) for j, i, h in cross], np.uint64)
        self.labels = session.secret(np.zeros((slots, n, 2), np.uint64))
        self.values = np.zeros(slots, np.uint8)

    def receive_labels(self, lam: np.ndarray) -> None:
        """LABELS of all garblers; ``lam`` are the masked values of the input wires."""
        for place, peer in enumerate(self.session.peers):
            labels = self.session.channel.recv(peer, "LABELS", np.uint64, (self.inputs, 2), a=self.execution)
            self.labels[: self.inputs, place] = labels
        self.values[: self.inputs] = lam

    def receive_rows(self, index: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """ROWS of one segment: own rows (n-1, m, 4), cross rows (n-1, n-2, m, 6), bits beta (m,)."""
        session, others = self.session, self.garblers - 1
        own, cross, beta = [], [], np.zeros(count, np.uint8)
        for peer in session.peers:
            size = count * (32 + 48 * others)
            extra = -(-count // 8) if peer == 1 else 0
            payload = session.channel.recv(peer, "ROWS", np.uint8, size + extra, a=self.execution, b=index)
            own.append(payload[: 32 * count].view(np.uint64))
            cross.append(payload[32 * count : size].view(np.uint64))
            if peer == 1:
                beta = session.unpack(payload[size:], count, "ROWS", peer)
        if len(own) == 1:
            return own[0], cross[0], beta
        return np.concatenate(own), np.concatenate(cross), beta

    def evaluate(self, index: int, gates: np.ndarray, shares: SegmentShares) -> Evaluated:
        """One segment: ROWS in, LAM out; s_0 is drawn after the rows of all garblers arrived.

        ``gates`` as :class:`engine.circuit.slots.SlotWalk` makes them. ``shares`` are used up.
        """
        count = len(shares)
        rows, cross, beta = self.receive_rows(index, count)
        lam = np.empty(count, np.uint8)
        self.session.workers.call(
            garbling.walk_evaluate,
            gates,
            self.garblers,
            count,
            flat(self.labels),
            self.values,
            self.keys,
            np.uint64(self.gate_base + index * self.segment),
            self.own_tweaks,
            self.cross_tweaks,
            rows,
            cross,
            *(flat(array) for array in shares.all()),
            self.session.delta,
            beta,
            lam,
        )
        s0 = self.session.random.bytes(f"s0/{self.execution}/{index}", 16)
        self.send_values(index, lam, shares.macs_s, s0)
        return Evaluated(index, fold(self.session.workers, s0, shares.keys_s))

    def send_values(self, index: int, lam: np.ndarray, labels: np.ndarray, s0: bytes) -> None:
        """LAM (10.3): the masked values of the segment's AND gates, authenticated by the fold of their labels."""
        session = self.session
        packed = pack(lam)
        for place, peer in enumerate(session.peers):
            seed = RO(LBLCHK, session.sid, self.execution, index, peer, packed)[:16]
            tag = fold(session.workers, seed, labels[place])
            session.channel.send(peer, "LAM", packed, tag, s0, a=self.execution, b=index)

    def verify(self, segment: Evaluated) -> None:
        """T of all garblers: the evaluation was correct (10.4)."""
        total = np.zeros(2, np.uint64)
        for peer in self.session.peers:
            total ^= self.session.channel.recv(peer, "T", np.uint64, 2, a=self.execution, b=segment.index)
        ok = same(total.tobytes(), segment.expected.tobytes())
        self.session.require(ok, "T", "the garbled circuit was not computed correctly")

    def linear_values(self, gates: np.ndarray) -> None:
        """The masked values of all wires of a circuit without AND gates."""
        nothing = np.zeros(0, np.uint64)
        rest = (self.values, np.zeros(0, np.uint8), nothing, nothing, nothing)
        self.session.workers.call(garbling.walk_values, gates, *rest)
