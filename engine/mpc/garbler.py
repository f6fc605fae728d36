"""A garbler's part of an execution: rows, labels, both checks (spec: protocol, sections 9.4, 10.3, 10.4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.kernels import garbling, triples
from engine.kernels.bits import pack_low_bits
from engine.mpc.folding import fold, fold_expected
from engine.mpc.leaky_and import flat, tweak_word, words_of
from engine.mpc.product_masks import SegmentShares
from engine.mpc.session import Session
from engine.oracle import LBLCHK, RO, same
from engine.transport.buffers import POOL

OWN_ROWS = 2
CROSS_ROWS = 3


def message(count: int, blocks: int) -> np.ndarray:
    """Uninitialised uint64 (count, 2 * blocks) for a message; its memory is used again once the message has left."""
    return np.frombuffer(POOL.block(16 * count * blocks), np.uint64).reshape(count, 2 * blocks)


@dataclass(repr=False)
class Pending:
    """A garbled segment whose masked values have not come back yet: ``zeros`` uint64 (m, 2) are the zero-labels of its
    AND gates (in the memory of ``shares.keys_s``)."""

    index: int
    gates: np.ndarray
    shares: SegmentShares
    zeros: np.ndarray


class Garbler:
    """The labels of P_i, i >= 1, on their way through the circuit. ``gate_base``: index of gate 0 in the tweaks."""

    def __init__(self, session: Session, slots: int, inputs: int, execution: int, gate_base: int, segment: int) -> None:
        self.session, self.execution = session, execution
        self.gate_base, self.segment = gate_base, segment
        self.key = words_of(session.hash_keys[session.party])
        self.input_labels = session.secret(session.random.blocks(f"labels/{execution}", inputs))
        self.labels = session.secret(np.zeros((slots, 2), np.uint64))
        self.labels[:inputs] = self.input_labels
        self.values = np.zeros(slots, np.uint8)

    # -- inputs -----------------------------------------------------------------------------------------------

    def send_labels(self, lam: np.ndarray) -> None:
        """LABELS: the active label of every input wire, after the echo of MASKED and once only."""
        active = np.empty_like(self.input_labels)
        count = len(lam)
        labels = (flat(self.input_labels), self.session.delta, flat(active))
        self.session.workers.call(triples.select_blocks, 0, count, lam, *labels)
        self.session.channel.send(0, "LABELS", active, a=self.execution)
        self.values[:count] = lam

    # -- rows -------------------------------------------------------------------------------------------------

    def garble(self, index: int, gates: np.ndarray, shares: SegmentShares) -> Pending:
        """ROWS of one segment; ``gates`` as :class:`engine.circuit.slots.SlotWalk` makes them."""
        session, me, count = self.session, self.session.party, len(shares)
        idx = np.uint64(self.gate_base + index * self.segment)
        rows = message(count, OWN_ROWS)
        operands = np.empty(4 * count if session.parties > 2 else 0, np.uint64)
        halves = np.array([tweak_word(2, me, me, half) for half in (0, 1)], np.uint64)
        macs = [flat(m[0]) for m in (shares.macs_a, shares.macs_b, shares.macs_s)]
        keys = [flat(k) for k in (shares.keys_a, shares.keys_b, shares.keys_s)]
        constants = (session.delta, self.key, idx, halves)
        arrays = (flat(self.labels), *constants, *macs, *keys, flat(rows), operands)
        self.session.workers.call(garbling.walk_garble, gates, *arrays)
        zeros = shares.keys_s
        parts = [rows, *self.cross_rows(idx, operands, shares)]
        if me == 1:
            parts.append(pack_low_bits(zeros))
        session.channel.send(0, "ROWS", *parts, a=self.execution, b=index)
        return Pending(index, gates, shares, zeros)

    def cross_rows(self, idx: np.uint64, operands: np.ndarray, s: SegmentShares) -> list[np.ndarray]:
        """(X0, X1, X2) of every gate for each other garbler, ascending; ``operands``: zero-labels of its operands."""
        session, me, count = self.session, self.session.party, len(s)
        found = []
        for place, dest in enumerate(session.peers):
            if dest == 0:
                continue
            tweaks = np.array([tweak_word(3, me, dest, half) for half in (0, 1)], np.uint64)
            rows = message(count, CROSS_ROWS)
            macs = [flat(m[place]) for m in (s.macs_a, s.macs_b, s.macs_s)]
            args = (operands, session.delta, self.key, idx, tweaks, *macs, flat(rows))
            session.workers.run(garbling.cross_rows, count, *args)
            found.append(rows)
        return found

    # -- checks -----------------------------------------------------------------------------------------------

    def verify(self, pending: Pending) -> None:
        """LAM of one segment (10.3), then T (10.4)."""
        self.answer(pending, *self.receive_values(pending))

    def receive_values(self, pending: Pending) -> tuple[np.ndarray, bytes, bytes]:
        """LAM in: packed masked values, the fold U of their labels, s_0."""
        session, size = self.session, -(-len(pending.zeros) // 8)
        payload = session.channel.recv(0, "LAM", np.uint8, size + 32, a=self.execution, b=pending.index)
        return payload[:size], payload[size : size + 16].tobytes(), payload[size + 16 :].tobytes()

    def answer(self, pending: Pending, packed: np.ndarray, tag: bytes, s0: bytes) -> None:
        """T out: nothing depends on the values before the check of 10.3 passed."""
        lam = self.session.unpack(packed, len(pending.zeros), "LAM", 0)
        self.check_labels(pending, packed, lam, tag)
        answer = self.correctness_tag(pending, lam, s0)
        self.session.channel.send(0, "T", answer, a=self.execution, b=pending.index)

    def check_labels(self, pending: Pending, packed: np.ndarray, lam: np.ndarray, tag: bytes) -> None:
        """U_i = fold(seed, L_o0 xor Lam_o D_i)."""
        session = self.session
        seed = RO(LBLCHK, session.sid, self.execution, pending.index, session.party, packed)[:16]
        expected = fold_expected(session.workers, seed, pending.zeros, lam, session.delta)
        ok = same(expected.tobytes(), tag)
        # Another garbler's cross rows spoil the labels of an honest evaluator: with three parties nobody is named.
        cause = 0 if session.parties == 2 else -1
        session.require(ok, "LAM", "the evaluator's values do not fit its labels", cause)

    def correctness_tag(self, pending: Pending, lam: np.ndarray, s0: bytes) -> np.ndarray:
        """T_i = fold(s_0, la M_0[lambda_b] xor lb M_0[lambda_a] xor M_0[sigma] xor M_0[lambda_o]).

        The masked values of all wires are recomputed on the way. The terms take the place of the MACs of sigma.
        """
        s = pending.shares
        macs = [flat(m[0]) for m in (s.macs_a, s.macs_b, s.macs_s)]
        self.session.workers.call(garbling.walk_values, pending.gates, self.values, lam, *macs)
        return fold(self.session.workers, s0, s.macs_s[0])

    def linear_values(self, gates: np.ndarray) -> None:
        """The masked values of all wires of a circuit without AND gates."""
        nothing = np.zeros(0, np.uint64)
        rest = (self.values, np.zeros(0, np.uint8), nothing, nothing, nothing)
        self.session.workers.call(garbling.walk_values, gates, *rest)
